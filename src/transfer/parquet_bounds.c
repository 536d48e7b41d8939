/* Parquet's statistics: the least and the greatest value of pages and column chunks, and how many are NULL. */
#include "transfer/parquet.h"

bool weir_parquet_has_bounds(const weir_parquet_type *type)
{
    return type->leaf != WEIR_LEAF_JSON && type->leaf != WEIR_LEAF_UNKNOWN;     /* a JSON text cut short is none */
}

/* ---- order ------------------------------------------------------------------------------------------------------------------ */
static double real_of(const weir_parquet_type *type, const char *bytes)
{
    if (type->physical == WEIR_PHYSICAL_DOUBLE) {
        uint64_t bits = weir_load_le64(bytes);
        double d;
        memcpy(&d, &bits, 8);
        return d;
    }
    uint32_t bits = weir_load_le32(bytes);
    float f;
    memcpy(&f, &bits, 4);
    return (double)f;
}

static int compare(const weir_parquet_type *type, const char *a, size_t a_length, const char *b, size_t b_length)
{
    if (type->physical == WEIR_PHYSICAL_INT32) {
        int32_t x = (int32_t)weir_load_le32(a), y = (int32_t)weir_load_le32(b);
        return (x > y) - (x < y);
    }
    if (type->physical == WEIR_PHYSICAL_INT64) {
        int64_t x = (int64_t)weir_load_le64(a), y = (int64_t)weir_load_le64(b);
        return (x > y) - (x < y);
    }
    if (type->physical == WEIR_PHYSICAL_FLOAT || type->physical == WEIR_PHYSICAL_DOUBLE) {
        double x = real_of(type, a), y = real_of(type, b);
        return (x > y) - (x < y);
    }
    if (type->leaf == WEIR_LEAF_DECIMAL && (a[0] ^ b[0]) & 0x80)
        return a[0] & 0x80 ? -1 : 1;            /* of big-endian numbers only the sign is compared the other way round */
    size_t common = a_length < b_length ? a_length : b_length;
    int order = common ? memcmp(a, b, common) : 0;
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

int weir_parquet_bound_compare(const weir_parquet_type *type, const weir_parquet_bound *a, const weir_parquet_bound *b)
{
    return compare(type, a->bytes, a->length, b->bytes, b->length);
}

/* ---- cutting ------------------------------------------------------------------------------------------------------------------ */
static bool is_text(const weir_parquet_type *type) { return type->leaf == WEIR_LEAF_STRING; }
static bool continues(char byte) { return ((unsigned char)byte & 0xC0) == 0x80; }

/* How much of a long value is kept: whole characters. */
static size_t cut_length(const weir_parquet_type *type, const char *value)
{
    size_t length = WEIR_PARQUET_BOUND;
    while (is_text(type) && length > 0 && continues(value[length]))
        length--;
    return length;
}

static void set_bound(weir_parquet_bound *bound, const char *value, size_t length, bool exact)
{
    memcpy(bound->bytes, value, length);
    bound->length = (uint8_t)length;
    bound->exact = exact;
}

static size_t put_character(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    for (size_t i = length; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(leads[length] | c);
    return length;
}

static uint32_t read_character(const char *bytes, size_t length)
{
    static const uint8_t masks[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
    uint32_t c = (uint8_t)bytes[0] & masks[length];
    for (size_t i = 1; i < length; i++)
        c = c << 6 | ((uint8_t)bytes[i] & 0x3F);
    return c;
}

/* Makes a text greater than all that begin with it, by its last character that can be greater. */
static bool raise_text(weir_parquet_bound *bound)
{
    size_t end = bound->length;
    while (end > 0) {
        size_t at = end - 1;
        while (at > 0 && continues(bound->bytes[at]))
            at--;
        uint32_t c = read_character(bound->bytes + at, end - at) + 1;
        if (c == 0xD800)
            c = 0xE000;                         /* no halves of pairs */
        char bytes[4];
        size_t length = c < 0x110000 ? put_character(bytes, c) : 0;
        if (length && at + length <= WEIR_PARQUET_BOUND) {
            memcpy(bound->bytes + at, bytes, length);
            bound->length = (uint8_t)(at + length);
            return true;
        }
        end = at;
    }
    return false;
}

static bool raise_bytes(weir_parquet_bound *bound)
{
    while (bound->length > 0 && (uint8_t)bound->bytes[bound->length - 1] == 0xFF)
        bound->length--;
    if (bound->length > 0)
        bound->bytes[bound->length - 1]++;
    return bound->length > 0;
}

static void set_least(const weir_parquet_type *type, weir_parquet_bounds *bounds, const char *value, size_t length)
{
    bool whole = length <= WEIR_PARQUET_BOUND;
    set_bound(&bounds->least, value, whole ? length : cut_length(type, value), whole);
}

static void set_greatest(const weir_parquet_type *type, weir_parquet_bounds *bounds, const char *value, size_t length)
{
    bool whole = length <= WEIR_PARQUET_BOUND;
    set_bound(&bounds->greatest, value, whole ? length : cut_length(type, value), whole);
    if (!whole && !(is_text(type) ? raise_text(&bounds->greatest) : raise_bytes(&bounds->greatest)))
        bounds->beyond = true;
}

/* ---- widening ------------------------------------------------------------------------------------------------------------------- */
void weir_parquet_bounds_add(const weir_parquet_type *type, weir_parquet_bounds *bounds, const char *value, size_t length)
{
    if (!weir_parquet_has_bounds(type))
        return;
    if (!bounds->valid || compare(type, value, length, bounds->least.bytes, bounds->least.length) < 0)
        set_least(type, bounds, value, length);
    if (!bounds->valid || compare(type, value, length, bounds->greatest.bytes, bounds->greatest.length) > 0)
        set_greatest(type, bounds, value, length);
    bounds->valid = true;
}

void weir_parquet_bounds_join(const weir_parquet_type *type, weir_parquet_bounds *bounds, const weir_parquet_bounds *other)
{
    bounds->nulls += other->nulls;
    bounds->not_numbers += other->not_numbers;
    bounds->beyond |= other->beyond;
    if (!other->valid)
        return;
    if (!bounds->valid || weir_parquet_bound_compare(type, &other->least, &bounds->least) < 0)
        bounds->least = other->least;
    if (!bounds->valid || weir_parquet_bound_compare(type, &other->greatest, &bounds->greatest) > 0)
        bounds->greatest = other->greatest;
    bounds->valid = true;
}

/* ---- of numbers -------------------------------------------------------------------------------------------------------------------- */
static void int_bounds(const char *values, size_t count, size_t width, weir_parquet_bounds *bounds)
{
    int64_t least = INT64_MAX, greatest = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        int64_t v = width == 8 ? (int64_t)weir_load_le64(values + 8 * i) : (int32_t)weir_load_le32(values + 4 * i);
        least = v < least ? v : least;
        greatest = v > greatest ? v : greatest;
    }
    char bytes[8];
    weir_store_le64(bytes, (uint64_t)least);
    set_bound(&bounds->least, bytes, width, true);
    weir_store_le64(bytes, (uint64_t)greatest);
    set_bound(&bounds->greatest, bytes, width, true);
    bounds->valid = count > 0;
}

static void set_real(const weir_parquet_type *type, weir_parquet_bound *bound, double value)
{
    char bytes[8];
    if (type->physical == WEIR_PHYSICAL_DOUBLE) {
        uint64_t bits;
        memcpy(&bits, &value, 8);
        weir_store_le64(bytes, bits);
    } else {
        float f = (float)value;
        uint32_t bits;
        memcpy(&bits, &f, 4);
        weir_store_le32(bytes, bits);
    }
    set_bound(bound, bytes, type->width, true);
}

/* NaN is neither, and where there is one no bounds are told: readers that take it for the greatest number would skip it by them (DuckDB does).
 * A zero stands for both zeros. */
static void real_bounds(const weir_parquet_type *type, const char *values, size_t count, weir_parquet_bounds *bounds)
{
    double least = 0, greatest = 0;
    bool some = false;
    for (size_t i = 0; i < count; i++) {
        double v = real_of(type, values + i * type->width);
        if (v != v) {
            bounds->not_numbers++;
            continue;
        }
        least = !some || v < least ? v : least;
        greatest = !some || v > greatest ? v : greatest;
        some = true;
    }
    set_real(type, &bounds->least, least == 0 ? -0.0 : least);
    set_real(type, &bounds->greatest, greatest == 0 ? 0.0 : greatest);
    bounds->valid = some;
    bounds->beyond = bounds->not_numbers > 0;
}

void weir_parquet_bounds_of(const weir_parquet_type *type, const char *values, size_t length, size_t count, weir_parquet_bounds *bounds)
{
    if (count == 0)
        return;
    const char *end = values + length;
    switch (type->physical) {
    case WEIR_PHYSICAL_INT32:  int_bounds(values, count, 4, bounds); break;
    case WEIR_PHYSICAL_INT64:  int_bounds(values, count, 8, bounds); break;
    case WEIR_PHYSICAL_FLOAT:
    case WEIR_PHYSICAL_DOUBLE: real_bounds(type, values, count, bounds); break;
    default:
        while (values < end) {
            size_t size = type->width ? type->width : weir_load_le32(values);
            values += type->width ? 0 : 4;
            weir_parquet_bounds_add(type, bounds, values, size);
            values += size;
        }
    }
}

/* ---- in the file ------------------------------------------------------------------------------------------------------------------- */
void weir_parquet_put_statistics(weir_thrift *thrift, int id, const weir_parquet_type *type, const weir_parquet_bounds *bounds,
                                 int64_t distinct)
{
    bool told = bounds->valid && !bounds->beyond;
    weir_thrift_struct(thrift, id);
    weir_thrift_i64(thrift, 3, bounds->nulls);
    if (distinct >= 0)
        weir_thrift_i64(thrift, 4, distinct);
    if (told) {
        weir_thrift_binary(thrift, 5, bounds->greatest.bytes, bounds->greatest.length);
        weir_thrift_binary(thrift, 6, bounds->least.bytes, bounds->least.length);
        weir_thrift_bool(thrift, 7, bounds->greatest.exact);
        weir_thrift_bool(thrift, 8, bounds->least.exact);
    }
    if (type->physical == WEIR_PHYSICAL_FLOAT || type->physical == WEIR_PHYSICAL_DOUBLE)
        weir_thrift_i64(thrift, 9, bounds->not_numbers);
    weir_thrift_end(thrift);
}
