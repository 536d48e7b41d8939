/* What a plan's nodes mean for a stream. Nodes are looked at, never the words of the plan's text. */
#include <string.h>
#include "transfer/advise.h"

enum { MANY = 10000, HUGE_HASH = 100000 };      /* rows: from here on it is felt */

typedef struct looked {
    weir_remarks *remarks;
    const weir_query_text *text;
    const weir_json *node;
    double rows;                                /* that the node reads: its first child's, or its own */
    char shown[WEIR_GROUPED_SIZE];              /* the same, as text */
} looked;

static const weir_json *first_child(const weir_json *node)
{
    const weir_json *plans = weir_json_member(node, "Plans");
    return plans ? plans->first : NULL;
}

/* The plan that this one is in; NULL: it is the topmost. */
static const weir_json *parent_of(const weir_json *node)
{
    const weir_json *list = node->parent;
    return list && list->kind == WEIR_JSON_ARRAY && weir_json_member(list->parent, "Node Type") ? list->parent : NULL;
}

static double rows_of(const weir_json *node) { return weir_json_number(weir_json_member(node, "Plan Rows"), 0); }
static bool is_type(const weir_json *node, const char *type) { return weir_json_is(weir_json_member(node, "Node Type"), type); }

static weir_remark_weight weight_of(double rows) { return rows >= MANY ? WEIR_REMARK_WARNING : WEIR_REMARK_NOTE; }

/* Runs once for each row of what is above it: no row waits for all of it. */
static bool is_per_row(const weir_json *node)
{
    for (; node; node = parent_of(node))
        if (weir_json_is(weir_json_member(node, "Parent Relationship"), "SubPlan"))
            return true;
    return false;
}

/* "a, b DESC", at most so long. */
static const char *join_texts(const weir_json *list, char *out, size_t size)
{
    size_t length = 0;
    out[0] = 0;
    for (const weir_json *item = list ? list->first : NULL; item; item = item->next) {
        size_t need = item->text.len + 2;
        if (length + need + 4 > size) {
            memcpy(out + length, ", …", sizeof ", …");
            return out;
        }
        if (length)
            memcpy(out + length, ", ", 2), length += 2;
        memcpy(out + length, item->text.ptr, item->text.len);
        length += item->text.len;
        out[length] = 0;
    }
    return out;
}

static const char *text_of(const looked *l, const char *key, char *out, size_t size)
{
    const weir_json *value = weir_json_member(l->node, key);
    weir_error_text(out, size, value && value->text.ptr ? value->text.ptr : "", value ? value->text.len : 0);
    return out;
}

/* ---- one function for each kind of node that is worth a word ------------------------------------------------------------------------- */

static void look_at_sort(looked *l)
{
    char keys[200];
    weir_remark_add(l->remarks, "sort", weight_of(l->rows), l->rows,
                    "give it an index in that order, so that rows come as they are found; or order by an indexed key",
                    "before the first row the server sorts about %s rows by %s; the client waits meanwhile, and the sort takes the server's "
                    "memory (work_mem) or disk", l->shown, join_texts(weir_json_member(l->node, "Sort Key"), keys, sizeof keys));
}

static const char no_key_of_its_own[] =
    "stream rows, not instances; order by all columns of the group if it shall be resumable";

static void look_at_aggregate(looked *l)
{
    bool hashed = weir_json_is(weir_json_member(l->node, "Strategy"), "Hashed") || weir_json_is(weir_json_member(l->node, "Strategy"), "Mixed");
    bool grouped = weir_json_member(l->node, "Group Key") || weir_json_member(l->node, "Grouping Sets");
    bool distinct = l->text->distinct && !l->text->grouped;
    if (!grouped) {
        weir_remark_add(l->remarks, "aggregate", WEIR_REMARK_NOTE, l->rows,
                        "read it buffered, with the option parallel_plan: a stream is planned without parallel workers",
                        "the server reads about %s rows to make one row of them", l->shown);
        return;
    }
    bool combined = l->text->combined && !l->text->grouped && !distinct;
    const char *what = combined ? "UNION" : distinct ? "DISTINCT" : "GROUP BY", *code = combined ? "set-operation" : distinct ? "distinct" : "group-by";
    if (hashed)
        weir_remark_add(l->remarks, code, weight_of(l->rows), l->rows, no_key_of_its_own,
                        "%s: the server puts about %s rows into a hash before it sends the first one; its rows have no key of a table",
                        what, l->shown);
    else
        weir_remark_add(l->remarks, code, WEIR_REMARK_NOTE, l->rows, no_key_of_its_own,
                        "%s: groups come one by one, from about %s rows in their order; they have no key of a table", what, l->shown);
}

static void look_at_unique(looked *l)
{
    weir_remark_add(l->remarks, "distinct", WEIR_REMARK_NOTE, l->rows, no_key_of_its_own,
                    "DISTINCT: about %s sorted rows are compared with each other; what comes out has no key of a table", l->shown);
}

static void look_at_set_operation(looked *l)
{
    weir_remark_add(l->remarks, "set-operation", weight_of(l->rows), l->rows, "UNION ALL does not compare rows; export the parts one by one",
                    "INTERSECT or EXCEPT: the server collects about %s rows before it sends the first one", l->shown);
}

static void look_at_window(looked *l)
{
    weir_remark_add(l->remarks, "window", WEIR_REMARK_NOTE, l->rows, "check that a partition of the window is small, or compute it while reading",
                    "window functions: the server keeps each partition of the window (of about %s rows in all) until it has read it",
                    l->shown);
}

static void look_at_cte(looked *l)
{
    char name[80];
    double rows = rows_of(l->node);
    weir_grouped(l->shown, rows);
    weir_remark_add(l->remarks, "materialized-cte", weight_of(rows), rows, "write WITH … AS NOT MATERIALIZED, or a subquery, where it is used once",
                    "the CTE %s is kept at the server: about %s rows", text_of(l, "CTE Name", name, sizeof name), l->shown);
}

static void look_at_recursion(looked *l)
{
    weir_remark_add(l->remarks, "recursive-cte", WEIR_REMARK_NOTE, l->rows, "check that it ends, and does not grow with the table",
                    "a recursive CTE: the server holds all of its rows, and nobody can estimate how many");
}

static void look_at_function(looked *l)
{
    char name[80];
    double rows = rows_of(l->node);
    weir_remark_add(l->remarks, "function-scan", weight_of(rows), rows,
                    "select from the tables themselves; or call the function in the select list, where it gives row by row",
                    "the function %s in FROM gives all of its rows (estimated: %s) before the first one is sent",
                    text_of(l, "Function Name", name, sizeof name), weir_grouped(l->shown, rows));
}

static void look_at_locks(looked *l)
{
    weir_remark_add(l->remarks, "locks-rows", WEIR_REMARK_WARNING, l->rows,
                    "commit batch by batch with a keyset instead of one long stream; or read without FOR UPDATE",
                    "FOR UPDATE or FOR SHARE: each row that is read stays locked until the stream's transaction ends, and batches are not "
                    "asked for ahead");
}

static void look_at_foreign(looked *l)
{
    double rows = rows_of(l->node);
    weir_remark_add(l->remarks, "foreign-scan", weight_of(rows), rows, "set the foreign server's fetch_size near the batch size (postgres_fdw: 100)",
                    "about %s rows come from a foreign server, in fetches of its fetch_size", weir_grouped(l->shown, rows));
}

static void look_at_hash(looked *l)
{
    if (l->rows >= HUGE_HASH)
        weir_remark_add(l->remarks, "hash", WEIR_REMARK_NOTE, l->rows, "an index on the joined column lets it look rows up instead",
                        "before the first row the server puts about %s rows into a hash, for a join", l->shown);
}

static const struct kind { const char *type; bool waits; void (*look)(looked *l); } kinds[] = {
    { "Sort", true, look_at_sort },                { "Aggregate", true, look_at_aggregate }, { "Group", true, look_at_aggregate },
    { "Unique", true, look_at_unique },            { "SetOp", true, look_at_set_operation }, { "WindowAgg", true, look_at_window },
    { "CTE Scan", false, look_at_cte },            { "Recursive Union", false, look_at_recursion },
    { "Function Scan", true, look_at_function },   { "Table Function Scan", true, look_at_function },
    { "LockRows", false, look_at_locks },          { "Foreign Scan", false, look_at_foreign }, { "Hash", true, look_at_hash },
};

/* The node behind this one, children first. */
static const weir_json *next_node(const weir_json *node)
{
    const weir_json *next = first_child(node);
    while (!next && node) {
        next = node->next && node->parent && node->parent->kind == WEIR_JSON_ARRAY ? node->next : NULL;
        node = parent_of(node);
    }
    return next;
}

void weir_remarks_of_plan(weir_remarks *remarks, const weir_json *plan, const weir_query_text *text)
{
    for (const weir_json *node = plan; node; node = next_node(node)) {
        const weir_json *child = first_child(node);
        looked l = { .remarks = remarks, .text = text, .node = node, .rows = rows_of(child ? child : node) };
        weir_grouped(l.shown, l.rows);
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (is_type(node, kinds[i].type) && !(kinds[i].waits && is_per_row(node)))
                kinds[i].look(&l);
    }
}

const weir_json *weir_plan_order_sort(const weir_json *plan)
{
    static const char *const passed[] = { "Limit", "LockRows", "Subquery Scan", "Result", "ProjectSet", "Gather Merge", "Incremental Sort" };
    for (const weir_json *node = plan; node; node = first_child(node)) {
        if (is_type(node, "Sort"))
            return node;
        bool passes = false;
        for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
            passes = passes || is_type(node, passed[i]);
        if (!passes)
            return NULL;
    }
    return NULL;
}

/* ---- SQLite --------------------------------------------------------------------------------------------------------------------------- */

/* What a line begins with is SQLite's own; the names of tables stand behind SCAN, SEARCH and the like. */
bool weir_remark_of_lite_plan(weir_remarks *remarks, weir_text detail)
{
    static const struct { const char *begins, *code, *text, *advice; weir_remark_weight weight; bool order; } lines[] = {
        { "USE TEMP B-TREE FOR ORDER BY", "sort",
          "before the first row SQLite sorts all rows, in memory of its own or a temporary file",
          "give it an index in that order, or order by the key", WEIR_REMARK_WARNING, true },
        { "USE TEMP B-TREE FOR LAST", "sort", "SQLite sorts the rows that are equal in the first columns of the order", "an index of the whole order saves that",
          WEIR_REMARK_NOTE, true },
        { "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY", "sort", "SQLite sorts the rows that are equal in the first columns of the order",
          "an index of the whole order saves that", WEIR_REMARK_NOTE, true },
        { "USE TEMP B-TREE FOR GROUP BY", "group-by", "GROUP BY: SQLite sorts all rows before it gives the first group, which has no key of a table",
          no_key_of_its_own, WEIR_REMARK_WARNING, false },
        { "USE TEMP B-TREE FOR DISTINCT", "distinct", "DISTINCT: SQLite keeps all different rows that it has given, in memory or a temporary file",
          no_key_of_its_own, WEIR_REMARK_WARNING, false },
        { "UNION USING TEMP B-TREE", "set-operation", "UNION: SQLite keeps all different rows before it gives the first one", "UNION ALL does not compare rows",
          WEIR_REMARK_WARNING, false },
        { "EXCEPT USING TEMP B-TREE", "set-operation", "EXCEPT: SQLite keeps all rows of its left side before it gives the first one",
          "write it as NOT EXISTS", WEIR_REMARK_WARNING, false },
        { "INTERSECT USING TEMP B-TREE", "set-operation", "INTERSECT: SQLite keeps all rows of its left side before it gives the first one",
          "write it as EXISTS", WEIR_REMARK_WARNING, false },
        { "MATERIALIZE ", "materialized-cte", "SQLite makes a temporary table of a view, a subquery or a CTE before the first row",
          "write AS NOT MATERIALIZED, or join the tables themselves", WEIR_REMARK_NOTE, false },
        { "RECURSIVE STEP", "recursive-cte", "a recursive CTE: nobody can estimate how many rows it gives", "check that it ends", WEIR_REMARK_NOTE, false },
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t length = strlen(lines[i].begins);
        if (detail.len >= length && !memcmp(detail.ptr, lines[i].begins, length)) {
            weir_remark_add(remarks, lines[i].code, lines[i].weight, 0, lines[i].advice, "%s", lines[i].text);
            return lines[i].order;
        }
    }
    return false;
}
