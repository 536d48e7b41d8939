/* All of some bytes to or from a descriptor. */
#include "base/file.h"
#include <errno.h>
#include <unistd.h>

int weir_write_all(int fd, const void *bytes, size_t length)
{
    for (const char *from = bytes; length > 0; ) {
        ssize_t n = write(fd, from, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : ENOSPC;
        from += n;
        length -= (size_t)n;
    }
    return 0;
}

int weir_pwrite_all(int fd, const void *bytes, size_t length, int64_t at)
{
    for (const char *from = bytes; length > 0; ) {
        ssize_t n = pwrite(fd, from, length, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : ENOSPC;
        from += n;
        length -= (size_t)n;
        at += n;
    }
    return 0;
}

int weir_pread_all(int fd, void *bytes, size_t length, int64_t at)
{
    for (char *to = bytes; length > 0; ) {
        ssize_t n = pread(fd, to, length, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        to += n;
        length -= (size_t)n;
        at += n;
    }
    return 0;
}
