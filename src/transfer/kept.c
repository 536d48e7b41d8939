/* Bytes kept until the end of a file. */
#include "base/error.h"
#include "transfer/kept.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/spill.h"
#include "base/wait.h"

void weir_kept_init(weir_kept *kept, weir_ledger *ledger, const char *directory, size_t bound)
{
    *kept = (weir_kept){ .directory = directory, .bound = bound, .fd = -1 };
    weir_buffer_init(&kept->memory, ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
}

void weir_kept_free(weir_kept *kept)
{
    if (kept->fd >= 0)
        close(kept->fd);
    weir_buffer_free(&kept->memory);
    kept->fd = -1;
    kept->filed = kept->read = 0;
}

int64_t weir_kept_length(const weir_kept *kept) { return kept->filed + (int64_t)kept->memory.length; }

/* ---- the file ------------------------------------------------------------------------------------------------------------ */
typedef struct piece {
    weir_kept  *kept;
    char       *bytes;
    size_t      length;
    int64_t     from;                   /* reading: where in the file */
    int         number;                 /* errno of what failed */
} piece;

static void write_piece(void *argument)
{
    piece *p = argument;
    if (p->kept->fd < 0 && (p->kept->fd = weir_unnamed_file(p->kept->directory)) < 0) {
        p->number = errno;
        return;
    }
    p->number = weir_pwrite_all(p->kept->fd, p->bytes, p->length, p->kept->filed);
}

static void read_piece(void *argument)
{
    piece *p = argument;
    p->number = weir_pread_all(p->kept->fd, p->bytes, p->length, p->from);
}

static int on_disk(void (*work)(void *), piece *p, weir_error *error)
{
    char text[128];
    int status = weir_run_on_disk(work, p, error);
    if (status == WEIR_OK && p->number) {
        status = weir_error_set(error, WEIR_IO, "cannot keep data in a temporary file in %s: %s", p->kept->directory,
                                weir_error_of_system(p->number, text, sizeof text));
        snprintf(error->hint, sizeof error->hint, "there must be room in that directory, and leave to write in it");
    }
    return status;
}

/* ---- in order ------------------------------------------------------------------------------------------------------------ */
int weir_kept_append(weir_kept *kept, const void *bytes, size_t length, weir_error *error)
{
    weir_buffer *memory = &kept->memory;
    if (memory->length && memory->length + length > kept->bound) {
        int status = on_disk(write_piece, &(piece){ .kept = kept, .bytes = memory->data, .length = memory->length }, error);
        if (status != WEIR_OK)
            return status;
        kept->filed += (int64_t)memory->length;
        memory->length = 0;
        if (memory->capacity > 2 * kept->bound)
            weir_buffer_free(memory);
    }
    weir_buffer_append(memory, bytes, length);
    return memory->failed ? weir_error_out_of_memory(error) : WEIR_OK;
}

int weir_kept_read(weir_kept *kept, void *bytes, size_t length, weir_error *error)
{
    char *to = bytes;
    int64_t in_file = kept->filed - kept->read;
    if (in_file > 0 && length) {
        size_t n = length < (size_t)in_file ? length : (size_t)in_file;
        int status = on_disk(read_piece, &(piece){ .kept = kept, .bytes = to, .length = n, .from = kept->read }, error);
        if (status != WEIR_OK)
            return status;
        kept->read += (int64_t)n;
        to += n;
        length -= n;
    }
    if (length)
        memcpy(to, kept->memory.data + (kept->read - kept->filed), length);
    kept->read += (int64_t)length;
    return WEIR_OK;
}
