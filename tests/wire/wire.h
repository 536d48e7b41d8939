/* Wire faults: whole programs of weir behind the tests' proxy, which does one thing or another at one byte or another. What comes of each is
 * the right rows, or an error of the right class in time; and what was committed is in the tables once, what was not is not. */
#ifndef WIRE_H
#define WIRE_H
#include <stdatomic.h>
#include <weir/weir.h>
#include "proxy.h"

enum { WIRE_MODES = 4, SHORT_ROWS = 23, LONG_ROWS = 2500, PARENTS = 150, CHILDREN = 3, COPIED = 120, MANY = 90 };

/* One run of a program, and what came of it. */
typedef struct attempt {
    const char  *url, *schema;          /* by way of the proxy; the schema of its tables, which others of this process use, too */
    int64_t      number;                /* of the rows that it writes */
    int          mode;                  /* how rows are asked for: below WIRE_MODES */
    bool         cancels;               /* a statement runs into its time-out first */
    bool         may_differ;            /* a byte is garbled in clear: values may be others */
    int          read_timeout_ms;
    /* outcome */
    weir_error   error;                 /* the first that the program was told */
    bool         committing, committed;
    char         wrong[300];            /* what must not be; empty: nothing */
    int64_t      bytes, bytes_sent, messages;   /* of the server and of the client when COMMIT was answered */
    test_proxy  *proxy;
} attempt;

/* Programs; each connects, reads, writes, commits and closes. They return WEIR_OK, whatever came of it. */
int wire_short(void *attempt);
int wire_long(void *attempt);

/* Keeps the first error; whether it is none. */
bool wire_fine(attempt *a, const weir_error *error);
/* Notes what must not be. */
void wire_wrong(attempt *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
weir_engine *wire_engine(const attempt *a);
weir_execution_options wire_options(int mode, int64_t rows);
/* COMMIT's answer was `status`. */
void wire_commits(attempt *a);
void wire_answered(attempt *a, int status, const weir_error *error);

/* SQL that makes what the programs read and write, in the schema that is the first of search_path. */
extern const char wire_tables[];
#endif
