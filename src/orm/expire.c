/* Expiry: an expired instance keeps its values until it is reloaded, and what the program changes meanwhile survives that. */
#include "orm/inside.h"
#include "orm/unit.h"
#include <string.h>

void weir_instance_expire(weir_instance *instance)
{
    weir_recall_check(instance);
    if (weir_side_of(instance))
        weir_old_key_restore(instance);                 /* the change of its key is forgotten with the others */
    weir_instance_clean(instance);
    instance->flags |= WEIR_INSTANCE_EXPIRED;
    instance->loaded &= ~(uint64_t)UINT32_MAX;          /* not loaded; its pointers stay valid all the same */
    weir_side *side = weir_side_need(instance);
    if (side)                                           /* else a change of one member keeps them all */
        weir_side_know(instance, side);
    weir_recall_note(instance);
}

/* Whether two values of a member differ: bytes that are equal need no closer look. */
static bool differs(const weir_member *member, const void *one, const void *other)
{
    if (memcmp((const char *)one + member->offset, (const char *)other + member->offset, member->size) == 0)
        return false;
    weir_value a, b;
    weir_member_value(member, one, &a);
    weir_member_value(member, other, &b);
    return !weir_value_equal(&a, &b);
}

void weir_before_note(weir_instance *instance)
{
    weir_side *side = weir_side_of(instance);
    const weir_mapper *mapper = weir_mapper_of(instance);
    for (size_t i = 0; side && side->known && i < mapper->column_count; i++)
        if (differs(mapper->columns[i], weir_side_struct(side), instance + 1))
            side->columns[i] |= WEIR_COLUMN_CHANGED;
}

void weir_before_moved(weir_instance *instance)
{
    weir_side *side = weir_side_of(instance);
    if (side && side->known)
        memcpy(weir_side_struct(side), instance + 1, weir_mapper_of(instance)->entity->size);
}

bool weir_before_changed(const weir_instance *instance, size_t column)
{
    const weir_side *side = weir_side_of(instance);
    return !side || !side->known || (side->columns[column] & WEIR_COLUMN_CHANGED);
}

/* It has been filled again: what was changed is still to be written, the rest is as the database has it. */
void weir_before_drop(weir_instance *instance)
{
    weir_side *side = weir_side_of(instance);
    if (!side)
        return;
    if (instance->flags & WEIR_INSTANCE_MODIFIED)
        weir_before_moved(instance);
    else
        side->known = false;
    weir_side_tidy(instance);
}
