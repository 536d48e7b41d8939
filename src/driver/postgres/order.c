/* Whether a page's write meets its rows in the order of the sets, so that nothing has to be locked first. Its keys are compared by
 * "= ANY (ARRAY[…])", which no hash or merge join can do: a nested loop is left. Without sequential and bitmap scans the sets are outside, in
 * their order, and an index of the key inside, whatever the statistics say. That it is so is seen once per call, by EXPLAIN of the plan that is
 * kept; the table cannot lose its index before the transaction ends (decision 0025). */
#include <stdio.h>
#include <string.h>
#include "driver/postgres/pg.h"

#define GUARD_NAME "weir_order"

/* Set for the statement alone, and put back by value in the same round trip (RULES W4). */
#define WITH(name, value)                                                                                   \
    "pg_catalog.set_config('weir." name "', pg_catalog.current_setting('" name "'), true), "               \
    "pg_catalog.set_config('" name "', '" value "', true)"
#define BACK(name) "pg_catalog.set_config('" name "', pg_catalog.current_setting('weir." name "'), true)"
#define ORDERED_SQL                                                                                         \
    "SELECT " WITH("plan_cache_mode", "force_generic_plan") ", " WITH("enable_seqscan", "off") ", "        \
    WITH("enable_bitmapscan", "off") ", " WITH("enable_indexscan", "on")
#define FREED_SQL                                                                                           \
    "SELECT " BACK("plan_cache_mode") ", " BACK("enable_seqscan") ", " BACK("enable_bitmapscan") ", " BACK("enable_indexscan")

void weir_pg_send_ordered(weir_pg_link *link, bool on)
{
    if (on)
        weir_pg_send_bracket(link, WEIR_PG_ORDERED_NAME, ORDERED_SQL, &link->ordered_parsed, true);
    else
        weir_pg_send_bracket(link, WEIR_PG_FREED_NAME, FREED_SQL, &link->freed_parsed, true);
    weir_pg_expect(link, WEIR_PG_PART_PLAIN);
}

static void send_plain(weir_pg_link *link, const char *sql)
{
    weir_pg_send_simple(link, sql);
    weir_pg_expect(link, WEIR_PG_PART_PLAIN);
}

/* The plan that is kept is the same for any values. */
static int send_explain(weir_pg_link *link, const weir_pg_statement *statement)
{
    weir_buffer sql;
    weir_buffer_init(&sql, link->base.ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    weir_buffer_printf(&sql, "EXPLAIN (COSTS OFF) EXECUTE %s", statement->name);
    for (size_t i = 0; i < statement->parameter_count; i++)
        weir_buffer_text(&sql, i ? ", NULL" : "(NULL");
    weir_buffer_text(&sql, statement->parameter_count ? ")" : "");
    const char *text = weir_buffer_cstr(&sql);
    if (text)
        weir_pg_send_simple(link, text);
    weir_buffer_free(&sql);
    weir_pg_expect(link, WEIR_PG_PART_PLAN);
    return text ? WEIR_OK : weir_error_out_of_memory(&link->base.error);
}

int weir_pg_ask_order(weir_link *base, weir_cursor *base_cursor)
{
    weir_pg_link *link = (weir_pg_link *)base;
    weir_pg_cursor *cursor = (weir_pg_cursor *)base_cursor;
    int status = weir_pg_operation_begin(link, WEIR_PG_ORDER, cursor);
    if (status != WEIR_OK)
        return status;
    size_t mark = link->out.length;
    link->plan_lines = 0;
    link->plan_differs = link->plan_refused = base_cursor->in_order = false;
    weir_pg_send_begin(link);
    send_plain(link, "SAVEPOINT " GUARD_NAME);
    weir_pg_send_ordered(link, true);
    status = send_explain(link, cursor->statement);
    weir_pg_send_ordered(link, false);
    send_plain(link, "RELEASE SAVEPOINT " GUARD_NAME);
    if (status != WEIR_OK)
        return weir_pg_take_back(link, mark, status);
    weir_pg_tell_round_trip(link, "plan", 0);
    return weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, cursor);
}

/* ---- the answer --------------------------------------------------------------------------------------------------------------------- */
/* All lines of the plan, without their arrows. A filter, a subplan, a partition would be a line more. */
static const struct { const char *begin; bool whole; } wanted[] = {
    { "Update on ", false }, { "Nested Loop", true }, { "Function Scan on ", false }, { "Index Scan using ", false }, { "Index Cond: ", false },
};
enum { WANTED = sizeof wanted / sizeof *wanted };

static bool is_line(size_t number, const char *text, size_t length)
{
    const char *begin = number == 0 && length && *text == 'D' ? "Delete on " : wanted[number].begin;
    size_t size = strlen(begin);
    return length >= size && !memcmp(text, begin, size) && (!wanted[number].whole || length == size);
}

int weir_pg_order_row(weir_pg_link *link, const uint8_t *body, size_t length)
{
    weir_pg_reader r = { body, body + length, false };
    uint16_t columns = weir_pg_read_u16(&r);
    int32_t size = columns == 1 ? (int32_t)weir_pg_read_u32(&r) : -1;
    const char *text = size > 0 ? (const char *)weir_pg_read_bytes(&r, (size_t)size) : NULL;
    if (!text || r.bad) {
        link->plan_differs = true;
        return WEIR_OK;
    }
    const char *end = text + size;
    while (text < end && (*text == ' ' || *text == '-' || *text == '>'))
        text++;
    if (link->plan_lines >= WANTED || !is_line(link->plan_lines, text, (size_t)(end - text)))
        link->plan_differs = true;
    link->plan_lines++;
    return WEIR_OK;
}

/* A server that knows no such settings or statements, or does not let this user: it is as if there were no such plan. */
static bool cannot_tell(const weir_error *error)
{
    static const char *const classes[] = { "0A", "22", "26", "42" };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (!strncmp(error->sqlstate, classes[i], 2))
            return true;
    return false;
}

int weir_pg_order_next(weir_pg_link *link)
{
    if (link->group_error.status == WEIR_OK) {
        link->cursor->base.in_order = !link->plan_refused && !link->plan_differs && link->plan_lines == WANTED;
        return WEIR_OK;
    }
    if (link->plan_refused || !cannot_tell(&link->group_error))
        return weir_pg_group_failed(link);
    if (weir_pg_names_our_statement(link, &link->group_error))    /* somebody made it forget what was prepared */
        weir_pg_statements_doubted(link);
    weir_error_clear(&link->group_error);
    link->plan_refused = true;
    link->part_count = link->part_next = link->parse_count = link->parse_next = 0;
    send_plain(link, "ROLLBACK TO SAVEPOINT " GUARD_NAME);
    send_plain(link, "RELEASE SAVEPOINT " GUARD_NAME);
    int status = weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, link->cursor);
    return status == WEIR_OK ? 1 : status;
}
