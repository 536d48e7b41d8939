/* The rows of a flush: their INSERT, UPDATE and DELETE, several under way at a time or in pages, and what comes back. */
#include "orm/inside.h"
#include "orm/unit.h"
#include "sql/identifier.h"
#include "sql/statement.h"
#include <stdio.h>
#include <string.h>

enum {
    UNDER_WAY = 64, NAME_SIZE = 24, TEXT_MAXIMUM = 1 << 20,
    PAGED_FROM = 100                    /* updates or deletes: with fewer, single statements are there sooner than a page, which takes some round trips */
};

typedef struct sent { weir_result *result; const weir_job *job; int64_t version; } sent;
typedef struct writer {
    weir_session    *session;
    weir_connection *connection;
    weir_mapper     *mapper;
    weir_job_kind    kind;
    weir_error      *error;
    weir_stmt       *stmt;              /* for the columns in `columns` */
    unsigned char   *columns, *wanted;  /* a flag for each */
    sent             ring[UNDER_WAY];
    size_t           first, count;
    size_t           expected, matched; /* rows */
    size_t           single;            /* jobs up to this one go as statements of their own: there are too few for pages */
} writer;

/* ---- texts --------------------------------------------------------------------------------------------------------------------------- */

static void append_column(weir_buffer *text, const weir_member *member) { weir_identifier_append(text, weir_member_column(member)); }

static const weir_member *version_of(const weir_mapper *mapper)
{
    for (size_t i = 0; i < mapper->column_count; i++)
        if (mapper->columns[i]->version)
            return mapper->columns[i];
    return NULL;
}

/* What the database makes up, or has already where a row is replaced. */
static void append_returning(const writer *w, weir_buffer *text)
{
    for (size_t i = 0, returned = 0; i < w->mapper->column_count; i++)
        if (!w->columns[i] && !(w->kind == WEIR_JOB_REPLACE && w->mapper->columns[i]->primary_key)) {
            weir_buffer_text(text, returned++ ? ", " : " RETURNING ");
            append_column(text, w->mapper->columns[i]);
        }
}

static void append_insert(const writer *w, weir_buffer *text)
{
    size_t columns = 0;
    weir_buffer_text(text, "INSERT INTO ");
    weir_table_append(text, w->mapper->entity->table);
    for (size_t i = 0; i < w->mapper->column_count; i++)
        if (w->columns[i]) {
            weir_buffer_text(text, columns++ ? ", " : " (");
            append_column(text, w->mapper->columns[i]);
        }
    weir_buffer_text(text, columns ? ") VALUES (" : " DEFAULT VALUES");
    for (size_t i = 0, k = 0; i < w->mapper->column_count; i++)
        if (w->columns[i])
            weir_buffer_printf(text, "%s:c%zu", k++ ? ", " : "", i);
    if (columns)
        weir_buffer_byte(text, ')');
    append_returning(w, text);
}

static void append_key(const writer *w, weir_buffer *text)
{
    const weir_member *version = version_of(w->mapper);
    for (size_t i = 0; i < w->mapper->key_count; i++) {
        weir_buffer_text(text, i ? " AND " : " WHERE ");
        append_column(text, w->mapper->keys[i]);
        weir_buffer_printf(text, " = :k%zu", i);
    }
    if (version) {
        weir_buffer_text(text, " AND ");
        append_column(text, version);
        weir_buffer_text(text, " = :version");
    }
}

static void append_update(const writer *w, weir_buffer *text)
{
    size_t columns = 0;
    weir_buffer_text(text, "UPDATE ");
    weir_table_append(text, w->mapper->entity->table);
    for (size_t i = 0; i < w->mapper->column_count; i++)
        if (w->columns[i]) {
            weir_buffer_text(text, columns++ ? ", " : " SET ");
            append_column(text, w->mapper->columns[i]);
            weir_buffer_printf(text, " = :c%zu", i);
        }
    append_key(w, text);
}

static void append_replace(const writer *w, weir_buffer *text)
{
    append_update(w, text);
    append_returning(w, text);
}

static void append_delete(const writer *w, weir_buffer *text)
{
    weir_buffer_text(text, "DELETE FROM ");
    weir_table_append(text, w->mapper->entity->table);
    append_key(w, text);
}

static int make_statement(weir_buffer *text, weir_stmt **stmt, weir_error *error)
{
    weir_stmt_free(stmt);
    *stmt = weir_sql_taken(text);
    *error = *weir_stmt_error(*stmt);
    return error->status;
}

static int prepare_text(writer *w)
{
    static void (*const append[])(const writer *, weir_buffer *) = {
        [WEIR_JOB_INSERT] = append_insert, [WEIR_JOB_UPDATE] = append_update, [WEIR_JOB_DELETE] = append_delete,
        [WEIR_JOB_REPLACE] = append_replace,
    };
    if (w->stmt && memcmp(w->columns, w->wanted, w->mapper->column_count) == 0)
        return WEIR_OK;
    memcpy(w->columns, w->wanted, w->mapper->column_count);
    weir_buffer text;
    weir_buffer_init(&text, &w->session->store->ledger, WEIR_MEMORY_STATEMENTS, TEXT_MAXIMUM);
    append[w->kind](w, &text);
    return make_statement(&text, &w->stmt, w->error);
}

/* ---- values ------------------------------------------------------------------------------------------------------------------------------ */

static void bind(weir_stmt *stmt, char prefix, size_t number, const weir_member *member, const void *object)
{
    char name[NAME_SIZE];
    weir_value value;
    weir_member_value(member, object, &value);
    snprintf(name, sizeof name, "%c%zu", prefix, number);
    weir_bind(stmt, name, value);
}

static int64_t version_in(const weir_mapper *mapper, const void *object)
{
    const weir_member *member = version_of(mapper);
    weir_value value = { .type = WEIR_T_NULL };
    if (member)
        weir_member_value(member, object, &value);
    return value.type == WEIR_T_INT64 ? value.as.i : 0;
}

static int64_t version_of_row(const weir_mapper *mapper, const weir_job *job)
{
    return version_in(mapper, (job->replaced ? job->replaced : job->instance) + 1);
}

static void set_version(const weir_mapper *mapper, void *object, int64_t version)
{
    char reason[WEIR_REASON_SIZE];
    const weir_value value = { .type = WEIR_T_INT64, .as.i = version };
    const weir_member *member = version_of(mapper);
    if (member)
        (void)weir_member_store(member, object, &value, reason);
}

int weir_flush_read_version(weir_instance *instance, weir_error *error)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    if (!version_of(mapper))
        return WEIR_OK;
    int64_t had = version_in(mapper, instance + 1);
    int status = weir_instance_reload(instance, error);
    if (status == WEIR_OK && version_in(mapper, instance + 1) > had)
        set_version(mapper, instance + 1, had);         /* others wrote it since the program saw it: the row will not match */
    return status;
}

/* Zero, absent, NULL: for the database to make up. */
static bool is_unset(const weir_member *member, const void *object)
{
    static const char zero[64] = { 0 };
    const char *at = (const char *)object + member->offset;
    weir_value value;
    weir_member_value(member, object, &value);
    return value.type == WEIR_T_NULL || (member->size <= sizeof zero && memcmp(at, zero, member->size) == 0);
}

/* Which columns the statement for this instance has; false: nothing is to be written. */
static bool choose_columns(const writer *w, const weir_instance *instance)
{
    const weir_mapper *mapper = w->mapper;
    bool any = w->kind == WEIR_JOB_INSERT || w->kind == WEIR_JOB_DELETE;
    for (size_t i = 0; i < mapper->column_count; i++) {
        const weir_member *member = mapper->columns[i];
        switch (w->kind) {
        case WEIR_JOB_INSERT: w->wanted[i] = !(member->server_generated && is_unset(member, instance + 1)); break;
        case WEIR_JOB_UPDATE:
            w->wanted[i] = !member->version && (instance->flags & WEIR_INSTANCE_MODIFIED) && weir_before_changed(instance, i);
            any = any || w->wanted[i];
            break;
        case WEIR_JOB_REPLACE:
            w->wanted[i] = !member->primary_key && !(member->server_generated && is_unset(member, instance + 1));
            any = any || w->wanted[i];
            break;
        case WEIR_JOB_DELETE: w->wanted[i] = 0; break;
        }
    }
    for (size_t i = 0; !any && w->kind == WEIR_JOB_REPLACE && i < mapper->column_count; i++) {
        w->wanted[i] = mapper->columns[i]->primary_key;             /* it has nothing else: that is set to what it is */
        any = w->wanted[i];
    }
    for (size_t i = 0; any && w->kind == WEIR_JOB_UPDATE && i < mapper->column_count; i++)
        w->wanted[i] |= mapper->columns[i]->version;
    return any;
}

static void bind_all(const writer *w, const weir_job *job, int64_t version)
{
    const weir_mapper *mapper = w->mapper;
    const weir_instance *instance = job->instance;
    const void *key = weir_instance_old_key(instance);
    for (size_t i = 0; i < mapper->column_count; i++) {
        if (!w->columns[i])
            continue;
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "c%zu", i);
        if (mapper->columns[i]->version)
            weir_bind(w->stmt, name, (weir_value){ .type = WEIR_T_INT64, .as.i = version });
        else
            bind(w->stmt, 'c', i, mapper->columns[i], instance + 1);
    }
    for (size_t i = 0; w->kind != WEIR_JOB_INSERT && i < mapper->key_count; i++)
        bind(w->stmt, 'k', i, mapper->keys[i], key);
    if (w->kind != WEIR_JOB_INSERT && version_of(mapper))
        weir_bind(w->stmt, "version", (weir_value){ .type = WEIR_T_INT64, .as.i = version_of_row(mapper, job) });
}

weir_instance *weir_flush_replaced(const weir_instance *instance)
{
    weir_mapper *mapper = weir_mapper_of(instance);
    for (size_t i = 0; i < mapper->key_count; i++)
        if (mapper->keys[i]->server_generated && is_unset(mapper->keys[i], instance + 1))
            return NULL;
    weir_instance *other = weir_identity_of_struct(mapper, instance + 1);
    return other && other != instance && weir_is_deleting(other) ? other : NULL;
}

/* ---- what comes back ------------------------------------------------------------------------------------------------------------------------ */

/* Its place in the identity map. Another one that has it is on its way to a key of its own, or its row must be gone: then it leaves the
 * session. */
static int enter_map(weir_instance *instance, weir_error *error)
{
    weir_mapper *mapper = weir_mapper_of(instance);
    uint64_t key = weir_identity_key(mapper, instance + 1);
    weir_identity_entry *entry = weir_identity_entry_of(mapper, key, instance + 1);
    if (entry && entry->instance && entry->instance != instance) {
        weir_instance *other = entry->instance;
        weir_side *side = weir_side_of(other);
        if (side && side->place && side->old_key) {
            weir_identity_remove(mapper, other);
            side->displaced = true;
        } else {
            weir_instance_detach(other);
            weir_instance_let_go(other);
        }
        entry = weir_identity_entry_of(mapper, key, instance + 1);
    }
    if (!entry)
        return weir_error_out_of_memory(error);
    instance->key = key;
    weir_identity_put(mapper, entry, instance);
    return WEIR_OK;
}

static int take_generated(writer *w, weir_result *result, weir_instance *instance)
{
    weir_side *side = weir_side_of(instance);
    size_t cell = 0;
    const weir_row *row = NULL;
    for (size_t i = 0; i < w->mapper->column_count; i++) {
        const weir_member *member = w->mapper->columns[i];
        char reason[WEIR_REASON_SIZE];
        if (!(member->server_generated && is_unset(member, instance + 1)))
            continue;
        if (!row && !(row = weir_result_next(result)))
            return weir_result_error(result)->status != WEIR_OK
                       ? (*w->error = *weir_result_error(result)).status
                       : weir_error_set(w->error, WEIR_FLUSH, "INSERT into '%s' gave no row back: a trigger or rule takes it away, and the key of "
                                        "the new row cannot be known", w->mapper->entity->table);
        if (weir_member_store(member, instance + 1, &row->cells[cell++], reason) != WEIR_OK)
            return weir_error_set(w->error, WEIR_DATA, "%s.%s: %s", w->mapper->entity->name, member->name, reason);
        side->columns[i] |= WEIR_COLUMN_GENERATED;
    }
    return WEIR_OK;
}

static int inserted(writer *w, weir_result *result, weir_instance *instance, int64_t version)
{
    if (take_generated(w, result, instance) != WEIR_OK)
        return w->error->status;
    if (w->mapper->has_pointers && weir_instance_settle(instance) != WEIR_OK)
        return weir_error_out_of_memory(w->error);
    set_version(w->mapper, instance + 1, version);
    if (enter_map(instance, w->error) != WEIR_OK)
        return w->error->status;
    weir_instance_set_state(instance, WEIR_PERSISTENT);
    instance->flags &= ~(uint32_t)WEIR_INSTANCE_MODIFIED;      /* it was not counted as changed */
    weir_side_of(instance)->inserted_in = weir_session_savepoint(w->session);
    return WEIR_OK;
}

static void deleted(writer *w, weir_instance *instance)
{
    weir_old_key_restore(instance);     /* a rollback brings the row back that there was */
    weir_unit_written(instance);
    weir_identity_remove(w->mapper, instance);
    weir_instance_set_state(instance, WEIR_DELETED);
    weir_side_of(instance)->deleting = false;
    weir_side_of(instance)->deleted_in = weir_session_savepoint(w->session);
}

/* The row is the new one's. */
static int replaced(writer *w, weir_result *result, const weir_job *job, int64_t version)
{
    deleted(w, job->replaced);
    return inserted(w, result, job->instance, version);
}

static int updated(writer *w, weir_instance *instance, int64_t version)
{
    set_version(w->mapper, instance + 1, version);
    weir_side *side = weir_side_of(instance);
    if (!side->old_key || (!side->displaced && weir_identity_key(w->mapper, instance + 1) == instance->key))
        return WEIR_OK;
    weir_identity_remove(w->mapper, instance);
    side->displaced = false;
    weir_old_key_written(instance, weir_session_savepoint(w->session));
    return enter_map(instance, w->error);
}

static int check_matched(const writer *w, size_t expected, size_t matched)
{
    if (w->kind == WEIR_JOB_INSERT || matched == expected)
        return WEIR_OK;
    bool update = w->kind != WEIR_JOB_DELETE;
    return weir_error_set(w->error, WEIR_STALE_DATA, "%s statement on table '%s' expected to %s %zu row(s); %zu were matched.",
                          update ? "UPDATE" : "DELETE", w->mapper->entity->table, update ? "update" : "delete", expected, matched);
}

static int take_first(writer *w)
{
    sent *s = &w->ring[w->first];
    weir_result *result = s->result;
    const weir_job *job = s->job;
    w->first = (w->first + 1) % UNDER_WAY;
    w->count--;
    int status = weir_result_await(result);
    if (status != WEIR_OK) {
        *w->error = *weir_result_error(result);
    } else if (w->kind == WEIR_JOB_INSERT) {
        status = inserted(w, result, job->instance, s->version);
    } else {
        int64_t rows = weir_result_rowcount(result);
        w->matched += rows > 0 ? (size_t)rows : 0;
        if (rows > 1)                   /* told at once: a row that is missing must not make up for it */
            status = check_matched(w, 1, (size_t)rows);
        else if (rows > 0 && w->kind == WEIR_JOB_REPLACE)
            status = replaced(w, result, job, s->version);
        else if (rows > 0 && w->kind == WEIR_JOB_UPDATE)
            status = updated(w, job->instance, s->version);
        else if (rows > 0)
            deleted(w, job->instance);
    }
    weir_result_drop(&result);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------------------------------- */

static int check_key(const writer *w, const weir_instance *instance)
{
    const weir_side *side = weir_side_of(instance);
    char name[160];
    if (!side->key_lost)
        return WEIR_OK;
    weir_instance_name(instance, name, sizeof name);
    return weir_error_set(w->error, WEIR_FLUSH, "the key of instance '<%s>' was changed, and its old value is not known: change key members by "
                          "WEIR_SET", name);
}

static int send(writer *w, const weir_job *job)
{
    weir_instance *instance = job->instance;
    if (!choose_columns(w, instance))
        return WEIR_OK;
    if (check_key(w, instance) != WEIR_OK || prepare_text(w) != WEIR_OK)
        return w->error->status;
    int64_t was = version_of_row(w->mapper, job), version = w->kind == WEIR_JOB_INSERT && was ? was : was + 1;
    bind_all(w, job, version);
    if (w->count == UNDER_WAY && take_first(w) != WEIR_OK)
        return w->error->status;
    w->session->statements++;
    w->expected++;
    sent *s = &w->ring[(w->first + w->count++) % UNDER_WAY];
    *s = (sent){ weir_connection_execute_ahead(w->connection, w->stmt, NULL, NULL, NULL), job, version };
    return WEIR_OK;                     /* its error is told when its turn comes */
}

/* By its key as it is in the struct, and nothing but that. */
static bool goes_in_pages(const writer *w, const weir_instance *instance)
{
    return !weir_side_of(instance)->key_lost && (weir_instance_old_key(instance) == (const void *)(instance + 1)) && !version_of(w->mapper);
}

/* Jobs in front that have the same columns to be written, or none; their structs, if there is room for them. */
static size_t stretch(writer *w, const weir_job *jobs, size_t count, const void **structs, size_t *taken)
{
    size_t i = 0;
    *taken = 0;
    for (; i < count; i++) {
        const weir_instance *instance = jobs[i].instance;
        if (!choose_columns(w, instance))
            continue;
        if (!goes_in_pages(w, instance) || (*taken && memcmp(w->columns, w->wanted, w->mapper->column_count) != 0))
            break;
        memcpy(w->columns, w->wanted, w->mapper->column_count);
        if (structs)
            structs[*taken] = instance + 1;
        ++*taken;
    }
    return i;
}

static int write_stretch(writer *w, const weir_job *jobs, size_t count, size_t rows)
{
    int64_t matched = 0;
    size_t taken;
    const void **structs = weir_alloc(&w->session->store->ledger, WEIR_MEMORY_HANDLES, rows * sizeof *structs);
    if (!structs)
        return weir_error_out_of_memory(w->error);
    stretch(w, jobs, count, structs, &taken);
    int status = weir_flush_pages(w->session, w->mapper, w->kind, w->columns, structs, rows, &matched, w->error);
    weir_free(structs);
    if (status != WEIR_OK)
        return status;
    w->expected += rows;
    w->matched += (size_t)matched;
    for (size_t i = 0; w->kind == WEIR_JOB_DELETE && matched == (int64_t)rows && i < count; i++)
        deleted(w, jobs[i].instance);
    return WEIR_OK;
}

static int take_all(writer *w)
{
    int status = WEIR_OK;
    while (w->count && status == WEIR_OK)
        status = take_first(w);
    return status;
}

/* Jobs in front that were written in pages; 0: the first one goes by itself. */
static int write_pages(writer *w, const weir_job *jobs, size_t at, size_t count, size_t *written)
{
    size_t rows;
    *written = 0;
    if (w->kind == WEIR_JOB_INSERT || w->kind == WEIR_JOB_REPLACE || at < w->single || count - at < PAGED_FROM)
        return WEIR_OK;
    size_t length = stretch(w, jobs + at, count - at, NULL, &rows);
    if (w->stmt)
        weir_stmt_free(&w->stmt);               /* w->columns are others */
    w->stmt = NULL;
    if (rows < PAGED_FROM) {
        w->single = at + length;
        return WEIR_OK;
    }
    int status = take_all(w);
    *written = length;
    return status == WEIR_OK ? write_stretch(w, jobs + at, length, rows) : status;
}

static int write_rows(writer *w, const weir_job *jobs, size_t count)
{
    int status = WEIR_OK;
    for (size_t i = 0, written; i < count && status == WEIR_OK; i += written) {
        status = write_pages(w, jobs, i, count, &written);
        if (status != WEIR_OK || written)
            continue;
        status = send(w, &jobs[i]);
        written = 1;
    }
    if (status == WEIR_OK)
        status = take_all(w);
    for (; w->count; w->count--, w->first = (w->first + 1) % UNDER_WAY)
        weir_result_drop(&w->ring[w->first].result);
    return status == WEIR_OK ? check_matched(w, w->expected, w->matched) : status;
}

int weir_flush_rows(weir_session *session, const weir_job *jobs, size_t count, weir_error *error)
{
    weir_ledger *ledger = &session->store->ledger;
    weir_mapper *mapper = weir_mapper_of(jobs->instance);
    writer *w = weir_alloc_zero(ledger, WEIR_MEMORY_HANDLES, sizeof *w + 2 * mapper->column_count);
    if (!w)
        return weir_error_out_of_memory(error);
    *w = (writer){ .session = session, .connection = session->connection, .mapper = mapper, .kind = jobs->kind, .error = error,
                   .columns = (unsigned char *)(w + 1), .wanted = (unsigned char *)(w + 1) + mapper->column_count };
    int status = write_rows(w, jobs, count);
    if (w->stmt)
        weir_stmt_free(&w->stmt);
    weir_free(w);
    return status;
}

/* ---- association tables ---------------------------------------------------------------------------------------------------------------------- */

/* One statement over the association's columns: of the local side, and with `other` of the remote one. */
static int run_association(weir_session *session, const weir_instance *instance, const weir_mapped_relationship *relationship,
                           const weir_instance *other, bool insert, int64_t *rows, weir_error *error)
{
    const weir_member *named = relationship->member;
    size_t pairs = relationship->pairs.pair_count, count = other ? 2 * pairs : pairs;
    weir_buffer text;
    weir_stmt *stmt = NULL;
    weir_buffer_init(&text, &session->store->ledger, WEIR_MEMORY_STATEMENTS, TEXT_MAXIMUM);
    weir_buffer_text(&text, insert ? "INSERT INTO " : "DELETE FROM ");
    weir_table_append(&text, named->association);
    for (size_t i = 0; i < count; i++) {
        weir_buffer_text(&text, insert ? (i ? ", " : " (") : i ? " AND " : " WHERE ");
        weir_identifier_append(&text, i < pairs ? named->association_local[i] : named->association_remote[i - pairs]);
        if (!insert)
            weir_buffer_printf(&text, " = :c%zu", i);
    }
    for (size_t i = 0; insert && i < count; i++)
        weir_buffer_printf(&text, "%s:c%zu", i ? ", " : ") VALUES (", i);
    if (insert)
        weir_buffer_byte(&text, ')');
    if (make_statement(&text, &stmt, error) != WEIR_OK) {
        weir_stmt_free(&stmt);
        return error->status;
    }
    for (size_t i = 0; i < count; i++)
        bind(stmt, 'c', i, i < pairs ? relationship->pairs.local[i] : relationship->pairs.remote[i - pairs],
             i < pairs ? instance + 1 : other + 1);
    weir_result *result = weir_connection_execute(session->connection, stmt, NULL);
    session->statements++;
    *error = *weir_result_error(result);
    *rows = weir_result_rowcount(result);
    weir_result_drop(&result);
    weir_stmt_free(&stmt);
    return error->status;
}

int weir_flush_association(weir_session *session, weir_instance *instance, const weir_link_record *record, weir_error *error)
{
    int64_t rows;
    bool insert = record->kind == WEIR_LINK_ADD, idle;
    if (weir_link_is_idle(instance, record, &idle, error) != WEIR_OK || idle)
        return error->status;
    int status = run_association(session, instance, record->relationship, record->other, insert, &rows, error);
    if (status == WEIR_OK && !insert && rows < 1)
        return weir_error_set(error, WEIR_STALE_DATA, "DELETE statement on table '%s' expected to delete 1 row(s); Only %lld were matched.",
                              record->relationship->member->association, (long long)rows);
    return status;
}

int weir_flush_association_clear(weir_session *session, weir_instance *instance, const weir_mapped_relationship *relationship,
                                 weir_error *error)
{
    int64_t rows;
    return run_association(session, instance, relationship, NULL, false, &rows, error);
}
