"""The databases of the benchmarks: a PostgreSQL server and a SQLite file of their own, with the tables of the workloads."""
import os, pwd, shutil, socket, subprocess, tempfile, time

STATUS = "CASE i%4 WHEN 0 THEN 'draft' WHEN 1 THEN 'pending' WHEN 2 THEN 'paid' ELSE 'void' END"


def command(*words, **named):
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE, **named).stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A PostgreSQL server on a Unix socket and on loopback, made for the benchmark and stopped with it."""

    def __init__(self, home):
        self.home, self.data = home, os.path.join(home, "pg")
        self.made, self.at_least = {}, False
        names = [os.path.join(d, "bin") for d in sorted(
            (os.path.join("/usr/lib/postgresql", v) for v in os.listdir("/usr/lib/postgresql")),
            key=lambda d: int(os.path.basename(d)) if os.path.basename(d).isdigit() else 0)]
        self.bin = names[-1]
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.socket, self.port = tempfile.mkdtemp(prefix="weir-bench-", dir="/tmp"), str(free_port())
        os.chmod(self.socket, 0o777)
        os.chmod(home, 0o755)
        if not os.path.exists(os.path.join(self.data, "PG_VERSION")):
            shutil.rmtree(self.data, ignore_errors=True)
            os.mkdir(self.data)
            if os.getuid() == 0:
                shutil.chown(self.data, "postgres")
            self.run("initdb", "-D", self.data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C")
        options = (f"-c listen_addresses=127.0.0.1 -p {self.port} -c shared_buffers=2GB -c fsync=off -c jit=off -c autovacuum=off "
                   f"-c max_wal_size=8GB -c timezone=UTC -c unix_socket_directories={self.socket}")
        self.run("pg_ctl", "-D", self.data, "-w", "-l", os.path.join(self.data, "log"), "-o", options, "start")
        os.environ.update(PGHOST=self.socket, PGPORT=self.port, PGUSER="bench", PGDATABASE="bench")
        self.pid = int(open(os.path.join(self.data, "postmaster.pid")).readline())
        if not self.sql("postgres", "SELECT 1 FROM pg_database WHERE datname = 'bench'"):
            self.sql("postgres", "CREATE DATABASE bench")
        self.sql("bench", "CREATE EXTENSION IF NOT EXISTS pg_prewarm")

    def over_tcp(self):
        """What a client's environment must be to come over loopback."""
        return {"PGHOST": "127.0.0.1", "PGSSLMODE": "disable"}

    def make(self, table, rows, *statements):
        """The table, unless it is there with so many rows already (or more, where a workload can do with a part: at_least)."""
        if self.sql("bench", f"SELECT to_regclass('{table}')"):
            have = int(self.sql("bench", f"SELECT count(*) FROM {table}"))
            self.made[table] = have
            if have == rows or (self.at_least and have > rows):
                return
            self.sql("bench", f"DROP TABLE {table}")
        self.made[table] = rows
        for statement in statements:
            self.sql("bench", statement)
        self.sql("bench", f"VACUUM (ANALYZE, FREEZE) {table}")

    def make_invoices(self, rows):
        self.make("invoices", rows,
                  "CREATE TABLE invoices(id bigint PRIMARY KEY, tenant_id bigint NOT NULL, total_cents bigint NOT NULL, status text NOT NULL)",
                  f"INSERT INTO invoices SELECT i, i%1000, (i*7919)%1000003, {STATUS} FROM generate_series(1, {rows}::bigint) i")
        self.sql("bench", "SELECT pg_prewarm('invoices'), pg_prewarm('invoices_pkey')")

    def make_orders(self, rows):
        """Four lines for each order."""
        self.make("orders", rows,
                  "CREATE TABLE orders(id bigint PRIMARY KEY, tenant_id bigint NOT NULL, amount_cents bigint NOT NULL, state text NOT NULL)",
                  f"INSERT INTO orders SELECT i, i%1000, (i*7919)%1000003, {STATUS} FROM generate_series(1, {rows}::bigint) i")
        self.make("order_lines", 4 * rows,
                  "CREATE TABLE order_lines(id bigint PRIMARY KEY, order_id bigint NOT NULL, product_id bigint NOT NULL, quantity bigint NOT NULL)",
                  f"INSERT INTO order_lines SELECT i, (i+3)/4, (i*104729)%50021, i%9+1 FROM generate_series(1, {4 * rows}::bigint) i",
                  "CREATE INDEX order_lines_order_id ON order_lines(order_id)")
        self.sql("bench", "SELECT pg_prewarm('orders'), pg_prewarm('orders_pkey'), pg_prewarm('order_lines'), pg_prewarm('order_lines_order_id')")

    def make_wide(self, rows):
        """40 columns of six types, with NULLs."""
        columns = [("id", "bigint PRIMARY KEY", "i")]
        for letter, kind, count, none, value in (
                ("b", "bigint", 8, 7, "i*(7919+{k})"), ("i", "integer", 8, 11, "(i*{k})%100003"), ("d", "double precision", 6, 13, "(i%1000)*1.25+{k}"),
                ("f", "boolean", 4, 5, "(i+{k})%3=0"), ("t", "text", 9, 6, "'text {k} of row '||i"),
                ("z", "timestamptz", 4, 9, "'2020-01-01Z'::timestamptz+(i*{k}%100000000)*interval '1 s'+(i%1000000)*interval '1 us'")):
            columns += [(f"{letter}{k}", kind, f"CASE WHEN (i+{k})%{none}=0 THEN NULL ELSE {value.format(k=k)} END") for k in range(1, count + 1)]
        self.make("wide", rows, f"CREATE TABLE wide({', '.join(f'{name} {kind}' for name, kind, _ in columns)})",
                  f"INSERT INTO wide SELECT {', '.join(value for _, _, value in columns)} FROM generate_series(1, {rows}::bigint) i")
        self.sql("bench", "SELECT pg_prewarm('wide'), pg_prewarm('wide_pkey')")

    def make_documents(self, rows):
        """4 KB of text and 4 KB of jsonb a row, kept as they are: not the server's decompression is to be measured."""
        self.make("documents", rows,
                  "CREATE TABLE documents(id bigint PRIMARY KEY, body text NOT NULL, document jsonb NOT NULL)",
                  "ALTER TABLE documents ALTER body SET STORAGE EXTERNAL, ALTER document SET STORAGE EXTERNAL",
                  "INSERT INTO documents SELECT i, CASE WHEN i%2=0 THEN repeat(md5(i::text), 128) ELSE repeat(md5(i::text)||' é', 117) END, "
                  "jsonb_build_object('id', i, 'state', " + STATUS + ", 'tags', jsonb_build_array(i%7, i%11, i%13), 'lines', repeat(md5((i+1)::text), 124)) "
                  f"FROM generate_series(1, {rows}::bigint) i")
        self.sql("bench", "SELECT pg_prewarm('documents'), pg_prewarm(reltoastrelid) FROM pg_class WHERE relname = 'documents'")

    def make_amounts(self, rows):
        self.make("amounts", rows,
                  "CREATE TABLE amounts(id bigint PRIMARY KEY, n1 numeric(18,4) NOT NULL, n2 numeric(12,2) NOT NULL, n3 numeric NOT NULL, n4 numeric NOT NULL, "
                  "z1 timestamptz, z2 timestamptz, z3 timestamptz, z4 timestamptz)",
                  "INSERT INTO amounts SELECT i, i*7919%1000003/7.0, i%100000/100.0, i::numeric/7, -(i%1000)::numeric/100000, "
                  + ", ".join(f"'2020-01-01Z'::timestamptz+(i*{k}%100000000)*interval '1 s'+(i%1000000)*interval '1 us'" for k in range(1, 5))
                  + f" FROM generate_series(1, {rows}::bigint) i")
        self.sql("bench", "SELECT pg_prewarm('amounts'), pg_prewarm('amounts_pkey')")

    def run(self, name, *words):
        words = [os.path.join(self.bin, name), *words]
        if os.getuid() == 0:
            words = ["runuser", "-u", "postgres", "--", *words]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd="/")

    def sql(self, database, text):
        return command("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.socket, "-p", self.port, "-U", "bench",
                       "-d", database, "-c", text).strip()

    def cpu(self):
        """CPU seconds of the backends that have ended."""
        fields = open(f"/proc/{self.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def children(self):
        return set(open(f"/proc/{self.pid}/task/{self.pid}/children").read().split())

    def wait_for_quiet(self, before):
        """Until the contender's backend is gone, zombie and all: only then is its CPU time in the postmaster's books."""
        for _ in range(500):
            if self.children() <= before:
                return
            time.sleep(0.01)

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-w", "-m", "fast", "stop")
        shutil.rmtree(self.socket, ignore_errors=True)


def make_sqlite(path, rows, at_least=False):
    if os.path.exists(path):
        have = int(command("sqlite3", path, "SELECT count(*) FROM invoices"))
        if have == rows or (at_least and have > rows):
            return
        os.remove(path)
    script = f"""PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF;
CREATE TABLE invoices(id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, total_cents INTEGER NOT NULL, status TEXT NOT NULL);
BEGIN; WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i < {rows})
INSERT INTO invoices SELECT i, i%1000, (i*7919)%1000003, {STATUS} FROM g; COMMIT;"""
    subprocess.run(["sqlite3", path], input=script, text=True, check=True, stdout=subprocess.DEVNULL)
