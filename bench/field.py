"""The whole field of contenders, and the workloads that run them: what people use instead of weir, on tables of four kinds.

A contender is (words, environment, options); options: part (it reads one n-th of the rows: it is slow), slow (it runs in a third of the
rounds), hash (which of the checksum's costs is its own), sum (False: it computes none), ends (what marks a program that is not there)."""
import os, subprocess, sys

PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers")
PYTHON = os.environ.get("PEER_PYTHON", "/usr/bin/python3")
HOME = os.environ.get("PEERS", "/tmp/peers")
CHECKSUM, CHECKSUM_PYTHON = "the checksum alone", "the checksum alone, Python"
WEIR_ROWS, WEIR_INSTANCES = "PostgreSQL: weir rows, yield_per 5000", "PostgreSQL: weir instances, yield_per 5000"
TCP_ROWS, TCP_INSTANCES = "PostgreSQL over TCP: weir rows, yield_per 5000", "PostgreSQL over TCP: weir instances, yield_per 5000"
SINGLE, TCP_SINGLE = "PostgreSQL: libpq single-row binary", "PostgreSQL over TCP: libpq single-row binary"
DISCARD = "PostgreSQL: a reader that discards the bytes"
SYNC, ASYNC = "PostgreSQL: SQLAlchemy ORM, psycopg 2, yield_per 5000", "PostgreSQL: SQLAlchemy ORM, asyncpg, async for, yield_per 5000"
SYNC_NOGC = SYNC + ", collector off"
SELECTIN = "PostgreSQL: SQLAlchemy selectinload, psycopg 2, yield_per 500"
URL = {"PEER_URL": "postgresql:///bench"}


def sqlalchemy_path():
    """A newer SQLAlchemy than Debian's, and the typing_extensions that it wants, where they lie under $PEERS."""
    found = [os.path.join(HOME, "sqla20/lib"), os.path.join(HOME, "te/src")]
    return os.pathsep.join(found) if os.path.isdir(found[0]) else ""


def python(peers, script, *words, part=10, **environment):
    path = os.pathsep.join(p for p in (peers, sqlalchemy_path()) if p)
    return ([PYTHON, os.path.join(PEERS, script), *words], {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PEER_SHAPE": "", **environment},
            {"part": part, "slow": True, "hash": CHECKSUM_PYTHON})


def hash_python(peers, part):
    """A row of invoices, in memory, through the checksum. Rows of other tables cost more, which is not taken off."""
    words, environment, options = python(peers, "python_peer.py", "hash", part=part)
    return words, environment, {**options, "sum": False}


def versions(peers):
    """What the contenders are, by their own word or Debian's."""
    told = {}
    words, environment, _ = python(peers, "sqlalchemy_peer.py", "version")
    said = subprocess.run(words, env={**os.environ, **environment}, text=True, capture_output=True)
    if said.returncode == 0:
        told["SQLAlchemy"] = said.stdout.strip().split(" ", 1)[1]
    for name, package in (("libpq", "libpq5"), ("libpqxx", "libpqxx-dev"), ("libzdb", "libzdb-dev"), ("psqlODBC", "odbc-postgresql"), ("unixODBC", "unixodbc-dev"),
                          ("pgx", "golang-github-jackc-pgx-v4-dev"), ("Go", "golang-go"), ("psycopg 2", "python3-psycopg2"), ("psycopg 3", "python3-psycopg"),
                          ("asyncpg", "python3-asyncpg"), ("Python", "python3")):
        said = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], text=True, capture_output=True)
        if said.returncode == 0 and said.stdout:
            told[name] = said.stdout
    return told


def libpq(peers, suffix=""):
    """Hand-written libpq in all its ways."""
    way = lambda *words, **options: ([f"{peers}/libpq_peer{suffix}", *words], {}, options)
    return {
        "PostgreSQL: libpq FETCH 5000 text": way("fetch", "5000", "text"),
        "PostgreSQL: libpq FETCH 5000 binary": way("fetch", "5000", "binary"),
        "PostgreSQL: libpq FETCH 1000 binary, pipelined": way("pipe", "1000"),
        SINGLE: way("single", "binary"),
        "PostgreSQL: libpq COPY binary": way("copy"),
    }


def shaped(peers, shape, part):
    """The contenders that read every kind of table."""
    suffix = "_" + shape
    one = lambda *words, **more: python(peers, *words, part=part, PEER_SHAPE=shape, **more)
    return {
        WEIR_ROWS: ([f"{peers}/weir_rows{suffix}", "5000"], URL),
        WEIR_INSTANCES: ([f"{peers}/weir_instances{suffix}", "5000"], URL),
        **libpq(peers, suffix),
        DISCARD: ([f"{peers}/discard_peer{suffix}"], {}, {"sum": False}),
        "PostgreSQL: psycopg 2, named cursor 5000": one("python_peer.py", "psycopg2", "5000"),
        "PostgreSQL: asyncpg, cursor.fetch(5000)": one("python_peer.py", "asyncpg-fetch", "5000"),
        SYNC: one("sqlalchemy_peer.py", "sync", "5000"),
        CHECKSUM: ([f"{peers}/hash_cost", shape], {}, {"sum": False}),
        CHECKSUM_PYTHON: hash_python(peers, 10),
    }


def shape_ratios():
    beaten = ("PostgreSQL: libpq FETCH 5000 binary", "PostgreSQL: libpq FETCH 1000 binary, pipelined", SINGLE, "PostgreSQL: libpq COPY binary",
              "PostgreSQL: psycopg 2, named cursor 5000", "PostgreSQL: asyncpg, cursor.fetch(5000)")
    return ([(key, ours, theirs, 1.10 if key == "wall" else 1.0) for ours in (WEIR_ROWS, WEIR_INSTANCES) for theirs in beaten for key in ("wall", "cpu")]
            + [("wall", ours, DISCARD, None) for ours in (WEIR_ROWS, WEIR_INSTANCES)] + [("wall", SYNC, WEIR_INSTANCES, None)])


class Narrow:
    """Invoices by everybody."""
    what, rows, quick_rows = "invoices by everybody", 10000000, 100000
    ratios = [
        ("wall", WEIR_ROWS, SINGLE, 1.10), ("wall", WEIR_INSTANCES, SINGLE, 1.10), ("wall", WEIR_ROWS, DISCARD, 1.10), ("wall", WEIR_INSTANCES, DISCARD, 1.10),
        ("cpu", WEIR_ROWS, SINGLE, 0.30), ("cpu", WEIR_INSTANCES, SINGLE, 0.40), ("cpu", TCP_ROWS, TCP_SINGLE, 0.12), ("cpu", TCP_INSTANCES, TCP_SINGLE, 0.20),
        ("wall", TCP_ROWS, TCP_SINGLE, 1.10), ("wall", TCP_INSTANCES, TCP_SINGLE, 1.10),
        ("wall", WEIR_ROWS, "PostgreSQL: libpq FETCH 5000 binary", 0.75),
        ("wall", SYNC, WEIR_INSTANCES, -25), ("wall", SYNC_NOGC, WEIR_INSTANCES, -12), ("wall", ASYNC, WEIR_INSTANCES, -55), ("rss_kb", SYNC, WEIR_INSTANCES, -5),
        ("cpu", "SQLite: weir instances, yield_per 5000", "SQLite: sqlite3_step, batches of 5000", 1.20),
    ]
    memory = {}

    @staticmethod
    def make(server, home, rows):
        from databases import make_sqlite
        make_sqlite(os.path.join(home, "bench.sqlite"), rows, server.at_least)
        server.make_invoices(rows)

    @staticmethod
    def contenders(peers, home, server):
        file, tcp = os.path.join(home, "bench.sqlite"), server.over_tcp()
        lite, few = {"PEER_URL": f"sqlite:///{file}?mode=ro"}, {"slow": True}
        zdb = {"PEER_ZDB_URL": f"postgresql://localhost:{server.port}/bench?user=bench&password=x&unix-socket={server.socket}"}
        return {
            WEIR_ROWS: ([peers + "/weir_rows", "5000"], URL), WEIR_INSTANCES: ([peers + "/weir_instances", "5000"], URL),
            DISCARD: ([peers + "/discard_peer"], {}, {"sum": False}),
            **libpq(peers),
            "PostgreSQL: libpq, the whole result": ([peers + "/libpq_peer", "buffer", "binary"], {}, few),
            "PostgreSQL: libpqxx, stream_from of the table": ([peers + "/pqxx_peer", "stream"], {}),
            "PostgreSQL: libpqxx, icursorstream 5000": ([peers + "/pqxx_peer", "icursor", "5000"], {}),
            "PostgreSQL: libzdb": ([peers + "/zdb_peer"], zdb, few),
            "PostgreSQL: psqlODBC, declared fetch 5000": ([peers + "/odbc_peer", "5000", "5000"], {}, few),
            "PostgreSQL: ADBC, 256 KiB batches": ([peers + "/adbc_peer", "262144"], {}),
            "PostgreSQL: pgx, rows.Scan": ([peers + "/pgx_peer", "scan"], {}),
            TCP_ROWS: ([peers + "/weir_rows", "5000"], {**URL, **tcp}), TCP_INSTANCES: ([peers + "/weir_instances", "5000"], {**URL, **tcp}),
            TCP_SINGLE: ([peers + "/libpq_peer", "single", "binary"], tcp),
            "PostgreSQL: psycopg 2, named cursor 5000": python(peers, "python_peer.py", "psycopg2", "5000"),
            "PostgreSQL: psycopg 3, server cursor 5000, binary": python(peers, "python_peer.py", "psycopg3-bin", "5000", part=50),
            "PostgreSQL: asyncpg, cursor.fetch(5000)": python(peers, "python_peer.py", "asyncpg-fetch", "5000"),
            "PostgreSQL: asyncpg, async for": python(peers, "python_peer.py", "asyncpg", "5000"),
            SYNC: python(peers, "sqlalchemy_peer.py", "sync", "5000", part=20),
            SYNC_NOGC: python(peers, "sqlalchemy_peer.py", "sync", "5000", part=20, PEER_NOGC="1"),
            ASYNC: python(peers, "sqlalchemy_peer.py", "async", "5000", part=20),
            "PostgreSQL: SQLAlchemy ORM, asyncpg, partitions, yield_per 5000": python(peers, "sqlalchemy_peer.py", "async-part", "5000", part=20),
            "SQLite: weir rows, yield_per 5000": ([peers + "/weir_rows", "5000"], lite),
            "SQLite: weir instances, yield_per 5000": ([peers + "/weir_instances", "5000"], lite),
            "SQLite: sqlite3_step, batches of 5000": ([peers + "/sqlite_peer", "batch", "5000"], {"PEER_SQLITE_DB": file}),
            CHECKSUM: ([peers + "/hash_cost", "invoices"], {}),
            CHECKSUM_PYTHON: hash_python(peers, 20),
        }


def shape_workload(shape, text, full, quick, part):
    class Shape:
        __doc__ = text
        what, rows, quick_rows, ratios, memory = text, full, quick, shape_ratios(), {}
        make = staticmethod(lambda server, home, rows: getattr(server, "make_" + shape)(rows))
        contenders = staticmethod(lambda peers, home, server: shaped(peers, shape, part))
    return Shape


Wide = shape_workload("wide", "rows of 40 columns: bigint, integer, double precision, boolean, text, timestamptz, with NULLs", 1000000, 50000, 20)
Documents = shape_workload("documents", "rows of 4 KB text and 4 KB jsonb", 50000, 10000, 2)
Amounts = shape_workload("amounts", "rows of four numeric and four timestamptz", 2000000, 100000, 20)


def order_peers(peers):
    """What Orders in bench/run gets besides."""
    return {SELECTIN: python(peers, "sqlalchemy_peer.py", "selectin", "500"),
            SELECTIN + ", collector off": python(peers, "sqlalchemy_peer.py", "selectin", "500", PEER_NOGC="1")}


class Stop:
    """Giving a stream up after 20,000 rows, and what the first row costs: the connection is used again for SELECT 1."""
    what, rows, quick_rows = "invoices, of which 20,000 are read", 10000000, 100000
    stop = 20000
    ratios = [(key, ours, theirs, None) for key in ("first_ms", "stop_ms") for ours in (WEIR_ROWS, WEIR_INSTANCES)
              for theirs in ("PostgreSQL: libpq FETCH 5000 binary", SINGLE)]
    memory = {}
    make = Narrow.make

    @staticmethod
    def contenders(peers, home, server):
        chosen = {name: case for name, case in Narrow.contenders(peers, home, server).items()
                  if "SQLite" not in name and "TCP" not in name and name not in (DISCARD, CHECKSUM, CHECKSUM_PYTHON) and "partitions" not in name}
        return {name: (case[0], {**case[1], "PEER_STOP": str(Stop.stop)}, {"sum": False, "slow": (case[2:] or ({},))[0].get("slow", False)})
                for name, case in chosen.items()}


class Sweep:
    """Batches of 1 to 100,000 rows."""
    what, rows, quick_rows = "invoices in batches of 1 to 100,000", 1000000, 100000
    sizes = (1, 10, 100, 1000, 5000, 10000, 100000)
    ratios, memory, rounds = [], {}, 3
    make = Narrow.make

    @staticmethod
    def contenders(peers, home, server):
        cases = {}
        for size in Sweep.sizes:
            options = {"part": 10, "slow": True} if size == 1 else {}
            for name, words, extra in (("weir rows, yield_per", [peers + "/weir_rows", str(size)], URL),
                                       ("weir instances, yield_per", [peers + "/weir_instances", str(size)], URL),
                                       ("libpq FETCH", [peers + "/libpq_peer", "fetch", str(size), "binary"], {})):
                cases[f"PostgreSQL: {name} {size}"] = (words, extra, options)
        return {**cases, CHECKSUM: ([peers + "/hash_cost", "invoices"], {})}


class Growth:
    """10 thousand to 30 million rows of one table: time is to grow as the rows do, memory not at all."""
    what, rows, quick_rows = "invoices and fewer", 30000000, 1000000
    ratios, memory, rounds = [], {}, 3
    make = Narrow.make

    @staticmethod
    def sizes(rows):
        return [n for n in (10000, 100000, 1000000, 10000000, 30000000) if n < rows] + [rows]

    @staticmethod
    def contenders(peers, home, server):
        lite = {"PEER_URL": f"sqlite:///{os.path.join(home, 'bench.sqlite')}?mode=ro"}
        return {f"{base}: weir {kind}, yield_per 5000": ([f"{peers}/weir_{kind}", "5000"], extra)
                for base, extra in (("PostgreSQL", URL), ("SQLite", lite)) for kind in ("rows", "instances")}


WORKLOADS = {"narrow": Narrow, "wide": Wide, "documents": Documents, "amounts": Amounts, "stop": Stop, "sweep": Sweep}
