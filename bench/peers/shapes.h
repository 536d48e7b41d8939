/* The tables of the benchmarks as lists of columns, X(kind, name), in the order of the query; a peer is compiled once for each
 * (-DPEER_SHAPE=wide). Kinds: K the key, L bigint, T a short text, all NOT NULL; and with NULLs: O bigint, I integer, F double
 * precision, B boolean, S a short text, Z timestamptz; of any length and NOT NULL: D a document's text, J jsonb, N numeric. */
#ifndef PEER_SHAPES_H
#define PEER_SHAPES_H
#include "peer.h"

#define SHAPE_invoices(X) X(K, id) X(L, tenant_id) X(L, total_cents) X(T, status)
#define SHAPE_wide(X)                                                                                             \
  X(K, id) X(O, b1) X(O, b2) X(O, b3) X(O, b4) X(O, b5) X(O, b6) X(O, b7) X(O, b8)                                \
  X(I, i1) X(I, i2) X(I, i3) X(I, i4) X(I, i5) X(I, i6) X(I, i7) X(I, i8)                                         \
  X(F, d1) X(F, d2) X(F, d3) X(F, d4) X(F, d5) X(F, d6) X(B, f1) X(B, f2) X(B, f3) X(B, f4)                       \
  X(S, t1) X(S, t2) X(S, t3) X(S, t4) X(S, t5) X(S, t6) X(S, t7) X(S, t8) X(S, t9) X(Z, z1) X(Z, z2) X(Z, z3) X(Z, z4)
#define SHAPE_documents(X) X(K, id) X(D, body) X(J, document)
#define SHAPE_amounts(X) X(K, id) X(N, n1) X(N, n2) X(N, n3) X(N, n4) X(Z, z1) X(Z, z2) X(Z, z3) X(Z, z4)

#ifndef PEER_SHAPE
#define PEER_SHAPE invoices
#endif
#define SHAPE_JOIN_(a, b) a##b
#define SHAPE_JOIN(a, b) SHAPE_JOIN_(a, b)
#define SHAPE_TEXT_(a) #a
#define SHAPE_TEXT(a) SHAPE_TEXT_(a)
#define SHAPE SHAPE_JOIN(SHAPE_, PEER_SHAPE)
#define SHAPE_NAME SHAPE_TEXT(PEER_SHAPE)
#define SHAPE_COUNT_(kind, name) +1
enum { SHAPE_COLUMNS = 0 SHAPE(SHAPE_COUNT_) };

/* The query over all columns in the key's order; PEER_LIMIT and PEER_SQL as in peer.h. */
static inline const char *shape_sql(void) {
#define SHAPE_LISTED_(kind, name) ", " #name
  static char sql[1024];
  static const char columns[] = "" SHAPE(SHAPE_LISTED_);
  const char *limit = getenv("PEER_LIMIT"), *other = getenv("PEER_SQL");
  long long most = limit ? atoll(limit) : 0;
  if (other) return other;
  int len = snprintf(sql, sizeof sql, "SELECT %s FROM " SHAPE_NAME, columns + 2);
  if (most > 0) len += snprintf(sql + len, sizeof sql - (size_t)len, " WHERE id <= %lld", most);
  snprintf(sql + len, sizeof sql - (size_t)len, " ORDER BY id");
  return sql;
}

/* One value into a row's hash. */
enum { PEER_NULL = 0x4e554c4c };
static inline uint64_t peer_mix_text(uint64_t h, const char *text, size_t len) {
  uint64_t w;
  for (; len >= 8; text += 8, len -= 8) {
    memcpy(&w, text, 8);
    h = peer_mix(h, w);
  }
  w = len;
  for (size_t i = 0; i < len; i++) w = w << 8 | (unsigned char)text[i];
  return peer_mix(h, w);
}
static inline uint64_t peer_mix_double(uint64_t h, double v) {
  uint64_t bits;
  memcpy(&bits, &v, 8);
  return peer_mix(h, bits);
}
static inline void peer_add(uint64_t row) { peer_sum = peer_sum * 31 + row; }
#endif
