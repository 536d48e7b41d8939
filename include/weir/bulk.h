/* weir/bulk.h: one statement with many parameter sets, and COPY.
 *
 * A parameter set is a plain struct of a mapped entity, one row of arrays by column, or a dictionary of columns (or of parameter
 * names, for textual SQL). All sets are looked at before anything is sent where that can tell a mistake. They are sent in pages of
 * bounded size; besides those, memory is taken for the order of sets that do not come sorted by key (12 bytes each) and for where
 * dictionaries lie (8 bytes each). Nothing stays half applied: a failing call takes back all of its own
 * work (a savepoint when there is a transaction already; commit_every says otherwise), and the error says which set it was
 * (weir_error.row: 1-based; the detail has its key: "set 7 (id = 12)"). A transaction stays usable behind that, but not behind a
 * mistake in the statement itself. No set at all is WEIR_OK: 0 statements, 0 rows.
 *
 * What the statement may be:
 *   weir_insert  each set is a row. Columns: weir_set_columns, else all of the entity but server-generated ones (structs), else those of
 *                the first set (dictionaries; a later set that lacks one: WEIR_STATEMENT "A value is required for bind parameter
 *                'user_name', in parameter group 2", 0-based; one with a column more, or a column that the table lacks: WEIR_COMPILE
 *                "Unconsumed column names: z"). With ON CONFLICT an upsert: sets are sorted by key and written in that order, a key that
 *                occurs twice is written twice, the later value wins (RULES U1).
 *   weir_update  by primary key, if it has no criteria of its own or if they are additional: SET has the columns of weir_set_columns
 *                (structs: WEIR_INVALID_REQUEST without them, RULES U4) or those of the dictionary without the key. A set without its whole
 *                key: WEIR_INVALID_REQUEST "No primary key value supplied for column(s) t.b; per-row ORM Bulk UPDATE by Primary Key requires
 *                that records contain primary key values"; only the key: nothing happens for it; a key that matches no row: WEIR_STALE_DATA
 *                "UPDATE statement on table 'invoices' expected to update 2 row(s); 1 were matched." unless count_missing or additional
 *                criteria. RETURNING with more than one set is WEIR_STATEMENT.
 *   weir_delete  by primary key, likewise.
 *   weir_sql     textual: dictionaries of its parameters.
 *
 * Threads: as for the connection. Structs, arrays and dictionaries are borrowed for the call. */
#ifndef WEIR_BULK_H
#define WEIR_BULK_H
#include <weir/engine.h>
#include <weir/write.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_many_options {
    size_t      struct_size;
    size_t      page_size;              /* sets per page; default 1000; fewer where a page would have too many parameters or bytes */
    size_t      commit_every;           /* commit after so many sets, at page borders, and at the end: for what must resume, behind the last
                                           border before weir_error.row; default: all or nothing. WEIR_INVALID_REQUEST inside a
                                           transaction */
    weir_switch count_missing;          /* keys that match no row are no error: compare the returned count; default off */
    weir_switch keep_order;             /* do not sort updates, deletes and upserts by key, and lock no rows first: the caller knows that nobody
                                           else writes them. Rows are locked first where no index of the key, or a plan with more in it than
                                           that, would meet them in another order: a fifth of the work or more; default off */
    weir_result **returned;             /* a statement with RETURNING: a buffered result of the rows in the order of the sets, the caller's
                                           also when the call fails */
    void      (*progress)(int64_t done, void *context);     /* after each page: sets written, committed or not */
    void       *context;
} weir_many_options;
#define WEIR_MANY_OPTIONS(...) (&(const weir_many_options){ .struct_size = sizeof(weir_many_options), __VA_ARGS__ })

/* `count` structs of the statement's entity, one behind the other. Returns the rows matched or inserted, or a negative status (details
 * in weir_connection_error). options: NULL for the defaults. */
WEIR_API WEIR_MUST_CHECK int64_t weir_connection_execute_many(weir_connection *connection, const weir_stmt *stmt, const void *structs, size_t count);
WEIR_API WEIR_MUST_CHECK int64_t weir_connection_execute_many_with(weir_connection *connection, const weir_stmt *stmt, const void *structs,
                                                                   size_t count, const weir_many_options *options);
/* Arrays by column: `values` has `count` elements of the C type that `type` names (weir_member_type; of WEIR_M_CHARS and WEIR_M_ENUM
 * the member's), `stride` bytes apart (0: one behind the other). Columns by the name of the member, else of the table. */
typedef struct weir_column_values { const char *column; weir_member_type type; const void *values; size_t stride; } weir_column_values;
WEIR_API WEIR_MUST_CHECK int64_t weir_connection_execute_columns(weir_connection *connection, const weir_stmt *stmt, const weir_column_values *columns,
                                                                 size_t column_count, size_t count, const weir_many_options *options);
/* Dictionaries: name, value. Names of members, else of columns; for weir_sql those of its parameters. */
typedef struct weir_entry { const char *name; weir_value value; } weir_entry;
typedef struct weir_dict { const weir_entry *entries; size_t count; } weir_dict;
WEIR_API WEIR_MUST_CHECK int64_t weir_connection_execute_dicts(weir_connection *connection, const weir_stmt *stmt, const weir_dict *dicts,
                                                               size_t count, const weir_many_options *options);
#ifndef __cplusplus
/* WEIR_DICT({ "id", WEIR_VALUE(1) }, { "total_cents", WEIR_VALUE(111) }) */
#define WEIR_DICT(...) { .entries = (const weir_entry[]){ __VA_ARGS__ }, .count = sizeof((const weir_entry[]){ __VA_ARGS__ }) / sizeof(weir_entry) }
#endif

/* ---- COPY: rows in, as fast as the database takes them -----------------------------------------------------------------------
 * PostgreSQL: COPY … FROM STDIN in binary, sent as it is filled (as text, if a column's type is one whose bytes weir does not know);
 * SQLite: one prepared INSERT. In the connection's transaction (under AUTOCOMMIT in one of its own, which finish commits), in a
 * savepoint of its own: an error takes all of it back, and the transaction goes on. One at a time per connection, and nothing else runs
 * on it meanwhile (WEIR_INVALID_REQUEST) but a rollback or its close, which end the COPY. Memory: one buffer, and the longest row.
 * Values are converted exactly, as parameters are; text that meets another type is read as weir_value_as_… read it. What PostgreSQL would
 * round, 1.005 in a numeric(6,2), half a second in an interval(0), also within arrays, is WEIR_DATA.
 * Threads: as for the connection. */
typedef struct weir_copy weir_copy;
typedef struct weir_copy_options {
    size_t             struct_size;
    const weir_entity *entity;          /* its table, its columns but server-generated ones; or: */
    const char        *table;           /* "schema.table" or "table", either name in double quotes or not (a name with a point in it must be);
                                           and its columns, NULL-terminated (NULL: all but generated ones) */
    const char *const *columns;
    const char *const *upsert;          /* NULL-terminated column names of a unique key: COPY goes into a temporary staging table, from
                                           which weir_copy_finish inserts or updates, in key order; of a key that occurs twice the later row wins */
    void             (*progress)(int64_t rows, void *context);      /* now and then */
    void              *context;
} weir_copy_options;
#define WEIR_COPY_OPTIONS(...) (&(const weir_copy_options){ .struct_size = sizeof(weir_copy_options), __VA_ARGS__ })

/* The caller's, never NULL; an error is kept and given by each call (weir_copy_error). WEIR_PROGRAMMING, on SQLite WEIR_OPERATIONAL:
 * no such table or column. WEIR_ARGUMENT: options that make no sense. */
WEIR_API weir_copy *weir_copy_open(weir_connection *connection, const weir_copy_options *options);
/* Structs of the entity; values in the order of the columns; a row (columns by position); all that is left of a stream, which may come
 * from another database. WEIR_DATA for a value that the column cannot hold, with column and row (1-based: one more than
 * weir_copy_rows): nothing of that row was written, those before it were, and the copy goes on with the next one if the program likes
 * (weir_copy_result again: behind it; WEIR_INVALID_REQUEST once, when the program read the result on in between and so lost what was
 * there). WEIR_ARGUMENT: another number of values, no struct's entity, rows of instances; the copy goes
 * on, too. Errors of the server come now or later, with row, column and its word on them in the detail ("COPY invoices, line 7"); they
 * and a failing source end the copy. */
WEIR_API int weir_copy_structs(weir_copy *copy, const void *structs, size_t count);
WEIR_API int weir_copy_values(weir_copy *copy, const weir_value *values, size_t count);
WEIR_API int weir_copy_row(weir_copy *copy, const weir_row *row);
WEIR_API int weir_copy_result(weir_copy *copy, weir_result *result);
WEIR_API int64_t weir_copy_rows(const weir_copy *copy);                     /* taken so far */
WEIR_API const weir_error *weir_copy_error(const weir_copy *copy);          /* valid until its close */
/* Ends it and frees it; sets *copy to a constant closed one. Returns the rows written (of an upsert: inserted or updated), or the first
 * error that ended it, which weir_connection_error has, too: then none was written. */
WEIR_API WEIR_MUST_CHECK int64_t weir_copy_finish(weir_copy **copy);
/* Takes all of it back and frees it. On a loop's thread outside a task, where nothing may wait, the connection to the database is closed for
 * that (weir_connection_invalidate). */
WEIR_API void weir_copy_abort(weir_copy **copy);

#ifdef __cplusplus
}
#endif
#endif
