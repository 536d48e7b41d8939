/* A JSON text as a tree: what plans of PostgreSQL are read from. */
#ifndef WEIR_TRANSFER_JSON_TREE_H
#define WEIR_TRANSFER_JSON_TREE_H
#include <weir/value.h>
#include "base/arena.h"

typedef enum weir_json_kind { WEIR_JSON_NULL = 0, WEIR_JSON_FALSE, WEIR_JSON_TRUE, WEIR_JSON_NUMBER, WEIR_JSON_STRING, WEIR_JSON_ARRAY, WEIR_JSON_OBJECT } weir_json_kind;

typedef struct weir_json {
    weir_json_kind kind;
    weir_text      key;                     /* of a member of an object, without escapes */
    weir_text      text;                    /* of a string, without escapes; a number as it is written */
    const struct weir_json *first, *next;   /* what is in it; what stands behind it in the same object or array */
    const struct weir_json *parent;         /* the object or array that it is in */
} weir_json;

/* The tree of one JSON value; all of it lies in the arena. NULL with *error: WEIR_DATA for what is not JSON; no memory. The text
 * need not outlive the call. No recursion: any depth that weir_json_valid takes. */
const weir_json *weir_json_read(const char *text, size_t length, weir_arena *arena, weir_error *error);
/* The member of an object; NULL: there is none, or it is no object (NULL is fine). */
const weir_json *weir_json_member(const weir_json *object, const char *key);
/* Whether it is a string of that text; false for NULL. */
bool weir_json_is(const weir_json *value, const char *text);
/* The number, or `otherwise` where there is none. */
double weir_json_number(const weir_json *value, double otherwise);
#endif
