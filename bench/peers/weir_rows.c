/* weir into rows, compiled for each table of shapes.h: the URL in PEER_URL, arguments: yield_per (default 5000; 0: buffered), and
 * a memory budget in bytes (default: none; with yield_per 0 it streams alone). */
#include <weir/weir.h>
#include "shapes.h"

static const weir_row *row;
#define HASH_K(i) h = peer_mix(h, (uint64_t)weir_row_int64_at(row, i));
#define HASH_L HASH_K
#define HASH_T(i) { weir_text t = weir_row_text_at(row, i); h = peer_mix_text(h, t.ptr, t.len); }
#define HASH_OPT(i, type) { weir_opt_##type v = weir_row_opt_##type##_at(row, i); h = peer_mix(h, v.present ? (uint64_t)(int64_t)v.value : PEER_NULL); }
#define HASH_O(i) HASH_OPT(i, int64)
#define HASH_I(i) HASH_OPT(i, int32)
#define HASH_B(i) HASH_OPT(i, bool)
#define HASH_Z(i) { weir_opt_timestamptz v = weir_row_opt_timestamptz_at(row, i); h = peer_mix(h, v.present ? (uint64_t)v.value.usec : PEER_NULL); }
#define HASH_F(i) { weir_opt_double v = weir_row_opt_double_at(row, i); h = v.present ? peer_mix_double(h, v.value) : peer_mix(h, PEER_NULL); }
#define HASH_S(i) { weir_text t = weir_row_text_at(row, i); h = t.ptr ? peer_mix_text(h, t.ptr, t.len) : peer_mix(h, PEER_NULL); }
#define HASH_D HASH_T
#define HASH_J HASH_T
#define HASH_N(i) { weir_numeric t = weir_row_numeric_at(row, i); h = peer_mix_text(h, t.ptr, t.len); }
#define PLACE(kind, name) PLACE_##name,
enum { SHAPE(PLACE) };
#define HASH(kind, name) HASH_##kind(PLACE_##name)

static inline void hash_row(void) {
  uint64_t h = 1;
  SHAPE(HASH)
  peer_add(h);
}
static void reuse(weir_connection *connection) {
  weir_stmt *one = weir_sql("SELECT 1");
  weir_result *result = weir_connection_execute(connection, one, NULL);
  weir_result_next(result);
  weir_stmt_free(&one);
  if (weir_result_close(&result) == WEIR_OK) peer_reused();
}
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
  weir_stmt *query = weir_sql(shape_sql());
  if (batch > 0) weir_yield_per(query, batch);
  if (argc > 2) weir_memory(query, (size_t)atoll(argv[2]));
  weir_result *result = weir_connection_execute(connection, query, NULL);
  while ((row = weir_result_next(result)) != NULL) {
    hash_row();
    rows++;
    peer_first();
    if (peer_stop(rows)) break;
  }
  weir_stmt_free(&query);
  char message[1024];
  weir_error_format(weir_result_error(result), message, sizeof message);
  weir_result_figures figures;
  weir_result_info(result, &figures);
  peer_trips = figures.round_trips;
  int status = weir_result_close(&result);
  if (peer_stop_at) reuse(connection);
  int closed = weir_connection_close(&connection);
  weir_engine_close(&engine);
  if (status || closed) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  peer_report(rows);
  return 0;
}
