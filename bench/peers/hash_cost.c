/* What the checksum itself costs, from memory. Argument: the workload. invoices, orders and keyset hash the very rows; wide, documents
 * and amounts hash rows of their kinds and lengths (another sum), which a SELECT's own rows differ from in their values only. */
#include "shapes.h"

enum { LINES = 4 };
static const char *const states[] = {"draft", "pending", "paid", "void"};
static char document[4400];

static void hash_row(long long i) {
  const char *status = states[i % 4];
  peer_hash(i, i % 1000, i * 7919 % 1000003, status, strlen(status));
}
static void hash_lines(long long order) {
  uint64_t lines = 0;
  for (long long i = LINES * (order - 1) + 1; i <= LINES * order; i++) lines += peer_line(i, order, i * 104729 % 50021, i % 9 + 1);
  peer_hash_lines(lines);
}
static void hash_wide(long long i) {
  uint64_t h = 1;
  for (int c = 0; c < 25; c++) h = peer_mix(h, (uint64_t)(i + c));
  for (int c = 0; c < 6; c++) h = peer_mix_double(h, (double)(i + c));
  for (int c = 0; c < 9; c++) h = (i + c) % 6 == 0 ? peer_mix(h, PEER_NULL) : peer_mix_text(h, "text 1 of row 1000000", 21);
  peer_add(h);
}
static void hash_documents(long long i) {
  peer_add(peer_mix_text(peer_mix_text(peer_mix(1, (uint64_t)i), document, 4096), document, 4160));
}
static void hash_amounts(long long i) {
  uint64_t h = peer_mix(1, (uint64_t)i);
  h = peer_mix_text(peer_mix_text(h, "1234567.8901", 12), "12345.67", 8);
  h = peer_mix_text(peer_mix_text(h, "142857.142857142857", 19), "-0.00001234567890", 17);
  for (int c = 0; c < 4; c++) h = peer_mix(h, (uint64_t)(i + c));
  peer_add(h);
}
int main(int argc, char **argv) {
  const char *lim = getenv("PEER_LIMIT"), *of = argc > 1 ? argv[1] : "invoices";
  long long n = lim && atoll(lim) > 0 ? atoll(lim) : 10000000;
  int pages = strcmp(of, "keyset") == 0, with_lines = strcmp(of, "orders") == 0;
  void (*hash)(long long) = strcmp(of, "wide") == 0 ? hash_wide : strcmp(of, "documents") == 0 ? hash_documents :
                            strcmp(of, "amounts") == 0 ? hash_amounts : hash_row;
  memset(document, 'x', sizeof document);
  peer_start();
  peer_connected();
  for (long long i = 1; i <= n; i++) {
    if (pages) peer_hash((i - 1) % 100, 1, 1, "page", 4);
    else hash(i);
    if (with_lines) hash_lines(i);
  }
  peer_report(n);
  return 0;
}
