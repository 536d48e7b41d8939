/* One page of an ordered statement: executed, taken into memory whole, its transaction ended where that is wanted, its keys found.
 *
 * Key columns that the program did not select, or whose members may hold another value than the row has, are selected behind its own
 * columns and hidden from it. */
#include "transfer/page_read.h"
#include <string.h>
#include "base/error.h"
#include "engine/result.h"
#include "transfer/order_parts.h"

void weir_page_rows_init(weir_page_rows *page)
{
    *page = (weir_page_rows){ .count = 0 };
    weir_arena_init(&page->arena, weir_ledger_root(), WEIR_MEMORY_HANDLES, 0);
}

void weir_page_rows_free(weir_page_rows *page)
{
    if (page->result)
        weir_result_drop(&page->result);
    weir_arena_free(&page->arena);
    weir_page_rows_init(page);
}

/* ---- preparing ---- */

/* What a session makes of the statement: instances, joined collections. */
static int look_at_shape(const weir_order *order, weir_keyset_home *home, weir_error *error)
{
    weir_compiled compiled;
    weir_arena arena;
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 4096);
    int status = weir_stmt_compile(order->stmt, order->dialect, &arena, &compiled, error);
    const weir_select_shape *shape = status == WEIR_OK ? compiled.shape : NULL;
    if (shape && shape->visible_count == 1 && shape->items[0].kind == WEIR_ITEM_ENTITY)
        home->delivers = shape->items[0].entity;
    home->joins = shape && shape->item_count > shape->visible_count;
    home->joins_collection = shape && shape->joined_collection;
    weir_arena_free(&arena);
    return status;
}

int weir_page_prepare(const weir_order *order, weir_keyset_home *home, weir_error *error)
{
    bool in_session = home->session != NULL;
    for (size_t i = 0; i < order->count; i++)
        if (!weir_order_has(order, i, in_session) && order->stmt->tree->distinct)
            return weir_error_set(error, WEIR_INVALID_REQUEST, "a DISTINCT select must select what it is ordered by: %s is not among its columns",
                                  order->columns[i].name);
    return in_session && !order->textual ? look_at_shape(order, home, error) : WEIR_OK;
}

/* ---- the statement ---- */

/* The statement of the page and one row more. */
static weir_stmt *page_statement(const weir_order *order, const weir_keyset_home *home, const weir_order_range *range)
{
    weir_order_range with_one_more = *range;
    with_one_more.limit++;
    weir_stmt *stmt = weir_order_page(order, &with_one_more, home->session != NULL, !home->joins);
    if (!home->session)
        weir_disable_eagerloads(stmt);
    weir_yield_per(stmt, 0);
    weir_stream_results(stmt, WEIR_UNSET);
    weir_max_row_buffer(stmt, 0);
    return stmt;
}

static size_t count_hidden(const weir_order *order, const weir_keyset_home *home)
{
    size_t hidden = 0;
    for (size_t i = 0; i < order->count; i++)
        hidden += !weir_order_has(order, i, home->session != NULL);
    return hidden;
}

/* ---- executing ---- */

/* A session's page is read as a stream of one batch, whose instances live as long as the page; a stream needs a transaction, and can
 * join no collection: else it is buffered, and the session holds them. */
static bool can_stream(const weir_keyset_home *home, const weir_connection *connection)
{
    weir_execution_options options;
    weir_connection_get_options(connection, &options);
    return !home->joins_collection && (options.isolation_level != WEIR_AUTOCOMMIT || weir_connection_in_transaction(connection));
}

static int execute_in_session(const weir_keyset_home *home, const weir_stmt *stmt, int64_t rows, weir_page_rows *page, weir_error *error)
{
    const weir_execution_options *buffered = WEIR_EXECUTION_OPTIONS(.stream_results = WEIR_OFF);
    const weir_execution_options *streamed = WEIR_EXECUTION_OPTIONS(.yield_per = rows + 2, .prefetch = WEIR_OFF);   /* the end comes with it */
    const weir_connection *connection = weir_session_connection(home->session);
    if (connection == weir_connection_closed())         /* told now: executing would try, and wait, once more */
        return weir_error_keep(error, weir_session_error(home->session));
    const weir_execution_options *options = can_stream(home, connection) ? streamed : buffered;
    page->result = (home->delivers ? weir_session_scalars_with : weir_session_execute_with)(home->session, stmt, options);
    if (home->joins_collection)
        weir_result_unique(page->result);
    return WEIR_OK;
}

/* Hides what the program did not ask for. */
static int hide(weir_result *result, size_t hidden, weir_error *error)
{
    if (!hidden || !result->view || result->instance_entity)
        return WEIR_OK;
    size_t count = result->view->count - hidden;
    int *indexes = weir_alloc(NULL, WEIR_MEMORY_HANDLES, (count + 1) * sizeof *indexes);
    if (!indexes)
        return weir_error_out_of_memory(error);
    for (size_t i = 0; i < count; i++)
        indexes[i] = (int)i;
    int status = weir_result_columns(result, indexes, count);
    weir_free(indexes);
    return status == WEIR_OK ? status : weir_error_keep(error, weir_result_error(result));
}

/* Takes all rows of the result, at most limit of them and whether there are more; backwards ones are turned round. */
static int collect(weir_page_rows *page, const weir_order_range *range, bool *more, weir_error *error)
{
    const weir_partition *all = weir_result_all(page->result);
    if (!all)
        return weir_error_keep(error, weir_result_error(page->result));
    size_t limit = (size_t)range->limit, count = all->count < limit ? all->count : limit;
    *more = all->count > limit;
    page->rows = weir_arena_take(&page->arena, (all->count + 1) * sizeof *page->rows);
    page->instances = all->instances ? weir_arena_take(&page->arena, (count + 1) * sizeof *page->instances) : NULL;
    if (!page->rows || (all->instances && !page->instances))
        return weir_error_out_of_memory(error);
    for (size_t i = 0; i < count; i++) {
        size_t at = range->backwards ? count - 1 - i : i;
        page->rows[at] = all->rows[i];
        if (all->instances)
            page->instances[at] = all->instances[i];
    }
    page->rows[count] = *more ? all->rows[count] : NULL;        /* to be compared with its neighbour */
    page->count = count;
    return WEIR_OK;
}

/* ---- keys ---- */

static int hidden_value(const weir_order *order, size_t index, const weir_row *row, weir_value *out, weir_error *error)
{
    const weir_view *whole = row->view->result->whole;
    char name[WEIR_HIDDEN_NAME_SIZE];
    weir_order_hidden_name(index, name);
    for (size_t i = 0; i < whole->count; i++)
        if (whole->columns[i].name && !strcmp(whole->columns[i].name, name)) {
            *out = row->cells[weir_view_cell(whole, i)];
            if (order->columns[index].nullable || !weir_value_is_null(out))
                return WEIR_OK;
            return weir_error_set(error, WEIR_DATA, "the order's column %s is NULL in a row, although it is mapped as one that is never NULL",
                                  order->columns[index].name);
        }
    return weir_error_set(error, WEIR_INVALID_REQUEST, "the rows have no column %s to be ordered by", order->columns[index].name);
}

static int key_of(const weir_order *order, const weir_keyset_home *home, const weir_page_rows *page, size_t row, weir_value *key,
                  weir_error *error)
{
    if (home->delivers && page->instances && row < page->count) {
        bool whole = true;
        for (size_t i = 0; i < order->count; i++)
            whole = whole && weir_order_has(order, i, true);
        if (whole)
            return weir_order_key_of_instance(order, page->instances[row], key, error);
    }
    for (size_t i = 0; i < order->count; i++) {
        int status = weir_order_has(order, i, home->session != NULL) ? weir_order_value(order, i, page->rows[row], &key[i], error)
                                                                      : hidden_value(order, i, page->rows[row], &key[i], error);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

int weir_page_key(const weir_order *order, const weir_keyset_home *home, const weir_page_rows *page, size_t row, weir_value *key,
                  weir_error *error)
{
    return key_of(order, home, page, row, key, error);
}

static int refuse_same(const weir_order *order, const weir_value *key, weir_error *error)
{
    char shown[120];
    weir_value_format(&key[0], shown, sizeof shown);
    return weir_error_set(error, WEIR_INVALID_REQUEST,
                          "the order is not unique: two rows have the same place in it (%s = %s%s). Order by a unique column, too",
                          weir_order_name(order, 0), shown, weir_order_count(order) > 1 ? ", …" : "");
}

/* The keys of the first and the last row; any two neighbours must differ. */
static int find_keys(const weir_order *order, const weir_keyset_home *home, weir_page_rows *page, bool more, bool backwards, weir_error *error)
{
    size_t size = order->count * sizeof(weir_value);
    weir_value *keys = weir_arena_take(&page->arena, 4 * size), *before = keys + 2 * order->count, *now = before + order->count;
    if (!keys)
        return weir_error_out_of_memory(error);
    for (size_t i = 0; i < page->count; i++) {
        weir_value *swap = before;
        before = now;
        now = swap;
        if (key_of(order, home, page, i, now, error) != WEIR_OK)
            return error->status;
        if (i && weir_order_same(order, before, now))
            return refuse_same(order, now, error);
        if (i == 0)
            memcpy(keys, now, size);
    }
    if (!page->count)
        return WEIR_OK;
    memcpy(keys + order->count, now, size);
    page->first = keys;
    page->last = keys + order->count;
    if (!more || home->delivers)        /* an instance's key is its own */
        return WEIR_OK;
    if (key_of(order, home, page, page->count, before, error) != WEIR_OK)
        return error->status;
    return weir_order_same(order, before, backwards ? page->first : page->last) ? refuse_same(order, before, error) : WEIR_OK;
}

/* ---- the end of its transaction ---- */

static int end_session(const weir_keyset_home *home, const weir_page_rows *page, weir_error *error)
{
    if (weir_session_commit(home->session) != WEIR_OK)
        return weir_error_keep(error, weir_session_error(home->session));
    if (page->instances && page->count && (weir_state_of(page->instances[0]) & WEIR_STATE_EXPIRED))
        return weir_error_set(error, WEIR_INVALID_REQUEST,
                              "the session's commit has expired what the page brought: open it with .expire_on_commit = WEIR_OFF to stream by keyset");
    return WEIR_OK;
}

/* ---- the whole ---- */

static int read_result(const weir_order *order, const weir_keyset_home *home, const weir_order_range *range, size_t hidden,
                       weir_page_rows *page, bool *more, weir_error *error)
{
    weir_result *result = page->result;
    if (weir_error_keep(error, weir_result_error(result)) != WEIR_OK || hide(result, hidden, error) != WEIR_OK ||
        collect(page, range, more, error) != WEIR_OK)
        return error->status;
    return find_keys(order, home, page, *more, range->backwards, error);
}

/* On a connection of its own, which is given back before the rows are handed out. */
static int read_on_engine(const weir_order *order, const weir_keyset_home *home, const weir_stmt *stmt, const weir_order_range *range,
                          size_t hidden, weir_page_rows *page, bool *more, weir_error *error)
{
    weir_connection *connection = weir_engine_connect_at_(home->engine, "weir_stream_by_keyset");
    page->result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.stream_results = WEIR_OFF));
    int status = read_result(order, home, range, hidden, page, more, error);
    if (status == WEIR_OK && weir_connection_commit(connection) != WEIR_OK)
        status = weir_error_keep(error, weir_connection_error(connection));
    int closed = weir_connection_close(&connection);
    if (status == WEIR_OK && closed != WEIR_OK)
        status = weir_error_set(error, closed, "the page's connection could not be given back");
    return status;
}

int weir_page_read(const weir_order *order, const weir_keyset_home *home, const weir_order_range *range, weir_page_rows *page, bool *more,
                   weir_error *error)
{
    int status;
    weir_page_rows_free(page);
    weir_stmt *stmt = page_statement(order, home, range);
    size_t hidden = count_hidden(order, home);
    *more = false;
    if (home->engine) {
        status = read_on_engine(order, home, stmt, range, hidden, page, more, error);
    } else {
        status = WEIR_OK;
        if (home->session)
            status = execute_in_session(home, stmt, range->limit, page, error);
        else
            page->result = weir_connection_execute(home->connection, stmt, WEIR_EXECUTION_OPTIONS(.stream_results = WEIR_OFF));
        if (status == WEIR_OK)
            status = read_result(order, home, range, hidden, page, more, error);
        if (status == WEIR_OK && home->ends)
            status = end_session(home, page, error);
    }
    weir_stmt_free(&stmt);
    if (status != WEIR_OK)
        weir_page_rows_free(page);
    return status;
}
