/* What SQL types C members become, and which live columns fit them: one constant table. */
#include "schema/types.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define T(kind) (1u << WEIR_T_##kind)
#define ANY_TEXT (T(TEXT) | T(JSON) | T(INET) | T(ENUM) | T(OTHER))

/* accepts: the types of live columns that can be read and written. SQLite keeps dates and the like as text, booleans as integers,
 * and reads a text without a zone as UTC. */
typedef struct type_rule {
    const char *c_name, *postgresql, *sqlite;       /* NULL: no type follows from the member */
    unsigned    accepts_postgresql, accepts_sqlite;
    int         bits;                               /* of numbers whose column may be wider or narrower */
    bool        null;
} type_rule;

/* A numeric of SQLite's would become binary; a name with TEXT in it makes SQLite keep the digits as they are. */
#define NUMERIC_RULE "weir_numeric", "numeric", "numeric_text", T(NUMERIC), T(NUMERIC) | T(TEXT), 0
#define INTEGERS (T(INT16) | T(INT32) | T(INT64))
#define FLOATINGS (T(FLOAT) | T(DOUBLE))

static const type_rule rules[WEIR_M_COUNT_] = {
    [WEIR_M_BOOL] = { "bool", "boolean", "boolean", T(BOOL), T(BOOL) | T(INT64), 0, false },
    [WEIR_M_INT16] = { "int16_t", "smallint", "smallint", INTEGERS, INTEGERS, 16, false },
    [WEIR_M_INT32] = { "int32_t", "integer", "integer", INTEGERS, INTEGERS, 32, false },
    [WEIR_M_INT64] = { "int64_t", "bigint", "bigint", INTEGERS, INTEGERS, 64, false },
    [WEIR_M_FLOAT] = { "float", "real", "real", FLOATINGS, FLOATINGS, 32, false },
    [WEIR_M_DOUBLE] = { "double", "double precision", "double precision", FLOATINGS, FLOATINGS, 64, false },
    [WEIR_M_CSTR] = { "const char *", "text", "text", ANY_TEXT, ANY_TEXT, 0, true },
    [WEIR_M_TEXT] = { "weir_text", "text", "text", ANY_TEXT, ANY_TEXT, 0, true },
    [WEIR_M_BLOB] = { "weir_blob", "bytea", "BLOB", T(BLOB), T(BLOB), 0, true },
    [WEIR_M_NUMERIC] = { NUMERIC_RULE, true },
    [WEIR_M_ARRAY] = { "weir_array", NULL, NULL, T(ARRAY), 0, 0, true },
    [WEIR_M_DATE] = { "weir_date", "date", "date", T(DATE), T(DATE) | T(TEXT), 0, false },
    [WEIR_M_TIME] = { "weir_time", "time", "time", T(TIME), T(TIME) | T(TEXT), 0, false },
    [WEIR_M_TIMETZ] = { "weir_timetz", "timetz", "timetz", T(TIMETZ), T(TIMETZ) | T(TEXT), 0, false },
    [WEIR_M_TIMESTAMP] = { "weir_timestamp", "timestamp", "timestamp", T(TIMESTAMP), T(TIMESTAMP) | T(TEXT), 0, false },
    [WEIR_M_TIMESTAMPTZ] = { "weir_timestamptz", "timestamptz", "timestamptz", T(TIMESTAMPTZ),
                             T(TIMESTAMPTZ) | T(TIMESTAMP) | T(TEXT), 0, false },
    [WEIR_M_INTERVAL] = { "weir_interval", "interval", "interval", T(INTERVAL), T(INTERVAL) | T(TEXT), 0, false },
    [WEIR_M_UUID] = { "weir_uuid", "uuid", "uuid", T(UUID), T(UUID) | T(TEXT), 0, false },
    [WEIR_M_OPT_BOOL] = { "weir_opt_bool", "boolean", "boolean", T(BOOL), T(BOOL) | T(INT64), 0, true },
    [WEIR_M_OPT_INT32] = { "weir_opt_int32", "integer", "integer", INTEGERS, INTEGERS, 32, true },
    [WEIR_M_OPT_INT64] = { "weir_opt_int64", "bigint", "bigint", INTEGERS, INTEGERS, 64, true },
    [WEIR_M_OPT_DOUBLE] = { "weir_opt_double", "double precision", "double precision", FLOATINGS, FLOATINGS, 64, true },
    [WEIR_M_OPT_DATE] = { "weir_opt_date", "date", "date", T(DATE), T(DATE) | T(TEXT), 0, true },
    [WEIR_M_OPT_TIME] = { "weir_opt_time", "time", "time", T(TIME), T(TIME) | T(TEXT), 0, true },
    [WEIR_M_OPT_TIMETZ] = { "weir_opt_timetz", "timetz", "timetz", T(TIMETZ), T(TIMETZ) | T(TEXT), 0, true },
    [WEIR_M_OPT_TIMESTAMP] = { "weir_opt_timestamp", "timestamp", "timestamp", T(TIMESTAMP), T(TIMESTAMP) | T(TEXT), 0, true },
    [WEIR_M_OPT_TIMESTAMPTZ] = { "weir_opt_timestamptz", "timestamptz", "timestamptz", T(TIMESTAMPTZ),
                                 T(TIMESTAMPTZ) | T(TIMESTAMP) | T(TEXT), 0, true },
    [WEIR_M_OPT_INTERVAL] = { "weir_opt_interval", "interval", "interval", T(INTERVAL), T(INTERVAL) | T(TEXT), 0, true },
    [WEIR_M_OPT_UUID] = { "weir_opt_uuid", "uuid", "uuid", T(UUID), T(UUID) | T(TEXT), 0, true },
    [WEIR_M_CHARS] = { "char", NULL, NULL, ANY_TEXT, ANY_TEXT, 0, false },
    [WEIR_M_ENUM] = { "enum", "text", "text", T(TEXT) | T(ENUM), T(TEXT), 0, false },
};

bool weir_schema_has_null(const weir_member *member) { return rules[member->type].null; }
bool weir_schema_is_integer(const weir_member *member) { return rules[member->type].accepts_postgresql == INTEGERS; }

const char *weir_schema_c_type(const weir_member *member, char *buffer, size_t size)
{
    if (member->type == WEIR_M_CHARS)
        snprintf(buffer, size, "char[%zu]", member->size);
    else
        snprintf(buffer, size, "%s", rules[member->type].c_name);
    return buffer;
}

int weir_schema_sql_type(const char *owner, const weir_member *member, bool postgresql, weir_buffer *out, weir_error *error)
{
    const char *type = postgresql ? rules[member->type].postgresql : rules[member->type].sqlite;
    if (member->sql_type)
        type = member->sql_type;
    if (!type && member->type != WEIR_M_CHARS)
        return weir_error_set(error, WEIR_MAPPING, "%s.%s: no SQL type follows from its C type: give the column one, "
                              ".sql_type = \"bigint[]\"", owner, member->name);
    if (type)
        weir_buffer_text(out, type);
    else
        weir_buffer_printf(out, "varchar(%zu)", member->size - 1);
    return WEIR_OK;
}

/* ---- comparing -------------------------------------------------------------------------------------------- */
/* The n of varchar(n); 0: none. */
static size_t declared_length(const weir_column_info *live, bool postgresql)
{
    if (postgresql)
        return live->modifier > 4 ? (size_t)live->modifier - 4 : 0;
    const char *parenthesis = strchr(live->database_type, '(');
    return parenthesis ? (size_t)strtoul(parenthesis + 1, NULL, 10) : 0;
}

static int compare_chars(const weir_member *member, const weir_column_info *live, bool postgresql, const char **why)
{
    size_t length = declared_length(live, postgresql);
    *why = ": a longer text cannot be read";
    return length > 0 && length < member->size ? 0 : WEIR_TYPE_NARROWER;
}

static int live_bits(weir_type type)
{
    return type == WEIR_T_INT16 ? 16 : type == WEIR_T_INT32 || type == WEIR_T_FLOAT ? 32 : 64;
}

/* SQLite's integers all have 64 bits; a column declared as bigint says that it means it. */
static int compare_bits(int bits, const weir_column_info *live, bool postgresql, const char **why)
{
    int found = live_bits(live->type);
    if (!postgresql)
        found = !strcasecmp(live->database_type, "bigint") || !strcasecmp(live->database_type, "int8") ? 64 : bits;
    if (found == bits)
        return 0;
    *why = found < bits ? ": not every value can be written" : ": not every value can be read";
    return WEIR_TYPE_NARROWER;
}

/* A column of SQLite's that turns digits into binary numbers. */
static bool loses_digits(const char *declared)
{
    return !strcasestr(declared, "TEXT") && !strcasestr(declared, "CHAR") && !strcasestr(declared, "CLOB");
}

int weir_schema_compare(const weir_member *member, const weir_column_info *live, bool postgresql, const char **why)
{
    const type_rule *rule = &rules[member->type];
    *why = "";
    if (!postgresql && live->type == WEIR_T_NULL)           /* declared without a type: it keeps whatever it is given */
        return 0;
    if (member->sql_type && !strcasecmp(member->sql_type, live->database_type))
        return 0;
    if (!((postgresql ? rule->accepts_postgresql : rule->accepts_sqlite) & (1u << live->type)))
        return WEIR_TYPE_DIFFERS;
    if (rule->bits)
        return compare_bits(rule->bits, live, postgresql, why);
    if (member->type == WEIR_M_CHARS)
        return compare_chars(member, live, postgresql, why);
    if (member->type == WEIR_M_NUMERIC && !postgresql && loses_digits(live->database_type)) {
        *why = ", in which SQLite keeps binary numbers: declare it numeric_text to keep the digits";
        return WEIR_TYPE_DIFFERS;
    }
    return 0;
}
