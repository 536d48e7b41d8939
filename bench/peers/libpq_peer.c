/* libpq by hand. Modes:
 *   fetch N text|binary   DECLARE CURSOR, then a prepared FETCH FORWARD N, one round trip per batch
 *   pipe N                the same in pipeline mode, with one FETCH always in flight ahead of the one being decoded
 *   single text|binary    PQsetSingleRowMode: one PGresult for each row
 *   copy                  COPY (query) TO STDOUT (FORMAT binary)
 *   buffer text|binary    PQexecParams: libpq holds the whole result, then an array of structs is built
 * Every mode decodes each row into a struct with a copied status string. */
#include "peer.h"
#include <arpa/inet.h>
#include <endian.h>
#include <libpq-fe.h>

static PGconn *db;
static long long nrows;

static void die(const char *where) {
  fprintf(stderr, "after %lld rows: %s: %s", nrows, where, PQerrorMessage(db));
  exit(1);
}
static int64_t be_i64(const char *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return (int64_t)be64toh(v);
}
static void command(const char *sql) {
  PGresult *r = PQexec(db, sql);
  if (PQresultStatus(r) != PGRES_COMMAND_OK) die(sql);
  PQclear(r);
}
static void decode(const PGresult *r, int row, int binary, peer_invoice *o) {
  const char *a = PQgetvalue(r, row, 0), *b = PQgetvalue(r, row, 1), *c = PQgetvalue(r, row, 2);
  if (binary) {
    o->id = be_i64(a);
    o->tenant_id = be_i64(b);
    o->total_cents = be_i64(c);
  } else {
    o->id = strtoll(a, NULL, 10);
    o->tenant_id = strtoll(b, NULL, 10);
    o->total_cents = strtoll(c, NULL, 10);
  }
  peer_copy_status(o->status, PQgetvalue(r, row, 3), (size_t)PQgetlength(r, row, 3));
}
/* Decodes a whole result into out[], then adds it up as the user of a batch would. */
static int take_batch(PGresult *r, int binary, peer_invoice *out) {
  int m = PQntuples(r);
  for (int i = 0; i < m; i++) decode(r, i, binary, &out[i]);
  PQclear(r);
  for (int i = 0; i < m; i++) peer_hash(out[i].id, out[i].tenant_id, out[i].total_cents, out[i].status, strlen(out[i].status));
  nrows += m;
  peer_first();
  return m;
}
static char fetch_sql[64];
static void open_cursor(int n) {
  char q[400];
  command("BEGIN");
  snprintf(q, sizeof q, "DECLARE peer_c NO SCROLL CURSOR FOR %s", peer_sql());
  command(q);
  snprintf(fetch_sql, sizeof fetch_sql, "FETCH FORWARD %d FROM peer_c", n);
  PGresult *r = PQprepare(db, "f", fetch_sql, 0, NULL);
  if (PQresultStatus(r) != PGRES_COMMAND_OK) die("prepare");
  PQclear(r);
}
static void mode_fetch(int n, int binary) {
  peer_invoice *batch = malloc(sizeof *batch * (size_t)n);
  open_cursor(n);
  for (;;) {
    PGresult *r = PQexecPrepared(db, "f", 0, NULL, NULL, NULL, binary);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) die("fetch");
    if (take_batch(r, binary, batch) < n || peer_stop(nrows)) break;
  }
  command("COMMIT");
  free(batch);
}
static void send_fetch(void) {
  if (!PQsendQueryPrepared(db, "f", 0, NULL, NULL, NULL, 1) || !PQpipelineSync(db) || PQflush(db) < 0) die("send");
}
static void mode_pipe(int n) {
  peer_invoice *batch = malloc(sizeof *batch * (size_t)n);
  int in_flight = 0, done = 0;
  open_cursor(n);
  if (!PQenterPipelineMode(db)) die("pipeline");
  send_fetch();
  send_fetch();
  in_flight = 2;
  while (in_flight > 0) {
    PGresult *r = PQgetResult(db);
    if (!r) continue;
    ExecStatusType st = PQresultStatus(r);
    if (st == PGRES_PIPELINE_SYNC) {
      PQclear(r);
      in_flight--;
      continue;
    }
    if (st != PGRES_TUPLES_OK) die("fetch");
    if (!done && PQntuples(r) == n && !peer_stop(nrows)) { /* ask for the next before decoding this one */
      send_fetch();
      in_flight++;
    } else {
      done = 1;
    }
    take_batch(r, 1, batch);
  }
  PQexitPipelineMode(db);
  command("COMMIT");
  free(batch);
}
static void mode_single(int binary) {
  peer_invoice row;
  PGresult *r;
  int cancelled = 0;
  if (!PQsendQueryParams(db, peer_sql(), 0, NULL, NULL, NULL, NULL, binary) || !PQsetSingleRowMode(db)) die("send");
  while ((r = PQgetResult(db))) {
    ExecStatusType st = PQresultStatus(r);
    if (st == PGRES_SINGLE_TUPLE) {
      decode(r, 0, binary, &row);
      peer_hash(row.id, row.tenant_id, row.total_cents, row.status, strlen(row.status));
      nrows++;
      peer_first();
    } else if (st != PGRES_TUPLES_OK) {
      die("single");
    }
    PQclear(r);
    if (peer_stop_at && !cancelled && peer_stop(nrows)) { /* cancel, then read to the end of what is on the way */
      char msg[256];
      PGcancel *k = PQgetCancel(db);
      PQcancel(k, msg, sizeof msg);
      PQfreeCancel(k);
      cancelled = 1;
      while ((r = PQgetResult(db))) PQclear(r);
      break;
    }
  }
}
static const char *copy_i64(const char *p, int64_t *v) { *v = be_i64(p + 4); return p + 12; }
static void mode_copy(void) {
  char q[400], *buf;
  int len, header = 1;
  peer_invoice row;
  snprintf(q, sizeof q, "COPY (%s) TO STDOUT (FORMAT binary)", peer_sql());
  PGresult *r = PQexec(db, q);
  if (PQresultStatus(r) != PGRES_COPY_OUT) die("copy");
  PQclear(r);
  while ((len = PQgetCopyData(db, &buf, 0)) > 0) {
    const char *p = buf;
    uint16_t nf;
    uint32_t sl;
    if (header) { p += 19; header = 0; } /* signature 11, flags 4, extension length 4 (0 here) */
    if (p + 2 <= buf + len) {
      memcpy(&nf, p, 2);
      p += 2;
      if (ntohs(nf) == 4) {
        p = copy_i64(p, &row.id);
        p = copy_i64(p, &row.tenant_id);
        p = copy_i64(p, &row.total_cents);
        memcpy(&sl, p, 4);
        peer_copy_status(row.status, p + 4, ntohl(sl));
        peer_hash(row.id, row.tenant_id, row.total_cents, row.status, strlen(row.status));
        nrows++;
        peer_first();
      }
    }
    PQfreemem(buf);
  }
  if (len != -1) die("copy data");
  while ((r = PQgetResult(db))) {
    if (PQresultStatus(r) != PGRES_COMMAND_OK) die("copy end");
    PQclear(r);
  }
}
static void mode_buffer(int binary) {
  PGresult *r = PQexecParams(db, peer_sql(), 0, NULL, NULL, NULL, NULL, binary);
  if (PQresultStatus(r) != PGRES_TUPLES_OK) die("exec");
  peer_first();
  peer_invoice *all = malloc(sizeof *all * (size_t)PQntuples(r));
  take_batch(r, binary, all);
  free(all);
}
int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "fetch";
  const char *last = argv[argc - 1];
  int binary = strcmp(last, "text") != 0;
  peer_start();
  db = PQconnectdb(getenv("PGDATABASE") ? "" : "dbname=bench");
  if (PQstatus(db) != CONNECTION_OK) die("connect");
  peer_connected();
  if (!strcmp(mode, "fetch")) mode_fetch(argc > 2 ? atoi(argv[2]) : 5000, binary);
  else if (!strcmp(mode, "pipe")) mode_pipe(argc > 2 ? atoi(argv[2]) : 5000);
  else if (!strcmp(mode, "single")) mode_single(binary);
  else if (!strcmp(mode, "copy")) mode_copy();
  else if (!strcmp(mode, "buffer")) mode_buffer(binary);
  else { fprintf(stderr, "unknown mode %s\n", mode); return 2; }
  if (peer_stop_at) {
    PGresult *r = PQexec(db, "SELECT 1");
    if (PQresultStatus(r) != PGRES_TUPLES_OK) die("reuse");
    PQclear(r);
    peer_reused();
  }
  PQfinish(db);
  peer_report(nrows);
  return 0;
}
