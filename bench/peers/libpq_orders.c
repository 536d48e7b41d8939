/* libpq by hand: orders FETCHed N at a time (argument, default 500) and, for each 500 of them, their lines by one more query.
 * Each batch is an array of order structs, and one of line structs, to which the orders point. */
#include "peer.h"
#include <endian.h>
#include <libpq-fe.h>

enum { GROUP = 500, SLOTS = 1024, ARRAY_HEADER = 20, INT8_OID = 20 };

typedef struct { int64_t id, order_id, product_id, quantity; } order_line;
typedef struct {
  int64_t id, tenant_id, amount_cents;
  char state[16];
  order_line **lines;
  size_t line_count;
} order;

static PGconn *db;
static order *orders;
static order_line *lines;          /* of the batch; their owners beside them */
static uint32_t *owners;
static order_line **places;        /* the lines by order */
static size_t line_capacity;
static char fetch_sql[64];

static void die(const char *where) {
  fprintf(stderr, "%s: %s", where, PQerrorMessage(db));
  exit(1);
}
static void *room(void *old, size_t size) {
  void *memory = realloc(old, size);
  if (!memory) die("memory");
  return memory;
}
static int64_t be_i64(const char *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return (int64_t)be64toh(v);
}
static void be_put(char *p, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++) p[i] = (char)(v >> 8 * (bytes - 1 - i));
}
static void command(const char *sql) {
  PGresult *r = PQexec(db, sql);
  if (PQresultStatus(r) != PGRES_COMMAND_OK) die(sql);
  PQclear(r);
}
static void prepare(const char *name, const char *sql) {
  PGresult *r = PQprepare(db, name, sql, 0, NULL);
  if (PQresultStatus(r) != PGRES_COMMAND_OK) die(sql);
  PQclear(r);
}
static void open_cursor(int n) {
  char q[400], where[64] = "";
  const char *lim = getenv("PEER_LIMIT");
  if (lim && atoll(lim) > 0) snprintf(where, sizeof where, "WHERE id <= %lld ", atoll(lim));
  command("BEGIN");
  snprintf(q, sizeof q, "DECLARE peer_c NO SCROLL CURSOR FOR SELECT id, tenant_id, amount_cents, state FROM orders %sORDER BY id", where);
  command(q);
  snprintf(fetch_sql, sizeof fetch_sql, "FETCH FORWARD %d FROM peer_c", n);
  prepare("f", fetch_sql);
  prepare("l", "SELECT id, order_id, product_id, quantity FROM order_lines WHERE order_id = ANY($1::bigint[])");
}
static int fetch_orders(void) {
  PGresult *r = PQexecPrepared(db, "f", 0, NULL, NULL, NULL, 1);
  if (PQresultStatus(r) != PGRES_TUPLES_OK) die("fetch");
  int m = PQntuples(r);
  for (int i = 0; i < m; i++) {
    order *o = &orders[i];
    o->id = be_i64(PQgetvalue(r, i, 0));
    o->tenant_id = be_i64(PQgetvalue(r, i, 1));
    o->amount_cents = be_i64(PQgetvalue(r, i, 2));
    peer_copy_status(o->state, PQgetvalue(r, i, 3), (size_t)PQgetlength(r, i, 3));
    o->line_count = 0;
  }
  PQclear(r);
  return m;
}
/* Sends the group's keys as one binary bigint[]. */
static PGresult *ask_lines(const order *group, int count) {
  static char array[ARRAY_HEADER + 12 * GROUP];
  const char *value = array;
  int length = ARRAY_HEADER + 12 * count, format = 1;
  be_put(array, 1, 4);
  be_put(array + 4, 0, 4);
  be_put(array + 8, INT8_OID, 4);
  be_put(array + 12, (uint64_t)count, 4);
  be_put(array + 16, 1, 4);
  for (int i = 0; i < count; i++) {
    be_put(array + ARRAY_HEADER + 12 * i, 8, 4);
    be_put(array + ARRAY_HEADER + 12 * i + 4, (uint64_t)group[i].id, 8);
  }
  PGresult *r = PQexecPrepared(db, "l", 1, &value, &length, &format, 1);
  if (PQresultStatus(r) != PGRES_TUPLES_OK) die("lines");
  return r;
}
static size_t slot_of(int64_t id) { return (size_t)((uint64_t)id * 0x9E3779B97F4A7C15u >> 54); }

/* Reads the lines of the group into the batch's, from `have` on, with the number of the order that each belongs to. */
static size_t take_lines(int first, int count, size_t have) {
  int32_t slots[SLOTS];
  PGresult *r = ask_lines(orders + first, count);
  size_t m = (size_t)PQntuples(r);
  if (have + m > line_capacity) {
    line_capacity = 2 * (have + m);
    lines = room(lines, line_capacity * sizeof *lines);
    owners = room(owners, line_capacity * sizeof *owners);
    places = room(places, line_capacity * sizeof *places);
  }
  memset(slots, -1, sizeof slots);
  for (int i = 0; i < count; i++) {
    size_t s = slot_of(orders[first + i].id);
    while (slots[s] >= 0) s = (s + 1) % SLOTS;
    slots[s] = first + i;
  }
  for (size_t i = 0; i < m; i++) {
    order_line *line = &lines[have + i];
    line->id = be_i64(PQgetvalue(r, (int)i, 0));
    line->order_id = be_i64(PQgetvalue(r, (int)i, 1));
    line->product_id = be_i64(PQgetvalue(r, (int)i, 2));
    line->quantity = be_i64(PQgetvalue(r, (int)i, 3));
    size_t s = slot_of(line->order_id);
    while (orders[slots[s]].id != line->order_id) s = (s + 1) % SLOTS;
    owners[have + i] = (uint32_t)slots[s];
    orders[slots[s]].line_count++;
  }
  PQclear(r);
  return have + m;
}
/* Gives each order its part of the places, and puts each line there. */
static void attach(int count, size_t line_count) {
  order_line **next = places;
  for (int i = 0; i < count; i++) {
    orders[i].lines = next;
    next += orders[i].line_count;
    orders[i].line_count = 0;
  }
  for (size_t i = 0; i < line_count; i++) {
    order *owner = &orders[owners[i]];
    owner->lines[owner->line_count++] = &lines[i];
  }
}
static void add_up(const order *o) {
  uint64_t sum = 0;
  for (size_t i = 0; i < o->line_count; i++)
    sum += peer_line(o->lines[i]->id, o->lines[i]->order_id, o->lines[i]->product_id, o->lines[i]->quantity);
  peer_hash(o->id, o->tenant_id, o->amount_cents, o->state, strlen(o->state));
  peer_hash_lines(sum);
}
int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : GROUP, m;
  long long rows = 0;
  peer_start();
  db = PQconnectdb(getenv("PGDATABASE") ? "" : "dbname=bench");
  if (PQstatus(db) != CONNECTION_OK) die("connect");
  peer_connected();
  orders = room(NULL, sizeof *orders * (size_t)n);
  open_cursor(n);
  do {
    size_t line_count = 0;
    m = fetch_orders();
    for (int first = 0; first < m; first += GROUP) line_count = take_lines(first, m - first < GROUP ? m - first : GROUP, line_count);
    attach(m, line_count);
    peer_first();
    for (int i = 0; i < m; i++) add_up(&orders[i]);
    rows += m;
  } while (m == n);
  command("COMMIT");
  PQfinish(db);
  free(orders);
  free(lines);
  free(owners);
  free(places);
  peer_report(rows);
  return 0;
}
