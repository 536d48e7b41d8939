/* weir/select.h: select() statements: built up by calls, each of which copies what it is given and keeps the first mistake.
 *
 * They are statements as all others (weir/statement.h): options, copies, freeing and threads are the same; building changes the
 * statement in place. Parameters bound by weir_bind reach the fragments (WEIR_SQL) of the tree. weir_connection_execute gives
 * their rows, weir_session_execute their instances, too. Each builder may keep, besides what is said with it: WEIR_ARGUMENT (a
 * NULL or wrong kind of expression, a statement of textual SQL), what weir_entity_check says of an entity that it names, the
 * mistake of a source or of a statement that it copies; nothing is built after the first. Told by the execution alone, before any
 * SQL: WEIR_COMPILE (what the dialect has no way to say), WEIR_INVALID_REQUEST (one name for two joins, a CTE without its halves,
 * a parameter without a value). */
#ifndef WEIR_SELECT_H
#define WEIR_SELECT_H
#include <weir/expression.h>
#include <weir/statement.h>

#ifdef __cplusplus
extern "C" {
#endif

/* SELECT of an entity: weir_session_scalars gives its instances. The caller's, never NULL, as all statements that are made here. */
WEIR_API weir_stmt *weir_select(const weir_entity *entity);
/* SELECT of anything: columns, WEIR_ENTITY_OF, labels, functions. weir_select_columns(WEIR_COL(invoice, tenant_id), …) */
WEIR_API weir_stmt *weir_select_list(const weir_expr *const *columns);
#define weir_select_columns(...) weir_select_list(WEIR_EXPRS(__VA_ARGS__))
/* An entity from textual SQL, whose columns are found by name. WEIR_NO_SUCH_COLUMN "Could not locate column in row for column
 * 'orders.state'" at execution when the text omits a mapped one. The text is copied with its values and options; bind further
 * ones on the new statement. Of the builders it takes load options and the switches alone (others: WEIR_ARGUMENT). */
WEIR_API weir_stmt *weir_select_from_sql(const weir_entity *entity, const weir_stmt *text);

WEIR_API void weir_add_columns_(weir_stmt *stmt, const weir_expr *const *columns);
#define weir_add_columns(stmt, ...) weir_add_columns_((stmt), WEIR_EXPRS(__VA_ARGS__))
WEIR_API void weir_where(weir_stmt *stmt, const weir_expr *condition);          /* repeated: AND */
WEIR_API void weir_order_by(weir_stmt *stmt, const weir_expr *order);           /* repeated: appended; NULL: cleared */
WEIR_API void weir_group_by(weir_stmt *stmt, const weir_expr *column);          /* repeated: appended */
WEIR_API void weir_having(weir_stmt *stmt, const weir_expr *condition);         /* repeated: AND */
/* Plain DISTINCT over an entity streams: its key makes its rows differ. */
WEIR_API void weir_distinct(weir_stmt *stmt);
WEIR_API void weir_distinct_on_(weir_stmt *stmt, const weir_expr *const *columns);      /* PostgreSQL; elsewhere WEIR_COMPILE at execution */
#define weir_distinct_on(stmt, ...) weir_distinct_on_((stmt), WEIR_EXPRS(__VA_ARGS__))
WEIR_API void weir_limit(weir_stmt *stmt, int64_t rows);                        /* 0: no rows; < 0: WEIR_ARGUMENT; sent as a parameter */
WEIR_API void weir_offset(weir_stmt *stmt, int64_t rows);

/* FROM is found from what the statement names. Two elements that no condition links: one warning, with the execution.
 * Explicit: */
WEIR_API void weir_from(weir_stmt *stmt, const weir_expr *entity_or_alias);     /* WEIR_ENTITY_OF, WEIR_ALIAS_OF */
WEIR_API void weir_from_source(weir_stmt *stmt, const weir_source *source);
typedef enum weir_join_kind { WEIR_JOIN_INNER = 0, WEIR_JOIN_LEFT, WEIR_JOIN_FULL } weir_join_kind;
/* `target`: a relationship (WEIR_COL(order, lines), WEIR_SCOL for one of an alias), or an entity or alias. `on`: NULL with a
 * relationship (which has its own; else WEIR_ARGUMENT), or with an entity to which exactly one foreign key leads (else
 * WEIR_NO_FOREIGN_KEYS or WEIR_AMBIGUOUS_FOREIGN_KEYS, kept). `as`: an alias for a relationship's target; NULL: none. What is
 * joined is not loaded by it: load options do that. */
WEIR_API void weir_join_(weir_stmt *stmt, weir_join_kind kind, const weir_expr *target, const weir_source *as, const weir_expr *on);
#define weir_join(stmt, target) weir_join_((stmt), WEIR_JOIN_INNER, (target), NULL, NULL)
#define weir_join_on(stmt, target, on) weir_join_((stmt), WEIR_JOIN_INNER, (target), NULL, (on))
#define weir_outer_join(stmt, target) weir_join_((stmt), WEIR_JOIN_LEFT, (target), NULL, NULL)
#define weir_outer_join_on(stmt, target, on) weir_join_((stmt), WEIR_JOIN_LEFT, (target), NULL, (on))
WEIR_API void weir_join_source(weir_stmt *stmt, weir_join_kind kind, const weir_source *source, const weir_expr *on);

/* `left` UNION [ALL] `right` …: a new statement; both are copied, and stay the caller's. Its order_by, limit and offset apply to
 * the whole; conditions, columns, joins and locks belong to its halves (WEIR_ARGUMENT). Statements stand inside of statements up to
 * 400 deep (WEIR_ARGUMENT): many are combined in pairs, and pairs of pairs. */
typedef enum weir_set_operation { WEIR_UNION = 1, WEIR_UNION_ALL, WEIR_INTERSECT, WEIR_EXCEPT } weir_set_operation;
WEIR_API weir_stmt *weir_combine(weir_set_operation operation, const weir_stmt *left, const weir_stmt *right);

typedef struct weir_lock_options {
    size_t struct_size;
    bool read, key_share, nowait, skip_locked;      /* FOR SHARE; NO KEY UPDATE or KEY SHARE; both last: WEIR_ARGUMENT */
    const weir_expr *const *of;                     /* WEIR_EXPRS of entities or columns; NULL: all */
    bool strict;                                    /* a database without row locks: WEIR_COMPILE instead of nothing */
} weir_lock_options;
#define WEIR_LOCK_OPTIONS(...) (&(const weir_lock_options){ .struct_size = sizeof(weir_lock_options), __VA_ARGS__ })
/* In a stream rows are locked batch by batch, as they are read. The options are copied; NULL: plain FOR UPDATE. */
WEIR_API void weir_with_for_update(weir_stmt *stmt, const weir_lock_options *options);

/* ---- loading of relationships ------------------------------------------------------------------------------------------------ */
/* The last option for a path wins, and options win over the mapping. They matter to sessions alone. What each loader sends:
 *  selectinload     one statement per batch (yield_per; else all rows) and 500 distinct keys, for the targets of those keys alone.
 *  subqueryload     the same rows. Streamed, as selectinload; buffered, one statement for all parents. The statement's own criteria are
 *                   not repeated in it: the keys of the parents take their place, so that LIMIT cannot change the outcome. With the
 *                   execution option strict_loading it is WEIR_INVALID_REQUEST in a stream, as in SQLAlchemy.
 *  joinedload       none: a LEFT JOIN. A collection wants weir_result_unique (WEIR_INVALID_REQUEST at the first read), and no
 *                   yield_per (WEIR_INVALID_REQUEST before any SQL). A to-one streams. Nothing can be joined to a union or to textual
 *                   SQL: WEIR_INVALID_REQUEST, kept; what the mapping alone would join there is loaded as by selectinload.
 *  immediateload    one statement per parent; a to-one whose target is in the session: none.
 *  lazyload         as immediateload, when weir_load asks. raiseload: weir_load is refused. noload: loaded and empty.
 * Loads run on the session's connection in the stream's transaction, before the next batch is asked for. What is loaded already
 * in the session stays as it is, unless the statement populates existing instances. The error of a load is that of the read. */
/* A path of relationships: WEIR_COL(order, lines) alone, or several for nested loading: weir_selectinload(q, WEIR_COL(order,
 * lines), WEIR_COL(order_line, product)). Each step of the path is loaded that way. It begins at an entity that is selected, and
 * each step where the one before leads to: else WEIR_ARGUMENT. An alias is named by WEIR_SCOL, and by it alone: an option for
 * WEIR_COL says nothing of instances that come by an alias of the entity, nor the other way round. An instance that comes by both
 * is loaded if one of them asks for it. */
WEIR_API void weir_load_option_(weir_stmt *stmt, weir_lazy how, const weir_expr *const *path);
#define weir_selectinload(stmt, ...) weir_load_option_((stmt), WEIR_LAZY_SELECTIN, WEIR_EXPRS(__VA_ARGS__))
#define weir_joinedload(stmt, ...) weir_load_option_((stmt), WEIR_LAZY_JOINED, WEIR_EXPRS(__VA_ARGS__))
#define weir_subqueryload(stmt, ...) weir_load_option_((stmt), WEIR_LAZY_SUBQUERY, WEIR_EXPRS(__VA_ARGS__))
#define weir_immediateload(stmt, ...) weir_load_option_((stmt), WEIR_LAZY_IMMEDIATE, WEIR_EXPRS(__VA_ARGS__))
#define weir_lazyload(stmt, ...) weir_load_option_((stmt), WEIR_LAZY_SELECT, WEIR_EXPRS(__VA_ARGS__))
#define weir_raiseload(stmt, ...) weir_load_option_((stmt), WEIR_LAZY_RAISE, WEIR_EXPRS(__VA_ARGS__))
#define weir_noload(stmt, ...) weir_load_option_((stmt), WEIR_LAZY_NOLOAD, WEIR_EXPRS(__VA_ARGS__))
/* Streams a joined collection with yield_per, which counts rows of the join: the statement must be ordered by the parent's
 * primary key first (added when there is no order), so that a parent's rows are known to be together. Each parent is delivered
 * once, when the next one begins. To-ones may be joined beside it. WEIR_INVALID_REQUEST before any SQL: another order; a second
 * joined collection. Beyond SQLAlchemy. */
WEIR_API void weir_joinedload_contiguous_(weir_stmt *stmt, const weir_expr *const *path);
#define weir_joinedload_contiguous(stmt, ...) weir_joinedload_contiguous_((stmt), WEIR_EXPRS(__VA_ARGS__))
/* Keys per statement for the relationship at the end of the last selectinload option's path; default 500. WEIR_ARGUMENT: there is
 * no such option; < 1, "… please use a positive non-zero integer." */
WEIR_API void weir_selectin_chunk(weir_stmt *stmt, int64_t keys);
/* Ignores all eager loading, options and mapping: relationships stay unloaded. */
WEIR_API void weir_disable_eagerloads(weir_stmt *stmt);
/* Overwrites instances that are in the session already with what the rows say, pending changes too. Without it they stay as they
 * are, unless they are expired. */
WEIR_API void weir_populate_existing(weir_stmt *stmt, weir_switch on);
/* Whether a session flushes before this statement; default: as the session's autoflush says. */
WEIR_API void weir_autoflush(weir_stmt *stmt, weir_switch on);

/* The statement's SQL for a dialect ("postgresql", "sqlite"; others: WEIR_ARGUMENT), with its parameters as placeholders, or as
 * literals for reading (never for sending) when `literals`: into `buffer`, as snprintf does. 0 and an empty text when it cannot
 * be compiled; *error (may be NULL) says why: the kept mistake, or those of an execution. Changes nothing: any thread while
 * nobody builds. */
WEIR_API size_t weir_stmt_text(const weir_stmt *stmt, const char *dialect, bool literals, char *buffer, size_t size, weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
