/* The order of a statement's rows: made from a select or from textual SQL; the statement for the rows behind a place; keys of rows. */
#include "transfer/order.h"
#include <math.h>
#include <string.h>
#include <strings.h>
#include <weir/session.h>
#include "base/digest.h"
#include "base/error.h"
#include "base/lanes.h"
#include "base/values.h"
#include "engine/result.h"
#include "sql/entity.h"
#include "sql/tree.h"
#include "transfer/order_parts.h"

weir_order_column *weir_order_add(weir_order *order)
{
    size_t count = order->count;
    if (!count || (count >= 4 && !(count & (count - 1)))) {             /* room for 4, 8, 16 … */
        weir_order_column *columns = weir_arena_take(&order->arena, (count ? count * 2 : 4) * sizeof *columns);
        if (!columns)
            return NULL;
        if (count)
            memcpy(columns, order->columns, count * sizeof *columns);
        order->columns = columns;
    }
    order->columns[count] = (weir_order_column){ .column = -1, .item = -1 };
    return &order->columns[order->count++];
}

/* ---- textual SQL ---- */

static int check_text(const weir_order *order, const weir_stmt *stmt, weir_error *error)
{
    weir_sql_facts facts;
    weir_sql_read_facts(stmt->text, stmt->length, order->dialect, &facts);
    if (facts.multiple || facts.kind != WEIR_SQL_SELECT)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "only the rows of one SELECT have an order: this is %s",
                              facts.multiple ? "more than one statement" : "no SELECT");
    return WEIR_OK;
}

/* SELECT weir_rows.* FROM (text) AS weir_rows */
static weir_stmt *enclose(const weir_stmt *stmt, weir_source **rows)
{
    weir_stmt *inner = weir_stmt_copy(stmt);
    weir_execution_options options;
    weir_stmt_get_options(inner, &options);
    if (inner->arena.ledger)
        inner->options = (weir_execution_options){ .struct_size = sizeof inner->options };
    *rows = weir_subquery(inner, "weir_rows", NULL);
    weir_stmt_free(&inner);
    const weir_expr star = { .op = WEIR_OP_STAR, .source = *rows };
    weir_stmt *outer = weir_select_list(WEIR_EXPRS(&star));
    weir_stmt_options(outer, &options);
    if (stmt->declared_count)
        weir_sql_columns(outer, stmt->declared, stmt->declared_count);
    return outer;
}

static int make_of_text(weir_order *order, const weir_stmt *stmt, const weir_order_options *options, weir_error *error)
{
    weir_source *rows = NULL;
    order->textual = true;
    if (check_text(order, stmt, error) != WEIR_OK)
        return error->status;
    if (!options->text || !*options->text)
        return weir_error_set(error, WEIR_INVALID_REQUEST,
                              "the order of textual SQL is not known: name the result's columns that it is ordered by, \"k desc, id not null\"");
    if (!options->unchecked)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "whether the order of textual SQL is unique cannot be known before it runs");
    if (weir_order_read_text(order, options->text, error) != WEIR_OK)
        return error->status;
    order->stmt = enclose(stmt, &rows);
    for (size_t i = 0; i < order->count && weir_stmt_error(order->stmt)->status == WEIR_OK; i++) {
        weir_expr *field = weir_arena_take(&order->arena, sizeof *field);
        if (!field)
            weir_error_out_of_memory(error);
        else
            *field = (weir_expr){ .op = WEIR_OP_SOURCE_COLUMN, .source = weir_tree_source(order->stmt, rows),
                                  .name = order->columns[i].name };
        order->columns[i].expr = field;
    }
    weir_source_free(&rows);
    return weir_error_keep(error, weir_stmt_error(order->stmt));
}

/* ---- selects ---- */

static int check_select(const weir_stmt *stmt, const weir_order_options *options, weir_error *error)
{
    const weir_select_tree *tree = stmt->tree;
    const char *what = stmt->write ? "what it writes"
                     : tree->text ? "rows of textual SQL: give the text itself, with its order"
                     : tree->set ? "a union: give it as textual SQL, with its order"
                     : tree->group_by.count || tree->having.count ? "groups: give it as textual SQL, with its order"
                     : tree->distinct_on.count ? "DISTINCT ON"
                     : tree->has_offset ? "an OFFSET"
                     : tree->has_limit ? "a LIMIT of its own" : NULL;
    if (what)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "the rows cannot be continued from a place in their order: the statement has %s", what);
    if (options->text)
        return weir_error_set(error, WEIR_ARGUMENT, "a select has its own order (weir_order_by): the order as a text is for textual SQL");
    return WEIR_OK;
}

/* What a label stands for. */
static const weir_expr *resolve(const weir_select_tree *tree, const weir_expr *e)
{
    e = weir_without_label(e);
    for (size_t i = 0; e->op == WEIR_OP_LABEL_REF && i < tree->columns.count; i++) {
        const weir_expr *item = tree->columns.items[i];
        if (item->op == WEIR_OP_LABEL && item->name && e->name && !strcmp(item->name, e->name))
            return weir_without_label(item);
    }
    return e;
}

static int read_order(weir_order *order, weir_error *error)
{
    const weir_select_tree *tree = order->stmt->tree;
    for (size_t i = 0; i < tree->order_by.count; i++) {
        const weir_expr *e = tree->order_by.items[i];
        weir_order_column *column = weir_order_add(order);
        if (!column)
            return weir_error_out_of_memory(error);
        for (; e->op >= WEIR_OP_ASC && e->op <= WEIR_OP_NULLS_LAST; e = e->args[0]) {
            column->nulls_first = column->nulls_said ? column->nulls_first : e->op == WEIR_OP_NULLS_FIRST;
            column->nulls_said = column->nulls_said || e->op >= WEIR_OP_NULLS_FIRST;
            column->descending = column->descending || e->op == WEIR_OP_DESC;
        }
        column->expr = resolve(tree, e);
        if (column->expr->op == WEIR_OP_ENTITY || column->expr->op == WEIR_OP_OVER)
            return weir_error_set(error, WEIR_INVALID_REQUEST, "the %zu. of the order's columns can be in no condition", i + 1);
    }
    return WEIR_OK;
}

/* The second time that a column is named says nothing. */
static void drop_repeated(weir_order *order)
{
    size_t kept = 0;
    for (size_t i = 0; i < order->count; i++) {
        bool repeated = false;
        for (size_t k = 0; k < kept && !repeated; k++)
            repeated = weir_expr_equal(order->columns[k].expr, order->columns[i].expr);
        if (!repeated)
            order->columns[kept++] = order->columns[i];
    }
    order->count = kept;
}

static bool says_not_null(const weir_expr *condition, const weir_expr *column)
{
    condition = weir_without_label(condition);
    bool found = condition->op == WEIR_OP_IS_NOT_NULL && weir_expr_equal(condition->args[0], column);
    for (size_t i = 0; condition->op == WEIR_OP_AND && condition->args[i] && !found; i++)
        found = says_not_null(condition->args[i], column);
    return found;
}

static void find_nulls(const weir_order *order, const weir_scope *scope, weir_order_column *column)
{
    const weir_expr *e = column->expr;
    const weir_select_tree *tree = order->stmt->tree;
    size_t element = e->op == WEIR_OP_COLUMN ? weir_from_find(scope, e->entity, e->source) : SIZE_MAX;
    column->member = e->op == WEIR_OP_COLUMN ? weir_entity_member(e->entity, e->offset) : NULL;
    column->name = column->member ? weir_member_column(column->member) : NULL;
    bool table = !e->source || e->source->kind == WEIR_SOURCE_ALIAS;
    column->nullable = !column->member || !table || weir_member_has_null(column->member) || element == SIZE_MAX ||
                       weir_order_is_optional(scope, element);
    for (size_t i = 0; i < tree->where.count && column->nullable; i++)
        column->nullable = !says_not_null(tree->where.items[i], e);
}

/* Where rows have the column; -1: nowhere. */
static void find_in_rows(const weir_scope *scope, weir_order_column *column)
{
    size_t label = weir_label_of(scope, column->expr);
    for (size_t i = 0; i < label && label != SIZE_MAX; i++)
        if (!scope->labels[i].name)
            return;                     /* a piece of SQL text: it may be any number of columns */
    if (label == SIZE_MAX)
        return;
    column->column = (int)label;
    for (size_t i = 0; i < scope->visible_count; i++) {
        const weir_select_item *item = &scope->items[i];
        if (label < item->first_column || label >= item->first_column + item->column_count)
            continue;
        column->item = (int)i;
        column->in_entity = item->kind == WEIR_ITEM_ENTITY;
        column->member = scope->labels[label].member;
    }
}

static int study(weir_order *order, const weir_scope *scope, const weir_order_options *options, weir_error *error)
{
    drop_repeated(order);
    if (weir_order_make_unique(order, scope, options->complete, error) != WEIR_OK)
        return error->status;
    for (size_t i = 0; i < order->count; i++) {
        find_nulls(order, scope, &order->columns[i]);
        find_in_rows(scope, &order->columns[i]);
    }
    order->width = scope->label_count;
    for (size_t i = 0; i < scope->label_count; i++)
        if (!scope->labels[i].name)
            order->width = 0;
    if (scope->visible_count && scope->items[0].kind == WEIR_ITEM_ENTITY)
        order->delivered = scope->items[0].entity;
    return WEIR_OK;
}

/* Renders the select once, without its loads, to know what it joins and which columns it has. */
static int make_of_select(weir_order *order, const weir_stmt *stmt, const weir_order_options *options, weir_error *error)
{
    order->stmt = weir_stmt_copy(stmt);
    if (weir_error_keep(error, weir_stmt_error(order->stmt)) != WEIR_OK || check_select(order->stmt, options, error) != WEIR_OK ||
        read_order(order, error) != WEIR_OK)
        return error->status;
    weir_select_tree *tree = order->stmt->tree;
    weir_buffer text;
    weir_arena scratch;
    bool eager = !tree->disable_eagerloads;
    weir_buffer_init(&text, order->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    weir_arena_init(&scratch, order->ledger, WEIR_MEMORY_STATEMENTS, 4096);
    weir_scope scope = { .stmt = order->stmt };
    weir_renderer r = { .dialect = order->dialect, .arena = &scratch, .error = error, .text = &text };
    r.with_end = &r.with;
    tree->disable_eagerloads = true;
    weir_render_select(&r, &scope);
    tree->disable_eagerloads = !eager;
    int status = text.failed && r.status == WEIR_OK ? weir_error_out_of_memory(error) : r.status;
    if (status == WEIR_OK)
        status = study(order, &scope, options, error);
    tree->order_by = (weir_expr_list){ .count = 0 };    /* weir_order_statement gives it another one */
    weir_arena_free(&scratch);
    weir_buffer_free(&text);
    return status;
}

/* ---- making ---- */

static int take_fingerprint(weir_order *order, weir_error *error)
{
    weir_compiled compiled;
    weir_arena arena;
    weir_buffer bytes;
    weir_stmt *whole = weir_order_statement(order, &(const weir_order_range){ .limit = 0 });
    weir_arena_init(&arena, order->ledger, WEIR_MEMORY_STATEMENTS, 4096);
    weir_buffer_init(&bytes, order->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    if (weir_stmt_error(whole)->status == WEIR_OK) {
        whole->tree->disable_eagerloads = true;
        whole->tree->load_count = 0;
    }
    int status = weir_stmt_compile(whole, order->dialect, &arena, &compiled, error);
    if (status == WEIR_OK) {
        weir_buffer_printf(&bytes, "weir order 1 %s", order->dialect->name);
        weir_buffer_byte(&bytes, 0);
        weir_buffer_append(&bytes, compiled.sql, compiled.sql_length + 1);
        weir_buffer_u64(&bytes, compiled.value_count);
        order->has_values = compiled.value_count > 0;
        for (size_t i = 0; i < compiled.value_count; i++)
            weir_key_put(&bytes, &compiled.values[i]);
        if (bytes.failed || !weir_sha256_text(bytes.data, bytes.length, order->fingerprint))
            status = weir_error_out_of_memory(error);
    }
    weir_buffer_free(&bytes);
    weir_arena_free(&arena);
    weir_stmt_free(&whole);
    return status;
}

/* NULLs are where the dialect has them, and names are there for messages. */
static void settle_columns(weir_order *order)
{
    for (size_t i = 0; i < order->count; i++) {
        weir_order_column *column = &order->columns[i];
        if (!column->nulls_said)
            column->nulls_first = column->descending != order->dialect->nulls_are_smallest;
        if (!column->name)
            column->name = column->expr->name && column->expr->op == WEIR_OP_SOURCE_COLUMN ? column->expr->name : "an expression";
    }
}

weir_order *weir_order_of(const weir_stmt *stmt, const weir_order_options *options, weir_ledger *ledger, weir_error *error)
{
    static const weir_order_options none = { .text = NULL };
    weir_error_clear(error);
    weir_order *order = weir_alloc_zero(ledger, WEIR_MEMORY_STATEMENTS, sizeof *order);
    if (!order) {
        weir_error_out_of_memory(error);
        return NULL;
    }
    options = options ? options : &none;
    order->ledger = ledger;
    order->dialect = options->dialect ? options->dialect : &weir_dialect_postgresql;
    weir_arena_init(&order->arena, ledger, WEIR_MEMORY_STATEMENTS, 1024);
    int status = weir_error_keep(error, weir_stmt_error(stmt));
    if (status == WEIR_OK)
        status = (stmt->tree ? make_of_select : make_of_text)(order, stmt, options, error);
    if (status == WEIR_OK) {
        settle_columns(order);
        status = take_fingerprint(order, error);
    }
    if (status == WEIR_OK)
        return order;
    weir_order_free(order);
    return NULL;
}

void weir_order_free(weir_order *order)
{
    if (!order)
        return;
    weir_stmt_free(&order->stmt);
    weir_arena_free(&order->arena);
    weir_free(order);
}

size_t weir_order_count(const weir_order *order) { return order->count; }

const char *weir_order_name(const weir_order *order, size_t index) { return index < order->count ? order->columns[index].name : ""; }

void weir_order_fingerprint(const weir_order *order, char fingerprint[WEIR_FINGERPRINT_SIZE])
{
    memcpy(fingerprint, order->fingerprint, WEIR_FINGERPRINT_SIZE);
}

/* ---- the statement of a range ---- */

static void add_condition(const weir_order *order, weir_stmt *stmt, const weir_value *key, const weir_value *other_end, bool reversed,
                          bool itself, weir_arena *arena)
{
    const weir_expr *condition = key ? weir_order_condition(order, key, other_end, reversed, itself, arena) : NULL;
    if (condition)
        weir_where(stmt, condition);
    else if (key && weir_stmt_can_build(stmt))
        weir_error_out_of_memory(&stmt->error);
}

void weir_order_add_direction(weir_stmt *stmt, const weir_order_column *column, const weir_expr *expr, bool backwards)
{
    bool descending = column->descending != backwards, nulls_first = column->nulls_first != backwards;
    const weir_expr *const bare[] = { expr, NULL };
    const weir_expr directed = { .op = descending ? WEIR_OP_DESC : WEIR_OP_ASC, .args = bare };
    const weir_expr *const inner[] = { &directed, NULL };
    const weir_expr placed = { .op = nulls_first ? WEIR_OP_NULLS_FIRST : WEIR_OP_NULLS_LAST, .args = inner };
    weir_order_by(stmt, column->nullable ? &placed : &directed);
}

weir_stmt *weir_order_statement(const weir_order *order, const weir_order_range *range)
{
    weir_arena arena;
    weir_stmt *stmt = weir_stmt_copy(order->stmt);
    weir_arena_init(&arena, order->ledger, WEIR_MEMORY_STATEMENTS, 1024);
    add_condition(order, stmt, range->after, range->through, range->backwards, range->at, &arena);
    add_condition(order, stmt, range->through, range->after, !range->backwards, true, &arena);
    for (size_t i = 0; i < order->count; i++)
        weir_order_add_direction(stmt, &order->columns[i], order->columns[i].expr, range->backwards);
    if (range->limit)
        weir_limit(stmt, range->limit);
    weir_arena_free(&arena);
    return stmt;
}

/* ---- keys ---- */

static int take_value(const weir_order_column *column, const weir_value *value, weir_value *out, weir_error *error)
{
    if (!column->nullable && weir_value_is_null(value))
        return weir_error_set(error, WEIR_DATA, "the order's column %s is NULL in a row, although it is %s", column->name,
                              column->member ? "mapped as one that is never NULL" : "said to be \"not null\"");
    *out = *value;
    return WEIR_OK;
}

/* Whether a member has the value exactly as the column has it. */
static bool is_exact(const weir_order *order, const weir_member *member)
{
    weir_member_family family = weir_family_of(member);
    bool lite = order->dialect->nulls_are_smallest;     /* whose times are texts, which may be written in several ways */
    if (member->type == WEIR_M_FLOAT || (family == WEIR_FAMILY_FLOATING && !lite))
        return false;                   /* the column may be a double or a numeric */
    return !lite || family <= WEIR_FAMILY_BLOB;
}

static int take_member(const weir_order *order, const weir_order_column *column, const void *object, weir_value *out, weir_error *error)
{
    weir_value value = { .type = WEIR_T_NULL };
    if (object && !is_exact(order, column->member))
        return weir_error_set(error, WEIR_INVALID_REQUEST,
                              "the place of an instance is not known exactly: %s may hold another value than its row. Read rows, or order "
                              "by an integer or text", column->name);
    if (object)
        weir_member_value(column->member, object, &value);
    return take_value(column, &value, out, error);
}

static int find_by_name(const weir_order *order, const weir_row *row, const char *name, weir_error *error)
{
    int (*differs)(const char *, const char *) = order->dialect->names_fold ? strcmp : strcasecmp;
    int found = -1;
    for (size_t i = 0; i < row->view->count; i++) {
        const char *column = row->view->columns[i].name;
        if (!column || differs(column, name) != 0)
            continue;
        if (found >= 0) {
            weir_error_set(error, WEIR_AMBIGUOUS_COLUMN, "the rows have two columns of the order's name %s", name);
            return -1;
        }
        found = (int)i;
    }
    if (found < 0)
        weir_error_set(error, WEIR_NO_SUCH_COLUMN, "the rows have no column %s to be ordered by", name);
    return found;
}

int weir_order_value(const weir_order *order, size_t i, const weir_row *row, weir_value *out, weir_error *error)
{
    const weir_order_column *column = &order->columns[i];
    const weir_result *result = row->view->result;
    bool mixed = result && result->has_instances;
    int index = order->textual ? find_by_name(order, row, column->name, error) : mixed ? column->item : column->column;
    if (order->textual && index < 0)
        return error->status;
    if (index < 0 || (size_t)index >= row->view->count)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "the statement is ordered by %s, which is not among its columns: select it, too",
                              column->name);
    if (!mixed || !column->in_entity)
        return take_value(column, weir_row_value_at(row, index), out, error);
    return take_member(order, column, weir_row_entity(row, column->expr->entity, row->view->columns[index].name), out, error);
}

bool weir_order_has(const weir_order *order, size_t i, bool in_session)
{
    const weir_order_column *column = &order->columns[i];
    bool member = in_session && column->in_entity;
    return order->textual || ((in_session ? column->item : column->column) >= 0 && (!member || is_exact(order, column->member)));
}

int weir_order_key(const weir_order *order, const weir_row *row, weir_value *key, weir_error *error)
{
    for (size_t i = 0; i < order->count; i++)
        if (weir_order_value(order, i, row, &key[i], error) != WEIR_OK)
            return error->status;
    return WEIR_OK;
}

int weir_order_key_of_instance(const weir_order *order, const void *instance, weir_value *key, weir_error *error)
{
    for (size_t i = 0; i < order->count; i++) {
        const weir_order_column *column = &order->columns[i];
        if (!order->delivered || !column->in_entity || column->item != 0)
            return weir_error_set(error, WEIR_INVALID_REQUEST,
                                  "the statement is ordered by %s, which is no member of the instances that it delivers: read rows", column->name);
        if (take_member(order, column, instance, &key[i], error) != WEIR_OK)
            return error->status;
    }
    return WEIR_OK;
}

/* ---- the same place ---- */

/* Digits without zeros that say nothing. */
static weir_text trimmed(weir_text text, bool *negative)
{
    *negative = text.len && *text.ptr == '-';
    if (text.len && (*text.ptr == '-' || *text.ptr == '+')) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 1 && *text.ptr == '0') {
        text.ptr++;
        text.len--;
    }
    bool point = memchr(text.ptr, '.', text.len) != NULL;
    while (point && text.len && text.ptr[text.len - 1] == '0')
        text.len--;
    if (point && text.len && text.ptr[text.len - 1] == '.')
        text.len--;
    if (text.len == 1 && *text.ptr == '0')
        text.len = 0;
    *negative = *negative && text.len;
    return text;
}

static bool same_numeric(weir_text a, weir_text b)
{
    bool a_negative, b_negative;
    a = trimmed(a, &a_negative);
    b = trimmed(b, &b_negative);
    return a_negative == b_negative && a.len == b.len && (!a.len || !memcmp(a.ptr, b.ptr, a.len));
}

static bool is_floating(const weir_value *v) { return v->type == WEIR_T_FLOAT || v->type == WEIR_T_DOUBLE; }
static bool is_integer(const weir_value *v) { return v->type >= WEIR_T_INT16 && v->type <= WEIR_T_INT64; }

static bool same_interval(weir_interval a, weir_interval b)
{
    __extension__ typedef __int128 wide;
    wide days_a = (wide)a.months * 30 + a.days, days_b = (wide)b.months * 30 + b.days;
    return days_a * INT64_C(86400000000) + a.usec == days_b * INT64_C(86400000000) + b.usec;
}

/* As the databases compare: more is equal than for weir_value_equal. */
static bool same_value(const weir_value *a, const weir_value *b)
{
    if (is_integer(a) && is_integer(b))
        return a->as.i == b->as.i;
    if (is_floating(a) && is_floating(b))
        return a->as.d == b->as.d || (isnan(a->as.d) && isnan(b->as.d));
    if (is_integer(a) && is_floating(b))
        return (double)a->as.i == b->as.d && b->as.d < 9.2e18 && (int64_t)b->as.d == a->as.i;
    if (is_floating(a) && is_integer(b))
        return same_value(b, a);
    if (a->type == WEIR_T_NUMERIC && b->type == WEIR_T_NUMERIC)
        return same_numeric(a->as.text, b->as.text);
    if (a->type == WEIR_T_INTERVAL && b->type == WEIR_T_INTERVAL)
        return same_interval(a->as.interval, b->as.interval);
    return weir_value_equal(a, b);
}

bool weir_order_same(const weir_order *order, const weir_value *a, const weir_value *b)
{
    for (size_t i = 0; i < order->count; i++)
        if (!same_value(&a[i], &b[i]))
            return false;
    return true;
}
