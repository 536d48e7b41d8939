"""SQLAlchemy, 1.4 or 2.x. sqlalchemy_peer.py MODE [N]

sync        ORM over psycopg 2, Session.scalars(...) with yield_per N
async       ORM over asyncpg, AsyncSession.stream_scalars(...) with yield_per N, async for over the objects
async-part  the same, async for over its partitions()
selectin    select(Order).options(selectinload(Order.lines)) over psycopg 2 with yield_per N
Every attribute of every object is read. PEER_NOGC=1: without the cyclic collector. Ends with code 77 when something is not there."""
import asyncio, os, sys
import peer

MODE, N = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5000
try:
    import sqlalchemy as sa
    from sqlalchemy.orm import Session, declarative_base, relationship, selectinload
    from sqlalchemy.dialects.postgresql import JSONB
    __import__("asyncpg" if MODE.startswith("async") else "psycopg2")
except ModuleNotFoundError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)
if MODE == "version":
    try:
        from sqlalchemy.util import has_compiled_ext
        compiled = "compiled extensions" if has_compiled_ext() else "no compiled extensions"
    except ImportError:
        compiled = "compiled extensions where installed"
    print(f"SQLAlchemy {sa.__version__} ({compiled})")
    sys.exit()

Base = declarative_base()
TYPES = {"bigint": sa.BigInteger(), "integer": sa.Integer(), "double": sa.Float(53), "boolean": sa.Boolean(), "text": sa.Text(),
         "timestamptz": sa.DateTime(timezone=True), "jsonb": JSONB(), "numeric": sa.Numeric()}
Row = type("Row", (Base,), {"__tablename__": peer.SHAPE, **{
    name: sa.Column(TYPES[kind], primary_key=name == "id") for name, kind in peer.SHAPES[peer.SHAPE]}})


class Order(Base):
    __tablename__ = "orders"
    id = sa.Column(sa.BigInteger, primary_key=True)
    tenant_id, amount_cents, state = sa.Column(sa.BigInteger), sa.Column(sa.BigInteger), sa.Column(sa.Text)
    lines = relationship("OrderLine")


class OrderLine(Base):
    __tablename__ = "order_lines"
    id = sa.Column(sa.BigInteger, primary_key=True)
    order_id = sa.Column(sa.ForeignKey("orders.id"))
    product_id, quantity = sa.Column(sa.BigInteger), sa.Column(sa.BigInteger)


def url(driver):
    return f"postgresql+{driver}://{os.environ['PGUSER']}@/{peer.DB}?host={os.environ['PGHOST']}&port={os.environ['PGPORT']}"


def statement(entity):
    found = sa.select(entity).order_by(entity.id)
    return found.where(entity.id <= peer.LIMIT) if peer.LIMIT else found


# The loop as its user writes it: attribute by attribute.
exec("def take(o):\n    peer.add(" + ", ".join(f"o.{name}" for name in peer.COLUMNS) + ")\n")


def take_order(o):
    peer.add(o.id, o.tenant_id, o.amount_cents, o.state)
    peer.lines(sum(peer.line(one.id, one.order_id, one.product_id, one.quantity) for one in o.lines) & 0xffffffffffffffff)


def sync():
    options = {"connect_args": {"options": "-c timezone=UTC"}, "json_deserializer": lambda text: text}
    query, use, n = statement(Row), take, 0
    if MODE == "selectin":
        query, use = statement(Order).options(selectinload(Order.lines)), take_order
    with Session(sa.create_engine(url("psycopg2"), **options)) as session:
        session.connection()
        peer.connected()
        objects = session.scalars(query.execution_options(yield_per=N))
        for o in objects:
            use(o)
            n += 1
            if n == 1:
                peer.first()
            if peer.STOP and peer.stop(n):
                objects.close()
                session.execute(sa.text("SELECT 1"))
                peer.reused()
                break
    return n


async def by_async():
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
    n, engine = 0, create_async_engine(url("asyncpg"), json_deserializer=lambda text: text)
    async with AsyncSession(engine) as session:
        await session.connection()
        peer.connected()
        objects = await session.stream_scalars(statement(Row).execution_options(yield_per=N))
        if MODE == "async":
            async for o in objects:
                take(o)
                n += 1
                if n == 1:
                    peer.first()
                if peer.STOP and peer.stop(n):
                    await objects.close()
                    await session.execute(sa.text("SELECT 1"))
                    peer.reused()
                    break
        else:
            async for part in objects.partitions():
                peer.first()
                for o in part:
                    take(o)
                n += len(part)
    await engine.dispose()
    return n


peer.start()
peer.report(asyncio.run(by_async()) if MODE.startswith("async") else sync())
