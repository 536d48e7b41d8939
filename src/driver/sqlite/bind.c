/* Parameters of a statement on SQLite. */
#include "base/values.h"
#include "driver/sqlite/lite.h"
#include <math.h>
#include <string.h>

/* Gives SQLITE_OK or a result code. */
typedef int (*bind_fn)(sqlite3_stmt *statement, int number, const weir_value *value);

static int bind_null(sqlite3_stmt *s, int number, const weir_value *value)
{
    (void)value;
    return sqlite3_bind_null(s, number);
}
static int bind_bool(sqlite3_stmt *s, int number, const weir_value *value) { return sqlite3_bind_int(s, number, value->as.b); }
static int bind_int(sqlite3_stmt *s, int number, const weir_value *value) { return sqlite3_bind_int64(s, number, value->as.i); }
static int bind_double(sqlite3_stmt *s, int number, const weir_value *value) { return sqlite3_bind_double(s, number, value->as.d); }

static int bind_text(sqlite3_stmt *s, int number, const weir_value *value)
{
    weir_text text = value->as.text;
    return sqlite3_bind_text64(s, number, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_blob(sqlite3_stmt *s, int number, const weir_value *value)
{
    weir_blob blob = value->as.blob;
    return sqlite3_bind_blob64(s, number, blob.ptr, blob.len, SQLITE_STATIC);
}

/* Types that SQLite has not are stored as their ISO text, which sorts as they do. */
static int bind_formatted(sqlite3_stmt *s, int number, const weir_value *value)
{
    char text[WEIR_FORMATTED_SIZE];
    size_t length = weir_value_format(value, text, sizeof text);
    return sqlite3_bind_text64(s, number, text, length, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* As SQLite's own datetime() and CURRENT_TIMESTAMP write it, with a space, so that the two compare as text. */
static int bind_timestamp(sqlite3_stmt *s, int number, const weir_value *value)
{
    char text[WEIR_FORMATTED_SIZE];
    size_t length = weir_value_format(value, text, sizeof text);
    char *separator = memchr(text, 'T', length);
    if (separator)
        *separator = ' ';
    return sqlite3_bind_text64(s, number, text, length, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static const bind_fn binders[WEIR_T_COUNT_] = {
    [WEIR_T_NULL] = bind_null,
    [WEIR_T_BOOL] = bind_bool,
    [WEIR_T_INT16] = bind_int,
    [WEIR_T_INT32] = bind_int,
    [WEIR_T_INT64] = bind_int,
    [WEIR_T_FLOAT] = bind_double,
    [WEIR_T_DOUBLE] = bind_double,
    [WEIR_T_NUMERIC] = bind_text,
    [WEIR_T_TEXT] = bind_text,
    [WEIR_T_BLOB] = bind_blob,
    [WEIR_T_DATE] = bind_formatted,
    [WEIR_T_TIME] = bind_formatted,
    [WEIR_T_TIMETZ] = bind_formatted,
    [WEIR_T_TIMESTAMP] = bind_timestamp,
    [WEIR_T_TIMESTAMPTZ] = bind_timestamp,
    [WEIR_T_INTERVAL] = bind_formatted,
    [WEIR_T_UUID] = bind_formatted,
    [WEIR_T_JSON] = bind_text,
    [WEIR_T_INET] = bind_text,
    [WEIR_T_ENUM] = bind_text,
    [WEIR_T_ARRAY] = NULL,              /* SQLite has nothing like it */
    [WEIR_T_OTHER] = bind_text,
};

/* What SQLite would take but not keep is an error instead. */
static int check_value(weir_error *error, const char *name, const weir_value *value)
{
    if (value->type >= WEIR_T_COUNT_ || !binders[value->type])
        return weir_error_set(error, WEIR_DATA, "parameter '%s': SQLite cannot hold a value of type %s", name, weir_type_name(value->type));
    if (binders[value->type] == bind_double && isnan(value->as.d))
        return weir_error_set(error, WEIR_DATA, "parameter '%s' is NaN, which SQLite would store as NULL", name);
    return WEIR_OK;
}

int weir_lite_bind_value(weir_lite_link *link, sqlite3_stmt *statement, int number, const char *name, const weir_value *value)
{
    weir_error *error = &link->base.error;
    int status = check_value(error, name, value);
    if (status != WEIR_OK)
        return status;
    int code = binders[value->type](statement, number, value);
    if (code == SQLITE_OK)
        return WEIR_OK;
    weir_lite_failed(link, code, sqlite3_sql(statement));
    weir_error_context(error, "parameter '%s'", name);
    return error->status;
}

int weir_lite_bind(weir_lite_link *link, sqlite3_stmt *statement, const weir_compiled *compiled)
{
    for (size_t i = 0; i < compiled->value_count; i++) {
        int status = weir_lite_bind_value(link, statement, (int)i + 1, compiled->names[i], &compiled->values[i]);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}
