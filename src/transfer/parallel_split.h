/* Files of ranges that can be gone on with: which ranges there are, and which of them are done. */
#ifndef WEIR_TRANSFER_PARALLEL_SPLIT_H
#define WEIR_TRANSFER_PARALLEL_SPLIT_H
#include "transfer/checkpoint.h"
#include "transfer/parallel.h"
#include "transfer/piece.h"

typedef struct weir_splitting {
    weir_parallel_target target;
    weir_piece_facts    *pieces;        /* of each range; attempt > 0: it is finished, by the run of that number */
    weir_checkpoint     *checkpoint;    /* NULL: none */
    char                *checkpoint_path;
    weir_output          lock;          /* the part, which stays empty: whoever has it writes the files */
    pthread_mutex_t      mutex;         /* of pieces, the checkpoint, and all below */
    bool                 saving, saved; /* saved: there is a checkpoint on disk */
    int64_t              saved_at, saving_took;
} weir_splitting;

/* Reads the checkpoint beside the file, if there is one: then the handle has its ranges, and pieces is filled. A status. */
int weir_split_load(weir_splitting *splitting, weir_error *error);
/* Under the mutex: puts ranges and pieces into the checkpoint. */
int weir_split_describe(weir_splitting *splitting, weir_error *error);
/* Brings that to disk. */
int weir_split_save(weir_splitting *splitting, weir_error *error);
#endif
