/* Fields of parameter sets on their way to the server: each straight from where the program has it into the send buffer, by a
 * function chosen once per column. A field is its length, a word, and its bytes: so it stands in binary COPY and in an array. */
#ifndef WEIR_DRIVER_POSTGRES_FIELDS_H
#define WEIR_DRIVER_POSTGRES_FIELDS_H
#include "base/lanes.h"
#include "driver/postgres/codec.h"

typedef struct weir_pg_field weir_pg_field;
/* Appends the field of the value at that address. WEIR_OK, or WEIR_DATA with what does not fit; `out` may have more by then. */
typedef int (*weir_pg_put_fn)(const weir_pg_field *field, const void *at, weir_buffer *out, weir_error *error);
struct weir_pg_field {
    weir_pg_put_fn      put;
    const weir_lane    *lane;
    const weir_pg_type *type;
    int32_t             modifier;       /* of a column that would round: numeric(6,2), timestamp(0), arrays of them; else -1 */
};

/* Whether there are bytes of ours for each value of the type: else the whole COPY is text. */
bool weir_pg_type_has_bytes(const weir_pg_type *type);
void weir_pg_field_plan(weir_pg_field *field, const weir_lane *lane, const weir_pg_type *type);
/* Types whose values have as.text and are no numbers. */
bool weir_pg_holds_text(weir_type type);
/* Values that the server would read from their text: read here, exactly, since binary COPY has no text. WEIR_OK, or WEIR_DATA. */
int weir_pg_convert_text(const weir_value *value, const weir_pg_type *type, weir_value *out, weir_error *error);
enum { WEIR_PG_MOST_PLAIN = 400 };
/* A floating number in plain digits: its shortest text, without the exponent. `out` has WEIR_PG_MOST_PLAIN bytes. */
weir_text weir_pg_plain_digits(const weir_value *value, char *out);
/* One value (which may be NULL) as a field. */
int weir_pg_put_value(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error);
/* The same in the text format of COPY: escaped, without the tab or newline behind it. */
int weir_pg_put_copy_text(const weir_pg_field *field, const void *at, weir_buffer *scratch, weir_buffer *out, weir_error *error);
/* ---- rounding.c ------------------------------------------------------------------------------------------------------------------ */
/* The modifier of a column of this type, if it is one by which the server rounds; else -1. */
int32_t weir_pg_rounding(const weir_pg_type *type, int32_t modifier);
/* WEIR_OK, or WEIR_DATA: the value is one that a column with the field's modifier would round. */
int weir_pg_field_fits(const weir_pg_field *field, const void *at, weir_error *error);

/* ---- fields.c -------------------------------------------------------------------------------------------------------------------- */
/* The bytes of an inet or cidr; false: the text is none. */
bool weir_pg_encode_inet(weir_text text, bool cidr, weir_buffer *out);
#endif
