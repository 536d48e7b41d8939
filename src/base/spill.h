/* What does not fit the memory for it: a file without a name, written to its end and read from its beginning. */
#ifndef WEIR_BASE_SPILL_H
#define WEIR_BASE_SPILL_H
#include <weir/base.h>

typedef struct weir_spill {
    int     file;                       /* descriptor + 1; 0: none yet */
    int64_t written, read;              /* bytes */
} weir_spill;

/* WEIR_OK, or WEIR_IO: the file cannot be made (in TMPDIR, else /tmp) or written. Readable by nobody else. */
int weir_spill_append(weir_spill *spill, const void *bytes, size_t length, weir_error *error);
/* Reads what comes next, `length` bytes or less where it ends. WEIR_IO. */
int weir_spill_read(weir_spill *spill, void *to, size_t length, size_t *got, weir_error *error);
static inline bool weir_spill_ended(const weir_spill *spill) { return spill->read == spill->written; }
/* Gives the file back; ready for use again. */
void weir_spill_drop(weir_spill *spill);
#endif
