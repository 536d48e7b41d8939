/* Building FlatBuffers (https://flatbuffers.dev/internals/), which Arrow's messages are headed by. As everywhere, from the end to the
 * front: what is referred to is written before what refers to it. A place is counted in bytes from the end. */
#ifndef WEIR_TRANSFER_FLATBUFFER_H
#define WEIR_TRANSFER_FLATBUFFER_H
#include "base/ledger.h"

enum { WEIR_FLAT_FIELDS = 8 };          /* most fields of a table */

typedef struct weir_flat {
    weir_ledger *ledger;
    uint8_t *data;
    size_t   room, used;                /* the last `used` bytes of data */
    size_t   alignment;                 /* the largest so far */
    bool     failed;                    /* no memory: sticky */
    size_t   fields[WEIR_FLAT_FIELDS];  /* of the table that is open: places, 0: absent */
    size_t   began;
} weir_flat;

void weir_flat_begin(weir_flat *flat);                  /* empty, keeping its room */
void weir_flat_free(weir_flat *flat);
size_t weir_flat_string(weir_flat *flat, const char *text);
/* Tables or strings, by their places. */
size_t weir_flat_vector(weir_flat *flat, const size_t *places, size_t count);
/* Structs of two int64: Arrow's FieldNode and Buffer. */
size_t weir_flat_pairs(weir_flat *flat, int64_t (*pairs)[2], size_t count);
/* A table: open it, set its fields, close it. Between, nothing else is written. */
void weir_flat_table(weir_flat *flat);
void weir_flat_field(weir_flat *flat, size_t field, int64_t value, size_t bytes);       /* a scalar of 1, 2, 4 or 8 bytes */
void weir_flat_refer(weir_flat *flat, size_t field, size_t place);                      /* 0: absent */
size_t weir_flat_end(weir_flat *flat);
/* The whole message; NULL: no memory. */
const void *weir_flat_finish(weir_flat *flat, size_t root, size_t *length);
#endif
