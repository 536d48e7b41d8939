/* How many rows a query will give, where that is cheap to know. */
#include "estimate.h"
#include <stdlib.h>
#include <string.h>
#include "query.h"

/* The topmost plan's "Plan Rows" in EXPLAIN's JSON. */
static int64_t plan_rows(const weir_value *value)
{
    static const char key[] = "\"Plan Rows\":";
    weir_text plan;
    if (!value || weir_value_as_text(value, &plan, NULL) != WEIR_OK)
        return 0;
    const char *at = memmem(plan.ptr, plan.len, key, sizeof key - 1);
    int64_t rows = 0;
    if (!at)
        return 0;
    for (at += sizeof key - 1; at < plan.ptr + plan.len && *at == ' '; )
        at++;
    for (; at < plan.ptr + plan.len && *at >= '0' && *at <= '9' && rows < INT64_MAX / 100; at++)
        rows = rows * 10 + (*at - '0');
    return rows;
}

static int64_t greatest_rowid(const weir_value *value)
{
    int64_t rows = 0;
    return value && weir_value_as_int64(value, &rows, NULL) == WEIR_OK ? rows : 0;
}

int64_t estimate_rows(weir_connection *connection, const export_settings *settings, const char *sql, bool sqlite)
{
    text question = { 0 };
    weir_stmt *stmt = NULL;
    int64_t rows = 0;
    size_t last;
    if (sqlite && (!settings->table || settings->where))
        return 0;
    if (sqlite) {
        text_add(&question, "SELECT max(rowid) FROM ");
        if (query_table(settings->table, &question, &last) == 0)
            stmt = weir_sql(question.data);
    } else {
        int code;
        text_add(&question, "EXPLAIN (FORMAT JSON) ");
        text_add(&question, sql);
        stmt = query_statement(settings, question.data, false, &code);
    }
    if (stmt) {
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        const weir_value *value = weir_result_scalar(result);
        rows = sqlite ? greatest_rowid(value) : plan_rows(value);
        if (weir_result_close(&result) != WEIR_OK)
            rows = 0;
        weir_stmt_free(&stmt);
    }
    weir_connection_rollback(connection);
    text_free(&question);
    return rows;
}
