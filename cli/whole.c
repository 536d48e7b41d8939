/* Small files that appear whole. */
#include "whole.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "failure.h"
#include "signals.h"

static int cannot_write(const char *path)
{
    return failure_say(EXIT_FAILED, "cannot write %s: %s; check the path and its permissions", path, strerror(errno));
}

int whole_write(const char *path, const text *content)
{
    text temporary = { 0 };
    text_add(&temporary, path);
    text_add(&temporary, ".XXXXXX");
    int descriptor = mkstemp(temporary.data), code = 0;
    if (descriptor < 0) {
        code = cannot_write(path);
        text_free(&temporary);
        return code;
    }
    signals_watch_file(temporary.data);
    mode_t mask = umask(0);
    umask(mask);
    FILE *file = fdopen(descriptor, "w");
    bool written = file && fwrite(content->data, 1, content->length, file) == content->length && fflush(file) == 0 &&
                   fchmod(descriptor, 0666 & ~mask) == 0;
    if (file ? fclose(file) != 0 : close(descriptor) != 0)
        written = false;
    if (!written || rename(temporary.data, path) != 0) {
        code = cannot_write(path);
        unlink(temporary.data);
    }
    signals_watch_file("");
    text_free(&temporary);
    return code;
}
