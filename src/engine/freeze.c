/* Frozen results: rows kept in memory, read any number of times. */
#include "engine/result.h"
#include <string.h>

struct weir_frozen {
    _Atomic int      references;        /* the program's, and the results made from it */
    weir_result     *home;              /* whose ledger and arena hold the rows */
    weir_frozen     *source;            /* that the home's rows came from, and whose values they share; NULL: none */
    weir_batch      *batches;
    const weir_row **rows;
    size_t           count;
    const weir_view *view;              /* what of the rows is seen: the filters baked in */
};

enum { ROWS_AT_ONCE = 256 };

/* The batches change hands: the result has read to its end and needs them no more. */
static void take_batches(weir_frozen *frozen, weir_result *result)
{
    frozen->batches = result->kept;
    result->kept = NULL;
    result->kept_count = 0;
    frozen->rows = result->list;
    frozen->count = result->list_count;
    result->list = NULL;
    result->list_count = result->list_capacity = 0;
}

weir_frozen *weir_result_freeze(weir_result *result)
{
    if (weir_result_begin_read(result) != WEIR_OK)
        return NULL;
    if (result->has_instances) {
        weir_error error;
        weir_error_set(&error, WEIR_NOT_SUPPORTED, "a result with instances cannot be frozen: they belong to the session");
        weir_result_fail(result, &error);
        return NULL;
    }
    weir_frozen *frozen = weir_alloc_zero(&result->ledger, WEIR_MEMORY_HANDLES, sizeof *frozen);
    if (!frozen) {
        weir_error error;
        weir_error_out_of_memory(&error);
        weir_result_fail(result, &error);
        return NULL;
    }
    if (weir_result_collect(result, SIZE_MAX, WEIR_WHOLE_ROW) != WEIR_OK) {
        weir_free(frozen);
        return NULL;
    }
    frozen->references = 1;
    frozen->home = result;
    frozen->view = result->view;
    frozen->source = result->frozen;
    if (frozen->source)
        atomic_fetch_add(&frozen->source->references, 1);
    weir_result_reference(result);
    take_batches(frozen, result);
    return frozen;
}

weir_result *weir_frozen_result(weir_frozen *frozen)
{
    if (!frozen)
        return (weir_result *)(uintptr_t)&weir_result_constant_closed;
    weir_result *result = weir_result_new(frozen->home->core);
    if (!result)
        return (weir_result *)(uintptr_t)&weir_result_constant_no_memory;
    const weir_view *view = frozen->view;
    result->mode = WEIR_MODE_BUFFERED;
    if (weir_result_describe(result, view->columns, view->count, view->declared, view->declared ? view->count : 0) != WEIR_OK) {
        weir_error_out_of_memory(&result->error);
        return result;
    }
    atomic_fetch_add(&frozen->references, 1);
    result->frozen = frozen;
    result->ended = frozen->count == 0;
    result->growth = result->max_row_buffer = ROWS_AT_ONCE;
    return result;
}

/* Each result has rows of its own, since a row knows the result that it belongs to; what the values point to is shared. */
int weir_frozen_read(weir_result *result, weir_batch *batch)
{
    const weir_frozen *frozen = result->frozen;
    size_t stop = frozen->count - result->frozen_next > ROWS_AT_ONCE ? result->frozen_next + ROWS_AT_ONCE : frozen->count;
    for (; result->frozen_next < stop; result->frozen_next++) {
        const weir_row *from = frozen->rows[result->frozen_next];
        weir_row *to = weir_sink_row(&batch->sink);
        if (!to)
            return WEIR_OUT_OF_MEMORY;
        for (size_t i = 0; i < frozen->view->count; i++)
            to->cells[i] = from->cells[weir_view_cell(frozen->view, i)];
    }
    result->ended = stop == frozen->count;
    return WEIR_OK;
}

void weir_frozen_unreference(weir_frozen *frozen)
{
    if (atomic_fetch_sub(&frozen->references, 1) != 1)
        return;
    weir_result *home = frozen->home;
    weir_frozen *source = frozen->source;
    weir_batch_free_list(&frozen->batches);
    weir_free(frozen->rows);
    weir_free(frozen);
    weir_result_unreference(home);
    if (source)
        weir_frozen_unreference(source);
}

void weir_frozen_free(weir_frozen **frozen)
{
    if (!frozen || !*frozen)
        return;
    weir_frozen_unreference(*frozen);
    *frozen = NULL;
}
