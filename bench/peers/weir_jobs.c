/* weir into rows by several connections under one snapshot: the URL in PEER_URL, arguments: jobs (default 2), yield_per (default 5000).
 * The checksum is that of one stream: a range's own sum is put behind those before it by the power of 31 of its rows. */
#include <weir/weir.h>
#include "peer.h"

typedef struct { uint64_t sum, power; long long rows; } range_sum;
enum { MOST_RANGES = 1 << 16 };
static range_sum sums[MOST_RANGES];

static int begin(weir_range_read *read, const weir_result *result, weir_error *error) {
  (void)result;
  if (read->number >= MOST_RANGES) return error->status = WEIR_ARGUMENT;
  sums[read->number] = (range_sum){0, 1, 0};
  return WEIR_OK;
}

static int rows(weir_range_read *read, const weir_partition *batch, weir_error *error) {
  range_sum s = sums[read->number];
  (void)error;
  for (size_t i = 0; i < batch->count; i++) {
    const weir_row *row = batch->rows[i];
    weir_text status = weir_row_text_at(row, 3);
    s.sum = s.sum * 31 + peer_row(weir_row_int64_at(row, 0), weir_row_int64_at(row, 1), weir_row_int64_at(row, 2), status.ptr, status.len);
    s.power *= 31;
  }
  s.rows += (long long)batch->count;
  sums[read->number] = s;
  return WEIR_OK;
}

int main(int argc, char **argv) {
  int jobs = argc > 1 ? atoi(argv[1]) : 2;
  const char *url = getenv("PEER_URL");
  weir_engine *engine;
  long long total = 0;
  peer_start();
  if (weir_engine_open(&engine, url ? url : "postgresql:///bench", WEIR_ENGINE_OPTIONS(.pool_size = jobs + 1)) != WEIR_OK) {
    fprintf(stderr, "%s\n", weir_engine_error(engine)->message);
    return 1;
  }
  weir_stmt *query = weir_sql(peer_sql());
  weir_parallel *parallel = weir_parallel_open(engine, query, WEIR_PARALLEL_OPTIONS(.jobs = jobs, .order = "id not null",
                                               .yield_per = argc > 2 ? atoll(argv[2]) : 5000));
  weir_stmt_free(&query);
  int status = weir_parallel_plan(parallel);
  peer_connected();
  if (status == WEIR_OK) status = weir_parallel_run(parallel, WEIR_PARALLEL_CALLS(.begin = begin, .rows = rows));
  weir_parallel_figures figures;
  weir_parallel_info(parallel, &figures);
  for (int64_t i = 0; i < figures.ranges && i < MOST_RANGES; i++) {
    peer_sum = peer_sum * sums[i].power + sums[i].sum;
    total += sums[i].rows;
  }
  if (status != WEIR_OK) fprintf(stderr, "%s\n", weir_parallel_error(parallel)->message);
  if (weir_parallel_close(&parallel) != WEIR_OK) return 1;
  weir_engine_close(&engine);
  peer_report(total);
  return status == WEIR_OK ? 0 : 1;
}
