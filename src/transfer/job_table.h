/* The tables of jobs: what many workers agree by. */
#ifndef WEIR_TRANSFER_JOB_TABLE_H
#define WEIR_TRANSFER_JOB_TABLE_H
#include <pthread.h>
#include <stdatomic.h>
#include <weir/parallel.h>
#include "transfer/piece.h"

typedef struct weir_job_table {
    weir_engine *engine;
    weir_ledger *ledger;
    const char  *schema, *job, *owner;  /* owner NULL: nobody who works */
    const atomic_bool *stop;            /* nothing is begun or tried again once it is set; may be NULL */
    weir_connection  **seat;            /* where the connection that asks stands meanwhile, to be cancelled; NULL: nowhere */
    pthread_mutex_t   *seats;           /* of it */
    /* Of what must be said even so: */
    bool               insists;         /* also behind a stop, then a few times only */
    int64_t            within_ms;       /* what one try may take, connecting included; 0: no matter */
} weir_job_table;

enum { WEIR_JOB_LONGEST_SCHEMA = 63 };  /* PostgreSQL's names */
bool weir_job_is_schema(const char *name);

/* What a job is. */
typedef struct weir_job_facts {
    char    fingerprint[WEIR_SHA256_TEXT_SIZE], format[200];    /* of statement and order; of the files */
    char    state[16], reason[400];
    int64_t lease_ms, failures;         /* lease_ms: of whoever asks, not the job's; failures: a range that failed so often ends it */
} weir_job_facts;

/* Texts, NULL: none: the partition's quoted name, keys as texts. */
typedef struct weir_job_range { const char *partition, *after, *through; } weir_job_range;

/* A lease: texts live in the arena. */
typedef struct weir_job_lease {
    int64_t     number, attempt;
    weir_job_range range;
} weir_job_lease;

typedef enum weir_job_state { WEIR_JOB_RANGE = 1, WEIR_JOB_WAIT, WEIR_JOB_DONE, WEIR_JOB_FAILED } weir_job_state;

/* All give a status, with *error; what was lost with its connection is tried again for some seconds. */
int weir_job_make_tables(const weir_job_table *table, weir_error *error);
/* *found: whether the job is there. */
int weir_job_find(const weir_job_table *table, weir_job_facts *out, bool *found, weir_error *error);
/* Adds the job with these ranges, unless somebody else does. */
int weir_job_add(const weir_job_table *table, const weir_job_facts *facts, const weir_job_range *ranges, size_t count, weir_error *error);
/* Leases a range, if there is one: a weir_job_state, or a negative status. facts: reason of a job that failed. */
int weir_job_take(const weir_job_table *table, weir_job_facts *facts, weir_arena *arena, weir_job_lease *lease, weir_error *error);
/* Prolongs the lease, by one try. 1; 0: it is somebody else's. */
int weir_job_prolong(const weir_job_table *table, const weir_job_facts *facts, const weir_job_lease *lease, weir_error *error);
/* Marks the range done by this file. 1; 0: it is somebody else's; negative: not known which. */
int weir_job_finish(const weir_job_table *table, const weir_job_lease *lease, const weir_piece_facts *piece, const char *file, weir_error *error);
/* What a range that is given back counts as: nothing, an attempt, or a connection that was lost. Of those ten times as many are allowed, so that a
 * network or server that comes and goes does not end a job, and a range that brings the server down does. */
typedef enum weir_job_outcome { WEIR_JOB_UNTRIED, WEIR_JOB_ATTEMPT, WEIR_JOB_LOSS } weir_job_outcome;
/* Gives a range back, with the reason. */
int weir_job_give_back(const weir_job_table *table, const weir_job_lease *lease, weir_job_outcome outcome, const char *reason, weir_error *error);
/* Whether the error may be gone the next time, whoever asks: a lost connection, a server that restarts or has no room, a conflict. */
bool weir_job_passes(const weir_error *error);
/* Writes the manifest of a job whose ranges are all done, and marks it done. */
int weir_job_write_manifest(const weir_job_table *table, const char *format, const char *path, weir_error *error);
#endif
