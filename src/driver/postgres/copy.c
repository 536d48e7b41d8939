/* COPY … FROM STDIN: rows encoded into one buffer that is sent as it fills, while what the server says is read (RULES W10).
 * The command goes as a simple Query, whose answer ends with one ReadyForQuery however it ends; its group stays at the front of the
 * link's groups through all operations of the COPY. Binary, unless a column's type has no bytes of ours: then the whole is text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "driver/postgres/fields.h"
#include "driver/postgres/pg.h"

enum { CHUNK = 64 * 1024, NO_MARK = 0 };

struct weir_pg_copy {
    weir_copy_in   *in;
    bool            text;               /* the format */
    bool            started;            /* the server wants rows; a first chunk has the header of the binary format */
    bool            aborting;
    bool            headed;             /* the header was put */
    size_t          mark;               /* of the CopyData message that is filled; NO_MARK: none */
    const weir_feed *feed;              /* of the operation that runs; NULL: none */
    size_t          next;               /* set of the feed */
    const weir_lane *planned;           /* the lanes that the fields are planned for */
    size_t          field_count;
    weir_pg_field   fields[];
};

static weir_pg_link *pg_link(weir_link *link) { return (weir_pg_link *)link; }

/* ---- what the server says ------------------------------------------------------------------------------------------------------ */
/* "COPY invoices, line 7, column total_cents": into row, column and detail. The words are in the server's language. */
static void take_place(weir_pg_copy *copy, weir_error *error, const char *where)
{
    const char *line = where, *at;
    while ((at = strstr(line, "\nCOPY ")) != NULL)
        line = at + 1;
    const char *table = copy->in->table, *point = strrchr(table, '.');
    size_t length = strcspn(line, "\n"), skip = strlen("COPY ") + strlen(point ? point + 1 : table);
    if (strncmp(line, "COPY ", 5) != 0 || length <= skip)
        return;
    char text[256];
    weir_error_text(text, sizeof text, line, length);
    const char *digits = strlen(text) > skip ? text + skip : "";
    digits += strcspn(digits, "0123456789");
    char *behind = (char *)(uintptr_t)digits;
    error->row = *digits ? strtoll(digits, &behind, 10) : 0;
    size_t best = 0;
    for (size_t i = 0; *behind == ',' && i < copy->in->described->column_count; i++) {
        const char *name = copy->in->described->columns[i].name, *found = strstr(behind, name);
        size_t size = strlen(name);
        if (found && size > best && found[-1] == ' ' && (!found[size] || found[size] == ':')) {
            best = size;
            weir_error_text(error->column, sizeof error->column, name, size);
        }
    }
    size_t used = strlen(error->detail);
    snprintf(error->detail + used, sizeof error->detail - used, "%s%s", used ? " " : "", text);
}

static const char *where_of(const uint8_t *body, size_t length)
{
    weir_pg_reader r = { body, body + length, false };
    while (!r.bad && r.next < r.end && *r.next) {
        char field = (char)*r.next++;
        const char *text = weir_pg_read_cstr(&r);
        if (field == 'W')
            return text;
    }
    return "";
}

int weir_pg_copy_message(weir_pg_link *link, char type, const uint8_t *body, size_t length)
{
    weir_pg_copy *copy = link->copy;
    switch (type) {
    case 'G':
        copy->started = link->operation_done = true;
        return WEIR_OK;
    case 'E': {
        bool first = link->group_error.status == WEIR_OK;
        int status = weir_pg_take_error(link, body, length);
        if (first && status == WEIR_OK)
            take_place(copy, &link->group_error, where_of(body, length));
        return status;
    }
    case 'C': {
        const char *tag = (const char *)body, *space = memchr(body, ' ', length);
        copy->in->written = space && tag[length - 1] == 0 ? strtoll(space + 1, NULL, 10) : 0;
        return WEIR_OK;
    }
    default:
        return weir_pg_lost(link, WEIR_INTERFACE, "the server sent a message '%c' in the middle of a COPY", type);
    }
}

int weir_pg_copy_over(weir_pg_link *link)
{
    weir_pg_copy *copy = link->copy;
    link->copy = NULL;
    link->operation_done = true;
    copy->feed = NULL;
    copy->in->over = true;
    weir_buffer_free(&link->copy_scratch);
    if (link->out_sent == 0)                    /* rows that the server would drop anyway */
        weir_buffer_free(&link->out);
    if (copy->aborting)
        weir_error_clear(&link->group_error);
    return link->group_error.status == WEIR_OK ? WEIR_OK : weir_pg_group_failed(link);
}

void weir_pg_copy_forget(weir_pg_link *link)
{
    weir_buffer_free(&link->copy_scratch);      /* the COPY itself may be gone: a lost link is hung up when nothing cancels it any more */
    link->copy = NULL;
}

/* ---- begin ------------------------------------------------------------------------------------------------------------------------ */
static int send_command(weir_pg_link *link, const weir_pg_copy *copy)
{
    size_t mark = weir_pg_message_begin(link, 'Q');
    weir_buffer_printf(&link->out, "COPY %s (%s%s) FROM STDIN%s", copy->in->table, copy->in->columns, copy->in->numbered ? ", weir_line" : "",
                       copy->text ? "" : " (FORMAT binary)");
    weir_buffer_byte(&link->out, 0);
    weir_pg_message_end(link, mark);
    if (link->out.failed)
        return weir_pg_lost(link, WEIR_OUT_OF_MEMORY, "no memory for a message to the server");
    weir_pg_tell_round_trip(link, "copy", 0);
    return weir_pg_push_group(link, WEIR_PG_GROUP_COPY, NULL);
}

int weir_pg_copy_begin(weir_link *base, weir_copy_in *in)
{
    weir_pg_link *link = pg_link(base);
    const weir_pg_statement *statement = ((weir_pg_cursor *)in->described)->statement;
    int status = weir_pg_operation_begin(link, WEIR_PG_COPY, NULL);
    if (status != WEIR_OK)
        return status;
    weir_pg_copy *copy = weir_arena_take(in->described->arena, sizeof *copy + statement->column_count * sizeof *copy->fields);
    if (!copy)
        return weir_error_out_of_memory(&base->error);
    *copy = (weir_pg_copy){ .in = in, .field_count = statement->column_count };
    for (size_t i = 0; i < copy->field_count; i++) {
        const weir_pg_type *type = statement->columns[i].type;
        copy->fields[i] = (weir_pg_field){ .type = type, .modifier = weir_pg_rounding(type, statement->columns[i].modifier) };
        copy->text = copy->text || !weir_pg_type_has_bytes(copy->fields[i].type);
    }
    weir_buffer_init(&link->copy_scratch, base->ledger, WEIR_MEMORY_NETWORK, SIZE_MAX / 2);
    link->copy = in->inside = copy;
    in->over = false;
    return send_command(link, copy);
}

/* ---- rows -------------------------------------------------------------------------------------------------------------------------- */
static void open_message(weir_pg_link *link, weir_pg_copy *copy)
{
    static const char header[19] = "PGCOPY\n\377\r\n";         /* without OIDs or extensions */
    copy->mark = weir_pg_message_begin(link, 'd');
    if (!copy->headed && !copy->text)
        weir_buffer_append(&link->out, header, sizeof header);
    copy->headed = true;
}

static void close_message(weir_pg_link *link, weir_pg_copy *copy)
{
    if (copy->mark != NO_MARK)
        weir_pg_message_end(link, copy->mark);
    copy->mark = NO_MARK;
}

static int put_binary(weir_pg_link *link, weir_pg_copy *copy, size_t *column)
{
    weir_buffer *out = &link->out;
    weir_error *error = &link->base.error;
    int status = WEIR_OK;
    weir_buffer_u16(out, (uint16_t)(copy->field_count + copy->in->numbered));
    for (size_t i = 0; i < copy->field_count && status == WEIR_OK; i++) {
        const weir_pg_field *field = &copy->fields[i];
        const void *at = weir_feed_at(copy->feed, field->lane, copy->next);
        *column = i;
        if (field->modifier < 0 || (status = weir_pg_field_fits(field, at, error)) == WEIR_OK)
            status = field->put(field, at, out, error);
    }
    if (status == WEIR_OK && copy->in->numbered) {
        weir_buffer_u32(out, 8);
        weir_buffer_u64(out, (uint64_t)copy->in->taken + 1);
    }
    return status;
}

static int put_text(weir_pg_link *link, weir_pg_copy *copy, size_t *column)
{
    weir_buffer *out = &link->out;
    int status = WEIR_OK;
    for (size_t i = 0; i < copy->field_count && status == WEIR_OK; i++) {
        const weir_pg_field *field = &copy->fields[i];
        *column = i;
        if (i)
            weir_buffer_byte(out, '\t');
        const void *at = weir_feed_at(copy->feed, field->lane, copy->next);
        if (field->modifier < 0 || (status = weir_pg_field_fits(field, at, &link->base.error)) == WEIR_OK)
            status = weir_pg_put_copy_text(field, at, &link->copy_scratch, out, &link->base.error);
    }
    if (status == WEIR_OK && copy->in->numbered)
        weir_buffer_printf(out, "\t%lld", (long long)copy->in->taken + 1);
    weir_buffer_byte(out, '\n');
    return status;
}

/* Nothing of the row is sent. */
static int refuse_row(weir_pg_link *link, weir_pg_copy *copy, size_t start, size_t column, int status)
{
    weir_error *error = &link->base.error;
    const char *name = copy->in->described->columns[column].name;
    link->out.length = start;
    if (link->out.failed)
        return weir_pg_lost(link, WEIR_OUT_OF_MEMORY, "no memory for a row to be copied");
    copy->in->refused = status == WEIR_DATA;
    if (!copy->in->refused)
        return status;
    weir_error_context(error, "column '%s'", name);
    weir_error_text(error->column, sizeof error->column, name, strlen(name));
    error->row = copy->in->taken + 1;
    return status;
}

/* Puts sets into the buffer until it is full: 1; WEIR_OK: that was all; or what is wrong with a set. */
static int fill(weir_pg_link *link, weir_pg_copy *copy)
{
    while (copy->next < copy->feed->count) {
        if (link->out.length - link->out_sent >= CHUNK) {
            close_message(link, copy);
            return 1;
        }
        if (copy->mark == NO_MARK)
            open_message(link, copy);
        size_t start = link->out.length, column = 0;
        int status = copy->text ? put_text(link, copy, &column) : put_binary(link, copy, &column);
        if (status != WEIR_OK || link->out.failed)
            return refuse_row(link, copy, start, column, status);
        copy->in->taken++;
        copy->next++;
    }
    return WEIR_OK;
}

bool weir_pg_copy_feeds(const weir_pg_link *link) { return link->copy && link->copy->feed; }

/* Without a wait where the buffer takes it all. */
int weir_pg_copy_put(weir_link *base, weir_copy_in *in, const weir_feed *feed)
{
    weir_pg_link *link = pg_link(base);
    weir_pg_copy *copy = in->inside;
    int status = weir_pg_operation_begin(link, WEIR_PG_COPY, NULL);
    if (status != WEIR_OK)
        return status;
    if (copy->planned != feed->lanes)
        for (size_t i = 0; i < copy->field_count; i++)
            weir_pg_field_plan(&copy->fields[i], &feed->lanes[i], copy->fields[i].type);
    copy->planned = feed->lanes;
    in->refused = false;
    copy->feed = feed;
    copy->next = 0;
    status = fill(link, copy);
    if (status > 0)
        return WEIR_OK;
    copy->feed = NULL;
    return status == WEIR_OK ? weir_pg_nothing_to_send(link) : status;
}

static int end_feed(weir_pg_link *link, int status)
{
    if (link->copy)
        link->copy->feed = NULL;
    return weir_pg_finish_operation(link, status);
}

int weir_pg_copy_advance(weir_pg_link *link, weir_want *want)
{
    for (;;) {
        size_t unsent = link->out.length - link->out_sent;
        int sent = weir_pg_flush(link), status = sent < 0 ? sent : WEIR_OK;
        if (link->out.length - link->out_sent < unsent)
            link->last_progress = weir_now();
        if (status == WEIR_OK)
            status = weir_pg_look(link);
        if (status < 0 || !link->copy)
            return end_feed(link, status);
        if (!sent) {
            weir_pg_want(link, want);
            return WEIR_WANTS;
        }
        status = fill(link, link->copy);
        if (status <= 0)
            return end_feed(link, status);
    }
}

/* ---- end ---------------------------------------------------------------------------------------------------------------------------- */
int weir_pg_copy_end(weir_link *base, weir_copy_in *in, const char *abort_reason)
{
    weir_pg_link *link = pg_link(base);
    weir_pg_copy *copy = in->inside;
    int status = weir_pg_operation_begin(link, WEIR_PG_COPY, NULL);
    if (status != WEIR_OK)
        return status;
    copy->feed = NULL;
    copy->aborting = abort_reason != NULL;
    if (!abort_reason && !copy->text) {
        if (copy->mark == NO_MARK)
            open_message(link, copy);
        weir_buffer_u16(&link->out, UINT16_MAX);
    }
    close_message(link, copy);
    size_t mark = weir_pg_message_begin(link, abort_reason ? 'f' : 'c');
    if (abort_reason)
        weir_pg_send_cstr(link, abort_reason);
    weir_pg_message_end(link, mark);
    if (link->out.failed)
        return weir_pg_lost(link, WEIR_OUT_OF_MEMORY, "no memory for a message to the server");
    weir_pg_tell_round_trip(link, abort_reason ? "copy abort" : "copy end", in->taken);
    return WEIR_OK;
}
