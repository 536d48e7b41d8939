/* COPY inside: what its two halves share, and what connections do with one that is open. */
#ifndef WEIR_ENGINE_COPY_H
#define WEIR_ENGINE_COPY_H
#include <weir/bulk.h>
#include "engine/connection.h"
#include "sql/identifier.h"

struct weir_copy {
    weir_connection *connection;        /* NULL: it is over */
    weir_engine_core *core;             /* referenced; NULL: a constant */
    weir_ledger      ledger;
    weir_arena       arena;
    weir_cursor     *cursor;            /* described columns (copy_in), or the prepared INSERT */
    weir_copy_in     in;
    const weir_entity *entity;          /* NULL: a table by name */
    weir_table_name  table;
    size_t           column_count;
    const char     **columns;           /* names */
    const weir_member **members;        /* of the entity, one per column */
    const char *const *upsert;          /* NULL: none */
    const char      *target, *staging;  /* SQL: the table, and the staging table, NULL: none */
    weir_lane       *struct_lanes, *value_lanes;        /* made at first use */
    weir_lane       *row_lanes;
    weir_result     *source;            /* of weir_copy_result, referenced: the partition that a refused row left unfinished */
    const weir_partition *rest;
    size_t           rest_next, rest_count;
    uint64_t         rest_reads;        /* of the source when it was read, and rows taken: it lives as long as they are the same */
    int64_t          rest_taken;
    int              savepoint;
    bool             own_transaction;
    int64_t          told;              /* rows of the last progress call */
    void           (*progress)(int64_t rows, void *context);
    void            *progress_context;
    weir_error       error;             /* the first that ended it; or of the last refused row */
    bool             failed;            /* by that error: all is taken back */
};

/* Takes all back, and keeps the error, which ends the COPY. Its status. */
int weir_copy_fail(weir_copy *copy, const weir_error *error);
/* WEIR_OK when rows may be put; else why not. */
int weir_copy_usable(weir_copy *copy);
void weir_copy_drop_rest(weir_copy *copy);
/* The connection is closed, or rolls back: the COPY is over with that error. */
void weir_copy_cut_off(weir_copy *copy, int status, const char *message);
/* The connection's link is about to be hung up. */
void weir_copy_link_goes(weir_copy *copy);
#endif
