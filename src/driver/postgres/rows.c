/* One DataRow into its place: the hot loop of every PostgreSQL stream. */
#include <string.h>
#include "driver/postgres/codec.h"
#include "driver/postgres/pg.h"

static int bad_row(weir_pg_link *link, weir_pg_cursor *cursor, const char *what)
{
    int status = weir_pg_lost(link, WEIR_INTERFACE, "the server sent a malformed row: %s", what);
    link->base.error.row = cursor->base.rows + 1;
    return status;
}

static int bad_field(weir_pg_link *link, weir_pg_cursor *cursor, size_t column, int status, const char *reason)
{
    weir_error error;
    if (status == WEIR_OUT_OF_MEMORY)
        weir_error_out_of_memory(&error);
    else
        weir_error_set(&error, status, "row %lld, column '%s': %s", (long long)cursor->base.rows + 1,
                       cursor->base.columns[column].name, reason);
    error.row = cursor->base.rows + 1;
    weir_error_text(error.column, sizeof error.column, cursor->base.columns[column].name, strlen(cursor->base.columns[column].name));
    weir_error_keep(&link->group_error, &error);
    return status;
}

static inline int32_t read_length(const uint8_t *p)
{
    uint32_t n;
    memcpy(&n, p, 4);
    return (int32_t)__builtin_bswap32(n);
}

/* As weir_pg_decode_int8, without a call: what most columns are made of. */
static inline bool take_int8(const weir_step *step, const uint8_t *source, int32_t length, weir_value *target)
{
    if (length != 8 || step->decode != weir_pg_decode_int8)
        return false;
    target->type = WEIR_T_INT64;
    target->as.i = (int64_t)weir_pg_load64(source);
    return true;
}

/* A field that cannot be decoded fails the batch, not the connection: the rest of the group is read and dropped. */
int weir_pg_read_row(weir_pg_link *link, weir_pg_cursor *cursor, uint8_t *body, size_t length, bool borrow)
{
    weir_sink *sink = cursor->base.sink;
    const uint8_t *next = body + 2, *end = body + length;
    const weir_step *step = cursor->base.steps;
    size_t columns = cursor->base.column_count;
    if (length < 2 || (size_t)(body[0] << 8 | body[1]) != columns)
        return bad_row(link, cursor, "another number of columns than described");
    char *place = weir_sink_row(sink);
    if (!place)
        return weir_error_keep(&link->group_error, &(weir_error){ .status = WEIR_OUT_OF_MEMORY, .message = "no memory for a row" });
    weir_decode decode;
    decode.arena = sink->arena;
    decode.borrow = borrow;
    int status = WEIR_OK;
    int32_t field = columns && end - next >= 4 ? read_length(next) : 0;
    for (size_t i = 0; i < columns; i++, step++) {
        if (end - next < 4)
            return bad_row(link, cursor, "it ends inside a field's length");
        const uint8_t *source = next + 4;
        if (field > end - source)
            return bad_row(link, cursor, "a field is longer than its row");
        next = field > 0 ? source + field : source;
        /* the next length first: a borrowed text gets its NUL where that length stands */
        int32_t following = end - next >= 4 ? read_length(next) : 0;
        weir_value *target = (weir_value *)(void *)(place + step->offset);
        if (field < 0)
            target->type = WEIR_T_NULL;
        else if (!take_int8(step, source, field, target) && (status = step->decode(&decode, step, source, (size_t)field, target)) != WEIR_OK) {
            sink->next -= sink->stride;
            sink->count--;
            return bad_field(link, cursor, i, status, decode.reason);
        }
        field = following;
    }
    cursor->base.rows++;
    cursor->base.bytes += (int64_t)length;
    return WEIR_OK;
}
