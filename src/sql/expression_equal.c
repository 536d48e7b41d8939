/* Expressions compared: what a GROUP BY names again is the same as in the select list. */
#include <string.h>
#include "sql/render.h"

const weir_expr *weir_without_label(const weir_expr *e)
{
    while (e->op == WEIR_OP_LABEL && e->args && e->args[0])
        e = e->args[0];
    return e;
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

static bool same_list(const weir_expr *const *a, const weir_expr *const *b)
{
    size_t i = 0;
    for (; a && a[i] && b && b[i]; i++)
        if (!weir_expr_equal(a[i], b[i]))
            return false;
    return !(a && a[i]) && !(b && b[i]);
}

static bool same_window(const weir_window *a, const weir_window *b)
{
    return a == b || (a && b && a->frame == b->frame && a->from == b->from && a->to == b->to &&
                      same_list(a->partition_by, b->partition_by) && same_list(a->order_by, b->order_by));
}

bool weir_expr_equal(const weir_expr *a, const weir_expr *b)
{
    a = weir_without_label(a);
    b = weir_without_label(b);
    if (a == b)
        return true;
    if (a->op != b->op || a->entity != b->entity || a->offset != b->offset || a->stmt != b->stmt || a->count != b->count ||
        weir_source_identity(a->source) != weir_source_identity(b->source) || !same_text(a->name, b->name))
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!weir_value_equal(&a->values[i], &b->values[i]))
            return false;
    if (a->op == WEIR_OP_VALUE && !weir_value_equal(&a->value, &b->value))
        return false;
    return same_window(a->window, b->window) && same_list(a->args, b->args);
}

size_t weir_label_of(const weir_scope *scope, const weir_expr *e)
{
    e = weir_without_label(e);
    const weir_member *member = e->op == WEIR_OP_COLUMN ? weir_entity_member(e->entity, e->offset) : NULL;
    for (size_t i = 0; i < scope->label_count; i++) {
        const weir_label *label = &scope->labels[i];
        bool mapped = member && label->member == member && weir_source_identity(label->source) == weir_source_identity(e->source) &&
                      (e->source || label->entity == e->entity);
        bool named = e->op == WEIR_OP_LABEL_REF && label->expression && same_text(label->name, e->name);
        if (mapped || named || (label->expression && weir_expr_equal(label->expression, e)))
            return i;
    }
    return SIZE_MAX;
}
