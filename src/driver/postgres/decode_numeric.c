/* PostgreSQL's binary numeric into exact plain decimal digits. */
#include "driver/postgres/codec.h"

enum { HEADER_BYTES = 8, MAX_SCALE = 0x3FFF, BASE = 10000 };

typedef struct numeric_field {
    const uint8_t *groups;      /* two bytes each, four decimal digits, the most significant first */
    int32_t        count;
    int32_t        weight;      /* of the first group: 10000 to this power */
    int32_t        scale;       /* digits behind the point */
    uint16_t       sign;
} numeric_field;

/* Group at `place` counted from the first; 0 outside of what was sent. */
static inline unsigned group_at(const numeric_field *field, int32_t place)
{
    return place >= 0 && place < field->count ? weir_pg_load16(field->groups + 2 * place) : 0;
}

static int give_word(weir_decode *decode, const char *word, weir_value *value)
{
    size_t length = strlen(word);
    char *text = weir_arena_bytes(decode->arena, length + 1);
    if (!text)
        return WEIR_OUT_OF_MEMORY;
    memcpy(text, word, length + 1);
    value->type = WEIR_T_NUMERIC;
    value->as.text = (weir_text){ text, length };
    return WEIR_OK;
}

static inline void write_group(char *out, unsigned group)
{
    out[0] = (char)('0' + group / 1000);
    out[1] = (char)('0' + group / 100 % 10);
    out[2] = (char)('0' + group / 10 % 10);
    out[3] = (char)('0' + group % 10);
}

/* The integer part, without leading zeros but with at least one digit; returns the end of what it wrote. */
static char *write_whole(char *out, const numeric_field *field)
{
    int32_t place = 0;
    while (place <= field->weight && place < field->count && group_at(field, place) == 0)
        place++;
    if (place > field->weight || place >= field->count) {
        *out++ = '0';
        return out;
    }
    char first[4];
    unsigned group = group_at(field, place++);
    write_group(first, group);
    size_t zeros = group >= 1000 ? 0 : group >= 100 ? 1 : group >= 10 ? 2 : 3;
    memcpy(out, first + zeros, 4 - zeros);
    out += 4 - zeros;
    for (; place <= field->weight; place++, out += 4)
        write_group(out, group_at(field, place));
    return out;
}

/* Exactly `scale` digits behind the point. */
static char *write_fraction(char *out, const numeric_field *field)
{
    int32_t place = field->weight + 1, left = field->scale;
    *out++ = '.';
    for (; left >= 4; left -= 4, place++, out += 4)
        write_group(out, group_at(field, place));
    if (left > 0) {
        char last[4];
        write_group(last, group_at(field, place));
        memcpy(out, last, (size_t)left);
        out += left;
    }
    return out;
}

static int read_field(weir_decode *decode, const uint8_t *bytes, size_t length, numeric_field *field)
{
    if (length < HEADER_BYTES)
        return weir_pg_malformed(decode, "the server sent a numeric in %zu bytes", length);
    field->groups = bytes + HEADER_BYTES;
    field->count = weir_pg_load16(bytes);
    field->weight = (int16_t)weir_pg_load16(bytes + 2);
    field->sign = weir_pg_load16(bytes + 4);
    field->scale = weir_pg_load16(bytes + 6);
    if (length != HEADER_BYTES + 2 * (size_t)field->count)
        return weir_pg_malformed(decode, "the server sent a numeric of %d groups in %zu bytes", (int)field->count, length);
    return WEIR_OK;
}

static int check_digits(weir_decode *decode, const numeric_field *field)
{
    if (field->sign != 0 && field->sign != WEIR_PG_NUMERIC_NEGATIVE)
        return weir_pg_malformed(decode, "the server sent a numeric with the sign 0x%04X", (unsigned)field->sign);
    if (field->scale > MAX_SCALE)
        return weir_pg_malformed(decode, "the server sent a numeric with the scale %d", (int)field->scale);
    for (int32_t place = 0; place < field->count; place++)
        if (group_at(field, place) >= BASE)
            return weir_pg_malformed(decode, "the server sent a numeric with the group %u", group_at(field, place));
    return WEIR_OK;
}

int weir_pg_decode_numeric(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    numeric_field field = { 0 };
    int status = read_field(decode, source, length, &field);
    if (status != WEIR_OK)
        return status;
    switch (field.sign) {
    case WEIR_PG_NUMERIC_NAN:            return give_word(decode, "NaN", value);
    case WEIR_PG_NUMERIC_INFINITY:       return give_word(decode, "Infinity", value);
    case WEIR_PG_NUMERIC_MINUS_INFINITY: return give_word(decode, "-Infinity", value);
    default: break;
    }
    status = check_digits(decode, &field);
    if (status != WEIR_OK)
        return status;
    /* At most 131,072 + 16,383 digits, as the header's 16-bit numbers have it; sign, point and NUL besides. */
    size_t most = (field.weight >= 0 && field.count ? 4 * ((size_t)field.weight + 1) : 1) + (size_t)field.scale + 3;
    char *text = weir_arena_bytes(decode->arena, most);
    if (!text)
        return WEIR_OUT_OF_MEMORY;
    char *out = text;
    if (field.sign == WEIR_PG_NUMERIC_NEGATIVE)
        *out++ = '-';
    out = write_whole(out, &field);
    if (field.scale > 0)
        out = write_fraction(out, &field);
    *out = 0;
    value->type = WEIR_T_NUMERIC;
    value->as.text = (weir_text){ text, (size_t)(out - text) };
    return WEIR_OK;
}
