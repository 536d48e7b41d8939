/* Arrow columns: growing buffers in Arrow's layout (https://arrow.apache.org/docs/format/Columnar.html), shared by the C stream and
 * the IPC writer. */
#ifndef WEIR_TRANSFER_ARROW_H
#define WEIR_TRANSFER_ARROW_H
#include <weir/arrow.h>
#include "base/arena.h"
#include "base/values.h"
#include "engine/rows.h"

/* How a column's values lie in memory. */
typedef enum weir_arrow_layout {
    WEIR_ARROW_NULL = 0, WEIR_ARROW_BIT, WEIR_ARROW_INT16, WEIR_ARROW_INT32, WEIR_ARROW_INT64, WEIR_ARROW_FLOAT, WEIR_ARROW_DOUBLE,
    WEIR_ARROW_DECIMAL, WEIR_ARROW_TEXT, WEIR_ARROW_FORMATTED, WEIR_ARROW_BINARY, WEIR_ARROW_DATE, WEIR_ARROW_TIME, WEIR_ARROW_TIMESTAMP,
    WEIR_ARROW_INTERVAL, WEIR_ARROW_UUID, WEIR_ARROW_LIST
} weir_arrow_layout;

typedef struct weir_arrow_column weir_arrow_column;
struct weir_arrow_column {
    const char       *name;             /* in the arena of the plan */
    weir_type         type;             /* of the values; others are converted, exactly or not at all */
    weir_arrow_layout layout;
    int               precision, scale; /* of a decimal */
    bool              settled;          /* the schema was told: a column of NULLs alone stays that */
    weir_arrow_column *item;            /* of a list; of an array of several dimensions again a list */
    weir_arena        *arena;           /* for such lists, which the first array tells of */
    /* what was appended */
    weir_ledger *ledger;
    int64_t  length, nulls;
    int64_t  room;                      /* rows that the next three have room for */
    uint8_t *validity;                  /* NULL: no NULLs yet */
    uint8_t *values;                    /* fixed width; bits */
    int32_t *offsets;                   /* length + 1 */
    uint8_t *bytes;                     /* of texts */
    size_t   bytes_used, bytes_room;
};

/* The column's layout and name from what the database says. WEIR_OK or WEIR_OUT_OF_MEMORY. */
int weir_arrow_column_init(weir_arrow_column *column, weir_arena *arena, weir_ledger *ledger, const weir_column_info *info);
/* The schema is told now. Before, the first value says what a column is of which the database does not (SQLite's expressions), and how deep
 * lists are. */
void weir_arrow_settle(weir_arrow_column *column);
/* Another file's columns are to be alike: what was decided of a column, the type of its values, or of a list's items, and how deep lists lie in
 * each other, 0: it is none; and the way back. False: it is no such column. */
void weir_arrow_decided(const weir_arrow_column *column, int *type, int *depth);
bool weir_arrow_decide(weir_arrow_column *column, int type, int depth);
bool weir_arrow_is_known(const weir_arrow_column *column);
/* Room for so many more rows. WEIR_OK or WEIR_OUT_OF_MEMORY. */
int weir_arrow_reserve(weir_arrow_column *column, int64_t rows);
/* One more value; WEIR_OK; WEIR_OUT_OF_MEMORY; WEIR_DATA: it does not fit, `reason` (WEIR_REASON_SIZE) says
 * why. After an error the column is of no use. */
int weir_arrow_append(weir_arrow_column *column, const weir_value *value, char *reason);
/* The values of one cell of so many rows, which need no conversion by their view. *done: how many were appended. */
int weir_arrow_append_rows(weir_arrow_column *column, const weir_row *const *rows, size_t count, size_t cell, size_t *done, char *reason);
/* Its buffers are another's now, those of a list's items are not. */
void weir_arrow_give(weir_arrow_column *column);
/* Empty again; buffers that it still has are kept for the next batch. */
void weir_arrow_clear(weir_arrow_column *column);
void weir_arrow_column_free(weir_arrow_column *column);
/* Bytes that it holds. */
size_t weir_arrow_bytes(const weir_arrow_column *column);

/* The interface's format text; at most 32 bytes with its NUL. */
void weir_arrow_format(const weir_arrow_column *column, char format[32]);
/* The extension's name, "arrow.uuid", or NULL. */
const char *weir_arrow_extension(const weir_arrow_column *column);
/* The buffers as they lie in memory and, for IPC, in a message: validity, then offsets, then values. At most 3; how many. */
typedef struct weir_arrow_buffer { const void *bytes; size_t length; } weir_arrow_buffer;
size_t weir_arrow_buffers(const weir_arrow_column *column, weir_arrow_buffer buffers[3]);
#endif
