/* Copies of instances for other threads: each is one block that holds an instance and all that its relationships reach, detached,
 * and lives or dies as a whole. */
#ifndef WEIR_ORM_INSTANCE_COPY_H
#define WEIR_ORM_INSTANCE_COPY_H
#include "orm/orm.h"

/* What the copies of one queue share: what is known of their entities. Any thread; copies hold it. */
typedef struct weir_copies weir_copies;
weir_copies *weir_copies_new(void);             /* NULL: no memory */
void weir_copies_release(weir_copies *copies);  /* NULL is fine */

/* A copy of the instance, in the thread that it belongs to; the caller holds it. *bytes: what the ledger counts for it. NULL with
 * *error: WEIR_OUT_OF_MEMORY, or WEIR_ARGUMENT for a relationship that the program pointed at what is no instance of its session. */
void *weir_instance_copy(weir_copies *copies, weir_instance *instance, size_t *bytes, weir_error *error);
/* One holder more or less of the whole that the instance is part of. Any thread; whoever reads it holds it. */
void weir_instance_copy_hold(weir_instance *instance);
void weir_instance_copy_let_go(weir_instance *instance);
#endif
