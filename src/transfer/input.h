/* Where an import's bytes come from: a file or pipe, cut into records at line ends. */
#ifndef WEIR_TRANSFER_INPUT_H
#define WEIR_TRANSFER_INPUT_H
#include <weir/value.h>
#include "base/error.h"
#include "base/ledger.h"

typedef struct weir_input {
    weir_ledger *ledger;
    int          fd;                    /* -1: none */
    const char  *name;                  /* for messages; borrowed */
    char        *block;                 /* bytes from start to end are not consumed yet */
    size_t       capacity, start, end;
    size_t       scanned;               /* behind start: looked at, and no record ends there */
    size_t       maximum;               /* bytes of one record */
    int64_t      line, next_line;       /* where the record begins, and where the next one does; from 1 */
    int64_t      consumed;              /* bytes */
    int64_t      size;                  /* of a regular file; -1: unknown */
    bool         quotes;                /* a line end between two " does not end a record */
    bool         inside, overlong;      /* of the record that is scanned: inside of quotes; its first bytes are dropped already */
    bool         ended;
} weir_input;

/* "-" is standard input. WEIR_IO, WEIR_OUT_OF_MEMORY; weir_input_close in any case. */
int weir_input_open(weir_input *input, weir_ledger *ledger, const char *path, size_t maximum, weir_error *error);
void weir_input_close(weir_input *input);
/* The next record without its line end (LF or CRLF): the same one until weir_input_consume; lives until the next call. WEIR_RECORD; WEIR_RECORD_TOO_LONG (it is empty); WEIR_RECORD_END; or a negative status. */
enum { WEIR_RECORD_END = 0, WEIR_RECORD = 1, WEIR_RECORD_TOO_LONG = 2 };
int weir_input_record(weir_input *input, weir_text *record, weir_error *error);
/* On to the record behind it. */
void weir_input_consume(weir_input *input);
#endif
