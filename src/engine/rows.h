/* Rows inside: a row's place in its batch, and the view through which its columns are seen. */
#ifndef WEIR_ENGINE_ROWS_H
#define WEIR_ENGINE_ROWS_H
#include <weir/result.h>
#include <weir/statement.h>
#include "base/arena.h"
#include "base/error.h"

/* Where a column's name was last found, by the address of the text that asked: programs ask with the same literals. */
typedef struct weir_hint { const char *asked; int column; } weir_hint;

/* Which columns rows have, in which order, and where errors of reading them go. Rows handed out keep the view that they were
 * handed out with. Columns are counted as the program sees them; cells are the places in the row. */
typedef struct weir_view {
    size_t      direct;                 /* columns whose cell has the same index and needs no conversion: all, or 0 */
    size_t      count;
    const int  *cells;                  /* of each column; NULL: the same index */
    const weir_column_info *columns;
    const weir_declared_column *declared;       /* of each column, name NULL where there is none; NULL: nothing declared */
    weir_error *error;
    weir_result *result;                /* NULL: of a retained row */
    weir_hint  *hints;                  /* NULL: none are kept */
    size_t      hint_mask;
} weir_view;

struct weir_row {
    weir_view *view;                    /* both are set when the row is handed out */
    int64_t    number;                  /* in the result, from 1 */
    weir_value cells[];
};

static inline size_t weir_row_stride(size_t columns) { return sizeof(weir_row) + columns * sizeof(weir_value); }
static inline size_t weir_view_cell(const weir_view *view, size_t column)
{
    return view->cells ? (size_t)view->cells[column] : column;
}

/* NULL: no memory. `columns` and `declared` must live as long as the view. */
weir_view *weir_view_new(weir_arena *arena, const weir_column_info *columns, const weir_declared_column *declared, size_t count,
                         weir_result *result, weir_error *error);
/* A view of some columns of another; `columns` are valid indexes into it. */
weir_view *weir_view_select(weir_arena *arena, const weir_view *from, const size_t *columns, size_t count);
/* An index that may count from the end, made one from 0; -1: out of range. */
int64_t weir_view_index(const weir_view *view, int index);
/* What the ledger counts for a retained row. */
size_t weir_row_kept_bytes(const weir_row *row);
/* The value of a column, of its declared type; NULL when it does not fit that: the error is kept. */
const weir_value *weir_view_value(const weir_view *view, const weir_row *row, size_t column);
#endif
