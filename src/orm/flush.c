/* A flush: what waits is gathered, put in order, written, and then as the database has it. */
#include "orm/inside.h"
#include "orm/unit.h"
#include "base/wait.h"
#include "sql/statement.h"
#include <stdlib.h>
#include <string.h>

typedef struct flush {
    weir_session *session;
    weir_error   *error;
    weir_job     *writes, *deletions;   /* inserts and updates; deletions */
    size_t        write_count, deletion_count;
} flush;

/* ---- what there is to do ---------------------------------------------------------------------------------------------------------- */

/* Those that no other parent took, and what goes with them, which may leave the list: then its last one takes that place. */
static int delete_orphans(flush *f)
{
    const weir_unit *unit = &f->session->unit;
    for (size_t i = unit->count; i-- > 0;)
        if (i < unit->count && weir_link_is_orphan(unit->items[i]) && weir_cascade_orphan(f->session, unit->items[i], f->error) != WEIR_OK)
            return f->error->status;
    return WEIR_OK;
}

/* Until nothing more goes: what goes may be a parent itself. */
static int delete_with_parents(flush *f)
{
    const weir_unit *unit = &f->session->unit;
    for (bool more = true, goes; more;) {
        more = false;
        for (size_t i = unit->count; i-- > 0; more = more || goes) {
            goes = false;
            if (i < unit->count && weir_cascade_with_parent(f->session, unit->items[i], &goes, f->error) != WEIR_OK)
                return f->error->status;
        }
    }
    return WEIR_OK;
}

/* Deletions are followed up: children that stay lose their parent. The list may grow meanwhile. */
static int follow_deletions(flush *f)
{
    const weir_unit *unit = &f->session->unit;
    for (size_t i = 0; i < unit->count; i++) {
        weir_instance *instance = unit->items[i];
        if (weir_is_deleting(instance) && weir_cascade_nullify(f->session, instance, f->error) != WEIR_OK)
            return f->error->status;
    }
    return WEIR_OK;
}

static bool has_changes(const weir_instance *instance)
{
    return instance->flags & WEIR_INSTANCE_MODIFIED || weir_side_of(instance)->links;
}

static void add_job(flush *f, weir_instance *instance)
{
    weir_job_kind kind = weir_is_deleting(instance) ? WEIR_JOB_DELETE : weir_instance_state(instance) == WEIR_PENDING ? WEIR_JOB_INSERT
                                                                                                                       : WEIR_JOB_UPDATE;
    const weir_job job = { .instance = instance, .kind = kind };
    if (kind == WEIR_JOB_DELETE)
        f->deletions[f->deletion_count++] = job;
    else if (kind == WEIR_JOB_INSERT || has_changes(instance))
        f->writes[f->write_count++] = job;
    else
        return;
    instance->holds++;
}

static int read_versions(flush *f)
{
    const weir_unit *unit = &f->session->unit;
    for (size_t i = 0; i < unit->count; i++) {
        weir_instance *instance = unit->items[i];
        if (instance->flags & WEIR_INSTANCE_EXPIRED && weir_instance_state(instance) == WEIR_PERSISTENT &&
            weir_flush_read_version(instance, f->error) != WEIR_OK)
            return f->error->status;
    }
    return WEIR_OK;
}

static int gather(flush *f)
{
    const weir_unit *unit = &f->session->unit;
    weir_ledger *ledger = &f->session->store->ledger;
    int status = delete_orphans(f);
    if (status == WEIR_OK)
        status = delete_with_parents(f);
    if (status == WEIR_OK)
        status = follow_deletions(f);
    if (status == WEIR_OK)
        status = read_versions(f);
    if (status != WEIR_OK)
        return status;
    f->writes = weir_alloc(ledger, WEIR_MEMORY_HANDLES, unit->count * sizeof *f->writes);
    f->deletions = weir_alloc(ledger, WEIR_MEMORY_HANDLES, unit->count * sizeof *f->deletions);
    if (!f->writes || !f->deletions)
        return weir_error_out_of_memory(f->error);
    for (size_t i = 0; i < unit->count; i++)
        add_job(f, unit->items[i]);
    return WEIR_OK;
}

/* ---- doing it ------------------------------------------------------------------------------------------------------------------------ */

/* Another one has its row now. */
static bool is_replaced(const weir_job *job) { return job->kind == WEIR_JOB_DELETE && weir_instance_state(job->instance) == WEIR_DELETED; }

/* Jobs of one rank, level, entity and kind are written together. */
static size_t run_of(const weir_job *jobs, size_t count)
{
    size_t length = 1;
    while (length < count && jobs[length].kind == jobs->kind && jobs[length].rank == jobs->rank && jobs[length].level == jobs->level &&
           weir_mapper_of(jobs[length].instance) == weir_mapper_of(jobs->instance) && is_replaced(&jobs[length]) == is_replaced(jobs))
        length++;
    return length;
}

/* The parents' keys are known now, and with them the rows' own: new ones may take rows that are being deleted. */
static int prepare_run(const flush *f, weir_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (weir_links_sync(jobs[i].instance, false, f->error) != WEIR_OK)
            return f->error->status;
        jobs[i].replaced = jobs[i].kind == WEIR_JOB_INSERT && f->deletion_count ? weir_flush_replaced(jobs[i].instance) : NULL;
        if (jobs[i].replaced)
            jobs[i].kind = WEIR_JOB_REPLACE;
    }
    return WEIR_OK;
}

static int write_jobs(const flush *f, weir_job *jobs, size_t count)
{
    for (size_t at = 0, end, length; at < count; at = end) {
        end = at + run_of(jobs + at, count - at);
        if (is_replaced(&jobs[at]))
            continue;
        if (jobs[at].kind != WEIR_JOB_DELETE && prepare_run(f, jobs + at, end - at) != WEIR_OK)
            return f->error->status;
        for (; at < end; at += length) {
            length = run_of(jobs + at, end - at);
            if (weir_flush_rows(f->session, jobs + at, length, f->error) != WEIR_OK)
                return f->error->status;
        }
    }
    return WEIR_OK;
}

/* Foreign keys that were left out of a cycle. */
static int write_deferred(const flush *f)
{
    for (size_t i = 0; i < f->write_count; i++) {
        const weir_job *job = &f->writes[i];
        bool any = false;
        for (const weir_link_record *link = weir_side_of(job->instance)->links; link; link = link->next)
            any = any || link->deferred;
        if (!any)
            continue;
        const weir_job again = { .instance = job->instance, .kind = WEIR_JOB_UPDATE };
        if (weir_links_sync(job->instance, true, f->error) != WEIR_OK || weir_flush_rows(f->session, &again, 1, f->error) != WEIR_OK)
            return f->error->status;
    }
    return WEIR_OK;
}

/* Foreign keys of a cycle that is deleted. */
static int write_loosened(const flush *f)
{
    for (size_t i = 0; i < f->deletion_count; i++) {
        const weir_job first = { .instance = f->deletions[i].instance, .kind = WEIR_JOB_UPDATE };
        if (f->deletions[i].loosened && !is_replaced(&f->deletions[i]) && weir_flush_rows(f->session, &first, 1, f->error) != WEIR_OK)
            return f->error->status;
    }
    return WEIR_OK;
}

/* What goes, or has gone to make place for a new one of its key, gets no row any more. */
static bool is_wanted(const weir_link_record *link, weir_link_kind kind)
{
    bool goes = link->other && (weir_is_deleting(link->other) || weir_instance_state(link->other) == WEIR_DELETED);
    return link->kind == kind && (kind == WEIR_LINK_REMOVE || !goes);
}

static int write_links(const flush *f, weir_link_kind kind)
{
    for (size_t i = 0; i < f->write_count; i++)
        for (const weir_link_record *link = weir_side_of(f->writes[i].instance)->links; link; link = link->next)
            if (is_wanted(link, kind) && weir_flush_association(f->session, f->writes[i].instance, link, f->error) != WEIR_OK)
                return f->error->status;
    return WEIR_OK;
}

static int clear_associations(const flush *f, bool replaced)
{
    for (size_t i = 0; i < f->deletion_count; i++) {
        const weir_mapper *mapper = weir_mapper_of(f->deletions[i].instance);
        for (size_t k = 0; k < mapper->relationship_count && is_replaced(&f->deletions[i]) == replaced; k++) {
            const weir_mapped_relationship *relationship = &mapper->relationships[k];
            if (relationship->pairs.through_association && !(weir_cascade_of(relationship->member) & WEIR_CASCADE_PASSIVE_DELETES) &&
                weir_flush_association_clear(f->session, f->deletions[i].instance, relationship, f->error) != WEIR_OK)
                return f->error->status;
        }
    }
    return WEIR_OK;
}

/* What a replaced one had goes before the same key gets what is new. */
static int write_associations(const flush *f)
{
    int status = write_links(f, WEIR_LINK_REMOVE);
    if (status == WEIR_OK)
        status = clear_associations(f, true);
    if (status == WEIR_OK)
        status = write_links(f, WEIR_LINK_ADD);
    return status == WEIR_OK ? clear_associations(f, false) : status;
}

static int write_all(flush *f)
{
    int status = gather(f);
    if (status == WEIR_OK)
        status = weir_flush_order(f->session, f->writes, f->write_count, false, f->error);
    if (status == WEIR_OK)
        status = weir_flush_order(f->session, f->deletions, f->deletion_count, true, f->error);
    if (status == WEIR_OK)
        status = write_jobs(f, f->writes, f->write_count);
    if (status == WEIR_OK)
        status = write_deferred(f);
    if (status == WEIR_OK)
        status = write_associations(f);
    if (status == WEIR_OK)
        status = write_loosened(f);
    return status == WEIR_OK ? write_jobs(f, f->deletions, f->deletion_count) : status;
}

/* ---- afterwards ------------------------------------------------------------------------------------------------------------------------ */

static void finish_jobs(weir_job *jobs, size_t count, bool written)
{
    for (size_t i = 0; i < count; i++) {
        weir_instance *instance = jobs[i].instance;
        if (written)
            weir_unit_written(instance);
        instance->holds--;
        weir_instance_let_go(instance);
    }
    weir_free(jobs);
}

/* Some waited although nothing of them was to be written. */
static void drop_idle(weir_session *session)
{
    while (session->unit.count) {
        weir_instance *instance = session->unit.items[session->unit.count - 1];
        weir_unit_written(instance);
        weir_instance_let_go(instance);
    }
}

/* The transaction is rolled back, or inside a savepoint has to be, and the session says so until it is. */
static void break_session(weir_session *session, const weir_error *error)
{
    session->broken = true;
    session->broken_by = *error;
    session->broken_in = weir_session_savepoint(session);
    if (session->connection && !session->broken_in)
        weir_connection_rollback(session->connection);
    weir_unit_undo(session, session->broken_in);
}

/* Under AUTOCOMMIT a flush is a transaction of its own: all of it or nothing. */
static bool begin_own(weir_session *session, weir_error *error)
{
    if (session->autocommit != WEIR_ON || session->begun || weir_connection_in_transaction(session->connection))
        return false;
    if (weir_connection_begin(session->connection) == WEIR_OK)
        return true;
    *error = *weir_connection_error(session->connection);
    return false;
}

static int end_own(weir_session *session, weir_error *error)
{
    if (weir_connection_commit(session->connection) != WEIR_OK)
        *error = *weir_connection_error(session->connection);
    else
        weir_unit_commit(session);
    return error->status;
}

int weir_session_write(weir_session *session, weir_error *error)
{
    weir_error_clear(error);
    if (!session->unit.flushing)
        weir_recall_check_all(session->store);
    if ((!session->unit.count && session->unreported.status == WEIR_OK) || session->unit.flushing)
        return WEIR_OK;
    if (weir_may_wait(error) != WEIR_OK || !weir_session_ready(session, error))
        return error->status;
    bool own = begin_own(session, error);
    if (error->status != WEIR_OK)
        return error->status;
    flush f = { .session = session, .error = error };
    session->unit.flushing = session->unit.wrote = true;
    session->store->busy++;
    /* A change that could not be kept: what would be written is not what the program said. */
    int status = weir_error_keep(error, &session->unreported);
    weir_error_clear(&session->unreported);
    if (status == WEIR_OK)
        status = write_all(&f);
    if (status == WEIR_OK && own)
        status = end_own(session, error);
    finish_jobs(f.writes, f.write_count, status == WEIR_OK);
    finish_jobs(f.deletions, f.deletion_count, status == WEIR_OK);
    if (status == WEIR_OK)
        drop_idle(session);
    else
        break_session(session, error);
    session->store->busy--;
    session->unit.flushing = false;
    weir_store_look(session->store, false);
    return status;
}

int weir_session_flush(weir_session *session)
{
    weir_error error;
    if (weir_session_active(session, &error) == WEIR_OK)
        weir_session_write(session, &error);
    return weir_session_report(session, &error);
}

int weir_session_autoflush(weir_session *session, const weir_stmt *stmt, weir_error *error)
{
    weir_error_clear(error);
    weir_switch said = stmt && stmt->tree ? stmt->tree->autoflush : WEIR_UNSET;
    if ((said != WEIR_UNSET ? said : session->autoflush) == WEIR_OFF || session->unit.flushing || !session->unit.count)
        return WEIR_OK;
    if (weir_session_write(session, error) != WEIR_OK)
        weir_error_context(error, "(raised as a result of Query-invoked autoflush; consider weir_autoflush(statement, WEIR_OFF) if this flush "
                           "is occurring prematurely)");
    return error->status;
}
