/* Unlinked temporary files. */
#include "base/spill.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/error.h"

static int fail(weir_error *error, int number, const char *doing, const char *folder)
{
    char text[128];
    return weir_error_set(error, WEIR_IO, "cannot %s a temporary file in %s: %s", doing, folder, weir_error_of_system(number, text, sizeof text));
}

const char *weir_temporary_folder(void)
{
    const char *folder = getenv("TMPDIR");      /* NOLINT(concurrency-mt-unsafe): racy only with a program that calls setenv meanwhile */
    return folder && *folder ? folder : "/tmp";
}

/* Where the file system has no files without a name, one with a name loses it at once. */
int weir_unnamed_file(const char *folder)
{
    char path[4096];
#ifdef O_TMPFILE
    int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, S_IRUSR | S_IWUSR);
    if (file >= 0)
        return file;
#endif
    if (snprintf(path, sizeof path, "%s/.weir-XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int named = mkostemp(path, O_CLOEXEC);
    if (named >= 0)
        unlink(path);
    return named;
}

int weir_spill_append(weir_spill *spill, const void *bytes, size_t length, weir_error *error)
{
    if (!spill->file) {
        int file = weir_unnamed_file(weir_temporary_folder());
        if (file < 0)
            return fail(error, errno, "make", weir_temporary_folder());
        spill->file = file + 1;
    }
    for (const char *at = bytes; length > 0; ) {
        ssize_t n = pwrite(spill->file - 1, at, length, (off_t)spill->written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(error, n < 0 ? errno : ENOSPC, "write to", weir_temporary_folder());
        at += n;
        length -= (size_t)n;
        spill->written += n;
    }
    return WEIR_OK;
}

int weir_spill_read(weir_spill *spill, void *to, size_t length, size_t *got, weir_error *error)
{
    *got = 0;
    while (*got < length && !weir_spill_ended(spill)) {
        ssize_t n = pread(spill->file - 1, (char *)to + *got, length - *got, (off_t)spill->read);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(error, n < 0 ? errno : EIO, "read from", weir_temporary_folder());
        *got += (size_t)n;
        spill->read += n;
    }
    return WEIR_OK;
}

void weir_spill_drop(weir_spill *spill)
{
    if (spill->file)
        close(spill->file - 1);
    *spill = (weir_spill){ 0 };
}
