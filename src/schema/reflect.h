/* A live schema on its way to a C header: tables as read, then as entities with names that C takes. Texts lie in the arena. */
#ifndef WEIR_SCHEMA_REFLECT_H
#define WEIR_SCHEMA_REFLECT_H
#include <weir/schema.h>
#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

/* A type of PostgreSQL's, made by CREATE TYPE … AS ENUM. */
typedef struct weir_reflected_enum {
    int64_t      oid;
    const char  *schema, *name;
    const char **labels;
    size_t       label_count;
    bool         named, foreign_schema; /* tag and enumerators are made; not of the default schema */
    const char  *tag, **enumerators, *names_table;
    struct weir_reflected_enum *next;
} weir_reflected_enum;

typedef struct weir_reflected_column {
    const weir_column_info *info;
    bool                 not_null, key, indexed, unique, generated;
    const char          *declared;      /* the type, as SQL has it */
    weir_reflected_enum *labels;        /* NULL: no enum */
    const char          *member;        /* the name in C */
    weir_member_type     type;          /* WEIR_M_NONE: not mapped, note says why */
    const char          *sql_type, *foreign_key, *note;         /* each may be NULL */
} weir_reflected_column;

typedef struct weir_reflected_table weir_reflected_table;

typedef struct weir_reflected_key {     /* a foreign key, column by column */
    const char            *constraint, *target_schema, *target_name;
    const char           **near_names, **far_names;
    weir_reflected_column **near, **far;
    size_t                 count;
    weir_reflected_table  *target;      /* NULL: no relationship follows, note says why */
    const char            *note;
    struct weir_reflected_key *next;
} weir_reflected_key;

typedef struct weir_reflected_relation {
    bool                  to_many;
    const char           *member, *note;    /* note: why there is none */
    weir_reflected_table *target;
    weir_reflected_key   *key;          /* held by this side (to one) or the other (to many); by the table between: of this side */
    weir_reflected_table *between;      /* NULL: none */
    weir_reflected_key   *far;          /* with a table between: of the other side */
    struct weir_reflected_relation *next;
} weir_reflected_relation;

struct weir_reflected_table {
    const char              *schema, *name;
    const char              *spelled;   /* for WEIR_ENTITY: with the schema unless it is the default one */
    const char              *why;       /* NULL: an entity; else why not */
    bool                     foreign_schema, referenced, between;
    const char              *tag;
    weir_reflected_column   *columns;
    size_t                   column_count;
    weir_reflected_key      *keys, **keys_end;
    weir_reflected_relation *relations, **relations_end;
    size_t                   relation_count;
};

typedef struct weir_reflection {
    weir_connection      *connection;
    bool                  postgresql;
    const weir_reflect_options *options;
    weir_arena            arena;
    weir_reflected_table *tables;       /* by schema and name */
    size_t                table_count, table_room;
    weir_reflected_enum  *enums;
    weir_error           *error;
} weir_reflection;

/* Names already taken in one of C's name spaces. */
typedef struct weir_taken_name { const char *name; struct weir_taken_name *next; } weir_taken_name;

/* Memory and texts of the arena; NULL with the error set. */
void *weir_reflect_take(weir_reflection *r, size_t size);
const char *weir_reflect_text(weir_reflection *r, const char *format, ...) WEIR_PRINTF_(2, 3);
/* `prefix` and `name` as one C identifier, which is a keyword of neither C nor C++; NULL: no memory. */
const char *weir_reflect_identifier(weir_reflection *r, const char *prefix, const char *name, bool capitals);
/* The name, or the name with a number that makes it the only one; it is taken from then on. */
const char *weir_reflect_unique(weir_reflection *r, weir_taken_name **taken, const char *name);

/* Each a status, in r->error too. read: tables, columns, foreign keys, enums; shape: names, types of members, relationships. */
int weir_reflect_read(weir_reflection *r);
int weir_reflect_shape(weir_reflection *r);
int weir_reflect_relate(weir_reflection *r);
weir_reflected_table *weir_reflect_find(weir_reflection *r, const char *schema, const char *name);
weir_reflected_column *weir_reflect_column(const weir_reflection *r, const weir_reflected_table *table, const char *name);
bool weir_reflect_same(const weir_reflection *r, const char *a, const char *b);         /* SQLite's names do not tell capitals */
/* The column's member, as far as comparisons need it. */
weir_member weir_reflect_member(const weir_reflected_column *column);
/* The columns of the primary key; 0 for none. */
size_t weir_reflect_key_count(const weir_reflected_table *table);
void weir_reflect_write(weir_reflection *r, const char *guard, weir_buffer *out);
#endif
