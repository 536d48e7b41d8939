/* Parameter sets as arrays by column and as dictionaries: looked at in whole before anything is sent. */
#include <stddef.h>
#include <string.h>
#include "engine/many_sets.h"
#include "base/holds.h"

/* ---- arrays by column --------------------------------------------------------------------------------------------------------------- */
static size_t size_of(weir_member_type type)
{
    static const size_t sizes[WEIR_M_COUNT_] = {
        [WEIR_M_BOOL] = sizeof(bool), [WEIR_M_INT16] = 2, [WEIR_M_INT32] = 4, [WEIR_M_INT64] = 8, [WEIR_M_FLOAT] = sizeof(float),
        [WEIR_M_DOUBLE] = sizeof(double), [WEIR_M_CSTR] = sizeof(char *), [WEIR_M_TEXT] = sizeof(weir_text), [WEIR_M_BLOB] = sizeof(weir_blob),
        [WEIR_M_NUMERIC] = sizeof(weir_numeric), [WEIR_M_ARRAY] = sizeof(weir_array *), [WEIR_M_DATE] = sizeof(weir_date),
        [WEIR_M_TIME] = sizeof(weir_time), [WEIR_M_TIMETZ] = sizeof(weir_timetz), [WEIR_M_TIMESTAMP] = sizeof(weir_timestamp),
        [WEIR_M_TIMESTAMPTZ] = sizeof(weir_timestamptz), [WEIR_M_INTERVAL] = sizeof(weir_interval), [WEIR_M_UUID] = sizeof(weir_uuid),
        [WEIR_M_OPT_BOOL] = sizeof(weir_opt_bool), [WEIR_M_OPT_INT32] = sizeof(weir_opt_int32), [WEIR_M_OPT_INT64] = sizeof(weir_opt_int64),
        [WEIR_M_OPT_DOUBLE] = sizeof(weir_opt_double), [WEIR_M_OPT_DATE] = sizeof(weir_opt_date), [WEIR_M_OPT_TIME] = sizeof(weir_opt_time),
        [WEIR_M_OPT_TIMETZ] = sizeof(weir_opt_timetz), [WEIR_M_OPT_TIMESTAMP] = sizeof(weir_opt_timestamp),
        [WEIR_M_OPT_TIMESTAMPTZ] = sizeof(weir_opt_timestamptz), [WEIR_M_OPT_INTERVAL] = sizeof(weir_opt_interval),
        [WEIR_M_OPT_UUID] = sizeof(weir_opt_uuid), [WEIR_M_ENUM] = sizeof(int),
    };
    return type > WEIR_M_NONE && type < WEIR_M_COUNT_ ? sizes[type] : 0;
}

static int unconsumed(weir_many *many, const char *name)
{
    return weir_error_set(&many->error, WEIR_COMPILE, "Unconsumed column names: %s", name);
}

static int take_column(weir_many *many, weir_many_run *run, weir_lane *lane, const weir_column_values *column)
{
    const weir_member *member = weir_write_named(many->entity, column->column);
    if (!member)
        return unconsumed(many, column->column);
    if (weir_many_find(run, member) != SIZE_MAX)
        return weir_error_set(&many->error, WEIR_ARGUMENT, "the column '%s' is given twice", column->column);
    size_t size = column->type == WEIR_M_CHARS || column->type == WEIR_M_ENUM ? member->size : size_of(column->type);
    bool shaped = column->type == WEIR_M_CHARS || column->type == WEIR_M_ENUM;
    if (!size || (shaped && member->type != column->type))
        return weir_error_set(&many->error, WEIR_ARGUMENT, "the values of column '%s' have no type that can be read", column->column);
    *lane = weir_lane_of_member(member, weir_member_column(member));
    lane->member.type = column->type;
    lane->member.size = size;
    lane->at = column->values;
    lane->stride = column->stride ? column->stride : size;
    run->members[run->feed.lane_count++] = member;
    return WEIR_OK;
}

int weir_many_columns(weir_many *many, const void *given, const void *more, size_t column_count, weir_many_run **runs, size_t *run_count)
{
    const weir_column_values *columns = given;
    (void)more;
    if (!many->entity)
        return weir_error_set(&many->error, WEIR_ARGUMENT, "arrays by column are for statements of an entity; textual SQL takes dictionaries");
    weir_many_run *run = weir_arena_take(&many->arena, sizeof *run);
    const weir_member **members = weir_arena_take(&many->arena, (column_count + 1) * sizeof *members);
    weir_lane *lanes = weir_arena_take(&many->arena, (column_count + 1) * sizeof *lanes);
    if (!run || !lanes || !members)
        return weir_error_out_of_memory(&many->error);
    *run = (weir_many_run){ .members = members, .feed = { .lanes = lanes, .count = many->count } };
    int status = WEIR_OK;
    for (size_t i = 0; i < column_count && status == WEIR_OK; i++)
        status = take_column(many, run, &lanes[i], &columns[i]);
    *runs = run;
    *run_count = 1;
    if (status == WEIR_OK)
        status = weir_many_take_keys(many, run);
    return status == WEIR_OK ? weir_many_check_keys(many, run) : status;
}

/* ---- dictionaries --------------------------------------------------------------------------------------------------------------------- */
static weir_many_run *add_run(weir_many *many, size_t *count, size_t base)
{
    if (*count == many->run_capacity) {
        size_t capacity = many->run_capacity ? many->run_capacity * 2 : 4;
        weir_many_run *grown = weir_resize(&many->ledger, WEIR_MEMORY_STATEMENTS, many->runs, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        many->runs = grown;
        many->run_capacity = capacity;
    }
    WEIR_HOLDS(many->runs);
    weir_many_run *run = &many->runs[(*count)++];
    *run = (weir_many_run){ .base = base, .feed = { .rows = many->rows + base } };
    return run;
}

/* Values at their places in a dictionary's entries, or in a copy that has them in the order of the first. */
static weir_lane entry_lane(size_t index, const char *name)
{
    return (weir_lane){ .name = name, .offset = index * sizeof(weir_entry) + offsetof(weir_entry, value) };
}

static const weir_entry *entry_named(const weir_dict *dict, const char *name)
{
    for (size_t i = 0; i < dict->count; i++)
        if (!strcmp(dict->entries[i].name, name))
            return &dict->entries[i];
    return NULL;
}

static const weir_entry *entry_of(const weir_many *many, const weir_dict *dict, const weir_member *member)
{
    for (size_t i = 0; i < dict->count; i++)
        if (weir_write_named(many->entity, dict->entries[i].name) == member)
            return &dict->entries[i];
    return NULL;
}

/* The columns of a run are those of its first dictionary. */
static int begin_run(weir_many *many, weir_many_run *run, const weir_dict *dict)
{
    weir_lane *lanes = weir_arena_take(&many->arena, (dict->count + 1) * sizeof *lanes);
    run->members = weir_arena_take(&many->arena, (dict->count + 1) * sizeof *run->members);
    if (!lanes || !run->members)
        return weir_error_out_of_memory(&many->error);
    for (size_t i = 0; i < dict->count; i++) {
        const weir_member *member = weir_write_named(many->entity, dict->entries[i].name);
        if (!member)
            return unconsumed(many, dict->entries[i].name);
        if (weir_many_find(run, member) != SIZE_MAX)
            return weir_error_set(&many->error, WEIR_ARGUMENT, "the column '%s' is given twice in one dictionary", dict->entries[i].name);
        run->members[run->feed.lane_count] = member;
        lanes[run->feed.lane_count++] = entry_lane(i, weir_member_column(member));
    }
    run->feed.lanes = lanes;
    return weir_many_take_keys(many, run);
}

static bool same_names(const weir_dict *a, const weir_dict *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->entries[i].name != b->entries[i].name && strcmp(a->entries[i].name, b->entries[i].name) != 0)
            return false;
    return true;
}

/* Whether the dictionary has just the run's columns, in any order. */
static bool same_columns(const weir_many *many, const weir_many_run *run, const weir_dict *dict)
{
    if (dict->count != run->feed.lane_count)
        return false;
    for (size_t i = 0; i < run->feed.lane_count; i++)
        if (!entry_of(many, dict, run->members[i]))
            return false;
    return true;
}

static bool has_enum(const weir_many_run *run)
{
    for (size_t i = 0; i < run->feed.lane_count; i++)
        if (run->members[i]->type == WEIR_M_ENUM)
            return true;
    return false;
}

/* A copy with the entries in the run's order and numbers of enums as their labels. */
static const void *arranged(weir_many *many, const weir_many_run *run, const weir_dict *dict)
{
    weir_entry *copy = weir_arena_take(&many->arena, (run->feed.lane_count + 1) * sizeof *copy);
    if (!copy) {
        weir_error_out_of_memory(&many->error);
        return NULL;
    }
    for (size_t i = 0; i < run->feed.lane_count; i++) {
        copy[i] = *entry_of(many, dict, run->members[i]);
        if (weir_write_value(run->members[i], &copy[i].value, &many->error) != WEIR_OK)
            return NULL;
    }
    return copy;
}

/* An insert's later dictionaries have the columns of the first (semantics DML-2). */
static int different_columns(weir_many *many, const weir_many_run *run, const weir_dict *dict, const weir_dict *first, size_t group)
{
    for (size_t i = 0; i < run->feed.lane_count; i++)
        if (!entry_of(many, dict, run->members[i]))
            return weir_error_set(&many->error, WEIR_STATEMENT, "A value is required for bind parameter '%s', in parameter group %zu",
                                  first->entries[i].name, group);
    for (size_t i = 0; i < dict->count; i++) {
        const weir_member *member = weir_write_named(many->entity, dict->entries[i].name);
        if (!member || weir_many_find(run, member) == SIZE_MAX)
            return unconsumed(many, dict->entries[i].name);
    }
    return weir_error_set(&many->error, WEIR_ARGUMENT, "a column is given twice in parameter group %zu", group);
}

static bool only_key(const weir_many *many, const weir_many_run *run)
{
    return many->kind == WEIR_STMT_UPDATE && run->feed.lane_count == run->key_count;
}

/* What is known only when a run has all its sets. */
static int end_run(weir_many *many, const weir_many_run *run)
{
    if (many->kind == WEIR_STMT_DELETE && run->key_count && run->feed.lane_count > run->key_count)
        for (size_t i = 0; i < run->feed.lane_count; i++)
            if (!run->members[i]->primary_key)
                return unconsumed(many, run->feed.lanes[i].name);
    return weir_many_check_keys(many, run);
}

static int add_dict(weir_many *many, const weir_dict *dicts, size_t index, size_t *run_count)
{
    const weir_dict *dict = &dicts[index];
    weir_many_run *run = *run_count ? &many->runs[*run_count - 1] : NULL;
    const weir_dict *first = run ? &dicts[run->base] : dict;
    bool same = run && same_names(first, dict), alike = same || (run && same_columns(many, run, dict));
    if (run && !alike) {
        if (many->kind == WEIR_STMT_INSERT)
            return different_columns(many, run, dict, first, index);
        int status = end_run(many, run);
        if (status != WEIR_OK)
            return status;
    }
    if (!run || !alike) {
        run = add_run(many, run_count, index);
        int status = run ? begin_run(many, run, dict) : weir_error_out_of_memory(&many->error);
        if (status != WEIR_OK)
            return status;
        same = true;
    }
    many->rows[index] = same && !has_enum(run) ? (const void *)dict->entries : arranged(many, run, dict);
    run->feed.count++;
    return many->rows[index] ? WEIR_OK : many->error.status;
}

/* Sets of the key alone ask for nothing (semantics BUK-4). */
static void drop_empty_runs(weir_many *many, size_t *run_count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *run_count; i++)
        if (!only_key(many, &many->runs[i]))
            many->runs[kept++] = many->runs[i];
    *run_count = kept;
}

/* ---- dictionaries of textual SQL ---------------------------------------------------------------------------------------------------------- */
static int check_names(weir_many *many, const weir_stmt *stmt, const weir_dict *dict, size_t group)
{
    for (size_t i = 0; i < stmt->parameter_count; i++)
        if (!entry_named(dict, stmt->parameters[i].name))
            return weir_error_set(&many->error, WEIR_STATEMENT, "A value is required for bind parameter '%s', in parameter group %zu",
                                  stmt->parameters[i].name, group);
    for (size_t i = 0; i < dict->count; i++)
        if (!weir_stmt_find(stmt, dict->entries[i].name, strlen(dict->entries[i].name)))
            return unconsumed(many, dict->entries[i].name);
    return WEIR_OK;
}

/* The statement with the values of the first dictionary: compiling it tells the places of the parameters. */
static int compile_text(weir_many *many, const weir_dict *first, weir_compiled *out)
{
    many->bound = weir_stmt_copy(many->stmt);
    for (size_t i = 0; i < first->count; i++)
        weir_bind(many->bound, first->entries[i].name, first->entries[i].value);
    int status = weir_stmt_compile(many->bound, many->core->driver->dialect, &many->arena, out, &many->error);
    if (status == WEIR_OK && out->facts.kind != WEIR_SQL_DML)
        return weir_error_set(&many->error, WEIR_INVALID_REQUEST, "many parameter sets are for statements that change rows");
    many->stmt = many->bound;
    return status;
}

static int make_texts(weir_many *many, const weir_dict *dicts, weir_many_run *run)
{
    weir_compiled compiled;
    const weir_stmt *stmt = many->stmt;
    int status = check_names(many, stmt, &dicts[0], 0);
    if (status == WEIR_OK)
        status = compile_text(many, &dicts[0], &compiled);
    weir_lane *lanes = status == WEIR_OK ? weir_arena_take(&many->arena, (compiled.value_count + 1) * sizeof *lanes) : NULL;
    if (status == WEIR_OK && !lanes)
        status = weir_error_out_of_memory(&many->error);
    for (size_t i = 0; status == WEIR_OK && i < compiled.value_count; i++)
        lanes[i] = entry_lane((size_t)(entry_named(&dicts[0], compiled.names[i]) - dicts[0].entries), compiled.names[i]);
    run->feed.lanes = lanes;
    run->feed.lane_count = status == WEIR_OK ? compiled.value_count : 0;
    run->feed.count = many->count;
    for (size_t i = 0; i < many->count && status == WEIR_OK; i++) {
        many->rows[i] = dicts[i].entries;
        if (i && same_names(&dicts[0], &dicts[i]))
            continue;
        status = check_names(many, stmt, &dicts[i], i);
        weir_entry *copy = i && status == WEIR_OK ? weir_arena_take(&many->arena, (dicts[0].count + 1) * sizeof *copy) : NULL;
        for (size_t k = 0; copy && k < dicts[0].count; k++)
            copy[k] = *entry_named(&dicts[i], dicts[0].entries[k].name);
        if (copy)
            many->rows[i] = copy;
        else if (i && status == WEIR_OK)
            status = weir_error_out_of_memory(&many->error);
    }
    return status;
}

int weir_many_dicts(weir_many *many, const void *given, const void *more, size_t more_count, weir_many_run **runs, size_t *run_count)
{
    const weir_dict *dicts = given;
    (void)more, (void)more_count;
    int status = WEIR_OK;
    size_t count = 0;
    many->rows = weir_alloc(&many->ledger, WEIR_MEMORY_STATEMENTS, many->count * sizeof *many->rows);
    if (!many->rows)
        return weir_error_out_of_memory(&many->error);
    if (!many->entity) {
        weir_many_run *run = add_run(many, &count, 0);
        status = run ? make_texts(many, dicts, run) : weir_error_out_of_memory(&many->error);
    }
    for (size_t i = 0; many->entity && i < many->count && status == WEIR_OK; i++)
        status = add_dict(many, dicts, i, &count);
    if (status == WEIR_OK && many->entity && count)
        status = end_run(many, &many->runs[count - 1]);
    if (status == WEIR_OK && many->entity)
        drop_empty_runs(many, &count);
    *runs = many->runs;
    *run_count = count;
    return status;
}

void weir_many_free_sets(weir_many *many)
{
    weir_free(many->rows);
    weir_free(many->runs);
    weir_stmt_free(&many->bound);
}
