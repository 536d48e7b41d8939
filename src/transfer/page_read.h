/* Reading one page of an ordered statement, on a connection, a session, or a connection of an engine's pool. */
#ifndef WEIR_TRANSFER_PAGE_READ_H
#define WEIR_TRANSFER_PAGE_READ_H
#include <weir/keyset.h>
#include "transfer/order.h"

/* Where pages are read: one of the three. */
typedef struct weir_keyset_home {
    weir_connection *connection;
    weir_session    *session;
    weir_engine     *engine;
    bool             ends;              /* each page is a transaction of its own, ended before the page is handed out */
    /* set by weir_page_prepare */
    const weir_entity *delivers;        /* a session's select of one entity: pages have its instances */
    bool             joins, joins_collection;   /* its loads join something; a collection: rows are made unique */
} weir_keyset_home;

/* The rows of a page, in the statement's order. */
typedef struct weir_page_rows {
    weir_result      *result;           /* that they live in; NULL: none */
    weir_arena        arena;
    size_t            count;
    const weir_row  **rows;
    void            **instances;        /* NULL: none */
    const weir_value *first, *last;     /* keys; in the arena, pointing into the rows */
} weir_page_rows;

void weir_page_rows_init(weir_page_rows *page);
void weir_page_rows_free(weir_page_rows *page);
/* Looks at what the statement delivers there. A status. */
int weir_page_prepare(const weir_order *order, weir_keyset_home *home, weir_error *error);
/* Reads range->limit rows; *more: there are others behind them. What the page had before ends. Rows that have the same place as their
 * neighbour are WEIR_INVALID_REQUEST. */
int weir_page_read(const weir_order *order, const weir_keyset_home *home, const weir_order_range *range, weir_page_rows *page, bool *more,
                   weir_error *error);
/* The key of one of its rows, pointing into it. */
int weir_page_key(const weir_order *order, const weir_keyset_home *home, const weir_page_rows *page, size_t row, weir_value *key,
                  weir_error *error);
#endif
