/* Fields of parameter sets in PostgreSQL's binary form: the usual pairs of a member and a column directly, others by way of a
 * value that is converted exactly. */
#include "driver/postgres/fields.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/decimal.h"
#include "base/values.h"

enum { OID_XML = 142, OID_CIDR = 650, NULL_LENGTH = -1, LONGEST_FIELD = 0x3fffffff };

/* ---- bytes ------------------------------------------------------------------------------------------------------------------ */
static inline char *room(weir_buffer *out, size_t size)
{
    if (out->capacity - out->length < size && !weir_buffer_reserve(out, size))
        return NULL;
    char *at = out->data + out->length;
    out->length += size;
    return at;
}
static inline void store16(char *at, uint16_t v) { v = WEIR_PG_SWAP_(16, v); memcpy(at, &v, sizeof v); }
static inline void store32(char *at, uint32_t v) { v = WEIR_PG_SWAP_(32, v); memcpy(at, &v, sizeof v); }
static inline void store64(char *at, uint64_t v) { v = WEIR_PG_SWAP_(64, v); memcpy(at, &v, sizeof v); }

static inline int no_memory(weir_error *error) { return weir_error_out_of_memory(error); }

static inline int put_null(weir_buffer *out, weir_error *error)
{
    char *at = room(out, 4);
    if (!at)
        return no_memory(error);
    store32(at, (uint32_t)NULL_LENGTH);
    return WEIR_OK;
}

static inline int put64(weir_buffer *out, uint64_t v, weir_error *error)
{
    char *at = room(out, 12);
    if (!at)
        return no_memory(error);
    store32(at, 8);
    store64(at + 4, v);
    return WEIR_OK;
}

static inline int put32(weir_buffer *out, uint32_t v, weir_error *error)
{
    char *at = room(out, 8);
    if (!at)
        return no_memory(error);
    store32(at, 4);
    store32(at + 4, v);
    return WEIR_OK;
}

static inline int put16(weir_buffer *out, uint16_t v, weir_error *error)
{
    char *at = room(out, 6);
    if (!at)
        return no_memory(error);
    store32(at, 2);
    store16(at + 4, v);
    return WEIR_OK;
}

/* ---- any value ---------------------------------------------------------------------------------------------------------------- */
static int refuse(const weir_value *value, const weir_pg_type *type, weir_error *error)
{
    return weir_error_set(error, WEIR_DATA, "a value of type %s cannot be sent as %s", weir_type_name(value->type), type->name);
}

weir_text weir_pg_plain_digits(const weir_value *value, char *out)
{
    char text[WEIR_FORMATTED_SIZE], digits[WEIR_FORMATTED_SIZE];
    size_t length = weir_value_format(value, text, sizeof text);
    char *exponent = memchr(text, 'e', length);
    if (!exponent)
        return (weir_text){ memcpy(out, text, length), length };
    int point = (int)strtol(exponent + 1, NULL, 10), count = 0, before = -1;
    *exponent = 0;
    length = 0;
    for (const char *at = text + (*text == '-'); *at; at++)
        if (*at == '.')
            before = count;
        else
            digits[count++] = *at;
    point += before < 0 ? count : before;       /* digits in front of the point */
    if (*text == '-')
        out[length++] = '-';
    for (int i = point < 0 ? point : 0; i < point || i < count; i++) {
        if (i == (point < 0 ? point : 0) && point <= 0)
            out[length++] = '0';
        if (i == (point > 0 ? point : point < 0 ? point : 0))
            out[length++] = '.';
        out[length++] = i >= 0 && i < count ? digits[i] : '0';
    }
    return (weir_text){ out, length };
}

#define PARSE(sql_type, as_member, getter)                                                        \
    case sql_type:                                                                                \
        status = weir_value_as_##getter(value, &to.as.as_member, reason);                          \
        break

int weir_pg_convert_text(const weir_value *value, const weir_pg_type *type, weir_value *out, weir_error *error)
{
    char reason[WEIR_REASON_SIZE] = "";
    weir_value to = { .type = type->type };
    weir_numeric numeric;
    double number;
    int status;
    switch (type->type) {
    PARSE(WEIR_T_BOOL, b, bool);
    case WEIR_T_INT16:
    case WEIR_T_INT32:
    PARSE(WEIR_T_INT64, i, int64);
    PARSE(WEIR_T_DOUBLE, d, double);
    case WEIR_T_FLOAT:
        status = weir_value_as_double(value, &number, reason);
        to.as.d = status == WEIR_OK ? (double)(float)number : 0;
        break;
    case WEIR_T_NUMERIC:
        status = weir_value_as_numeric(value, &numeric, reason);
        if (status == WEIR_OK)
            to.as.text = (weir_text){ numeric.ptr, numeric.len };
        break;
    PARSE(WEIR_T_DATE, date, date);
    PARSE(WEIR_T_TIME, time, time);
    PARSE(WEIR_T_TIMETZ, timetz, timetz);
    PARSE(WEIR_T_TIMESTAMP, timestamp, timestamp);
    PARSE(WEIR_T_TIMESTAMPTZ, timestamptz, timestamptz);
    PARSE(WEIR_T_INTERVAL, interval, interval);
    PARSE(WEIR_T_UUID, uuid, uuid);
    default:
        return refuse(value, type, error);
    }
    if (status != WEIR_OK)
        return weir_error_set(error, status, "%s, and the column is %s", reason, type->name);
    *out = to;
    return WEIR_OK;
}

bool weir_pg_holds_text(weir_type type)
{
    return type == WEIR_T_TEXT || type == WEIR_T_JSON || type == WEIR_T_INET || type == WEIR_T_ENUM || type == WEIR_T_OTHER;
}

/* The byte of a "char", written as weir_pg_decode_char reads it: the empty text is 0, \200 to \377 are those beyond ASCII. */
static bool put_char(weir_text text, weir_buffer *out)
{
    const char *p = text.ptr;
    bool octal = text.len == 4 && p[0] == '\\' && (p[1] == '2' || p[1] == '3') && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' && p[3] <= '7';
    if (text.len == 1 && (p[0] & 0x80) == 0)
        weir_buffer_byte(out, p[0]);
    else if (text.len == 0 || octal)
        weir_buffer_byte(out, octal ? (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0')) : 0);
    else
        return false;
    return true;
}

/* Types whose bytes are not their text, of values that are text: 1: written, 0: not one of them. */
static int put_special(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    if (!weir_pg_holds_text(value->type))
        return 0;
    weir_text text = value->as.text;
    if (type->type == WEIR_T_JSON && type->base_oid != WEIR_PG_OID_JSON)
        weir_buffer_byte(out, 1);               /* the version of jsonb */
    else if (type->type == WEIR_T_INET && !weir_pg_encode_inet(text, type->base_oid == OID_CIDR, out))
        return weir_error_set(error, WEIR_DATA, "the text is no %s", type->name);
    else if (type->base_oid == WEIR_PG_OID_CHAR)
        return put_char(text, out) ? 1 : weir_error_set(error, WEIR_DATA, "a text of %zu bytes cannot be sent as %s", text.len, type->name);
    else if (type->type != WEIR_T_INET && type->base_oid != WEIR_PG_OID_NAME && type->base_oid != OID_XML)
        return 0;
    int status = type->type == WEIR_T_INET ? WEIR_OK : weir_pg_append_text(text, out, error);
    return status == WEIR_OK ? 1 : status;
}

static int put_bytes(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    char digits[WEIR_PG_MOST_PLAIN];
    weir_value converted;
    weir_pg_form form;
    int special = put_special(value, type, out, error);
    if (special)
        return special < 0 ? special : WEIR_OK;
    if (weir_pg_holds_text(value->type) && !weir_pg_is_text_in_binary(type)) {
        int status = weir_pg_convert_text(value, type, &converted, error);
        if (status != WEIR_OK)
            return status;
        value = &converted;
    } else if (value->type == WEIR_T_NUMERIC && (type->type == WEIR_T_DOUBLE || type->type == WEIR_T_FLOAT)) {
        int status = weir_pg_convert_text(value, type, &converted, error);
        if (status != WEIR_OK)
            return status;
        value = &converted;
    } else if ((value->type == WEIR_T_DOUBLE || value->type == WEIR_T_FLOAT) && type->type == WEIR_T_NUMERIC) {
        converted = (weir_value){ .type = WEIR_T_NUMERIC, .as.text = weir_pg_plain_digits(value, digits) };
        value = &converted;
    }
    size_t start = out->length;
    int status = weir_pg_encode_value(value, type, false, out, &form, error);
    if (status != WEIR_OK || form != WEIR_PG_FORM_TEXT)
        return status;
    out->length = start;
    return refuse(value, type, error);
}

int weir_pg_put_value(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    if (value->type == WEIR_T_NULL)
        return put_null(out, error);
    size_t mark = out->length;
    if (!room(out, 4))
        return no_memory(error);
    int status = put_bytes(value, type, out, error);
    if (status != WEIR_OK)
        return status;
    if (out->failed)
        return no_memory(error);
    size_t length = out->length - mark - 4;
    if (length > LONGEST_FIELD)
        return weir_error_set(error, WEIR_DATA, "a value of %zu bytes is longer than PostgreSQL can store", length);
    store32(out->data + mark, (uint32_t)length);
    return WEIR_OK;
}

/* ---- the usual pairs --------------------------------------------------------------------------------------------------------- */
#define READ(type, at) (*(const type *)(at))

static int put_any(const weir_pg_field *field, const void *at, weir_buffer *out, weir_error *error)
{
    char reason[WEIR_REASON_SIZE];
    weir_value value;
    if (weir_lane_value(field->lane, at, &value, reason) != WEIR_OK)
        return weir_error_set(error, WEIR_DATA, "%s", reason);
    return weir_pg_put_value(&value, field->type, out, error);
}

#define PUT_(name, ...)                                                                                                \
    static int put_##name(const weir_pg_field *field, const void *at, weir_buffer *out, weir_error *error)             \
    {                                                                                                                  \
        (void)field;                                                                                                   \
        __VA_ARGS__                                                                                                    \
    }
PUT_(int64_int8, return put64(out, (uint64_t)READ(int64_t, at), error);)
PUT_(int32_int8, return put64(out, (uint64_t)(int64_t)READ(int32_t, at), error);)
PUT_(int32_int4, return put32(out, (uint32_t)READ(int32_t, at), error);)
PUT_(int16_int2, return put16(out, (uint16_t)READ(int16_t, at), error);)
PUT_(int64_int4,
    int64_t number = READ(int64_t, at);
    return number == (int32_t)number ? put32(out, (uint32_t)number, error) : put_any(field, at, out, error);)
PUT_(optional_int64_int8,
    const weir_opt_int64 *v = at;
    return v->present ? put64(out, (uint64_t)v->value, error) : put_null(out, error);)
PUT_(optional_int32_int4,
    const weir_opt_int32 *v = at;
    return v->present ? put32(out, (uint32_t)v->value, error) : put_null(out, error);)
PUT_(double_float8,
    uint64_t bits;
    memcpy(&bits, at, sizeof bits);
    return put64(out, bits, error);)
PUT_(bool_bool,
    char *to = room(out, 5);
    if (!to)
        return no_memory(error);
    store32(to, 1);
    to[4] = READ(bool, at);
    return WEIR_OK;)
PUT_(uuid_uuid,
    char *to = room(out, 20);
    if (!to)
        return no_memory(error);
    store32(to, 16);
    memcpy(to + 4, at, 16);
    return WEIR_OK;)

static int put_text_bytes(weir_text text, weir_buffer *out, weir_error *error)
{
    if (!text.ptr)
        return put_null(out, error);
    char *to = text.len <= LONGEST_FIELD ? room(out, text.len + 4) : NULL;
    if (!to)
        return text.len <= LONGEST_FIELD ? no_memory(error)
                                         : weir_error_set(error, WEIR_DATA, "a text of %zu bytes is longer than PostgreSQL can store", text.len);
    store32(to, (uint32_t)text.len);
    memcpy(to + 4, text.ptr, text.len);
    if (weir_text_is_ascii(text) && !memchr(text.ptr, 0, text.len))
        return WEIR_OK;
    out->length -= text.len;
    return weir_pg_append_text(text, out, error);
}
PUT_(cstr_text,
    const char *text = *(const char *const *)at;
    return put_text_bytes((weir_text){ text, text ? strlen(text) : 0 }, out, error);)
PUT_(text_text, return put_text_bytes(READ(weir_text, at), out, error);)
PUT_(value_int8,
    const weir_value *v = at;
    bool integer = v->type == WEIR_T_INT64 || v->type == WEIR_T_INT32 || v->type == WEIR_T_INT16;
    return integer ? put64(out, (uint64_t)v->as.i, error) : put_any(field, at, out, error);)
PUT_(value_text,
    const weir_value *v = at;
    return weir_pg_holds_text(v->type) ? put_text_bytes(v->as.text, out, error) : put_any(field, at, out, error);)

/* text: every type whose bytes are its text; else the type with just these bytes. */
static const struct pair { weir_member_type member; bool text; uint32_t oid; weir_pg_put_fn put; } pairs[] = {
    { WEIR_M_INT64, false, WEIR_PG_OID_INT8, put_int64_int8 }, { WEIR_M_INT64, false, WEIR_PG_OID_INT4, put_int64_int4 },
    { WEIR_M_INT32, false, WEIR_PG_OID_INT8, put_int32_int8 }, { WEIR_M_INT32, false, WEIR_PG_OID_INT4, put_int32_int4 },
    { WEIR_M_INT16, false, WEIR_PG_OID_INT2, put_int16_int2 }, { WEIR_M_OPT_INT64, false, WEIR_PG_OID_INT8, put_optional_int64_int8 },
    { WEIR_M_OPT_INT32, false, WEIR_PG_OID_INT4, put_optional_int32_int4 }, { WEIR_M_DOUBLE, false, 701, put_double_float8 },
    { WEIR_M_BOOL, false, 16, put_bool_bool }, { WEIR_M_UUID, false, 2950, put_uuid_uuid }, { WEIR_M_CSTR, true, 0, put_cstr_text },
    { WEIR_M_TEXT, true, 0, put_text_text }, { WEIR_M_NONE, false, WEIR_PG_OID_INT8, put_value_int8 },
    { WEIR_M_NONE, true, 0, put_value_text },
};

void weir_pg_field_plan(weir_pg_field *field, const weir_lane *lane, const weir_pg_type *type)
{
    *field = (weir_pg_field){ put_any, lane, type, field->modifier };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].member == lane->member.type && (pairs[i].text ? weir_pg_is_text_in_binary(type) : pairs[i].oid == type->base_oid))
            field->put = pairs[i].put;
}

/* ---- what has bytes ------------------------------------------------------------------------------------------------------------ */
bool weir_pg_type_has_bytes(const weir_pg_type *type)
{
    if (type->type == WEIR_T_ARRAY)             /* of items that need no help of ours */
        return type->element && type->element->type != WEIR_T_ARRAY && type->element->type != WEIR_T_OTHER &&
               type->element->type != WEIR_T_INET &&
               ((type->element->type != WEIR_T_JSON && type->element->type != WEIR_T_TEXT) || weir_pg_is_text_in_binary(type->element));
    return type->type != WEIR_T_OTHER || type->base_oid == OID_XML;
}

bool weir_pg_encode_inet(weir_text text, bool cidr, weir_buffer *out)
{
    enum { FAMILY_IPV4 = 2, FAMILY_IPV6 = 3 };
    char address[64];
    uint8_t bytes[16];
    const char *slash = memchr(text.ptr, '/', text.len);
    size_t length = slash ? (size_t)(slash - text.ptr) : text.len;
    if (length >= sizeof address)
        return false;
    memcpy(address, text.ptr, length);
    address[length] = 0;
    bool wide = memchr(address, ':', length);
    int64_t most = wide ? 128 : 32, bits = most;
    if (inet_pton(wide ? AF_INET6 : AF_INET, address, bytes) != 1)
        return false;
    if (slash && (!weir_parse_int64((weir_text){ slash + 1, text.len - length - 1 }, &bits) || bits < 0 || bits > most))
        return false;
    weir_buffer_byte(out, wide ? FAMILY_IPV6 : FAMILY_IPV4);
    weir_buffer_byte(out, (char)bits);
    weir_buffer_byte(out, cidr);
    weir_buffer_byte(out, wide ? 16 : 4);
    weir_buffer_append(out, bytes, wide ? 16 : 4);
    return true;
}

/* ---- the text format ------------------------------------------------------------------------------------------------------------- */
static void append_escaped(const weir_buffer *text, weir_buffer *out)
{
    static const char letters[256] = { ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\v'] = 'v', ['\\'] = '\\' };
    for (size_t i = 0, start = 0; i <= text->length; i++) {
        char letter = i < text->length ? letters[(uint8_t)text->data[i]] : 1;
        if (!letter)
            continue;
        weir_buffer_append(out, text->data + start, i - start);
        if (i < text->length) {
            weir_buffer_byte(out, '\\');
            weir_buffer_byte(out, letter);
        }
        start = i + 1;
    }
}

int weir_pg_put_copy_text(const weir_pg_field *field, const void *at, weir_buffer *scratch, weir_buffer *out, weir_error *error)
{
    char reason[WEIR_REASON_SIZE];
    weir_value value;
    weir_pg_form form;
    if (weir_lane_value(field->lane, at, &value, reason) != WEIR_OK)
        return weir_error_set(error, WEIR_DATA, "%s", reason);
    if (value.type == WEIR_T_NULL) {
        weir_buffer_text(out, "\\N");
        return out->failed ? no_memory(error) : WEIR_OK;
    }
    scratch->length = 0;
    int status = weir_pg_encode_value(&value, field->type, true, scratch, &form, error);
    if (status != WEIR_OK)
        return status;
    append_escaped(scratch, out);
    return scratch->failed || out->failed ? no_memory(error) : WEIR_OK;
}
