/* Batches in parts, where a budget has no room for all that is made of their rows. */
#ifndef WEIR_ORM_PARTS_H
#define WEIR_ORM_PARTS_H
#include "orm/inside.h"

/* What instances and loaders of the result take before the first row; also what is made of one row. */
int64_t weir_parts_least(weir_reading *reading, weir_result *result);
/* Gives back what is only kept for instances to come. */
void weir_parts_shed(weir_reading *reading);
/* Before a batch, when none is left: what others hold does not count in the stream's budget. */
void weir_parts_leave_out(weir_reading *reading);
/* Makes the instances of a batch's first part, and loads for them; all of the batch, if there is room. */
int weir_parts_first(weir_reading *reading, weir_batch *batch, weir_error *error);
/* The part that is ready is dead: the next one. */
int weir_parts_next(weir_reading *reading, weir_batch *batch, weir_error *error);
#endif
