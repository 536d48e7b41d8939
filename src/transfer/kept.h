/* Bytes kept until the end of a file, in order: in memory up to a bound, beyond it in an unlinked temporary file (RULES N9). */
#ifndef WEIR_TRANSFER_KEPT_H
#define WEIR_TRANSFER_KEPT_H
#include "base/buffer.h"
#include "base/error.h"

typedef struct weir_kept {
    weir_buffer memory;                 /* what is not in the file yet */
    const char *directory;              /* where the file is made; must live as long */
    size_t      bound;                  /* most bytes in memory */
    int         fd;                     /* -1: all is in memory */
    int64_t     filed;                  /* bytes in the file */
    int64_t     read;                   /* of all bytes, by weir_kept_read */
} weir_kept;

void weir_kept_init(weir_kept *kept, weir_ledger *ledger, const char *directory, size_t bound);
void weir_kept_free(weir_kept *kept);                   /* and empty, ready for use again */
/* Appends. WEIR_OK; WEIR_OUT_OF_MEMORY; WEIR_IO: the file cannot be made or written. */
int weir_kept_append(weir_kept *kept, const void *bytes, size_t length, weir_error *error);
int64_t weir_kept_length(const weir_kept *kept);
/* Reads from the beginning on, `length` bytes that are there. weir_kept_rewind goes back to the beginning. */
int weir_kept_read(weir_kept *kept, void *bytes, size_t length, weir_error *error);
static inline void weir_kept_rewind(weir_kept *kept) { kept->read = 0; }
#endif
