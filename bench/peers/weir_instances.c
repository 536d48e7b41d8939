/* weir into instances, compiled for each table of shapes.h: the URL in PEER_URL, arguments: yield_per (default 5000; 0: buffered),
 * and a memory budget in bytes (default: none; with yield_per 0 it streams alone). */
#include <stddef.h>
#include <weir/weir.h>
#include "shapes.h"

#define MEMBER_K(name) int64_t name;
#define MEMBER_L(name) int64_t name;
#define MEMBER_T(name) weir_text name;
#define MEMBER_O(name) weir_opt_int64 name;
#define MEMBER_I(name) weir_opt_int32 name;
#define MEMBER_B(name) weir_opt_bool name;
#define MEMBER_Z(name) weir_opt_timestamptz name;
#define MEMBER_F(name) weir_opt_double name;
#define MEMBER_S(name) weir_text name;
#define MEMBER_D(name) weir_text name;
#define MEMBER_J(name) weir_text name;
#define MEMBER_N(name) weir_numeric name;
#define MEMBER(kind, name) MEMBER_##kind(name)
struct shape { SHAPE(MEMBER) };

#define COLUMN_K(name) WEIR_COLUMN(shape, name, .primary_key = true)
#define COLUMN_L(name) , WEIR_COLUMN(shape, name)
#define COLUMN_T COLUMN_L
#define COLUMN_O COLUMN_L
#define COLUMN_I COLUMN_L
#define COLUMN_B COLUMN_L
#define COLUMN_Z COLUMN_L
#define COLUMN_F COLUMN_L
#define COLUMN_S(name) , WEIR_COLUMN(shape, name, .nullable = true)
#define COLUMN_D COLUMN_L
#define COLUMN_J COLUMN_L
#define COLUMN_N COLUMN_L
#define COLUMN(kind, name) COLUMN_##kind(name)
WEIR_ENTITY(shape, SHAPE_NAME, SHAPE(COLUMN));

#define HASH_K(v) h = peer_mix(h, (uint64_t)(v));
#define HASH_L HASH_K
#define HASH_T(v) h = peer_mix_text(h, (v).ptr, (v).len);
#define HASH_O(v) h = peer_mix(h, (v).present ? (uint64_t)(int64_t)(v).value : PEER_NULL);
#define HASH_I HASH_O
#define HASH_B HASH_O
#define HASH_Z(v) h = peer_mix(h, (v).present ? (uint64_t)(v).value.usec : PEER_NULL);
#define HASH_F(v) h = (v).present ? peer_mix_double(h, (v).value) : peer_mix(h, PEER_NULL);
#define HASH_S(v) h = (v).ptr ? peer_mix_text(h, (v).ptr, (v).len) : peer_mix(h, PEER_NULL);
#define HASH_D HASH_T
#define HASH_J HASH_T
#define HASH_N HASH_T
#define HASH(kind, name) HASH_##kind(shape->name)
static inline void hash_row(const struct shape *shape) {
  uint64_t h = 1;
  SHAPE(HASH)
  peer_add(h);
}
static weir_stmt *query_of(int64_t batch) {
  const char *limit = getenv("PEER_LIMIT");
  weir_stmt *query = weir_select(&shape_entity);
  if (limit && atoll(limit) > 0)
    weir_where(query, WEIR_LE(WEIR_COL(shape, id), atoll(limit)));
  weir_order_by(query, WEIR_ASC(WEIR_COL(shape, id)));
  if (batch > 0) weir_yield_per(query, batch);
  return query;
}
static void reuse(weir_session *session) {
  weir_stmt *one = weir_sql("SELECT 1");
  weir_result *result = weir_session_execute(session, one);
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
  weir_session *session = weir_session_open(engine);
  weir_session_connection(session);
  peer_connected();
  weir_stmt *query = query_of(batch);
  if (argc > 2) weir_memory(query, (size_t)atoll(argv[2]));
  weir_result *all = weir_session_scalars(session, query);
  for (struct shape *shape; (shape = WEIR_NEXT(shape, all)) != NULL;) {
    hash_row(shape);
    rows++;
    peer_first();
    if (peer_stop(rows)) break;
  }
  weir_stmt_free(&query);
  char message[1024];
  weir_error_format(weir_result_error(all), message, sizeof message);
  weir_result_figures figures;
  weir_result_info(all, &figures);
  peer_trips = figures.round_trips;
  int status = weir_result_close(&all);
  if (peer_stop_at) reuse(session);
  int closed = weir_session_close(&session);
  weir_engine_close(&engine);
  if (status || closed) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  peer_report(rows);
  return 0;
}
