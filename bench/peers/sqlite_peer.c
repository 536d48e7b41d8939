/* SQLite by hand: prepare, step, copy each row into a struct. File name in PEER_SQLITE_DB.
 * Modes: row (one struct reused) | batch N (fill an array of N structs, then add it up) */
#include "peer.h"
#include <sqlite3.h>

static void decode(sqlite3_stmt *s, peer_invoice *o) {
  o->id = sqlite3_column_int64(s, 0);
  o->tenant_id = sqlite3_column_int64(s, 1);
  o->total_cents = sqlite3_column_int64(s, 2);
  const char *t = (const char *)sqlite3_column_text(s, 3);
  peer_copy_status(o->status, t, (size_t)sqlite3_column_bytes(s, 3));
}
int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "row";
  int n = argc > 2 ? atoi(argv[2]) : 5000, rc, m = 0;
  const char *file = getenv("PEER_SQLITE_DB");
  long long rows = 0;
  sqlite3 *db;
  sqlite3_stmt *s;
  peer_start();
  if (sqlite3_open_v2(file ? file : "bench.sqlite", &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) ||
      sqlite3_prepare_v2(db, peer_sql(), -1, &s, NULL)) {
    fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    return 1;
  }
  peer_connected();
  if (!strcmp(mode, "batch")) {
    peer_invoice *out = malloc(sizeof *out * (size_t)n);
    do {
      rc = sqlite3_step(s);
      if (rc == SQLITE_ROW) decode(s, &out[m++]);
      if (m == n || rc != SQLITE_ROW) {
        peer_first();
        for (int i = 0; i < m; i++) peer_hash(out[i].id, out[i].tenant_id, out[i].total_cents, out[i].status, strlen(out[i].status));
        rows += m;
        m = 0;
      }
    } while (rc == SQLITE_ROW);
    free(out);
  } else {
    peer_invoice o;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
      decode(s, &o);
      peer_hash(o.id, o.tenant_id, o.total_cents, o.status, strlen(o.status));
      rows++;
      peer_first();
    }
  }
  if (rc != SQLITE_DONE) { fprintf(stderr, "%s\n", sqlite3_errmsg(db)); return 1; }
  sqlite3_finalize(s);
  sqlite3_close(db);
  peer_report(rows);
  return 0;
}
