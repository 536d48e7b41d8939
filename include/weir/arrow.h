/* weir/arrow.h: a result as a stream of Arrow record batches, by the Arrow C data and C stream interfaces
 * (https://arrow.apache.org/docs/format/CDataInterface.html, CStreamInterface.html): DuckDB, pyarrow, polars, DataFusion and others
 * read it without a copy. */
#ifndef WEIR_ARROW_H
#define WEIR_ARROW_H
#include <weir/result.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The interfaces' own declarations, as their specification gives them for copying into any program. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4
struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

typedef struct weir_arrow_options {
    size_t  struct_size;
    int64_t batch_rows;                 /* rows of a record batch; default: the result's yield_per, else 1000. < 0: WEIR_ARGUMENT */
} weir_arrow_options;
#define WEIR_ARROW_OPTIONS(...) (&(const weir_arrow_options){ .struct_size = sizeof(weir_arrow_options), __VA_ARGS__ })

/* Makes *out the result's rows that have not been read yet. The stream owns the result from here on: *result becomes the closed one,
 * and releasing the stream closes it; the connection stays the caller's and must stay open until then. Batches are fetched as they are
 * asked for, in the thread or task that asks, one at a time; a batch owns its memory and outlives stream and connection. It is counted in
 * weir's ledger until it is released, by any thread. options may be NULL.
 *
 * bool, int16, int32, int64, float, double: the same. numeric(p, s) and SQLite's DECIMAL(p, s), p up to 38: decimal128(p, s); other numerics: utf8, plain digits.
 * text, enum, inet, timetz and types without a name here: utf8; json: utf8 with the extension arrow.json; bytea, blob: binary. date: date32;
 * time: time64(us); timestamp: timestamp(us), timestamptz with zone UTC; interval: month_day_nano; uuid: fixed_size_binary(16) with
 * the extension arrow.uuid; arrays: list, of lists where they have more dimensions (as many in all rows). Every field is nullable. SQLite's columns have the type that their
 * declaration says, or else the one of the first batch's values; a column without any is null.
 *
 * WEIR_ARGUMENT (options, NULL), WEIR_INVALID_REQUEST (a result without rows or columns, or with instances), WEIR_OUT_OF_MEMORY, or the error
 * that the result has: then *out is untouched and *result still the caller's; weir_result_error tells.
 * get_next and get_schema return 0, or an errno value with a text in get_last_error: ENOMEM; EINVAL for WEIR_DATA, as of a value that its
 * Arrow type cannot hold (infinite dates, 24:00:00, NaN in a decimal, arrays of different depth, another type than the column's), naming row
 * and column; ECANCELED and ETIMEDOUT; else EIO. An error stays. */
WEIR_API WEIR_MUST_CHECK int weir_result_arrow(weir_result **result, const weir_arrow_options *options, struct ArrowArrayStream *out);

#ifdef __cplusplus
}
#endif
#endif
