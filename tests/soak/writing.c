/* The soak's writers: calls that write a batch of entries and some slots in one of several ways, transfers between accounts, and the
 * settling of what was written. Whatever the outcome, a writer knows what the tables must have of it. */
#include "soak.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NOTE = 96, WIDE_NOTE = 12000, MOST_UNITS = 30, ATTEMPTS = 60 };

WEIR_ENTITY(account, "accounts",
    WEIR_COLUMN(account, id, .primary_key = true),
    WEIR_COLUMN(account, balance));
WEIR_ENTITY(entry, "entries",
    WEIR_COLUMN(entry, id, .primary_key = true),
    WEIR_COLUMN(entry, batch_id, .foreign_key = "batches.id"),
    WEIR_COLUMN(entry, writer),
    WEIR_COLUMN(entry, amount),
    WEIR_COLUMN(entry, note),
    WEIR_BELONGS_TO(entry, batch, batch, batch_id));
WEIR_ENTITY(batch, "batches",
    WEIR_COLUMN(batch, id, .primary_key = true),
    WEIR_COLUMN(batch, writer),
    WEIR_COLUMN(batch, entry_count),
    WEIR_COLUMN(batch, amount),
    WEIR_HAS_MANY(batch, entries, entry, batch_id, .order_by = "id"));
WEIR_ENTITY(slot, "slots",
    WEIR_COLUMN(slot, id, .primary_key = true),
    WEIR_COLUMN(slot, writer),
    WEIR_COLUMN(slot, value));

/* ---- a statement of the writer's own ------------------------------------------------------------------------------------------ */

/* Executes a text about the writer; its first row's integers, if they are wanted. Returns the rows matched, or a status. */
static int64_t ask(worker *w, weir_session *session, const char *sql, int64_t call, int64_t *out, int count)
{
    weir_stmt *stmt = weir_sql(sql);
    WEIR_BIND(stmt, "writer", w->number);
    if (strstr(sql, ":call"))
        WEIR_BIND(stmt, "call", call);
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    int64_t rows = weir_result_rowcount(result);
    const weir_row *row = count > 0 ? weir_result_next(result) : NULL;
    for (int i = 0; row && i < count; i++)
        out[i] = weir_row_int64_at(row, i);
    int status = soak_keep(w, weir_result_error(result));
    int closing = weir_result_close(&result);
    if (status == WEIR_OK && count > 0 && !row)
        soak_fail(w, "no row: %s", sql);
    return status != WEIR_OK ? status : closing != WEIR_OK ? closing : count > 0 ? 1 : rows;
}

/* ---- calls ------------------------------------------------------------------------------------------------------------------------ */

typedef struct call {
    worker       *w;
    int         (*write)(struct call *c, weir_session *session);
    int64_t       number;
    size_t        count;                /* of entries */
    struct batch  batch;
    struct slot   slots[SLOTS];
    int           uses;                 /* how many of the slots */
    bool          reached;              /* its end: the rest is the COMMIT */
} call;

static void prepare_call(call *c, worker *w, size_t most)
{
    c->w = w;
    c->number = ++w->last_call;
    c->count = soak_chance(w, 5) ? 1 + (size_t)soak_random(w, (int64_t)most) : 1 + (size_t)soak_random(w, 20);
    if (c->count > most)
        c->count = most;
    c->batch = (struct batch){ .id = ((int64_t)w->number << 32) + c->number, .writer = w->number, .entry_count = (int64_t)c->count };
    char *note = w->notes;
    for (size_t i = 0; i < c->count; i++) {
        struct entry *e = &w->entries[i];
        size_t width = i == 0 && soak_chance(w, 10) ? 1 + (size_t)soak_random(w, WIDE_NOTE - NOTE) : 1 + (size_t)soak_random(w, NOTE / 2);
        *e = (struct entry){ .id = c->batch.id * 512 + (int64_t)i, .batch_id = c->batch.id, .writer = w->number,
                             .amount = soak_random(w, 1000) - 500, .note = note };
        int head = snprintf(note, NOTE, "%" PRId64 ":", e->id);
        memset(note + head, 'a' + (int)(i % 26), width);
        memcpy(note + head + width, ".", 2);
        note += (size_t)head + width + 2;
        c->batch.amount += e->amount;
    }
    c->uses = (int)soak_random(w, SLOTS + 1);
    for (int i = 0; i < c->uses; i++)
        c->slots[i] = (struct slot){ .id = (int64_t)w->number * SLOTS + i, .writer = w->number, .value = soak_random(w, 1000000) };
}

static int many(worker *w, weir_session *session, weir_stmt *stmt, const void *structs, size_t count)
{
    int64_t rows = weir_session_execute_many(session, stmt, structs, count, WEIR_MANY_OPTIONS(.page_size = 1 + (size_t)soak_random(w, 200)));
    weir_stmt_free(&stmt);
    if (rows < 0)
        return soak_keep(w, weir_session_error(session));
    if (rows != (int64_t)count)
        soak_fail(w, "%lld of %zu sets were written", (long long)rows, count);
    return WEIR_OK;
}

static int upsert_slots(call *c, weir_session *session)
{
    weir_stmt *upsert = weir_insert(&slot_entity);
    weir_on_conflict_do_update(upsert, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(slot, id))));
    return many(c->w, session, upsert, c->slots, (size_t)c->uses);
}

/* Runs in weir_session_run. */
static int perform_call(weir_session *session, void *argument)
{
    call *c = argument;
    worker *w = c->w;
    c->reached = false;
    int64_t rows = ask(w, session, "UPDATE writers SET last_call = :call WHERE id = :writer", c->number, NULL, 0);
    int status = rows < 0 ? (int)rows : WEIR_OK;
    if (status == WEIR_OK && rows != 1)
        soak_fail(w, "an update of one row matched %lld", (long long)rows);
    soak_publish(w, weir_session_connection(session));
    if (status == WEIR_OK)
        status = c->write(c, session);
    if (status == WEIR_OK && c->uses > 0)
        status = upsert_slots(c, session);
    soak_withdraw(w);
    if (status == WEIR_OK && soak_chance(w, 12))
        status = SOAK_CHANGED_ITS_MIND;
    c->reached = status == WEIR_OK;
    return status;
}

/* Which of its calls was the last that the database took? Waits for a transaction that is still at it. */
static int64_t last_committed(worker *w)
{
    int64_t last = -1;
    weir_error error = w->error;
    soak_calm(w);
    while (last < 0 && !atomic_load(&w->soak->failed)) {
        weir_session *session = weir_session_open(w->soak->engine);
        int64_t status = ask(w, session, w->soak->postgresql ? "SELECT last_call FROM writers WHERE id = :writer FOR UPDATE"
                                                             : "SELECT last_call FROM writers WHERE id = :writer", 0, &last, 1);
        if (status < 0 && !w->error.disconnect)
            soak_fail(w, "cannot ask for the last call: %s", w->error.message);
        w->lost += status < 0 && w->error.disconnect;
        (void)!weir_session_close(&session);
    }
    w->error = error;
    return last;
}

static void account_for(call *c)
{
    worker *w = c->w;
    w->calls++;
    w->rows += (int64_t)c->count;
    w->amount += c->batch.amount;
    for (int i = 0; i < c->uses; i++)
        w->slots[i] = c->slots[i].value;
}

static int write_call(worker *w, int (*write)(call *c, weir_session *session), size_t most)
{
    call c = { .write = write };
    prepare_call(&c, w, most);
    weir_session *session = weir_session_open(w->soak->engine);
    int status = weir_session_run(session, perform_call, &c, WEIR_RUN_OPTIONS(.attempts = ATTEMPTS, .delay_ms = 5));
    if (status < 0)
        soak_keep(w, weir_session_error(session));
    soak_withdraw(w);
    int closing = weir_session_close(&session);
    bool committed = status == WEIR_OK || last_committed(w) == c.number;
    if (status != WEIR_OK && committed && (!c.reached || !w->error.disconnect))
        soak_fail(w, "call %lld was committed, and told as %s", (long long)c.number, weir_status_name(status));
    if (committed)
        account_for(&c);
    return status > 0 ? (closing == WEIR_OK ? status : closing) : soak_first(status, closing);
}

/* ---- ways to write a batch ------------------------------------------------------------------------------------------------------------ */

static int write_unit(call *c, weir_session *session)
{
    worker *w = c->w;
    struct batch *batch = WEIR_NEW(batch, session);
    if (!batch)
        return soak_keep(w, weir_session_error(session));
    batch->id = c->batch.id;
    batch->writer = c->batch.writer;
    batch->entry_count = c->batch.entry_count;
    batch->amount = c->batch.amount;
    weir_session_add(session, batch);
    for (size_t i = 0; i < c->count; i++) {
        struct entry *entry = WEIR_NEW(entry, session);
        if (!entry)
            return soak_keep(w, weir_session_error(session));
        entry->id = w->entries[i].id;
        entry->writer = w->entries[i].writer;
        entry->amount = w->entries[i].amount;
        entry->note = w->entries[i].note;
        weir_collection_add(batch, entries, entry);
    }
    return weir_session_flush(session) == WEIR_OK ? WEIR_OK : soak_keep(w, weir_session_error(session));
}

static int write_many(call *c, weir_session *session)
{
    worker *w = c->w;
    int status = many(w, session, weir_insert(&batch_entity), &c->batch, 1);
    if (status == WEIR_OK && soak_chance(w, 6)) {           /* a key that is there: nothing of it stays, the transaction goes on */
        weir_stmt *insert = weir_insert(&batch_entity);
        struct batch twice[] = { { .id = -w->number, .writer = w->number }, c->batch };
        int64_t rows = weir_session_execute_many(session, insert, twice, 2, NULL);
        weir_stmt_free(&insert);
        if (rows >= 0)
            soak_fail(w, "a key was inserted twice");
        else if (rows != WEIR_INTEGRITY)
            return soak_keep(w, weir_session_error(session));
    }
    return status == WEIR_OK ? many(w, session, weir_insert(&entry_entity), w->entries, c->count) : status;
}

static int write_copy(call *c, weir_session *session)
{
    worker *w = c->w;
    int status = many(w, session, weir_insert(&batch_entity), &c->batch, 1);
    if (status != WEIR_OK)
        return status;
    weir_connection *connection = weir_session_connection(session);
    if (soak_chance(w, 6)) {                                /* one that is taken back */
        weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &entry_entity));
        (void)weir_copy_structs(copy, w->entries, c->count);
        weir_copy_abort(&copy);
    }
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &entry_entity));
    for (size_t done = 0, part; done < c->count && status == WEIR_OK; done += part) {
        part = 1 + (size_t)soak_random(w, (int64_t)(c->count - done));
        status = weir_copy_structs(copy, w->entries + done, part);
    }
    status = soak_keep(w, weir_copy_error(copy));
    int64_t rows = weir_copy_finish(&copy);
    if (status == WEIR_OK && rows < 0)
        status = soak_keep(w, weir_connection_error(connection));
    if (rows >= 0 && rows != (int64_t)c->count)
        soak_fail(w, "%lld of %zu rows were copied", (long long)rows, c->count);
    return status != WEIR_OK ? status : rows < 0 ? (int)rows : WEIR_OK;
}

int soak_write_unit(worker *w) { return write_call(w, write_unit, MOST_UNITS); }
int soak_write_many(worker *w) { return write_call(w, write_many, MOST_ENTRIES); }
int soak_write_copy(worker *w) { return write_call(w, write_copy, MOST_ENTRIES); }

/* ---- transfers ------------------------------------------------------------------------------------------------------------------------------ */

typedef struct transfer { worker *w; int way; int64_t from, to, amount; } transfer;

static int move(transfer *t, weir_session *session, int64_t id, int64_t amount)
{
    weir_stmt *update = weir_update(&account_entity);
    weir_set(update, WEIR_COL(account, balance), WEIR_ADD(WEIR_COL(account, balance), amount));
    weir_where(update, WEIR_EQ(WEIR_COL(account, id), id));
    weir_result *result = weir_session_execute(session, update);
    weir_stmt_free(&update);
    int64_t rows = weir_result_rowcount(result);
    int status = soak_keep(t->w, weir_result_error(result));
    if (status == WEIR_OK && rows != 1)
        soak_fail(t->w, "an update of account %lld matched %lld rows", (long long)id, (long long)rows);
    return soak_first(status, weir_result_close(&result));
}

/* Both accounts in one snapshot, which another transfer may spoil. */
static int move_instances(transfer *t, weir_session *session)
{
    struct account *from = WEIR_GET(account, session, t->from), *to = WEIR_GET(account, session, t->to);
    if (!from || !to) {
        int status = soak_keep(t->w, weir_session_error(session));
        if (status == WEIR_OK)
            soak_fail(t->w, "account %lld or %lld is missing", (long long)t->from, (long long)t->to);
        return status == WEIR_OK ? SOAK_CHANGED_ITS_MIND : status;
    }
    WEIR_SET(from, balance, from->balance - t->amount);
    WEIR_SET(to, balance, to->balance + t->amount);
    return weir_session_flush(session) == WEIR_OK ? WEIR_OK : soak_keep(t->w, weir_session_error(session));
}

static int move_dicts(transfer *t, weir_session *session)
{
    weir_stmt *update = weir_sql("UPDATE accounts SET balance = balance + :amount WHERE id = :id");
    weir_dict dicts[] = {
        WEIR_DICT({ "id", WEIR_VALUE(t->from) }, { "amount", WEIR_VALUE(-t->amount) }),
        WEIR_DICT({ "id", WEIR_VALUE(t->to) }, { "amount", WEIR_VALUE(t->amount) }),
    };
    int64_t rows = weir_session_execute_dicts(session, update, dicts, 2, NULL);
    weir_stmt_free(&update);
    if (rows >= 0 && rows != 2)
        soak_fail(t->w, "updates of two accounts matched %lld rows", (long long)rows);
    return rows < 0 ? soak_keep(t->w, weir_session_error(session)) : WEIR_OK;
}

static int perform_transfer(weir_session *session, void *argument)
{
    transfer *t = argument;
    int status = WEIR_OK;
    soak_publish(t->w, weir_session_connection(session));
    switch (t->way) {
    case 0: status = move_dicts(t, session); break;
    case 1: status = move_instances(t, session); break;
    default:
        status = move(t, session, t->from, -t->amount);
        if (status == WEIR_OK)
            status = move(t, session, t->to, t->amount);
    }
    soak_withdraw(t->w);
    return status;
}

/* Two accounts in any order: now and then of two that wait for each other the database ends one, and it is done again. */
int soak_transfer(worker *w)
{
    int64_t range = soak_chance(w, 2) ? 20 : ACCOUNTS;
    transfer t = { .w = w, .way = (int)soak_random(w, 3), .from = 1 + soak_random(w, range), .amount = soak_random(w, 100) };
    do
        t.to = 1 + soak_random(w, range);
    while (t.to == t.from);
    weir_session *session = weir_session_open_with(w->soak->engine, t.way != 1 || !w->soak->postgresql ? NULL : WEIR_SESSION_OPTIONS(
        .execution_options = WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_REPEATABLE_READ)));
    int status = weir_session_run(session, perform_transfer, &t, WEIR_RUN_OPTIONS(.attempts = ATTEMPTS, .delay_ms = 5));
    if (status < 0)
        soak_keep(w, weir_session_error(session));
    soak_withdraw(w);
    int closing = weir_session_close(&session);
    return status > 0 ? status : soak_first(status, closing);
}

/* ---- settling --------------------------------------------------------------------------------------------------------------------------------- */

static int remove_settled(worker *w, weir_session *session, const weir_entity *entity, const weir_expr *writer, int64_t rows)
{
    weir_stmt *delete = weir_delete(entity);
    weir_where(delete, WEIR_EQ(writer, w->number));
    weir_synchronize(delete, WEIR_SYNC_NONE);
    weir_result *result = weir_session_execute(session, delete);
    weir_stmt_free(&delete);
    int64_t gone = weir_result_rowcount(result);
    int status = soak_keep(w, weir_result_error(result));
    if (status == WEIR_OK && gone != rows)
        soak_fail(w, "%lld of %lld rows of %s were deleted", (long long)gone, (long long)rows, entity->table);
    return soak_first(status, weir_result_close(&result));
}

static int perform_settling(weir_session *session, void *argument)
{
    worker *w = argument;
    int64_t settled[3] = { 0 }, batches[3] = { 0 }, entries[2] = { 0 };
    int64_t status = ask(w, session, "UPDATE writers SET last_call = last_call WHERE id = :writer", 0, NULL, 0);
    soak_publish(w, weir_session_connection(session));
    if (status >= 0)
        status = ask(w, session, "SELECT calls, entry_count, amount FROM writers WHERE id = :writer", 0, settled, 3);
    if (status >= 0)
        status = ask(w, session, "SELECT count(*), coalesce(sum(entry_count), 0), coalesce(sum(amount), 0) FROM batches WHERE writer = :writer", 0, batches, 3);
    if (status >= 0)
        status = ask(w, session, "SELECT count(*), coalesce(sum(amount), 0) FROM entries WHERE writer = :writer", 0, entries, 2);
    if (status >= 0 && (settled[0] + batches[0] != w->calls || settled[1] + entries[0] != w->rows || settled[2] + entries[1] != w->amount ||
                        batches[1] != entries[0] || batches[2] != entries[1]))
        soak_fail(w, "%lld + %lld calls, %lld + %lld entries are there, of %lld and %lld that were written", (long long)settled[0], (long long)batches[0],
                  (long long)settled[1], (long long)entries[0], (long long)w->calls, (long long)w->rows);
    if (status >= 0)
        status = remove_settled(w, session, &entry_entity, WEIR_COL(entry, writer), entries[0]);
    if (status >= 0)
        status = remove_settled(w, session, &batch_entity, WEIR_COL(batch, writer), batches[0]);
    if (status >= 0) {
        weir_stmt *update = weir_sql("UPDATE writers SET calls = calls + :calls, entry_count = entry_count + :entries, amount = amount + :amount WHERE id = :writer");
        WEIR_BIND(update, "calls", batches[0]);
        WEIR_BIND(update, "entries", entries[0]);
        WEIR_BIND(update, "amount", entries[1]);
        WEIR_BIND(update, "writer", w->number);
        weir_result *result = weir_session_execute(session, update);
        weir_stmt_free(&update);
        status = soak_keep(w, weir_result_error(result));
        status = soak_first((int)status, weir_result_close(&result));
    }
    soak_withdraw(w);
    return status < 0 ? (int)status : WEIR_OK;
}

/* Done once or not at all, the sums are the same. */
int soak_settle(worker *w)
{
    weir_session *session = weir_session_open(w->soak->engine);
    int status = weir_session_run(session, perform_settling, w, WEIR_RUN_OPTIONS(.attempts = ATTEMPTS, .delay_ms = 5));
    if (status < 0)
        soak_keep(w, weir_session_error(session));
    soak_withdraw(w);
    return soak_first(status, weir_session_close(&session));
}
