/* Budgets of streams: the arithmetic of stages and credits, and the words of what does not fit (RULES B1, decision 0030).
 * What holds the bound is the ledger, which refuses; what is reckoned here only makes that rare. */
#include "engine/budget.h"
#include "engine/result.h"

enum {
    SMALLEST_NETWORK = 8 * 1024, LARGEST_NETWORK = 256 * 1024,
    SMALLEST_RESERVE = 8 * 1024, LARGEST_RESERVE = 256 * 1024,
    SMALLEST_BATCH = 8 * 1024,
    CREDIT_BYTES = 1024 * 1024,         /* larger batches only leave the processor's caches */
    LOADING_CREDIT_BYTES = 8 * 1024 * 1024,     /* but for loads, which take their keys by the hundred */
    FIRST_CREDIT = 256, FIRST_LOADING_CREDIT = 64, GROWTH = 4,
    PAGE = 4096
};

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t clamp(int64_t value, int64_t least, int64_t most) { return larger(least, smaller(value, most)); }
static int64_t used(const weir_bounds *b) { return atomic_load_explicit(&b->budget.used, memory_order_relaxed); }

/* What is taken on the engine's ledger in passing: messages to the server, statements that loads prepare. */
static int64_t reserve_of(int64_t memory) { return clamp(memory / 16, SMALLEST_RESERVE, LARGEST_RESERVE); }

static int64_t network_of(int64_t memory)
{
    int64_t bytes = SMALLEST_NETWORK;
    while (bytes < LARGEST_NETWORK && bytes * 16 <= memory)
        bytes *= 2;
    return bytes;
}

/* Rows alone may fill more than those of which something is made. In eighths of the whole. */
static int64_t share(weir_stage stage)
{
    static const int64_t eighths[] = { [WEIR_STAGE_ROWS] = 3, [WEIR_STAGE_ALL_ROWS] = 5, [WEIR_STAGE_WIDE_ROW] = 7, [WEIR_STAGE_LOADS] = 7,
                                       [WEIR_STAGE_REST] = 8 };
    return eighths[stage];
}

static weir_stage rows_stage(const weir_result *result)
{
    return result->has_instances ? WEIR_STAGE_ROWS : WEIR_STAGE_ALL_ROWS;
}

void weir_bounds_begin(weir_result *result, const weir_execution_options *options, bool any_rows)
{
    weir_bounds *b = &result->bounds;
    *b = (weir_bounds){ .memory = options->memory, .any_rows = any_rows, .spills = options->spill != WEIR_OFF };
    b->whole = b->memory - reserve_of(b->memory);
    b->network = result->core->driver->read_ahead ? network_of(b->memory) : 0;
    b->budget.limit = b->budget.whole = INT64_MAX;      /* until the check, which says how much is needed */
    result->budget = &b->budget;
    weir_budget_count(&b->budget, (int64_t)atomic_load(&result->ledger.bytes) + b->network);
    weir_ledger_charge(&result->ledger, &b->charge, &b->budget, false);
}

void weir_bounds_end(weir_result *result)
{
    if (!result->bounds.memory)
        return;
    weir_ledger_discharge(&result->ledger, &result->bounds.charge);
    result->bounds = (weir_bounds){ 0 };
    result->budget = result->within ? result->within->budget : NULL;
}

int weir_bounds_check(weir_result *result, int64_t least_of_hooks, weir_error *error)
{
    weir_bounds *b = &result->bounds;
    weir_cursor *cursor = result->cursor;
    int64_t smallest_network = b->network ? SMALLEST_NETWORK : 0;
    int64_t fixed = used(b) - b->network + smallest_network + SMALLEST_BATCH + (int64_t)result->stride + least_of_hooks;
    int64_t whole = fixed * 8 / share(rows_stage(result)), smallest = whole + larger(SMALLEST_RESERVE, whole / 15);
    smallest = larger((smallest + PAGE - 1) / PAGE * PAGE, WEIR_MEMORY_LEAST);
    if (b->memory < smallest)
        return weir_error_set(error, WEIR_ARGUMENT, "memory is %lld bytes: this statement's own buffers need a budget of at least %lld",
                              (long long)b->memory, (long long)smallest);
    b->budget.limit = b->budget.whole = b->whole;
    cursor->network = (size_t)b->network;
    cursor->raw = (size_t)b->whole / 8;
    cursor->spills = b->spills;
    b->most = cursor->loads ? FIRST_LOADING_CREDIT : FIRST_CREDIT;
    return WEIR_OK;
}

void weir_bounds_enter(weir_result *result, weir_stage stage)
{
    weir_bounds *b = &result->bounds;
    if (!b->memory)
        return;
    if (stage == WEIR_STAGE_ALL_ROWS)
        stage = rows_stage(result);
    b->budget.limit = b->whole * share(stage) / 8;
    b->budget.busy = stage != WEIR_STAGE_REST;
    b->budget.refused = false;
}

/* ---- credits ------------------------------------------------------------------------------------------------------------------- */

static int64_t row_bytes(const weir_result *result)
{
    const weir_bounds *b = &result->bounds;
    return b->widest_lately ? (int64_t)result->stride + b->widest_lately + b->made_of_row + b->loaded_for_row : 0;
}

static int64_t any_credit(const weir_result *result)
{
    const weir_bounds *b = &result->bounds;
    int64_t bytes = row_bytes(result), most = result->cursor->loads ? LOADING_CREDIT_BYTES : CREDIT_BYTES;
    int64_t rows = bytes ? smaller(b->memory / 4, most) / bytes : b->most;
    return clamp(rows, 1, b->most);
}

int64_t weir_bounds_credit(const weir_result *result, int64_t rows_in_batch)
{
    return clamp(any_credit(result), 1, larger(result->yield_per - rows_in_batch, 1));
}

void weir_bounds_expect(weir_result *result, int64_t rows_in_batch, int64_t rows)
{
    weir_bounds *b = &result->bounds;
    int64_t rest = result->yield_per - rows_in_batch - (b->expected ? b->expected : rows);
    if (b->expected)                    /* something was asked for ahead: that goes on */
        b->expected = clamp(any_credit(result), 1, rest > 0 ? rest : result->yield_per);
    result->cursor->behind = b->expected ? b->expected : -1;
}

bool weir_bounds_wants_more(const weir_result *result)
{
    const weir_bounds *b = &result->bounds;
    const weir_cursor *cursor = result->cursor;
    int64_t rows = cursor->sink ? (int64_t)cursor->sink->count : 0, room = b->budget.limit - used(b);
    if (!b->memory || b->any_rows || !result->streaming || cursor->ended || !cursor->sink || cursor->sink->full || b->budget.refused ||
        rows >= result->yield_per)
        return false;
    return room > b->budget.limit / 4 || room / (result->yield_per - rows) > row_bytes(result) + cursor->widest;
}

void weir_bounds_learn(weir_result *result, int64_t rows)
{
    weir_bounds *b = &result->bounds;
    weir_cursor *cursor = result->cursor;
    if (!b->memory)
        return;
    b->widest_lately = larger(cursor->widest, b->widest_lately / GROWTH);
    b->widest = larger(b->widest, cursor->widest);
    cursor->widest = 0;
    if (b->budget.refused)
        b->ended_early++;
    else if (rows >= b->most)
        b->most = smaller(b->most * GROWTH, WEIR_ANY_ROWS);
}

void weir_bounds_note_rows(weir_result *result) { result->bounds.before = used(&result->bounds); }

void weir_bounds_note_loads(weir_result *result, size_t rows)
{
    weir_bounds *b = &result->bounds;
    int64_t bytes = used(b) - b->before;
    if (b->memory && rows)
        b->loaded_for_row = larger(bytes / (int64_t)rows, b->loaded_for_row * 3 / 4);
}

void weir_bounds_note_split(weir_result *result, int64_t rows)
{
    weir_bounds *b = &result->bounds;
    b->most = larger(rows, 1);
    b->ended_early++;
}

void weir_bounds_info(const weir_result *result, weir_result_figures *out)
{
    const weir_bounds *b = &result->bounds;
    const weir_cursor *cursor = result->cursor;
    int64_t widest = cursor ? larger(b->widest, cursor->widest) : b->widest;
    out->memory = b->memory;
    out->ended_early = b->ended_early;
    out->spilled_bytes = b->spilled + (cursor ? cursor->spilled : 0);
    out->widest_row = widest;
    out->ledger_bytes = (size_t)larger(used(b), 0);
    out->ledger_peak_bytes = (size_t)atomic_load_explicit(&b->budget.peak, memory_order_relaxed);
}

/* ---- words ------------------------------------------------------------------------------------------------------------------------ */

int weir_bounds_row_error(const weir_result *result, weir_error *error)
{
    const weir_bounds *b = &result->bounds;
    const weir_cursor *cursor = result->cursor;
    const char *key = cursor->refused_key;
    weir_error_set(error, WEIR_BUDGET_EXCEEDED, "row %lld%s%s%s takes %lld bytes and does not fit the memory budget of %lld bytes (%lld are in use)",
                   (long long)cursor->rows + 1, *key ? " (" : "", key, *key ? ")" : "", (long long)cursor->refused_bytes,
                   (long long)b->memory, (long long)used(b));
    error->row = cursor->rows + 1;
    return error->status;
}

void weir_bounds_name(const weir_result *result, weir_error *error)
{
    const weir_result *owner = result->within ? result->within : result;
    if (error->status != WEIR_OUT_OF_MEMORY || !result->budget || !result->budget->refused)
        return;
    weir_error_set(error, WEIR_BUDGET_EXCEEDED, "what is held of the result does not fit the memory budget of %lld bytes",
                   (long long)owner->bounds.memory);
}
