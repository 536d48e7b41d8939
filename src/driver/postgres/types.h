/* PostgreSQL's types: what weir makes of each, how a field is read and how a parameter is written. */
#ifndef WEIR_DRIVER_POSTGRES_TYPES_H
#define WEIR_DRIVER_POSTGRES_TYPES_H
#include "base/buffer.h"
#include "driver/driver.h"

typedef struct weir_pg_type weir_pg_type;
struct weir_pg_type {
    uint32_t            oid;
    uint32_t            base_oid;       /* whose bytes its values have: a domain's base, else itself */
    uint32_t            element_oid;    /* of an array, else 0 */
    weir_type           type;
    bool                binary;         /* results are asked for in binary; otherwise in text */
    weir_decode_fn      decode;         /* of a field in that format */
    const char         *name;           /* as format_type gives it: "bigint", "character varying", "bigint[]" */
    const weir_pg_type *element;        /* of an array, else NULL */
};

/* A type that is built into every server; NULL: ask the catalog. */
const weir_pg_type *weir_pg_type_find(uint32_t oid);
/* The built-in types in order of their OIDs; NULL past the last. */
const weir_pg_type *weir_pg_type_at(size_t index);

/* Describes a type from its row of pg_type. `name` is kept: it must live as long as *out. `element` is given for an array
 * (typcategory 'A'), `base` for a domain: both must live as long as *out, and may be built-in or filled by this function
 * before. All that weir has no values of its own for becomes WEIR_T_OTHER, its text form, and has no element: so does a
 * domain or array whose base or element is not known (NULL). */
void weir_pg_type_from_catalog(weir_pg_type *out, uint32_t oid, const char *name, char typtype, uint32_t element_oid,
                               const weir_pg_type *element, const weir_pg_type *base);

/* Fills decode, type and element of a step whose target is a weir_value. Steps of elements come from the arena.
 * WEIR_OK or WEIR_OUT_OF_MEMORY. */
int weir_pg_type_plan(const weir_pg_type *type, weir_arena *arena, weir_step *step);

/* Appends the bytes of a parameter (without the length word in front) as the server must get them where it inferred `type`
 * (NULL: one that is not known, which gets text). *format: 0 text, 1 binary. Never for WEIR_T_NULL: that has no bytes.
 * Numbers convert exactly or it is WEIR_DATA; text goes as text, for the server to parse, and must be valid UTF-8 without
 * a NUL. When it fails, `out` keeps the length that it had. */
int weir_pg_encode(const weir_value *value, const weir_pg_type *type, weir_buffer *out, int16_t *format, weir_error *error);

/* The OID to declare for a parameter whose type the server cannot infer (SQLSTATE 42P18). 0: there is none. */
uint32_t weir_pg_declared_oid(const weir_value *value);
#endif
