/* Small files that appear whole. */
#include "whole.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "failure.h"
#include "signals.h"
#include "text.h"

static int cannot_write(const char *path)
{
    return failure_say(EXIT_FAILED, "cannot write %s: %s; check the path and its permissions", path, strerror(errno));
}

/* What is no regular file is written to as it is: replacing it by one would take a device or a pipe away from everybody. A link is replaced,
 * but for those that stand for open files. */
static bool is_written_straight(const char *path)
{
    struct stat facts;
    if (lstat(path, &facts) != 0 || S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode))
        return false;
    return !S_ISLNK(facts.st_mode) || text_begins(path, "/dev/") || text_begins(path, "/proc/");
}

static int write_straight(const char *path, const text *content)
{
    FILE *file = NULL;
    int descriptor = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    bool written = descriptor >= 0 && (file = fdopen(descriptor, "w")) != NULL &&
                   fwrite(content->data, 1, content->length, file) == content->length && fflush(file) == 0;
    int code = written ? 0 : cannot_write(path);
    if (file ? fclose(file) != 0 : descriptor >= 0 && close(descriptor) != 0)
        code = written ? cannot_write(path) : code;
    return code;
}

static mode_t mode_to_be(const char *path)
{
    struct stat facts;
    bool exists = lstat(path, &facts) == 0 && S_ISREG(facts.st_mode);
    mode_t mask = umask(0);
    umask(mask);
    if (exists && facts.st_uid != geteuid())            /* a stranger's file opens ours to nobody */
        return facts.st_mode & 0666 & ~mask;
    return exists ? facts.st_mode & 0777 : 0666 & ~mask;
}

int whole_write(const char *path, const text *content)
{
    if (is_written_straight(path))
        return write_straight(path, content);
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
    FILE *file = fdopen(descriptor, "w");
    bool written = file && fwrite(content->data, 1, content->length, file) == content->length && fflush(file) == 0 &&
                   fchmod(descriptor, mode_to_be(path)) == 0;
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
