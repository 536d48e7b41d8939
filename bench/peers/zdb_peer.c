/* libzdb: Connection_executeQuery and a ResultSet loop. PEER_ZDB_URL names the server, for example
 * postgresql://localhost/bench?user=postgres&password=x&unix-socket=DIR, or sqlite:FILE.
 * Modes: query | prepared | maxrows N (Connection_setMaxRows: a limit, not a fetch size) */
#include "peer.h"
#include <zdb.h>

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "query";
  volatile long long rows = 0; /* volatile: changed in TRY, read after END_TRY */
  int failed = 0;
  peer_invoice o;
  char where[512];
  const char *url = getenv("PEER_ZDB_URL");
  if (!url) {
    const char *host = getenv("PGHOST"), *port = getenv("PGPORT"), *user = getenv("PGUSER"), *name = getenv("PGDATABASE");
    snprintf(where, sizeof where, "postgresql://localhost:%s/%s?user=%s&password=x%s%s", port ? port : "5432",
             name ? name : "bench", user ? user : "postgres", host && *host == '/' ? "&unix-socket=" : "",
             host && *host == '/' ? host : "");
    url = where;
  }
  peer_start();
  URL_T u = URL_new(url);
  if (!u) { fprintf(stderr, "bad url %s\n", url); return 2; }
  ConnectionPool_T pool = ConnectionPool_new(u);
  ConnectionPool_setInitialConnections(pool, 1);
  TRY {
    ConnectionPool_start(pool);
    Connection_T c = ConnectionPool_getConnection(pool);
    if (!c) { fprintf(stderr, "no connection\n"); exit(1); }
    ResultSet_T r;
    peer_connected();
    if (!strcmp(mode, "maxrows")) Connection_setMaxRows(c, argc > 2 ? atoi(argv[2]) : 5000);
    if (!strcmp(mode, "prepared"))
      r = PreparedStatement_executeQuery(Connection_prepareStatement(c, "%s", peer_sql()));
    else
      r = Connection_executeQuery(c, "%s", peer_sql());
    while (ResultSet_next(r)) {
      const char *s;
      o.id = ResultSet_getLLong(r, 1);
      o.tenant_id = ResultSet_getLLong(r, 2);
      o.total_cents = ResultSet_getLLong(r, 3);
      s = ResultSet_getString(r, 4);
      peer_copy_status(o.status, s, strlen(s));
      peer_hash(o.id, o.tenant_id, o.total_cents, o.status, strlen(o.status));
      rows++;
      peer_first();
      if (peer_stop(rows)) break;
    }
    if (peer_stop_at) {
      ResultSet_next(Connection_executeQuery(c, "SELECT 1"));
      peer_reused();
    }
    Connection_close(c);
  }
  CATCH(SQLException) {
    fprintf(stderr, "after %lld rows: SQLException: %s\n", rows, Exception_frame.message);
    failed = 1;
  }
  END_TRY;
  ConnectionPool_free(&pool);
  URL_free(&u);
  if (failed) return 1;
  peer_report(rows);
  return 0;
}
