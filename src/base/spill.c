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
#include "base/file.h"

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
    int number = weir_pwrite_all(spill->file - 1, bytes, length, spill->written);
    if (number)
        return fail(error, number, "write to", weir_temporary_folder());
    spill->written += (int64_t)length;
    return WEIR_OK;
}

int weir_spill_read(weir_spill *spill, void *to, size_t length, size_t *got, weir_error *error)
{
    int64_t left = spill->written - spill->read;
    size_t wanted = left < (int64_t)length ? (size_t)left : length;
    *got = 0;
    int number = wanted ? weir_pread_all(spill->file - 1, to, wanted, spill->read) : 0;
    if (number)
        return fail(error, number, "read from", weir_temporary_folder());
    *got = wanted;
    spill->read += (int64_t)wanted;
    return WEIR_OK;
}

void weir_spill_drop(weir_spill *spill)
{
    if (spill->file)
        close(spill->file - 1);
    *spill = (weir_spill){ 0 };
}
