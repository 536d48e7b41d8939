/* weir into rows: the URL in PEER_URL, arguments: yield_per (default 5000; 0: buffered), and a memory
 * budget in bytes (default: none; with yield_per 0 it streams alone). */
#include <weir/weir.h>
#include "peer.h"

int main(int argc, char **argv) {
  int64_t batch = argc > 1 ? atoll(argv[1]) : 5000;
  const char *url = getenv("PEER_URL");
  weir_engine *engine;
  long long rows = 0;
  peer_start();
  if (weir_engine_open(&engine, url ? url : "postgresql:///bench", NULL) != WEIR_OK) {
    fprintf(stderr, "%s\n", weir_engine_error(engine)->message);
    return 1;
  }
  weir_connection *connection = weir_engine_connect(engine);
  peer_connected();
  weir_stmt *query = weir_sql(peer_sql());
  if (batch > 0) weir_yield_per(query, batch);
  if (argc > 2) weir_memory(query, (size_t)atoll(argv[2]));
  weir_result *result = weir_connection_execute(connection, query, NULL);
  for (const weir_row *row; (row = weir_result_next(result)) != NULL; rows++) {
    weir_text status = weir_row_text_at(row, 3);
    peer_hash(weir_row_int64_at(row, 0), weir_row_int64_at(row, 1), weir_row_int64_at(row, 2), status.ptr, status.len);
    peer_first();
  }
  weir_stmt_free(&query);
  char message[1024];
  weir_error_format(weir_result_error(result), message, sizeof message);
  int status = weir_result_close(&result), closed = weir_connection_close(&connection);
  weir_engine_close(&engine);
  if (status || closed) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  peer_report(rows);
  return 0;
}
