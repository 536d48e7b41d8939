/* The tables of jobs: what many workers agree by. */
#ifndef WEIR_TRANSFER_JOB_TABLE_H
#define WEIR_TRANSFER_JOB_TABLE_H
#include <stdatomic.h>
#include <weir/parallel.h>
#include "transfer/piece.h"

typedef struct weir_job_table {
    weir_engine *engine;
    weir_ledger *ledger;
    const char  *schema, *job, *owner;  /* owner NULL: nobody who works */
    const atomic_bool *stop;            /* nothing is tried again once it is set; may be NULL */
} weir_job_table;

/* What a job is. */
typedef struct weir_job_facts {
    char    fingerprint[WEIR_SHA256_TEXT_SIZE], format[200];    /* of statement and order; of the files */
    char    state[16], reason[400];
    int64_t lease_ms, failures;         /* lease_ms: of whoever asks, not the job's; failures: a range that failed so often ends it */
} weir_job_facts;

/* A lease: texts live in the arena. */
typedef struct weir_job_lease {
    int64_t     number, attempt;
    const char *after, *through;        /* keys as texts; NULL: no bound */
} weir_job_lease;

typedef enum weir_job_state { WEIR_JOB_RANGE = 1, WEIR_JOB_WAIT, WEIR_JOB_DONE, WEIR_JOB_FAILED } weir_job_state;

/* All give a status, with *error; what was lost with its connection is tried again for some seconds. */
int weir_job_make_tables(const weir_job_table *table, weir_error *error);
/* *found: whether the job is there. */
int weir_job_find(const weir_job_table *table, weir_job_facts *out, bool *found, weir_error *error);
/* Adds the job with count + 1 ranges between `count` bounds, unless somebody else does. */
int weir_job_add(const weir_job_table *table, const weir_job_facts *facts, const char *const *bounds, size_t count, weir_error *error);
/* Leases a range, if there is one: a weir_job_state, or a negative status. facts: reason of a job that failed. */
int weir_job_take(const weir_job_table *table, weir_job_facts *facts, weir_arena *arena, weir_job_lease *lease, weir_error *error);
/* Prolongs the lease. 1; 0: it is somebody else's. */
int weir_job_prolong(const weir_job_table *table, const weir_job_facts *facts, const weir_job_lease *lease, weir_error *error);
/* Marks the range done by this file. 1; 0: it is somebody else's; negative: not known which. */
int weir_job_finish(const weir_job_table *table, const weir_job_lease *lease, const weir_piece_facts *piece, const char *file, weir_error *error);
/* Gives a range back; failed: it counts as a failure, with the reason. */
int weir_job_give_back(const weir_job_table *table, const weir_job_lease *lease, bool failed, const char *reason, weir_error *error);
/* Writes the manifest of a job whose ranges are all done, and marks it done. */
int weir_job_write_manifest(const weir_job_table *table, const char *format, const char *path, weir_error *error);
#endif
