/* Arrays in files: as PostgreSQL writes them ({1,NULL,"a b"}, [0:1]={1,2}; documentation, section 8.15) and as JSON ([1,null,"a b"]). One
 * parser for both, since they differ in brackets, in the word for NULL, and in how quotes are escaped. Items are texts: whoever takes the
 * array knows the elements' type. Where that is JSON, all that stands in an array of JSON's is an item as it is, arrays too. */
#include <stdlib.h>
#include <strings.h>
#include "transfer/import_values.h"
#include "transfer/json_text.h"

enum { DIMENSIONS_MAX = 6 };            /* PostgreSQL's own limit */

typedef struct notation { char open, close; const char *null; bool unquoted_texts; } notation;
static const notation literal = { '{', '}', "NULL", true }, json = { '[', ']', "null", false };

typedef struct reading {
    const notation *as;
    const char *next, *end;
    weir_arena *arena;
    weir_value *items;                  /* room for `room` of them */
    size_t      count, room;
    bool        raw;                    /* items are JSON */
    int32_t     lengths[DIMENSIONS_MAX];        /* -1: not known yet */
    int32_t     bounds[DIMENSIONS_MAX], told[DIMENSIONS_MAX];   /* the lower ones, and the lengths that the upper ones tell */
    int32_t     bound_count;            /* dimensions of which they are given */
    int32_t     depth;                  /* of the items; 0: not known yet */
    const char *why;
} reading;

static bool fail(reading *r, const char *why)
{
    r->why = why;
    return false;
}

static void skip_space(reading *r)
{
    while (r->next < r->end && memchr(" \t\r\n", *r->next, 4))
        r->next++;
}

static bool add(reading *r, weir_value item)
{
    if (r->count == r->room)
        return fail(r, "has more items than commas");
    r->items[r->count++] = item;
    return true;
}

static bool take_quoted(reading *r)
{
    const char *first = ++r->next;
    size_t length = 0;
    while (r->next < r->end && *r->next != '"')
        r->next += *r->next == '\\' && r->end - r->next > 1 ? 2 : 1;
    if (r->next >= r->end)
        return fail(r, "has no closing quote");
    char *text = weir_arena_bytes(r->arena, (size_t)(r->next - first) + 1);
    if (!text)
        return fail(r, NULL);
    if (r->as == &json) {               /* its escapes are those of a JSON string */
        weir_text out;
        if (!weir_json_unescape((weir_text){ first, (size_t)(r->next - first) }, text, &out))
            return fail(r, "has an escape that JSON does not know");
        length = out.len;
    } else {
        for (const char *p = first; p < r->next; p++)
            text[length++] = *p == '\\' ? *++p : *p;
    }
    r->next++;
    return add(r, weir_value_text((weir_text){ text, length }));
}

static bool take_bare(reading *r)
{
    const char *first = r->next;
    while (r->next < r->end && *r->next != ',' && *r->next != r->as->close && *r->next != '"')
        r->next++;
    const char *last = r->next;
    while (last > first && memchr(" \t\r\n", last[-1], 4))
        last--;
    size_t length = (size_t)(last - first);
    if (length == 0)
        return fail(r, "has an empty place");
    bool null = length == strlen(r->as->null) &&
                (r->as->unquoted_texts ? !strncasecmp(first, r->as->null, length) : !memcmp(first, r->as->null, length));
    return add(r, null ? weir_value_null() : weir_value_text((weir_text){ first, length }));
}

/* Up to the comma or bracket that is no part of it. Whether it is JSON, whoever takes it finds out. */
static bool take_raw(reading *r)
{
    const char *first = r->next;
    bool inside = false;
    for (size_t depth = 0; r->next < r->end; r->next++) {
        char c = *r->next;
        if (inside)
            inside = c != '"' && (c != '\\' || ++r->next < r->end);
        else if (c == '"')
            inside = true;
        else if (c == '[' || c == '{')
            depth++;
        else if (depth == 0 && (c == ',' || c == ']'))
            break;
        else if (depth > 0 && (c == ']' || c == '}'))
            depth--;
    }
    if (r->next > r->end)
        r->next = r->end;
    const char *last = r->next;
    while (last > first && memchr(" \t\r\n", last[-1], 4))
        last--;
    weir_text item = { first, (size_t)(last - first) };
    if (item.len == 0)
        return fail(r, "has an empty place");
    return add(r, item.len == 4 && !memcmp(first, "null", 4) ? weir_value_null() : weir_value_text(item));
}

/* A number of [lower:upper], which `behind` ends. */
static bool take_bound(reading *r, char behind, int64_t *out)
{
    const char *first = r->next;
    r->next += r->next < r->end && (*r->next == '-' || *r->next == '+');
    const char *digits = r->next;
    while (r->next < r->end && *r->next >= '0' && *r->next <= '9')
        r->next++;
    if (r->next == digits || r->next - digits > 10 || r->next == r->end || *r->next != behind)
        return fail(r, "has bounds that are none");
    *out = strtoll(first + (*first == '+'), NULL, 10);
    r->next++;
    return true;
}

/* [0:1][-1:2]= in front of the items. */
static bool take_bounds(reading *r)
{
    while (r->next < r->end && *r->next == '[') {
        int64_t lower, upper;
        if (r->bound_count == DIMENSIONS_MAX)
            return fail(r, "has more than 6 dimensions");
        r->next++;
        if (!take_bound(r, ':', &lower) || !take_bound(r, ']', &upper))
            return false;
        if (lower < INT32_MIN || upper < lower || upper >= INT32_MAX || upper - lower >= INT32_MAX)
            return fail(r, "has bounds that are none");
        r->bounds[r->bound_count] = (int32_t)lower;
        r->told[r->bound_count++] = (int32_t)(upper - lower + 1);
    }
    if (r->bound_count && (r->next == r->end || *r->next++ != '='))
        return fail(r, "has no = behind its bounds");
    skip_space(r);
    return true;
}

static bool bounds_fit(reading *r)
{
    bool fit = r->bound_count == 0 || (r->count && r->bound_count == r->depth);
    for (int32_t i = 0; fit && i < r->bound_count; i++)
        fit = r->told[i] == r->lengths[i];
    return fit || fail(r, "has other items than its bounds say");
}

static bool take_level(reading *r, int32_t depth)
{
    if (depth == DIMENSIONS_MAX)
        return fail(r, "has more than 6 dimensions");
    int32_t length = 0;
    r->next++;
    skip_space(r);
    while (r->next < r->end && *r->next != r->as->close) {
        bool good;
        if (r->raw) {
            r->depth = 1;
            good = take_raw(r);
        } else if (*r->next == r->as->open) {
            good = (r->depth == 0 || depth + 1 < r->depth || fail(r, "has items beside arrays")) && take_level(r, depth + 1);
        } else {
            if (r->depth != 0 && r->depth != depth + 1)
                return fail(r, "has items beside arrays");
            r->depth = depth + 1;
            good = *r->next == '"' ? take_quoted(r) : take_bare(r);
        }
        if (!good)
            return false;
        length++;
        skip_space(r);
        if (r->next < r->end && *r->next == ',') {
            r->next++;
            skip_space(r);
            if (r->next == r->end || *r->next == r->as->close)
                return fail(r, "has an empty place");
        } else if (r->next < r->end && *r->next != r->as->close) {
            return fail(r, "has items without a comma between them");
        }
    }
    if (r->next == r->end)
        return fail(r, "has no closing bracket");
    r->next++;
    if (r->lengths[depth] != -1 && r->lengths[depth] != length)
        return fail(r, "has rows of different lengths");
    r->lengths[depth] = length;
    return true;
}

static size_t most_items(weir_text text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == ',';
    return count;
}

/* [0:1]=, where JSON would go on with a comma or end. */
static bool begins_with_bounds(weir_text text)
{
    size_t i = 1;
    while (i < text.len && memchr("+-0123456789", text.ptr[i], 12))
        i++;
    return i > 1 && i < text.len && text.ptr[0] == '[' && text.ptr[i] == ':';
}

int weir_field_array(const weir_field *field, weir_type element, weir_arena *arena, weir_value *out, char *reason)
{
    weir_text text = { field->ptr, field->length };
    bool is_json = field->kind == WEIR_FIELD_JSON || (text.len && text.ptr[0] == '[' && !begins_with_bounds(text));
    reading r = { .as = is_json ? &json : &literal, .next = text.ptr, .end = text.ptr + text.len, .arena = arena,
                  .room = most_items(text), .raw = is_json && element == WEIR_T_JSON, .lengths = { -1, -1, -1, -1, -1, -1 } };
    weir_array *array = weir_arena_take(arena, sizeof *array);
    int32_t *shape = weir_arena_take(arena, sizeof r.lengths + sizeof r.bounds);
    r.items = weir_arena_take(arena, r.room * sizeof *r.items);
    if (!array || !shape || !r.items)
        return WEIR_OUT_OF_MEMORY;
    bool good = is_json || take_bounds(&r);
    if (good && (r.next == r.end || *r.next != r.as->open))
        good = fail(&r, "is no array ({1,2} or [1,2])");
    good = good && take_level(&r, 0) && bounds_fit(&r);
    skip_space(&r);
    if (good && r.next != r.end)
        good = fail(&r, "goes on behind its closing bracket");
    if (!good)
        return r.why ? weir_field_refuse(field, r.why, reason) : WEIR_OUT_OF_MEMORY;
    memcpy(shape, r.lengths, sizeof r.lengths);
    memcpy(shape + DIMENSIONS_MAX, r.bounds, sizeof r.bounds);
    *array = (weir_array){ .element_type = WEIR_T_TEXT, .dimensions = r.count ? r.depth : 0, .lengths = shape,
                           .lower_bounds = r.bound_count ? shape + DIMENSIONS_MAX : NULL, .count = r.count, .items = r.items };
    *out = weir_value_array(array);
    return WEIR_OK;
}
