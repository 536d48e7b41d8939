/* What queues hold: instances that are shared, instances that are copied, rows, pointers. */
#include "async/queue_items.h"

static weir_instance *instance_for(const weir_queue_holds *holds, void *given, weir_error *error)
{
    weir_instance *instance = weir_instance_of(given);
    if (!instance) {
        weir_error_set(error, WEIR_ARGUMENT, "This queue holds instances of %s, and what was put is none: weir makes instances",
                       holds->entity->name);
        return NULL;
    }
    const weir_entity *entity = weir_mapper_of(instance)->entity;
    if (entity == holds->entity)
        return instance;
    weir_error_set(error, WEIR_ARGUMENT, "This queue holds instances of %s, and what was put is one of %s", holds->entity->name, entity->name);
    return NULL;
}

static int take_shared(const weir_queue_holds *holds, void *given, void **item, size_t *bytes, weir_error *error)
{
    *bytes = 0;
    if (!instance_for(holds, given, error))
        return error->status;
    *item = weir_retain(given);
    return *item ? WEIR_OK : weir_error_out_of_memory(error);
}

static void drop_shared(const weir_queue_holds *holds, void *item)
{
    (void)holds;
    weir_release(item);
}

static int take_copied(const weir_queue_holds *holds, void *given, void **item, size_t *bytes, weir_error *error)
{
    weir_instance *instance = instance_for(holds, given, error);
    *item = instance ? weir_instance_copy(holds->copies, instance, bytes, error) : NULL;
    return *item ? WEIR_OK : error->status;
}

static void drop_copied(const weir_queue_holds *holds, void *item)
{
    (void)holds;
    weir_instance_copy_let_go((weir_instance *)item - 1);
}

static int take_row(const weir_queue_holds *holds, void *given, void **item, size_t *bytes, weir_error *error)
{
    (void)holds;
    const weir_row *row = weir_row_retain(given);
    if (!row)
        return weir_error_out_of_memory(error);
    *bytes = weir_row_kept_bytes(row);
    *item = (void *)(uintptr_t)row;
    return WEIR_OK;
}

static void drop_row(const weir_queue_holds *holds, void *item)
{
    (void)holds;
    const weir_row *row = item;
    weir_row_release(&row);
}

static int take_pointer(const weir_queue_holds *holds, void *given, void **item, size_t *bytes, weir_error *error)
{
    (void)holds;
    (void)error;
    *bytes = 0;
    *item = given;
    return WEIR_OK;
}

static void drop_pointer(const weir_queue_holds *holds, void *item)
{
    if (holds->release)
        holds->release(item);
}

/* A pointer is the queue's from a put that succeeded. */
static void leave_pointer(const weir_queue_holds *holds, void *item)
{
    (void)holds;
    (void)item;
}

const weir_queue_kind_table weir_queue_shared = { "instances", .lends = true, .take = take_shared, .drop = drop_shared };
const weir_queue_kind_table weir_queue_copied = { "instances", .lends = true, .take = take_copied, .drop = drop_copied };
const weir_queue_kind_table weir_queue_rows = { "rows", .rows = true, .lends = true, .take = take_row, .drop = drop_row };
const weir_queue_kind_table weir_queue_pointers = { "pointers", .take = take_pointer, .drop = drop_pointer, .give_back = leave_pointer };
