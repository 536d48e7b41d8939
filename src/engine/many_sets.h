/* Parameter sets as the program gives them, made runs: arrays by column, dictionaries. */
#ifndef WEIR_ENGINE_MANY_SETS_H
#define WEIR_ENGINE_MANY_SETS_H
#include "engine/many.h"

/* The lane of a member; SIZE_MAX: the run has none. */
size_t weir_many_find(const weir_many_run *run, const weir_member *member);
/* Fills in the lanes by which the run is sorted; key_count 0: the sets lack some. */
int weir_many_take_keys(weir_many *many, weir_many_run *run);
/* WEIR_INVALID_REQUEST for an update or delete whose sets have not the whole key. */
int weir_many_check_keys(weir_many *many, const weir_many_run *run);
int weir_many_no_key(weir_many *many, const weir_many_run *run);

int weir_many_columns(weir_many *many, const void *columns, const void *more, size_t column_count, weir_many_run **runs, size_t *run_count);
int weir_many_dicts(weir_many *many, const void *dicts, const void *more, size_t more_count, weir_many_run **runs, size_t *run_count);
/* What they took besides the arena. */
void weir_many_free_sets(weir_many *many);
#endif
