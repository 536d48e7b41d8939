/* The exchange with the server: answers are taken group by group, each for the one who asked (RULES W1, W5, W7, W10). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "driver/postgres/pg.h"

enum {
    TURN_BYTES = 256 * 1024, TURN_NS = 500 * 1000,     /* so much is read without a rest */
    LARGEST_MESSAGE = 1 << 30,                          /* the server builds none that is longer */
    GIANT_AT_ONCE = 1 << 20                             /* of a longer row's bytes half are there before there is memory for the rest */
};

static weir_pg_group *front(weir_pg_link *link) { return link->group_count ? &link->groups[0] : NULL; }

static bool front_is_operation(weir_pg_link *link)
{
    return link->group_count && link->groups[0].kind == WEIR_PG_GROUP_OPERATION;
}

int weir_pg_operation_begin(weir_pg_link *link, weir_pg_operation operation, weir_pg_cursor *cursor)
{
    link->base.commits = false;
    if (link->base.lost)
        return weir_pg_lost(link, WEIR_OPERATIONAL, "the connection to the server was lost before");
    if (link->copy && operation != WEIR_PG_COPY)
        return weir_error_set(&link->base.error, WEIR_INVALID_REQUEST, "a COPY is open on this connection: finish or abort it first");
    weir_error_clear(&link->base.error);
    link->operation = operation;
    link->cursor = cursor;
    link->operation_done = link->begin_sent = link->replay = link->commits = link->row_waits = link->draining = false;
    link->part_count = link->part_next = link->parse_count = link->parse_next = 0;
    link->short_reads = 0;
    link->bulk = link->low_water_stays = false;
    link->last_progress = link->last_rest = weir_now();
    link->unbroken = 0;
    if (cursor) {
        cursor->rows_from = cursor->base.rows;
        cursor->bytes_from = cursor->base.bytes;
    }
    return WEIR_OK;
}

void weir_pg_discard_ahead(weir_pg_link *link, weir_pg_cursor *cursor)
{
    for (size_t i = 0; i < link->group_count; i++)
        if (link->groups[i].cursor == cursor && link->groups[i].kind == WEIR_PG_GROUP_AHEAD)
            link->groups[i] = (weir_pg_group){ WEIR_PG_GROUP_DISCARD, NULL };
    if (link->spilling && link->spilling_for == cursor) {
        link->skip = link->spilling;
        link->spilling = 0;
    }
    if (link->disk_for == cursor)
        link->disk_for = NULL;
    weir_pg_drop_kept(cursor);
}

/* ---- messages that may come at any time ------------------------------------------------------------------------------- */
static void take_notice(weir_pg_link *link, const uint8_t *body, size_t length)
{
    weir_error notice;
    char severity[32] = "NOTICE";
    weir_pg_read_error(body, length, &notice, severity);
    if (link->base.listener.notice)
        link->base.listener.notice(link->base.listener.context, severity, notice.message);
}

static void take_notification(weir_pg_link *link, const uint8_t *body, size_t length)
{
    weir_pg_reader r = { body, body + length, false };
    int pid = (int)weir_pg_read_u32(&r);
    const char *channel = weir_pg_read_cstr(&r), *payload = weir_pg_read_cstr(&r);
    if (!r.bad && link->base.listener.notification)
        link->base.listener.notification(link->base.listener.context, channel, payload, pid);
    if (link->operation == WEIR_PG_LISTEN && !link->group_count)
        link->operation_done = true;
}

static void take_parameter(weir_pg_link *link, const uint8_t *body, size_t length)
{
    weir_pg_reader r = { body, body + length, false };
    const char *name = weir_pg_read_cstr(&r), *value = weir_pg_read_cstr(&r);
    if (!strcmp(name, "client_encoding"))
        snprintf(link->encoding, sizeof link->encoding, "%s", strcmp(value, "UTF8") != 0 ? value : "");
}

/* ---- errors ------------------------------------------------------------------------------------------------------------- */
static bool is_fatal(const char *severity) { return !strcmp(severity, "FATAL") || !strcmp(severity, "PANIC"); }

int weir_pg_take_error(weir_pg_link *link, const uint8_t *body, size_t length)
{
    weir_error error;
    char severity[32] = "";
    weir_pg_read_error(body, length, &error, severity);
    bool fatal = is_fatal(severity);
    if (fatal)
        error.disconnect = true;
    if (fatal || (!link->group_count && !link->replay)) {
        link->base.error = error;
        link->base.error.disconnect = true;
        link->base.lost = true;
        return error.status;
    }
    if (link->group_error.status == WEIR_OK)
        link->plan_is_old = weir_pg_error_is_from("RevalidateCachedQuery", body, length);
    weir_error_keep(&link->group_error, &error);
    return WEIR_OK;
}

/* ---- messages of the operation's group -------------------------------------------------------------------------------------- */
/* The number at the end of "UPDATE 12", "INSERT 0 3", "SELECT 5", "FETCH 100"; 0 where there is none. */
static int64_t count_in_tag(const char *tag)
{
    const char *last = strrchr(tag, ' ');
    return last && last[1] >= '0' && last[1] <= '9' ? strtoll(last + 1, NULL, 10) : 0;
}

/* The server answers COMMIT in an aborted transaction with the tag ROLLBACK, and calls it success (decision 0008). */
static void refuse_quiet_rollback(weir_pg_link *link)
{
    weir_error error;
    weir_error_set(&error, WEIR_INTERNAL, "the transaction was aborted by an error: it has been rolled back instead of committed");
    snprintf(error.sqlstate, sizeof error.sqlstate, "25P02");
    weir_error_keep(&link->group_error, &error);
}

/* A changed schema may change what the server would say of any text: its parameters' and columns' types. So may going back. */
static void note_schema(weir_pg_link *link, const char *tag)
{
    static const char *const changes[] = { "CREATE ", "ALTER ", "DROP ", "DO", "CALL" };
    bool changed = !strcmp(tag, "ROLLBACK") && link->schema_changed;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        changed = changed || !strncmp(tag, changes[i], strlen(changes[i]));
    if (!changed)
        return;
    link->schema_changed = true;
    weir_pg_statements_discard(link);
}

static weir_pg_part expected_part(const weir_pg_link *link)
{
    return link->part_next < link->part_count ? link->parts[link->part_next] : WEIR_PG_PART_PLAIN;
}

/* What a server says of the rows that it sent: nothing; all that were asked for; a number, of this Execute as PostgreSQL counts, or of the
 * portal so far, as servers do whose portals are one statement over all their Executes (CockroachDB). */
typedef enum telling { NOT_TOLD, ALL_ASKED, OF_EXECUTE, OF_EXECUTE_OR_PORTAL } telling;

/* What the server counted is what came: no row is lost or doubled in silence by whatever stands between. */
static int check_count(weir_pg_link *link, weir_pg_part part, telling told, int64_t said)
{
    weir_pg_cursor *cursor = link->cursor;
    if (part < WEIR_PG_PART_ROWS || !cursor)
        return WEIR_OK;
    int64_t came = cursor->base.rows - cursor->rows_before, of_portal = cursor->base.rows - cursor->rows_opened, asked = 0;
    cursor->rows_before = cursor->base.rows;
    if (part == WEIR_PG_PART_ROWS && cursor->asked_count) {
        asked = cursor->asked[0];
        memmove(cursor->asked, cursor->asked + 1, --cursor->asked_count * sizeof *cursor->asked);
    }
    if (told == ALL_ASKED)
        said = asked;
    bool right = came == said || (told == OF_EXECUTE_OR_PORTAL && of_portal == said);
    if (told == NOT_TOLD || right || !cursor->base.sink || link->group_error.status != WEIR_OK)
        return WEIR_OK;
    return weir_pg_lost(link, WEIR_INTERFACE, "the server says that it sent %lld rows, of which %lld came", (long long)said, (long long)came);
}

/* Only of reading statements: others count what they did, not what they return. */
static int check_tag(weir_pg_link *link, weir_pg_part part, const char *tag)
{
    bool of_select = !strncmp(tag, "SELECT ", 7);
    const char *count = of_select ? tag + 7 : !strncmp(tag, "FETCH ", 6) ? tag + 6 : "";
    bool counts = *count >= '0' && *count <= '9' && link->cursor && link->cursor->statement && link->cursor->statement->returns_rows;
    telling told = !counts || part != WEIR_PG_PART_ROWS ? NOT_TOLD : of_select ? OF_EXECUTE_OR_PORTAL : OF_EXECUTE;
    return check_count(link, part, told, strtoll(count, NULL, 10));
}

static void take_completion(weir_pg_link *link, const char *tag)
{
    weir_pg_part part = expected_part(link);
    link->part_next += link->part_next < link->part_count;
    if (link->commits && !strcmp(tag, "ROLLBACK"))
        refuse_quiet_rollback(link);
    if (!strcmp(tag, "DISCARD ALL") || !strcmp(tag, "DEALLOCATE ALL")) {
        weir_pg_statements_free(link);
        weir_pg_brackets_forgotten(link);
    }
    note_schema(link, tag);
    if (part == WEIR_PG_PART_SETS) {
        if (weir_pg_page_goes_on(link, count_in_tag(tag)))
            link->part_next--;
        return;
    }
    if (part != WEIR_PG_PART_ROWS || !link->cursor)
        return;
    weir_pg_note_reset(link, tag);
    weir_cursor *cursor = &link->cursor->base;
    int64_t count = count_in_tag(tag);
    if (!link->cursor->declared || link->cursor->batch_rows == 0 || count < link->cursor->batch_rows)
        cursor->ended = true;
    cursor->row_count = !strncmp(tag, "SELECT", 6) || !strncmp(tag, "FETCH", 5) ? -1 : count;
}

static int take_settings(weir_pg_link *link, const uint8_t *body, size_t length)
{
    weir_pg_reader r = { body, body + length, false };
    uint16_t columns = weir_pg_read_u16(&r);
    bool none = true;
    for (uint16_t i = 0; i < columns && i < 2; i++) {   /* statement_timeout, transaction_timeout: "0", or NULL before 17 */
        int32_t n = (int32_t)weir_pg_read_u32(&r);
        const uint8_t *text = n > 0 ? weir_pg_read_bytes(&r, (size_t)n) : NULL;
        if (text && !(n == 1 && *text == '0'))
            none = false;
    }
    if (link->cursor) {
        link->cursor->base.may_prefetch = none && !r.bad;
        link->cursor->settings_epoch = link->settings_epoch;
    }
    return WEIR_OK;
}

static int take_row(weir_pg_link *link, uint8_t *body, size_t length)
{
    if (link->group_error.status != WEIR_OK)
        return WEIR_OK;
    if (expected_part(link) == WEIR_PG_PART_SESSION)
        weir_pg_take_session(link, body, length);
    if (!link->cursor)
        return WEIR_OK;
    switch (expected_part(link)) {
    case WEIR_PG_PART_SETS:
    case WEIR_PG_PART_ROWS: {
        if (!link->cursor->base.sink)
            return WEIR_OK;
        int status = weir_pg_read_row(link, link->cursor, body, length, false);
        return link->base.lost ? status : WEIR_OK;
    }
    case WEIR_PG_PART_SETTINGS: return take_settings(link, body, length);
    case WEIR_PG_PART_CATALOG: return weir_pg_catalog_row(link, body, length);
    case WEIR_PG_PART_PLAN: return weir_pg_order_row(link, body, length);
    default: return WEIR_OK;
    }
}

static int refuse_copy(weir_pg_link *link, char type)
{
    weir_error error;
    weir_error_set(&error, WEIR_INVALID_REQUEST, "COPY cannot be executed as a statement; use the copy functions of the library");
    weir_error_keep(&link->group_error, &error);
    if (type == 'G') {                          /* CopyInResponse: the server waits for data */
        size_t mark = weir_pg_message_begin(link, 'f');
        weir_pg_send_cstr(link, "COPY is refused");
        weir_pg_message_end(link, mark);
        weir_pg_message_end(link, weir_pg_message_begin(link, 'S'));    /* ours was skipped in copy mode */
        return weir_pg_flush(link) < 0 ? link->base.error.status : WEIR_OK;
    }
    return WEIR_OK;
}

/* What fails on our side fails the operation at its group's end, so that the answers stay in step. */
static int fail_group(weir_pg_link *link, int status)
{
    if (status == WEIR_OK || link->base.lost)
        return status;
    weir_error_keep(&link->group_error, &link->base.error);
    return WEIR_OK;
}

static int take_in_operation(weir_pg_link *link, char type, uint8_t *body, size_t length)
{
    /* A description that nobody asked for would change what executions under way rely on. */
    weir_pg_statement *described = link->operation == WEIR_PG_PREPARE && link->cursor ? link->cursor->statement : NULL;
    switch (type) {
    case 'D': return take_row(link, body, length);
    case 'C': {
        weir_pg_reader r = { body, body + length, false };
        const char *tag = weir_pg_read_cstr(&r);
        int status = check_tag(link, expected_part(link), tag);
        if (status == WEIR_OK)
            take_completion(link, tag);
        return status;
    }
    case 's': {                                 /* PortalSuspended: there may be more */
        int status = check_count(link, expected_part(link), ALL_ASKED, 0);
        link->part_next++;
        return status;
    }
    case 'I':                                   /* EmptyQueryResponse */
        link->part_next++;
        return WEIR_OK;
    case 'E': return weir_pg_take_error(link, body, length);
    case '1':
        if (link->parse_next < link->parse_count && link->parse_flags[link->parse_next])
            *link->parse_flags[link->parse_next] = true;
        link->parse_next++;
        return WEIR_OK;
    case 't':
        return described ? fail_group(link, weir_pg_statement_parameters(link, described, body, length)) : WEIR_OK;
    case 'T':
        return described ? fail_group(link, weir_pg_statement_columns(link, described, body, length)) : WEIR_OK;
    case 'G': case 'H': case 'W': return refuse_copy(link, type);
    case '2': case '3': case 'n': case 'd': case 'c': return WEIR_OK;
    default:
        return weir_pg_lost(link, WEIR_INTERFACE, "the server sent a message of unknown type '%c'", type);
    }
}

/* ---- batches read ahead, taken raw because something else comes first -------------------------------------------------------- */
/* An error of a batch that nobody has asked for yet: the cause of what it aborts. The server's last words are everybody's. */
static int note_abort(weir_pg_link *link, const uint8_t *body, size_t length)
{
    weir_error error;
    char severity[32] = "";
    weir_pg_read_error(body, length, &error, severity);
    if (is_fatal(severity))
        return weir_pg_take_error(link, body, length);
    if (strcmp(error.sqlstate, "25P02") != 0)   /* that one has met a cause, and is none */
        weir_error_keep(&link->abort_cause, &error);
    return WEIR_OK;
}

static int take_ready(weir_pg_link *link, const uint8_t *body, size_t length)
{
    if (length != 1 || !link->group_count)
        return weir_pg_lost(link, WEIR_INTERFACE, "the server is ready for a query that nobody asked");
    link->base.transaction = *body == 'I' ? WEIR_LINK_IDLE : *body == 'T' ? WEIR_LINK_IN_TRANSACTION : WEIR_LINK_FAILED;
    weir_pg_group group = link->groups[0];
    memmove(link->groups, link->groups + 1, --link->group_count * sizeof *link->groups);
    if (group.kind == WEIR_PG_GROUP_AHEAD) {
        group.cursor->has_kept = true;
        link->operation_done = link->operation_done || link->draining;
        return WEIR_OK;
    }
    if (group.kind == WEIR_PG_GROUP_DISCARD)
        return WEIR_OK;
    if (group.kind == WEIR_PG_GROUP_COPY)
        return weir_pg_copy_over(link);
    int status = weir_pg_operation_next(link);
    if (status == WEIR_OK)
        link->operation_done = true;
    if (link->base.transaction != WEIR_LINK_FAILED)     /* also behind a ROLLBACK TO SAVEPOINT */
        weir_error_clear(&link->abort_cause);
    if (link->base.transaction == WEIR_LINK_IDLE)
        link->schema_changed = false;
    return status > 0 ? WEIR_OK : status;
}

/* What has no room in memory is put back, to be taken piece by piece. */
static int keep_whole(weir_pg_link *link, weir_pg_cursor *cursor, const uint8_t *message, size_t total)
{
    if (weir_pg_keeps_in_memory(cursor, total))
        return weir_pg_keep(link, cursor, message, total);
    link->in_start -= total;
    link->spilling = total;
    link->spilling_for = cursor;
    return WEIR_OK;
}

/* One whole message. `whole` begins with its type. */
static int take_message(weir_pg_link *link, uint8_t *whole, size_t total)
{
    char type = (char)whole[0];
    uint8_t *body = whole + 5;
    size_t length = total - 5;
    switch (type) {
    case 'N': take_notice(link, body, length); return WEIR_OK;
    case 'A': take_notification(link, body, length); return WEIR_OK;
    case 'S': take_parameter(link, body, length); return WEIR_OK;
    case 'Z': return take_ready(link, body, length);
    default: break;
    }
    weir_pg_group *group = front(link);
    if (!group)
        return type == 'E' ? weir_pg_take_error(link, body, length)
                           : weir_pg_lost(link, WEIR_INTERFACE, "the server sent a message '%c' that nobody asked for", type);
    switch (group->kind) {
    case WEIR_PG_GROUP_AHEAD:
    case WEIR_PG_GROUP_DISCARD: {
        int status = type == 'E' ? note_abort(link, body, length) : WEIR_OK;
        return status == WEIR_OK && group->kind == WEIR_PG_GROUP_AHEAD ? keep_whole(link, group->cursor, whole, total) : status;
    }
    case WEIR_PG_GROUP_COPY:
        return weir_pg_copy_message(link, type, body, length);
    default:
        return take_in_operation(link, type, body, length);
    }
}

/* ---- rows larger than the input buffer ------------------------------------------------------------------------------------------ */
static bool rows_are_wanted(weir_pg_link *link)
{
    return front_is_operation(link) && link->cursor && link->cursor->base.sink && link->group_error.status == WEIR_OK &&
           link->part_next < link->part_count && link->parts[link->part_next] >= WEIR_PG_PART_ROWS;
}

/* Only of those can a batch end anywhere. */
static bool is_streamed(const weir_pg_cursor *cursor)
{
    return cursor->base.mode == WEIR_MODE_PORTAL || cursor->base.mode == WEIR_MODE_DECLARED;
}

/* Behind a slice. And under a budget: a row that is decoded in place cannot be put back, so that it joins others only where there is plenty
 * of room; else the batch ends before it. */
static bool must_wait(const weir_pg_link *link, size_t total)
{
    weir_sink *sink = link->cursor->base.sink;
    bool plenty = link->cursor->in_place && weir_ledger_room(sink->arena->ledger) / 4 >= total;
    if (weir_pg_has_slice(link->cursor) || (sink->budget && sink->count > 0 && is_streamed(link->cursor) && !plenty))
        sink->full = true;
    return sink->full;
}

static int no_room_to_keep(weir_pg_link *link, size_t length)
{
    return weir_pg_lost(link, WEIR_OUT_OF_MEMORY, "no memory to keep a row of %zu bytes that was read ahead", length);
}

/* The batch fails; what is left of the row passes by. */
static void no_room_for_row(weir_pg_link *link, size_t length, size_t left)
{
    weir_error error;
    weir_error_set(&error, WEIR_OUT_OF_MEMORY, "no memory for a row of %zu bytes", length);
    error.row = link->cursor->base.rows + 1;
    weir_error_keep(&link->group_error, &error);
    link->skip = left;
}

/* A length is only what somebody says: memory for a long row is taken as its bytes come. */
static size_t first_room(size_t here, size_t length)
{
    size_t at_once = here < GIANT_AT_ONCE ? GIANT_AT_ONCE : here;
    return length < at_once ? length : at_once;
}

size_t weir_pg_giant_room(weir_pg_link *link)
{
    if (link->giant_have < link->giant_room || link->giant_room == link->giant_length)
        return link->giant_room - link->giant_have;
    size_t room = link->giant_length - link->giant_room < link->giant_room ? link->giant_length : link->giant_room * 2;
    weir_buffer *kept = link->giant_is_kept ? &front(link)->cursor->kept : NULL;
    uint8_t *grown;
    if (kept)
        grown = weir_buffer_reserve(kept, room) ? (uint8_t *)kept->data + kept->length : NULL;
    else
        grown = weir_arena_resize_own(link->cursor->base.sink->arena, link->giant, room + 1);
    if (!grown) {
        link->giant = NULL;
        if (kept)
            no_room_to_keep(link, link->giant_length);
        else
            no_room_for_row(link, link->giant_length + 5, link->giant_length - link->giant_have);
        return 0;
    }
    link->giant = grown;
    link->giant_room = room;
    return room - link->giant_have;
}

/* Room for the message's bytes where they belong: the batch (decoded in place), the kept raw batch, or nowhere. */
static int begin_giant(weir_pg_link *link, size_t total)
{
    size_t here = link->in_end - link->in_start;
    uint8_t *at = link->in + link->in_start;
    weir_pg_group *group = front(link);
    if (group && group->kind == WEIR_PG_GROUP_AHEAD && !weir_pg_keeps_in_memory(group->cursor, total)) {
        link->spilling = total;
        link->spilling_for = group->cursor;
        return WEIR_OK;
    } else if (group && group->kind == WEIR_PG_GROUP_AHEAD) {
        weir_buffer *kept = &group->cursor->kept;
        link->giant_room = first_room(here, total);
        if (!weir_buffer_reserve(kept, link->giant_room))
            return no_room_to_keep(link, total);
        link->giant = (uint8_t *)kept->data + kept->length;
        link->giant_is_kept = true;
        link->giant_length = total;
        memcpy(link->giant, at, here);
        link->giant_have = here;
    } else if (rows_are_wanted(link)) {
        if (must_wait(link, total)) {
            link->row_waits = true;
            return WEIR_OK;
        }
        weir_sink *sink = link->cursor->base.sink;
        link->giant_room = sink->budget ? total - 5 : first_room(here - 5, total - 5);
        link->giant = link->giant_room == total - 5 ? weir_arena_take(sink->arena, total - 5 + 1) : weir_arena_own(sink->arena, link->giant_room + 1);
        link->giant_is_kept = false;
        link->giant_length = total - 5;
        link->giant_have = here - 5;
        if (link->giant) {
            memcpy(link->giant, at + 5, here - 5);
        } else if (weir_sink_ends(link->cursor->base.sink, WEIR_OUT_OF_MEMORY)) {
            link->row_waits = true;
            return WEIR_OK;
        } else {
            no_room_for_row(link, total, total - here);
        }
    } else {
        link->skip = total - here;
    }
    link->in_start = link->in_end = 0;
    return WEIR_OK;
}

int weir_pg_end_giant(weir_pg_link *link)
{
    uint8_t *giant = link->giant;
    link->giant = NULL;
    if (link->giant_is_kept) {
        front(link)->cursor->kept.length += link->giant_length;
        return WEIR_OK;
    }
    int status = weir_pg_read_row(link, link->cursor, giant, link->giant_length, true);
    if (status == WEIR_PG_FULL) {               /* what it decodes to is larger than what came */
        weir_error error;
        weir_error_set(&error, WEIR_BUDGET_EXCEEDED, "row %lld of %zu bytes does not fit the memory budget once it is decoded",
                       (long long)link->cursor->base.rows + 1, link->giant_length);
        error.row = link->cursor->base.rows + 1;
        weir_error_keep(&link->group_error, &error);
    }
    return link->base.lost ? status : WEIR_OK;
}

/* > 0: something was done; 0: the socket has no more for now; negative: an error. */
static int64_t read_giant(weir_pg_link *link)
{
    if (link->giant_have == link->giant_length) {
        int status = weir_pg_end_giant(link);
        return status != WEIR_OK ? status : 1;
    }
    size_t room = weir_pg_giant_room(link);
    if (!room)
        return link->base.lost ? link->base.error.status : 1;
    int64_t n = weir_pg_receive(link, link->giant + link->giant_have, room);
    if (n > 0)
        link->giant_have += (size_t)n;
    return n;
}

/* ---- full batches ------------------------------------------------------------------------------------------------------------------- */
/* The batch is full, or has its slice, before its group has ended: the operation ends here, and what is left of the group was asked for ahead, as it
 * were. Where the server's clock runs while it waits for us to read on (RULES W5), that is taken raw at once. */
static void leave_rest(weir_pg_link *link)
{
    weir_pg_cursor *cursor = link->cursor;
    const uint8_t *at = link->in + link->in_start;
    uint32_t length;
    memcpy(&length, at + 1, 4);
    length = __builtin_bswap32(length);
    size_t here = link->in_end - link->in_start;
    if (cursor->base.slice)
        cursor->sliced = cursor->base.rows - cursor->rows_from;
    else
        weir_pg_note_refused(cursor, at + 5, at + (here < (size_t)length + 1 ? here : (size_t)length + 1), length - 4);
    link->row_waits = false;
    bool streamed = is_streamed(cursor);
    cursor->base.open = streamed;
    if (link->begin_sent && link->base.transaction == WEIR_LINK_IDLE)
        link->base.transaction = WEIR_LINK_IN_TRANSACTION;      /* its answer is still to come */
    if (link->replay) {
        link->operation_done = true;
        return;
    }
    link->groups[0].kind = WEIR_PG_GROUP_AHEAD;
    link->draining = streamed && !cursor->base.may_prefetch;
    weir_budget *budget = cursor->base.sink->budget;
    if (link->draining && budget)
        budget->limit = budget->whole;  /* the batch has its rows: what is taken raw needs room beside them */
    link->operation_done = !link->draining;
}

/* Whether the server can have sent a message of such a length. */
static bool is_possible(char type, uint32_t length)
{
    return type == 'Z' ? length == 5 : strchr("123sncI", type) && type ? length == 4 : length >= 4 && length <= LARGEST_MESSAGE;
}

/* ---- taking what is there ----------------------------------------------------------------------------------------------------------- */
int weir_pg_take_messages(weir_pg_link *link)
{
    while (!link->operation_done && !(link->replay && link->part_next == link->part_count)) {
        int status = !link->skip && rows_are_wanted(link) ? weir_pg_read_rows(link) : WEIR_OK;
        if (status != WEIR_OK)
            return status;
        if (link->row_waits) {
            leave_rest(link);
            continue;
        }
        size_t here = link->in_end - link->in_start;
        if (link->spilling) {
            size_t n = here < link->spilling ? here : link->spilling, taken;
            status = weir_pg_spill(link, link->spilling_for, link->in + link->in_start, n, &taken);
            link->in_start += taken;
            link->spilling -= taken;
            if (status != WEIR_OK || link->spilling)
                return status != WEIR_OK ? status : 1;
            continue;
        }
        if (link->skip) {
            size_t n = here < link->skip ? here : link->skip;
            link->in_start += n;
            link->skip -= n;
            if (link->skip)
                return 1;
            continue;
        }
        if (here < 5)
            return 1;
        uint8_t *at = link->in + link->in_start;
        uint32_t length;
        memcpy(&length, at + 1, 4);
        length = __builtin_bswap32(length);
        if (!is_possible((char)at[0], length))
            return weir_pg_lost(link, WEIR_INTERFACE, "the server sent a message '%c' of impossible length %u", at[0], (unsigned)length);
        size_t total = (size_t)length + 1;
        if (here < total) {
            if (total <= link->in_capacity)
                return 1;
            if (at[0] == 'D') {
                status = begin_giant(link, total);
                if (status == WEIR_OK && (link->row_waits || link->spilling))
                    continue;
                return status != WEIR_OK ? status : 1;
            }
            if (here < link->in_capacity)
                return 1;
            size_t larger = total < link->in_capacity * 2 ? total : link->in_capacity * 2;      /* as it comes, too */
            return weir_pg_grow_input(link, larger) ? 1 : weir_pg_lost(link, WEIR_OUT_OF_MEMORY, "no memory for a message of %zu bytes", total);
        }
        link->in_start += total;
        status = take_message(link, at, total);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

static int end_of_stream(weir_pg_link *link)
{
    if (link->base.error.status != WEIR_OK && link->base.lost)
        return link->base.error.status;         /* FATAL said why */
    if (link->send_errno)
        return weir_pg_lost_by_errno(link, link->send_errno, "sending");
    return weir_pg_lost(link, WEIR_OPERATIONAL, "server closed the connection unexpectedly");
}

int weir_pg_finish_operation(weir_pg_link *link, int status)
{
    if (link->base.lost && !link->begin_sent)
        link->begin_sql = NULL;
    if (link->base.transaction == WEIR_LINK_IDLE && !link->group_count && !link->base.lost) {
        weir_pg_drop_low_water(link);
        weir_pg_shrink_input(link);
    }
    link->operation = WEIR_PG_NONE;
    link->cursor = NULL;
    return status == WEIR_OK ? WEIR_DONE : status;
}

int weir_pg_look(weir_pg_link *link)
{
    int64_t n = weir_pg_fill(link);
    if (n < 0)
        return link->end_of_stream ? end_of_stream(link) : link->base.error.status;
    int status = n > 0 ? weir_pg_take_messages(link) : WEIR_OK;
    return status > 0 ? WEIR_OK : status;
}

/* A server that is faster than we are would keep a loop's other tasks waiting. */
static bool read_for_long(weir_pg_link *link, int64_t bytes)
{
    link->unbroken += (size_t)bytes;
    return link->unbroken >= TURN_BYTES && link->last_progress - link->last_rest >= TURN_NS;
}

static int rest(weir_pg_link *link, weir_want *want)
{
    link->unbroken = 0;
    link->last_rest = link->last_progress;
    *want = (weir_want){ .fd = -1, .deadline = WEIR_NO_DEADLINE, .breathe = true };
    return WEIR_WANTS;
}

/* What to wait for, now that the socket has nothing more. */
static int wait_for_more(weir_pg_link *link, weir_want *want)
{
    bool nothing_came = link->paused;
    link->unbroken = 0;
    link->last_rest = link->last_progress;
    weir_pg_want(link, want);
    link->low_water_stays = false;
    if (want->pause && nothing_came)            /* the pause brought nothing: wait for real */
        want->pause = 0;
    else if (want->pause)
        want->fd = -1;                          /* only the pause, then read without asking first */
    link->paused = want->pause > 0;
    return WEIR_WANTS;
}

static bool listening_ends(weir_pg_link *link, int *status)
{
    bool cancelled = atomic_load_explicit(&link->base.cancelled, memory_order_relaxed);
    if (cancelled)
        *status = weir_error_set(&link->base.error, WEIR_QUERY_CANCELED, "the wait for notifications was interrupted");
    return cancelled || weir_now() >= link->listen_deadline;
}

int weir_pg_advance(weir_link *base, weir_want *want)
{
    weir_pg_link *link = (weir_pg_link *)base;
    int status = WEIR_OK;
    if (weir_pg_copy_feeds(link))
        return weir_pg_copy_advance(link, want);
    if (link->replay && (status = weir_pg_replay(link)) != WEIR_OK)
        return status == WEIR_PG_DISK ? weir_pg_want_disk(link, want) : weir_pg_finish_operation(link, status);
    bool read_something = false;
    for (;;) {
        if (link->operation_done)
            return weir_pg_finish_operation(link, status);
        if (link->out.length > link->out_sent && weir_pg_flush(link) < 0)
            return weir_pg_finish_operation(link, link->base.error.status);
        int64_t n;
        if (link->giant) {
            n = read_giant(link);
        } else {
            status = weir_pg_take_messages(link);
            if (status == WEIR_PG_DISK)
                return weir_pg_want_disk(link, want);
            if (status <= 0) {
                if (status < 0)
                    return weir_pg_finish_operation(link, status);
                continue;
            }
            status = WEIR_OK;
            if (link->giant)
                continue;
            if (link->operation == WEIR_PG_LISTEN && !link->group_count && listening_ends(link, &status))
                return weir_pg_finish_operation(link, status);
            if (read_something && link->drained)
                return wait_for_more(link, want);
            size_t room = link->in_capacity - (link->in_end - link->in_start);
            n = weir_pg_fill(link);
            link->drained = n >= 0 && (size_t)n < room && !link->ssl;
        }
        if (n < 0)
            return weir_pg_finish_operation(link, link->end_of_stream ? end_of_stream(link) : link->base.error.status);
        if (n == 0) {
            if (link->low_water && !read_something && !link->low_water_stays) {     /* less than the low-water mark is all there is */
                weir_pg_drop_low_water(link);
                link->short_reads = 0;
            }
            return wait_for_more(link, want);
        }
        read_something = true;
        link->paused = false;
        if (!link->drained && read_for_long(link, n))
            return rest(link, want);
    }
}
