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
    const weir_value **values;          /* of the row that is being written */
    bool               begun;           /* the columns are known */
    bool               finished;        /* the file is whole */
    weir_checkpoint   *checkpoint;      /* NULL: the file cannot be gone on with */
    char              *checkpoint_path;
    bool               complete;        /* an earlier run wrote all rows */
    bool               named;           /* and gave the file its name */
    weir_error         error;
};

/* ---- writer_part.c ---- */
/* The output is open: goes on where the checkpoint's file says. An error is kept. */
int weir_writer_continue(weir_writer *writer);
/* Gives the part its name and removes the checkpoint. */
int weir_writer_finish_part(weir_writer *writer);

/* ---- into a sink ---- */
/* As weir_writer_open, but what is written goes to the sink; `path` only tells the format where the options do not. */
weir_writer *weir_writer_open_to(weir_output_sink sink, void *context, const char *path, const weir_writer_options *options);
/* Whether its format is rows one behind the other, so that files can be joined. */
bool weir_writer_makes_lines(const weir_writer *writer);
#endif
