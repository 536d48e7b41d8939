/* The side of all targets that libFuzzer, or replay.c, calls: memory with a bound, and accounted for. */
#include "fuzz.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/ledger.h"
#include "base/values.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What an input announces is not taken from the machine: above this there is "no memory". */
enum { LARGEST_BLOCK = 32 * 1024 * 1024 };

static void *allocate(size_t size, void *context) { (void)context; return size > LARGEST_BLOCK ? NULL : malloc(size); }
static void *resize(void *block, size_t size, void *context) { (void)context; return size > LARGEST_BLOCK ? NULL : realloc(block, size); }
static void release(void *block, void *context) { (void)context; free(block); }

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return weir_set_allocator(&(weir_allocator){ allocate, resize, release, NULL });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_memory_figures before, after;
    weir_memory_usage(&before);
    fuzz_one(data, size);
    weir_memory_usage(&after);
    FUZZ_DEMAND(before.bytes == after.bytes, "%lld bytes were left behind", (long long)after.bytes - (long long)before.bytes);
    return 0;
}

void fuzz_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

/* ---- choices ---- */
unsigned fuzz_byte(fuzz_script *script) { return script->next < script->end ? *script->next++ : 0; }

uint64_t fuzz_number(fuzz_script *script, unsigned bytes)
{
    uint64_t number = 0;
    while (bytes--)
        number = number << 8 | fuzz_byte(script);
    return number;
}

weir_text fuzz_text(fuzz_script *script)
{
    size_t length = fuzz_byte(script), left;
    if (length == 255)
        length = fuzz_number(script, 2);
    left = (size_t)(script->end - script->next);
    weir_text text = { (const char *)script->next, length < left ? length : left };
    script->next += text.len;
    return text;
}

const char *fuzz_cstr(fuzz_script *script, weir_arena *arena)
{
    weir_text text = fuzz_text(script);
    char *copy = weir_arena_bytes(arena, text.len + 1);
    if (!copy)
        return "";
    for (size_t i = 0; i < text.len; i++)
        copy[i] = (char)(text.ptr[i] ? text.ptr[i] : '0');
    copy[text.len] = 0;
    return copy;
}

char *fuzz_exact(const void *bytes, size_t length)
{
    char *copy = malloc(length ? length : 1);
    FUZZ_DEMAND(copy, "no memory for %zu bytes", length);
    if (length)
        memcpy(copy, bytes, length);
    return copy;
}

char *fuzz_ended(const void *bytes, size_t length)
{
    char *copy = malloc(length + 1);
    FUZZ_DEMAND(copy, "no memory for %zu bytes", length);
    if (length)
        memcpy(copy, bytes, length);
    copy[length] = 0;
    return copy;
}

/* ---- values ---- */
static int64_t between(fuzz_script *script, unsigned bytes, int64_t low, int64_t high)
{
    return low + (int64_t)(fuzz_number(script, bytes) % ((uint64_t)high - (uint64_t)low + 1));
}

static double fuzz_double(fuzz_script *script)
{
    double number;
    uint64_t bits = fuzz_number(script, 8);
    memcpy(&number, &bits, sizeof number);
    return number;
}

static weir_text fuzz_digits(fuzz_script *script, weir_arena *arena)
{
    weir_text text = fuzz_text(script);
    char *digits = weir_arena_bytes(arena, text.len + 2);
    size_t length = 0, point = fuzz_byte(script);
    if (!digits)
        return (weir_text){ "0", 1 };
    if (point & 1)
        digits[length++] = '-';
    for (size_t i = 0; i < text.len; i++)
        digits[length++] = (char)(i > 0 && i + 1 < text.len && i == point / 2 ? '.' : '0' + (unsigned char)text.ptr[i] % 10);
    if (!text.len)
        return (weir_text){ point & 1 ? "NaN" : "Infinity", point & 1 ? 3 : 8 };
    return (weir_text){ digits, length };
}

static weir_value fuzz_array(fuzz_script *script, weir_arena *arena, unsigned depth)
{
    weir_array *array = weir_arena_take(arena, sizeof *array);
    size_t count = fuzz_byte(script) % 8;
    weir_type type = (weir_type)(fuzz_byte(script) % WEIR_T_COUNT_);
    weir_value *items = weir_arena_take(arena, (count + 1) * sizeof *items);
    if (!array || !items)
        return weir_value_null();
    if (type == WEIR_T_ARRAY && !depth)
        type = WEIR_T_INT32;
    int32_t *shape = weir_arena_take(arena, 4 * sizeof *shape);
    if (!shape)
        return weir_value_null();
    memcpy(shape, (int32_t[]){ (int32_t)count, 0, 1, 0 }, 4 * sizeof *shape);
    *array = (weir_array){ .element_type = type, .dimensions = count > 0, .lengths = shape, .lower_bounds = shape + 2, .count = count, .items = items };
    for (size_t i = 0; i < count; i++) {
        items[i] = fuzz_value(script, arena, depth ? depth - 1 : 0);
        if (items[i].type != type)
            items[i] = weir_value_null();
    }
    if (count == 6 && fuzz_byte(script) & 1) {
        memcpy(shape, (int32_t[]){ 2, 3, 0, -7 }, 4 * sizeof *shape);
        array->dimensions = 2;
    }
    return weir_value_array(array);
}

weir_value fuzz_value(fuzz_script *script, weir_arena *arena, unsigned depth)
{
    weir_value value = { .type = (weir_type)(fuzz_byte(script) % WEIR_T_COUNT_) };
    switch (value.type) {
    case WEIR_T_BOOL: value.as.b = fuzz_byte(script) & 1; break;
    case WEIR_T_INT16: value.as.i = (int16_t)fuzz_number(script, 2); break;
    case WEIR_T_INT32: value.as.i = (int32_t)fuzz_number(script, 4); break;
    case WEIR_T_INT64: value.as.i = (int64_t)fuzz_number(script, 8); break;
    case WEIR_T_FLOAT: {
        float narrow;
        uint32_t bits = (uint32_t)fuzz_number(script, 4);
        memcpy(&narrow, &bits, sizeof narrow);
        value.as.d = (double)narrow;
        break;
    }
    case WEIR_T_DOUBLE: value.as.d = fuzz_double(script); break;
    case WEIR_T_NUMERIC: value.as.text = fuzz_digits(script, arena); break;
    case WEIR_T_BLOB: {
        weir_text bytes = fuzz_text(script);
        value.as.blob = (weir_blob){ bytes.ptr, bytes.len };
        break;
    }
    case WEIR_T_DATE: value.as.date.days = (int32_t)fuzz_number(script, 4); break;
    case WEIR_T_TIME: value.as.time.usec = between(script, 5, 0, INT64_C(86400000000)); break;
    case WEIR_T_TIMETZ:
        value.as.timetz.usec = between(script, 5, 0, INT64_C(86400000000));
        value.as.timetz.offset = (int32_t)between(script, 3, -57599, 57599);
        break;
    case WEIR_T_TIMESTAMP: value.as.timestamp.usec = (int64_t)fuzz_number(script, 8); break;
    case WEIR_T_TIMESTAMPTZ: value.as.timestamptz.usec = (int64_t)fuzz_number(script, 8); break;
    case WEIR_T_INTERVAL:
        value.as.interval.usec = (int64_t)fuzz_number(script, 8);
        value.as.interval.days = (int32_t)fuzz_number(script, 4);
        value.as.interval.months = (int32_t)fuzz_number(script, 4);
        break;
    case WEIR_T_UUID:
        for (size_t i = 0; i < sizeof value.as.uuid.bytes; i++)
            value.as.uuid.bytes[i] = (uint8_t)fuzz_byte(script);
        break;
    case WEIR_T_ARRAY: return depth ? fuzz_array(script, arena, depth - 1) : weir_value_null();
    case WEIR_T_NULL: case WEIR_T_COUNT_: break;
    default: value.as.text = fuzz_text(script); break;          /* types that are text */
    }
    return value;
}

void fuzz_touch(const weir_value *value)
{
    volatile uint64_t read = weir_value_hash(value);
    (void)read;
}
