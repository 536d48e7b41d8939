/* Messages to the server: queued in link->out, flushed by the exchange. */
#include <stdio.h>
#include <string.h>
#include "driver/postgres/pg.h"

size_t weir_pg_message_begin(weir_pg_link *link, char type)
{
    weir_buffer_byte(&link->out, type);
    size_t mark = link->out.length;
    weir_buffer_u32(&link->out, 0);
    return mark;
}

void weir_pg_message_end(weir_pg_link *link, size_t mark)
{
    if (link->out.failed)
        return;
    uint32_t length = __builtin_bswap32((uint32_t)(link->out.length - mark));
    memcpy(link->out.data + mark, &length, 4);
}

void weir_pg_send_cstr(weir_pg_link *link, const char *text) { weir_buffer_append(&link->out, text, strlen(text) + 1); }

void weir_pg_send_parse(weir_pg_link *link, const char *name, const char *sql, const uint32_t *oids, size_t count,
                        bool *parsed)
{
    if (link->parse_count < WEIR_PG_MAX_PARTS)
        link->parse_flags[link->parse_count++] = parsed;
    size_t mark = weir_pg_message_begin(link, 'P');
    weir_pg_send_cstr(link, name);
    weir_pg_send_cstr(link, sql);
    weir_buffer_u16(&link->out, (uint16_t)(oids ? count : 0));
    for (size_t i = 0; oids && i < count; i++)
        weir_buffer_u32(&link->out, oids[i]);
    weir_pg_message_end(link, mark);
}

void weir_pg_send_describe_statement(weir_pg_link *link, const char *name)
{
    size_t mark = weir_pg_message_begin(link, 'D');
    weir_buffer_byte(&link->out, 'S');
    weir_pg_send_cstr(link, name);
    weir_pg_message_end(link, mark);
}

void weir_pg_send_bind_plain(weir_pg_link *link, const char *portal, const char *statement)
{
    size_t mark = weir_pg_message_begin(link, 'B');
    weir_pg_send_cstr(link, portal);
    weir_pg_send_cstr(link, statement);
    weir_buffer_u16(&link->out, 0);
    weir_buffer_u16(&link->out, 0);
    weir_buffer_u16(&link->out, 0);
    weir_pg_message_end(link, mark);
}

void weir_pg_send_result_formats(weir_pg_link *link, const weir_pg_statement *statement)
{
    weir_buffer_u16(&link->out, (uint16_t)statement->column_count);
    for (size_t i = 0; i < statement->column_count; i++)
        weir_buffer_u16(&link->out, statement->columns[i].type->binary ? 1 : 0);
}

/* The values follow their formats in the message, but only encoding a value tells its format: the formats are filled in behind. */
int weir_pg_send_bind(weir_pg_link *link, weir_pg_cursor *cursor, const char *portal, const char *statement_name, bool results)
{
    const weir_pg_statement *statement = cursor->statement;
    const weir_compiled *compiled = cursor->base.statement;
    size_t start = link->out.length, mark = weir_pg_message_begin(link, 'B');
    weir_pg_send_cstr(link, portal);
    weir_pg_send_cstr(link, statement_name);
    weir_buffer_u16(&link->out, (uint16_t)compiled->value_count);
    size_t formats = link->out.length;
    for (size_t i = 0; i < compiled->value_count; i++)
        weir_buffer_u16(&link->out, 0);
    weir_buffer_u16(&link->out, (uint16_t)compiled->value_count);
    for (size_t i = 0; i < compiled->value_count; i++) {
        size_t length_at = link->out.length;
        int16_t format = 0;
        weir_buffer_u32(&link->out, UINT32_MAX);
        if (compiled->values[i].type == WEIR_T_NULL)
            continue;
        int status = weir_pg_encode(&compiled->values[i], statement->parameter_types[i], &link->out, &format, &link->base.error);
        if (status != WEIR_OK) {
            if (cursor->base.hide_values && status == WEIR_DATA)
                weir_error_set(&link->base.error, status, "the value cannot be sent as %s (values are hidden)",
                               statement->parameter_types[i] ? statement->parameter_types[i]->name : "text");
            weir_error_context(&link->base.error, "bind parameter '%s'", compiled->names[i]);
            link->out.length = start;
            return status;
        }
        if (link->out.failed)
            break;
        uint32_t length = __builtin_bswap32((uint32_t)(link->out.length - length_at - 4));
        memcpy(link->out.data + length_at, &length, 4);
        link->out.data[formats + i * 2 + 1] = (char)format;
    }
    if (results)
        weir_pg_send_result_formats(link, statement);
    else
        weir_buffer_u16(&link->out, 0);
    weir_pg_message_end(link, mark);
    return link->out.failed ? weir_error_out_of_memory(&link->base.error) : WEIR_OK;
}

void weir_pg_send_execute(weir_pg_link *link, const char *portal, int64_t rows)
{
    size_t mark = weir_pg_message_begin(link, 'E');
    weir_pg_send_cstr(link, portal);
    weir_buffer_u32(&link->out, rows > INT32_MAX ? INT32_MAX : (uint32_t)rows);
    weir_pg_message_end(link, mark);
}

void weir_pg_send_close(weir_pg_link *link, char kind, const char *name)
{
    size_t mark = weir_pg_message_begin(link, 'C');
    weir_buffer_byte(&link->out, kind);
    weir_pg_send_cstr(link, name);
    weir_pg_message_end(link, mark);
}

void weir_pg_send_simple(weir_pg_link *link, const char *sql)
{
    weir_pg_send_parse(link, "", sql, NULL, 0, NULL);
    weir_pg_send_bind_plain(link, "", "");
    weir_pg_send_execute(link, "", 0);
}

int weir_pg_send_sync(weir_pg_link *link, weir_pg_group_kind kind, weir_pg_cursor *cursor)
{
    weir_pg_message_end(link, weir_pg_message_begin(link, 'S'));
    if (link->out.failed)
        return weir_pg_lost(link, WEIR_OUT_OF_MEMORY, "no memory for a message to the server");
    return weir_pg_push_group(link, kind, cursor);
}

int weir_pg_push_group(weir_pg_link *link, weir_pg_group_kind kind, weir_pg_cursor *cursor)
{
    if (link->group_count == WEIR_PG_MAX_GROUPS)
        return weir_pg_lost(link, WEIR_INTERNAL, "too many exchanges under way on one connection");
    link->groups[link->group_count++] = (weir_pg_group){ kind, cursor };
    return WEIR_OK;
}

void weir_pg_expect(weir_pg_link *link, weir_pg_part part)
{
    if (link->part_count < WEIR_PG_MAX_PARTS)
        link->parts[link->part_count++] = part;
}

void weir_pg_bracket_name(const weir_pg_link *link, const char *name, char out[static WEIR_PG_NAME])
{
    snprintf(out, WEIR_PG_NAME, "%s_%s", name, link->mark);
}

void weir_pg_send_bracket(weir_pg_link *link, const char *name, const char *sql, bool *parsed, bool named)
{
    if (!named) {
        weir_pg_send_simple(link, sql);
        return;
    }
    char marked[WEIR_PG_NAME];
    weir_pg_bracket_name(link, name, marked);
    if (!*parsed)
        weir_pg_send_parse(link, marked, sql, NULL, 0, parsed);
    weir_pg_send_bind_plain(link, "", marked);
    weir_pg_send_execute(link, "", 0);
}

void weir_pg_brackets_forgotten(weir_pg_link *link)
{
    link->serial_parsed = link->parallel_parsed = link->ordered_parsed = link->freed_parsed = false;
}
