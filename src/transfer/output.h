/* Where a writer's bytes go: a file that gets its name only when it is whole, or a device, pipe or socket. */
#ifndef WEIR_TRANSFER_OUTPUT_H
#define WEIR_TRANSFER_OUTPUT_H
#include <string.h>
#include "base/error.h"
#include "base/ledger.h"

enum { WEIR_OUTPUT_SIZE = 128 * 1024 };     /* bytes gathered for one write(2) */

/* Takes what would be written, instead of a file. A status. */
typedef int (*weir_output_sink)(void *context, const char *bytes, size_t length, weir_error *error);

/* The first error is kept; from then on bytes are dropped, so that a format need not look after each value. */
typedef struct weir_output {
    weir_ledger *ledger;
    int          fd;                        /* -1: none */
    bool         standard_output;
    char        *block, *next, *end;        /* gathered bytes: from block to next */
    int64_t      flushed;                   /* bytes that left the block */
    char        *path;                      /* as it was given, for messages */
    char        *final_path;                /* behind symbolic links; NULL: written straight */
    char        *temporary_path;            /* NULL: written straight */
    bool         keep_mode;                 /* the file is to get `mode`, that of the one it replaces */
    unsigned     mode;
    weir_output_sink sink;                  /* NULL: a file */
    void        *sink_context;
    weir_error   error;
} weir_output;

/* "-" is standard output. On an error (WEIR_IO, WEIR_OUT_OF_MEMORY) nothing is left behind but what weir_output_drop frees. */
int weir_output_open(weir_output *output, weir_ledger *ledger, const char *path);
/* The same into a sink. */
int weir_output_open_to(weir_output *output, weir_ledger *ledger, weir_output_sink sink, void *context);
/* Gives what is gathered to the system. */
void weir_output_flush(weir_output *output);
/* Slow path of weir_output_bytes: what does not fit the block. */
void weir_output_many(weir_output *output, const char *bytes, size_t length);
/* Flushes; a file is brought to disk and gets its name. The status; nothing gets a name after an error. */
int weir_output_finish(weir_output *output);
/* Removes the temporary file, if there is one, and frees everything. */
void weir_output_drop(weir_output *output);

/* A place for up to `size` bytes (at most WEIR_OUTPUT_SIZE): write there, then set output->next behind them. */
static inline char *weir_output_room(weir_output *output, size_t size)
{
    if ((size_t)(output->end - output->next) < size)
        weir_output_flush(output);
    return output->next;
}

static inline void weir_output_bytes(weir_output *output, const char *bytes, size_t length)
{
    if ((size_t)(output->end - output->next) < length) {
        weir_output_many(output, bytes, length);
        return;
    }
    if (length)
        memcpy(output->next, bytes, length);
    output->next += length;
}

static inline void weir_output_byte(weir_output *output, char byte)
{
    *weir_output_room(output, 1) = byte;
    output->next++;
}
#endif
