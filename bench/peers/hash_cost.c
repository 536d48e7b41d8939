/* What peer_hash itself costs: the same number of rows, hashed from memory. */
#include "peer.h"

int main(void) {
  static const char *const states[] = {"draft", "pending", "paid", "void"};
  const char *lim = getenv("PEER_LIMIT");
  long long n = lim && atoll(lim) > 0 ? atoll(lim) : 10000000;
  peer_start();
  peer_connected();
  for (long long i = 1; i <= n; i++) {
    const char *status = states[i % 4];
    peer_hash(i, i % 1000, i * 7919 % 1000003, status, strlen(status));
  }
  peer_report(n);
  return 0;
}
