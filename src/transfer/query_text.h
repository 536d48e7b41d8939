/* What can be told of a SELECT's text without the database: the one table that it reads, and its ORDER BY. */
#ifndef WEIR_TRANSFER_QUERY_TEXT_H
#define WEIR_TRANSFER_QUERY_TEXT_H
#include <weir/value.h>
#include "base/arena.h"
#include "sql/dialect.h"

enum { WEIR_NAME_SIZE = 132, WEIR_ORDER_ITEMS = 32 };

typedef struct weir_order_item {
    char name[WEIR_NAME_SIZE];          /* of a column, without quotes, as the database knows it; "" for an expression */
    int  ordinal;                       /* ORDER BY 2; 0: a name */
    bool descending, nulls_said, nulls_first;
} weir_order_item;

typedef struct weir_query_text {
    weir_text table;                    /* as it is written; ptr NULL: there is not exactly one plain table in FROM */
    char      table_name[WEIR_NAME_SIZE], table_schema[WEIR_NAME_SIZE];    /* without quotes; schema "": none is written */
    size_t    select_start, select_end; /* offsets of the select list; equal: it was not found */
    size_t    behind_table;             /* offset behind the table and its alias */
    size_t    order_start, order_end;   /* offsets of ORDER BY with all that belongs to it; equal: there is none */
    bool      order_has_parameters;
    size_t    order_count;              /* items; those beyond WEIR_ORDER_ITEMS are not kept */
    weir_order_item order[WEIR_ORDER_ITEMS];
    size_t    end;                      /* offset behind the statement, without semicolons and comments at its end */
    bool      cte, where, grouped, distinct, combined, limited;     /* at the top level: WITH; GROUP BY, HAVING or an aggregate; UNION and the like;
                                                                            LIMIT */
} weir_query_text;

/* By the dialect's lexical rules. What it cannot tell it leaves empty. */
void weir_query_text_read(const char *sql, size_t length, const weir_dialect *dialect, weir_query_text *out);
/* The column of the table that an item of the order means: the select list may give its name to something else, or say what an
 * ordinal is. False: an expression, or it cannot be told. */
bool weir_query_order_column(const char *sql, const weir_query_text *text, const weir_dialect *dialect, const weir_order_item *item,
                             char column[WEIR_NAME_SIZE]);
#endif
