/* A file format is a struct of functions in one table (formats.c): a new one is one file and one line there. */
#ifndef WEIR_TRANSFER_FORMAT_H
#define WEIR_TRANSFER_FORMAT_H
#include <weir/transfer.h>
#include "base/buffer.h"
#include "transfer/output.h"

enum { WEIR_SHEET_BLOCK = 2048 };           /* values, and rows, that a format is given at once, at most (but always a row) */

/* One file being written, as its format sees it. */
typedef struct weir_sheet {
    weir_ledger   *ledger;
    weir_output   *output;
    weir_error    *error;               /* the writer's */
    const char    *null_text;           /* never NULL */
    size_t         null_length;
    bool           header, replace_invalid_text;
    weir_text     *names;               /* of the columns */
    size_t         column_count;
    int64_t        rows;                /* written so far */
    const weir_writer_options *options; /* as given; texts only until `check` returns */
    const weir_column_info *columns;    /* during `begin` only */
    void          *state;               /* the format's own, from `check` to `drop` */
    bool           continued;           /* what stands in front of the rows is in the file already */
    weir_buffer    scratch;             /* of the value that is being written */
    weir_buffer    clean;               /* its text, where invalid UTF-8 was replaced */
    weir_buffer    prefixes;            /* JSON lines: what stands in front of each value, one behind the other */
    size_t        *prefix_ends;         /* where each of them ends */
} weir_sheet;

typedef struct weir_format {
    const char *name;
    const char *suffixes[4];            /* of file names, with the point; NULL-terminated */
    /* May be NULL. Before anything is opened: WEIR_ARGUMENT for options that make no sense. */
    int (*check)(weir_sheet *sheet);
    /* The columns are known: writes what stands in front of the rows. Called once for each file, before its first row; sheet->columns is
     * there for the first one only. */
    int (*begin)(weir_sheet *sheet);
    /* One row of sheet->column_count values. A status; errors of the output may wait in it. */
    int (*row)(weir_sheet *sheet, const weir_value *const *values);
    /* Instead of row: many rows, one behind the other. Counts sheet->rows itself; may take fewer of them, at least one, when `full`. */
    int (*rows)(weir_sheet *sheet, const weir_value *const *values, size_t rows);
    /* May be NULL. All rows of the file were written: what stands behind them. */
    int (*finish)(weir_sheet *sheet);
    /* May be NULL. Whether the file should be finished and the next rows go into another one. */
    bool (*full)(const weir_sheet *sheet);
    /* May be NULL. Frees sheet->state. */
    void (*drop)(weir_sheet *sheet);
    /* May be NULL. Its own options, a line each, to be compared with those of the run that began a file. */
    void (*describe)(const weir_sheet *sheet, weir_buffer *text);
    /* Both may be NULL. What values decided about the columns, without line feeds, so that all files of a directory are alike; and the way back,
     * behind the first `begin`; a NUL stands behind the text. False: it is none of remember's. */
    void (*remember)(const weir_sheet *sheet, weir_buffer *text);
    bool (*recall)(weir_sheet *sheet, const char *text);
    bool texts;                         /* all is text, NULL too */
    bool lines;                         /* rows stand one behind the other: two files are one, but for the header, and one that is cut behind
                                           any row may be gone on with */
} weir_format;

/* By name, or NULL. */
const weir_format *weir_format_find(const char *name);
/* By a file name's suffix; csv where it says nothing. */
const weir_format *weir_format_of_path(const char *path);
/* "csv, jsonl, parquet, arrow", for messages. */
void weir_format_names(char *buffer, size_t size);

extern const weir_format weir_format_csv, weir_format_jsonl, weir_format_parquet, weir_format_arrow;
#endif
