/* Engine options: their defaults and limits, in one table. */
#include "engine/engine_options.h"
#include <string.h>

enum { NO_ZERO = 0, ZERO = 1 };

/* Whole numbers: 0 means the default; WEIR_ZERO is zero where that says something. */
static const struct number_option {
    const char *name;
    size_t      offset;
    int         standard, least, zero;
} number_options[] = {
#define NUMBER(name, standard, least, zero) { #name, offsetof(weir_engine_options, name), standard, least, zero }
    NUMBER(pool_size, 5, 0, ZERO),
    NUMBER(max_overflow, 10, -1, ZERO),
    NUMBER(pool_timeout_ms, 30000, -1, ZERO),
    NUMBER(pool_recycle_ms, 0, 0, NO_ZERO),
    NUMBER(checkout_limit_ms, 0, 0, NO_ZERO),
    NUMBER(connect_timeout_ms, 30000, 0, NO_ZERO),
    NUMBER(read_timeout_ms, 0, 0, NO_ZERO),
#undef NUMBER
};

static const struct choice_option { const char *name; size_t offset; int last; } choice_options[] = {
#define CHOICE(name, last) { #name, offsetof(weir_engine_options, name), last }
    CHOICE(pool_pre_ping, WEIR_OFF),
    CHOICE(pool_lifo, WEIR_OFF),
    CHOICE(pool_reset_on_return, WEIR_RESET_NONE),
    CHOICE(echo, WEIR_OFF),
    CHOICE(warnings_as_errors, WEIR_OFF),
    CHOICE(hide_parameters, WEIR_OFF),
#undef CHOICE
};
_Static_assert(sizeof(weir_switch) == sizeof(int) && sizeof(weir_reset) == sizeof(int), "choices are read as ints");

static int check_numbers(weir_engine_options *options, weir_error *error)
{
    for (size_t i = 0; i < sizeof number_options / sizeof *number_options; i++) {
        const struct number_option *o = &number_options[i];
        int value;
        memcpy(&value, (char *)options + o->offset, sizeof value);
        if (value == WEIR_ZERO && !o->zero)
            return weir_error_set(error, WEIR_ARGUMENT, "%s must be positive: WEIR_ZERO says nothing there", o->name);
        if (value == WEIR_ZERO)
            value = 0;
        else if (value < o->least)
            return weir_error_set(error, WEIR_ARGUMENT, "%s must not be %d: the least is %d", o->name, value, o->least);
        else if (value == 0)
            value = o->standard;
        memcpy((char *)options + o->offset, &value, sizeof value);
    }
    return WEIR_OK;
}

static int check_choices(const weir_engine_options *options, weir_error *error)
{
    for (size_t i = 0; i < sizeof choice_options / sizeof *choice_options; i++) {
        int value;
        memcpy(&value, (const char *)options + choice_options[i].offset, sizeof value);
        if (value < 0 || value > choice_options[i].last)
            return weir_error_set(error, WEIR_ARGUMENT, "%s has the unknown value %d", choice_options[i].name, value);
    }
    return WEIR_OK;
}

static int copy_given(const weir_engine_options *given, weir_engine_options *out, weir_error *error)
{
    memset(out, 0, sizeof *out);
    if (!given)
        return WEIR_OK;
    if (given->struct_size < sizeof given->struct_size)
        return weir_error_set(error, WEIR_ARGUMENT, "struct_size of the engine options is not set: make them by WEIR_ENGINE_OPTIONS");
    if (given->struct_size > sizeof *given)
        return weir_error_set(error, WEIR_ARGUMENT, "the engine options were compiled for a later version of weir than %s", weir_version());
    memcpy(out, given, given->struct_size);
    return WEIR_OK;
}

int weir_engine_options_check(const weir_engine_options *options, weir_engine_options *out, weir_pool_options *pool, weir_error *error)
{
    int status = copy_given(options, out, error);
    if (status == WEIR_OK)
        status = check_numbers(out, error);
    if (status == WEIR_OK)
        status = check_choices(out, error);
    if (status != WEIR_OK)
        return status;
    out->struct_size = sizeof *out;
    *pool = (weir_pool_options){
        .size = out->pool_size, .max_overflow = out->max_overflow, .timeout_ms = out->pool_timeout_ms,
        .recycle_ms = out->pool_recycle_ms, .checkout_limit_ms = out->checkout_limit_ms,
        .pre_ping = out->pool_pre_ping == WEIR_ON, .lifo = out->pool_lifo == WEIR_ON,
    };
    return WEIR_OK;
}

static const char *copy_text(weir_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = weir_arena_bytes(arena, size);
    return copy ? memcpy(copy, text, size) : NULL;
}

static int copy_pairs(const char *const *pairs, weir_arena *arena, const char *const **out, weir_error *error)
{
    size_t count = 0;
    while (pairs[count])
        count++;
    if (count % 2)
        return weir_error_set(error, WEIR_ARGUMENT, "connect_args: the key '%.100s' has no value", pairs[count - 1]);
    const char **copy = weir_arena_take(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        if (!(copy[i] = copy_text(arena, pairs[i])))
            copy = NULL;
    if (!copy)
        return weir_error_out_of_memory(error);
    copy[count] = NULL;
    *out = copy;
    return WEIR_OK;
}

int weir_engine_options_plan(const weir_engine_options *options, weir_arena *arena, weir_dial_plan *plan, weir_error *error)
{
    plan->connect_timeout_ms = options->connect_timeout_ms;
    plan->read_timeout_ms = options->read_timeout_ms;
    plan->application_name = options->application_name ? copy_text(arena, options->application_name) : NULL;
    if (options->application_name && !plan->application_name)
        return weir_error_out_of_memory(error);
    return options->connect_args ? copy_pairs(options->connect_args, arena, &plan->connect_args, error) : WEIR_OK;
}
