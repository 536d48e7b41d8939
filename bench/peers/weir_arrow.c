/* weir into Arrow record batches: the URL in PEER_URL, argument: rows of a batch (default 5000). */
#include <weir/weir.h>
#include "peer.h"

static long long hash_batch(const struct ArrowArray *batch) {
  const int64_t *id = batch->children[0]->buffers[1], *tenant = batch->children[1]->buffers[1], *cents = batch->children[2]->buffers[1];
  const int32_t *offsets = batch->children[3]->buffers[1];
  const char *text = batch->children[3]->buffers[2];
  for (int64_t i = 0; i < batch->length; i++) {
    peer_hash(id[i], tenant[i], cents[i], text + offsets[i], (size_t)(offsets[i + 1] - offsets[i]));
    peer_first();
  }
  return batch->length;
}

int main(int argc, char **argv) {
  int64_t rows_of_batch = argc > 1 ? atoll(argv[1]) : 5000;
  const char *url = getenv("PEER_URL");
  weir_engine *engine;
  struct ArrowArrayStream stream;
  struct ArrowArray batch;
  long long rows = 0;
  int failed;
  peer_start();
  if (weir_engine_open(&engine, url ? url : "postgresql:///bench", NULL) != WEIR_OK) {
    fprintf(stderr, "%s\n", weir_engine_error(engine)->message);
    return 1;
  }
  weir_connection *connection = weir_engine_connect(engine);
  peer_connected();
  weir_stmt *query = weir_sql(peer_sql());
  weir_yield_per(query, rows_of_batch);
  weir_result *result = weir_connection_execute(connection, query, NULL);
  weir_stmt_free(&query);
  if (weir_result_arrow(&result, NULL, &stream) != WEIR_OK) {
    fprintf(stderr, "%s\n", weir_result_error(result)->message);
    return 1;
  }
  while ((failed = stream.get_next(&stream, &batch)) == 0 && batch.release) {
    rows += hash_batch(&batch);
    batch.release(&batch);
  }
  if (failed) fprintf(stderr, "%s\n", stream.get_last_error(&stream));
  stream.release(&stream);
  int closed = weir_connection_close(&connection);
  weir_engine_close(&engine);
  if (failed || closed) return 1;
  peer_report(rows);
  return 0;
}
