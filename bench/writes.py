"""The benchmark of writes: weir's beside what one writes by hand.

COPY of structs beside psql's \\copy of the same rows from a binary file; updates by key beside one prepared UPDATE per round trip
and beside UPDATE ... FROM unnest, over TCP on loopback; SQLite inserts beside a prepared loop. Then the hybrid pipeline's memory, with
few rows and with many. Interleaved rounds; ratios are the median of the per-round ratios, with their range."""
import json, os, statistics, subprocess, sys, time

TABLE = "CREATE TABLE invoices(id %s PRIMARY KEY, tenant_id bigint NOT NULL, total_cents bigint NOT NULL, status text NOT NULL)"
RATIOS = [  # whose wall time, over whose, at most
    ("PostgreSQL: COPY, weir", "PostgreSQL: COPY, psql", 1.10),
    ("PostgreSQL over TCP: update, one per round trip", "PostgreSQL over TCP: update, weir", -5.0),      # at least
    ("PostgreSQL over TCP: update, weir", "PostgreSQL over TCP: update, unnest by hand", 1.20),
    ("PostgreSQL over TCP: update, weir, keep_order", "PostgreSQL over TCP: update, unnest by hand", 1.20),
    ("SQLite: insert, weir", "SQLite: insert, prepared loop", 1.15),
]


def timed(words, **named):
    start = time.monotonic()
    out = subprocess.run(words, text=True, stdout=subprocess.PIPE, check=True, **named).stdout
    wall = time.monotonic() - start
    return {"wall_s": wall, **(json.loads(out) if out.startswith("{") else {"cpu_s": float("nan"), "max_rss_kb": 0})}


def fresh(server):
    server.sql("bench_write", "DROP TABLE IF EXISTS invoices")
    server.sql("bench_write", TABLE % "bigint")


def copied(server, peers, rows):
    fresh(server)
    subprocess.run([peers + "/weir_write", "copy", "postgresql:///bench_write", str(rows)], check=True, stdout=subprocess.DEVNULL)
    server.sql("bench_write", "VACUUM (ANALYZE, FREEZE) invoices")
    server.sql("bench_write", "CHECKPOINT")


def check(server, total):
    found = server.sql("bench_write", "SELECT sum(total_cents) FROM invoices")
    if int(found) != total:
        sys.exit(f"bench: the sum of total_cents is {found}, not {total}")


def run_round(server, peers, home, copy_rows, update_rows):
    told, lite, binary = {}, os.path.join(home, "write.sqlite"), os.path.join(home, "invoices.copy")
    url, tcp = "postgresql:///bench_write", f"postgresql://127.0.0.1:{server.port}/bench_write?sslmode=disable"
    fresh(server)
    told["PostgreSQL: COPY, weir"] = timed([peers + "/weir_write", "copy", url, str(copy_rows)])
    check(server, 7 * copy_rows * (copy_rows + 1) // 2)
    psql = ["psql", "-X", "-q", "-d", "bench_write", "-c"]
    if not os.path.exists(binary):
        subprocess.run([*psql, f"\\copy invoices to '{binary}' (format binary)"], check=True)
    fresh(server)
    told["PostgreSQL: COPY, psql"] = timed([*psql, f"\\copy invoices from '{binary}' (format binary)"])
    for name, words in [("weir", [peers + "/weir_write", "update"]), ("weir, keep_order", [peers + "/weir_write", "ordered"]),
                        ("unnest by hand", [peers + "/write_peer", "unnest"]), ("pipelined by hand", [peers + "/write_peer", "pipeline"]),
                        ("one per round trip", [peers + "/write_peer", "single"])]:
        copied(server, peers, update_rows)
        told["PostgreSQL over TCP: update, " + name] = timed([*words, tcp, str(update_rows)])
        check(server, 7 * update_rows * (update_rows + 1) // 2 + update_rows)
    for name, words in [("weir", [peers + "/weir_write", "copy", "sqlite:///" + lite]), ("prepared loop", [peers + "/write_peer", "sqlite", lite])]:
        if os.path.exists(lite):
            os.unlink(lite)
        subprocess.run(["sqlite3", lite, TABLE % "INTEGER"], check=True)
        told["SQLite: insert, " + name] = timed([*words, str(copy_rows)])
    return told


def hybrid(server, peers, rows):
    """Peak RSS in KiB of reading so many instances while their totals are updated in transactions of their own."""
    copied(server, peers, rows)
    told = json.loads(subprocess.run([peers + "/weir_hybrid", "postgresql:///bench_write"], text=True, stdout=subprocess.PIPE, check=True).stdout)
    check(server, 7 * rows * (rows + 1) // 2 + rows)
    return told["rss_kb"], told["wall"]


def report_hybrid(few, many, small, large):
    print(f"\nThe hybrid pipeline (yield_per 2000, each batch updated by key in a transaction of its own): peak RSS {small[0]:,.0f} KiB for {few:,} invoices, "
          f"{large[0]:,.0f} KiB for {many:,} ({large[1]:.1f} s); wanted: at most 20 MB: {'met' if large[0] <= 20 * 1024 else 'missed'}")


def report(rounds):
    print("| contender | wall s | client CPU s | peak RSS MB |\n|---|---|---|---|")
    for name in rounds[0]:
        wall, cpu, rss = (statistics.median(r[name][k] for r in rounds) for k in ("wall_s", "cpu_s", "max_rss_kb"))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {rss / 1024:.1f} |")
    print("\n| wall of | over | median | range | wanted |\n|---|---|---|---|---|")
    for ours, theirs, target in RATIOS:
        found = sorted(r[ours]["wall_s"] / r[theirs]["wall_s"] for r in rounds)
        middle = statistics.median(found)
        met = middle <= target if target > 0 else middle >= -target
        wanted = f"at most {target:.2f}" if target > 0 else f"at least {-target:.1f}"
        print(f"| {ours} | {theirs} | {middle:.2f} | {found[0]:.2f}–{found[-1]:.2f} | {wanted}: {'met' if met else 'missed'} |")


class Write:
    what, rows, quick_rows, rounds = "rows copied and inserted, a fifth of them updated in one transaction", 5000000, 100000, 3

    @staticmethod
    def make(server, home, rows):
        Write.server = server
        if not server.sql("postgres", "SELECT 1 FROM pg_database WHERE datname = 'bench_write'"):
            server.sql("postgres", "CREATE DATABASE bench_write")

    @staticmethod
    def run(a, home, rows, rounds):
        peers, told, server = os.path.join(os.path.abspath(a.build), "bench"), [], Write.server
        for number in range(rounds):
            told.append(run_round(server, peers, home, rows, rows // 5))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
        report(told)
        many = 2 * rows // 5
        few_figures, many_figures = hybrid(server, peers, many // 10), hybrid(server, peers, many)
        report_hybrid(many // 10, many, few_figures, many_figures)
        print(flush=True)
        for name in ("write.sqlite", "invoices.copy"):
            os.unlink(os.path.join(home, name))
        return {"rounds": told, "hybrid": [few_figures, many_figures]}
