/* weir/transfer.h: results into files. */
#ifndef WEIR_TRANSFER_H
#define WEIR_TRANSFER_H
#include <weir/result.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_writer weir_writer;

typedef struct weir_writer_options {
    size_t      struct_size;
    const char *format;         /* "csv" or "jsonl"; default: by the file's suffix (.csv; .jsonl, .ndjson, .json), else csv */
    const char *null_text;      /* CSV: what NULL is; default: empty, and the empty string is "" */
    weir_switch header;         /* CSV: a first line with the columns' names; default on */
    weir_switch replace_invalid_text;   /* write U+FFFD for what is not UTF-8; default off: WEIR_DATA naming row and column */
} weir_writer_options;
#define WEIR_WRITER_OPTIONS(...) \
    (&(const weir_writer_options){ .struct_size = sizeof(weir_writer_options), __VA_ARGS__ })

/* Opens `path` ("-" is standard output). A regular file is written under a temporary name beside it and gets its name in
 * weir_writer_close, when it is whole and on disk; a device, pipe or socket is written straight. options may be NULL.
 * The writer is never NULL. Errors (kept): WEIR_IO, WEIR_ARGUMENT. One thread at a time. */
WEIR_API weir_writer *weir_writer_open(const char *path, const weir_writer_options *options);
/* Writes one row. CSV is RFC 4180 with LF line ends, quoting only what needs it; values as weir_value_format writes them.
 * JSON lines: one object per row; integers, finite doubles and numerics are numbers (numerics exactly), NaN and infinities
 * strings, JSON columns embedded, times ISO 8601 strings, blobs base64 strings, arrays arrays. A row without columns, or with
 * another number of them than the first, is WEIR_INVALID_REQUEST; a full disk or a closed pipe WEIR_IO. The row stays the caller's. */
WEIR_API int weir_writer_row(weir_writer *writer, const weir_row *row);
/* Says which columns are to come, for a header even when there are no rows; weir_writer_result does it itself. Keeps the result's
 * error, if it has one. */
WEIR_API int weir_writer_columns(weir_writer *writer, const weir_result *result);
/* Writes all that is left of the result, in batches of its yield_per; the result stays the caller's to close. Errors of the
 * result are its own and end the writing with that status. */
WEIR_API int weir_writer_result(weir_writer *writer, weir_result *result);
WEIR_API int64_t weir_writer_bytes(const weir_writer *writer);      /* written or about to be */
WEIR_API int64_t weir_writer_rows(const weir_writer *writer);
/* The writer's first error, or one with status WEIR_OK. Valid until weir_writer_close or abort. */
WEIR_API const weir_error *weir_writer_error(const weir_writer *writer);
/* The name under which the file is being written, "" when there is none (devices, pipes, after the end). It stays the same until
 * the end: a program that must leave at once can remove it. Valid until weir_writer_finish, close or abort. */
WEIR_API const char *weir_writer_temporary_path(const weir_writer *writer);
/* Finishes the file, on disk and under its name, but leaves the writer open, so that weir_writer_error can tell what failed.
 * Returns the first error of the writer; nothing gets the file's name then. */
WEIR_API int weir_writer_finish(weir_writer *writer);
/* weir_writer_finish unless it was called, and frees the writer: gives the file its name; after an error the temporary file is
 * removed instead. Returns the first error; of a closed or aborted writer WEIR_RESOURCE_CLOSED. Sets *writer to a constant closed one. */
WEIR_API WEIR_MUST_CHECK int weir_writer_close(weir_writer **writer);
/* Gives up: removes the temporary file and frees the writer. A file of that name from before stays as it was. What went straight
 * into a device or pipe is there. Sets *writer to a constant closed one. */
WEIR_API void weir_writer_abort(weir_writer **writer);

#ifdef __cplusplus
}
#endif
#endif
