/* Parquet: the distinct values of a column chunk, numbered as they come. */
#include "transfer/parquet.h"

enum { FIRST_SLOTS = 1024, LOOK_AFTER = 8192 };     /* values after which a first page's dictionary is looked at: does it pay? */
static const uint64_t multiplier = UINT64_C(0x9E3779B97F4A7C15);

void weir_parquet_dictionary_init(weir_parquet_dictionary *dictionary, weir_ledger *ledger)
{
    *dictionary = (weir_parquet_dictionary){ 0 };
    weir_buffer_init(&dictionary->plain, ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    weir_buffer_init(&dictionary->places, ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    weir_buffer_init(&dictionary->marks, ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
}

void weir_parquet_dictionary_free(weir_parquet_dictionary *dictionary)
{
    weir_ledger *ledger = dictionary->plain.ledger;
    weir_buffer_free(&dictionary->plain);
    weir_buffer_free(&dictionary->places);
    weir_buffer_free(&dictionary->marks);
    weir_free(dictionary->slots);
    weir_parquet_dictionary_init(dictionary, ledger);
}

size_t weir_parquet_dictionary_bytes(const weir_parquet_dictionary *dictionary)
{
    return dictionary->plain.capacity + dictionary->places.capacity + dictionary->marks.capacity +
           (dictionary->slots ? (dictionary->mask + 1) * sizeof *dictionary->slots : 0);
}

/* ---- hashing ------------------------------------------------------------------------------------------------------------ */
static inline uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * multiplier;
    return h ^ h >> 32;
}

static inline uint64_t hash_bytes(const char *p, size_t length)
{
    uint64_t h = length * multiplier, word = 0;
    if (length >= 8) {
        const char *last = p + length - 8;      /* the last eight, some of them once more */
        for (; p < last; p += 8) {
            memcpy(&word, p, 8);
            h = mix(h, word);
        }
        memcpy(&word, last, 8);
        return mix(h, word);
    }
    if (length >= 4) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + length - 4, 4);
        word = (uint64_t)high << 32 | low;
    } else if (length) {
        word = (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[length / 2] << 8 | (uint8_t)p[length - 1];
    }
    return mix(h, word);
}

static inline uint64_t hash_of(const char *value, size_t width, size_t length)
{
    if (width == 4)
        return mix(1, weir_load_le32(value));
    if (width == 8)
        return mix(1, weir_load_le64(value));
    return hash_bytes(value, length);
}

/* memcmp, for values that are mostly short. */
static inline bool same_bytes(const char *a, const char *b, size_t length)
{
    uint64_t x, y;
    uint32_t p, q;
    if (length >= 8) {
        for (size_t i = 0; i < length - 8; i += 8) {
            memcpy(&x, a + i, 8);
            memcpy(&y, b + i, 8);
            if (x != y)
                return false;
        }
        memcpy(&x, a + length - 8, 8);
        memcpy(&y, b + length - 8, 8);
        return x == y;
    }
    if (length >= 4) {
        memcpy(&p, a, 4);
        memcpy(&q, b, 4);
        if (p != q)
            return false;
        memcpy(&p, a + length - 4, 4);
        memcpy(&q, b + length - 4, 4);
        return p == q;
    }
    for (size_t i = 0; i < length; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

/* ---- values -------------------------------------------------------------------------------------------------------------- */
/* A value of any length begins behind its four bytes of length. */
static inline const char *value_at(const weir_parquet_dictionary *d, size_t width, uint32_t number, size_t *length)
{
    if (width) {
        *length = width;
        return d->plain.data + number * width;
    }
    uint32_t place;
    memcpy(&place, d->places.data + 4 * (size_t)number, 4);
    *length = weir_load_le32(d->plain.data + place);
    return d->plain.data + place + 4;
}

static bool grow(weir_parquet_dictionary *d, size_t width)
{
    size_t slots = d->slots ? 4 * (d->mask + 1) : FIRST_SLOTS;
    uint32_t *grown = weir_alloc_zero(d->plain.ledger, WEIR_MEMORY_OUTPUT, slots * sizeof *grown);
    if (!grown)
        return false;
    for (uint32_t number = 0; number < d->count; number++) {
        size_t length, at;
        const char *value = value_at(d, width, number, &length);
        for (at = hash_of(value, width, length) & (slots - 1); grown[at]; at = (at + 1) & (slots - 1))
            continue;
        grown[at] = number + 1;
    }
    weir_free(d->slots);
    d->slots = grown;
    d->mask = slots - 1;
    return true;
}

static bool add(weir_parquet_dictionary *d, size_t width, const char *value, size_t length)
{
    uint32_t place = (uint32_t)d->plain.length, unmarked = 0;
    if (d->plain.length + 4 + length > WEIR_PARQUET_DICTIONARY)
        return false;
    if (!width) {
        char prefix[4];
        weir_store_le32(prefix, (uint32_t)length);
        weir_buffer_append(&d->places, &place, 4);
        weir_buffer_append(&d->marks, &unmarked, 4);
        weir_buffer_append(&d->plain, prefix, 4);
    }
    weir_buffer_append(&d->plain, value, length);
    return !d->plain.failed && !d->places.failed && !d->marks.failed;
}

/* The value's number, or UINT32_MAX when it is new and there is no room for it. */
static inline uint32_t number_of(weir_parquet_dictionary *d, size_t width, const char *value, size_t length)
{
    size_t at = hash_of(value, width, length) & d->mask;
    for (; d->slots[at]; at = (at + 1) & d->mask) {
        size_t other_length;
        const char *other = value_at(d, width, d->slots[at] - 1, &other_length);
        if (other_length == length && same_bytes(other, value, length))
            return d->slots[at] - 1;
    }
    if (!add(d, width, value, length))
        return UINT32_MAX;
    d->slots[at] = ++d->count;
    if (d->count * 2 > d->mask && !grow(d, width))
        return UINT32_MAX;
    return d->count - 1;
}

/* ---- pages ----------------------------------------------------------------------------------------------------------------- */
static inline bool number_values(weir_parquet_dictionary *d, const weir_parquet_column *column, size_t width, uint32_t *numbers,
                                 weir_parquet_bounds *bounds)
{
    bool first_page = d->count == 0;
    const char *value = column->values.data;
    uint32_t mark = column->page_count + 1;
    for (int64_t i = 0; i < column->count; i++) {
        size_t length = width;
        if (!width) {
            length = weir_load_le32(value);
            value += 4;
        }
        uint32_t number = number_of(d, width, value, length);
        if (number == UINT32_MAX || (first_page && i == LOOK_AFTER && d->count > LOOK_AFTER / 4 * 3))
            return false;
        numbers[i] = number;
        if (!width) {
            char *seen = d->marks.data + 4 * (size_t)number;
            if (memcmp(seen, &mark, 4) != 0) {
                memcpy(seen, &mark, 4);
                weir_parquet_bounds_add(&column->type, bounds, value, length);
            }
        }
        value += length;
    }
    return true;
}

bool weir_parquet_dictionary_take(weir_parquet_dictionary *dictionary, const weir_parquet_column *column, weir_buffer *numbers,
                                  weir_parquet_bounds *bounds)
{
    uint32_t count = dictionary->count;
    size_t length = dictionary->plain.length, width = column->type.width;
    numbers->length = 0;
    bool taken = (dictionary->slots || grow(dictionary, width)) && weir_buffer_reserve(numbers, (size_t)column->count * 4);
    if (taken) {
        uint32_t *to = (uint32_t *)(void *)numbers->data;
        switch (width) {                /* a loop of its own for each common width */
        case 0:  taken = number_values(dictionary, column, 0, to, bounds); break;
        case 4:  taken = number_values(dictionary, column, 4, to, bounds); break;
        case 8:  taken = number_values(dictionary, column, 8, to, bounds); break;
        default: taken = number_values(dictionary, column, width, to, bounds); break;
        }
    }
    if (!taken) {
        dictionary->count = count;
        dictionary->plain.length = length;
    }
    return taken;
}
