/* Expiry: an expired instance keeps its values until it is reloaded, and what the program changes meanwhile survives that. */
#include "orm/inside.h"
#include <string.h>

/* Behind it: a flag for each column, then the struct as it was. */
typedef struct before { size_t flags; _Alignas(max_align_t) bool changed[]; } before;

static size_t rounded(size_t size) { return (size + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t); }
static char *struct_of(before *b) { return (char *)b->changed + b->flags; }

void weir_instance_expire(weir_instance *instance)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    weir_instance_clean(instance);
    instance->flags |= WEIR_INSTANCE_EXPIRED;
    instance->loaded &= ~(uint64_t)UINT32_MAX;          /* not loaded; its pointers stay valid all the same */
    before *b = instance->before;
    size_t flags = rounded(mapper->column_count);
    if (!b)
        b = weir_alloc(&mapper->store->ledger, WEIR_MEMORY_BATCH, sizeof *b + flags + mapper->entity->size);
    instance->before = b;
    if (!b)                                             /* then a change of one member keeps them all */
        return;
    b->flags = flags;
    memset(b->changed, 0, flags);
    memcpy(struct_of(b), instance + 1, mapper->entity->size);
}

void weir_before_note(weir_instance *instance)
{
    before *b = instance->before;
    const weir_mapper *mapper = weir_mapper_of(instance);
    for (size_t i = 0; b && i < mapper->column_count; i++) {
        const weir_member *member = mapper->columns[i];
        if (memcmp(struct_of(b) + member->offset, (const char *)(instance + 1) + member->offset, member->size) != 0)
            b->changed[i] = true;
    }
}

void weir_before_moved(weir_instance *instance)
{
    if (instance->before)
        memcpy(struct_of(instance->before), instance + 1, weir_mapper_of(instance)->entity->size);
}

bool weir_before_changed(const weir_instance *instance, size_t column)
{
    return !instance->before || ((const before *)instance->before)->changed[column];
}

void weir_before_drop(weir_instance *instance)
{
    weir_free(instance->before);
    instance->before = NULL;
}
