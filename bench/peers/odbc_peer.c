/* psqlODBC under unixODBC: odbc_peer ROWARRAY FETCH
 * ROWARRAY: SQL_ATTR_ROW_ARRAY_SIZE with row-wise binding to an array of structs (1: a row at a time).
 * FETCH: UseDeclareFetch=1;Fetch=FETCH, or 0 for the driver's default (the whole result in memory). */
#include "peer.h"
#include <sql.h>
#include <sqlext.h>

typedef struct {
  int64_t id, tenant_id, total_cents;
  SQLLEN n_id, n_tenant, n_total, n_status;
  char status[16];
} orow;

static long long rows;

static void ok(SQLRETURN rc, SQLSMALLINT type, SQLHANDLE h, const char *where) {
  SQLCHAR state[6], msg[512];
  SQLINTEGER native;
  SQLSMALLINT len;
  if (SQL_SUCCEEDED(rc)) return;
  fprintf(stderr, "after %lld rows: %s: rc=%d\n", rows, where, rc);
  for (SQLSMALLINT i = 1; SQL_SUCCEEDED(SQLGetDiagRec(type, h, i, state, &native, msg, sizeof msg, &len)); i++)
    fprintf(stderr, "  [%s] %s\n", state, msg);
  exit(1);
}
static const char *env(const char *name, const char *dflt) { const char *v = getenv(name); return v ? v : dflt; }

int main(int argc, char **argv) {
  SQLULEN array = argc > 1 ? (SQLULEN)atol(argv[1]) : 1, got = 0;
  int fetch = argc > 2 ? atoi(argv[2]) : 5000;
  SQLHENV e;
  SQLHDBC d;
  SQLHSTMT s;
  SQLRETURN rc;
  char dsn[512];
  orow *buf = calloc(array, sizeof *buf);

  peer_start();
  SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &e);
  SQLSetEnvAttr(e, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
  SQLAllocHandle(SQL_HANDLE_DBC, e, &d);
  snprintf(dsn, sizeof dsn, "Driver={%s};Servername=%s;Port=%s;Database=%s;Uid=%s;Pwd=x;UseDeclareFetch=%d;Fetch=%d;",
           env("PEER_ODBC_DRIVER", "PostgreSQL ANSI"), env("PGHOST", "localhost"), env("PGPORT", "5432"),
           env("PGDATABASE", "bench"), env("PGUSER", "postgres"), fetch > 0, fetch > 0 ? fetch : 100);
  ok(SQLDriverConnect(d, NULL, (SQLCHAR *)dsn, SQL_NTS, NULL, 0, NULL, SQL_DRIVER_NOPROMPT), SQL_HANDLE_DBC, d, "connect");
  peer_connected();
  SQLAllocHandle(SQL_HANDLE_STMT, d, &s);
  SQLSetStmtAttr(s, SQL_ATTR_CURSOR_TYPE, (SQLPOINTER)SQL_CURSOR_FORWARD_ONLY, 0);
  SQLSetStmtAttr(s, SQL_ATTR_ROW_BIND_TYPE, (SQLPOINTER)sizeof *buf, 0);
  SQLSetStmtAttr(s, SQL_ATTR_ROW_ARRAY_SIZE, (SQLPOINTER)array, 0);
  SQLSetStmtAttr(s, SQL_ATTR_ROWS_FETCHED_PTR, &got, 0);
  ok(SQLExecDirect(s, (SQLCHAR *)peer_sql(), SQL_NTS), SQL_HANDLE_STMT, s, "execute");
  SQLBindCol(s, 1, SQL_C_SBIGINT, &buf->id, 0, &buf->n_id);
  SQLBindCol(s, 2, SQL_C_SBIGINT, &buf->tenant_id, 0, &buf->n_tenant);
  SQLBindCol(s, 3, SQL_C_SBIGINT, &buf->total_cents, 0, &buf->n_total);
  SQLBindCol(s, 4, SQL_C_CHAR, buf->status, sizeof buf->status, &buf->n_status);
  for (;;) {
    rc = SQLFetch(s);
    if (rc == SQL_NO_DATA) break;
    ok(rc, SQL_HANDLE_STMT, s, "fetch");
    peer_first();
    for (SQLULEN i = 0; i < got; i++) peer_hash(buf[i].id, buf[i].tenant_id, buf[i].total_cents, buf[i].status, strlen(buf[i].status));
    rows += (long long)got;
    if (peer_stop(rows)) break;
  }
  if (peer_stop_at) {
    ok(SQLFreeStmt(s, SQL_CLOSE), SQL_HANDLE_STMT, s, "close");
    ok(SQLExecDirect(s, (SQLCHAR *)"SELECT 1", SQL_NTS), SQL_HANDLE_STMT, s, "reuse");
    peer_reused();
  }
  SQLFreeHandle(SQL_HANDLE_STMT, s);
  SQLEndTran(SQL_HANDLE_DBC, d, SQL_COMMIT);
  SQLDisconnect(d);
  SQLFreeHandle(SQL_HANDLE_DBC, d);
  SQLFreeHandle(SQL_HANDLE_ENV, e);
  free(buf);
  peer_report(rows);
  return 0;
}
