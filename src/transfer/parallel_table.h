/* What the database knows of the table that a key is of: its size, and keys that lie at even distances. */
#ifndef WEIR_TRANSFER_PARALLEL_TABLE_H
#define WEIR_TRANSFER_PARALLEL_TABLE_H
#include "transfer/parallel.h"

enum { WEIR_TABLE_KEYS = 8 };

typedef struct weir_table_facts {
    uint32_t oid;                       /* given: the table; 0: none */
    int      columns[WEIR_TABLE_KEYS];  /* given: of the key, by number in the table; 0: not of the table */
    int64_t  bytes;                     /* with all partitions */
    bool     unknown;                   /* how many bytes cannot be known */
    bool     foreign;                   /* a foreign table, or it has partitions that are */
    bool     unindexed;                 /* no index has the order, or begins with the key's first column */
    bool     sampled;                   /* TABLESAMPLE can be used */
    bool     stale;                     /* the table grew since it was analysed */
    bool     by_range;                  /* partitioned by ranges of the key's first column */
    int64_t  steps;                     /* bounds in the histogram of the key's first column */
    char     name[300];                 /* "schema"."table" */
} weir_table_facts;

/* PostgreSQL: by the catalogue. Without an oid only what is not known is said. */
int weir_table_facts_read(weir_connection *connection, weir_table_facts *facts, weir_error *error);
/* SQLite: the file's size, and whether the plan sorts for the order (unindexed). */
int weir_table_facts_of_file(weir_connection *connection, const weir_order *order, weir_table_facts *facts, weir_error *error);

/* PostgreSQL: the leaves of a partitioned table, one name after the other in `names`, each ended by NUL, if they may be read by themselves and a
 * range of the order, which begins with that column, may lie in several of them; else none. */
int weir_table_partitions(weir_connection *connection, uint32_t oid, int column, weir_buffer *names, weir_error *error);

typedef struct weir_table_question {
    weir_connection        *connection;
    const weir_table_facts *facts;
    const weir_order       *order;
    size_t                  keys;       /* values of a key */
    size_t                  ranges;     /* wanted */
} weir_table_question;
typedef struct weir_table_keys { weir_value *keys; size_t count; const char *source; } weir_table_keys;

/* PostgreSQL: up to ranges - 1 keys in the order, by the histogram of the statistics, the bounds of range partitions, or a sample of the
 * table; none where none of them can tell. They are sorted as the table's column is, which the statement's may not be. */
int weir_table_keys_find(const weir_table_question *question, weir_arena *arena, weir_table_keys *out, weir_error *error);
#endif
