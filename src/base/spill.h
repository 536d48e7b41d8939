/* What does not fit the memory for it: a file without a name, written to its end and read from its beginning. */
#ifndef WEIR_BASE_SPILL_H
#define WEIR_BASE_SPILL_H
#include <weir/base.h>

/* A new file in the folder that no name leads to, readable by nobody else: it goes with its descriptor. -1: errno says why. */
int weir_unnamed_file(const char *folder);
const char *weir_temporary_folder(void);        /* TMPDIR, else /tmp */

typedef struct weir_spill {
    int     file;                       /* descriptor + 1; 0: none yet */
    int64_t written, read;              /* bytes */
} weir_spill;

/* WEIR_OK, or WEIR_IO: the file cannot be made (in weir_temporary_folder) or written. Waits for the disk, as the next does: not on a loop's
 * thread. */
int weir_spill_append(weir_spill *spill, const void *bytes, size_t length, weir_error *error);
/* Reads what comes next, `length` bytes or less where it ends. WEIR_IO. */
int weir_spill_read(weir_spill *spill, void *to, size_t length, size_t *got, weir_error *error);
static inline bool weir_spill_ended(const weir_spill *spill) { return spill->read == spill->written; }
/* Gives the file back; ready for use again. */
void weir_spill_drop(weir_spill *spill);
#endif
