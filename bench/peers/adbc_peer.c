/* Apache ADBC, PostgreSQL driver (default) or SQLite driver (-DPEER_SQLITE, file name in PEER_SQLITE_DB).
 *   adbc_peer [hint]
 * Each row is read where it lies in the Arrow batch.
 * hint: adbc.postgresql.batch_size_hint_bytes (default of the driver: 16777216), or for SQLite
 *       adbc.sqlite.query.batch_rows (default 1024). 0 keeps the default. */
#include "peer.h"
#include <arrow-adbc/adbc.h>

static struct AdbcError err;
static void ok(AdbcStatusCode code, const char *where) {
  if (code == ADBC_STATUS_OK) return;
  fprintf(stderr, "%s: %d %s\n", where, (int)code, err.message ? err.message : "");
  exit(1);
}
int main(int argc, char **argv) {
  const char *hint = argc > 1 ? argv[1] : "0";
  struct AdbcDatabase db = {0};
  struct AdbcConnection conn = {0};
  struct AdbcStatement stmt = {0};
  struct ArrowArrayStream stream = {0};
  struct ArrowSchema schema = {0};
  struct ArrowArray batch;
  long long rows = 0;
  int64_t affected = -1;

  memset(&err, 0, sizeof err);
  peer_start();
  ok(AdbcDatabaseNew(&db, &err), "db new");
#ifdef PEER_SQLITE
  const char *file = getenv("PEER_SQLITE_DB");
  ok(AdbcDatabaseSetOption(&db, "uri", file ? file : "bench.sqlite", &err), "uri");
#else
  const char *name = getenv("PGDATABASE");
  char uri[256];
  snprintf(uri, sizeof uri, "postgresql:///%s", name ? name : "bench"); /* the rest from PGHOST, PGPORT, PGUSER */
  ok(AdbcDatabaseSetOption(&db, "uri", uri, &err), "uri");
#endif
  ok(AdbcDatabaseInit(&db, &err), "db init");
  ok(AdbcConnectionNew(&conn, &err), "conn new");
  ok(AdbcConnectionInit(&conn, &db, &err), "conn init");
  peer_connected();
  ok(AdbcStatementNew(&conn, &stmt, &err), "stmt new");
  if (strcmp(hint, "0") != 0)
#ifdef PEER_SQLITE
    ok(AdbcStatementSetOption(&stmt, "adbc.sqlite.query.batch_rows", hint, &err), "hint");
#else
    ok(AdbcStatementSetOption(&stmt, "adbc.postgresql.batch_size_hint_bytes", hint, &err), "hint");
#endif
  ok(AdbcStatementSetSqlQuery(&stmt, peer_sql(), &err), "query");
  ok(AdbcStatementExecuteQuery(&stmt, &stream, &affected, &err), "execute");
  if (stream.get_schema(&stream, &schema)) { fprintf(stderr, "schema: %s\n", stream.get_last_error(&stream)); return 1; }
  for (int i = 0; i < 3; i++)
    if (strcmp(schema.children[i]->format, "l")) { fprintf(stderr, "column %d is %s, not int64\n", i, schema.children[i]->format); return 1; }
  for (;;) {
    memset(&batch, 0, sizeof batch);
    if (stream.get_next(&stream, &batch)) { fprintf(stderr, "after %lld rows: next: %s\n", rows, stream.get_last_error(&stream)); return 1; }
    if (!batch.release) break;
    peer_first();
    const int64_t *id = (const int64_t *)batch.children[0]->buffers[1] + batch.children[0]->offset;
    const int64_t *tenant = (const int64_t *)batch.children[1]->buffers[1] + batch.children[1]->offset;
    const int64_t *cents = (const int64_t *)batch.children[2]->buffers[1] + batch.children[2]->offset;
    const int32_t *at = (const int32_t *)batch.children[3]->buffers[1] + batch.children[3]->offset;
    const char *chars = (const char *)batch.children[3]->buffers[2];
    for (int64_t i = 0; i < batch.length; i++) peer_hash(id[i], tenant[i], cents[i], chars + at[i], (size_t)(at[i + 1] - at[i]));
    rows += batch.length;
    batch.release(&batch);
    if (peer_stop(rows)) {
      if (getenv("PEER_CANCEL")) ok(AdbcStatementCancel(&stmt, &err), "cancel"); /* else release() reads to the end */
      break;
    }
  }
  schema.release(&schema);
  stream.release(&stream);
  ok(AdbcStatementRelease(&stmt, &err), "stmt release");
  if (peer_stop_at) {
    memset(&stmt, 0, sizeof stmt);
    memset(&stream, 0, sizeof stream);
    ok(AdbcStatementNew(&conn, &stmt, &err), "reuse: stmt new");
    ok(AdbcStatementSetSqlQuery(&stmt, "SELECT 1", &err), "reuse: query");
    ok(AdbcStatementExecuteQuery(&stmt, &stream, &affected, &err), "reuse: execute");
    stream.release(&stream);
    ok(AdbcStatementRelease(&stmt, &err), "reuse: stmt release");
    peer_reused();
  }
  ok(AdbcConnectionRelease(&conn, &err), "conn release");
  ok(AdbcDatabaseRelease(&db, &err), "db release");
  peer_report(rows);
  return 0;
}
