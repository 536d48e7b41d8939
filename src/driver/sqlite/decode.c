/* SQLite's values as cells: what a column is declared to hold, and what its values really are. */
#include "driver/sqlite/lite.h"
#include <strings.h>

enum match { EXACT, PREFIX, CONTAINS };

/* Read from top to bottom, so what is more special stands first. Below the dates the order is that of SQLite's own affinity
 * rules ("Determination Of Column Affinity"), so that CHARINT is an integer here, too. */
static const struct declared { const char *name; enum match match; weir_type type; } declared_types[] = {
    { "BOOL", PREFIX, WEIR_T_BOOL },
    { "DATETIME", PREFIX, WEIR_T_TIMESTAMP },
    { "DATE", EXACT, WEIR_T_DATE },
    { "TIMESTAMPTZ", EXACT, WEIR_T_TIMESTAMPTZ },
    { "TIMESTAMP WITH TIME ZONE", EXACT, WEIR_T_TIMESTAMPTZ },
    { "TIMESTAMP", PREFIX, WEIR_T_TIMESTAMP },
    { "TIMETZ", EXACT, WEIR_T_TIMETZ },
    { "TIME WITH TIME ZONE", EXACT, WEIR_T_TIMETZ },
    { "TIME", PREFIX, WEIR_T_TIME },
    { "INTERVAL", PREFIX, WEIR_T_INTERVAL },
    { "UUID", EXACT, WEIR_T_UUID },
    { "JSON", PREFIX, WEIR_T_JSON },
    { "NUMERIC", CONTAINS, WEIR_T_NUMERIC },
    { "DECIMAL", CONTAINS, WEIR_T_NUMERIC },
    { "INT", CONTAINS, WEIR_T_INT64 },
    { "CHAR", CONTAINS, WEIR_T_TEXT },
    { "CLOB", CONTAINS, WEIR_T_TEXT },
    { "TEXT", CONTAINS, WEIR_T_TEXT },
    { "BLOB", CONTAINS, WEIR_T_BLOB },
    { "REAL", CONTAINS, WEIR_T_DOUBLE },
    { "FLOA", CONTAINS, WEIR_T_DOUBLE },
    { "DOUB", CONTAINS, WEIR_T_DOUBLE },
};

static bool matches(const struct declared *rule, const char *text, size_t length)
{
    size_t size = strlen(rule->name);
    if (rule->match != CONTAINS)
        return length >= size && (rule->match == PREFIX || length == size) && !strncasecmp(text, rule->name, size);
    for (size_t at = 0; at + size <= length; at++)
        if (!strncasecmp(text + at, rule->name, size))
            return true;
    return false;
}

weir_type weir_lite_declared_type(const char *declared)
{
    if (!declared)
        return WEIR_T_NULL;
    size_t length = strcspn(declared, "(");             /* VARCHAR(20) */
    while (length > 0 && declared[length - 1] == ' ')
        length--;
    for (size_t i = 0; i < sizeof declared_types / sizeof *declared_types; i++)
        if (matches(&declared_types[i], declared, length))
            return declared_types[i].type;
    return WEIR_T_NULL;
}

bool weir_lite_blob_cell(weir_arena *arena, sqlite3_value *value, weir_value *target, size_t *bytes)
{
    const void *blob = sqlite3_value_blob(value);           /* first: it may expand a zeroblob; NULL when it is empty */
    size_t length = (size_t)sqlite3_value_bytes(value);
    char *copy = blob || !length ? weir_arena_bytes(arena, length + 1) : NULL;
    if (!copy)
        return false;
    if (length)
        memcpy(copy, blob, length);
    copy[length] = 0;
    target->type = WEIR_T_BLOB;
    target->as.blob = (weir_blob){ copy, length };
    *bytes += length;
    return true;
}

int weir_lite_decode_cell(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    size_t bytes = 0;
    (void)step, (void)length;
    return weir_lite_cell(decode->arena, (sqlite3_value *)(uintptr_t)source, target, &bytes) ? WEIR_OK : WEIR_OUT_OF_MEMORY;
}

/* SQLite has no booleans: where one is declared, the integers 0 and 1 are meant as such; anything else stays what it is. */
static int decode_bool(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    weir_value *cell = target;
    int status = weir_lite_decode_cell(decode, step, source, length, target);
    if (status == WEIR_OK && cell->type == WEIR_T_INT64 && (cell->as.i == 0 || cell->as.i == 1)) {
        bool truth = cell->as.i == 1;
        cell->type = WEIR_T_BOOL;
        cell->as.b = truth;
    }
    return status;
}

static int decode_json(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    weir_value *cell = target;
    int status = weir_lite_decode_cell(decode, step, source, length, target);
    if (status == WEIR_OK && cell->type == WEIR_T_TEXT)
        cell->type = WEIR_T_JSON;
    return status;
}

int weir_lite_plan_cell(weir_link *link, const weir_cursor *cursor, size_t column, weir_arena *arena, weir_step *step)
{
    (void)link, (void)arena;
    step->type = cursor->columns[column].type;
    step->element = NULL;
    step->decode = step->type == WEIR_T_BOOL ? decode_bool : step->type == WEIR_T_JSON ? decode_json : weir_lite_decode_cell;
    return WEIR_OK;
}
