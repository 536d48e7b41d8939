/* Engines: opening, sharing, closing, and what they know about themselves. */
#include "engine/connection.h"
#include "engine/engine_options.h"
#include <string.h>
#include <unistd.h>

static const weir_engine closed = { .error = { .status = WEIR_RESOURCE_CLOSED, .message = "This engine is closed" } };
static const weir_engine no_memory = { .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory" } };

/* Handles are not const, but nothing writes to these. */
static weir_engine *constant(const weir_engine *object) { return (weir_engine *)(uintptr_t)object; }
static bool is_constant(const weir_engine *engine) { return engine == &closed || engine == &no_memory; }

/* ---- the core ------------------------------------------------------------------------------------------------------------------ */
void weir_engine_core_hold(weir_engine_core *core) { atomic_fetch_add(&core->references, 1); }

void weir_engine_core_release(weir_engine_core *core)
{
    if (atomic_fetch_sub(&core->references, 1) != 1)
        return;
    weir_pool_free(core->pool);
    weir_arena_free(&core->arena);
    weir_free(core);
}

int weir_engine_core_check_process(const weir_engine_core *core, weir_error *error)
{
    if (getpid() == core->process)
        return WEIR_OK;
    return weir_error_set(error, WEIR_INVALID_REQUEST,
                          "this engine belongs to process %d; after fork() only weir_engine_abandon may be called", core->process);
}

static weir_engine_core *new_core(void)
{
    weir_engine_core *core = weir_alloc_zero(weir_ledger_root(), WEIR_MEMORY_HANDLES, sizeof *core);
    if (!core)
        return NULL;
    weir_ledger_init(&core->ledger, NULL);
    weir_arena_init(&core->arena, &core->ledger, WEIR_MEMORY_HANDLES, 1024);
    core->references = core->engines = 1;
    core->process = (int)getpid();
    return core;
}

/* ---- opening --------------------------------------------------------------------------------------------------------------------- */
static int find_driver(weir_engine_core *core, const char *url, weir_error *error)
{
    if (!url)
        return weir_error_set(error, WEIR_ARGUMENT, "the URL is NULL");
    int status = weir_url_parse(&core->arena, url, &core->plan.url, error);
    if (status != WEIR_OK)
        return status;
    core->driver = weir_registry_find(core->plan.url.scheme);
    if (core->driver)
        return WEIR_OK;
    return weir_error_set(error, WEIR_ARGUMENT, "the URL's scheme '%s' is unknown; weir knows %s", core->plan.url.scheme,
                          weir_registry_schemes());
}

static int set_up_core(weir_engine *engine, const char *url, const weir_engine_options *given)
{
    weir_engine_core *core = engine->core;
    weir_engine_options options;
    weir_pool_options pool;
    int status = weir_engine_options_check(given, &options, &pool, &engine->error);
    if (status == WEIR_OK)
        status = find_driver(core, url, &engine->error);
    if (status == WEIR_OK)
        status = weir_options_check(options.execution_options, true, &engine->options, &engine->error);
    if (status == WEIR_OK)
        status = weir_isolation_check(engine->options.isolation_level, core->driver->dialect, &engine->error);
    if (status == WEIR_OK)
        status = weir_engine_options_plan(&options, &core->arena, &core->plan, &engine->error);
    if (status != WEIR_OK)
        return status;
    core->plan.read_only = engine->options.read_only == WEIR_ON;
    core->plan.ledger = &core->ledger;
    core->reset = options.pool_reset_on_return;
    core->log.fn = options.log;
    core->log.context = options.log_context;
    core->log.echo = options.echo == WEIR_ON;
    core->log.warnings_as_errors = options.warnings_as_errors == WEIR_ON;
    core->log.hide_parameters = options.hide_parameters == WEIR_ON;
    status = core->driver->check(&core->plan, &engine->error);
    if (status != WEIR_OK)
        return status;
    return weir_pool_open(&core->pool, core->driver, &core->plan, &pool, &core->log, &core->ledger, &engine->error);
}

int weir_engine_open(weir_engine **out, const char *url, const weir_engine_options *options)
{
    weir_engine *engine = weir_alloc_zero(weir_ledger_root(), WEIR_MEMORY_HANDLES, sizeof *engine);
    *out = engine ? engine : constant(&no_memory);
    if (!engine)
        return WEIR_OUT_OF_MEMORY;
    engine->core = new_core();
    if (!engine->core)
        return weir_error_out_of_memory(&engine->error);
    int status = set_up_core(engine, url, options);
    if (status != WEIR_OK) {
        weir_engine_core_release(engine->core);
        engine->core = NULL;
    }
    return status;
}

weir_engine *weir_engine_with_options(weir_engine *engine, const weir_execution_options *options)
{
    if (is_constant(engine))
        return engine;
    weir_execution_options checked;
    weir_engine *made = weir_alloc_zero(weir_ledger_root(), WEIR_MEMORY_HANDLES, sizeof *made);
    if (!made)
        return constant(&no_memory);
    made->error = engine->error;
    if (!engine->core || weir_engine_core_check_process(engine->core, &made->error) != WEIR_OK ||
        weir_options_check(options, true, &checked, &made->error) != WEIR_OK ||
        weir_isolation_check(checked.isolation_level, engine->core->driver->dialect, &made->error) != WEIR_OK)
        return made;
    made->core = engine->core;
    made->options = engine->options;
    weir_options_merge(&made->options, &checked);
    atomic_fetch_add(&made->core->engines, 1);
    weir_engine_core_hold(made->core);
    return made;
}

/* ---- closing --------------------------------------------------------------------------------------------------------------------- */
static weir_engine *take_handle(weir_engine **handle)
{
    weir_engine *engine = handle ? *handle : NULL;
    if (handle)
        *handle = constant(&closed);
    return !engine || is_constant(engine) ? NULL : engine;
}

/* In a forked child the connections are the parent's: closing means forgetting there, whatever the caller said. */
static void end(weir_engine *engine)
{
    weir_engine_core *core = engine->core;
    weir_error ignored;
    weir_free(engine);
    if (!core)
        return;
    bool last = atomic_fetch_sub(&core->engines, 1) == 1;
    if (weir_engine_core_check_process(core, &ignored) != WEIR_OK)
        weir_pool_abandon(core->pool);
    else if (last)
        weir_pool_close(core->pool);
    weir_engine_core_release(core);
}

void weir_engine_close(weir_engine **handle)
{
    weir_engine *engine = take_handle(handle);
    if (engine)
        end(engine);
}

void weir_engine_abandon(weir_engine **handle) { weir_engine_close(handle); }

void weir_engine_dispose(weir_engine *engine)
{
    weir_error ignored;
    if (engine->core && weir_engine_core_check_process(engine->core, &ignored) == WEIR_OK)
        weir_pool_dispose(engine->core->pool);
}

/* ---- what is known ------------------------------------------------------------------------------------------------------------------ */
const weir_error *weir_engine_error(const weir_engine *engine) { return &engine->error; }

const char *weir_engine_dialect(const weir_engine *engine) { return engine->core ? engine->core->driver->dialect->name : ""; }

int64_t weir_engine_warnings(const weir_engine *engine) { return engine->core ? atomic_load(&engine->core->log.warnings) : 0; }

void weir_engine_memory(const weir_engine *engine, weir_memory_figures *out)
{
    memset(out, 0, sizeof *out);
    if (engine->core)
        weir_ledger_figures(&engine->core->ledger, out);
}

void weir_engine_pool_status(const weir_engine *engine, weir_pool_status *out)
{
    memset(out, 0, sizeof *out);
    if (engine->core)
        weir_pool_get_status(engine->core->pool, out);
}
