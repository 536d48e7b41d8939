"""The benchmark of files for other programs: invoices from PostgreSQL into a Parquet file, beside the same stream to nowhere, psql's CSV, and
the file that DuckDB writes from the same rows."""
import json, os, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
STREAM, PARQUET, SNAPPY, OUR_CSV, CSV = "stream to nowhere (weir rows, yield_per 5000)", "weir export, Parquet, zstd", "weir export, Parquet, snappy", "weir export, CSV", "psql \\copy to CSV"
QUERY = "SELECT id, tenant_id, total_cents, status FROM invoices ORDER BY id"
MOST_MB = 64
OTHERS = {"wide": 200000, "amounts": 500000, "documents": 20000}    # tables whose values are less regular, and how many of their rows


def run_one(name, words, extra, rows):
    """Wall and CPU of the whole process; of weir's command also what it says about itself."""
    start = time.monotonic()
    with open(os.devnull, "w") as nowhere:
        process = subprocess.Popen(words, env={**os.environ, **extra}, stdout=nowhere, stderr=subprocess.PIPE, text=True)
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"bench: {name} failed: {said}")
    stats = json.loads(said) if "weir export" in name else {}
    if stats and stats["rows"] != rows:
        sys.exit(f"bench: {name} wrote {stats['rows']} rows of {rows}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss_mb": stats.get("peak_rss_bytes", 0) / 2**20}


def rewrite_by_duckdb(readers, file, sums, expected):
    """DuckDB must read these sums in our file; the size of the file that it writes from the same rows."""
    theirs = file + ".duckdb"
    out = subprocess.run(["node", os.path.join(HERE, "duckdb.mjs"), readers, file, theirs, ", ".join(sums)], check=True, text=True, stdout=subprocess.PIPE).stdout
    if json.loads(out) != [str(sum) for sum in expected]:
        sys.exit(f"bench: DuckDB reads {out} in {file}, which should be {expected}")
    size = os.path.getsize(theirs)
    os.remove(theirs)
    return size


def compare_sizes(build, home, rows, weir):
    """{table: (rows, our size, DuckDB's)} of the same rows with the same codec. Empty without Node.js and npm."""
    readers = os.path.join(os.path.abspath(build), "readers")
    if subprocess.run([os.path.join(HERE, "../tests/readers/install"), readers]).returncode != 0:
        return {}
    total = lambda n: n * (n + 1) // 2
    ours = os.path.join(home, "zstd.parquet")
    sums = {"count(*)": rows, "sum(id)": total(rows), "sum(tenant_id)": sum(i % 1000 for i in range(1, rows + 1)), "count(DISTINCT status)": 4}
    sizes = {"invoices": (rows, os.path.getsize(ours), rewrite_by_duckdb(readers, ours, sums.keys(), sums.values()))}
    for table, most in OTHERS.items():
        ours = os.path.join(home, table + ".parquet")
        run_one(f"weir export of {table}", [weir, "export", "postgresql:///bench", "--query", f"SELECT * FROM {table} WHERE id <= {most} ORDER BY id", "--to", ours,
                                            "--stats", "json", "--quiet"], {}, most)
        sizes[table] = (most, os.path.getsize(ours), rewrite_by_duckdb(readers, ours, ("count(*)", "sum(id)"), (most, total(most))))
    return sizes


class Parquet:
    what, rows, quick_rows = "invoices into files", 10000000, 1000000

    @staticmethod
    def make(server, home, rows):
        server.make_invoices(rows)
        server.at_least = True
        for table, most in OTHERS.items():
            getattr(server, "make_" + table)(most)

    @staticmethod
    def run(a, home, rows, rounds):
        weir, files = os.path.join(os.path.abspath(a.build), "weir"), {PARQUET: "zstd.parquet", SNAPPY: "snappy.parquet", OUR_CSV: "weir.csv", CSV: "psql.csv"}
        path = lambda name: os.path.join(home, files[name])
        export = lambda name, codec: ([weir, "export", "postgresql:///bench", "--query", QUERY, "--to", path(name), *(["--compression", codec] if codec else []),
                                       "--stats", "json", "--quiet"], {})
        cases = {
            STREAM: ([os.path.join(os.path.abspath(a.build), "bench/weir_rows"), "5000"], {"PEER_URL": "postgresql:///bench"}),
            PARQUET: export(PARQUET, "zstd"), SNAPPY: export(SNAPPY, "snappy"), OUR_CSV: export(OUR_CSV, None),
            CSV: (["psql", "-qXc", f"\\copy ({QUERY}) to '{path(CSV)}' csv"], {}),
        }
        runs = {name: [] for name in cases}
        for number in range(rounds):
            names = list(cases)
            for name in names[number % len(names):] + names[:number % len(names)]:
                runs[name].append(run_one(name, *cases[name], rows))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
        sizes = {name: os.path.getsize(path(name)) for name in files}
        beside = compare_sizes(a.build, home, rows, weir)
        return {"runs": runs, "sizes": sizes, "beside_duckdb": beside, "ratios": tell(runs, sizes, beside, rows)}


def tell(runs, sizes, beside, rows):
    middle = lambda name, key: statistics.median(r[key] for r in runs[name])
    print("| contender | wall s | rows/s | client CPU s | peak RSS MB | file bytes |\n|---|---:|---:|---:|---:|---:|")
    for name, figures in runs.items():
        wall, rss = [r["wall"] for r in figures], max(r["rss_mb"] for r in figures)
        print(f"| {name} | {middle(name, 'wall'):.2f} ({min(wall):.2f}–{max(wall):.2f}) | {rows / middle(name, 'wall'):,.0f} | {middle(name, 'cpu'):.2f} | "
              f"{f'{rss:.1f}' if rss else ''} | {format(sizes[name], ',') if name in sizes else ''} |")
    print("\n| ratio | median | range | to reach |\n|---|---:|---:|---|")
    ratios = []
    for key, ours, theirs, most in (("wall", PARQUET, STREAM, 1.5), ("wall", PARQUET, CSV, 1.0), ("cpu", PARQUET, CSV, None), ("wall", SNAPPY, STREAM, None),
                                    ("wall", OUR_CSV, CSV, 1.0), ("cpu", OUR_CSV, CSV, None), ("wall", OUR_CSV, STREAM, None)):
        each = [a[key] / b[key] for a, b in zip(runs[ours], runs[theirs])]
        ratios.append({"of": key, "ours": ours, "theirs": theirs, "median": statistics.median(each), "min": min(each), "max": max(each), "target": most})
        reached = f"at most {most}: {'yes' if ratios[-1]['median'] <= most else 'NO'}" if most else ""
        print(f"| {'client CPU' if key == 'cpu' else key}: {ours} / {theirs} | {ratios[-1]['median']:.3f} | {min(each):.3f}–{max(each):.3f} | {reached} |")
    rss = max(r["rss_mb"] for name in (PARQUET, SNAPPY, OUR_CSV) for r in runs[name])
    print(f"| largest peak RSS of an export | {rss:.1f} MB | | at most {MOST_MB} MB: {'yes' if rss <= MOST_MB else 'NO'} |\n", flush=True)
    if beside:
        print("| Parquet, zstd | rows | weir's bytes | DuckDB's from the same rows | ratio | to reach |\n|---|---:|---:|---:|---:|---|")
    for table, (count, ours, theirs) in beside.items():
        print(f"| {table} | {count:,} | {ours:,} | {theirs:,} | {ours / theirs:.3f} | at most 1.1: {'yes' if ours <= 1.1 * theirs else 'NO'} |")
    print(flush=True)
    return ratios
