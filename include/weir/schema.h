/* weir/schema.h: tables from entities, entities from tables, and whether live tables fit them. Any thread; each call takes a connection from the pool
 * and gives it back. Besides what is said below: the errors of weir_engine_connect and of the database. */
#ifndef WEIR_SCHEMA_H
#define WEIR_SCHEMA_H
#include <weir/engine.h>
#include <weir/entity.h>

#ifdef __cplusplus
extern "C" {
#endif

/* CREATE TABLE IF NOT EXISTS for each entity (and association table), indexes too, referenced tables first, in one transaction.
 * `entities` ends with NULL; those without a table are passed over, two of one table share it. NOT NULL where the C type has no
 * NULL; foreign keys from .foreign_key, cycles of them too; a schema ("schema.table") must exist. Programs that start together may all
 * call it: they take turns. An array needs a .sql_type. On SQLite a single integer key is the row number (INTEGER PRIMARY KEY), and a
 * numeric is declared numeric_text, so that SQLite keeps its digits. An index is called ix_table_column; where something else has that name, a number follows. For tests and
 * demos, not for migrations: a table that exists stays as it is. Errors, in *error (may be NULL) with what to do about them:
 * WEIR_ARGUMENT for no list; before any SQL what weir_entity_check gives, and WEIR_MAPPING for a foreign key to a column that
 * is not mapped; WEIR_MAPPING for a member that no SQL type follows from, or that SQLite cannot
 * generate, and for a name of more than 63 bytes, which PostgreSQL would cut; those of the database. Then nothing has changed. */
WEIR_API int weir_create_all(weir_engine *engine, const weir_entity *const *entities, weir_error *error);
/* DROP TABLE IF EXISTS in the opposite order, association tables too, in one transaction; errors as above. */
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
/* Compares the mapping with the live tables and views and calls `fn` (may be NULL) for each difference. Returns how many there
 * are, or a negative status. A type is narrower when not every value of the one fits the other: an integer column of an int64_t
 * member (writing), a bigint column of an int32_t member (reading), a text column of a char[n]. Association tables are looked at
 * with their relationships. The difference is valid during the call of `fn`, which runs in this thread and may not use the
 * engine's only connection. Errors, in *error (may be NULL): WEIR_ARGUMENT for no list, what weir_entity_check gives, those of
 * the database. */
WEIR_API int64_t weir_schema_check(weir_engine *engine, const weir_entity *const *entities, weir_difference_fn fn, void *context, weir_error *error);

/* CREATE TABLE `name` (NULL: as the source's) in the target's database with the columns of a live table of the source's: types as the
 * target calls them (between PostgreSQL servers the same ones, which must exist there), NOT NULL and the primary key; no indexes, no
 * defaults, no foreign keys. Names are written as in weir_copy_options. In the target connection's transaction. Errors, in *error (may be NULL): WEIR_ARGUMENT for no table;
 * WEIR_PROGRAMMING when the source has none of that name, or the target has one already; those of the databases. */
WEIR_API int weir_create_like(weir_connection *source, const char *table, weir_connection *target, const char *name, weir_error *error);

typedef struct weir_reflect_options {
    size_t             struct_size;
    const char *const *tables;          /* table_count names, "orders" or "sales.orders"; 0: all tables of the schemas */
    size_t             table_count;
    const char *const *schemas;         /* schema_count names; 0: the connection's default schema (SQLite: main) */
    size_t             schema_count;
    const char        *prefix;          /* put in front of the names of structs and enums; default: none */
    const char        *guard;           /* of the header, "SHOP_H": SHOP_ENTITIES defines the entities; default: REFLECTED_H */
} weir_reflect_options;
#define WEIR_REFLECT_OPTIONS(...) (&(const weir_reflect_options){ .struct_size = sizeof(weir_reflect_options), __VA_ARGS__ })
/* Takes a part of the header, which is no longer valid afterwards. Anything but WEIR_OK ends the writing with that status. */
typedef int (*weir_reflect_fn)(const char *text, size_t length, void *context);
/* Writes a C header (for C11, and for C++17 without the definitions) with a struct and a WEIR_ENTITY for each live table that has a
 * primary key: types that weir_schema_check finds no difference in, foreign keys as relationships in both directions, tables of two
 * foreign keys and nothing else as many-to-many. What cannot be mapped stands there in a comment that says why. The same schema gives
 * the same bytes. `fn` is called when all has been read, with nothing when something failed; `options` may be NULL. Reads by the
 * connection, in its transaction if there is one. docs/how-to/reflect.md shows the outcome. Errors, in *error (may be NULL): WEIR_ARGUMENT for
 * no `fn` or options not made by the macro; WEIR_PROGRAMMING for a table that is not there, or a schema without tables; what `fn`
 * returns; WEIR_OUT_OF_MEMORY; those of the database (a table that may not be read is one). */
WEIR_API int weir_schema_reflect(weir_connection *connection, const weir_reflect_options *options, weir_reflect_fn fn, void *context,
                                 weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
