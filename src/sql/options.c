/* Execution options: checking one set, merging sets, and what they come to. */
#include <string.h>
#include "sql/text.h"

enum { SHOWN_LEVEL = 60 };              /* longest part of a level's name in a message */

static int check_rows(const char *option, int64_t rows, weir_error *error)
{
    if (rows < 0)
        return weir_error_set(error, WEIR_ARGUMENT, "%s must not be negative: %lld", option, (long long)rows);
    if (rows > INT32_MAX)               /* PostgreSQL's row limits have 32 bits */
        return weir_error_set(error, WEIR_ARGUMENT, "%s is too large: %lld; the most is %d", option, (long long)rows, INT32_MAX);
    return WEIR_OK;
}

static int check_range(const char *option, int value, int last, weir_error *error)
{
    if (value >= 0 && value <= last)
        return WEIR_OK;
    return weir_error_set(error, WEIR_ARGUMENT, "%s has the unknown value %d", option, value);
}

/* "repeatable_read" is "REPEATABLE READ". */
static bool same_level(const char *given, const char *level)
{
    for (; *given && *level; given++, level++) {
        char c = *given == '_' ? ' ' : *given;
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c != *level)
            return false;
    }
    return !*given && !*level;
}

static int invalid_level(const char *name, const weir_dialect *dialect, bool all, weir_error *error)
{
    return weir_error_set(error, WEIR_ARGUMENT, "Invalid value '%.*s' for isolation_level. Valid isolation levels%s%s%s are %s",
                          SHOWN_LEVEL, name, all ? "" : " for '", all ? "" : dialect->name, all ? "" : "'", dialect->isolation_list);
}

/* PostgreSQL knows them all. */
static int resolve_level(weir_execution_options *options, weir_error *error)
{
    if (!options->isolation_level_name)
        return WEIR_OK;
    int level = 0;
    for (int i = WEIR_READ_UNCOMMITTED; i <= WEIR_AUTOCOMMIT; i++)
        if (same_level(options->isolation_level_name, weir_dialect_postgresql.isolation_names[i]))
            level = i;
    if (!level)
        return invalid_level(options->isolation_level_name, &weir_dialect_postgresql, true, error);
    if (options->isolation_level && (int)options->isolation_level != level)
        return weir_error_set(error, WEIR_ARGUMENT, "isolation_level says %s, but isolation_level_name says %s",
                              weir_dialect_postgresql.isolation_names[options->isolation_level],
                              weir_dialect_postgresql.isolation_names[level]);
    options->isolation_level = (weir_isolation)level;
    options->isolation_level_name = NULL;
    return WEIR_OK;
}

int weir_isolation_check(weir_isolation level, const weir_dialect *dialect, weir_error *error)
{
    if (check_range("isolation_level", (int)level, WEIR_AUTOCOMMIT, error) != WEIR_OK)
        return error->status;
    if (level == WEIR_ISOLATION_DEFAULT || dialect->isolation_names[level])
        return WEIR_OK;
    return invalid_level(weir_dialect_postgresql.isolation_names[level], dialect, false, error);
}

static int check_level(const weir_execution_options *options, bool connection_level, weir_error *error)
{
    if (!connection_level && (options->isolation_level || options->isolation_level_name))
        return weir_error_set(error, WEIR_ARGUMENT,
                              "'isolation_level' execution option may only be specified on Connection.execution_options(), or "
                              "per-engine using the isolation_level argument to create_engine().");
    if (!connection_level && options->read_only)
        return weir_error_set(error, WEIR_ARGUMENT,
                              "'read_only' execution option may only be specified on a connection or an engine");
    return check_range("isolation_level", (int)options->isolation_level, WEIR_AUTOCOMMIT, error);
}

static int check_memory(int64_t bytes, weir_error *error)
{
    if (bytes == 0 || bytes == WEIR_ZERO || bytes >= WEIR_MEMORY_LEAST)
        return WEIR_OK;
    return weir_error_set(error, WEIR_ARGUMENT, "memory is %lld bytes: the least that a stream can do with is %d", (long long)bytes,
                          WEIR_MEMORY_LEAST);
}

static int check_members(const weir_execution_options *o, weir_error *error)
{
    const struct { const char *name; int value, last; } ranges[] = {
        { "stream_results", (int)o->stream_results, WEIR_OFF }, { "prefetch", (int)o->prefetch, WEIR_OFF },
        { "parallel_plan", (int)o->parallel_plan, WEIR_OFF },   { "prepared", (int)o->prepared, WEIR_OFF },
        { "read_only", (int)o->read_only, WEIR_OFF },           { "cursor_mode", (int)o->cursor_mode, WEIR_CURSOR_HOLD },
        { "strict_loading", (int)o->strict_loading, WEIR_OFF }, { "spill", (int)o->spill, WEIR_OFF },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (check_range(ranges[i].name, ranges[i].value, ranges[i].last, error) != WEIR_OK)
            return error->status;
    if (o->timeout_ms < -1 || o->timeout_ms > INT32_MAX)
        return weir_error_set(error, WEIR_ARGUMENT, "timeout_ms must be -1 (none) or a number of milliseconds up to %d, not %lld",
                              INT32_MAX, (long long)o->timeout_ms);
    int status = check_rows("yield_per", o->yield_per, error);
    if (status == WEIR_OK)
        status = check_rows("max_row_buffer", o->max_row_buffer, error);
    return status != WEIR_OK ? status : check_memory(o->memory, error);
}

int weir_options_check(const weir_execution_options *options, bool connection_level, weir_execution_options *out, weir_error *error)
{
    memset(out, 0, sizeof *out);
    out->struct_size = sizeof *out;
    if (!options)
        return WEIR_OK;
    if (options->struct_size < sizeof options->struct_size)
        return weir_error_set(error, WEIR_ARGUMENT, "struct_size of the execution options is not set: make them by WEIR_EXECUTION_OPTIONS");
    if (options->struct_size > sizeof *options)
        return weir_error_set(error, WEIR_ARGUMENT, "the execution options were compiled for a later version of weir than %s",
                              weir_version());
    weir_execution_options copy = { 0 };
    memcpy(&copy, options, options->struct_size);
    copy.struct_size = sizeof copy;
    int status = check_members(&copy, error);
    if (status == WEIR_OK)
        status = check_level(&copy, connection_level, error);
    if (status == WEIR_OK)
        status = resolve_level(&copy, error);
    if (status == WEIR_OK)
        *out = copy;
    return status;
}

void weir_options_merge(weir_execution_options *base, const weir_execution_options *over)
{
#define TAKE(member)              \
    if (over->member)             \
        base->member = over->member
    TAKE(stream_results);
    TAKE(max_row_buffer);
    TAKE(yield_per);
    TAKE(prefetch);
    TAKE(parallel_plan);
    TAKE(cursor_mode);
    TAKE(prepared);
    TAKE(isolation_level);
    TAKE(read_only);
    TAKE(strict_loading);
    TAKE(timeout_ms);
    TAKE(memory);
    TAKE(spill);
#undef TAKE
}

void weir_options_effective(weir_execution_options *options)
{
    if (options->memory == WEIR_ZERO)
        options->memory = 0;
    if (options->memory > 0 && options->yield_per <= 0)
        options->yield_per = options->max_row_buffer > 0 ? options->max_row_buffer : WEIR_ANY_ROWS;
    if (options->yield_per <= 0)
        return;
    options->stream_results = WEIR_ON;
    options->max_row_buffer = options->yield_per;
}
