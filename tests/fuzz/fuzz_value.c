/* Texts as values: what SQLite's texts are read as, calendar, numbers, UUIDs, base64, UTF-8; and values as texts. Input: a kind, then a text,
 * or choices for a value. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/values.h"
#include "driver/sqlite/lite.h"
#include "fuzz.h"

/* A text that is read as something is written so that it is read as the same. */
#define ROUND(name_, type_, tag_, member_)                                                                                              \
    static void round_##name_(const weir_value *text)                                                                                    \
    {                                                                                                                                     \
        type_ value, again;                                                                                                                \
        char out[WEIR_FORMATTED_SIZE], reason[WEIR_REASON_SIZE];                                                                           \
        if (weir_value_as_##name_(text, &value, reason) != WEIR_OK)                                                                        \
            return;                                                                                                                        \
        weir_value made = { .type = tag_ }, back;                                                                                          \
        made.as.member_ = value;                                                                                                           \
        size_t length = weir_value_format(&made, out, sizeof out);                                                                         \
        FUZZ_DEMAND(length < sizeof out, #name_ " of %zu bytes", length);                                                                  \
        back = weir_value_text((weir_text){ out, length });                                                                                \
        FUZZ_DEMAND(weir_value_as_##name_(&back, &again, reason) == WEIR_OK, #name_ " '%s': %s", out, reason);                             \
        weir_value second = { .type = tag_ };                                                                                              \
        second.as.member_ = again;                                                                                                         \
        FUZZ_DEMAND(weir_value_equal(&made, &second), #name_ " '%s' reads as another", out);                                               \
    }
ROUND(bool, bool, WEIR_T_BOOL, b)
ROUND(int64, int64_t, WEIR_T_INT64, i)
ROUND(double, double, WEIR_T_DOUBLE, d)
ROUND(date, weir_date, WEIR_T_DATE, date)
ROUND(time, weir_time, WEIR_T_TIME, time)
ROUND(timetz, weir_timetz, WEIR_T_TIMETZ, timetz)
ROUND(timestamp, weir_timestamp, WEIR_T_TIMESTAMP, timestamp)
ROUND(timestamptz, weir_timestamptz, WEIR_T_TIMESTAMPTZ, timestamptz)
ROUND(interval, weir_interval, WEIR_T_INTERVAL, interval)

static void read_text(const char *bytes, size_t length)
{
    weir_value text = weir_value_text((weir_text){ bytes, length });
    weir_uuid uuid;
    weir_numeric numeric;
    const weir_array *array;
    const char *cstr;
    char reason[WEIR_REASON_SIZE], out[WEIR_FORMATTED_SIZE];
    uint8_t *raw = malloc(length ? length : 1);
    size_t count;
    round_bool(&text), round_int64(&text), round_double(&text), round_date(&text), round_time(&text), round_timetz(&text);
    round_timestamp(&text), round_timestamptz(&text), round_interval(&text);
    if (weir_value_as_uuid(&text, &uuid, reason) == WEIR_OK)
        FUZZ_DEMAND(weir_format_uuid(out, uuid) == 36, "a UUID of another length");
    if (weir_value_as_numeric(&text, &numeric, reason) == WEIR_OK)
        FUZZ_DEMAND(numeric.len == length, "a part of a number");
    weir_value_as_array(&text, &array, reason);
    FUZZ_DEMAND(weir_utf8_valid_length(text.as.text) <= length, "more than there is");
    FUZZ_DEMAND(!weir_text_is_ascii(text.as.text) || weir_utf8_valid_length(text.as.text) == length, "ASCII that is no UTF-8");
    if (raw && weir_base64_read(text.as.text, raw, &count))
        FUZZ_DEMAND(count <= length, "more than there is");
    if (length && !bytes[length - 1] && weir_value_as_cstr(&(weir_value){ .type = WEIR_T_TEXT, .as.text = { bytes, length - 1 } }, &cstr, reason) == WEIR_OK)
        FUZZ_DEMAND(strlen(cstr) == length - 1, "another length");
    free(raw);
}

/* The same array as programs write it to be bound: without lengths and lower bounds. */
static void leave_out_shape(const weir_value *value)
{
    if (value->type != WEIR_T_ARRAY || value->as.array->dimensions != 1)
        return;
    weir_array bare = *value->as.array;
    weir_value other = weir_value_array(&bare);
    bare.lengths = bare.lower_bounds = NULL;
    FUZZ_DEMAND(weir_value_equal(value, &other) && weir_value_equal(&other, value), "another array without its shape");
    FUZZ_DEMAND(weir_value_hash(value) == weir_value_hash(&other) && weir_value_format(&other, NULL, 0) == weir_value_format(value, NULL, 0),
                "another text or hash without its shape");
}

/* Any value through each getter, as text, and copied. */
static void read_value(fuzz_script *script, weir_arena *arena)
{
    weir_value value = fuzz_value(script, arena, 3), copy;
    char reason[WEIR_REASON_SIZE], cut[16];
    union { bool b; int32_t i32; int64_t i; double d; weir_text text; const char *cstr; weir_numeric numeric; weir_blob blob; weir_date date;
            weir_time time; weir_timetz timetz; weir_timestamp timestamp; weir_timestamptz timestamptz; weir_interval interval; weir_uuid uuid;
            const weir_array *array; } out;
    weir_value_as_bool(&value, &out.b, reason), weir_value_as_int32(&value, &out.i32, reason), weir_value_as_int64(&value, &out.i, reason);
    weir_value_as_double(&value, &out.d, reason), weir_value_as_text(&value, &out.text, reason);
    weir_value_as_numeric(&value, &out.numeric, reason), weir_value_as_blob(&value, &out.blob, reason), weir_value_as_date(&value, &out.date, reason);
    weir_value_as_time(&value, &out.time, reason), weir_value_as_timetz(&value, &out.timetz, reason);
    weir_value_as_timestamp(&value, &out.timestamp, reason), weir_value_as_timestamptz(&value, &out.timestamptz, reason);
    weir_value_as_interval(&value, &out.interval, reason), weir_value_as_uuid(&value, &out.uuid, reason), weir_value_as_array(&value, &out.array, reason);
    size_t whole = weir_value_format(&value, NULL, 0);
    FUZZ_DEMAND(weir_value_format(&value, cut, sizeof cut) == whole && strnlen(cut, sizeof cut) < sizeof cut, "another length where it is cut");
    leave_out_shape(&value);
    if (weir_value_copy(arena, &value, &copy) == WEIR_OK) {
        FUZZ_DEMAND(weir_value_equal(&value, &copy), "a copy that differs");
        FUZZ_DEMAND(weir_value_hash(&value) == weir_value_hash(&copy), "equal values with two hashes");
    }
}

void fuzz_one(const uint8_t *data, size_t size)
{
    fuzz_script script = { data, data + size };
    weir_arena arena;
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 512);
    if (fuzz_byte(&script) % 4 == 3) {
        read_value(&script, &arena);
    } else {
        size_t length = (size_t)(script.end - script.next);
        char *exact = fuzz_exact(script.next, length), *ended = fuzz_ended(script.next, length);
        read_text(exact, length);
        weir_lite_declared_type(ended);
        free(exact);
        free(ended);
    }
    weir_arena_free(&arena);
}
