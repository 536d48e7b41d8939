/* What the PostgreSQL decoders and encoders share: byte order, epochs, OIDs, and who decodes what. */
#ifndef WEIR_DRIVER_POSTGRES_CODEC_H
#define WEIR_DRIVER_POSTGRES_CODEC_H
#include <string.h>
#include "driver/postgres/types.h"

/* Types whose bytes differ from those of others with the same weir_type. */
enum {
    WEIR_PG_OID_CHAR = 18, WEIR_PG_OID_NAME = 19, WEIR_PG_OID_INT8 = 20, WEIR_PG_OID_INT2 = 21, WEIR_PG_OID_INT4 = 23,
    WEIR_PG_OID_OID = 26, WEIR_PG_OID_JSON = 114
};

/* PostgreSQL counts from 2000-01-01, weir from 1970-01-01. */
#define WEIR_PG_EPOCH_DAYS 10957
#define WEIR_PG_EPOCH_USEC INT64_C(946684800000000)
#define WEIR_PG_DAY_USEC INT64_C(86400000000)
enum { WEIR_PG_ZONE_LIMIT = 16 * 3600 };        /* offsets are less than this, either way */

enum { WEIR_PG_NUMERIC_NEGATIVE = 0x4000, WEIR_PG_NUMERIC_NAN = 0xC000, WEIR_PG_NUMERIC_INFINITY = 0xD000,
       WEIR_PG_NUMERIC_MINUS_INFINITY = 0xF000 };

enum { WEIR_PG_MAX_DIMENSIONS = 6 };

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WEIR_PG_SWAP_(bits, v) __builtin_bswap##bits(v)
#else
#define WEIR_PG_SWAP_(bits, v) (v)
#endif
static inline uint16_t weir_pg_load16(const void *from)
{
    uint16_t v;
    memcpy(&v, from, sizeof v);
    return WEIR_PG_SWAP_(16, v);
}
static inline uint32_t weir_pg_load32(const void *from)
{
    uint32_t v;
    memcpy(&v, from, sizeof v);
    return WEIR_PG_SWAP_(32, v);
}
static inline uint64_t weir_pg_load64(const void *from)
{
    uint64_t v;
    memcpy(&v, from, sizeof v);
    return WEIR_PG_SWAP_(64, v);
}

/* ---- decoders: weir_decode_fn; the target is a weir_value ------------------------------------------------------------- */
#define WEIR_PG_DECODER_(name) \
    int weir_pg_decode_##name(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
WEIR_PG_DECODER_(bool);
WEIR_PG_DECODER_(int2);
WEIR_PG_DECODER_(int4);
WEIR_PG_DECODER_(int8);
WEIR_PG_DECODER_(oid);
WEIR_PG_DECODER_(float4);
WEIR_PG_DECODER_(float8);
WEIR_PG_DECODER_(numeric);
WEIR_PG_DECODER_(text);         /* of all types that are text: the value's type is the step's */
WEIR_PG_DECODER_(char);
WEIR_PG_DECODER_(bytea);
WEIR_PG_DECODER_(jsonb);
WEIR_PG_DECODER_(date);
WEIR_PG_DECODER_(time);
WEIR_PG_DECODER_(timetz);
WEIR_PG_DECODER_(timestamp);    /* with and without zone: the value's type is the step's */
WEIR_PG_DECODER_(interval);
WEIR_PG_DECODER_(uuid);
WEIR_PG_DECODER_(inet);         /* and cidr */
WEIR_PG_DECODER_(array);

/* Say why in decode->reason; both give WEIR_DATA. */
int weir_pg_malformed(weir_decode *decode, const char *format, ...) WEIR_PRINTF_(2, 3);
int weir_pg_wrong_length(weir_decode *decode, const char *what, size_t length, size_t right_length);

/* ---- encoders --------------------------------------------------------------------------------------------------------- */
/* Which format the bytes are; text of a text type is the same in both. */
typedef enum weir_pg_form { WEIR_PG_FORM_TEXT, WEIR_PG_FORM_BINARY, WEIR_PG_FORM_EITHER } weir_pg_form;

/* One value (not NULL), nested ones included; text_only: never in binary. */
int weir_pg_encode_value(const weir_value *value, const weir_pg_type *type, bool text_only, weir_buffer *out,
                         weir_pg_form *form, weir_error *error);
int weir_pg_encode_array(const weir_array *array, const weir_pg_type *type, bool text_only, weir_buffer *out,
                         weir_pg_form *form, weir_error *error);
/* A value that has the type already, as its bytes: 0 when it has no binary form there (nothing is appended then), 1 when it
 * was appended, or WEIR_DATA. */
int weir_pg_encode_binary(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error);
/* The bytes of a numeric in plain digits; false, and nothing appended, when it has too many of them for binary. */
bool weir_pg_encode_numeric(weir_text digits, weir_buffer *out);

/* Whether the type's binary form is its text. Not of "char" and name: their binary input is stricter than their text input. */
bool weir_pg_is_text_in_binary(const weir_pg_type *type);
/* Valid UTF-8 without a NUL, or WEIR_DATA. */
int weir_pg_append_text(weir_text text, weir_buffer *out, weir_error *error);

/* The type of what has none: all goes as text. */
extern const weir_pg_type weir_pg_type_other;
#endif
