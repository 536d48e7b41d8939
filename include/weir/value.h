/* weir/value.h: SQL values as C types. NULL lives in the type: a weir_text whose ptr is NULL, a weir_value of WEIR_T_NULL,
 * an optional whose `present` is false. */
#ifndef WEIR_VALUE_H
#define WEIR_VALUE_H
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_text    { const char *ptr; size_t len; } weir_text;      /* UTF-8, not ended by NUL unless said; ptr NULL: SQL NULL */
typedef struct weir_blob    { const void *ptr; size_t len; } weir_blob;      /* ptr NULL: SQL NULL */
typedef struct weir_numeric { const char *ptr; size_t len; } weir_numeric;   /* exact decimal in plain digits: "-12.50", "NaN", "Infinity", "-Infinity" */
typedef struct weir_date        { int32_t days; } weir_date;                 /* since 1970-01-01, proleptic Gregorian */
typedef struct weir_time        { int64_t usec; } weir_time;                 /* of day: 0 to 86,400,000,000 (24:00:00 exists) */
typedef struct weir_timetz      { int64_t usec; int32_t offset; } weir_timetz;  /* local time of day; offset: seconds east of UTC */
typedef struct weir_timestamp   { int64_t usec; } weir_timestamp;            /* local, without zone: microseconds since 1970-01-01 00:00 */
typedef struct weir_timestamptz { int64_t usec; } weir_timestamptz;          /* UTC: microseconds since 1970-01-01 00:00 UTC */
typedef struct weir_interval    { int64_t usec; int32_t days, months; } weir_interval;
typedef struct weir_uuid        { uint8_t bytes[16]; } weir_uuid;            /* in the order in which it is written */

/* infinity and -infinity of date and of timestamp(tz). */
#define WEIR_DATE_INFINITY INT32_MAX
#define WEIR_DATE_MINUS_INFINITY INT32_MIN
#define WEIR_TIMESTAMP_INFINITY INT64_MAX
#define WEIR_TIMESTAMP_MINUS_INFINITY INT64_MIN

typedef enum weir_type {
    WEIR_T_NULL = 0,
    WEIR_T_BOOL,            /* as.b */
    WEIR_T_INT16,           /* as.i, like the next two */
    WEIR_T_INT32,
    WEIR_T_INT64,
    WEIR_T_FLOAT,           /* as.d, a float's value */
    WEIR_T_DOUBLE,          /* as.d */
    WEIR_T_NUMERIC,         /* as.text: plain digits */
    WEIR_T_TEXT,            /* as.text */
    WEIR_T_BLOB,            /* as.blob */
    WEIR_T_DATE,
    WEIR_T_TIME,
    WEIR_T_TIMETZ,
    WEIR_T_TIMESTAMP,
    WEIR_T_TIMESTAMPTZ,
    WEIR_T_INTERVAL,
    WEIR_T_UUID,
    WEIR_T_JSON,            /* as.text: the JSON text */
    WEIR_T_INET,            /* as.text: "10.0.0.1", "10.0.0.0/8" (inet and cidr) */
    WEIR_T_ENUM,            /* as.text: the label */
    WEIR_T_ARRAY,           /* as.array */
    WEIR_T_OTHER,           /* as.text: the type's text form; the column's database type names it */
    WEIR_T_COUNT_
} weir_type;

typedef struct weir_array weir_array;

typedef struct weir_value {
    weir_type type;
    union {
        bool             b;
        int64_t          i;
        double           d;
        weir_text        text;
        weir_blob        blob;
        weir_date        date;
        weir_time        time;
        weir_timetz      timetz;
        weir_timestamp   timestamp;
        weir_timestamptz timestamptz;
        weir_interval    interval;
        weir_uuid        uuid;
        const weir_array *array;
    } as;
} weir_value;

/* A SQL array, of any number of dimensions; items in row-major order. What comes from a result has all of it. */
struct weir_array {
    weir_type         element_type;
    int32_t           dimensions;       /* 0: empty */
    const int32_t    *lengths;          /* one per dimension; NULL in an array to be bound: one dimension of `count` items */
    const int32_t    *lower_bounds;     /* one per dimension; 1 unless the server says otherwise; NULL in an array to be bound: all 1 */
    size_t            count;            /* of items */
    const weir_value *items;
};

typedef struct weir_opt_bool        { bool             value; bool present; } weir_opt_bool;
typedef struct weir_opt_int32       { int32_t          value; bool present; } weir_opt_int32;
typedef struct weir_opt_int64       { int64_t          value; bool present; } weir_opt_int64;
typedef struct weir_opt_double      { double           value; bool present; } weir_opt_double;
typedef struct weir_opt_date        { weir_date        value; bool present; } weir_opt_date;
typedef struct weir_opt_time        { weir_time        value; bool present; } weir_opt_time;
typedef struct weir_opt_timetz      { weir_timetz      value; bool present; } weir_opt_timetz;
typedef struct weir_opt_timestamp   { weir_timestamp   value; bool present; } weir_opt_timestamp;
typedef struct weir_opt_timestamptz { weir_timestamptz value; bool present; } weir_opt_timestamptz;
typedef struct weir_opt_interval    { weir_interval    value; bool present; } weir_opt_interval;
typedef struct weir_opt_uuid        { weir_uuid        value; bool present; } weir_opt_uuid;

/* The type's name in words ("timestamptz"); a constant. */
WEIR_API const char *weir_type_name(weir_type type);

/* ---- making values: for bind parameters. Texts and blobs are borrowed: what they point to must live until the call that
 * takes the value returns (weir_bind copies). Any thread; they cannot fail. WEIR_VALUE takes no unsigned 64-bit types, which have
 * values that no SQL integer has. */
WEIR_API weir_value weir_value_null(void);
WEIR_API weir_value weir_value_bool(bool v);
WEIR_API weir_value weir_value_int(int64_t v);
WEIR_API weir_value weir_value_double(double v);
WEIR_API weir_value weir_value_cstr(const char *v);             /* NULL is SQL NULL */
WEIR_API weir_value weir_value_text(weir_text v);
WEIR_API weir_value weir_value_blob(weir_blob v);
WEIR_API weir_value weir_value_numeric(weir_numeric v);         /* checked when it is bound: plain digits */
WEIR_API weir_value weir_value_date(weir_date v);
WEIR_API weir_value weir_value_time(weir_time v);
WEIR_API weir_value weir_value_timetz(weir_timetz v);
WEIR_API weir_value weir_value_timestamp(weir_timestamp v);
WEIR_API weir_value weir_value_timestamptz(weir_timestamptz v);
WEIR_API weir_value weir_value_interval(weir_interval v);
WEIR_API weir_value weir_value_uuid(weir_uuid v);
WEIR_API weir_value weir_value_array(const weir_array *v);      /* NULL is SQL NULL */
static inline weir_value weir_value_same_(weir_value v) { return v; }
/* Optionals: what is not present is SQL NULL. */
#define WEIR_VALUE_OPT_(name_, of_) \
    static inline weir_value weir_value_opt_##name_(weir_opt_##name_ v) { return v.present ? weir_value_##of_(v.value) : weir_value_null(); }
WEIR_VALUE_OPT_(bool, bool) WEIR_VALUE_OPT_(int32, int) WEIR_VALUE_OPT_(int64, int) WEIR_VALUE_OPT_(double, double) WEIR_VALUE_OPT_(date, date)
WEIR_VALUE_OPT_(time, time) WEIR_VALUE_OPT_(timetz, timetz) WEIR_VALUE_OPT_(timestamp, timestamp)
WEIR_VALUE_OPT_(timestamptz, timestamptz) WEIR_VALUE_OPT_(interval, interval) WEIR_VALUE_OPT_(uuid, uuid)
#undef WEIR_VALUE_OPT_

#ifndef __cplusplus
/* A value of whatever the C type says. WEIR_NULL is SQL NULL. */
#define WEIR_VALUE(...)                                                                                     \
    _Generic((__VA_ARGS__),                                                                                 \
        weir_value: weir_value_same_, bool: weir_value_bool,                                                \
        short: weir_value_int, unsigned short: weir_value_int, int: weir_value_int,                         \
        unsigned: weir_value_int, long: weir_value_int, long long: weir_value_int,                          \
        float: weir_value_double, double: weir_value_double,                                                \
        char *: weir_value_cstr, const char *: weir_value_cstr,                                             \
        weir_text: weir_value_text, weir_blob: weir_value_blob, weir_numeric: weir_value_numeric,           \
        weir_date: weir_value_date, weir_time: weir_value_time, weir_timetz: weir_value_timetz,             \
        weir_timestamp: weir_value_timestamp, weir_timestamptz: weir_value_timestamptz,                     \
        weir_interval: weir_value_interval, weir_uuid: weir_value_uuid,                                     \
        weir_opt_bool: weir_value_opt_bool, weir_opt_int32: weir_value_opt_int32,                           \
        weir_opt_int64: weir_value_opt_int64, weir_opt_double: weir_value_opt_double,                       \
        weir_opt_date: weir_value_opt_date, weir_opt_time: weir_value_opt_time,                             \
        weir_opt_timetz: weir_value_opt_timetz, weir_opt_timestamp: weir_value_opt_timestamp,               \
        weir_opt_timestamptz: weir_value_opt_timestamptz, weir_opt_interval: weir_value_opt_interval,       \
        weir_opt_uuid: weir_value_opt_uuid,                                                                 \
        weir_array *: weir_value_array, const weir_array *: weir_value_array)(__VA_ARGS__)
#endif
#define WEIR_NULL weir_value_null()

/* ---- reading values exactly ------------------------------------------------------------------------------------------
 * Each gives WEIR_OK and fills *out, or WEIR_DATA when the value does not fit (no truncation, no rounding of integers: the
 * numeric 300 is the int64 300; 300.5 is not), leaving *out untouched; `reason` (may be NULL, else at least 160 bytes)
 * then says why. NULL never fits. Text is read as the type asked for where that is exact: "2024-05-01" as a date, and so
 * on, which is how SQLite's values, stored as text, become dates. An integer 0 or 1 is a bool, and the texts t, f, true, false.
 * What *out points to is the value's own memory. Any thread. */
WEIR_API int weir_value_as_bool(const weir_value *v, bool *out, char *reason);
WEIR_API int weir_value_as_int32(const weir_value *v, int32_t *out, char *reason);
WEIR_API int weir_value_as_int64(const weir_value *v, int64_t *out, char *reason);
WEIR_API int weir_value_as_double(const weir_value *v, double *out, char *reason);  /* integers beyond 2^53 only when exact; numeric rounds to nearest */
WEIR_API int weir_value_as_text(const weir_value *v, weir_text *out, char *reason);     /* every type that is kept as text; must be UTF-8 */
WEIR_API int weir_value_as_cstr(const weir_value *v, const char **out, char *reason);   /* as text, ended by NUL; an embedded NUL is WEIR_DATA */
WEIR_API int weir_value_as_numeric(const weir_value *v, weir_numeric *out, char *reason);   /* numeric, or a text of plain digits */
WEIR_API int weir_value_as_blob(const weir_value *v, weir_blob *out, char *reason);     /* blob, or the bytes of a text */
WEIR_API int weir_value_as_date(const weir_value *v, weir_date *out, char *reason);
WEIR_API int weir_value_as_time(const weir_value *v, weir_time *out, char *reason);
WEIR_API int weir_value_as_timetz(const weir_value *v, weir_timetz *out, char *reason);
WEIR_API int weir_value_as_timestamp(const weir_value *v, weir_timestamp *out, char *reason);       /* text with a zone is WEIR_DATA */
WEIR_API int weir_value_as_timestamptz(const weir_value *v, weir_timestamptz *out, char *reason);   /* text without a zone is read as UTC */
WEIR_API int weir_value_as_interval(const weir_value *v, weir_interval *out, char *reason);
WEIR_API int weir_value_as_uuid(const weir_value *v, weir_uuid *out, char *reason);
WEIR_API int weir_value_as_array(const weir_value *v, const weir_array **out, char *reason);

/* Writes the value's text form, the one that CSV export uses, into `buffer` (ended by a NUL when size > 0): integers in
 * decimals, doubles with the fewest digits that read back the same, dates and times as ISO 8601 ("2024-05-01",
 * "12:30:00.25", "2024-05-01T12:30:00Z" for timestamptz), intervals as ISO 8601 durations ("P1Y2M3DT4H5M6.5S"), bool as
 * true or false, blobs in base64, arrays as PostgreSQL writes them ("{1,NULL,3}"), SQL NULL as "".
 * Returns the length of the whole text, as snprintf does. */
WEIR_API size_t weir_value_format(const weir_value *v, char *buffer, size_t size);

/* Whether two values are the same value of the same type (NULL equals NULL here; NaN equals NaN). */
WEIR_API bool weir_value_equal(const weir_value *a, const weir_value *b);

#ifdef __cplusplus
}
#endif
#endif
