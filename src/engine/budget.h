/* Budgets of streams: how much each stage may take, how many rows to ask for, and what a refusal means (RULES B1). */
#ifndef WEIR_ENGINE_BUDGET_H
#define WEIR_ENGINE_BUDGET_H
#include "driver/driver.h"
#include "engine/batch.h"

typedef struct weir_bounds {
    weir_budget budget;                 /* its limit is that of the stage at work */
    weir_charge charge;                 /* of the result's ledger */
    int64_t     memory;                 /* as asked for; 0: no budget */
    int64_t     whole;                  /* of it, what is counted here may take: less what cannot be counted */
    int64_t     network;                /* bytes */
    bool        any_rows;               /* no other bound of rows was given */
    bool        spills;
    int64_t     credit;                 /* rows asked for last */
    int64_t     most;                   /* rows to ask for: grows from fetch to fetch */
    int64_t     widest, widest_lately;  /* bytes of a row, as the driver counts them: of all, and of the last fetches */
    int64_t     made_of_row;            /* bytes of what hooks make of one row */
    int64_t     loaded_for_row;         /* and load for it, lately */
    int64_t     ended_early;            /* batches */
    int64_t     expected;               /* rows under way */
    int64_t     spilled;                /* by what was loaded; bytes */
    int64_t     before;                 /* bytes that were used when the batch had come */
} weir_bounds;

/* What a stage may take of the whole. */
typedef enum weir_stage {
    WEIR_STAGE_ROWS,                    /* rows come; something is made of them later */
    WEIR_STAGE_ALL_ROWS,                /* rows come, and that is all */
    WEIR_STAGE_WIDE_ROW,                /* one row has to fit */
    WEIR_STAGE_LOADS,                   /* what is made of rows, and loaded for them */
    WEIR_STAGE_REST                     /* lists of rows, seen keys, … */
} weir_stage;

struct weir_result;
/* Of a stream that begins: its ledger is charged. */
void weir_bounds_begin(struct weir_result *result, const weir_execution_options *options, bool any_rows);
/* It is none after all: its rows are taken at once, for somebody else. */
void weir_bounds_end(struct weir_result *result);
/* Once columns and plans are known: WEIR_ARGUMENT when the budget cannot hold the fixed parts; sets up the cursor. */
int weir_bounds_check(struct weir_result *result, int64_t least_of_hooks, weir_error *error);
/* The stage begins: what is refused from now on is noted anew. */
void weir_bounds_enter(struct weir_result *result, weir_stage stage);
/* Rows to ask for next, when the batch has so many. */
int64_t weir_bounds_credit(const struct weir_result *result, int64_t rows_in_batch);
/* Before a fetch of `rows` rows into a batch that has `rows_in_batch`: what is asked for behind it. */
void weir_bounds_expect(struct weir_result *result, int64_t rows_in_batch, int64_t rows);
/* Whether the batch takes more: yield_per rows are wanted, and there is room. */
bool weir_bounds_wants_more(const struct weir_result *result);
/* A batch came with so many rows: what was learned from it. */
void weir_bounds_learn(struct weir_result *result, int64_t rows);
/* Around what is made of a batch's rows, and loaded for so many of them. */
void weir_bounds_note_rows(struct weir_result *result);
void weir_bounds_note_loads(struct weir_result *result, size_t rows);
/* Of the batch's rows only so many could be worked on at once. */
void weir_bounds_note_split(struct weir_result *result, int64_t rows);
void weir_bounds_info(const struct weir_result *result, weir_result_figures *out);
/* The error of the row that the cursor refused. */
int weir_bounds_row_error(const struct weir_result *result, weir_error *error);
/* "No memory" that was the budget's becomes its error. */
void weir_bounds_name(const struct weir_result *result, weir_error *error);
#endif
