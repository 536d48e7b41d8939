/* Tokens of pages: a place in a statement's order as a text that programs hand to strangers and get back. */
#ifndef WEIR_TRANSFER_PAGE_TOKEN_H
#define WEIR_TRANSFER_PAGE_TOKEN_H
#include "transfer/order.h"

typedef struct weir_token_secret { const void *bytes; size_t length; } weir_token_secret;      /* length 0: none */

/* The token of a place: of the key, or (at) with the key's own row. NULL with *error. It lives in the arena. */
const char *weir_page_token(const weir_order *order, const weir_value *key, bool at, weir_token_secret secret, weir_arena *arena,
                            weir_error *error);
/* Back again: `key` has room for weir_order_count values, which live in the arena. WEIR_DATA: it was not made here, for this statement,
 * with this secret. */
int weir_page_token_read(const weir_order *order, const char *token, weir_token_secret secret, weir_arena *arena, weir_value *key, bool *at,
                         weir_error *error);
#endif
