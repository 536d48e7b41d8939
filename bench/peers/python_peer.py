"""Python drivers without an ORM. python_peer.py MODE [N]

psycopg2        named (server-side) cursor, itersize N
psycopg3        ServerCursor, itersize N, text results
psycopg3-bin    ServerCursor, itersize N, binary results
asyncpg         connection.cursor(prefetch=N) in a transaction, async for
asyncpg-fetch   the asyncpg cursor object, await cursor.fetch(N)
hash            nothing but the checksum, of rows in memory
Rows are what the driver hands out (tuples or Records); jsonb comes as its text. Ends with code 77 when the driver is not there."""
import asyncio, sys
import peer

MODE, N = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5000


def psycopg2_rows():
    import psycopg2, psycopg2.extras
    peer.start()
    with psycopg2.connect(dbname=peer.DB, options="-c timezone=UTC") as c:
        psycopg2.extras.register_default_jsonb(c, loads=lambda text: text)
        peer.connected()
        with c.cursor("peer_c") as cursor:
            cursor.itersize = N
            cursor.execute(peer.SQL)
            n = peer.drain(cursor)
        if peer.STOP:
            with c.cursor() as cursor:
                cursor.execute("SELECT 1")
            peer.reused()
        return n


def psycopg3_rows():
    import psycopg, psycopg.types.json
    psycopg.types.json.set_json_loads(lambda raw: bytes(raw).decode() if not isinstance(raw, str) else raw)
    peer.start()
    with psycopg.connect(dbname=peer.DB, options="-c timezone=UTC") as c:
        peer.connected()
        with c.cursor("peer_c", binary=MODE.endswith("-bin")) as cursor:
            cursor.itersize = N
            cursor.execute(peer.SQL)
            n = peer.drain(cursor)
        if peer.STOP:
            c.execute("SELECT 1")
            peer.reused()
        return n


async def asyncpg_rows():
    import asyncpg
    c, n = await asyncpg.connect(database=peer.DB), 0
    peer.connected()
    async with c.transaction():
        if MODE == "asyncpg":
            async for row in c.cursor(peer.SQL, prefetch=N):
                peer.add(*row)
                n += 1
                peer.first()
                if peer.STOP and peer.stop(n):
                    break
        else:
            cursor = await c.cursor(peer.SQL)
            while rows := await cursor.fetch(N):
                peer.first()
                for row in rows:
                    peer.add(*row)
                n += len(rows)
                if peer.stop(n):
                    break
    if peer.STOP:
        await c.fetch("SELECT 1")
        peer.reused()
    await c.close()
    return n


def main():
    try:
        if MODE.startswith("asyncpg"):
            import asyncpg
            peer.start()
            n = asyncio.run(asyncpg_rows())
        elif MODE == "hash":
            peer.start()
            states, n = ("draft", "pending", "paid", "void"), peer.LIMIT
            rows = [(i, i % 1000, i * 7919 % 1000003, states[i % 4]) for i in range(1, 1001)]
            peer.start()
            peer.leave_out()
            for _ in range(n // 1000):
                for row in rows:
                    peer.add(*row)
        else:
            n = {"psycopg2": psycopg2_rows, "psycopg3": psycopg3_rows, "psycopg3-bin": psycopg3_rows}[MODE]()
    except ModuleNotFoundError as missing:
        print(missing, file=sys.stderr)
        sys.exit(77)
    peer.report(n)


main()
