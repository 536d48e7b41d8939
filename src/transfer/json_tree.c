/* JSON texts as trees. The text is checked as a whole first, so that building the tree meets no mistake. */
#include "transfer/json_tree.h"
#include <string.h>
#include "base/error.h"
#include "base/holds.h"
#include "base/values.h"
#include "transfer/json_text.h"

typedef struct builder {
    const char *next, *end;
    weir_arena *arena;
    weir_json  *inside;                     /* the innermost open object or array; NULL: none */
    weir_json  *last;                       /* what was put into it last; NULL: nothing yet */
    bool        failed;                     /* no memory */
} builder;

static void skip(builder *b, const char *bytes)
{
    while (b->next < b->end && strchr(bytes, *b->next) && *b->next)
        b->next++;
}

/* At the opening quote. */
static weir_text take_string(builder *b)
{
    weir_text text = { ++b->next, 0 };
    while (*b->next != '"')
        b->next += *b->next == '\\' ? 2 : 1;
    text.len = (size_t)(b->next++ - text.ptr);
    char *copy = weir_arena_bytes(b->arena, text.len + 1);
    b->failed = b->failed || !copy;
    if (copy && !weir_json_unescape(text, copy, &text)) {
        memcpy(copy, text.ptr, text.len);   /* half a surrogate pair: as it is written */
        text.ptr = copy;
    }
    return text;
}

static weir_text take_number(builder *b)
{
    size_t length = weir_json_number_length(b->next, (size_t)(b->end - b->next));
    char *copy = weir_arena_bytes(b->arena, length + 1);
    b->failed = b->failed || !copy;
    if (copy)
        memcpy(copy, b->next, length);
    b->next += length;
    return (weir_text){ copy, length };
}

static void take_scalar(builder *b, weir_json *value)
{
    static const struct { char first; weir_json_kind kind; size_t length; } words[] = {
        { 'n', WEIR_JSON_NULL, 4 }, { 'f', WEIR_JSON_FALSE, 5 }, { 't', WEIR_JSON_TRUE, 4 },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (*b->next == words[i].first) {
            value->kind = words[i].kind;
            b->next += words[i].length;
            return;
        }
    }
    bool string = *b->next == '"';
    value->kind = string ? WEIR_JSON_STRING : WEIR_JSON_NUMBER;
    value->text = string ? take_string(b) : take_number(b);
}

/* One value, or the opening of one that holds values. */
static weir_json *take_value(builder *b)
{
    weir_text key = { NULL, 0 };
    if (b->inside && b->inside->kind == WEIR_JSON_OBJECT) {
        key = take_string(b);
        skip(b, " \t\r\n:");
    }
    weir_json *value = weir_arena_take(b->arena, sizeof *value);
    b->failed = b->failed || !value;
    if (b->failed)
        return NULL;
    *value = (weir_json){ .key = key, .parent = b->inside };
    if (b->last)
        b->last->next = value;
    else if (b->inside)
        b->inside->first = value;
    b->last = value;
    if (*b->next == '{' || *b->next == '[') {
        value->kind = *b->next++ == '{' ? WEIR_JSON_OBJECT : WEIR_JSON_ARRAY;
        b->inside = value;
        b->last = NULL;
    } else {
        take_scalar(b, value);
    }
    return value;
}

const weir_json *weir_json_read(const char *text, size_t length, weir_arena *arena, weir_error *error)
{
    bool one_line;
    if (!weir_json_valid(text, length, &one_line)) {
        weir_error_set(error, WEIR_DATA, "a text is not JSON");
        return NULL;
    }
    builder b = { .next = text, .end = text + length, .arena = arena };
    const weir_json *whole = NULL;
    for (skip(&b, " \t\r\n"); !b.failed && b.next < b.end; skip(&b, " \t\r\n,")) {
        if (*b.next == '}' || *b.next == ']') {
            WEIR_HOLDS(b.inside);       /* the text is valid */
            b.next++;
            b.last = b.inside;
            b.inside = (weir_json *)(uintptr_t)b.inside->parent;
        } else {
            const weir_json *value = take_value(&b);
            whole = whole ? whole : value;
        }
    }
    if (b.failed)
        weir_error_out_of_memory(error);
    return b.failed ? NULL : whole;
}

const weir_json *weir_json_member(const weir_json *object, const char *key)
{
    size_t length = strlen(key);
    const weir_json *member = object && object->kind == WEIR_JSON_OBJECT ? object->first : NULL;
    while (member && (member->key.len != length || memcmp(member->key.ptr, key, length) != 0))
        member = member->next;
    return member;
}

bool weir_json_is(const weir_json *value, const char *text)
{
    return value && value->kind == WEIR_JSON_STRING && value->text.len == strlen(text) && !memcmp(value->text.ptr, text, value->text.len);
}

double weir_json_number(const weir_json *value, double otherwise)
{
    double number;
    return value && value->kind == WEIR_JSON_NUMBER && weir_parse_double(value->text, &number) ? number : otherwise;
}
