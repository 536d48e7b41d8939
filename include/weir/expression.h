/* weir/expression.h: SQL expressions as literals of the enclosing block.
 *
 * An expression is a tree of constant structs that lives to the end of the block where it is written: it may be kept in a `const
 * weir_expr *` within that block, not be returned. A statement copies what it is given at once (with all values and texts), so
 * there is nothing to free and nothing that can fail here. Plain C values stand for bound parameters: WEIR_EQ(WEIR_COL(invoice,
 * tenant_id), 42). NULL, a NULL const char * or WEIR_NULL is SQL NULL, and WEIR_EQ and WEIR_NE with it are IS NULL and IS NOT
 * NULL, as is an optional (weir_opt_int64 …) without a value. A number that is compared with a column by WEIR_ENUM_COLUMN is its label.
 *
 * Mistakes that a C compiler can see do not compile. Others are kept by the statement that the tree is given to and told by its
 * execution (weir_stmt_error shows them earlier): WEIR_ARGUMENT (an operand that is a NULL expression, an empty name, a value
 * that is none, more than 500 levels), and WEIR_MAPPING and its like for an entity that weir_entity_check refuses. Threads:
 * expressions are the block's own; sources are built by one thread at a time. The WEIR_* macros are C only; C++ gets its
 * statements from a C file. */
#ifndef WEIR_EXPRESSION_H
#define WEIR_EXPRESSION_H
#include <weir/entity.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_stmt weir_stmt;
typedef struct weir_expr weir_expr;

/* Another name under which an entity stands in a statement, or a subquery, or a CTE. */
typedef struct weir_source weir_source;

typedef enum weir_op {
    WEIR_OP_NONE = 0,
    WEIR_OP_VALUE, WEIR_OP_COLUMN, WEIR_OP_SOURCE_COLUMN, WEIR_OP_ENTITY, WEIR_OP_FRAGMENT, WEIR_OP_STAR,
    WEIR_OP_EQ, WEIR_OP_NE, WEIR_OP_LT, WEIR_OP_LE, WEIR_OP_GT, WEIR_OP_GE,
    WEIR_OP_AND, WEIR_OP_OR, WEIR_OP_NOT,
    WEIR_OP_ADD, WEIR_OP_SUBTRACT, WEIR_OP_MULTIPLY, WEIR_OP_DIVIDE, WEIR_OP_MODULO, WEIR_OP_NEGATE, WEIR_OP_CONCAT,
    WEIR_OP_IN, WEIR_OP_NOT_IN, WEIR_OP_IN_STMT, WEIR_OP_NOT_IN_STMT, WEIR_OP_LIST,
    WEIR_OP_BETWEEN, WEIR_OP_NOT_BETWEEN, WEIR_OP_LIKE, WEIR_OP_NOT_LIKE, WEIR_OP_ILIKE, WEIR_OP_NOT_ILIKE,
    WEIR_OP_CONTAINS, WEIR_OP_STARTS_WITH, WEIR_OP_ENDS_WITH,       /* literal text: % and _ are escaped */
    WEIR_OP_IS_NULL, WEIR_OP_IS_NOT_NULL, WEIR_OP_EXISTS, WEIR_OP_TUPLE,
    WEIR_OP_FUNCTION, WEIR_OP_COUNT_STAR, WEIR_OP_DISTINCT, WEIR_OP_FILTER, WEIR_OP_OVER, WEIR_OP_CASE, WEIR_OP_CAST, WEIR_OP_LABEL, WEIR_OP_LABEL_REF, WEIR_OP_SCALAR_STMT,
    WEIR_OP_ASC, WEIR_OP_DESC, WEIR_OP_NULLS_FIRST, WEIR_OP_NULLS_LAST,
    WEIR_OP_EXCLUDED,                   /* a column of the row that an upsert was to insert (weir/write.h) */
    WEIR_OP_COUNT_
} weir_op;

typedef enum weir_frame_kind { WEIR_FRAME_NONE = 0, WEIR_FRAME_ROWS, WEIR_FRAME_RANGE } weir_frame_kind;
enum { WEIR_UNBOUNDED = 2147483647 };   /* a frame's bound; 0: current row; negative: preceding; positive: following */
typedef struct weir_window {
    const weir_expr *const *partition_by;       /* NULL-terminated; NULL: none */
    const weir_expr *const *order_by;
    weir_frame_kind frame;
    int32_t from, to;                           /* WEIR_UNBOUNDED as from: preceding, as to: following */
} weir_window;

struct weir_expr {
    weir_op            op;
    const weir_entity *entity;          /* of columns, relationships and entities */
    size_t             offset;          /* of the member */
    const weir_source *source;          /* the alias, subquery or CTE that it is a column of; NULL: the entity's own table */
    const char        *name;            /* of a function, a label, a type, a source's column; a fragment's text */
    weir_value         value;
    const weir_value  *values;          /* of a list */
    size_t             count;
    const weir_stmt   *stmt;            /* a subquery */
    const weir_window *window;
    const weir_expr *const *args;       /* NULL-terminated */
};

/* ---- sources --------------------------------------------------------------------------------------------------------- */
/* Each is the caller's, to be freed with weir_source_free after the last statement that names it was built: statements copy what
 * they need. Never NULL; an error is kept and becomes that of the statement that uses it: WEIR_ARGUMENT (an empty name, an alias
 * of no table), the mistake of the statement that it was made from, what weir_entity_check says. Everything given is copied. name
 * NULL: a name is made up, the same within a statement ("invoice_1", "anon_1"). */
/* The entity's table under another name: WEIR_SCOL(alias, invoice, id), WEIR_ALIAS_OF(alias, invoice). */
WEIR_API weir_source *weir_alias(const weir_entity *entity, const char *name);
/* The statement as a source; copied as it is now. Execution options on it have no effect and give one warning. `entity` (may be
 * NULL): its rows are that entity's, so that WEIR_SCOL and selecting the source work as for an alias; its columns by name are
 * WEIR_FIELD(source, "column") in any case. */
WEIR_API weir_source *weir_subquery(const weir_stmt *stmt, const char *name, const weir_entity *entity);
/* A common table expression. A recursive one is made first and given its two halves afterwards, since they name it; with `all`
 * they are joined by UNION ALL, else by UNION. WEIR_ARGUMENT (kept) for a second definition; WEIR_INVALID_REQUEST at the
 * execution for none. */
WEIR_API weir_source *weir_cte(const weir_stmt *stmt, const char *name, const weir_entity *entity);
WEIR_API weir_source *weir_cte_recursive(const char *name);
WEIR_API void weir_cte_define(weir_source *cte, const weir_stmt *base, const weir_stmt *recursive, bool all);
/* Sets *source to a constant closed one (WEIR_RESOURCE_CLOSED where it is used again). NULL and closed ones are fine. */
WEIR_API void weir_source_free(weir_source **source);

#ifndef __cplusplus
/* ---- operands ---------------------------------------------------------------------------------------------------------- */
#define WEIR_E_(...) (&(const weir_expr){ __VA_ARGS__ })
#define WEIR_ARGS_(...) .args = (const weir_expr *const[]){ __VA_ARGS__, NULL }
/* A mapped column or relationship of the entity's own table; of an alias (or a subquery with an entity); a column by name. */
#define WEIR_COL(E, m) WEIR_E_(.op = WEIR_OP_COLUMN, .entity = &E##_entity, .offset = offsetof(struct E, m))
#define WEIR_SCOL(source_, E, m) WEIR_E_(.op = WEIR_OP_COLUMN, .entity = &E##_entity, .offset = offsetof(struct E, m), .source = (source_))
#define WEIR_FIELD(source_, column_) WEIR_E_(.op = WEIR_OP_SOURCE_COLUMN, .source = (source_), .name = (column_))
/* A whole entity in a select list; of an alias. */
#define WEIR_ENTITY_OF(E) WEIR_E_(.op = WEIR_OP_ENTITY, .entity = &E##_entity)
#define WEIR_ALIAS_OF(source_, E) WEIR_E_(.op = WEIR_OP_ENTITY, .entity = &E##_entity, .source = (source_))
/* SQL text as part of an expression, as it is; `:name` parameters are bound on the statement by weir_bind (WEIR_INVALID_REQUEST
 * at the execution for one without a value). Never put a program's input into the text. */
#define WEIR_SQL(text_) WEIR_E_(.op = WEIR_OP_FRAGMENT, .name = (text_))
/* A NULL in a list of operands would end it unseen, and drop conditions; it becomes an operand that the statement refuses. */
static inline const weir_expr *weir_x_expr_(const weir_expr *e, weir_expr *t) { return e ? e : t; }
/* The bare NULL is SQL NULL; other void pointers are no operands. */
static inline const weir_expr *weir_x_null_(const void *v, weir_expr *t) { t->op = v ? WEIR_OP_NONE : WEIR_OP_VALUE; return t; }
static inline const weir_expr *weir_x_int_(long long v, weir_expr *t) { t->op = WEIR_OP_VALUE; t->value.type = WEIR_T_INT64; t->value.as.i = v; return t; }
static inline const weir_expr *weir_x_bool_(bool v, weir_expr *t) { t->op = WEIR_OP_VALUE; t->value.type = WEIR_T_BOOL; t->value.as.b = v; return t; }
static inline const weir_expr *weir_x_double_(double v, weir_expr *t) { t->op = WEIR_OP_VALUE; t->value.type = WEIR_T_DOUBLE; t->value.as.d = v; return t; }
static inline const weir_expr *weir_x_cstr_(const char *v, weir_expr *t) { t->op = WEIR_OP_VALUE; t->value = weir_value_cstr(v); return t; }
static inline const weir_expr *weir_x_value_(weir_value v, weir_expr *t) { t->op = WEIR_OP_VALUE; t->value = v; return t; }
#define WEIR_X_(name_, type_) \
    static inline const weir_expr *weir_x_##name_##_(type_ v, weir_expr *t) { return weir_x_value_(weir_value_##name_(v), t); }
WEIR_X_(text, weir_text) WEIR_X_(blob, weir_blob) WEIR_X_(numeric, weir_numeric) WEIR_X_(date, weir_date) WEIR_X_(time, weir_time)
WEIR_X_(timetz, weir_timetz) WEIR_X_(timestamp, weir_timestamp) WEIR_X_(timestamptz, weir_timestamptz)
WEIR_X_(interval, weir_interval) WEIR_X_(uuid, weir_uuid) WEIR_X_(opt_bool, weir_opt_bool) WEIR_X_(opt_int32, weir_opt_int32)
WEIR_X_(opt_int64, weir_opt_int64) WEIR_X_(opt_double, weir_opt_double) WEIR_X_(opt_date, weir_opt_date) WEIR_X_(opt_time, weir_opt_time)
WEIR_X_(opt_timetz, weir_opt_timetz) WEIR_X_(opt_timestamp, weir_opt_timestamp) WEIR_X_(opt_timestamptz, weir_opt_timestamptz)
WEIR_X_(opt_interval, weir_opt_interval) WEIR_X_(opt_uuid, weir_opt_uuid) WEIR_X_(array, const weir_array *)
#undef WEIR_X_
/* Whatever stands where an expression is wanted: an expression, or a C value that becomes a bound parameter. */
#define WEIR_X(x)                                                                                           \
    _Generic((x), const weir_expr *: weir_x_expr_, weir_expr *: weir_x_expr_, bool: weir_x_bool_,           \
        short: weir_x_int_, unsigned short: weir_x_int_, int: weir_x_int_, unsigned: weir_x_int_,           \
        long: weir_x_int_, long long: weir_x_int_, float: weir_x_double_, double: weir_x_double_,           \
        char *: weir_x_cstr_, const char *: weir_x_cstr_, void *: weir_x_null_, weir_value: weir_x_value_,  \
        weir_text: weir_x_text_, weir_blob: weir_x_blob_, weir_numeric: weir_x_numeric_,                    \
        weir_date: weir_x_date_, weir_time: weir_x_time_, weir_timetz: weir_x_timetz_,                      \
        weir_timestamp: weir_x_timestamp_, weir_timestamptz: weir_x_timestamptz_,                           \
        weir_interval: weir_x_interval_, weir_uuid: weir_x_uuid_, weir_opt_bool: weir_x_opt_bool_,          \
        weir_opt_int32: weir_x_opt_int32_, weir_opt_int64: weir_x_opt_int64_, weir_opt_double: weir_x_opt_double_,     \
        weir_opt_date: weir_x_opt_date_, weir_opt_time: weir_x_opt_time_, weir_opt_timetz: weir_x_opt_timetz_,         \
        weir_opt_timestamp: weir_x_opt_timestamp_, weir_opt_timestamptz: weir_x_opt_timestamptz_,           \
        weir_opt_interval: weir_x_opt_interval_, weir_opt_uuid: weir_x_opt_uuid_,                           \
        weir_array *: weir_x_array_, const weir_array *: weir_x_array_)((x), &(weir_expr){ .op = WEIR_OP_NONE })

/* ---- operators: each operand an expression or a C value; those of WEIR_AND and WEIR_OR are expressions ------------------------------------------------------------------ */
/* ANDs of ANDs, and ORs of ORs, are one list, of any length and however they were put together. Other operators nest up to 500 deep:
 * WEIR_ARGUMENT, kept by the statement that copies them. */
#define WEIR_OP1_(o, a) WEIR_E_(.op = (o), WEIR_ARGS_(WEIR_X(a)))
#define WEIR_OP2_(o, a, b) WEIR_E_(.op = (o), WEIR_ARGS_(WEIR_X(a), WEIR_X(b)))
#define WEIR_EQ(a, b) WEIR_OP2_(WEIR_OP_EQ, a, b)
#define WEIR_NE(a, b) WEIR_OP2_(WEIR_OP_NE, a, b)
#define WEIR_LT(a, b) WEIR_OP2_(WEIR_OP_LT, a, b)
#define WEIR_LE(a, b) WEIR_OP2_(WEIR_OP_LE, a, b)
#define WEIR_GT(a, b) WEIR_OP2_(WEIR_OP_GT, a, b)
#define WEIR_GE(a, b) WEIR_OP2_(WEIR_OP_GE, a, b)
#define WEIR_CONDITION_(x) weir_x_expr_((x), &(weir_expr){ .op = WEIR_OP_NONE })     /* no _Generic, which doubles the text of each level */
#define WEIR_AND(...) WEIR_E_(.op = WEIR_OP_AND, WEIR_ARGS_(WEIR_MAP_(WEIR_CONDITION_, __VA_ARGS__)))      /* operands are expressions */
#define WEIR_OR(...) WEIR_E_(.op = WEIR_OP_OR, WEIR_ARGS_(WEIR_MAP_(WEIR_CONDITION_, __VA_ARGS__)))
#define WEIR_NOT(a) WEIR_OP1_(WEIR_OP_NOT, a)
#define WEIR_ADD(a, b) WEIR_OP2_(WEIR_OP_ADD, a, b)
#define WEIR_SUBTRACT(a, b) WEIR_OP2_(WEIR_OP_SUBTRACT, a, b)
#define WEIR_MULTIPLY(a, b) WEIR_OP2_(WEIR_OP_MULTIPLY, a, b)
#define WEIR_DIVIDE(a, b) WEIR_OP2_(WEIR_OP_DIVIDE, a, b)
#define WEIR_MODULO(a, b) WEIR_OP2_(WEIR_OP_MODULO, a, b)
#define WEIR_NEGATE(a) WEIR_OP1_(WEIR_OP_NEGATE, a)
#define WEIR_CONCAT(a, b) WEIR_OP2_(WEIR_OP_CONCAT, a, b)
/* WEIR_IN(WEIR_COL(order, state), "pending", "paid"); an empty list by WEIR_IN_VALUES(x, NULL, 0): false, also for NULL. */
#define WEIR_IN(a, ...) WEIR_E_(.op = WEIR_OP_IN, WEIR_ARGS_(WEIR_X(a), WEIR_MAP_X_(__VA_ARGS__)))
#define WEIR_NOT_IN(a, ...) WEIR_E_(.op = WEIR_OP_NOT_IN, WEIR_ARGS_(WEIR_X(a), WEIR_MAP_X_(__VA_ARGS__)))
#define WEIR_IN_VALUES(a, values_, count_) WEIR_E_(.op = WEIR_OP_IN, .values = (values_), .count = (count_), WEIR_ARGS_(WEIR_X(a)))
#define WEIR_NOT_IN_VALUES(a, values_, count_) WEIR_E_(.op = WEIR_OP_NOT_IN, .values = (values_), .count = (count_), WEIR_ARGS_(WEIR_X(a)))
#define WEIR_IN_STMT(a, stmt_) WEIR_E_(.op = WEIR_OP_IN_STMT, .stmt = (stmt_), WEIR_ARGS_(WEIR_X(a)))
#define WEIR_NOT_IN_STMT(a, stmt_) WEIR_E_(.op = WEIR_OP_NOT_IN_STMT, .stmt = (stmt_), WEIR_ARGS_(WEIR_X(a)))
#define WEIR_BETWEEN(a, b, c) WEIR_E_(.op = WEIR_OP_BETWEEN, WEIR_ARGS_(WEIR_X(a), WEIR_X(b), WEIR_X(c)))
#define WEIR_LIKE(a, b) WEIR_OP2_(WEIR_OP_LIKE, a, b)
#define WEIR_ILIKE(a, b) WEIR_OP2_(WEIR_OP_ILIKE, a, b)
#define WEIR_CONTAINS(a, b) WEIR_OP2_(WEIR_OP_CONTAINS, a, b)
#define WEIR_STARTS_WITH(a, b) WEIR_OP2_(WEIR_OP_STARTS_WITH, a, b)
#define WEIR_ENDS_WITH(a, b) WEIR_OP2_(WEIR_OP_ENDS_WITH, a, b)
#define WEIR_IS_NULL(a) WEIR_OP1_(WEIR_OP_IS_NULL, a)
#define WEIR_IS_NOT_NULL(a) WEIR_OP1_(WEIR_OP_IS_NOT_NULL, a)
/* Subqueries (WEIR_IN_STMT, WEIR_EXISTS, WEIR_SCALAR) are copied with the tree, and freed by the program. What they name of the
 * statement around them correlates by itself; where nothing else is left, their one table is their own, and several are
 * WEIR_INVALID_REQUEST at the execution: weir_from says which are, or an alias. */
#define WEIR_EXISTS(stmt_) WEIR_E_(.op = WEIR_OP_EXISTS, .stmt = (stmt_))
#define WEIR_TUPLE(...) WEIR_E_(.op = WEIR_OP_TUPLE, WEIR_ARGS_(WEIR_MAP_X_(__VA_ARGS__)))
#define WEIR_SCALAR(stmt_) WEIR_E_(.op = WEIR_OP_SCALAR_STMT, .stmt = (stmt_))
#define WEIR_LABEL(a, label_) WEIR_E_(.op = WEIR_OP_LABEL, .name = (label_), WEIR_ARGS_(WEIR_X(a)))
#define WEIR_LABEL_REF(label_) WEIR_E_(.op = WEIR_OP_LABEL_REF, .name = (label_))      /* in order_by and group_by */
#define WEIR_CAST(a, sql_type_) WEIR_E_(.op = WEIR_OP_CAST, .name = (sql_type_), WEIR_ARGS_(WEIR_X(a)))
/* WEIR_CASE(condition, result, condition, result, …, otherwise): an odd last operand is ELSE. */
#define WEIR_CASE(...) WEIR_E_(.op = WEIR_OP_CASE, WEIR_ARGS_(WEIR_MAP_X_(__VA_ARGS__)))
#define WEIR_ASC(a) WEIR_OP1_(WEIR_OP_ASC, a)
#define WEIR_DESC(a) WEIR_OP1_(WEIR_OP_DESC, a)
#define WEIR_NULLS_FIRST(a) WEIR_OP1_(WEIR_OP_NULLS_FIRST, a)                  /* around WEIR_ASC or WEIR_DESC */
#define WEIR_NULLS_LAST(a) WEIR_OP1_(WEIR_OP_NULLS_LAST, a)

/* ---- functions: any by name; the usual ones by theirs ----------------------------------------------------------------------- */
#define WEIR_FUNC0(name_) WEIR_E_(.op = WEIR_OP_FUNCTION, .name = (name_), .args = (const weir_expr *const[]){ NULL })
#define WEIR_FUNC(name_, ...) WEIR_E_(.op = WEIR_OP_FUNCTION, .name = (name_), WEIR_ARGS_(WEIR_MAP_X_(__VA_ARGS__)))
#define WEIR_COUNT() WEIR_E_(.op = WEIR_OP_COUNT_STAR)
#define WEIR_COUNT_OF(a) WEIR_FUNC("count", a)
#define WEIR_SUM(a) WEIR_FUNC("sum", a)
#define WEIR_MIN(a) WEIR_FUNC("min", a)
#define WEIR_MAX(a) WEIR_FUNC("max", a)
#define WEIR_AVG(a) WEIR_FUNC("avg", a)
#define WEIR_COALESCE(...) WEIR_FUNC("coalesce", __VA_ARGS__)
#define WEIR_NOW() WEIR_FUNC0("now")                                            /* CURRENT_TIMESTAMP on both */
#define WEIR_DISTINCT(a) WEIR_OP1_(WEIR_OP_DISTINCT, a)                         /* inside a function: count(DISTINCT a) */
#define WEIR_FILTER(f, condition_) WEIR_OP2_(WEIR_OP_FILTER, f, condition_)
#define WEIR_OVER(f, ...) WEIR_E_(.op = WEIR_OP_OVER, .window = &(const weir_window){ __VA_ARGS__ }, WEIR_ARGS_(WEIR_X(f)))
#define WEIR_EXPRS(...) ((const weir_expr *const[]){ __VA_ARGS__, NULL })        /* .partition_by = WEIR_EXPRS(…) */

/* WEIR_X, or another macro M, of each of up to thirty-two operands. */
#define WEIR_MAP_X_(...) WEIR_MAP_(WEIR_X, __VA_ARGS__)
#define WEIR_MAP_(M, ...) \
    WEIR_MAP_PICK_(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, \
        15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)(M, __VA_ARGS__)
#define WEIR_MAP_PICK_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, \
    a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, n, ...) WEIR_MAP_##n##_
#define WEIR_MAP_1_(M, a) M(a)
#define WEIR_MAP_2_(M, a, ...) M(a), WEIR_MAP_1_(M, __VA_ARGS__)
#define WEIR_MAP_3_(M, a, ...) M(a), WEIR_MAP_2_(M, __VA_ARGS__)
#define WEIR_MAP_4_(M, a, ...) M(a), WEIR_MAP_3_(M, __VA_ARGS__)
#define WEIR_MAP_5_(M, a, ...) M(a), WEIR_MAP_4_(M, __VA_ARGS__)
#define WEIR_MAP_6_(M, a, ...) M(a), WEIR_MAP_5_(M, __VA_ARGS__)
#define WEIR_MAP_7_(M, a, ...) M(a), WEIR_MAP_6_(M, __VA_ARGS__)
#define WEIR_MAP_8_(M, a, ...) M(a), WEIR_MAP_7_(M, __VA_ARGS__)
#define WEIR_MAP_9_(M, a, ...) M(a), WEIR_MAP_8_(M, __VA_ARGS__)
#define WEIR_MAP_10_(M, a, ...) M(a), WEIR_MAP_9_(M, __VA_ARGS__)
#define WEIR_MAP_11_(M, a, ...) M(a), WEIR_MAP_10_(M, __VA_ARGS__)
#define WEIR_MAP_12_(M, a, ...) M(a), WEIR_MAP_11_(M, __VA_ARGS__)
#define WEIR_MAP_13_(M, a, ...) M(a), WEIR_MAP_12_(M, __VA_ARGS__)
#define WEIR_MAP_14_(M, a, ...) M(a), WEIR_MAP_13_(M, __VA_ARGS__)
#define WEIR_MAP_15_(M, a, ...) M(a), WEIR_MAP_14_(M, __VA_ARGS__)
#define WEIR_MAP_16_(M, a, ...) M(a), WEIR_MAP_15_(M, __VA_ARGS__)
#define WEIR_MAP_17_(M, a, ...) M(a), WEIR_MAP_16_(M, __VA_ARGS__)
#define WEIR_MAP_18_(M, a, ...) M(a), WEIR_MAP_17_(M, __VA_ARGS__)
#define WEIR_MAP_19_(M, a, ...) M(a), WEIR_MAP_18_(M, __VA_ARGS__)
#define WEIR_MAP_20_(M, a, ...) M(a), WEIR_MAP_19_(M, __VA_ARGS__)
#define WEIR_MAP_21_(M, a, ...) M(a), WEIR_MAP_20_(M, __VA_ARGS__)
#define WEIR_MAP_22_(M, a, ...) M(a), WEIR_MAP_21_(M, __VA_ARGS__)
#define WEIR_MAP_23_(M, a, ...) M(a), WEIR_MAP_22_(M, __VA_ARGS__)
#define WEIR_MAP_24_(M, a, ...) M(a), WEIR_MAP_23_(M, __VA_ARGS__)
#define WEIR_MAP_25_(M, a, ...) M(a), WEIR_MAP_24_(M, __VA_ARGS__)
#define WEIR_MAP_26_(M, a, ...) M(a), WEIR_MAP_25_(M, __VA_ARGS__)
#define WEIR_MAP_27_(M, a, ...) M(a), WEIR_MAP_26_(M, __VA_ARGS__)
#define WEIR_MAP_28_(M, a, ...) M(a), WEIR_MAP_27_(M, __VA_ARGS__)
#define WEIR_MAP_29_(M, a, ...) M(a), WEIR_MAP_28_(M, __VA_ARGS__)
#define WEIR_MAP_30_(M, a, ...) M(a), WEIR_MAP_29_(M, __VA_ARGS__)
#define WEIR_MAP_31_(M, a, ...) M(a), WEIR_MAP_30_(M, __VA_ARGS__)
#define WEIR_MAP_32_(M, a, ...) M(a), WEIR_MAP_31_(M, __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
