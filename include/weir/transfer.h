/* weir/transfer.h: results into files, and files into tables. */
#ifndef WEIR_TRANSFER_H
#define WEIR_TRANSFER_H
#include <weir/checkpoint.h>
#include <weir/engine.h>
#include <weir/result.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_writer weir_writer;

typedef struct weir_writer_options {
    size_t      struct_size;
    const char *format;         /* "csv", "jsonl", "parquet" or "arrow"; default: by the file's suffix (.csv; .jsonl, .ndjson, .json; .parquet;
                                   .arrows, .arrow, .ipc), else csv */
    const char *null_text;      /* CSV: what NULL is; default: empty, and the empty string is ""; of another format WEIR_ARGUMENT */
    weir_switch header;         /* CSV: a first line with the columns' names; default on */
    weir_checkpoint *checkpoint;    /* a file that can be gone on with: see weir_writer_save; must outlive the writer */
    weir_switch replace_invalid_text;   /* write U+FFFD for what is not UTF-8; default off: WEIR_DATA naming row and column */
    int64_t     partition_rows; /* > 0: `path` is a directory, made if it is not there, of files with so many rows each: part-00000.parquet, … */
    /* Parquet */
    const char *compression;    /* "zstd" (the default), "snappy" or "none" */
    size_t      row_group_bytes;    /* memory of the row group being built, about, default 16 MiB; a group has at most 1,048,576 rows */
    weir_switch dictionary;     /* dictionaries where they make columns smaller; default on */
    const char *decimal;        /* "18,4": what numerics without a precision of their own become; default: texts */
    const char *const *metadata;    /* NULL-terminated pairs key, value, …, for the file's key/value metadata; copied */
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
 * another number of them than the first, is WEIR_INVALID_REQUEST; a full disk or a closed pipe WEIR_IO. The row stays the caller's.
 * Parquet: docs/how-to/parquet.md has the types. What a column cannot hold (an infinite timestamp, a number that is too large) is WEIR_DATA
 * naming row and column. One file that comes near 32,767 row groups or to 64 MiB of metadata is finished, and the next rows go into another one
 * beside it, NAME-00001.parquet and so on (in a directory of parts, into the next part); standard output has no other one. */
WEIR_API int weir_writer_row(weir_writer *writer, const weir_row *row);
/* Writes many rows: as weir_writer_row on each, and quicker for Parquet. weir_partition has such an array. */
WEIR_API int weir_writer_many(weir_writer *writer, const weir_row *const *rows, size_t count);
/* Says which columns are to come, for a header even when there are no rows; weir_writer_result does it itself. Keeps the result's
 * error, if it has one. */
WEIR_API int weir_writer_columns(weir_writer *writer, const weir_result *result);
/* Writes all that is left of the result, in batches of its yield_per; the result stays the caller's to close. Errors of the
 * result are its own and end the writing with that status. */
WEIR_API int weir_writer_result(weir_writer *writer, weir_result *result);
WEIR_API int64_t weir_writer_bytes(const weir_writer *writer);      /* written or about to be, in all files */
WEIR_API int64_t weir_writer_rows(const weir_writer *writer);
/* The writer's first error, or one with status WEIR_OK. Valid until weir_writer_close or abort. */
WEIR_API const weir_error *weir_writer_error(const weir_writer *writer);
/* The name under which the file is being written, "" when there is none (devices, pipes, after the end) or it is to stay (parts). It stays the same until
 * the end of the file: a program that must leave at once can remove it. Valid until the next call that writes, finish, close or abort. */
WEIR_API const char *weir_writer_temporary_path(const weir_writer *writer);
/* Finishes the file, on disk and under its name, but leaves the writer open, so that weir_writer_error can tell what failed.
 * Returns the first error of the writer; nothing gets the file's name then. */
WEIR_API int weir_writer_finish(weir_writer *writer);
/* weir_writer_finish unless it was called, and frees the writer: gives the file its name; after an error the temporary file is
 * removed instead. Returns the first error; of a closed or aborted writer WEIR_RESOURCE_CLOSED. Sets *writer to a constant closed one. */
WEIR_API WEIR_MUST_CHECK int weir_writer_close(weir_writer **writer);
/* Gives up: removes the temporary file (a part stays) and frees the writer. A file of that name from before stays as it was. What went straight
 * into a device or pipe is there. Sets *writer to a constant closed one. */
WEIR_API void weir_writer_abort(weir_writer **writer);

/* ---- files that can be gone on with -----------------------------------------------------------------------------------------
 * With a checkpoint (weir/checkpoint.h) PATH is written as PATH.weir-part, and the place that belongs to it as PATH.weir-checkpoint: both
 * stay when writing ends early, and opening the same path with a checkpoint of the same statement goes on there. The part is cut to what
 * the checkpoint vouches for, so that each row is in the file once, in order; bytes that are not those that were written are refused
 * (length and checksum). A part without a checkpoint was never saved and begins anew; so does a path without either, whatever file has
 * the final name. Errors of opening, besides those above: WEIR_INVALID_REQUEST with the reason (the statement's, see weir_checkpoint_restore;
 * options of the writer that changed; a part that is missing, shorter or changed; what is no regular file; a format that cannot); WEIR_IO
 * when another process writes that part (it is locked). Only the file's owner can go on with it; symbolic links are not followed.
 * A directory of parts (partition_rows), of any format, is gone on with part by part: those that were finished stay as they are (their checksums
 * are looked at), the one under way is written again from its first row, and so the parts are those of a single run. The checkpoint is
 * DIRECTORY/.weir-checkpoint. A part's end acknowledges the rows up to it and saves: the writer must get the rows of the checkpoint's stream,
 * each of them once, and each partition must be acknowledged before the next is asked for; else the row behind the part is WEIR_INVALID_REQUEST. */
/* Puts on disk what was written, then the place that the stream's rows were acknowledged up to (weir_resume_ack): they must be as many as were
 * written (WEIR_INVALID_REQUEST). After WEIR_OK no crash takes it back. Each save waits for the disk: make one every few seconds. A directory of
 * parts is saved as each part ends; this does nothing there. */
WEIR_API int weir_writer_save(weir_writer *writer);
/* Whether an earlier run had written all rows and only the end was missing: finish it, there is nothing to read. */
WEIR_API bool weir_writer_complete(const weir_writer *writer);

/* ---- import: a file's records into a table --------------------------------------------------------------------------------
 * CSV (RFC 4180; LF or CRLF; nothing between two delimiters is NULL, "" the empty text; in a file of one column "" is NULL, since that is
 * how it is written) and JSON lines (one object per line, keys are columns; a key that a later record lacks is NULL). Values are read as
 * weir_writer_row writes them, exactly or not at all; blobs also as \x and hexadecimal digits, arrays also as JSON. */
typedef struct weir_import_figures {
    int64_t records, written, rejected;     /* read; in the table; in the file of rejects */
    int64_t bytes, size;                    /* read; of the whole file, -1: unknown */
    int64_t line;                           /* in the file, of the last record read */
} weir_import_figures;

typedef struct weir_import_options {
    size_t             struct_size;
    const char        *table;               /* "table" or "schema.table", as in weir_copy_options; must be given */
    const char        *format;              /* "csv" or "jsonl"; default: by the file's suffix, else csv */
    const char *const *columns;             /* NULL-terminated; default: the first line of a CSV file, the first record's keys */
    weir_switch        header;              /* CSV: the first line has names; default on. Off, without columns: all of the table's, in order */
    const char        *null_text;           /* CSV: what else is NULL, in place of nothing at all */
    char               delimiter;           /* CSV; default ','. This or null_text with JSON lines is WEIR_ARGUMENT */
    const char *const *upsert;              /* NULL-terminated columns of a unique key: rows that are there are updated (weir_copy_options) */
    int64_t            batch;               /* records per transaction, committed by this call; default: all in the connection's own */
    const char        *rejects;             /* CSV file "line,reason,record" for records that cannot be taken; NULL: the first one ends it */
    size_t             max_record;          /* bytes of one record; default 64 MiB */
    void             (*progress)(const weir_import_figures *figures, void *context);    /* now and then */
    void              *context;
} weir_import_options;
#define WEIR_IMPORT_OPTIONS(...) (&(const weir_import_options){ .struct_size = sizeof(weir_import_options), __VA_ARGS__ })

/* Reads `path` ("-": standard input) into the table by COPY (weir/bulk.h), in flat memory. Without `batch` it runs in the connection's
 * transaction, which the caller commits, and an error takes all of it back; with it, what was committed stays, and the error's detail
 * says up to which line (WEIR_INVALID_REQUEST inside a transaction). figures, error: may be NULL; both are filled on failure, too.
 * Errors: WEIR_IO; WEIR_DATA for a record that is none or a value that its column cannot hold (error->row is its line); those of the
 * database, with the line where it told the row; WEIR_CANCELLED (weir_connection_cancel, between two records, too); WEIR_ARGUMENT
 * (options, an unknown column); WEIR_PROGRAMMING (no such table). */
WEIR_API WEIR_MUST_CHECK int weir_import_file(weir_connection *connection, const char *path, const weir_import_options *options,
                                              weir_import_figures *figures, weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
