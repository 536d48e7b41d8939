/* Checkpoints inside: a statement's order, the place in it that was acknowledged, and what belongs to it. */
#ifndef WEIR_TRANSFER_CHECKPOINT_H
#define WEIR_TRANSFER_CHECKPOINT_H
#include <weir/checkpoint.h>
#include "base/buffer.h"
#include "base/error.h"
#include "transfer/order.h"

/* A key lies as weir_key_write's text: of the beginning it is empty. */
struct weir_checkpoint {
    weir_ledger ledger;
    weir_order *order;                  /* NULL: could not be made, `error` says why */
    bool        unchecked;              /* nobody knows that the key is unique: neighbours are compared */
    bool        broken;                 /* `error` is the error of making it, and stays */
    char        fingerprint[WEIR_FINGERPRINT_SIZE];
    weir_buffer scope, columns, place, data;    /* columns: what the rows looked like, empty until the first stream */
    weir_buffer text;                   /* the last one made */
    weir_checkpoint_figures figures;
    struct weir_resume *stream;         /* open on it */
    weir_error  error;
};

enum { WEIR_CHECKPOINT_MAX = 16 * 1024 * 1024, WEIR_CHECKPOINT_DATA_MAX = 1024 * 1024 };  /* the second: of a program's data */
#define WEIR_CHECKPOINT_SUFFIX ".weir-checkpoint"      /* of a file's checkpoint */

bool weir_checkpoint_is_constant(const weir_checkpoint *checkpoint);
/* Keeps the error, unless the checkpoint is broken anyway; returns its status. */
int weir_checkpoint_report(weir_checkpoint *checkpoint, const weir_error *error);
/* Replaces a buffer's contents; a status. */
int weir_checkpoint_put(weir_buffer *buffer, const void *bytes, size_t length, weir_error *error);
/* Puts the rows' columns on record, or compares them with what is: WEIR_INVALID_REQUEST when they changed. */
int weir_checkpoint_columns(weir_checkpoint *checkpoint, const weir_result *result, weir_error *error);
/* All rows that the stream delivered up to this number, counted from the first run on, are acknowledged: for who counts them in another way than
 * by partitions. WEIR_INVALID_REQUEST: they are not rows of the last partition and those before it. */
int weir_resume_ack_up_to(struct weir_resume *stream, int64_t rows, weir_error *error);
/* Removes a checkpoint's file, and what a process that was killed while it saved one left beside it; then the directory is brought to disk: one that
 * came back after a power cut would tell of an export that is long over. What is not there is no error. 0, or -1 with errno. On the disk's thread. */
int weir_checkpoint_remove(const char *path);
/* "to begin anew, remove the checkpoint and what was written with it". */
void weir_checkpoint_advise(weir_error *error);

/* ---- checkpoint_text.c ---- */
/* Appends the text. */
void weir_checkpoint_write(const weir_checkpoint *checkpoint, weir_buffer *text);
/* Reads it into the checkpoint; nothing of it is trusted. A status with *error; after one nothing was changed. */
int weir_checkpoint_read(weir_checkpoint *checkpoint, const char *text, size_t length, weir_error *error);
#endif
