/* weir/write.h: insert(), update() and delete(): statements built as select() is (weir/select.h).
 *
 * They take weir_where (update, delete), weir_from and weir_from_source (update … from, delete … using), weir_populate_existing (for
 * RETURNING), options, copies and weir_stmt_text as selects do; other builders of selects are WEIR_ARGUMENT, kept. What values and
 * criteria of an update or delete name besides its own table comes into FROM or USING by itself. Executed by weir_connection_execute or
 * weir_session_execute: with RETURNING they give rows, buffered whatever the options say; weir_result_rowcount counts what they
 * matched. With many parameter sets: weir/bulk.h. On PostgreSQL weir_cte takes one with RETURNING; no other statement holds one.
 *
 * Errors, besides those of every builder: WEIR_ARGUMENT for a column of another table, one set twice, values from two sources, a number
 * that is no label of an enum; WEIR_COMPILE (at execution) for what the dialect has no way to say. The error that the database gives for
 * a row is the execution's. */
#ifndef WEIR_WRITE_H
#define WEIR_WRITE_H
#include <weir/select.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The caller's, never NULL. An insert without values inserts one row of defaults; an update without any is WEIR_INVALID_REQUEST at
 * execution ("… has no values to set"), unless parameter sets give them. A delete or update without criteria is of all rows. An entity
 * without a table is WEIR_ARGUMENT. */
WEIR_API weir_stmt *weir_insert(const weir_entity *entity);
WEIR_API weir_stmt *weir_update(const weir_entity *entity);
/* SQLite has no DELETE … USING: naming another table is WEIR_COMPILE there; a subquery does on both. */
WEIR_API weir_stmt *weir_delete(const weir_entity *entity);

/* A value for one column: of the row to insert, or of SET; an expression, in an update over the row as it was.
 *     weir_set(update, WEIR_COL(invoice, total_cents), WEIR_ADD(WEIR_COL(invoice, total_cents), 100));
 * Of a column by WEIR_ENUM_COLUMN a number is its label. With parameter sets: the same for each of them. */
WEIR_API void weir_set_value_(weir_stmt *stmt, const weir_expr *column, const weir_expr *value);
#define weir_set(stmt, column, value) weir_set_value_((stmt), (column), WEIR_X(value))
/* The columns that parameter sets give: which members of the structs are written (an update from structs must say it), or the order of
 * weir_insert_row's and weir_insert_select's values. Once, and before rows. Of an update they must not be of the primary key, by which
 * rows are found. */
WEIR_API void weir_set_columns_(weir_stmt *stmt, const weir_expr *const *columns);
#define weir_set_columns(stmt, ...) weir_set_columns_((stmt), WEIR_EXPRS(__VA_ARGS__))
/* One more row of a multi-row VALUES: expressions or C values, in the order of weir_set_columns (default: all columns but
 * server-generated ones, as the entity has them). Another number of values is WEIR_ARGUMENT. More than 32: weir_insert_row_ with
 * WEIR_EXPRS(WEIR_X(…), …). */
WEIR_API void weir_insert_row_(weir_stmt *stmt, const weir_expr *const *values);
#define weir_insert_row(stmt, ...) weir_insert_row_((stmt), WEIR_EXPRS(WEIR_MAP_X_(__VA_ARGS__)))
/* INSERT … SELECT: the columns of the select, or of textual SQL, go to those of weir_set_columns (default: as above) by position;
 * another number of them is an error of the database's. Copied. */
WEIR_API void weir_insert_select(weir_stmt *stmt, const weir_stmt *select);

/* RETURNING: columns, expressions, the whole entity (WEIR_ENTITY_OF; a session gives instances, which it leaves as they are where it has
 * them already, unless weir_populate_existing). Repeated: appended. SQLite returns columns of the changed table alone: WEIR_COMPILE for
 * others. */
WEIR_API void weir_returning_(weir_stmt *stmt, const weir_expr *const *columns);
#define weir_returning(stmt, ...) weir_returning_((stmt), WEIR_EXPRS(__VA_ARGS__))

/* How a session that executes an update or delete with criteria (weir_session_execute), or parameter sets (weir_session_execute_many),
 * brings the instances that it has in step; SQLAlchemy's synchronize_session. Elsewhere it means nothing. */
typedef enum weir_sync {
    WEIR_SYNC_AUTO = 0,                 /* evaluate, where the criteria can be; else fetch */
    WEIR_SYNC_EVALUATE,                 /* the criteria are looked at in the instances: comparisons of columns and values, AND, OR, NOT, IN,
                                           BETWEEN, IS NULL; WEIR_INVALID_REQUEST for others, before any SQL */
    WEIR_SYNC_FETCH,                    /* the keys of the rows are selected first (and locked, where the database does that) */
    WEIR_SYNC_NONE                      /* instances stay as they are */
} weir_sync;
/* Of updates and deletes. What was found: deleted instances leave the session; updated ones get the values that are known (values, and
 * sums and differences of integer columns), and are expired where others were set. Members that the program changed, and has not written
 * yet, keep that. */
WEIR_API void weir_synchronize(weir_stmt *stmt, weir_sync how);

/* ---- upsert ------------------------------------------------------------------------------------------------------------
 * The target of the conflict: columns (or expressions of an index), or a constraint by name (PostgreSQL), or columns with the predicate
 * of a partial index; columns and constraint together are WEIR_ARGUMENT, as is neither for do update. Databases look for the index
 * before parameters have values, so those of the target stand in the text, as literals; a :name there is WEIR_INVALID_REQUEST at
 * execution. One clause per insert. */
typedef struct weir_conflict_options {
    size_t                   struct_size;
    const weir_expr *const  *columns;       /* WEIR_EXPRS(WEIR_COL(invoice, id)) */
    const char              *constraint;
    const weir_expr         *index_where;   /* of a partial unique index */
    const weir_expr         *where;         /* do update: only rows for which it holds; others are neither changed nor returned */
} weir_conflict_options;
#define WEIR_CONFLICT_OPTIONS(...) (&(const weir_conflict_options){ .struct_size = sizeof(weir_conflict_options), __VA_ARGS__ })
WEIR_API void weir_on_conflict_do_nothing(weir_stmt *stmt, const weir_conflict_options *options);      /* NULL: any conflict */
/* What is set is said by weir_conflict_set; without any: every inserted column but those of the target and of the primary key, to its
 * excluded value (WEIR_INVALID_REQUEST at execution when none is left). A key that occurs twice in one statement is PostgreSQL's error
 * 21000; on SQLite the later row wins. */
WEIR_API void weir_on_conflict_do_update(weir_stmt *stmt, const weir_conflict_options *options);
WEIR_API void weir_conflict_set_(weir_stmt *stmt, const weir_expr *column, const weir_expr *value);
#define weir_conflict_set(stmt, column, value) weir_conflict_set_((stmt), (column), WEIR_X(value))
#ifndef __cplusplus
/* The row that was to be inserted: excluded.total_cents. Elsewhere than in do update: WEIR_ARGUMENT at execution. */
#define WEIR_EXCLUDED(E, m) (&(const weir_expr){ .op = WEIR_OP_EXCLUDED, .entity = &E##_entity, .offset = offsetof(struct E, m) })
#endif

#ifdef __cplusplus
}
#endif
#endif
