/* weir/schema.h: tables from entities, and whether live tables fit them. */
#ifndef WEIR_SCHEMA_H
#define WEIR_SCHEMA_H
#include <weir/engine.h>
#include <weir/entity.h>

#ifdef __cplusplus
extern "C" {
#endif

/* CREATE TABLE IF NOT EXISTS for each entity (and association table), indexes too, referenced tables first, in one transaction.
 * `entities` ends with NULL. For tests and demos, not for migrations. */
WEIR_API int weir_create_all(weir_engine *engine, const weir_entity *const *entities, weir_error *error);
WEIR_API int weir_drop_all(weir_engine *engine, const weir_entity *const *entities, weir_error *error);

typedef enum weir_difference_kind {
    WEIR_TABLE_MISSING = 1, WEIR_COLUMN_MISSING, WEIR_TYPE_DIFFERS, WEIR_TYPE_NARROWER, WEIR_NULLABLE_COLUMN, WEIR_KEY_DIFFERS
} weir_difference_kind;
typedef struct weir_difference {
    weir_difference_kind kind;
    const weir_entity   *entity;
    const weir_member   *member;        /* NULL for a table's */
    char                 message[256];  /* in words: "invoices.total_cents is integer, the member invoice.total_cents is int64_t" */
} weir_difference;
typedef void (*weir_difference_fn)(const weir_difference *difference, void *context);
/* Compares the mapping with the live tables and calls `fn` for each difference. Returns how many there are, or a negative status. */
WEIR_API int64_t weir_schema_check(weir_engine *engine, const weir_entity *const *entities, weir_difference_fn fn, void *context, weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
