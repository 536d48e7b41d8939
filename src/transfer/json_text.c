/* A checker for JSON texts, without recursion: what is open is kept in a stack of bits. */
#include "transfer/json_text.h"
#include <stdint.h>
#include <string.h>

typedef struct reader {
    const char *next, *end;
    size_t depth;
    bool   one_line;
    uint8_t objects[WEIR_JSON_DEEPEST / 8];       /* a bit for each open level: an object, else an array */
} reader;

static bool in_object(const reader *r)
{
    size_t level = r->depth - 1;
    return r->objects[level / 8] >> (level % 8) & 1;
}

static bool open_level(reader *r, bool object)
{
    if (r->depth == WEIR_JSON_DEEPEST)
        return false;
    uint8_t bit = (uint8_t)(1u << (r->depth % 8)), *byte = &r->objects[r->depth / 8];
    unsigned below = r->depth % 8 ? *byte : 0u;         /* a byte's first bit is set before its others are read */
    *byte = (uint8_t)(object ? below | bit : below & ~(unsigned)bit);
    r->depth++;
    return true;
}

static void skip_space(reader *r)
{
    for (; r->next < r->end; r->next++) {
        if (*r->next == '\n' || *r->next == '\r')
            r->one_line = false;
        else if (*r->next != ' ' && *r->next != '\t')
            return;
    }
}

static bool take(reader *r, char byte)
{
    if (r->next == r->end || *r->next != byte)
        return false;
    r->next++;
    return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

static bool take_escape(reader *r)
{
    if (r->next == r->end || !*r->next || !strchr("\"\\/bfnrtu", *r->next))
        return false;
    if (*r->next++ != 'u')
        return true;
    for (int i = 0; i < 4; i++, r->next++)
        if (r->next == r->end || !is_hex(*r->next))
            return false;
    return true;
}

static bool take_string(reader *r)
{
    if (!take(r, '"'))
        return false;
    while (r->next < r->end) {
        unsigned char c = (unsigned char)*r->next++;
        if (c == '"')
            return true;
        if (c < 0x20 || (c == '\\' && !take_escape(r)))
            return false;
    }
    return false;
}

static size_t digits(const char *text, size_t length, size_t from)
{
    size_t i = from;
    while (i < length && is_digit(text[i]))
        i++;
    return i - from;
}

size_t weir_json_number_length(const char *text, size_t length)
{
    size_t i = length && text[0] == '-' ? 1 : 0, n = digits(text, length, i);
    if (n == 0 || (n > 1 && text[i] == '0'))
        return 0;
    i += n;
    if (i < length && text[i] == '.') {
        n = digits(text, length, i + 1);
        if (n == 0)
            return 0;
        i += 1 + n;
    }
    if (i < length && (text[i] == 'e' || text[i] == 'E')) {
        size_t exponent = i + 1;
        if (exponent < length && (text[exponent] == '+' || text[exponent] == '-'))
            exponent++;
        n = digits(text, length, exponent);
        if (n == 0)
            return 0;
        i = exponent + n;
    }
    return i;
}

/* A value that opens nothing. */
static bool take_scalar(reader *r)
{
    static const char *const words[] = { "true", "false", "null" };
    size_t left = (size_t)(r->end - r->next);
    if (left && *r->next == '"')
        return take_string(r);
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if (left >= n && !memcmp(r->next, words[i], n)) {
            r->next += n;
            return true;
        }
    }
    size_t number = weir_json_number_length(r->next, left);
    r->next += number;
    return number > 0;
}

static bool take_key(reader *r)
{
    skip_space(r);
    if (!take_string(r))
        return false;
    skip_space(r);
    return take(r, ':');
}

/* Behind a value: closes what ends here, or goes on to the next value. *more says whether one is to come. */
static bool take_separator(reader *r, bool *more)
{
    for (*more = false; r->depth && !*more; ) {
        skip_space(r);
        bool object = in_object(r);
        if (take(r, object ? '}' : ']'))
            r->depth--;
        else if (take(r, ',') && (!object || take_key(r)))
            *more = true;
        else
            return false;
    }
    return true;
}

/* One value, or the opening of one that holds values: *more says whether a value is to come at once. */
static bool take_value(reader *r, bool *more)
{
    skip_space(r);
    bool object = take(r, '{');
    *more = false;
    if (!object && !take(r, '['))
        return take_scalar(r);
    skip_space(r);
    if (take(r, object ? '}' : ']'))
        return true;
    *more = true;
    return open_level(r, object) && (!object || take_key(r));
}

bool weir_json_valid(const char *text, size_t length, bool *one_line)
{
    reader r;
    r.next = text;
    r.end = text + length;
    r.depth = 0;
    r.one_line = true;
    for (bool more = true; more; )
        if (!take_value(&r, &more) || (!more && !take_separator(&r, &more)))
            return false;
    skip_space(&r);
    *one_line = r.one_line;
    return r.next == r.end;
}
