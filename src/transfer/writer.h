/* Writers inside. */
#ifndef WEIR_TRANSFER_WRITER_H
#define WEIR_TRANSFER_WRITER_H
#include "base/arena.h"
#include "transfer/checkpoint.h"
#include "transfer/format.h"

struct weir_writer {
    weir_ledger        ledger;
    weir_arena         arena;           /* the columns' names and the null text */
    weir_output        output;
    weir_sheet         sheet;
    const weir_format *format;
    const weir_value **values;          /* of the rows that are being written, one behind the other */
    size_t             block;           /* rows that there is room for in it */
    bool               begun;           /* the columns are known */
    bool               finished;        /* the file is whole */
    weir_checkpoint   *checkpoint;      /* NULL: the file cannot be gone on with */
    char              *checkpoint_path;
    bool               complete;        /* an earlier run wrote all rows */
    bool               named;           /* and gave the file its name */
    bool               saved;           /* there is a checkpoint of this run */
    bool               marked;          /* a save vouches for these bytes, not for all that was written */
    int64_t            mark_bytes;
    uint64_t           mark_checksum;
    int64_t            partition_rows;  /* > 0: parts in a directory */
    char              *target;          /* the directory of parts, or the path as it was given */
    int64_t            number;          /* of the file that is being written, from 0 */
    int64_t            rows_before, bytes_before;       /* in finished files */
    /* of a directory of parts that can be gone on with */
    weir_output        lock;            /* DIRECTORY/.weir-part */
    weir_checksum      parts;           /* of the finished parts' checksums */
    bool               vouched;         /* the part under way is whole, and the checkpoint says so */
    const char        *remembered;      /* what their values decided; NULL: this run began the first one */
    weir_error         error;
};

#define WEIR_WRITER_PART "part-"        /* what the names of parts in a directory begin with */

/* ---- writer_files.c: one writer, several files ---- */
/* Opens the first file: `path`, or a part in the directory of that name. An error is kept in the writer. */
void weir_writer_open_file(weir_writer *writer, const char *path);
/* Opens the file of writer->number. */
int weir_writer_open_numbered(weir_writer *writer);
/* The path of the part of that number; false: too long. */
bool weir_writer_part_path(const weir_writer *writer, int64_t number, char *path, size_t size);
/* "cannot WHAT the directory …". WEIR_IO. */
int weir_writer_fail_directory(weir_writer *writer, const char *what, int number);
/* The file's own end; its output is still open. */
int weir_writer_end_file(weir_writer *writer);
/* Whether the next row belongs into another file, and how many rows the current one still takes. */
bool weir_writer_is_full(const weir_writer *writer);
int64_t weir_writer_room(const weir_writer *writer);
/* Finishes the file and begins the next one. */
int weir_writer_next_file(weir_writer *writer);

/* ---- writer_part.c: one file that can be gone on with ---- */
/* The output is open: goes on where the checkpoint's file says. An error is kept. */
int weir_writer_continue(weir_writer *writer);
/* Gives the part its name and removes the checkpoint. */
int weir_writer_finish_part(weir_writer *writer);
/* For rows that were formatted elsewhere: their bytes; and that the checkpoint's place, and rows, are behind them. */
int weir_writer_append(weir_writer *writer, const void *bytes, size_t length);
int weir_writer_mark(weir_writer *writer, int64_t rows);
/* The options that the bytes depend on, a line each. */
void weir_writer_describe(const weir_writer *writer, weir_buffer *text);
/* Whether they are as they were; else WEIR_INVALID_REQUEST in the writer, which names the file of that path. */
int weir_writer_compare(weir_writer *writer, weir_text was, const char *path);
/* Writing ends early: a part in which nothing stands is removed. */
void weir_writer_leave_part(weir_writer *writer);

/* What stands in a checkpoint's data: "part 1 BYTES CHECKSUM FINISHED\n" of a file, "parts 1 NUMBER BYTES CHECKSUM FINISHED REMEMBERED\n" of a
 * directory, then the options that it was written with. */
typedef struct weir_written { int64_t parts, bytes; uint64_t checksum; bool finished; weir_text remembered; } weir_written;
/* writer->checkpoint_path: the path, and what such names end in. */
int weir_writer_name_checkpoint(weir_writer *writer, const char *path);
/* Loads the checkpoint and compares the options. WEIR_OK without figures.restored: there is none. */
int weir_writer_load(weir_writer *writer, weir_written *out);
/* Makes the data of it and saves the checkpoint. */
int weir_writer_vouch(weir_writer *writer, const weir_written *written);
int weir_writer_remove_checkpoint(weir_writer *writer);
/* A hint for errors of going on. */
void weir_writer_advise(weir_writer *writer, const char *advice);
int weir_writer_refuse(weir_writer *writer, const char *format, const char *what);      /* format: of the checkpoint's path and `what` */

/* ---- writer_parts.c: a directory of parts that can be gone on with ---- */
/* Locks the directory, which is there, and looks at the parts in it, unless it was finished; an error is kept. The number of the part that is
 * to be written is known then. */
int weir_writer_continue_parts(weir_writer *writer);
/* The part under way is whole: it is saved and gets its name. */
int weir_writer_end_part(weir_writer *writer);
int weir_writer_finish_parts(weir_writer *writer);
/* Writing ends early: the part under way goes, and the lock. */
void weir_writer_leave_parts(weir_writer *writer);

/* ---- into a sink ---- */
/* As weir_writer_open, but what is written goes to the sink; `path` only tells the format where the options do not. */
weir_writer *weir_writer_open_to(weir_output_sink sink, void *context, const char *path, const weir_writer_options *options);
/* Whether its format is rows one behind the other, so that files can be joined. */
bool weir_writer_makes_lines(const weir_writer *writer);
#endif
