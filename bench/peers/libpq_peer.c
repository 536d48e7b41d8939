/* libpq by hand, compiled for each table of shapes.h. Modes:
 *   fetch N text|binary   DECLARE CURSOR, then a prepared FETCH FORWARD N, one round trip per batch
 *   pipe N                the same in pipeline mode, binary, with one FETCH always in flight ahead of the one being decoded
 *   single text|binary    PQsetSingleRowMode: one PGresult for each row
 *   copy                  COPY (query) TO STDOUT (FORMAT binary)
 *   buffer text|binary    PQexecParams: libpq holds the whole result, then an array of structs is built
 * Every mode decodes each row into a struct: short texts are copied into it, long ones into one block of the batch. */
#include "shapes.h"
#include <arpa/inet.h>
#include <endian.h>
#include <libpq-fe.h>

enum { SHORT = 32, EPOCH_DAYS = 10957 };      /* the server's epoch is 2000-01-01 */
typedef struct { char *ptr; size_t len; } long_text;
typedef struct { char text[SHORT]; uint32_t len; int null; } short_text;
typedef struct { int64_t v; int null; } opt_int;
typedef struct { double v; int null; } opt_double;

#define MEMBER_K(name) int64_t name;
#define MEMBER_L(name) int64_t name;
#define MEMBER_T(name) char name[16];
#define MEMBER_O(name) opt_int name;
#define MEMBER_I(name) opt_int name;
#define MEMBER_B(name) opt_int name;
#define MEMBER_Z(name) opt_int name;
#define MEMBER_F(name) opt_double name;
#define MEMBER_S(name) short_text name;
#define MEMBER_D(name) long_text name;
#define MEMBER_J(name) long_text name;
#define MEMBER_N(name) long_text name;
#define MEMBER(kind, name) MEMBER_##kind(name)
typedef struct { SHAPE(MEMBER) } shape_row;

static PGconn *db;
static long long nrows;
static char *block;             /* of the batch: its long texts */
static size_t block_used, block_size;

static void die(const char *where) {
  fprintf(stderr, "after %lld rows: %s: %s", nrows, where, PQerrorMessage(db));
  exit(1);
}
static uint64_t be(const char *p, int bytes) {
  uint64_t v8;
  uint32_t v4;
  uint16_t v2;
  if (bytes == 8) { memcpy(&v8, p, 8); return be64toh(v8); }
  if (bytes == 4) { memcpy(&v4, p, 4); return be32toh(v4); }
  memcpy(&v2, p, 2);
  return be16toh(v2);
}
static void command(const char *sql) {
  PGresult *r = PQexec(db, sql);
  if (PQresultStatus(r) != PGRES_COMMAND_OK) die(sql);
  PQclear(r);
}

/* ---- one value ---- */

/* A numeric as the server sends it in binary: base 10,000 digits, written out in plain digits. Returns the length. */
static size_t numeric_text(char *out, const char *p) {
  int digits = (int16_t)be(p, 2), weight = (int16_t)be(p + 2, 2), sign = (int)be(p + 4, 2), scale = (int16_t)be(p + 6, 2);
  const char *at = p + 8;
  char *o = out;
  if (sign == 0x4000) *o++ = '-';
  if (weight < 0) *o++ = '0';
  for (int i = 0; i <= weight; i++) {
    int d = i < digits ? (int)be(at + 2 * i, 2) : 0;
    if (i > 0 || d >= 1000) *o++ = (char)('0' + d / 1000);
    if (i > 0 || d >= 100) *o++ = (char)('0' + d / 100 % 10);
    if (i > 0 || d >= 10) *o++ = (char)('0' + d / 10 % 10);
    *o++ = (char)('0' + d % 10);
  }
  if (scale > 0) {
    *o++ = '.';
    char *end = o + scale;
    for (int i = weight + 1; o < end; i++) {
      int d = i >= 0 && i < digits ? (int)be(at + 2 * i, 2) : 0;
      for (int unit = 1000; unit > 0 && o < end; unit /= 10) *o++ = (char)('0' + d / unit % 10);
    }
  }
  return (size_t)(o - out);
}
static int two(const char *p) { return (p[0] - '0') * 10 + p[1] - '0'; }
/* 2020-01-02 03:04:05.678901+00, as the server writes it in UTC, in microseconds since 1970. */
static int64_t timestamp_text(const char *p, size_t len) {
  int year = two(p) * 100 + two(p + 2), month = two(p + 5), day = two(p + 8), y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
  int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t days = (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468, usec = 0, unit = 100000;
  if (p[19] == '.')
    for (size_t i = 20; i < len && p[i] >= '0' && p[i] <= '9'; i++, unit /= 10) usec += (p[i] - '0') * unit;
  return ((days * 24 + two(p + 11)) * 60 + two(p + 14)) * 60000000 + two(p + 17) * 1000000LL + usec;
}
static void into_block(long_text *o, const char *p, size_t len) {
  o->ptr = memcpy(block + block_used, p, len);
  o->len = len;
  block_used += len;
}
#define TAKE_K(o, p, n, binary) (o) = (binary) ? (int64_t)be(p, 8) : strtoll(p, NULL, 10)
#define TAKE_L TAKE_K
#define TAKE_T(o, p, n, binary) peer_copy_status(o, p, n)
#define TAKE_O(o, p, n, binary) if (!((o).null = (p) == NULL)) TAKE_K((o).v, p, n, binary)
#define TAKE_I(o, p, n, binary) if (!((o).null = (p) == NULL)) (o).v = (binary) ? (int32_t)be(p, 4) : strtol(p, NULL, 10)
#define TAKE_B(o, p, n, binary) if (!((o).null = (p) == NULL)) (o).v = (binary) ? *(p) : *(p) == 't'
#define TAKE_Z(o, p, n, binary) \
  if (!((o).null = (p) == NULL)) (o).v = (binary) ? (int64_t)be(p, 8) + EPOCH_DAYS * 86400000000LL : timestamp_text(p, n)
static inline double double_of(uint64_t bits) { double v; memcpy(&v, &bits, 8); return v; }
#define TAKE_F(o, p, n, binary) if (!((o).null = (p) == NULL)) (o).v = (binary) ? double_of(be(p, 8)) : strtod(p, NULL)
#define TAKE_S(o, p, n, binary) if (!((o).null = (p) == NULL)) memcpy((o).text, p, (o).len = (uint32_t)((n) < SHORT ? (n) : SHORT))
#define TAKE_D(o, p, n, binary) into_block(&(o), p, n)
#define TAKE_J(o, p, n, binary) into_block(&(o), (p) + ((binary) ? 1 : 0), (n) - ((binary) ? 1 : 0))
#define TAKE_N(o, p, n, binary) \
  if (binary) { (o).ptr = block + block_used; (o).len = numeric_text((o).ptr, p); block_used += (o).len; } else into_block(&(o), p, n)

#define HASH_K(o) h = peer_mix(h, (uint64_t)(o));
#define HASH_L HASH_K
#define HASH_T(o) h = peer_mix_text(h, o, strlen(o));
#define HASH_O(o) h = peer_mix(h, (o).null ? PEER_NULL : (uint64_t)(o).v);
#define HASH_I HASH_O
#define HASH_B HASH_O
#define HASH_Z HASH_O
#define HASH_F(o) h = (o).null ? peer_mix(h, PEER_NULL) : peer_mix_double(h, (o).v);
#define HASH_S(o) h = (o).null ? peer_mix(h, PEER_NULL) : peer_mix_text(h, (o).text, (o).len);
#define HASH_D(o) h = peer_mix_text(h, (o).ptr, (o).len);
#define HASH_J HASH_D
#define HASH_N HASH_D
#define HASH(kind, name) HASH_##kind(o->name)
static inline void hash_row(const shape_row *o) {
  uint64_t h = 1;
  SHAPE(HASH)
  peer_add(h);
}

/* ---- one row ---- */

#define IS_LONG_K 0
#define IS_LONG_L 0
#define IS_LONG_T 0
#define IS_LONG_O 0
#define IS_LONG_I 0
#define IS_LONG_B 0
#define IS_LONG_Z 0
#define IS_LONG_F 0
#define IS_LONG_S 0
#define IS_LONG_D 1
#define IS_LONG_J 1
#define IS_LONG_N 1
#define IS_LONG(kind, name) + IS_LONG_##kind
enum { LONG_COLUMNS = 0 SHAPE(IS_LONG), NUMERIC_ROOM = 64 };

static void need(size_t size) {
  block_used = 0;
  if (size <= block_size) return;
  free(block);
  block_size = 2 * size;
  if (!(block = malloc(block_size))) die("memory");
}
/* Room for the long texts of a whole result. A numeric is longer as text: two digits a byte, and its leading and trailing zeros. */
static void need_for(const PGresult *r) {
  size_t size = 0;
  if (LONG_COLUMNS == 0) return;
  for (int i = 0; i < PQntuples(r); i++)
    for (int c = 0; c < SHAPE_COLUMNS; c++) size += 2 * (size_t)PQgetlength(r, i, c) + NUMERIC_ROOM;
  need(size);
}
static void decode(const PGresult *r, int row, int binary, shape_row *o) {
  int column = 0;
#define DECODE(kind, name) {                                                                       \
    const char *p = PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);               \
    size_t n = (size_t)PQgetlength(r, row, column++);                                              \
    (void)n;                                                                                       \
    TAKE_##kind(o->name, p, n, binary);                                                            \
  }
  SHAPE(DECODE)
}
/* Decodes a whole result into out[], then adds it up as the user of a batch would. */
static int take_batch(PGresult *r, int binary, shape_row *out) {
  int m = PQntuples(r);
  need_for(r);
  for (int i = 0; i < m; i++) decode(r, i, binary, &out[i]);
  PQclear(r);
  for (int i = 0; i < m; i++) hash_row(&out[i]);
  nrows += m;
  peer_first();
  return m;
}

/* ---- modes ---- */

static char fetch_sql[64];
static void open_cursor(int n) {
  char q[1200];
  command("BEGIN");
  snprintf(q, sizeof q, "DECLARE peer_c NO SCROLL CURSOR FOR %s", shape_sql());
  command(q);
  snprintf(fetch_sql, sizeof fetch_sql, "FETCH FORWARD %d FROM peer_c", n);
  PGresult *r = PQprepare(db, "f", fetch_sql, 0, NULL);
  if (PQresultStatus(r) != PGRES_COMMAND_OK) die("prepare");
  PQclear(r);
}
static void mode_fetch(int n, int binary) {
  shape_row *batch = malloc(sizeof *batch * (size_t)n);
  open_cursor(n);
  for (;;) {
    PGresult *r = PQexecPrepared(db, "f", 0, NULL, NULL, NULL, binary);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) die("fetch");
    if (take_batch(r, binary, batch) < n || peer_stop(nrows)) break;
  }
  command("COMMIT");
  free(batch);
}
static void send_fetch(void) {
  if (!PQsendQueryPrepared(db, "f", 0, NULL, NULL, NULL, 1) || !PQpipelineSync(db) || PQflush(db) < 0) die("send");
}
static void mode_pipe(int n) {
  shape_row *batch = malloc(sizeof *batch * (size_t)n);
  int in_flight = 0, done = 0;
  open_cursor(n);
  if (!PQenterPipelineMode(db)) die("pipeline");
  send_fetch();
  send_fetch();
  in_flight = 2;
  while (in_flight > 0) {
    PGresult *r = PQgetResult(db);
    if (!r) continue;
    ExecStatusType st = PQresultStatus(r);
    if (st == PGRES_PIPELINE_SYNC) {
      PQclear(r);
      in_flight--;
      continue;
    }
    if (st != PGRES_TUPLES_OK) die("fetch");
    if (!done && PQntuples(r) == n && !peer_stop(nrows)) { /* ask for the next before decoding this one */
      send_fetch();
      in_flight++;
    } else {
      done = 1;
    }
    take_batch(r, 1, batch);
  }
  PQexitPipelineMode(db);
  command("COMMIT");
  free(batch);
}
static void mode_single(int binary) {
  shape_row row;
  PGresult *r;
  if (!PQsendQueryParams(db, shape_sql(), 0, NULL, NULL, NULL, NULL, binary) || !PQsetSingleRowMode(db)) die("send");
  while ((r = PQgetResult(db))) {
    ExecStatusType st = PQresultStatus(r);
    if (st == PGRES_SINGLE_TUPLE) {
      need_for(r);
      decode(r, 0, binary, &row);
      hash_row(&row);
      nrows++;
      peer_first();
    } else if (st != PGRES_TUPLES_OK) {
      die("single");
    }
    PQclear(r);
    if (peer_stop_at && peer_stop(nrows)) { /* cancel, then read to the end of what is on the way */
      char msg[256];
      PGcancel *k = PQgetCancel(db);
      PQcancel(k, msg, sizeof msg);
      PQfreeCancel(k);
      while ((r = PQgetResult(db))) PQclear(r);
      break;
    }
  }
}
static const char *copy_field(const char *p, const char **value, size_t *n) {
  int32_t len = (int32_t)be(p, 4);
  *value = len < 0 ? NULL : p + 4;
  *n = len < 0 ? 0 : (size_t)len;
  return p + 4 + *n;
}
static void decode_copied(const char *p, shape_row *o) {
  const char *value;
  size_t n;
#define DECODE_COPIED(kind, name) p = copy_field(p, &value, &n); TAKE_##kind(o->name, value, n, 1);
  SHAPE(DECODE_COPIED)
}
static void copy_cancel(void) {
  char msg[256], *buf;
  PGcancel *k = PQgetCancel(db);
  PQcancel(k, msg, sizeof msg);
  PQfreeCancel(k);
  while (PQgetCopyData(db, &buf, 0) > 0) PQfreemem(buf);
  for (PGresult *r; (r = PQgetResult(db));) PQclear(r);
}
static void mode_copy(void) {
  char q[1200], *buf;
  int len, header = 1;
  shape_row row;
  snprintf(q, sizeof q, "COPY (%s) TO STDOUT (FORMAT binary)", shape_sql());
  PGresult *r = PQexec(db, q);
  if (PQresultStatus(r) != PGRES_COPY_OUT) die("copy");
  PQclear(r);
  while ((len = PQgetCopyData(db, &buf, 0)) > 0) {
    const char *p = buf;
    if (header) { p += 19; header = 0; } /* signature 11, flags 4, extension length 4 (0 here) */
    if (p + 2 <= buf + len && be(p, 2) == SHAPE_COLUMNS) {
      if (LONG_COLUMNS > 0) need(2 * (size_t)len + NUMERIC_ROOM * SHAPE_COLUMNS);
      decode_copied(p + 2, &row);
      hash_row(&row);
      nrows++;
      peer_first();
    }
    PQfreemem(buf);
    if (peer_stop(nrows)) { copy_cancel(); return; }
  }
  if (len != -1) die("copy data");
  while ((r = PQgetResult(db))) {
    if (PQresultStatus(r) != PGRES_COMMAND_OK) die("copy end");
    PQclear(r);
  }
}
static void mode_buffer(int binary) {
  PGresult *r = PQexecParams(db, shape_sql(), 0, NULL, NULL, NULL, NULL, binary);
  if (PQresultStatus(r) != PGRES_TUPLES_OK) die("exec");
  peer_first();
  shape_row *all = malloc(sizeof *all * (size_t)(PQntuples(r) + 1));
  take_batch(r, binary, all);
  peer_stop(nrows);
  free(all);
}
int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "fetch";
  const char *last = argv[argc - 1];
  int binary = strcmp(last, "text") != 0;
  peer_start();
  db = PQconnectdb(getenv("PGDATABASE") ? "" : "dbname=bench");
  if (PQstatus(db) != CONNECTION_OK) die("connect");
  peer_connected();
  if (!strcmp(mode, "fetch")) mode_fetch(argc > 2 ? atoi(argv[2]) : 5000, binary);
  else if (!strcmp(mode, "pipe")) mode_pipe(argc > 2 ? atoi(argv[2]) : 5000);
  else if (!strcmp(mode, "single")) mode_single(binary);
  else if (!strcmp(mode, "copy")) mode_copy();
  else if (!strcmp(mode, "buffer")) mode_buffer(binary);
  else { fprintf(stderr, "unknown mode %s\n", mode); return 2; }
  if (peer_stop_at) {
    PGresult *r = PQexec(db, "SELECT 1");
    if (PQresultStatus(r) != PGRES_TUPLES_OK) die("reuse");
    PQclear(r);
    peer_reused();
  }
  PQfinish(db);
  free(block);
  peer_report(nrows);
  return 0;
}
