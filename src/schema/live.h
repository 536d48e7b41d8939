/* A live table as the database describes it. */
#ifndef WEIR_SCHEMA_LIVE_H
#define WEIR_SCHEMA_LIVE_H
#include <weir/engine.h>
#include "base/arena.h"
#include "base/error.h"
#include "sql/identifier.h"

typedef struct weir_live_column {
    weir_column_info info;              /* as results of it have it; texts in the arena */
    bool             not_null, key;
} weir_live_column;

typedef struct weir_live_table {
    bool              exists;
    bool              view;             /* knows neither keys nor NOT NULL */
    weir_live_column *columns;
    size_t            column_count;
} weir_live_table;

int weir_live_table_read(weir_connection *connection, bool postgresql, const weir_table_name *name, weir_arena *arena, weir_live_table *out,
                         weir_error *error);
/* Whether something else than an index of this table (which exists) has the name in its schema. */
int weir_live_index_name_taken(weir_connection *connection, bool postgresql, const char *table, weir_text index, bool *taken, weir_error *error);
/* NULL: none of that name. SQLite's names do not tell capitals. */
const weir_live_column *weir_live_table_column(const weir_live_table *table, const char *name, bool postgresql);
#endif
