/* The row that did not fit its batch: what of it is in the window names it, for who has to tell (RULES B1). */
#include <stdio.h>
#include "base/values.h"
#include "driver/postgres/codec.h"
#include "driver/postgres/pg.h"

/* Keys are mostly of these types. False: not to be shown. */
static bool show(const weir_step *step, const uint8_t *source, size_t length, char *out, size_t size)
{
    weir_decode_fn decode = step->decode;
    if (decode == weir_pg_decode_int8 && length == 8)
        snprintf(out, size, "%lld", (long long)weir_pg_load64(source));
    else if (decode == weir_pg_decode_int4 && length == 4)
        snprintf(out, size, "%d", (int)(int32_t)weir_pg_load32(source));
    else if (decode == weir_pg_decode_int2 && length == 2)
        snprintf(out, size, "%d", (int)(int16_t)weir_pg_load16(source));
    else if (decode == weir_pg_decode_uuid && length == 16 && size > 36) {
        weir_uuid uuid;
        memcpy(&uuid, source, sizeof uuid);
        out[weir_format_uuid(out, uuid)] = 0;
    } else if (decode == weir_pg_decode_text && length < size)
        snprintf(out, size, "%.*s", (int)length, (const char *)source);
    else
        return false;
    return true;
}

static bool is_key(const weir_cursor *cursor, size_t column)
{
    for (size_t i = 0; i < cursor->key_count; i++)
        if (cursor->key_columns[i] == (int)column)
            return true;
    return cursor->key_count == 0 && column == 0;
}

void weir_pg_note_refused(weir_pg_cursor *cursor, const uint8_t *body, const uint8_t *end, size_t length)
{
    weir_cursor *base = &cursor->base;
    base->refused_bytes = (int64_t)length;
    base->refused_key[0] = 0;
    const uint8_t *next = body + 2;
    for (size_t i = 0; i < base->column_count && end - next >= 4; i++) {
        int32_t field = (int32_t)weir_pg_load32(next);
        char shown[WEIR_REFUSED_VALUE];
        next += 4;
        if (field > end - next)
            return;
        if (field >= 0 && is_key(base, i) && show(&base->steps[i], next, (size_t)field, shown, sizeof shown))
            weir_cursor_show_key(base, (int)i, shown);
        next += field > 0 ? field : 0;
    }
}
