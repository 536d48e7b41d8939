/* Bytes to and from a descriptor. */
#include "base/file.h"
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

typedef enum way { READ, WRITE, READ_AT, WRITE_AT } way;
typedef struct transfer { way way; int fd; char *bytes; size_t length, done; int64_t at; } transfer;

static ssize_t call(const transfer *t)
{
    char *bytes = t->bytes + t->done;
    size_t length = t->length - t->done;
    off_t at = (off_t)(t->at + (int64_t)t->done);
    switch (t->way) {
    case READ: return read(t->fd, bytes, length);
    case WRITE: return write(t->fd, bytes, length);
    case READ_AT: return pread(t->fd, bytes, length, at);
    case WRITE_AT: return pwrite(t->fd, bytes, length, at);
    }
    return 0;
}

/* Once more: 0, or errno; *nothing: it neither moved a byte nor failed. */
static int go_on(transfer *t, bool *nothing)
{
    for (;;) {
        ssize_t n = call(t);
        *nothing = n == 0;
        if (n >= 0) {
            t->done += (size_t)n;
            return 0;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)    /* somebody made our standard output non-blocking; another process may do that at any time */
            poll(&(struct pollfd){ .fd = t->fd, .events = t->way == READ || t->way == READ_AT ? POLLIN : POLLOUT }, 1, -1);
        else if (errno != EINTR)
            return errno;
    }
}

/* Until all is moved, nothing more moves (`at_end`; 0: that is no error), or it fails. */
static int move(transfer *t, int at_end)
{
    bool nothing = false;
    int number = 0;
    while (t->done < t->length && number == 0 && !nothing)
        number = go_on(t, &nothing);
    return number == 0 && nothing ? at_end : number;
}

/* Nothing is written to it where it is only written from. */
static char *bytes_of(const void *bytes) { return (char *)(uintptr_t)bytes; }

int weir_write_some(int fd, const void *bytes, size_t length, size_t *done)
{
    transfer t = { WRITE, fd, bytes_of(bytes), length, 0, 0 };
    int number = move(&t, ENOSPC);
    *done = t.done;
    return number;
}

int weir_write_all(int fd, const void *bytes, size_t length)
{
    return move(&(transfer){ WRITE, fd, bytes_of(bytes), length, 0, 0 }, ENOSPC);
}

int weir_pwrite_all(int fd, const void *bytes, size_t length, int64_t at)
{
    return move(&(transfer){ WRITE_AT, fd, bytes_of(bytes), length, 0, at }, ENOSPC);
}

int weir_pread_all(int fd, void *bytes, size_t length, int64_t at)
{
    return move(&(transfer){ READ_AT, fd, bytes, length, 0, at }, EIO);
}

int weir_pread_some(int fd, void *bytes, size_t length, int64_t at, size_t *done)
{
    transfer t = { READ_AT, fd, bytes, length, 0, at };
    int number = move(&t, 0);
    *done = t.done;
    return number;
}

int weir_read_once(int fd, void *bytes, size_t length, size_t *done)
{
    transfer t = { READ, fd, bytes, length, 0, 0 };
    bool nothing;
    int number = go_on(&t, &nothing);
    *done = t.done;
    return number;
}
