/* COPY into a table: opening, ending, and taking it back. PostgreSQL: COPY … FROM STDIN; SQLite: one prepared INSERT. */
#include "engine/copy.h"
#include <stdio.h>
#include <string.h>
#include "engine/result.h"
#include "sql/identifier.h"
#include "sql/select.h"

static const weir_copy closed = { .error = { .status = WEIR_RESOURCE_CLOSED, .message = "This COPY is closed" }, .failed = true };
static const weir_copy no_memory = { .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory" }, .failed = true };
/* Handles are not const, but nothing writes to these. */
static weir_copy *constant(const weir_copy *copy) { return (weir_copy *)(uintptr_t)copy; }

/* ---- SQL texts ---------------------------------------------------------------------------------------------------------------- */
static int no_text(weir_error *error) { return weir_error_out_of_memory(error); }

static weir_buffer text_buffer(const weir_copy *copy)
{
    weir_buffer text;
    weir_buffer_init(&text, copy->arena.ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    return text;
}

/* The buffer's text in the COPY's arena; frees the buffer. NULL: no memory. */
static const char *keep_text(weir_copy *copy, weir_buffer *text)
{
    char *kept = text->failed ? NULL : weir_arena_bytes(&copy->arena, text->length + 1);
    if (kept) {
        memcpy(kept, text->data, text->length);
        kept[text->length] = 0;
    }
    weir_buffer_free(text);
    return kept;
}

static void append_names(weir_buffer *text, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            weir_buffer_text(text, ", ");
        weir_identifier_append(text, names[i]);
    }
}

static size_t count_names(const char *const *names)
{
    size_t count = 0;
    while (names && names[count])
        count++;
    return count;
}

static bool is_among(const char *name, const char *const *names)
{
    for (; names && *names; names++)
        if (!strcmp(*names, name))
            return true;
    return false;
}

/* " ON CONFLICT (id) DO UPDATE SET a = excluded.a, …" */
static void append_conflict(weir_buffer *text, const weir_copy *copy)
{
    weir_buffer_text(text, " ON CONFLICT (");
    append_names(text, copy->upsert, count_names(copy->upsert));
    weir_buffer_text(text, ") DO ");
    bool some = false;
    for (size_t i = 0; i < copy->column_count; i++) {
        if (is_among(copy->columns[i], copy->upsert))
            continue;
        weir_buffer_text(text, some ? ", " : "UPDATE SET ");
        weir_identifier_append(text, copy->columns[i]);
        weir_buffer_text(text, " = excluded.");
        weir_identifier_append(text, copy->columns[i]);
        some = true;
    }
    if (!some)
        weir_buffer_text(text, "NOTHING");
}

/* ---- what is copied ---------------------------------------------------------------------------------------------------------------- */
static int take_names(weir_copy *copy, const char *const *names, size_t count, weir_error *error)
{
    copy->columns = weir_arena_take(&copy->arena, (count + 1) * sizeof *copy->columns);
    if (!copy->columns)
        return no_text(error);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(names[i]) + 1;
        char *kept = weir_arena_bytes(&copy->arena, size);
        if (!kept)
            return no_text(error);
        copy->columns[i] = memcpy(kept, names[i], size);
    }
    copy->columns[count] = NULL;
    copy->column_count = count;
    return WEIR_OK;
}

static int take_entity(weir_copy *copy, weir_error *error)
{
    const weir_entity *entity = copy->entity;
    int status = weir_entity_check(entity, error);
    if (status != WEIR_OK)
        return status;
    if (!entity->table)
        return weir_error_set(error, WEIR_ARGUMENT, "entity %s has no table to copy into", entity->name);
    copy->columns = weir_arena_take(&copy->arena, (entity->member_count + 1) * sizeof *copy->columns);
    copy->members = weir_arena_take(&copy->arena, (entity->member_count + 1) * sizeof *copy->members);
    if (!copy->columns || !copy->members)
        return no_text(error);
    for (size_t i = 0; i < entity->member_count; i++) {
        const weir_member *member = &entity->members[i];
        if (member->kind != WEIR_MEMBER_COLUMN || member->server_generated)
            continue;
        copy->members[copy->column_count] = member;
        copy->columns[copy->column_count++] = weir_member_column(member);
    }
    copy->columns[copy->column_count] = NULL;
    copy->table = weir_table_name_of(entity->table);
    return WEIR_OK;
}

/* The names that a query gives, one per row. */
static int ask_columns(weir_copy *copy, weir_error *error)
{
    bool lite = strcmp(copy->core->driver->name, "sqlite") == 0;
    weir_stmt *stmt = weir_sql(lite ? "SELECT name FROM pragma_table_xinfo(:name, :schema) WHERE hidden = 0 ORDER BY cid"
                                    : "SELECT attname::text AS name FROM pg_catalog.pg_attribute a WHERE attrelid = (CAST(:name AS text))::regclass "
                                      "AND attnum > 0 AND NOT attisdropped AND coalesce(pg_catalog.to_jsonb(a)->>'attgenerated', '') = '' "
                                      "ORDER BY attnum");
    weir_bind(stmt, "name", lite ? weir_value_text(copy->table.name) : weir_value_cstr(copy->target));
    if (lite)
        weir_bind(stmt, "schema", copy->table.schema.ptr ? weir_value_text(copy->table.schema) : weir_value_cstr("main"));
    weir_result *result = weir_connection_execute(copy->connection, stmt, NULL);
    weir_stmt_free(&stmt);
    const weir_partition *all = weir_result_all(result);
    const char **names = all ? weir_arena_take(&copy->arena, (all->count + 1) * sizeof *names) : NULL;
    int status;
    if (!all || weir_result_error(result)->status != WEIR_OK) {
        *error = *weir_result_error(result);
        status = error->status;
    } else if (!names) {
        status = no_text(error);
    } else {
        for (size_t i = 0; i < all->count; i++)
            names[i] = weir_row_cstr(all->rows[i], "name");
        status = all->count ? take_names(copy, names, all->count, error)
                            : weir_error_set(error, WEIR_PROGRAMMING, "no such table: %s", copy->table.spelled);
    }
    int closing = weir_result_close(&result);
    return status == WEIR_OK ? closing : status;
}

static int check_upsert(const weir_copy *copy, weir_error *error)
{
    if (copy->upsert && !*copy->upsert)
        return weir_error_set(error, WEIR_ARGUMENT, "upsert names no column of a unique key");
    for (const char *const *name = copy->upsert; name && *name; name++)
        if (!is_among(*name, copy->columns))
            return weir_error_set(error, WEIR_ARGUMENT, "the column '%s' of upsert is not among those that are copied", *name);
    return WEIR_OK;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------------------ */
static int run(weir_copy *copy, const char *sql, int64_t *rows, weir_error *error)
{
    int64_t count = sql ? weir_connection_run(copy->connection, sql) : WEIR_OUT_OF_MEMORY;
    if (rows)
        *rows = count;
    if (!sql)
        return no_text(error);
    if (count < 0)
        *error = *weir_connection_error(copy->connection);
    return count < 0 ? (int)count : WEIR_OK;
}

/* A table of its own, without constraints, that goes with the transaction; the number tells a key's later row. */
static int make_staging(weir_copy *copy, weir_error *error)
{
    weir_buffer text = text_buffer(copy);
    weir_buffer_printf(&text, "CREATE TEMP TABLE weir_copy_%d ON COMMIT DROP AS SELECT %s, NULL::bigint AS weir_line FROM %s WITH NO DATA",
                       copy->savepoint, copy->in.columns, copy->target);
    int status = run(copy, keep_text(copy, &text), NULL, error);
    text = text_buffer(copy);
    weir_buffer_printf(&text, "pg_temp.weir_copy_%d", copy->savepoint);
    copy->staging = keep_text(copy, &text);
    return status == WEIR_OK && !copy->staging ? no_text(error) : status;
}

static const char *insert_text(weir_copy *copy)
{
    weir_buffer text = text_buffer(copy);
    weir_buffer_printf(&text, "INSERT INTO %s (%s) VALUES (", copy->target, copy->in.columns);
    for (size_t i = 0; i < copy->column_count; i++)
        weir_buffer_printf(&text, "%s?%zu", i ? ", " : "", i + 1);
    weir_buffer_byte(&text, ')');
    if (copy->upsert)
        append_conflict(&text, copy);
    return keep_text(copy, &text);
}

static const char *describing_text(weir_copy *copy)
{
    weir_buffer text = text_buffer(copy);
    weir_buffer_printf(&text, "SELECT %s FROM %s WHERE false", copy->in.columns, copy->target);
    return keep_text(copy, &text);
}

static int prepare(weir_copy *copy, const char *sql, weir_error *error)
{
    const weir_driver *driver = copy->core->driver;
    weir_compiled *compiled = weir_arena_take(&copy->arena, sizeof *compiled);
    copy->cursor = weir_arena_take(&copy->arena, driver->cursor_size);
    if (!sql || !compiled || !copy->cursor)
        return no_text(error);
    *compiled = (weir_compiled){ .sql = sql, .sql_length = strlen(sql), .facts = { .kind = driver->copy_begin ? WEIR_SQL_SELECT : WEIR_SQL_DML } };
    memset(copy->cursor, 0, driver->cursor_size);
    copy->cursor->link = weir_connection_link(copy->connection);
    copy->cursor->arena = &copy->arena;
    copy->cursor->statement = compiled;
    copy->cursor->mode = WEIR_MODE_BUFFERED;
    copy->cursor->named = false;        /* described anew: bytes of a type that the column had before would be taken for others */
    copy->cursor->hide_values = copy->core->log.hide_parameters;
    weir_connection_keep_cursor(copy->connection, copy->cursor);
    return weir_connection_drive(copy->connection, driver->prepare(copy->cursor->link, copy->cursor), NULL, error);
}

static void log_copy(weir_copy *copy)
{
    char text[512];
    if (!copy->core->log.fn && !copy->core->log.echo)
        return;
    snprintf(text, sizeof text, "COPY %s (%s)", copy->target, copy->in.columns);
    weir_log_event_out(&copy->core->log, WEIR_LOG_STATEMENT, weir_connection_number(copy->connection), text, "", 0);
}

static int begin(weir_copy *copy, weir_error *error)
{
    weir_connection *connection = copy->connection;
    const weir_driver *driver = copy->core->driver;
    if (connection->options.isolation_level == WEIR_AUTOCOMMIT && !connection->in_transaction)
        copy->own_transaction = weir_connection_begin(connection) == WEIR_OK;
    copy->savepoint = weir_connection_savepoint(connection);
    if (copy->savepoint < 0) {
        *error = *weir_connection_error(connection);
        return copy->savepoint;
    }
    weir_buffer text = text_buffer(copy);
    weir_table_name_append(&text, &copy->table);
    copy->in.table = copy->target = keep_text(copy, &text);
    int status = copy->target ? WEIR_OK : no_text(error);
    if (status == WEIR_OK && !copy->columns)
        status = ask_columns(copy, error);
    if (status == WEIR_OK)
        status = check_upsert(copy, error);
    if (status != WEIR_OK)
        return status;
    text = text_buffer(copy);
    append_names(&text, copy->columns, copy->column_count);
    copy->in.columns = keep_text(copy, &text);
    if (!copy->in.columns)
        return no_text(error);
    log_copy(copy);
    if (!driver->copy_begin)
        return prepare(copy, insert_text(copy), error);
    if (copy->upsert && (status = make_staging(copy, error)) != WEIR_OK)
        return status;
    copy->in.table = copy->staging ? copy->staging : copy->target;
    copy->in.numbered = copy->staging != NULL;
    status = prepare(copy, describing_text(copy), error);
    copy->in.described = copy->cursor;
    return status == WEIR_OK ? weir_connection_drive(connection, driver->copy_begin(copy->cursor->link, &copy->in), NULL, error) : status;
}

static int check_options(const weir_copy_options *options, weir_copy_options *out, weir_error *error)
{
    *out = (weir_copy_options){ 0 };
    if (!options || options->struct_size == 0 || options->struct_size > sizeof *out)
        return weir_error_set(error, WEIR_ARGUMENT, "the options of a COPY have a wrong struct_size: use WEIR_COPY_OPTIONS");
    memcpy(out, options, options->struct_size);
    if (!out->entity == !out->table)
        return weir_error_set(error, WEIR_ARGUMENT, "a COPY needs an entity or a table, and not both");
    if (out->columns && (out->entity || !*out->columns))
        return weir_error_set(error, WEIR_ARGUMENT, out->entity ? "a COPY of an entity takes its columns from it" : "a COPY of no columns");
    return WEIR_OK;
}

static int open_with(weir_copy *copy, const weir_copy_options *given, weir_error *error)
{
    weir_copy_options options;
    int status = check_options(given, &options, error);
    if (status == WEIR_OK)
        status = weir_connection_usable(copy->connection, error);
    if (status == WEIR_OK)
        status = weir_connection_copy_check(copy->connection, error);
    copy->entity = options.entity;
    copy->upsert = options.upsert;
    copy->progress = options.progress;
    copy->progress_context = options.context;
    if (status == WEIR_OK && options.table && !weir_table_name_written(&copy->table, options.table, &copy->arena))
        status = no_text(error);
    if (status == WEIR_OK && copy->entity)
        status = take_entity(copy, error);
    else if (status == WEIR_OK && options.columns)
        status = take_names(copy, options.columns, count_names(options.columns), error);
    if (status != WEIR_OK)
        return status;
    if (options.upsert) {               /* the caller's may go */
        const char **columns = copy->columns;
        size_t count = copy->column_count;
        status = take_names(copy, options.upsert, count_names(options.upsert), error);
        copy->upsert = copy->columns;
        copy->columns = columns;
        copy->column_count = count;
    }
    return status == WEIR_OK ? begin(copy, error) : status;
}

weir_copy *weir_copy_open(weir_connection *connection, const weir_copy_options *options)
{
    weir_engine_core *core = connection->core;
    weir_copy *copy = weir_alloc_zero(core ? &core->ledger : NULL, WEIR_MEMORY_HANDLES, sizeof *copy);
    weir_error error;
    if (!copy)
        return constant(&no_memory);
    weir_ledger_init(&copy->ledger, core ? &core->ledger : NULL);
    weir_arena_init(&copy->arena, &copy->ledger, WEIR_MEMORY_STATEMENTS, 1024);
    weir_error_clear(&error);
    if (!core) {
        weir_connection_usable(connection, &copy->error);
        copy->failed = true;
        return copy;
    }
    weir_engine_core_hold(core);
    copy->core = core;
    copy->connection = connection;
    if (open_with(copy, options, &error) != WEIR_OK)
        weir_copy_fail(copy, &error);
    else
        connection->copy = copy;
    return copy;
}

/* ---- ending ------------------------------------------------------------------------------------------------------------------------ */
void weir_copy_link_goes(weir_copy *copy) { copy->in.over = true; }

/* Forgets the connection: nothing more can be done. */
static void let_go(weir_copy *copy)
{
    weir_connection *connection = copy->connection;
    weir_connection_forget_cursor(connection, copy->cursor);
    copy->cursor = NULL;
    copy->connection = NULL;
    if (connection->copy == copy)
        connection->copy = NULL;
}

/* Makes the server forget the COPY that runs; the transaction is for the caller to roll back. */
static void end_on_link(weir_copy *copy, const char *reason)
{
    weir_error ignored;
    weir_connection *connection = copy->connection;
    weir_link *link = weir_connection_link(connection);
    if (connection->copy == copy)
        connection->copy = NULL;
    if (copy->in.inside && !copy->in.over && link)
        (void)weir_connection_drive(connection, link->driver->copy_end(link, &copy->in, reason), WEIR_CALL(.ends = true, .unheard = true), &ignored);
}

/* All that the COPY did is undone; the connection can be used as before it. */
static void take_back(weir_copy *copy, const char *reason)
{
    weir_connection *connection = copy->connection;
    end_on_link(copy, reason);
    if (copy->savepoint > 0 && weir_connection_link(connection))
        (void)weir_connection_savepoint_rollback(connection, copy->savepoint);
    if (copy->own_transaction)
        (void)weir_connection_rollback(connection);
    let_go(copy);
}

int weir_copy_fail(weir_copy *copy, const weir_error *error)
{
    weir_connection *connection = copy->connection;
    copy->error = *error;
    copy->failed = true;
    weir_error_clear(&connection->error);
    take_back(copy, "the COPY failed");
    /* A connection that was lost in taking it back matters more than the row that was refused. */
    if (!weir_connection_link(connection) && !copy->error.disconnect && connection->error.status != WEIR_OK)
        copy->error = connection->error;
    weir_connection_failed(connection, &copy->error);
    return copy->error.status;
}

void weir_copy_cut_off(weir_copy *copy, int status, const char *message)
{
    end_on_link(copy, message);
    copy->failed = true;
    weir_error_set(&copy->error, status, "%s", message);
    let_go(copy);
}

int weir_copy_usable(weir_copy *copy)
{
    weir_error error;
    if (copy->failed)
        return copy->error.status;
    weir_error_clear(&copy->error);
    if (weir_may_wait(&copy->error) != WEIR_OK)         /* it goes on in a task */
        return copy->error.status;
    int status = weir_connection_usable(copy->connection, &error);
    if (status == WEIR_OK && !weir_connection_link(copy->connection))
        status = weir_error_set(&error, WEIR_OPERATIONAL, "the connection of the COPY was lost or invalidated");
    return status == WEIR_OK ? WEIR_OK : weir_copy_fail(copy, &error);
}

/* What sorts a key's column as other writers sort it: texts and labels by their bytes, not by a collation or as the enum lists them. */
static void append_sorted(weir_buffer *text, const weir_copy *copy, const char *name)
{
    weir_type type = WEIR_T_NULL;
    for (size_t i = 0; i < copy->column_count && i < copy->cursor->column_count; i++)
        if (!strcmp(copy->columns[i], name))
            type = copy->cursor->columns[i].type;
    weir_identifier_append(text, name);
    weir_buffer_text(text, type == WEIR_T_TEXT ? " COLLATE \"C\"" : type == WEIR_T_ENUM ? "::text COLLATE \"C\"" : "");
}

/* What tells rows apart: the key, and where a part of it is NULL, which is no other row's, their lines. */
static void append_distinct(weir_buffer *text, const weir_copy *copy, size_t count)
{
    append_names(text, copy->upsert, count);
    weir_buffer_text(text, ", CASE WHEN ");
    for (size_t i = 0; i < count; i++) {
        weir_buffer_text(text, i ? " OR " : "");
        weir_identifier_append(text, copy->upsert[i]);
        weir_buffer_text(text, " IS NULL");
    }
    weir_buffer_text(text, " THEN weir_line END");
}

/* From the staging table into the target, in the order of the key. Identity columns take what is given, as COPY has it. */
static const char *upsert_text(weir_copy *copy)
{
    weir_buffer text = text_buffer(copy);
    size_t count = count_names(copy->upsert);
    weir_buffer_printf(&text, "INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM (SELECT DISTINCT ON (", copy->target, copy->in.columns, copy->in.columns);
    append_distinct(&text, copy, count);
    weir_buffer_printf(&text, ") %s FROM %s ORDER BY ", copy->in.columns, copy->staging);
    append_distinct(&text, copy, count);
    weir_buffer_text(&text, ", weir_line DESC) AS last ORDER BY ");
    for (size_t i = 0; i < count; i++) {
        weir_buffer_text(&text, i ? ", " : "");
        append_sorted(&text, copy, copy->upsert[i]);
    }
    append_conflict(&text, copy);
    return keep_text(copy, &text);
}

static int unstage(weir_copy *copy, int64_t *rows, weir_error *error)
{
    weir_buffer text = text_buffer(copy);
    int status = run(copy, upsert_text(copy), rows, error);
    weir_buffer_printf(&text, "DROP TABLE %s", copy->staging);
    const char *drop = keep_text(copy, &text);
    return status == WEIR_OK ? run(copy, drop, NULL, error) : status;
}

static int finish(weir_copy *copy, int64_t *rows, weir_error *error)
{
    weir_connection *connection = copy->connection;
    weir_link *link = weir_connection_link(connection);
    *rows = copy->in.taken;
    if (copy->in.inside) {
        int status = weir_connection_drive(connection, link->driver->copy_end(link, &copy->in, NULL), NULL, error);
        if (status != WEIR_OK)
            return status;
        *rows = copy->in.written;
    }
    connection->copy = NULL;
    int status = copy->staging ? unstage(copy, rows, error) : WEIR_OK;
    if (status == WEIR_OK && (status = weir_connection_savepoint_release(connection, copy->savepoint)) != WEIR_OK)
        *error = *weir_connection_error(connection);
    return status == WEIR_OK && copy->own_transaction ? weir_connection_commit_now(connection, error) : status;
}

static void free_copy(weir_copy **handle)
{
    weir_copy *copy = *handle;
    weir_engine_core *core = copy->core;
    *handle = constant(&closed);
    weir_copy_drop_rest(copy);
    weir_arena_free(&copy->arena);
    weir_free(copy);
    if (core)
        weir_engine_core_release(core);
}

int64_t weir_copy_finish(weir_copy **handle)
{
    weir_copy *copy = handle ? *handle : NULL;
    weir_error error;
    int64_t rows = 0;
    if (!copy || copy == &closed || copy == &no_memory) {
        if (copy)
            *handle = constant(&closed);
        return copy ? copy->error.status : WEIR_RESOURCE_CLOSED;
    }
    weir_error_clear(&error);
    int status = weir_copy_usable(copy);
    if (status == WEIR_WOULD_BLOCK)     /* to be finished in a task */
        return status;
    if (status == WEIR_OK && (status = finish(copy, &rows, &error)) != WEIR_OK)
        status = weir_copy_fail(copy, &error);
    if (status == WEIR_OK)
        let_go(copy);
    free_copy(handle);
    return status == WEIR_OK ? rows : status;
}

void weir_copy_abort(weir_copy **handle)
{
    weir_copy *copy = handle ? *handle : NULL;
    if (!copy || copy == &closed)
        return;
    if (copy == &no_memory) {
        *handle = constant(&closed);
        return;
    }
    weir_error ignored;
    /* Where nothing may wait, the server is told by hanging up. */
    if (copy->connection && weir_may_wait(&ignored) != WEIR_OK)
        (void)weir_connection_invalidate(copy->connection);
    if (copy->connection && weir_connection_usable(copy->connection, &ignored) == WEIR_OK)
        take_back(copy, "the COPY was aborted");
    free_copy(handle);
}

int64_t weir_copy_rows(const weir_copy *copy) { return copy->in.taken; }
const weir_error *weir_copy_error(const weir_copy *copy) { return &copy->error; }
