/* Single values of results: scalars and views of one column. */
#include "engine/result.h"

/* ---- the first column of a single row -------------------------------------------------------------------------------- */

static const weir_value *single_value(weir_result *result, weir_single kind)
{
    const weir_row *row = weir_result_take_single(result, kind, WEIR_WHOLE_ROW);
    return row && row->view->count ? weir_view_value(row->view, row, 0) : NULL;
}

const weir_value *weir_result_scalar(weir_result *result) { return single_value(result, WEIR_SINGLE_FIRST); }
const weir_value *weir_result_scalar_one(weir_result *result) { return single_value(result, WEIR_SINGLE_ONE); }
const weir_value *weir_result_scalar_one_or_none(weir_result *result) { return single_value(result, WEIR_SINGLE_ONE_OR_NONE); }

/* ---- views of one column ------------------------------------------------------------------------------------------------ */

weir_scalars weir_result_scalars(weir_result *result, int column)
{
    weir_scalars scalars = { result, WEIR_WHOLE_ROW };
    if (result->constant || !result->view)
        return scalars;
    int64_t index = weir_view_index(result->view, column);
    if (index < 0) {
        weir_error error;
        weir_error_set(&error, WEIR_OUT_OF_RANGE, "column index %d is out of range: the result has %zu columns", column,
                       result->view->count);
        weir_result_fail(result, &error);
        return scalars;
    }
    /* The cell, not the index: a later weir_result_columns does not move the view. */
    scalars.column = (int)weir_view_cell(result->view, (size_t)index);
    return scalars;
}

static const weir_value *value_of(weir_scalars scalars, const weir_row *row)
{
    return row ? weir_view_value(scalars.result->whole, row, (size_t)scalars.column) : NULL;
}

/* A view whose making failed has no column; its result has the error, so that no row is ever taken for it. */
const weir_value *weir_scalars_next(weir_scalars scalars)
{
    if (weir_result_begin_read(scalars.result) != WEIR_OK)
        return NULL;
    return value_of(scalars, weir_result_take(scalars.result, 0, scalars.column));
}

const weir_value *weir_scalars_first(weir_scalars scalars)
{
    return value_of(scalars, weir_result_take_single(scalars.result, WEIR_SINGLE_FIRST, scalars.column));
}

const weir_value *weir_scalars_one(weir_scalars scalars)
{
    return value_of(scalars, weir_result_take_single(scalars.result, WEIR_SINGLE_ONE, scalars.column));
}

const weir_value *weir_scalars_one_or_none(weir_scalars scalars)
{
    return value_of(scalars, weir_result_take_single(scalars.result, WEIR_SINGLE_ONE_OR_NONE, scalars.column));
}

static const weir_value_list *read_values(weir_scalars scalars, size_t count)
{
    weir_result *result = scalars.result;
    if (weir_result_begin_read(result) != WEIR_OK || weir_result_collect(result, count, scalars.column) != WEIR_OK)
        return NULL;
    result->values = (weir_value_list){ .count = result->list_count, .values = result->list };
    return &result->values;
}

const weir_value_list *weir_scalars_fetchmany(weir_scalars scalars, size_t count)
{
    if (count == 0)
        count = scalars.result->yield_per ? (size_t)scalars.result->yield_per : WEIR_DEFAULT_CHUNK;
    const weir_value_list *list = read_values(scalars, count);
    return list && list->count ? list : NULL;
}

const weir_value_list *weir_scalars_all(weir_scalars scalars) { return read_values(scalars, SIZE_MAX); }
