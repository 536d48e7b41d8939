/* weir/entity.h: a plain struct and, beside it, the checked table that maps it.
 *
 *     struct invoice { int64_t id; int64_t tenant_id; int64_t total_cents; const char *status; };
 *     WEIR_ENTITY(invoice, "invoices",
 *         WEIR_COLUMN(invoice, id, .primary_key = true),
 *         WEIR_COLUMN(invoice, tenant_id, .indexed = true),
 *         WEIR_COLUMN(invoice, total_cents),
 *         WEIR_COLUMN(invoice, status));
 *
 * The member's C type is the column's type; what cannot be mapped does not compile. Other mistakes are an error at the entity's
 * first use (weir_entity_check says which). The macros are C only: C++ declares `extern "C" const weir_entity invoice_entity;`
 * and gets it from a C file. Entities and all that they point to are constants with static storage, never copied or freed: any
 * thread. docs/how-to/map-tables.md shows every kind of member. */
#ifndef WEIR_ENTITY_H
#define WEIR_ENTITY_H
#include <weir/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_entity weir_entity;

/* The C type of a column's member. NULL is in the type: optionals, and pointers that may be NULL. */
typedef enum weir_member_type {
    WEIR_M_NONE = 0,
    WEIR_M_BOOL, WEIR_M_INT16, WEIR_M_INT32, WEIR_M_INT64, WEIR_M_FLOAT, WEIR_M_DOUBLE,
    WEIR_M_CSTR, WEIR_M_TEXT, WEIR_M_BLOB, WEIR_M_NUMERIC, WEIR_M_ARRAY,
    WEIR_M_DATE, WEIR_M_TIME, WEIR_M_TIMETZ, WEIR_M_TIMESTAMP, WEIR_M_TIMESTAMPTZ, WEIR_M_INTERVAL, WEIR_M_UUID,
    WEIR_M_OPT_BOOL, WEIR_M_OPT_INT32, WEIR_M_OPT_INT64, WEIR_M_OPT_DOUBLE, WEIR_M_OPT_DATE, WEIR_M_OPT_TIME, WEIR_M_OPT_TIMETZ,
    WEIR_M_OPT_TIMESTAMP, WEIR_M_OPT_TIMESTAMPTZ, WEIR_M_OPT_INTERVAL, WEIR_M_OPT_UUID,
    WEIR_M_CHARS,                       /* char[n], n > 1: ended by NUL; a longer text is WEIR_DATA, NULL too */
    WEIR_M_ENUM,                        /* a C enum, whose numbers index the names table; another label, or NULL, is WEIR_DATA */
    WEIR_M_COUNT_
} weir_member_type;

typedef enum weir_member_kind { WEIR_MEMBER_COLUMN = 1, WEIR_MEMBER_MANY, WEIR_MEMBER_ONE } weir_member_kind;

/* How a relationship is loaded unless a statement says otherwise. */
typedef enum weir_lazy {
    WEIR_LAZY_DEFAULT = 0,              /* select */
    WEIR_LAZY_SELECT,                   /* by weir_load, when asked */
    WEIR_LAZY_SELECTIN, WEIR_LAZY_JOINED, WEIR_LAZY_SUBQUERY, WEIR_LAZY_IMMEDIATE,      /* as weir/select.h says of the options */
    WEIR_LAZY_RAISE,                    /* weir_load is WEIR_INVALID_REQUEST */
    WEIR_LAZY_NOLOAD                    /* loaded and empty, without a statement */
} weir_lazy;

/* What happens to those that a relationship reaches, or-ed together in .cascade; 0 is WEIR_CASCADE_SAVE_UPDATE. */
typedef enum weir_cascade {
    WEIR_CASCADE_SAVE_UPDATE = 1,       /* they are added to the session with this one (weir_session_add, weir_link …) */
    WEIR_CASCADE_DELETE = 2,            /* they are deleted with this one; else their foreign key becomes NULL (to-many) */
    WEIR_CASCADE_DELETE_ORPHAN = 4,     /* besides, those that are taken out of it are deleted (to-many) */
    WEIR_CASCADE_EXPUNGE = 8,           /* they are expunged with this one */
    WEIR_CASCADE_PASSIVE_DELETES = 16,  /* the database's ON DELETE does it: nothing is loaded for a deletion */
    WEIR_CASCADE_NONE = 1 << 30,        /* none of these, not even save-update */
    WEIR_CASCADE_ALL = 1 | 2 | 8
} weir_cascade;

/* Column pairs of a relationship: a member of this side and one of the target. */
typedef struct weir_pair { size_t local, remote; } weir_pair;

typedef struct weir_member {
    weir_member_kind kind;
    const char *name;                   /* of the struct's member */
    size_t offset, size;
    /* columns */
    weir_member_type type;
    const char *column;                 /* its name in the table; default: the member's */
    const char *sql_type;               /* for weir_create_all; default: by the C type */
    const char *foreign_key;            /* "orders.id": for weir_create_all, and for relationships that name no pairs */
    bool primary_key;                   /* one column or several: what rows are told apart by */
    bool indexed, unique, server_generated;     /* for weir_create_all */
    bool version;                       /* an integer that each UPDATE of a session raises, and demands as it was (weir_session_flush) */
    bool nullable;                      /* WEIR_MAPPING when the C type has no NULL: the type decides */
    const char *const *enum_names;      /* WEIR_M_ENUM: labels by number */
    size_t enum_count;
    /* relationships */
    const weir_entity *target;
    const weir_pair *pairs;             /* pair_count of them; 0: found by foreign_key */
    size_t pair_count;
    const char *association;            /* many-to-many: the table between; its columns by pair: */
    const char *const *association_local, *const *association_remote;
    const char *order_by;               /* SQL over the target's columns: "quantity DESC" */
    weir_lazy lazy;
    unsigned cascade;                   /* WEIR_CASCADE_…, or-ed */
    int reserved;
} weir_member;

struct weir_entity {
    const char *name;                   /* of the struct */
    const char *table;                  /* "schema.table" is split at the point; NULL: a result-only struct, for weir_select_from_sql,
                                           subqueries and CTEs; it has no relationships */
    size_t size;
    const weir_member *members;
    size_t member_count;
};

/* A to-many member: items == NULL is "not loaded" (or not since it expired: weir_loaded tells), an empty collection has items and
 * count 0. The pointers belong to the instance; do not write them. */
#define WEIR_MANY(S) struct { S **items; size_t count; }

#ifndef __cplusplus
/* The member's address is taken, so that arrays do not decay: char name[32] is a char (*)[32]. */
#define WEIR_MEMBER_TYPE_(S, m)                                                                              \
    _Generic(&((S *)0)->m,                                                                                   \
        bool *: WEIR_M_BOOL, short *: WEIR_M_INT16, int *: WEIR_M_INT32,                                     \
        long *: sizeof(long) == 8 ? WEIR_M_INT64 : WEIR_M_INT32, long long *: WEIR_M_INT64,                  \
        float *: WEIR_M_FLOAT, double *: WEIR_M_DOUBLE, const char **: WEIR_M_CSTR,                          \
        weir_text *: WEIR_M_TEXT, weir_blob *: WEIR_M_BLOB, weir_numeric *: WEIR_M_NUMERIC,                  \
        const weir_array **: WEIR_M_ARRAY, weir_date *: WEIR_M_DATE, weir_time *: WEIR_M_TIME,               \
        weir_timetz *: WEIR_M_TIMETZ, weir_timestamp *: WEIR_M_TIMESTAMP,                                    \
        weir_timestamptz *: WEIR_M_TIMESTAMPTZ, weir_interval *: WEIR_M_INTERVAL, weir_uuid *: WEIR_M_UUID,  \
        weir_opt_bool *: WEIR_M_OPT_BOOL, weir_opt_int32 *: WEIR_M_OPT_INT32,                                \
        weir_opt_int64 *: WEIR_M_OPT_INT64, weir_opt_double *: WEIR_M_OPT_DOUBLE,                            \
        weir_opt_date *: WEIR_M_OPT_DATE, weir_opt_time *: WEIR_M_OPT_TIME,                                  \
        weir_opt_timetz *: WEIR_M_OPT_TIMETZ, weir_opt_timestamp *: WEIR_M_OPT_TIMESTAMP,                    \
        weir_opt_timestamptz *: WEIR_M_OPT_TIMESTAMPTZ, weir_opt_interval *: WEIR_M_OPT_INTERVAL,            \
        weir_opt_uuid *: WEIR_M_OPT_UUID,                                                                    \
        char (*)[sizeof(((S *)0)->m)]: WEIR_M_CHARS)

/* A column, and members of weir_member: WEIR_COLUMN(invoice, total_cents, .column = "total", .indexed = true) */
#define WEIR_COLUMN(E, ...) WEIR_COLUMN_(E, __VA_ARGS__, .reserved = 0)
#define WEIR_COLUMN_(E, m, ...)                                                         \
    { .kind = WEIR_MEMBER_COLUMN, .name = #m, .offset = offsetof(struct E, m),          \
      .size = sizeof(((struct E *)0)->m), .type = WEIR_MEMBER_TYPE_(struct E, m), __VA_ARGS__ }
/* WEIR_ENUM_COLUMN(invoice, status, invoice_status_names, …): an enum (or int) member, the column holds its name; the names are
 * an array of const char *, one for each number from 0, none twice or NULL (WEIR_MAPPING). */
#define WEIR_ENUM_COLUMN(E, ...) WEIR_ENUM_COLUMN_(E, __VA_ARGS__, .reserved = 0)
#define WEIR_ENUM_COLUMN_(E, m, names, ...)                                             \
    { .kind = WEIR_MEMBER_COLUMN, .name = #m, .offset = offsetof(struct E, m),          \
      .size = sizeof(((struct E *)0)->m) + 0 * sizeof(char[sizeof(((struct E *)0)->m) == sizeof(int) ? 1 : -1]), \
      .type = WEIR_M_ENUM, .enum_names = _Generic(&(names)[0], const char *const *: (names), const char **: (names)), \
      .enum_count = sizeof(names) / sizeof *(names), __VA_ARGS__ }
#define WEIR_PAIR(E, m, T, n) { offsetof(struct E, m), offsetof(struct T, n) }
#define WEIR_PAIRS_(...) (const weir_pair[]){ __VA_ARGS__ }, .pair_count = sizeof((const weir_pair[]){ __VA_ARGS__ }) / sizeof(weir_pair)
/* One-to-many: the target's member fk holds this entity's primary key (a single one).
 * WEIR_HAS_MANY(order, lines, order_line, order_id, .order_by = "id") */
#define WEIR_HAS_MANY(E, ...) WEIR_HAS_MANY_(E, __VA_ARGS__, .reserved = 0)
#define WEIR_HAS_MANY_(E, m, T, fk, ...)                                                \
    { WEIR_TO_MANY_(E, m, T), .pairs = WEIR_PAIRS_({ WEIR_KEY_, offsetof(struct T, fk) }), __VA_ARGS__ }
/* Many-to-one: this entity's member fk holds the target's primary key. WEIR_BELONGS_TO(order_line, order, order, order_id) */
#define WEIR_BELONGS_TO(E, ...) WEIR_BELONGS_TO_(E, __VA_ARGS__, .reserved = 0)
#define WEIR_BELONGS_TO_(E, m, T, fk, ...)                                              \
    { WEIR_TO_ONE_(E, m, T), .pairs = WEIR_PAIRS_({ offsetof(struct E, fk), WEIR_KEY_ }), __VA_ARGS__ }
/* The same with any column pairs, composite ones too; without `.pairs` they are found by the columns' foreign_key:
 * WEIR_TO_MANY(order, lines, order_line, .pairs = WEIR_PAIRS(WEIR_PAIR(order, id, order_line, order_id))) */
#define WEIR_TO_MANY(E, ...) WEIR_TO_MANY__(E, __VA_ARGS__, .reserved = 0)
#define WEIR_TO_MANY__(E, m, T, ...) { WEIR_TO_MANY_(E, m, T), __VA_ARGS__ }
#define WEIR_TO_ONE(E, ...) WEIR_TO_ONE__(E, __VA_ARGS__, .reserved = 0)
#define WEIR_TO_ONE__(E, m, T, ...) { WEIR_TO_ONE_(E, m, T), __VA_ARGS__ }
#define WEIR_PAIRS(...) WEIR_PAIRS_(__VA_ARGS__)
/* Many-to-many through an association table, by single keys:
 * WEIR_MANY_TO_MANY(order, tags, tag, "order_tags", "order_id", "tag_id") */
#define WEIR_MANY_TO_MANY(E, ...) WEIR_MANY_TO_MANY_(E, __VA_ARGS__, .reserved = 0)
#define WEIR_MANY_TO_MANY_(E, m, T, between, local_column, remote_column, ...)          \
    { WEIR_TO_MANY_(E, m, T), .association = (between), .pairs = WEIR_PAIRS_({ WEIR_KEY_, WEIR_KEY_ }),      \
      .association_local = (const char *const[]){ (local_column) }, .association_remote = (const char *const[]){ (remote_column) }, __VA_ARGS__ }
#define WEIR_KEY_ SIZE_MAX              /* "the primary key", in a pair */
#define WEIR_TO_MANY_(E, m, T)                                                          \
    .kind = WEIR_MEMBER_MANY, .name = #m, .offset = offsetof(struct E, m),              \
    .size = _Generic(&((struct E *)0)->m.items, struct T ***: sizeof(((struct E *)0)->m)), .target = &T##_entity
#define WEIR_TO_ONE_(E, m, T)                                                           \
    .kind = WEIR_MEMBER_ONE, .name = #m, .offset = offsetof(struct E, m),               \
    .size = _Generic(&((struct E *)0)->m, struct T **: sizeof(((struct E *)0)->m)), .target = &T##_entity

/* Where entities name each other, declare them first. */
#define WEIR_ENTITY_DECLARE(E) extern const weir_entity E##_entity
/* Defines E_entity for `struct E`. table_: NULL for a result-only struct. */
#define WEIR_ENTITY(E, table_, ...)                                                     \
    static const weir_member E##_members_[] = { __VA_ARGS__ };                          \
    const weir_entity E##_entity = { .name = #E, .table = table_, .size = sizeof(struct E), \
        .members = E##_members_, .member_count = sizeof E##_members_ / sizeof *E##_members_ }
#endif

/* Whether the mapping makes sense, in words in *error (may be NULL), which name entity and member. Every first use checks it;
 * this is for tests and start-up. Any thread. WEIR_MAPPING: a table without a primary key, two members of one column, a type that
 * has no NULL but .nullable, an enum without names, a .version that is no
 * integer or of the key or not the only one, a foreign_key that is no "table.column", a relationship whose sides cannot be
 * equal or whose target has no table or key …; WEIR_NO_FOREIGN_KEYS, WEIR_AMBIGUOUS_FOREIGN_KEYS: a relationship names no pairs,
 * and the columns' foreign_key tells none, or more than one; WEIR_ARGUMENT: it is NULL. An entity with more than 32 relationships
 * is WEIR_MAPPING when a session first meets it. */
WEIR_API int weir_entity_check(const weir_entity *entity, weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
