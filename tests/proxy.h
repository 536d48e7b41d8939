/* A proxy between weir and a PostgreSQL server, for tests of a network that misbehaves: it refuses, says nothing, stalls, delays,
 * cuts or half closes after a given byte, garbles one, announces a length that never comes, or hands on single bytes. It runs on a thread of its own; all functions may be called at any time. */
#ifndef TEST_PROXY_H
#define TEST_PROXY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct test_proxy test_proxy;

/* Zero: hands on everything. Bytes are counted per connection, from its beginning or from the last test_proxy_set. */
typedef struct test_fault {
    bool    mute;               /* new connections are accepted, and nothing is done for them */
    int     hold_ms;            /* connections accepted from now on are served only after so long */
    bool    stall;              /* nothing is handed on, in either direction; what waits goes on when this ends */
    int64_t cut_after;          /* > 0: the connection ends when so many bytes of the server were handed on; -1: with none */
    int64_t cut_after_sent;     /* the same of the client's bytes */
    int64_t stall_after;        /* > 0: stalls when so many bytes of the server were handed on */
    int64_t stall_after_sent;   /* the same of the client's */
    int64_t half_after;         /* > 0: the server's direction ends when so many of its bytes were handed on; the other goes on */
    int64_t half_after_sent;    /* the same of the client's */
    int64_t garble;             /* > 0: this byte of the server, counted from 1, … */
    int64_t garble_sent;        /* … or of the client … */
    unsigned char garble_with;  /* … has these bits turned over */
    int     huge_message;       /* > 0: this message of the server, counted from 1, says that it has huge_length bytes; in clear only, for
                                 * connections that do not ask for TLS */
    uint32_t huge_length;
    int     ready_message;      /* > 0: this ReadyForQuery, counted from 1, says that the transaction is in ready_state: 'I', 'T' or 'E' */
    char    ready_state;
    int     chatter_after;      /* > 0: to what is asked behind this ReadyForQuery, counted from 1, notices without end are the answer; -1: at once */
    const char *select_says;    /* not NULL: each CommandComplete "SELECT n" with as many digits has these instead */
    int     lose_requests;      /* > 0: so many cancel requests go nowhere, as if they had come between two messages */
    bool    reset;              /* cuts as a crash does (RST), not as a polite end */
    bool    single_bytes;       /* the server's bytes come one by one, each when the one before was read */
    int     delay_ms;           /* each portion of the server's bytes comes so much later */
    /* While it is traced: behind the server's hold_after_ready-th ReadyForQuery nothing of the server is handed on until the client
     * has sent so many Executes more, or has waited for two seconds. Each 0: not. */
    int     hold_after_ready, hold_executes;
} test_fault;

typedef enum test_proxy_kind { TEST_PROXY_TCP, TEST_PROXY_UNIX } test_proxy_kind;

/* Before the server of `url`, a PostgreSQL URL as the tests' environment has them. Fails the test if it cannot. */
test_proxy *test_proxy_start(const char *url, test_proxy_kind kind);
/* `url`'s database by way of the proxy; lives as long as the proxy. A server's name stays as it was, for TLS to verify. */
const char *test_proxy_url(const test_proxy *proxy);
/* For connections that are and connections to come. */
void test_proxy_set(test_proxy *proxy, test_fault fault);
/* Refuses new connections (the port is closed), or takes them again. */
void test_proxy_refuse(test_proxy *proxy, bool refuse);
/* Ends all connections that are. */
void test_proxy_cut_all(test_proxy *proxy);
/* The server's bytes handed on since the last test_proxy_set, of all connections together; connections accepted since the start;
 * those open now. */
int64_t test_proxy_bytes(test_proxy *proxy);
int64_t test_proxy_bytes_sent(test_proxy *proxy);           /* the clients' */
int test_proxy_accepted(test_proxy *proxy);
int test_proxy_open(test_proxy *proxy);
/* The byte that was garbled since the last test_proxy_set is one of those that TLS's peers must ignore. */
bool test_proxy_garbled_for_nothing(test_proxy *proxy);
/* The server's messages handed on since its connections began or the last test_proxy_set; without TLS. */
int64_t test_proxy_messages(test_proxy *proxy);
/* Writes down from now on which messages pass, and forgets what was written; one connection, at rest, without TLS: ">B >E(weir_p1) >S
 * <2 <D <s <Z" with the portal's name behind an Execute, "<D" once for several. The text lives until the next call. */
void test_proxy_trace(test_proxy *proxy);
const char *test_proxy_traced(test_proxy *proxy);
void test_proxy_stop(test_proxy **proxy);
#endif
