/* Engine options inside: checked, with defaults filled in, and what follows from them. */
#ifndef WEIR_ENGINE_ENGINE_OPTIONS_H
#define WEIR_ENGINE_ENGINE_OPTIONS_H
#include "engine/pool.h"

/* *out has every default in place and no WEIR_ZERO; NULL options are all defaults. WEIR_ARGUMENT names the option. */
int weir_engine_options_check(const weir_engine_options *options, weir_engine_options *out, weir_pool_options *pool, weir_error *error);
/* Copies what connecting needs into the plan. */
int weir_engine_options_plan(const weir_engine_options *options, weir_arena *arena, weir_dial_plan *plan, weir_error *error);
#endif
