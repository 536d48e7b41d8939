/* Pages of parameter sets in one exchange: a savepoint, the locks, then one statement over arrays or one execution per set, and the
 * release. Decision 0020 has the figures by which the one or the other is chosen. */
#include <string.h>
#include "driver/postgres/fields.h"
#include "driver/postgres/pg.h"

static weir_pg_cursor *pg_cursor(weir_cursor *cursor) { return (weir_pg_cursor *)cursor; }

/* ---- types ---------------------------------------------------------------------------------------------------------------------- */
const char *weir_pg_array_type(weir_link *link, const weir_cursor *described, size_t column)
{
    const weir_pg_type *type = ((const weir_pg_cursor *)described)->statement->columns[column].type;
    (void)link;
    if (type->type == WEIR_T_ARRAY || !weir_pg_type_has_bytes(type))
        return NULL;
    if (!strcmp(type->name, "character"))       /* as a cast that is character(1) */
        return "bpchar";
    return !strcmp(type->name, "bit") ? "\"bit\"" : type->name;
}

/* ---- sending ---------------------------------------------------------------------------------------------------------------------- */
static int no_memory(weir_pg_link *link) { return weir_error_out_of_memory(&link->base.error); }

static void set_length(weir_buffer *out, size_t mark)
{
    if (out->failed)
        return;
    uint32_t length = __builtin_bswap32((uint32_t)(out->length - mark - 4));
    memcpy(out->data + mark, &length, 4);
}

static void begin_bind(weir_pg_link *link, const weir_cursor *cursor, const weir_pg_statement *statement, size_t *mark)
{
    *mark = weir_pg_message_begin(link, 'B');
    weir_pg_send_cstr(link, "");
    weir_pg_send_cstr(link, statement->name);
    weir_buffer_u16(&link->out, (uint16_t)cursor->statement->value_count);
    for (size_t i = 0; i < cursor->statement->value_count; i++)
        weir_buffer_u16(&link->out, 1);         /* binary, unless a value turns out to be text */
    weir_buffer_u16(&link->out, (uint16_t)cursor->statement->value_count);
}

static void end_bind(weir_pg_link *link, const weir_cursor *cursor, const weir_pg_statement *statement, size_t mark)
{
    if (statement->returns_rows && cursor->sink)
        weir_pg_send_result_formats(link, statement);
    else
        weir_buffer_u16(&link->out, 0);
    weir_pg_message_end(link, mark);
    weir_pg_send_execute(link, "", 0);
}

static size_t format_at(size_t mark, const weir_pg_statement *statement, size_t parameter)
{
    return mark + 4 + 1 + strlen(statement->name) + 1 + 2 + parameter * 2 + 1;
}

/* One parameter of whatever form, behind the room for its length. */
static int put_parameter(weir_pg_link *link, const weir_pg_statement *statement, size_t bind_mark, size_t parameter, const weir_value *value)
{
    size_t mark = link->out.length;
    int16_t format = 1;
    weir_buffer_u32(&link->out, UINT32_MAX);
    if (value->type == WEIR_T_NULL)
        return WEIR_OK;
    int status = weir_pg_encode(value, statement->parameter_types[parameter], &link->out, &format, &link->base.error);
    if (status != WEIR_OK || link->out.failed)
        return status != WEIR_OK ? status : no_memory(link);
    set_length(&link->out, mark);
    link->out.data[format_at(bind_mark, statement, parameter)] = (char)format;
    return WEIR_OK;
}

/* The statement's own values, behind those of the sets. */
static int put_rest(weir_pg_link *link, const weir_cursor *cursor, const weir_pg_statement *statement, size_t bind_mark, size_t first)
{
    const weir_compiled *compiled = cursor->statement;
    int status = WEIR_OK;
    for (size_t i = first; i < compiled->value_count && status == WEIR_OK; i++) {
        status = put_parameter(link, statement, bind_mark, i, &compiled->values[i]);
        if (status != WEIR_OK)
            weir_error_context(&link->base.error, "bind parameter '%s'", compiled->names[i]);
    }
    return status;
}

static int refuse(weir_pg_link *link, const weir_lane *lane, size_t set, int status)
{
    weir_error *error = &link->base.error;
    if (status == WEIR_DATA) {
        weir_error_context(error, "column '%s'", lane->name);
        weir_error_text(error->column, sizeof error->column, lane->name, strlen(lane->name));
        link->page->refused = true;
        link->page->done = set;
    }
    return status;
}

/* One dimension from 1, all of the feed's values of the lane. */
static int put_array(weir_pg_link *link, const weir_feed *feed, const weir_lane *lane, const weir_pg_type *type)
{
    weir_buffer *out = &link->out;
    weir_pg_field field = { .modifier = -1 };
    size_t mark = out->length;
    if (!type || !type->element)
        return weir_error_set(&link->base.error, WEIR_INTERNAL, "the server takes no array for column '%s'", lane->name);
    weir_pg_field_plan(&field, lane, type->element);
    weir_buffer_u32(out, 0);
    weir_buffer_u32(out, 1);
    weir_buffer_u32(out, 1);                    /* may have NULLs */
    weir_buffer_u32(out, type->element_oid);
    weir_buffer_u32(out, (uint32_t)feed->count);
    weir_buffer_u32(out, 1);
    for (size_t i = 0; i < feed->count; i++) {
        int status = field.put(&field, weir_feed_at(feed, lane, i), out, &link->base.error);
        if (status != WEIR_OK)
            return refuse(link, lane, i, status);
    }
    set_length(out, mark);
    return out->failed ? no_memory(link) : WEIR_OK;
}

/* What has no name was replaced as the unnamed statement by the one before. */
static void parse_unnamed(weir_pg_link *link, const weir_cursor *cursor, const weir_pg_statement *statement)
{
    if (!cursor->named)
        weir_pg_send_parse(link, "", statement->sql, statement->parameter_oids, statement->parameter_count, NULL);
}

static int send_arrays(weir_pg_link *link, weir_cursor *cursor, const weir_feed *feed)
{
    const weir_pg_statement *statement = pg_cursor(cursor)->statement;
    size_t mark;
    int status = WEIR_OK;
    parse_unnamed(link, cursor, statement);
    begin_bind(link, cursor, statement, &mark);
    for (size_t i = 0; i < feed->lane_count && status == WEIR_OK; i++)
        status = put_array(link, feed, &feed->lanes[i], statement->parameter_types[i]);
    if (status == WEIR_OK)
        status = put_rest(link, cursor, statement, mark, feed->lane_count);
    end_bind(link, cursor, statement, mark);
    return status;
}

static int send_set(weir_pg_link *link, weir_cursor *cursor, const weir_pg_statement *statement, const weir_feed *feed, size_t set)
{
    char reason[WEIR_REASON_SIZE];
    size_t mark;
    int status = WEIR_OK;
    begin_bind(link, cursor, statement, &mark);
    for (size_t i = 0; i < feed->lane_count && status == WEIR_OK; i++) {
        const weir_lane *lane = &feed->lanes[i];
        weir_value value;
        status = weir_lane_value(lane, weir_feed_at(feed, lane, set), &value, reason);
        if (status != WEIR_OK)
            weir_error_set(&link->base.error, status, "%s", reason);
        else
            status = put_parameter(link, statement, mark, i, &value);
        if (status != WEIR_OK)
            return refuse(link, lane, set, status);
    }
    status = put_rest(link, cursor, statement, mark, feed->lane_count);
    end_bind(link, cursor, statement, mark);
    return status;
}

static int send_sets(weir_pg_link *link, weir_cursor *cursor, const weir_feed *feed)
{
    const weir_pg_statement *statement = pg_cursor(cursor)->statement;
    int status = WEIR_OK;
    parse_unnamed(link, cursor, statement);
    for (size_t i = 0; i < feed->count && status == WEIR_OK; i++)
        status = send_set(link, cursor, statement, feed, i);
    return status;
}

static void send_plain(weir_pg_link *link, bool wanted, const char *sql)
{
    if (!wanted)
        return;
    weir_pg_send_simple(link, sql);
    weir_pg_expect(link, WEIR_PG_PART_PLAIN);
}

static int send_page(weir_pg_link *link, weir_page_run *run)
{
    int status = WEIR_OK;
    weir_pg_send_begin(link);
    send_plain(link, run->release_before, "RELEASE SAVEPOINT " WEIR_PAGE_SAVEPOINT);
    send_plain(link, run->guarded, "SAVEPOINT " WEIR_PAGE_SAVEPOINT);
    if (run->lock) {
        status = send_arrays(link, run->lock, run->lock_feed);
        weir_pg_expect(link, WEIR_PG_PART_PLAIN);
    }
    if (run->write->in_order)
        weir_pg_send_ordered(link, true);
    if (status == WEIR_OK)
        status = run->arrays ? send_arrays(link, run->write, run->feed) : send_sets(link, run->write, run->feed);
    weir_pg_expect(link, run->arrays ? WEIR_PG_PART_ROWS : WEIR_PG_PART_SETS);
    if (run->write->in_order)
        weir_pg_send_ordered(link, false);
    send_plain(link, run->release, "RELEASE SAVEPOINT " WEIR_PAGE_SAVEPOINT);
    return status == WEIR_OK && link->out.failed ? no_memory(link) : status;
}

int weir_pg_run_page(weir_link *base, weir_page_run *run)
{
    weir_pg_link *link = (weir_pg_link *)base;
    run->unsent = true;
    int status = weir_pg_operation_begin(link, WEIR_PG_PAGE, pg_cursor(run->write));
    if (status != WEIR_OK)
        return status;
    link->page = run;
    run->done = 0;
    run->matched = 0;
    run->missed = SIZE_MAX;
    run->refused = false;
    size_t mark = link->out.length;
    status = send_page(link, run);
    if (status != WEIR_OK) {
        weir_pg_refused_by_kept_types(pg_cursor(run->write), status);
        return weir_pg_take_back(link, mark, status);
    }
    run->unsent = false;
    weir_pg_tell_round_trip(link, "page", (int64_t)run->feed->count);
    return weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, pg_cursor(run->write));
}

bool weir_pg_page_goes_on(weir_pg_link *link, int64_t matched)
{
    weir_page_run *run = link->page;
    run->matched += matched;
    if (matched == 0 && run->missed == SIZE_MAX)
        run->missed = run->done;
    if (run->ends)
        run->ends[run->done] = run->write->sink->count;
    return ++run->done < run->feed->count;
}
