/* The tables that entities ask for, association tables among them, in an order in which they can be made. */
#ifndef WEIR_SCHEMA_PLAN_H
#define WEIR_SCHEMA_PLAN_H
#include <weir/schema.h>
#include "base/arena.h"
#include "base/error.h"

typedef struct weir_schema_column {
    const char        *name;
    const weir_member *member;          /* whose C type it has: its own, or that of the key that it holds */
    bool               key, not_null, unique, indexed, generated;
    struct weir_schema_column *next;
} weir_schema_column;

/* A foreign key: columns of this table, columns of another. */
typedef struct weir_schema_reference {
    const char  *table;                 /* ended by NUL */
    const char **near, **far;
    size_t       count;
    bool         late;                  /* its table comes later: a cycle */
    struct weir_schema_reference *next;
} weir_schema_reference;

typedef struct weir_schema_table {
    const char            *name;        /* maybe "schema.table" */
    const char            *owner;       /* the entity's name, or the association table's: for messages */
    size_t                 key_count;
    weir_schema_column    *columns, **columns_end;
    weir_schema_reference *references, **references_end;
    bool                   placed;
    struct weir_schema_table *next;
} weir_schema_table;

typedef struct weir_schema_plan {
    weir_arena          arena;
    weir_schema_table  *tables, **tables_end;
    size_t              table_count;
    weir_schema_table **order;          /* referenced tables first */
} weir_schema_plan;

/* Checks the entities (NULL at the end; those without a table are passed over). Two entities of one table share it. Always to be
 * freed. WEIR_MAPPING and what weir_entity_check gives, WEIR_OUT_OF_MEMORY. */
int weir_schema_plan_make(weir_schema_plan *plan, const weir_entity *const *entities, weir_error *error);
void weir_schema_plan_free(weir_schema_plan *plan);
weir_schema_table *weir_schema_plan_find(const weir_schema_plan *plan, const char *name, size_t length);
#endif
