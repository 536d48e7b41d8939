/* Cancelling what the server does for a link: libpq sends the request, over a connection of its own. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "driver/postgres/pg.h"

int weir_pg_cancel(weir_link *base)
{
    char why[256];
    return PQcancel(((weir_pg_link *)base)->cancel_key, why, sizeof why) ? WEIR_OK : WEIR_OPERATIONAL;
}

bool weir_pg_awaits(const weir_link *base) { return ((const weir_pg_link *)base)->group_count > 0; }

/* A task that is cancelled once more waits on, and is told later. */
static bool wait_for(int fd, short events, int64_t deadline)
{
    int outcome, interrupt = WEIR_READY;
    while ((outcome = weir_wait(&(weir_want){ .fd = fd, .events = events, .deadline = deadline })) != WEIR_READY && outcome != WEIR_LATE)
        interrupt = outcome;
    weir_interrupt_again(interrupt);
    return outcome == WEIR_READY;
}

/* Connects and asks whether the server would encrypt by GSSAPI (protocol message GSSENCRequest). Whatever it answers, it answers; a
 * connection that ends then leaves nothing in its log. */
static bool knock(int fd, const struct sockaddr *address, socklen_t size, int64_t deadline)
{
    static const uint8_t request[] = { 0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x30 };
    char answer;
    int failure = 0;
    socklen_t length = sizeof failure;
    if (connect(fd, address, size) != 0 && (errno != EINPROGRESS || !wait_for(fd, POLLOUT, deadline)))
        return false;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) != 0 || failure ||
        send(fd, request, sizeof request, MSG_NOSIGNAL) != (ssize_t)sizeof request)
        return false;
    return wait_for(fd, POLLIN, deadline) && recv(fd, &answer, 1, 0) == 1;
}

/* libpq's request cannot be given a deadline, neither for connecting nor for the server's hanging up, which says that it was heard. So
 * the way is tried first by what can. */
bool weir_pg_reachable(weir_link *base, int64_t deadline)
{
    const weir_pg_link *link = (const weir_pg_link *)base;
    struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
    socklen_t size = sizeof address;
    if (getpeername(link->fd, (struct sockaddr *)&address, &size) != 0)
        return false;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool answered = knock(fd, (const struct sockaddr *)&address, size, deadline);
    weir_wait_forget(fd);
    close(fd);
    return answered;
}
