/* A growing text, and the few things the command does with texts. */
#include "text.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined __GNUC__ && !defined __clang__ && __GNUC__ >= 10
#pragma GCC diagnostic ignored "-Wanalyzer-double-free"        /* it takes the block that realloc moved for the one that it gave back */
#endif
static __attribute__((returns_nonnull)) void *grown(void *block, size_t size)
{
    void *bigger = realloc(block, size);
    if (!bigger) {
        fputs("weir: out of memory: none is left for the command itself; close other programs and try again\n", stderr);
        exit(1);
    }
    return bigger;
}

void text_add_n(text *t, const char *more, size_t length)
{
    if (!t->data || t->length + length + 1 > t->capacity) {
        t->capacity = 2 * (t->length + length + 1);
        t->data = grown(t->data, t->capacity);
    }
    if (length)
        memcpy(t->data + t->length, more, length);
    t->length += length;
    t->data[t->length] = 0;
}

void text_add(text *t, const char *more) { text_add_n(t, more, strlen(more)); }

void text_free(text *t)
{
    free(t->data);
    *t = (text){ 0 };
}

void text_list_add(text_list *list, const char *item)
{
    list->items = grown(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = item;
}

void text_list_free(text_list *list)
{
    free(list->items);
    *list = (text_list){ 0 };
}

/* A name in double quotes, as it is without them. Where its item ends; NULL: this is none. */
static const char *take_quoted(const char *first, text *name)
{
    const char *p = first + 1;
    text_add(name, "");
    for (; *first == '"' && *p && (*p != '"' || p[1] == '"'); p++) {
        text_add_n(name, p, 1);
        p += *p == '"';
    }
    const char *end = *first == '"' && *p ? p + 1 + strspn(p + 1, " ") : NULL;
    return end && name->length && (!*end || *end == ',') ? end : NULL;
}

static const char *take_plain(const char *first, text *name)
{
    size_t length = strcspn(first, ",");
    const char *end = first + length;
    while (length > 0 && first[length - 1] == ' ')
        length--;
    text_free(name);
    text_add_n(name, first, length);
    return end;
}

char **names_split(const char *given)
{
    size_t count = 0;
    char **names = NULL;
    for (const char *p = given; p; p = *p ? p + 1 : NULL) {
        text name = { 0 };
        const char *first = p + strspn(p, " "), *end = take_quoted(first, &name);
        p = end ? end : take_plain(first, &name);
        names = grown(names, (count + 2) * sizeof *names);
        names[count++] = name.data;
        names[count] = NULL;
    }
    return names;
}

void names_free(char **names)
{
    for (char **name = names; name && *name; name++)
        free(*name);
    free(names);
}

void text_tame(char *line)
{
    for (char *p = line; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            *p = ' ';
        if ((unsigned char)p[0] == 0xC2 && (unsigned char)p[1] >= 0x80 && (unsigned char)p[1] < 0xA0)
            p[0] = p[1] = ' ';
    }
}

const char *text_tamed(text *t, const char *given)
{
    t->length = 0;
    text_add(t, given);
    text_tame(t->data);
    return t->data;
}

bool text_begins(const char *whole, const char *beginning) { return strncmp(whole, beginning, strlen(beginning)) == 0; }

const char *text_grouped(char out[32], int64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRId64, number), used = 0;
    for (int i = 0; i < length; i++) {
        int left = length - i;
        if (i > 0 && left % 3 == 0 && digits[i - 1] != '-')
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = 0;
    return out;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

size_t text_distance(const char *a, const char *b)
{
    enum { LONGEST = 32 };
    size_t row[LONGEST + 1], n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[m];
}

bool text_next_line(const char **at, const char **line, size_t *length)
{
    *line = *at;
    *length = strcspn(*at, "\n");
    *at += *length + ((*at)[*length] == '\n');
    return *at != *line;
}
