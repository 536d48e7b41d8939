"""Shared by the Python peers: the tables, the query, the clock, and the one-line report (peer.h and shapes.h in Python)."""
import gc, json, os, resource, sys, time
from peer_python import add, line, lines, sum as checksum

LIMIT, STOP = int(os.environ.get("PEER_LIMIT") or 0), int(os.environ.get("PEER_STOP") or 0)
SHAPE = os.environ.get("PEER_SHAPE") or "invoices"
DB = os.environ.get("PGDATABASE") or "bench"
SHAPES = {  # column, type
    "invoices": [("id", "bigint"), ("tenant_id", "bigint"), ("total_cents", "bigint"), ("status", "text")],
    "wide": [("id", "bigint")] + [(f"{letter}{i}", kind) for letter, kind, count in
             (("b", "bigint", 8), ("i", "integer", 8), ("d", "double", 6), ("f", "boolean", 4), ("t", "text", 9), ("z", "timestamptz", 4))
             for i in range(1, count + 1)],
    "documents": [("id", "bigint"), ("body", "text"), ("document", "jsonb")],
    "amounts": [("id", "bigint")] + [(f"n{i}", "numeric") for i in range(1, 5)] + [(f"z{i}", "timestamptz") for i in range(1, 5)],
}
COLUMNS = [name for name, _ in SHAPES[SHAPE]]
SQL = f"SELECT {', '.join(COLUMNS)} FROM {SHAPE} {f'WHERE id <= {LIMIT} ' if LIMIT else ''}ORDER BY id"
before = {"user": 0.0, "sys": 0.0}
told = {"t0": 0.0, "first": 0.0, "connected": 0, "stop": 0.0, "reused": 0.0}


def start():
    """PEER_NOGC=1: without the cyclic garbage collector, as a tuned batch job may run."""
    if os.environ.get("PEER_NOGC"):
        gc.disable()
    told["t0"] = time.perf_counter()


def hwm_kb():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))


def leave_out():
    """CPU so far is not counted: of the interpreter's start, where the checksum alone is measured."""
    u = resource.getrusage(resource.RUSAGE_SELF)
    before.update(user=u.ru_utime, sys=u.ru_stime)


def connected():
    told["connected"] = hwm_kb()


def first():
    told["first"] = told["first"] or time.perf_counter()


def stop(rows):
    """Whether to give up after so many rows."""
    if not STOP or rows < STOP:
        return False
    told["stop"] = told["stop"] or time.perf_counter()
    return True


def reused():
    told["reused"] = time.perf_counter()


def drain(rows):
    """Adds up rows that are sequences; how many there were."""
    n = 0
    for row in rows:
        add(*row)
        n += 1
        if n == 1:
            first()
        if STOP and stop(n):
            break
    return n


def report(rows):
    wall, u = time.perf_counter() - told["t0"], resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({
        "rows": rows, "sum": checksum(), "wall": wall, "first_ms": (told["first"] - told["t0"]) * 1e3 if told["first"] else -1,
        "user": u.ru_utime - before["user"], "sys": u.ru_stime - before["sys"], "rss_kb": hwm_kb(), "rss_connected_kb": told["connected"], "trips": 0,
        "stop_ms": (told["reused"] - told["stop"]) * 1e3 if told["reused"] else -1, "late_p99_ms": 0, "late_most_ms": 0}))
    sys.stdout.flush()
