/* The soak: threads and tasks that do at random all that weir can, on one pool, and in the end everything is accounted for.
 *
 * Tables: accounts, whose balances always sum up to the same; batches of entries, each batch with the number and the sum of its
 * entries; slots, of which a writer knows each value; writers, with the number of the last call that was committed and what was
 * moved away from batches and entries. What holds at every moment is looked at by all who read. */
#ifndef SOAK_H
#define SOAK_H
#include <pthread.h>
#include <stdatomic.h>
#include <weir/weir.h>

enum { ACCOUNTS = 1000, BALANCE = 1000, SLOTS = 8, MOST_ENTRIES = 300, KINDS_MOST = 16, STATUSES = 64 };

WEIR_ENTITY_DECLARE(account);
WEIR_ENTITY_DECLARE(batch);
WEIR_ENTITY_DECLARE(entry);
WEIR_ENTITY_DECLARE(slot);
struct account { int64_t id, balance; };
struct entry { int64_t id, batch_id, writer, amount; const char *note; struct batch *batch; };
struct batch { int64_t id, writer, entry_count, amount; WEIR_MANY(struct entry) entries; };
struct slot { int64_t id, writer, value; };

typedef struct soak {
    const char     *url;
    bool            postgresql;
    weir_engine    *engine;
    int             threads, tasks, seconds;
    uint64_t        seed;
    atomic_bool     stop, failed;
    atomic_int      working;            /* workers that have not ended */
    atomic_int      failures;
    atomic_llong    performed;
    /* what was done to them from outside */
    atomic_llong    cancels, terminated, warnings;
    struct worker  *workers;
} soak;

/* One that works, in a thread of its own or in a task. */
typedef struct worker {
    soak           *soak;
    int             number;             /* from 1 */
    bool            in_task, writes;
    uint64_t        random;
    struct grounds *grounds;            /* of a task: its loop's */
    weir_error      error;              /* of the piece of work that is done now */
    bool            may_expire;         /* it has a deadline */
    int64_t         lost;               /* connections */
    /* cancelling: by a thread of its own */
    pthread_mutex_t lock;
    weir_task      *task;
    weir_connection *connection;        /* to be cancelled, of a thread */
    int64_t         wish_ms;            /* so long from when it can be cancelled on; < 0: never */
    int64_t         cancel_at;          /* 0: not yet */
    bool            cancelled, again;   /* it was; once more, if it is still at it */
    /* what it wrote */
    int64_t         last_call, calls, rows, amount, slots[SLOTS];
    struct entry   *entries;            /* MOST_ENTRIES of them, and their notes */
    char           *notes;
    /* what it did */
    atomic_int      doing;              /* a kind, or -1 */
    atomic_llong    since;
    int64_t         outcomes[KINDS_MOST][STATUSES];     /* by kind and negated status; the last: changed its mind */
} worker;

/* ---- soak.c ---- */
int64_t soak_now_ms(void);
/* From 0 to below `limit`; whether one of `in` times. */
int64_t soak_random(worker *w, int64_t limit);
bool soak_chance(worker *w, int64_t in);
/* Something is wrong: says so, and all stop. */
void soak_fail(worker *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Works until all stop. */
void soak_work(worker *w);
/* Keeps the error, if it is one, and returns its status. */
int soak_keep(worker *w, const weir_error *error);
/* The first one that is not WEIR_OK. */
int soak_first(int one, int other);
/* From here to withdraw the piece of work may be cancelled, if it is to be; in a thread, which has nothing else to be cancelled by, by
 * this connection. Tasks may be from the beginning of the piece to its end, and these two do nothing. */
void soak_publish(worker *w, weir_connection *connection);
void soak_withdraw(worker *w);
/* From here to its end the piece of work is not cancelled. */
void soak_calm(worker *w);

/* ---- reading.c, writing.c: pieces of work. Each returns WEIR_OK or the status that ended it, its error kept. ---- */
int soak_stream(worker *w);             /* all accounts, by a connection */
int soak_abort(worker *w);              /* the same, left at any row; the connection goes on */
int soak_load(worker *w);               /* batches with their entries */
int soak_buffer(worker *w);
int soak_cancel(worker *w);             /* a statement that would run for long */
int soak_expire(worker *w);
int soak_abandon(worker *w);            /* leaves a session with an open stream to be closed outside of tasks */
int soak_write_unit(worker *w);
int soak_write_many(worker *w);
int soak_write_copy(worker *w);
int soak_transfer(worker *w);
int soak_settle(worker *w);             /* moves its batches and entries into its row of writers */
enum { SOAK_CHANGED_ITS_MIND = 1 };

/* ---- grounds.c: loops with their tasks ---- */
struct grounds *soak_grounds_start(int number, worker *workers, int count);
/* Hands a session and its result, which may be NULL, over, to be closed outside of tasks. false: there is no room. */
bool soak_grounds_leave(struct grounds *g, weir_session *session, weir_result *result);
/* Waits for the loop's end, and says how it was; how often its timer fired. */
int64_t soak_grounds_end(struct grounds **g);

/* ---- outside.c: past weir ---- */
void outside_open(const char *url);
void outside_prepare(int writers);
void outside_tidy(void);                /* VACUUM */
int outside_terminate_one(void);        /* how many it were */
/* Looks at all that must be so at the end of the work, and once more after the engine was closed; false: it is not, and is said. */
bool outside_check_rows(const soak *s);
bool outside_check_connections(int64_t most);
void outside_close(void);
#endif
