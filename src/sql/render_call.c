/* Functions, aggregates and windows, CASE, CAST; lists of expressions. */
#include "sql/render.h"
#include <string.h>
#include <strings.h>

static bool is_function_name(const char *name)
{
    bool start = true;
    size_t points = 0;
    for (; *name; name++) {
        bool digit = *name >= '0' && *name <= '9';
        if (*name == '.' && !start && points++ < 1)
            start = true;
        else if (!(weir_is_word_char(*name) && (unsigned char)*name < 128 && *name != '$') || (start && digit))
            return false;
        else
            start = false;
    }
    return !start;
}

static bool is_type_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ (),.[]\"";
    return name && *name && strspn(name, allowed) == strlen(name);
}

void weir_render_list(weir_renderer *r, const weir_expr *const *items, const char *before)
{
    for (size_t i = 0; items && items[i] && r->status == WEIR_OK; i++) {
        weir_buffer_text(r->text, i ? ", " : before);
        weir_render_expression(r, items[i], WEIR_BIND_NONE, false);
    }
}

static void write_function(weir_renderer *r, const weir_expr *e)
{
    if (!e->name || !is_function_name(e->name)) {
        weir_render_fail(r, WEIR_ARGUMENT, "'%.60s' is no name of a function: letters, digits, underscores and one point",
                         e->name ? e->name : "");
        return;
    }
    bool none = !e->args || !e->args[0];
    if (none && !strcmp(e->name, "now")) {
        weir_buffer_text(r->text, "CURRENT_TIMESTAMP");
        return;
    }
    if (!strcasecmp(e->name, "set_config"))
        r->has_text = true;             /* a fact that the lexer finds */
    weir_buffer_text(r->text, e->name);
    weir_buffer_text(r->text, none && !strcasecmp(e->name, "count") ? "(*" : "(");
    for (size_t i = 0; !none && e->args[i] && r->status == WEIR_OK; i++) {
        weir_buffer_text(r->text, i ? ", " : "");
        weir_render_expression(r, e->args[i], WEIR_BIND_NONE, true);
    }
    weir_buffer_byte(r->text, ')');
}

/* ---- windows ---- */

static void write_bound(weir_renderer *r, int32_t bound, bool from)
{
    if (bound == 0)
        weir_buffer_text(r->text, "CURRENT ROW");
    else if (bound == WEIR_UNBOUNDED || bound <= -WEIR_UNBOUNDED)
        weir_buffer_text(r->text, from || bound < 0 ? "UNBOUNDED PRECEDING" : "UNBOUNDED FOLLOWING");
    else
        weir_buffer_printf(r->text, "%d %s", bound < 0 ? -bound : bound, bound < 0 ? "PRECEDING" : "FOLLOWING");
}

static void write_window(weir_renderer *r, const weir_window *window)
{
    static const weir_window empty = { .frame = WEIR_FRAME_NONE };
    if (!window)
        window = &empty;
    bool partitioned = window->partition_by && window->partition_by[0], ordered = window->order_by && window->order_by[0];
    weir_buffer_text(r->text, " OVER (");
    if (partitioned)
        weir_render_list(r, window->partition_by, "PARTITION BY ");
    for (size_t i = 0; ordered && window->order_by[i] && r->status == WEIR_OK; i++) {
        weir_buffer_text(r->text, i ? ", " : partitioned ? " ORDER BY " : "ORDER BY ");
        weir_render_expression(r, window->order_by[i], WEIR_BIND_NONE, true);
    }
    if (window->frame != WEIR_FRAME_NONE) {
        weir_buffer_text(r->text, partitioned || ordered ? " " : "");
        weir_buffer_text(r->text, window->frame == WEIR_FRAME_ROWS ? "ROWS BETWEEN " : "RANGE BETWEEN ");
        write_bound(r, window->from, true);
        weir_buffer_text(r->text, " AND ");
        write_bound(r, window->to, false);
    }
    weir_buffer_byte(r->text, ')');
}

/* ---- case, cast ---- */

static void write_case(weir_renderer *r, const weir_expr *e)
{
    size_t i = 0;
    if (!e->args || !e->args[0] || !e->args[1]) {
        weir_render_fail(r, WEIR_ARGUMENT, "a CASE needs a condition and a result at least");
        return;
    }
    weir_buffer_text(r->text, "CASE");
    for (; e->args[i] && e->args[i + 1] && r->status == WEIR_OK; i += 2) {
        weir_buffer_text(r->text, " WHEN ");
        weir_render_expression(r, e->args[i], WEIR_BIND_OR, false);
        weir_buffer_text(r->text, " THEN ");
        weir_render_expression(r, e->args[i + 1], WEIR_BIND_OR, true);
    }
    if (e->args[i] && r->status == WEIR_OK) {
        weir_buffer_text(r->text, " ELSE ");
        weir_render_expression(r, e->args[i], WEIR_BIND_OR, true);
    }
    weir_buffer_text(r->text, " END");
}

static void write_cast(weir_renderer *r, const weir_expr *e, const weir_expr *operand)
{
    if (!is_type_name(e->name)) {
        weir_render_fail(r, WEIR_ARGUMENT, "'%.60s' is no type to cast to", e->name ? e->name : "");
        return;
    }
    weir_buffer_text(r->text, "CAST(");
    weir_render_expression(r, operand, WEIR_BIND_OR, false);
    weir_buffer_text(r->text, " AS ");
    weir_buffer_text(r->text, e->name);
    weir_buffer_byte(r->text, ')');
}

/* Behind the operand, or around it. */
static void write_affix(weir_renderer *r, const char *before, const weir_expr *operand, const char *behind)
{
    weir_buffer_text(r->text, before);
    weir_render_expression(r, operand, WEIR_BIND_NONE, true);
    weir_buffer_text(r->text, behind);
}

void weir_render_call(weir_renderer *r, const weir_expr *e)
{
    const weir_expr *operand = e->args ? e->args[0] : NULL;
    if (e->op == WEIR_OP_FUNCTION) {
        write_function(r, e);
        return;
    }
    if (e->op == WEIR_OP_COUNT_STAR) {
        weir_buffer_text(r->text, "count(*)");
        return;
    }
    if (!operand || (e->op == WEIR_OP_FILTER && !e->args[1])) {
        weir_render_fail(r, WEIR_ARGUMENT, "an operator (%d) lacks an operand", (int)e->op);
        return;
    }
    switch (e->op) {
    case WEIR_OP_CASE: write_case(r, e); break;
    case WEIR_OP_CAST: write_cast(r, e, operand); break;
    case WEIR_OP_DISTINCT: write_affix(r, "DISTINCT ", operand, ""); break;
    case WEIR_OP_ASC: write_affix(r, "", operand, " ASC"); break;
    case WEIR_OP_DESC: write_affix(r, "", operand, " DESC"); break;
    case WEIR_OP_NULLS_FIRST: write_affix(r, "", operand, " NULLS FIRST"); break;
    case WEIR_OP_NULLS_LAST: write_affix(r, "", operand, " NULLS LAST"); break;
    case WEIR_OP_FILTER:
        write_affix(r, "", operand, " FILTER (WHERE ");
        weir_render_expression(r, e->args[1], WEIR_BIND_OR, false);
        weir_buffer_byte(r->text, ')');
        break;
    case WEIR_OP_OVER:
        weir_render_expression(r, operand, WEIR_BIND_NONE, true);
        write_window(r, e->window);
        break;
    default: weir_render_fail(r, WEIR_ARGUMENT, "an expression has the operator %d where it has no meaning", (int)e->op);
    }
}
