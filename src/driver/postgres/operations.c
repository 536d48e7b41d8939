/* The driver's operations: which messages each sends, and what follows the answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "driver/postgres/pg.h"

/* Planning happens at Bind. A portal that is read in batches runs without parallel workers even when the plan has them, so the
 * plan is made without them, and the setting is put back by value in the same round trip (RULES W4). The first row also tells
 * the time-outs in force (RULES W5). */
#define SERIAL_SQL                                                                                                           \
    "SELECT pg_catalog.current_setting('statement_timeout'), pg_catalog.current_setting('transaction_timeout', true), "     \
    "pg_catalog.set_config('weir.saved', pg_catalog.current_setting('max_parallel_workers_per_gather'), true), "            \
    "pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)"
#define PARALLEL_SQL \
    "SELECT pg_catalog.set_config('max_parallel_workers_per_gather', pg_catalog.current_setting('weir.saved'), true)"
#define GUARD_NAME "weir_prepare"

enum {
    UNSENT_AHEAD = 1024 * 1024,         /* bytes that the socket has not taken: nothing more is sent ahead */
    MANY_BYTES = 128 * 1024             /* of a batch: the next one will have many, too */
};

static weir_pg_link *pg_link(weir_link *link) { return (weir_pg_link *)link; }
static weir_pg_cursor *pg_cursor(weir_cursor *cursor) { return (weir_pg_cursor *)cursor; }

void weir_pg_tell_round_trip(weir_pg_link *link, const char *what, int64_t rows)
{
    if (link->base.listener.round_trip)
        link->base.listener.round_trip(link->base.listener.context, what, rows);
    if (link->cursor)
        link->cursor->base.round_trips++;
}

void weir_pg_send_begin(weir_pg_link *link)
{
    if (!link->begin_sql)
        return;
    weir_pg_send_simple(link, link->begin_sql);
    weir_pg_expect(link, WEIR_PG_PART_PLAIN);
    link->begin_sql = NULL;
    link->begin_sent = true;
}

int weir_pg_take_back(weir_pg_link *link, size_t out_mark, int status)
{
    link->out.length = out_mark;
    link->out.failed = false;                   /* it was behind the mark: what is in front of it is whole, or the link lost */
    link->part_count = link->parse_count = 0;
    if (link->begin_sent) {
        link->begin_sql = link->begin_text;
        link->begin_sent = false;
    }
    link->operation = WEIR_PG_NONE;
    link->cursor = NULL;
    return status;
}

int weir_pg_nothing_to_send(weir_pg_link *link)
{
    link->operation = WEIR_PG_NONE;
    link->cursor = NULL;
    return WEIR_DONE;
}

int weir_pg_begin(weir_link *base, const char *sql)
{
    weir_pg_link *link = pg_link(base);
    snprintf(link->begin_text, sizeof link->begin_text, "%s", sql);
    link->begin_sql = link->begin_text;
    return WEIR_OK;
}

/* COMMIT or END, in a user's text behind white space and comments, too: those of a transaction's end hold no words of a rollback. */
static bool is_commit(const char *sql)
{
    return (strcasestr(sql, "COMMIT") || strcasestr(sql, "END")) && !strcasestr(sql, "ROLLBACK") && !strcasestr(sql, "ABORT");
}

int weir_pg_command(weir_link *base, const char *sql)
{
    weir_pg_link *link = pg_link(base);
    int status = weir_pg_operation_begin(link, WEIR_PG_COMMAND, NULL);
    if (status != WEIR_OK)
        return status;
    link->commits = base->commits = is_commit(sql);
    weir_pg_send_begin(link);
    weir_pg_send_simple(link, sql);
    weir_pg_expect(link, WEIR_PG_PART_PLAIN);
    weir_pg_tell_round_trip(link, sql, 0);
    return weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, NULL);
}

int weir_pg_ping(weir_link *base)
{
    weir_pg_link *link = pg_link(base);
    int status = weir_pg_operation_begin(link, WEIR_PG_COMMAND, NULL);
    if (status != WEIR_OK)
        return status;
    weir_pg_send_simple(link, "");              /* the empty query: parsed, executed, nothing done, no transaction left open */
    weir_pg_expect(link, WEIR_PG_PART_PLAIN);
    weir_pg_tell_round_trip(link, "ping", 0);
    return weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, NULL);
}

int weir_pg_listen(weir_link *base, int64_t deadline)
{
    weir_pg_link *link = pg_link(base);
    int status = weir_pg_operation_begin(link, WEIR_PG_LISTEN, NULL);
    link->listen_deadline = deadline;
    return status;
}

/* A statement without a transaction around it is one. */
static bool commits_by_itself(const weir_pg_link *link) { return link->base.transaction == WEIR_LINK_IDLE && !link->begin_sent; }

static void leave_statement(weir_pg_cursor *cursor)
{
    if (!cursor->counted)
        return;
    cursor->counted = false;
    weir_pg_statement_release(pg_link(cursor->base.link), cursor->statement);
    cursor->statement = NULL;
}

/* ---- prepare -------------------------------------------------------------------------------------------------------------- */
static int send_prepare(weir_pg_link *link, weir_pg_cursor *cursor)
{
    weir_pg_statement *s = cursor->statement;
    size_t count = cursor->base.statement->value_count;
    bool in_transaction = link->base.transaction == WEIR_LINK_IN_TRANSACTION && !link->begin_sql;
    link->part_count = link->part_next = link->parse_count = link->parse_next = 0;
    weir_pg_send_begin(link);
    /* A parameter whose type cannot be inferred is found out by a failing Parse; that must not cost the user's transaction. */
    link->prepare_guarded = in_transaction && count > 0;
    if (link->prepare_guarded) {
        weir_pg_send_simple(link, "SAVEPOINT " GUARD_NAME);
        weir_pg_expect(link, WEIR_PG_PART_PLAIN);
    }
    weir_pg_send_parse(link, s->name, s->sql, link->declared_oids, count, &s->parsed);
    weir_pg_send_describe_statement(link, s->name);
    if (link->prepare_guarded) {
        weir_pg_send_simple(link, "RELEASE SAVEPOINT " GUARD_NAME);
        weir_pg_expect(link, WEIR_PG_PART_PLAIN);
    }
    weir_pg_tell_round_trip(link, "prepare", 0);
    return weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, cursor);
}

static int describe_to_engine(weir_pg_link *link, weir_pg_cursor *cursor)
{
    const weir_pg_statement *s = cursor->statement;
    weir_column_info *columns = weir_arena_take(cursor->base.arena, (s->column_count + 1) * sizeof *columns);
    if (!columns)
        return weir_error_out_of_memory(&link->base.error);
    for (size_t i = 0; i < s->column_count; i++) {
        const weir_pg_column *from = &s->columns[i];
        size_t name_size = strlen(from->name) + 1, type_size = strlen(from->type->name) + 1;
        char *texts = weir_arena_bytes(cursor->base.arena, name_size + type_size);
        if (!texts)
            return weir_error_out_of_memory(&link->base.error);
        memcpy(texts, from->name, name_size);
        memcpy(texts + name_size, from->type->name, type_size);
        columns[i] = (weir_column_info){ .name = texts, .database_type = texts + name_size, .type = from->type->type,
                                         .database_oid = s->column_oids[i], .modifier = from->modifier,
                                         .element_type = from->type->element ? from->type->element->type : WEIR_T_NULL,
                                         .table_oid = from->table_oid, .table_column = from->table_column };
    }
    cursor->base.columns = columns;
    cursor->base.column_count = s->column_count;
    cursor->base.returns_rows = s->returns_rows;
    if (s->parameter_count != cursor->base.statement->value_count)
        return weir_error_set(&link->base.error, WEIR_INVALID_REQUEST, "the statement has %zu parameters, %zu values are given",
                              s->parameter_count, cursor->base.statement->value_count);
    return WEIR_OK;
}

int weir_pg_prepare(weir_link *base, weir_cursor *base_cursor)
{
    weir_pg_link *link = pg_link(base);
    weir_pg_cursor *cursor = pg_cursor(base_cursor);
    const weir_compiled *compiled = base_cursor->statement;
    int status = weir_pg_operation_begin(link, WEIR_PG_PREPARE, cursor);
    if (status != WEIR_OK)
        return status;
    bool serial = base_cursor->mode == WEIR_MODE_PORTAL;
    leave_statement(cursor);                    /* of a first try that proved stale */
    weir_pg_drop_kept(cursor);
    weir_buffer_init(&cursor->kept, base_cursor->arena->ledger, WEIR_MEMORY_NETWORK, SIZE_MAX / 2);
    base_cursor->row_count = -1;
    if (compiled->facts.changes_settings)
        link->settings_epoch++;
    cursor->statement = base_cursor->named ? weir_pg_statement_find(link, compiled->sql, compiled->sql_length, serial) : NULL;
    cursor->reused = cursor->statement != NULL;
    if (cursor->statement) {
        cursor->statement->users++;
        cursor->counted = true;
        status = describe_to_engine(link, cursor);
        return status == WEIR_OK ? weir_pg_nothing_to_send(link) : status;
    }
    cursor->statement = weir_pg_statement_new(link, compiled->sql, compiled->sql_length, serial, base_cursor->named);
    if (!cursor->statement)
        return weir_pg_take_back(link, link->out.length, weir_error_out_of_memory(&link->base.error));
    cursor->statement->users = 1;
    cursor->statement->orphaned = true;         /* until it is kept */
    cursor->counted = true;
    link->declared_oids = NULL;
    link->declared_tries = 0;
    link->catalog_asked = false;
    return send_prepare(link, cursor);
}

/* "could not determine data type of parameter $2": that one is declared by its C type. The number is in every language. Where the
 * parameter has a type at its second place, the SQLSTATE is another one. */
static bool declare_parameter(weir_pg_link *link, weir_pg_cursor *cursor)
{
    const weir_compiled *compiled = cursor->base.statement;
    const char *dollar = strrchr(link->group_error.message, '$');
    size_t number = dollar ? (size_t)strtoul(dollar + 1, NULL, 10) : 0;
    bool unknown = !strcmp(link->group_error.sqlstate, "42P18") ||
                   (!strcmp(link->group_error.sqlstate, "42P08") && !link->group_error.detail[0]);      /* else two types contradict each other */
    if (!unknown || number < 1 || number > compiled->value_count ||
        link->declared_tries++ > compiled->value_count)
        return false;
    if (!link->declared_oids) {
        link->declared_oids = weir_arena_take(cursor->base.arena, compiled->value_count * sizeof *link->declared_oids);
        if (!link->declared_oids)
            return false;
        memset(link->declared_oids, 0, compiled->value_count * sizeof *link->declared_oids);
    }
    uint32_t oid = weir_pg_declared_oid(&compiled->values[number - 1]);
    link->declared_oids[number - 1] = oid ? oid : 25;   /* NULL: text */
    return true;
}

/* The group's error becomes the operation's; what met an aborted transaction names the error that nobody has fetched yet. */
int weir_pg_group_failed(weir_pg_link *link)
{
    weir_error *error = &link->group_error;
    if (!strcmp(error->sqlstate, "25P02") && link->abort_cause.status != WEIR_OK)
        snprintf(error->detail, sizeof error->detail, "aborted by: %.480s", link->abort_cause.message);
    link->base.error = *error;
    weir_error_clear(error);
    return link->base.error.status;
}

static int prepare_again(weir_pg_link *link, weir_pg_cursor *cursor)
{
    bool guarded = link->prepare_guarded, begun = link->begin_sent;
    weir_error_clear(&link->group_error);
    link->part_count = link->part_next = link->parse_count = link->parse_next = 0;
    if (guarded || begun) {                     /* a group of its own, in the same flight */
        weir_pg_send_simple(link, guarded ? "ROLLBACK TO SAVEPOINT " GUARD_NAME : "ROLLBACK");
        int status = weir_pg_send_sync(link, WEIR_PG_GROUP_DISCARD, NULL);
        if (status != WEIR_OK)
            return status;
    }
    if (begun && !guarded)
        link->begin_sql = link->begin_text;
    else if (guarded)
        link->base.transaction = WEIR_LINK_IN_TRANSACTION;
    int status = send_prepare(link, cursor);
    return status == WEIR_OK ? 1 : status;
}

static int prepare_next(weir_pg_link *link)
{
    weir_pg_cursor *cursor = link->cursor;
    if (link->group_error.status != WEIR_OK) {
        if (!link->catalog_asked && declare_parameter(link, cursor))
            return prepare_again(link, cursor);
        leave_statement(cursor);
        return weir_pg_group_failed(link);
    }
    int status = link->catalog_asked ? WEIR_OK : weir_pg_catalog_ask(link, cursor->statement);
    if (status > 0) {
        link->catalog_asked = true;
        weir_pg_tell_round_trip(link, "types", 0);
        status = weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, cursor);
        return status == WEIR_OK ? 1 : status;
    }
    if (status == WEIR_OK)
        status = weir_pg_statement_resolve(link, cursor->statement);
    if (status == WEIR_OK)
        status = describe_to_engine(link, cursor);
    if (status == WEIR_OK && cursor->base.named) {
        cursor->statement->orphaned = false;
        weir_pg_statement_keep(link, cursor->statement);
    }
    if (status != WEIR_OK)
        leave_statement(cursor);
    return status;
}

int weir_pg_plan_cell(weir_link *link, const weir_cursor *cursor, size_t column, weir_arena *arena, weir_step *step)
{
    (void)link;
    return weir_pg_type_plan(((const weir_pg_cursor *)cursor)->statement->columns[column].type, arena, step);
}

/* A portal begins, or a statement that stands for one, with an Execute for so many rows. */
static void note_opened(weir_pg_cursor *cursor, int64_t rows)
{
    cursor->rows_opened = cursor->rows_before = cursor->base.rows;
    cursor->asked_count = 1;
    cursor->asked[0] = rows;
}

/* An Execute for so many rows more was sent. */
static void note_asked(weir_pg_cursor *cursor, int64_t rows)
{
    if (cursor->asked_count < WEIR_PG_MAX_ASKED)
        cursor->asked[cursor->asked_count++] = rows;
}

/* ---- open ------------------------------------------------------------------------------------------------------------------- */
static int send_open_portal(weir_pg_link *link, weir_pg_cursor *cursor, int64_t rows)
{
    bool stream = cursor->base.mode == WEIR_MODE_PORTAL, named = cursor->base.named;
    const weir_pg_statement *s = cursor->statement;
    if (stream) {
        snprintf(cursor->portal, sizeof cursor->portal, "weir_p%u", ++link->next_portal);
        weir_pg_send_bracket(link, WEIR_PG_SERIAL_NAME, SERIAL_SQL, &link->serial_parsed, named);
        weir_pg_expect(link, WEIR_PG_PART_SETTINGS);
    }
    if (!named)                                 /* BEGIN or the bracket took the unnamed statement's place */
        weir_pg_send_parse(link, "", s->sql, s->parameter_oids, s->parameter_count, NULL);
    int status = weir_pg_send_bind(link, cursor, cursor->portal, s->name, s->returns_rows);
    if (status != WEIR_OK)
        return status;
    if (stream) {
        weir_pg_send_bracket(link, WEIR_PG_PARALLEL_NAME, PARALLEL_SQL, &link->parallel_parsed, named);
        weir_pg_expect(link, WEIR_PG_PART_PLAIN);
    }
    weir_pg_send_execute(link, cursor->portal, rows);
    weir_pg_expect(link, WEIR_PG_PART_ROWS);
    return WEIR_OK;
}

static int send_fetch_declared(weir_pg_link *link, weir_pg_cursor *cursor, int64_t rows)
{
    char sql[96];
    if (rows > 0)
        snprintf(sql, sizeof sql, "FETCH FORWARD %lld FROM %s", (long long)rows, cursor->portal);
    else
        snprintf(sql, sizeof sql, "FETCH ALL FROM %s", cursor->portal);
    weir_pg_send_parse(link, "", sql, NULL, 0, NULL);
    size_t mark = weir_pg_message_begin(link, 'B');
    weir_pg_send_cstr(link, "");
    weir_pg_send_cstr(link, "");
    weir_buffer_u16(&link->out, 0);
    weir_buffer_u16(&link->out, 0);
    weir_buffer_u16(&link->out, (uint16_t)cursor->statement->column_count);
    for (size_t i = 0; i < cursor->statement->column_count; i++)
        weir_buffer_u16(&link->out, cursor->statement->columns[i].type->binary ? 1 : 0);
    weir_pg_message_end(link, mark);
    weir_pg_send_execute(link, "", 0);
    weir_pg_expect(link, WEIR_PG_PART_ROWS);
    return WEIR_OK;
}

static int send_open_declared(weir_pg_link *link, weir_pg_cursor *cursor, int64_t rows)
{
    const weir_pg_statement *s = cursor->statement;
    weir_buffer sql;
    cursor->declared = true;
    snprintf(cursor->portal, sizeof cursor->portal, "weir_c%u_%s", ++link->next_portal, link->mark);
    weir_buffer_init(&sql, link->base.ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    weir_buffer_printf(&sql, "DECLARE %s NO SCROLL CURSOR %s FOR ", cursor->portal, cursor->base.hold ? "WITH HOLD" : "WITHOUT HOLD");
    weir_buffer_append(&sql, s->sql, s->sql_length);
    const char *text = weir_buffer_cstr(&sql);
    int status = text ? WEIR_OK : weir_error_out_of_memory(&link->base.error);
    if (text) {
        weir_pg_send_parse(link, "", text, s->parameter_oids, s->parameter_count, NULL);
        status = weir_pg_send_bind(link, cursor, "", "", false);
    }
    weir_buffer_free(&sql);
    if (status != WEIR_OK)
        return status;
    weir_pg_send_execute(link, "", 0);
    weir_pg_expect(link, WEIR_PG_PART_PLAIN);
    return send_fetch_declared(link, cursor, rows);
}

static void expect_batch(weir_pg_link *link, weir_pg_cursor *cursor, int64_t rows)
{
    cursor->batch_rows = rows;
    link->bulk = rows == 0 || rows >= 100;
    if (cursor->base.network)
        weir_pg_set_input(link, cursor->base.network);
    else if (link->bulk)
        weir_pg_grow_input(link, WEIR_PG_BULK_BUFFER);  /* without it the small buffer works, too */
}

/* ---- what was asked for ahead of time --------------------------------------------------------------------------------------- */
/* What would be asked for ahead of time now could only fail, and the stream with it, which a savepoint may still save. */
static bool aborted(const weir_pg_link *link) { return link->base.transaction == WEIR_LINK_FAILED; }

static bool is_ahead(const weir_pg_link *link, const weir_pg_cursor *cursor, size_t *index)
{
    for (size_t i = 0; i < link->group_count; i++)
        if (link->groups[i].kind == WEIR_PG_GROUP_AHEAD && link->groups[i].cursor == cursor) {
            *index = i;
            return true;
        }
    return false;
}

/* The answer of the operation that begins was asked for before, in a group of its own. False: it was not. */
static bool take_ahead(weir_pg_link *link, weir_pg_cursor *cursor)
{
    size_t index;
    int64_t rows = cursor->asked_count ? cursor->asked[0] : cursor->batch_rows;
    if (cursor->has_kept) {
        weir_pg_expect(link, WEIR_PG_PART_ROWS);
        cursor->batch_rows = rows;
        link->replay = true;
        return true;
    }
    if (!is_ahead(link, cursor, &index))
        return false;
    link->groups[index] = (weir_pg_group){ WEIR_PG_GROUP_OPERATION, cursor };
    weir_pg_expect(link, WEIR_PG_PART_ROWS);
    expect_batch(link, cursor, rows);
    link->low_water_stays = cursor->base.bytes - cursor->bytes_before >= MANY_BYTES;
    cursor->bytes_before = cursor->base.bytes;
    return true;
}

void weir_pg_refused_by_kept_types(weir_pg_cursor *cursor, int status)
{
    if (status != WEIR_DATA || !cursor->reused)
        return;
    cursor->base.stale = cursor->base.unsent = true;
    weir_pg_statement_discard(pg_link(cursor->base.link), cursor->statement);
}

int weir_pg_open(weir_link *base, weir_cursor *base_cursor, int64_t rows)
{
    weir_pg_link *link = pg_link(base);
    weir_pg_cursor *cursor = pg_cursor(base_cursor);
    int status = weir_pg_operation_begin(link, WEIR_PG_OPEN, cursor);
    if (status != WEIR_OK)
        return status;
    if (take_ahead(link, cursor))
        return WEIR_OK;
    note_opened(cursor, rows);
    size_t mark = link->out.length;
    weir_pg_send_begin(link);
    status = base_cursor->mode == WEIR_MODE_DECLARED ? send_open_declared(link, cursor, rows) : send_open_portal(link, cursor, rows);
    if (status == WEIR_OK && link->out.failed)
        status = weir_error_out_of_memory(&link->base.error);
    if (status != WEIR_OK) {
        weir_pg_refused_by_kept_types(cursor, status);
        return weir_pg_take_back(link, mark, status);
    }
    weir_pg_plan_direct(cursor);
    link->commits = base_cursor->statement->facts.kind == WEIR_SQL_TRANSACTION && is_commit(base_cursor->statement->sql);
    base->commits = link->commits || (commits_by_itself(link) && base_cursor->statement->facts.kind != WEIR_SQL_SELECT);
    expect_batch(link, cursor, rows);
    weir_pg_tell_round_trip(link, "open", rows);
    return weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, cursor);
}

/* Nothing goes in front of it and nothing of it can fail here: what is not as simple is left to open. */
int weir_pg_open_ahead(weir_link *base, weir_cursor *base_cursor, int64_t rows)
{
    weir_pg_link *link = pg_link(base);
    weir_pg_cursor *cursor = pg_cursor(base_cursor);
    bool simple = base_cursor->mode == WEIR_MODE_BUFFERED && base_cursor->statement->facts.kind == WEIR_SQL_SELECT && base_cursor->named;
    bool unsent = link->out.length - link->out_sent > UNSENT_AHEAD;
    if (!simple || unsent || link->base.lost || link->copy || link->begin_sql || aborted(link) || link->group_count >= WEIR_PG_MAX_AHEAD)
        return 0;
    size_t mark = link->out.length;
    if (weir_pg_send_bind(link, cursor, cursor->portal, cursor->statement->name, cursor->statement->returns_rows) != WEIR_OK) {
        link->out.length = mark;
        link->out.failed = false;
        weir_error_clear(&link->base.error);
        return 0;
    }
    weir_pg_send_execute(link, cursor->portal, rows);
    note_opened(cursor, rows);
    weir_pg_tell_round_trip(link, "open", rows);
    base_cursor->round_trips++;
    int status = weir_pg_send_sync(link, WEIR_PG_GROUP_AHEAD, cursor);
    if (status != WEIR_OK)
        return status;
    weir_pg_flush(link);                        /* a failure shows at the open */
    return 1;
}

/* A statement kept from earlier that no longer fits: the type of a result's column changed (0A000) or that of a column which a
 * parameter is for (42804), or the server forgot it (26000, with its name: EXECUTE of what was never prepared has another). */
static void note_stale(weir_pg_link *link, weir_pg_cursor *cursor)
{
    const weir_error *error = &link->group_error;
    bool forgotten = weir_pg_names_our_statement(link, error), retyped = cursor->reused && !strcmp(error->sqlstate, "42804");
    bool changed = !strcmp(error->sqlstate, "0A000") && link->plan_is_old;
    if (!cursor->base.named || !(forgotten || retyped || changed))
        return;
    cursor->base.stale = true;
    static const char gone[] = "a transaction pooler in between, or DEALLOCATE: roll back and execute it again; behind such a pooler set "
                               ".prepared = WEIR_OFF";
    static const char old[] = "the statement was prepared before a change of the schema: roll back and execute it again";
    if (forgotten)
        weir_pg_statements_doubted(link);
    else
        weir_pg_statement_discard(link, cursor->statement);
    const char *hint = forgotten ? gone : old;
    weir_error_text(link->group_error.hint, sizeof link->group_error.hint, hint, strlen(hint));
}

/* ---- fetch -------------------------------------------------------------------------------------------------------------------- */
static int send_ahead(weir_pg_link *link, weir_pg_cursor *cursor, int64_t rows)
{
    note_asked(cursor, rows);
    weir_pg_send_execute(link, cursor->portal, rows);
    weir_pg_tell_round_trip(link, "fetch", rows);
    cursor->base.round_trips += link->cursor ? 0 : 1;
    return weir_pg_send_sync(link, WEIR_PG_GROUP_AHEAD, cursor);
}

/* A batch of slices is read up to the last two before the next one is asked for: what is unread when something else comes first is taken
 * raw, and that is to be one batch, not two (RULES W5). */
static bool is_far_from_end(const weir_pg_cursor *cursor)
{
    return cursor->base.slice && cursor->sliced && cursor->asked_count && cursor->asked[0] - (cursor->base.rows - cursor->rows_before) > 2 * cursor->sliced;
}

int weir_pg_fetch(weir_link *base, weir_cursor *base_cursor, int64_t rows)
{
    weir_pg_link *link = pg_link(base);
    weir_pg_cursor *cursor = pg_cursor(base_cursor);
    int status = weir_pg_operation_begin(link, WEIR_PG_FETCH, cursor);
    if (status != WEIR_OK)
        return status;
    if (take_ahead(link, cursor)) {
        bool alone = link->group_count == 1 && link->groups[0].cursor == cursor && !link->replay;
        cursor->far = is_far_from_end(cursor);
        if (!alone || cursor->far || base_cursor->behind < 0 || base_cursor->loads || cursor->settings_epoch != link->settings_epoch || aborted(link))
            return WEIR_OK;
        return send_ahead(link, cursor, base_cursor->behind ? base_cursor->behind : cursor->batch_rows);    /* so that the server goes on while this batch is read */
    }
    note_asked(cursor, rows);
    if (base_cursor->mode == WEIR_MODE_DECLARED)
        send_fetch_declared(link, cursor, rows);
    else {
        weir_pg_send_execute(link, cursor->portal, rows);
        weir_pg_expect(link, WEIR_PG_PART_ROWS);
    }
    expect_batch(link, cursor, rows);
    weir_pg_tell_round_trip(link, "fetch", rows);
    return weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, cursor);
}

int weir_pg_read_ahead(weir_link *base, weir_cursor *base_cursor, int64_t rows)
{
    weir_pg_link *link = pg_link(base);
    weir_pg_cursor *cursor = pg_cursor(base_cursor);
    if (link->base.lost || link->group_count || cursor->has_kept || !base_cursor->open || base_cursor->ended || rows <= 0 ||
        base_cursor->mode != WEIR_MODE_PORTAL || cursor->settings_epoch != link->settings_epoch || aborted(link))
        return WEIR_OK;
    int status = send_ahead(link, cursor, rows);
    if (status == WEIR_OK)
        weir_pg_flush(link);                    /* a failure shows at the next operation */
    return status;
}

/* ---- close -------------------------------------------------------------------------------------------------------------------- */
void weir_pg_forget(weir_link *base, weir_cursor *base_cursor)
{
    weir_pg_link *link = pg_link(base);
    weir_pg_cursor *cursor = pg_cursor(base_cursor);
    weir_pg_discard_ahead(link, cursor);
    base_cursor->open = false;
    leave_statement(cursor);
}

int weir_pg_close(weir_link *base, weir_cursor *base_cursor)
{
    weir_pg_link *link = pg_link(base);
    weir_pg_cursor *cursor = pg_cursor(base_cursor);
    bool open = base_cursor->open && !link->base.lost;
    weir_pg_forget(base, base_cursor);
    int status = weir_pg_operation_begin(link, WEIR_PG_CLOSE, NULL);
    if (status != WEIR_OK)
        return status;
    if (!open)
        return weir_pg_nothing_to_send(link);
    char sql[WEIR_PG_NAME + 8];
    snprintf(sql, sizeof sql, "CLOSE %s", cursor->portal);
    /* An aborted transaction takes no CLOSE, but the message: after a ROLLBACK TO SAVEPOINT the portal would still be there. */
    if (cursor->declared && !aborted(link)) {
        weir_pg_send_simple(link, sql);
        weir_pg_expect(link, WEIR_PG_PART_PLAIN);
    } else {
        weir_pg_send_close(link, 'P', cursor->portal);
    }
    weir_pg_tell_round_trip(link, "close", 0);
    base_cursor->round_trips++;
    return weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, NULL);
}

/* The Close travels at once while there is room for its answer, else with the next exchange. */
void weir_pg_drop(weir_link *base, weir_cursor *base_cursor)
{
    weir_pg_link *link = pg_link(base);
    bool open = base_cursor->open && !link->base.lost;
    weir_pg_forget(base, base_cursor);
    if (!open)
        return;
    weir_pg_send_close(link, 'P', pg_cursor(base_cursor)->portal);
    weir_pg_tell_round_trip(link, "close", 0);
    base_cursor->round_trips++;
    if (link->group_count < WEIR_PG_MAX_AHEAD && weir_pg_send_sync(link, WEIR_PG_GROUP_DISCARD, NULL) == WEIR_OK)
        weir_pg_flush(link);                    /* a failure shows at the next operation */
}

/* ---- after the answer ------------------------------------------------------------------------------------------------------------ */
int weir_pg_operation_next(weir_pg_link *link)
{
    weir_pg_cursor *cursor = link->cursor;
    if (link->group_error.status == WEIR_OK && link->part_next != link->part_count)
        return weir_pg_lost(link, WEIR_INTERFACE, "the server answered %zu of %zu commands", link->part_next, link->part_count);
    if (link->operation == WEIR_PG_PREPARE)
        return prepare_next(link);
    if (link->operation == WEIR_PG_ORDER)
        return weir_pg_order_next(link);
    if (link->group_error.status == WEIR_OK && (link->operation == WEIR_PG_OPEN || link->operation == WEIR_PG_FETCH)) {
        bool streamed = cursor->base.mode == WEIR_MODE_PORTAL || cursor->base.mode == WEIR_MODE_DECLARED;
        cursor->base.open = streamed;           /* also at its end: the portal stays until it is closed */
    }
    int status = weir_pg_put_settings_back(link);
    if (status != WEIR_OK || link->group_error.status == WEIR_OK)
        return status;
    if (link->operation == WEIR_PG_OPEN || link->operation == WEIR_PG_PAGE)
        note_stale(link, cursor);
    return weir_pg_group_failed(link);
}
