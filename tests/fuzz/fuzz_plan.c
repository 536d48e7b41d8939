/* What a server's EXPLAIN says: JSON as a tree, and the remarks made of it; lines of SQLite's EXPLAIN QUERY PLAN. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "transfer/advise.h"
#include "transfer/json_text.h"

/* Every value's parent has it; as many values as can stand in so many bytes. */
static void walk(const weir_json *root, size_t size)
{
    size_t count = 0;
    for (const weir_json *value = root; value; ) {
        FUZZ_DEMAND(++count <= size, "more values than bytes");
        for (size_t i = 0; i < value->text.len + value->key.len; i++) {
            const char *volatile at = i < value->text.len ? value->text.ptr + i : value->key.ptr + (i - value->text.len);
            (void)*at;
        }
        weir_json_number(value, 0);
        if (value->first) {
            FUZZ_DEMAND(value->first->parent == value, "a parent of others");
            value = value->first;
            continue;
        }
        while (value && !value->next)
            value = value->parent;
        value = value ? value->next : NULL;
    }
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static const char sql[] = "SELECT id, name FROM things ORDER BY name, id";
    weir_arena arena;
    weir_error error = { .status = WEIR_OK };
    weir_query_text text;
    char *exact = fuzz_exact(data, size);
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 512);
    weir_remarks remarks = { .arena = &arena };
    bool one_line, valid = weir_json_valid(exact, size, &one_line);
    FUZZ_DEMAND(!valid || !one_line || !memchr(exact, '\n', size), "more than one line");
    const weir_json *tree = weir_json_read(exact, size, &arena, &error);
    FUZZ_DEMAND(tree || error.status == WEIR_DATA || error.status == WEIR_OUT_OF_MEMORY, "status %d", error.status);
    FUZZ_DEMAND(!tree || valid, "a tree of what is no JSON");
    weir_query_text_read(sql, sizeof sql - 1, &weir_dialect_postgresql, &text);
    if (tree) {
        walk(tree, size);
        const weir_json *plan = weir_json_member(tree->kind == WEIR_JSON_ARRAY ? tree->first : tree, "Plan");
        weir_remarks_of_plan(&remarks, plan ? plan : tree, &text);
        weir_plan_order_sort(plan ? plan : tree);
    }
    weir_remark_of_lite_plan(&remarks, (weir_text){ exact, size });
    weir_remarks_sort(&remarks);
    for (size_t i = 0; i < remarks.count; i++)
        FUZZ_DEMAND(*remarks.items[i].code && *remarks.items[i].text, "an empty remark");
    weir_arena_free(&arena);
    free(exact);
}
