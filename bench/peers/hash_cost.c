/* What the checksum itself costs: the same rows, hashed from memory. Argument: the workload, invoices, orders or keyset. */
#include "peer.h"

enum { LINES = 4 };
static const char *const states[] = {"draft", "pending", "paid", "void"};

static void hash_row(long long i) {
  const char *status = states[i % 4];
  peer_hash(i, i % 1000, i * 7919 % 1000003, status, strlen(status));
}
static void hash_lines(long long order) {
  uint64_t lines = 0;
  for (long long i = LINES * (order - 1) + 1; i <= LINES * order; i++) lines += peer_line(i, order, i * 104729 % 50021, i % 9 + 1);
  peer_hash_lines(lines);
}
int main(int argc, char **argv) {
  const char *lim = getenv("PEER_LIMIT");
  long long n = lim && atoll(lim) > 0 ? atoll(lim) : 10000000;
  int pages = argc > 1 && strcmp(argv[1], "keyset") == 0, with_lines = argc > 1 && strcmp(argv[1], "orders") == 0;
  peer_start();
  peer_connected();
  for (long long i = 1; i <= n; i++) {
    if (pages) peer_hash((i - 1) % 100, 1, 1, "page", 4);
    else hash_row(i);
    if (with_lines) hash_lines(i);
  }
  peer_report(n);
  return 0;
}
