/* The table of PostgreSQL's built-in types, and descriptions of types from the catalog. */
#include "driver/postgres/codec.h"

/* In order of OIDs, which never change once given. S(symbol, oid, name, weir type, decoder), A(symbol, oid, name, element). */
#define TYPES(S, A)                                                                         \
    S(BOOL,        16,   "boolean",                     BOOL,        bool)                  \
    S(BYTEA,       17,   "bytea",                       BLOB,        bytea)                 \
    S(CHAR,        18,   "\"char\"",                    TEXT,        char)                  \
    S(NAME,        19,   "name",                        TEXT,        text)                  \
    S(INT8,        20,   "bigint",                      INT64,       int8)                  \
    S(INT2,        21,   "smallint",                    INT16,       int2)                  \
    S(INT4,        23,   "integer",                     INT32,       int4)                  \
    S(TEXT,        25,   "text",                        TEXT,        text)                  \
    S(OID,         26,   "oid",                         INT64,       oid)                   \
    S(JSON,        114,  "json",                        JSON,        text)                  \
    S(XML,         142,  "xml",                         OTHER,       text)                  \
    A(XMLS,        143,  "xml[]",                       XML)                                \
    A(JSONS,       199,  "json[]",                      JSON)                               \
    S(CIDR,        650,  "cidr",                        INET,        inet)                  \
    A(CIDRS,       651,  "cidr[]",                      CIDR)                               \
    S(FLOAT4,      700,  "real",                        FLOAT,       float4)                \
    S(FLOAT8,      701,  "double precision",            DOUBLE,      float8)                \
    S(UNKNOWN,     705,  "unknown",                     TEXT,        text)                  \
    S(INET,        869,  "inet",                        INET,        inet)                  \
    A(BOOLS,       1000, "boolean[]",                   BOOL)                               \
    A(BYTEAS,      1001, "bytea[]",                     BYTEA)                              \
    A(CHARS,       1002, "\"char\"[]",                  CHAR)                               \
    A(NAMES,       1003, "name[]",                      NAME)                               \
    A(INT2S,       1005, "smallint[]",                  INT2)                               \
    A(INT4S,       1007, "integer[]",                   INT4)                               \
    A(TEXTS,       1009, "text[]",                      TEXT)                               \
    A(BPCHARS,     1014, "character[]",                 BPCHAR)                             \
    A(VARCHARS,    1015, "character varying[]",         VARCHAR)                            \
    A(INT8S,       1016, "bigint[]",                    INT8)                               \
    A(FLOAT4S,     1021, "real[]",                      FLOAT4)                             \
    A(FLOAT8S,     1022, "double precision[]",          FLOAT8)                             \
    A(OIDS,        1028, "oid[]",                       OID)                                \
    A(INETS,       1041, "inet[]",                      INET)                               \
    S(BPCHAR,      1042, "character",                   TEXT,        text)                  \
    S(VARCHAR,     1043, "character varying",           TEXT,        text)                  \
    S(DATE,        1082, "date",                        DATE,        date)                  \
    S(TIME,        1083, "time without time zone",      TIME,        time)                  \
    S(TIMESTAMP,   1114, "timestamp without time zone", TIMESTAMP,   timestamp)             \
    A(TIMESTAMPS,  1115, "timestamp without time zone[]", TIMESTAMP)                        \
    A(DATES,       1182, "date[]",                      DATE)                               \
    A(TIMES,       1183, "time without time zone[]",    TIME)                               \
    S(TIMESTAMPTZ, 1184, "timestamp with time zone",    TIMESTAMPTZ, timestamp)             \
    A(TIMESTAMPTZS, 1185, "timestamp with time zone[]", TIMESTAMPTZ)                        \
    S(INTERVAL,    1186, "interval",                    INTERVAL,    interval)              \
    A(INTERVALS,   1187, "interval[]",                  INTERVAL)                           \
    A(NUMERICS,    1231, "numeric[]",                   NUMERIC)                            \
    S(TIMETZ,      1266, "time with time zone",         TIMETZ,      timetz)                \
    A(TIMETZS,     1270, "time with time zone[]",       TIMETZ)                             \
    S(NUMERIC,     1700, "numeric",                     NUMERIC,     numeric)               \
    S(VOID,        2278, "void",                        OTHER,       text)                  \
    S(UUID,        2950, "uuid",                        UUID,        uuid)                  \
    A(UUIDS,       2951, "uuid[]",                      UUID)                               \
    S(JSONB,       3802, "jsonb",                       JSON,        jsonb)                 \
    A(JSONBS,      3807, "jsonb[]",                     JSONB)

enum {
#define SCALAR_PLACE(symbol, number, words, kind, decoder) PLACE_##symbol,
#define ARRAY_PLACE(symbol, number, words, item) PLACE_##symbol,
    TYPES(SCALAR_PLACE, ARRAY_PLACE)
    TYPE_COUNT
};
enum {
#define SCALAR_OID(symbol, number, words, kind, decoder) OID_##symbol = number,
#define ARRAY_OID(symbol, number, words, item) OID_##symbol = number,
    TYPES(SCALAR_OID, ARRAY_OID)
};

static const weir_pg_type types[TYPE_COUNT] = {
#define SCALAR_ROW(symbol, number, words, kind, decoder)                                                                  \
    [PLACE_##symbol] = { .oid = number, .base_oid = number, .type = WEIR_T_##kind, .binary = true, .name = words,          \
                         .decode = weir_pg_decode_##decoder },
#define ARRAY_ROW(symbol, number, words, item)                                                                            \
    [PLACE_##symbol] = { .oid = number, .base_oid = number, .type = WEIR_T_ARRAY, .binary = true, .name = words,           \
                         .decode = weir_pg_decode_array, .element_oid = OID_##item, .element = &types[PLACE_##item] },
    TYPES(SCALAR_ROW, ARRAY_ROW)
};

const weir_pg_type weir_pg_type_other = { .type = WEIR_T_OTHER, .name = "unknown", .decode = weir_pg_decode_text };

const weir_pg_type *weir_pg_type_at(size_t index) { return index < TYPE_COUNT ? &types[index] : NULL; }

const weir_pg_type *weir_pg_type_find(uint32_t oid)
{
    size_t low = 0, high = TYPE_COUNT;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (types[middle].oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < TYPE_COUNT && types[low].oid == oid ? &types[low] : NULL;
}

/* Domains make arrays of arrays of arrays …, whose text form doubles its quotes with each level, and which are read by recursion. Deeper ones
 * come as the server's text. */
enum { MOST_NESTED = 8 };

static int levels_of(const weir_pg_type *type)
{
    int levels = 0;
    for (; type->element; type = type->element)
        levels++;
    return levels;
}

void weir_pg_type_from_catalog(weir_pg_type *out, uint32_t oid, const char *name, char typtype, uint32_t element_oid,
                               const weir_pg_type *element, const weir_pg_type *base)
{
    if (typtype == 'd' && base) {
        *out = *base;
        out->oid = oid;
        out->name = name;
        return;
    }
    *out = (weir_pg_type){ .oid = oid, .base_oid = oid, .name = name, .type = WEIR_T_OTHER, .decode = weir_pg_decode_text };
    if (typtype == 'e') {
        out->type = WEIR_T_ENUM;
        out->binary = true;
    } else if (element && element->binary && levels_of(element) < MOST_NESTED) {    /* items that come as text come inside the array's own text form */
        out->type = WEIR_T_ARRAY;
        out->binary = true;
        out->decode = weir_pg_decode_array;
        out->element_oid = element_oid;
        out->element = element;
    }
}

int weir_pg_type_plan(const weir_pg_type *type, weir_arena *arena, weir_step *step)
{
    for (;;) {
        step->decode = type->decode;
        step->type = type->type;
        step->element = NULL;
        if (!type->element)
            return WEIR_OK;
        weir_step *element = weir_arena_take(arena, sizeof *element);
        if (!element)
            return WEIR_OUT_OF_MEMORY;
        *element = (weir_step){ 0 };
        step->element = element;
        step = element;
        type = type->element;
    }
}

static const uint16_t declared_oids[WEIR_T_COUNT_] = {
    [WEIR_T_NULL] = OID_TEXT, [WEIR_T_BOOL] = OID_BOOL, [WEIR_T_INT16] = OID_INT2, [WEIR_T_INT32] = OID_INT4,
    [WEIR_T_INT64] = OID_INT8, [WEIR_T_FLOAT] = OID_FLOAT4, [WEIR_T_DOUBLE] = OID_FLOAT8, [WEIR_T_NUMERIC] = OID_NUMERIC,
    [WEIR_T_TEXT] = OID_TEXT, [WEIR_T_BLOB] = OID_BYTEA, [WEIR_T_DATE] = OID_DATE, [WEIR_T_TIME] = OID_TIME,
    [WEIR_T_TIMETZ] = OID_TIMETZ, [WEIR_T_TIMESTAMP] = OID_TIMESTAMP, [WEIR_T_TIMESTAMPTZ] = OID_TIMESTAMPTZ,
    [WEIR_T_INTERVAL] = OID_INTERVAL, [WEIR_T_UUID] = OID_UUID, [WEIR_T_JSON] = OID_JSON, [WEIR_T_INET] = OID_INET,
    [WEIR_T_ENUM] = OID_TEXT, [WEIR_T_OTHER] = OID_TEXT,
};
static const uint16_t declared_array_oids[WEIR_T_COUNT_] = {
    [WEIR_T_NULL] = OID_TEXTS, [WEIR_T_BOOL] = OID_BOOLS, [WEIR_T_INT16] = OID_INT2S, [WEIR_T_INT32] = OID_INT4S,
    [WEIR_T_INT64] = OID_INT8S, [WEIR_T_FLOAT] = OID_FLOAT4S, [WEIR_T_DOUBLE] = OID_FLOAT8S, [WEIR_T_NUMERIC] = OID_NUMERICS,
    [WEIR_T_TEXT] = OID_TEXTS, [WEIR_T_BLOB] = OID_BYTEAS, [WEIR_T_DATE] = OID_DATES, [WEIR_T_TIME] = OID_TIMES,
    [WEIR_T_TIMETZ] = OID_TIMETZS, [WEIR_T_TIMESTAMP] = OID_TIMESTAMPS, [WEIR_T_TIMESTAMPTZ] = OID_TIMESTAMPTZS,
    [WEIR_T_INTERVAL] = OID_INTERVALS, [WEIR_T_UUID] = OID_UUIDS, [WEIR_T_JSON] = OID_JSONS, [WEIR_T_INET] = OID_INETS,
    [WEIR_T_ENUM] = OID_TEXTS, [WEIR_T_OTHER] = OID_TEXTS,
};

uint32_t weir_pg_declared_oid(const weir_value *value)
{
    if ((unsigned)value->type >= WEIR_T_COUNT_)
        return 0;
    if (value->type != WEIR_T_ARRAY)
        return declared_oids[value->type];
    weir_type element = value->as.array->element_type;
    return (unsigned)element < WEIR_T_COUNT_ ? declared_array_oids[element] : 0;
}
