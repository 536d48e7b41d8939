/* Keys between two keys: the way from one to the other in even pieces. Only how large a range becomes hangs on it. */
#include <math.h>
#include <string.h>
#include "base/decimal.h"
#include "base/values.h"
#include "transfer/parallel.h"

/* ---- order ------------------------------------------------------------------------------------------------------------------------ */
static bool in_i(weir_type type) { return type == WEIR_T_INT16 || type == WEIR_T_INT32 || type == WEIR_T_INT64; }

/* Times and dates as the integers that they are. */
static bool as_integer(const weir_value *v, int64_t *out)
{
    switch (v->type) {
    case WEIR_T_INT16: case WEIR_T_INT32: case WEIR_T_INT64: *out = v->as.i; return true;
    case WEIR_T_DATE:        *out = v->as.date.days; return true;
    case WEIR_T_TIME:        *out = v->as.time.usec; return true;
    case WEIR_T_TIMESTAMP:   *out = v->as.timestamp.usec; return true;
    case WEIR_T_TIMESTAMPTZ: *out = v->as.timestamptz.usec; return true;
    default: return false;
    }
}

static bool is_bytes(weir_type type) { return type == WEIR_T_UUID || type == WEIR_T_BLOB; }
static bool is_float(const weir_value *v) { return (v->type == WEIR_T_FLOAT || v->type == WEIR_T_DOUBLE) && !isnan(v->as.d); }

static weir_blob bytes_of(const weir_value *v)
{
    return v->type == WEIR_T_UUID ? (weir_blob){ v->as.uuid.bytes, sizeof v->as.uuid.bytes } : v->as.blob;
}

bool weir_cut_comparable(const weir_value *a, const weir_value *b)
{
    int64_t unused;
    if (is_float(a) && is_float(b))
        return true;
    if (a->type != b->type)
        return in_i(a->type) && in_i(b->type);
    return is_bytes(a->type) || as_integer(a, &unused);
}

int weir_cut_compare(const weir_value *a, const weir_value *b)
{
    int64_t x = 0, y = 0;
    if (is_float(a))
        return (a->as.d > b->as.d) - (a->as.d < b->as.d);
    if (!is_bytes(a->type)) {
        as_integer(a, &x);
        as_integer(b, &y);
        return (x > y) - (x < y);
    }
    weir_blob left = bytes_of(a), right = bytes_of(b);
    size_t common = left.len < right.len ? left.len : right.len;
    int sign = common ? memcmp(left.ptr, right.ptr, common) : 0;
    return sign ? sign : (left.len > right.len) - (left.len < right.len);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------------------ */
/* The i-th of n pieces of a span, without a product that overflows. */
static uint64_t share(uint64_t span, size_t i, size_t n)
{
    return span / n * i + (span % n) * i / n;
}

static void set_integer(weir_value *out, int64_t v)
{
    switch (out->type) {
    case WEIR_T_DATE:        out->as.date.days = (int32_t)v; break;
    case WEIR_T_TIME:        out->as.time.usec = v; break;
    case WEIR_T_TIMESTAMP:   out->as.timestamp.usec = v; break;
    case WEIR_T_TIMESTAMPTZ: out->as.timestamptz.usec = v; break;
    default:                 out->as.i = v; break;
    }
}

/* The ends are no bounds that cut anything: the infinities of time types are not on the way, and would make it endless. */
static bool is_endless(weir_type type, int64_t v)
{
    return type == WEIR_T_DATE ? v == INT32_MAX || v == INT32_MIN
                               : !in_i(type) && (v == INT64_MAX || v == INT64_MIN);
}

static size_t cut_integers(const weir_value *low, const weir_value *high, size_t n, weir_value *out)
{
    int64_t from = 0, to = 0;
    size_t count = 0;
    as_integer(low, &from);
    as_integer(high, &to);
    if (is_endless(low->type, from) || is_endless(low->type, to) || from >= to)
        return 0;
    uint64_t span = (uint64_t)to - (uint64_t)from;
    for (size_t i = 1; i < n; i++) {
        uint64_t step = share(span, i, n);
        if (step == share(span, i - 1, n))
            continue;
        out[count] = *low;
        set_integer(&out[count++], (int64_t)((uint64_t)from + step));
    }
    return count;
}

/* Of two reals only what a real can be is a key: the server takes no other number for the column. */
static size_t cut_floats(double from, double to, bool real, size_t n, weir_value *out)
{
    size_t count = 0;
    for (size_t i = 1; i < n && isfinite(to - from) && from < to; i++) {
        double bound = from + (to - from) * ((double)i / (double)n);
        out[count++] = weir_value_double(real ? (double)(float)bound : bound);
    }
    return count;
}

static bool read_numeric(const weir_value *v, double *out)
{
    return weir_parse_double(v->as.text, out) && isfinite(*out) && fabs(*out) < 1e15;
}

static size_t cut_numerics(const weir_value *low, const weir_value *high, size_t n, weir_arena *arena, weir_value *out)
{
    double from, to;
    size_t count = 0;
    if (!read_numeric(low, &from) || !read_numeric(high, &to) || from >= to)
        return 0;
    for (size_t i = 1; i < n; i++) {
        char digits[WEIR_FIXED_SIZE];
        size_t length = weir_put_fixed(digits, from + (to - from) * ((double)i / (double)n));
        char *copy = weir_arena_bytes(arena, length + 1);
        if (!copy)
            break;
        memcpy(copy, digits, length + 1);
        out[count++] = weir_value_numeric((weir_numeric){ copy, length });
    }
    return count;
}

/* ---- bytes and texts ---------------------------------------------------------------------------------------------------------------- */
enum { DIGITS = 6 };                    /* behind the common beginning: enough for any number of ranges */

/* Texts as numbers of the printable characters, so that what lies between them is text again. */
typedef struct alphabet { unsigned first, size; } alphabet;

static uint64_t number_at(alphabet a, const unsigned char *bytes, size_t length, size_t at)
{
    uint64_t number = 0;
    for (size_t i = at; i < at + DIGITS; i++) {
        unsigned byte = i < length ? bytes[i] : 0;
        unsigned digit = byte < a.first ? 0 : byte - a.first < a.size ? byte - a.first : a.size - 1;
        number = number * a.size + digit;
    }
    return number;
}

/* A byte in the middle of a character of UTF-8. */
static bool is_middle(const unsigned char *bytes, size_t length, size_t at) { return at < length && (bytes[at] & 0xC0) == 0x80; }

static size_t cut_bytes(alphabet a, weir_blob low, weir_blob high, size_t n, size_t fixed, weir_arena *arena, weir_blob *out)
{
    const unsigned char *from = low.ptr, *to = high.ptr;
    size_t common = 0, count = 0;
    while (common < low.len && common < high.len && from[common] == to[common])
        common++;
    /* Of a text, whole characters: what is put behind half of one is no text. */
    while (a.size < 256 && common > 0 && (is_middle(from, low.len, common) || is_middle(to, high.len, common)))
        common--;
    uint64_t first = number_at(a, from, low.len, common), last = number_at(a, to, high.len, common);
    size_t length = fixed ? fixed : common + DIGITS, digits = length - common < DIGITS ? length - common : DIGITS;
    for (size_t i = 1; i < n && first < last; i++) {
        uint64_t number = first + share(last - first, i, n);
        unsigned char *bytes = weir_arena_bytes(arena, length + 1);
        if (!bytes)
            break;
        memset(bytes, 0, length + 1);
        if (common)
            memcpy(bytes, from, common);
        for (size_t d = DIGITS; d-- > 0; number /= a.size)
            if (d < digits)
                bytes[common + d] = (unsigned char)(a.first + number % a.size);
        out[count++] = (weir_blob){ bytes, length };
    }
    return count;
}

static size_t cut_other(const weir_value *low, const weir_value *high, size_t n, weir_arena *arena, weir_value *out)
{
    bool text = low->type == WEIR_T_TEXT;
    weir_blob from = text ? (weir_blob){ low->as.text.ptr, low->as.text.len } : bytes_of(low);
    weir_blob to = text ? (weir_blob){ high->as.text.ptr, high->as.text.len } : bytes_of(high);
    weir_blob *blobs = weir_arena_take(arena, n * sizeof *blobs);
    if (!blobs)
        return 0;
    size_t count = cut_bytes(text ? (alphabet){ ' ', 95 } : (alphabet){ 0, 256 }, from, to, n,
                             low->type == WEIR_T_UUID ? sizeof low->as.uuid.bytes : 0, arena, blobs);
    for (size_t i = 0; i < count; i++) {
        if (low->type == WEIR_T_UUID) {
            out[i] = *low;
            memcpy(out[i].as.uuid.bytes, blobs[i].ptr, sizeof out[i].as.uuid.bytes);
        } else {
            out[i] = text ? weir_value_text((weir_text){ blobs[i].ptr, blobs[i].len }) : weir_value_blob(blobs[i]);
        }
    }
    return count;
}

size_t weir_cut_evenly(const weir_value *low, const weir_value *high, size_t n, weir_arena *arena, weir_value *out)
{
    int64_t unused;
    if (is_float(low) && is_float(high))
        return cut_floats(low->as.d, high->as.d, low->type == WEIR_T_FLOAT || high->type == WEIR_T_FLOAT, n, out);
    if (low->type != high->type && !(in_i(low->type) && in_i(high->type)))
        return 0;
    if (as_integer(low, &unused))
        return cut_integers(low, high, n, out);
    if (low->type == WEIR_T_NUMERIC)
        return cut_numerics(low, high, n, arena, out);
    return low->type == WEIR_T_TEXT || is_bytes(low->type) ? cut_other(low, high, n, arena, out) : 0;
}
