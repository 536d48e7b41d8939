/* Runs a peer's `in_thread` in a task of a libuv loop, beside a timer of 1 ms: how late that came is reported with the rest. */
#ifndef PEER_TASK_H
#define PEER_TASK_H
#include <weir/adapters/uv.h>

enum { PEER_BIN_US = 10, PEER_BINS = 10000 };
static long long peer_ticks, peer_bins[PEER_BINS + 1];
static double peer_last_tick, peer_latest;

static void peer_tick(uv_timer_t *timer) {
  double now = peer_now(), late = peer_last_tick > 0 ? now - peer_last_tick - 1e-3 : 0;
  (void)timer;
  if (late < 0) late = 0;
  if (late > peer_latest) peer_latest = late;
  double bin = late * 1e6 / PEER_BIN_US;
  peer_bins[bin < PEER_BINS ? (int)bin : PEER_BINS]++;
  peer_ticks++;
  peer_last_tick = now;
}

static void peer_lateness(double *p99_ms, double *most_ms) {
  long long seen = 0;
  int bin = 0;
  while (bin < PEER_BINS && (seen += peer_bins[bin]) < peer_ticks * 99 / 100) bin++;
  *p99_ms = (bin + 1) * PEER_BIN_US * 1e-3;
  *most_ms = peer_latest * 1e3;
}

typedef struct { int argc; char **argv; } peer_arguments;
static int peer_in_task(void *argument) {
  peer_arguments *a = argument;
  return in_thread(a->argc, a->argv);
}

int main(int argc, char **argv) {
  uv_loop_t loop;
  uv_timer_t timer;
  peer_arguments arguments = { argc, argv };
  peer_tell_lateness = peer_lateness;
  if (uv_loop_init(&loop)) return 1;
  uv_timer_init(&loop, &timer);
  uv_timer_start(&timer, peer_tick, 1, 1);
  uv_unref((uv_handle_t *)&timer);
  weir_loop *tasks = weir_uv_open(&loop);
  weir_task *task = weir_task_spawn(tasks, peer_in_task, &arguments);
  uv_run(&loop, UV_RUN_DEFAULT);
  int result = 1, joined = weir_task_join(&task, &result), closed = weir_uv_close(&tasks);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return result || joined || closed;
}
#endif
