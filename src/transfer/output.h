/* Where a writer's bytes go: a file that gets its name only when it is whole, or a device, pipe or socket. A part is such a file whose
 * temporary name is fixed, and that stays when writing ends early, to be gone on with. */
#ifndef WEIR_TRANSFER_OUTPUT_H
#define WEIR_TRANSFER_OUTPUT_H
#include <string.h>
#include "base/checksum.h"
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
    bool         strangers;                 /* that one belongs to somebody else: no more than the umask lets through */
    unsigned     mode;
    weir_output_sink sink;                  /* NULL: a file */
    void        *sink_context;
    bool         own;                       /* WEIR_OUTPUT_OWN */
    bool         part;                      /* temporary_path is final_path and WEIR_PART_SUFFIX; it is locked */
    bool         part_is_busy;              /* another process has its lock */
    bool         part_is_ours;              /* it is locked, and its name is that of the open file */
    bool         part_is_new;               /* besides: nobody's part was there */
    weir_checksum checksum;                 /* of a part: of what left the block */
    weir_error   error;
} weir_output;

#define WEIR_PART_SUFFIX ".weir-part"

/* Kinds of files, to be joined. A part: what is no regular file is WEIR_INVALID_REQUEST, and so is one that another process writes. Own: weir made up
 * the name beside the one that the user gave; links are not followed there, and nothing but a regular file is replaced. */
enum { WEIR_OUTPUT_USUAL = 0, WEIR_OUTPUT_PART = 1, WEIR_OUTPUT_OWN = 2 };

/* "-" is standard output. On an error (WEIR_IO, WEIR_OUT_OF_MEMORY) nothing is left behind but what weir_output_drop frees. */
int weir_output_open(weir_output *output, weir_ledger *ledger, const char *path, int kind);
/* The same into a sink. */
int weir_output_open_to(weir_output *output, weir_ledger *ledger, weir_output_sink sink, void *context);
/* Gives what is gathered to the system. */
void weir_output_flush(weir_output *output);
/* Slow path of weir_output_bytes: what does not fit the block. */
void weir_output_many(weir_output *output, const char *bytes, size_t length);
/* Flushes; a file is brought to disk and gets its name. The status; nothing gets a name after an error. */
int weir_output_finish(weir_output *output);
/* Removes the temporary file, if there is one and it is no part, and frees everything. */
void weir_output_drop(weir_output *output);

/* ---- parts (part.c) ---- */
/* Opens and locks the part of output->final_path; called on the disk's thread. */
int weir_part_open(weir_output *output);
/* Where that found it busy: a process that was killed a moment ago may still be dying with the lock in its hands. Waits up to a second, where
 * waiting is allowed (in a task without a thread), and tries again. The status. */
int weir_part_await(weir_output *output);
/* Goes on behind the first `bytes` bytes, whose checksum must be that; what lies behind them is cut off. WEIR_INVALID_REQUEST: the part
 * is missing, shorter or another one. */
int weir_part_continue(weir_output *output, int64_t bytes, uint64_t checksum);
/* Whether the file under its final name is the one with so many bytes and that checksum. */
bool weir_part_is_final(weir_output *output, int64_t bytes, uint64_t checksum);
/* The length and the checksum of a file; false: there is none, or it cannot be read. Called on the disk's thread; reads into the output's block. */
bool weir_part_read(weir_output *output, const char *path, int64_t *bytes, weir_checksum *checksum);
/* Brings to disk what was written so far. The status. */
int weir_part_sync(weir_output *output);
/* Removes a part, if it is ours: what stands in it is of no use to anybody. */
void weir_part_discard(weir_output *output);
/* Removes a part that is new, and ours: nothing was begun. */
void weir_part_withdraw(weir_output *output);

/* ---- for part.c and checkpoint.c ---- */
/* What to do about the number, into error->hint, where that is known. */
void weir_output_hint(weir_error *error, int number);
/* The name of a file is on disk only once its directory is. 0, or -1 with errno. Where that is not possible: no harm done, 0. */
int weir_output_sync_directory_of(const char *path);
/* "cannot WHAT FILE: why", with a hint for the number. WEIR_IO. */
int weir_output_fail(weir_output *output, const char *what, int number);
/* Runs it where the disk may be waited for; nothing after an error. The status. */
int weir_output_on_disk(weir_output *output, void (*work)(void *argument), void *argument);
/* The same for the last step: whoever is cancelled in it learns that it is done. */
int weir_output_last_on_disk(weir_output *output, void (*work)(void *argument), void *argument);

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
