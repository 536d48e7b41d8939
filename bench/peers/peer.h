/* Shared by the C and C++ peers: the query, the clock, and the one-line report.
 *
 * peer_hash() is called for every row.
 *
 * PEER_LIMIT in the environment, if set and > 0, restricts the query to id <= PEER_LIMIT.
 * PEER_SQL replaces the query (four columns of the same types): for failures in mid-stream.
 * PEER_STOP, if set and > 0: the caller loses interest after so many rows, gives the result up in the way
 * the library offers, and uses the connection again for SELECT 1; the report's stop_ms says how long that took.
 * Wall time runs from peer_start() (before connecting) to peer_report() (after the last row).
 * CPU is getrusage(RUSAGE_SELF), so the whole process. Peak RSS is VmHWM and not ru_maxrss,
 * because ru_maxrss is inherited over exec from whichever process forked this one. */
#ifndef PEER_H
#define PEER_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/resource.h>

typedef struct {
  int64_t id, tenant_id, total_cents;
  char status[16];
} peer_invoice;

static double peer_t0, peer_t_first, peer_t_stop, peer_t_reused;
static long long peer_trips;    /* round trips, where the library counts them */
static long long peer_stop_at;

static inline double peer_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
static inline void peer_start(void) {
  const char *stop = getenv("PEER_STOP");
  peer_stop_at = stop ? atoll(stop) : 0;
  peer_t0 = peer_now();
}
/* Whether to stop here, after this many rows. */
static inline int peer_stop(long long rows) {
  if (!peer_stop_at || rows < peer_stop_at) return 0;
  if (peer_t_stop == 0) peer_t_stop = peer_now();
  return 1;
}
static inline void peer_reused(void) { peer_t_reused = peer_now(); } /* the connection has answered SELECT 1 after the stop */
static inline void peer_first(void) { if (peer_t_first == 0) peer_t_first = peer_now(); }

static inline const char *peer_sql(void) {
  static char sql[256];
  const char *lim = getenv("PEER_LIMIT"), *other = getenv("PEER_SQL");
  if (other) return other;
  long n = lim ? atol(lim) : 0;
  if (n > 0)
    snprintf(sql, sizeof sql,
             "SELECT id, tenant_id, total_cents, status FROM invoices WHERE id <= %ld ORDER BY id", n);
  else
    snprintf(sql, sizeof sql, "SELECT id, tenant_id, total_cents, status FROM invoices ORDER BY id");
  return sql;
}

static inline double peer_hwm_mb(void) {
  char line[256];
  double kb = 0;
  FILE *f = fopen("/proc/self/status", "r");
  if (!f) return -1;
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, "VmHWM:", 6)) kb = atof(line + 6);
  fclose(f);
  return kb / 1024.0;
}

/* The checksum covers every column of every row, in order: a 64-bit word mix, the same in all contenders. What it costs is
 * measured by hash_cost in the same run and taken off everybody's CPU. */
static uint64_t peer_sum;
static inline uint64_t peer_mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0x9E3779B97F4A7C15u;
  return h ^ (h >> 29);
}
static inline uint64_t peer_row(int64_t id, int64_t tenant_id, int64_t total_cents, const char *status, size_t len) {
  uint64_t h = peer_mix(peer_mix(peer_mix(1, (uint64_t)id), (uint64_t)tenant_id), (uint64_t)total_cents), w;
  for (; len >= 8; status += 8, len -= 8) {
    memcpy(&w, status, 8);
    h = peer_mix(h, w);
  }
  w = len;
  for (size_t i = 0; i < len; i++) w = w << 8 | (unsigned char)status[i];
  return peer_mix(h, w);
}
static inline void peer_hash(int64_t id, int64_t tenant_id, int64_t total_cents, const char *status, size_t len) {
  peer_sum = peer_sum * 31 + peer_row(id, tenant_id, total_cents, status, len);
}
/* An order's lines come in no promised order, so their mixes are added up; after peer_hash of the order. */
static inline uint64_t peer_line(int64_t id, int64_t order_id, int64_t product_id, int64_t quantity) {
  return peer_mix(peer_mix(peer_mix(peer_mix(1, (uint64_t)id), (uint64_t)order_id), (uint64_t)product_id), (uint64_t)quantity);
}
static inline void peer_hash_lines(uint64_t lines) { peer_sum = peer_sum * 31 + lines; }
static double peer_rss_connected;
static inline void peer_connected(void) { peer_rss_connected = peer_hwm_mb(); }

static void (*peer_tell_lateness)(double *p99_ms, double *most_ms); /* of a timer beside the peer; NULL: there is none */

static inline void peer_report(long long rows) {
  double late_p99 = 0, late_most = 0;
  if (peer_tell_lateness) peer_tell_lateness(&late_p99, &late_most);
  double now = peer_now();
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  printf("{\"rows\": %lld, \"sum\": \"%016llx\", \"wall\": %.4f, \"first_ms\": %.2f, \"user\": %.3f, \"sys\": %.3f, \"rss_kb\": %.0f, \"rss_connected_kb\": %.0f, \"late_p99_ms\": %.2f, \"late_most_ms\": %.2f, "
         "\"stop_ms\": %.3f, \"trips\": %lld}\n",
         rows, (unsigned long long)peer_sum, now - peer_t0, peer_t_first > 0 ? (peer_t_first - peer_t0) * 1e3 : -1.0,
         (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec * 1e-6,
         (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec * 1e-6, peer_hwm_mb() * 1024, peer_rss_connected * 1024, late_p99, late_most,
         peer_t_reused > 0 ? (peer_t_reused - peer_t_stop) * 1e3 : -1.0, peer_trips);
}

static inline void peer_copy_status(char dst[16], const char *src, size_t len) {
  if (len > 15) len = 15;
  memcpy(dst, src, len);
  dst[len] = 0;
}
#endif
