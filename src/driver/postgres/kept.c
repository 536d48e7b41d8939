/* What was asked for ahead and is taken raw, since something else comes first on the connection: it is kept for its cursor, of a
 * stream with a budget in a file where memory ends, and read from there as if it came then. The file is worked on as blocking work,
 * from and into the cursor's window: a loop does not wait for the disk. */
#include <string.h>
#include "driver/postgres/pg.h"

enum { SMALL_WINDOW = 4 * 1024, LARGE_WINDOW = 64 * 1024 };    /* larger rows are read straight into their batch */

/* ---- keeping ------------------------------------------------------------------------------------------------------------------ */

/* The stream's error, for the fetch that reaches it; what runs now goes on. Not of the stream's memory, which may be used up. */
static int lose(weir_pg_link *link, weir_pg_cursor *cursor, const weir_error *error)
{
    cursor->kept_error = weir_alloc(link->base.ledger, WEIR_MEMORY_NETWORK, sizeof *error);
    if (!cursor->kept_error)
        return weir_pg_lost(link, WEIR_OUT_OF_MEMORY, "no memory to keep a batch that was read ahead");
    *cursor->kept_error = *error;
    return WEIR_OK;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------------- */

static void write_window(weir_pg_link *link, weir_pg_cursor *cursor)
{
    if (weir_spill_append(&cursor->spill, cursor->spilled.in, cursor->unwritten, &link->disk_error) == WEIR_OK)
        cursor->base.spilled += (int64_t)cursor->unwritten;
    cursor->unwritten = 0;
}

/* More of the file, behind what is left of the window; or of the giant that it is in the middle of. */
static void read_window(weir_pg_link *link, weir_pg_cursor *cursor)
{
    weir_pg_window *window = &cursor->spilled;
    size_t got;
    if (link->giant) {
        size_t room = weir_pg_giant_room(link);
        if (!room)
            return;
        weir_spill_read(&cursor->spill, link->giant + link->giant_have, room, &got, &link->disk_error);
        link->giant_have += got;
        return;
    }
    memmove(window->in, window->in + window->start, window->end - window->start);
    window->end -= window->start;
    window->start = 0;
    weir_spill_read(&cursor->spill, window->in + window->end, window->capacity - window->end, &got, &link->disk_error);
    window->end += got;
}

static void work_on_disk(void *argument)
{
    weir_pg_link *link = argument;
    weir_pg_cursor *cursor = link->disk_for;
    if (cursor->unwritten)
        write_window(link, cursor);
    else
        read_window(link, cursor);
}

static int ask_for_disk(weir_pg_link *link, weir_pg_cursor *cursor)
{
    link->disk_for = cursor;
    weir_error_clear(&link->disk_error);
    return WEIR_PG_DISK;
}

int weir_pg_want_disk(weir_pg_link *link, weir_want *want)
{
    *want = (weir_want){ .fd = -1, .deadline = WEIR_NO_DEADLINE, .work = work_on_disk, .argument = link };
    return WEIR_WANTS;
}

/* What came of the work, once. */
static int disk_outcome(weir_pg_link *link, weir_error *error)
{
    if (!link->disk_for)
        return WEIR_OK;
    link->disk_for = NULL;
    *error = link->disk_error;
    return error->status;
}

static bool open_window(weir_pg_cursor *cursor)
{
    weir_ledger *ledger = cursor->base.arena->ledger;
    if (cursor->spilled.in)
        return true;
    cursor->spilled.capacity = weir_ledger_room(ledger) / 8 >= LARGE_WINDOW ? LARGE_WINDOW : SMALL_WINDOW;
    cursor->spilled.in = weir_alloc(ledger, WEIR_MEMORY_NETWORK, cursor->spilled.capacity);
    return cursor->spilled.in != NULL;
}

int weir_pg_spill(weir_pg_link *link, weir_pg_cursor *cursor, const uint8_t *bytes, size_t length, size_t *taken)
{
    weir_error error;
    int status = disk_outcome(link, &error);
    *taken = length;
    if (cursor->kept_error)
        return WEIR_OK;
    if (status != WEIR_OK)
        return lose(link, cursor, &error);
    if (!cursor->base.spills) {
        weir_error_set(&error, WEIR_BUDGET_EXCEEDED, "another statement on the connection found rows of this stream unread, for which the "
                       "memory budget has no room: spill is off, so end the stream first, or use another connection");
        return lose(link, cursor, &error);
    }
    if (!open_window(cursor)) {
        if (weir_ledger_room(cursor->base.arena->ledger) < SMALL_WINDOW)
            weir_error_set(&error, WEIR_BUDGET_EXCEEDED, "another statement on the connection found rows of this stream unread, and the "
                           "memory budget has no room to write them to a file");
        else
            weir_error_out_of_memory(&error);
        return lose(link, cursor, &error);
    }
    size_t room = cursor->spilled.capacity - cursor->unwritten;
    *taken = length < room ? length : room;
    memcpy(cursor->spilled.in + cursor->unwritten, bytes, *taken);
    cursor->unwritten += *taken;
    return *taken < length ? ask_for_disk(link, cursor) : WEIR_OK;
}

bool weir_pg_keeps_in_memory(weir_pg_cursor *cursor, size_t length)
{
    if (cursor->base.raw == 0)
        return true;
    if (cursor->spill.file || cursor->unwritten || cursor->kept_error || cursor->kept.length + length > cursor->base.raw)
        return false;
    bool room = weir_buffer_reserve(&cursor->kept, length);
    cursor->kept.failed = false;                /* a file takes it */
    return room;
}

int weir_pg_keep(weir_pg_link *link, weir_pg_cursor *cursor, const uint8_t *message, size_t length)
{
    weir_buffer_append(&cursor->kept, message, length);
    return cursor->kept.failed ? weir_pg_lost(link, WEIR_OUT_OF_MEMORY, "no memory to keep a batch that was read ahead") : WEIR_OK;
}

void weir_pg_drop_kept(weir_pg_cursor *cursor)
{
    cursor->has_kept = false;
    weir_free(cursor->kept_error);
    cursor->kept_error = NULL;
    cursor->kept_at = 0;
    weir_buffer_free(&cursor->kept);
    weir_spill_drop(&cursor->spill);
    weir_free(cursor->spilled.in);
    cursor->spilled = (weir_pg_window){ 0 };
    cursor->unwritten = 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------- */

static weir_pg_window window_of(const weir_pg_link *link)
{
    return (weir_pg_window){ link->in, link->in_start, link->in_end, link->in_capacity };
}

static void look_through(weir_pg_link *link, weir_pg_window window)
{
    link->in = window.in;
    link->in_start = window.start;
    link->in_end = window.end;
    link->in_capacity = window.capacity;
}

static bool in_memory(const weir_pg_cursor *cursor) { return cursor->kept_at < cursor->kept.length; }
static bool has_more(const weir_pg_cursor *cursor)
{
    return in_memory(cursor) || cursor->unwritten || cursor->spilled.start < cursor->spilled.end || !weir_spill_ended(&cursor->spill);
}

static weir_pg_window next_window(weir_pg_cursor *cursor)
{
    if (!in_memory(cursor))
        return cursor->spilled;
    return (weir_pg_window){ (uint8_t *)cursor->kept.data, cursor->kept_at, cursor->kept.length, cursor->kept.length };
}

static void save_window(weir_pg_link *link, weir_pg_cursor *cursor)
{
    if (in_memory(cursor))
        cursor->kept_at = link->in_start;
    else
        cursor->spilled = window_of(link);
}

/* What was never written to the file is read from the window itself, if it is all there is; else it follows the rest. WEIR_PG_DISK: the
 * window has not all that it could. */
static int look_at_file(weir_pg_link *link, weir_pg_cursor *cursor)
{
    if (cursor->unwritten && cursor->spill.written)
        return ask_for_disk(link, cursor);
    if (cursor->unwritten) {
        cursor->spilled.start = 0;
        cursor->spilled.end = cursor->unwritten;
        cursor->unwritten = 0;
    }
    bool ended = weir_spill_ended(&cursor->spill);
    bool whole = link->giant ? link->giant_have == link->giant_length : ended || cursor->window_is_fresh;
    cursor->window_is_fresh = !whole;
    return whole ? WEIR_OK : ask_for_disk(link, cursor);
}

/* Up to the batch's end, or until it is full. */
static int read_kept(weir_pg_link *link, weir_pg_cursor *cursor)
{
    int status = disk_outcome(link, &link->base.error);
    while (status == WEIR_OK && !link->operation_done && link->part_next < link->part_count && (link->giant || has_more(cursor))) {
        if (!in_memory(cursor) && (status = look_at_file(link, cursor)) != WEIR_OK)
            break;
        if (link->giant) {
            status = weir_pg_end_giant(link);
            continue;
        }
        look_through(link, next_window(cursor));
        status = weir_pg_take_messages(link);
        save_window(link, cursor);
        status = status == 1 ? WEIR_OK : status;
    }
    return status;
}

int weir_pg_replay(weir_pg_link *link)
{
    weir_pg_cursor *cursor = link->cursor;
    weir_pg_window outside = window_of(link);
    int status = WEIR_OK;
    memmove(link->groups + 1, link->groups, link->group_count++ * sizeof *link->groups);
    link->groups[0] = (weir_pg_group){ WEIR_PG_GROUP_OPERATION, cursor };
    if (!cursor->kept_error)
        status = read_kept(link, cursor);
    else
        weir_error_keep(&link->group_error, cursor->kept_error);
    memmove(link->groups, link->groups + 1, --link->group_count * sizeof *link->groups);
    look_through(link, outside);
    if (status == WEIR_PG_DISK)
        return status;
    if (!has_more(cursor) || cursor->kept_error)
        weir_pg_drop_kept(cursor);
    link->replay = false;
    if (status != WEIR_OK || link->operation_done)
        return status;
    status = weir_pg_operation_next(link);
    link->operation_done = status == WEIR_OK;
    return status > 0 ? WEIR_OK : status;
}
