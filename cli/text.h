/* A growing text, and the few things the command does with texts. Without memory the command ends: it has nothing to save. */
#ifndef WEIR_CLI_TEXT_H
#define WEIR_CLI_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct text {
    char  *data;                        /* ended by a NUL once something was added */
    size_t length, capacity;
} text;

void text_add(text *t, const char *more);
void text_add_n(text *t, const char *more, size_t length);
void text_free(text *t);

typedef struct text_list {
    const char **items;                 /* borrowed */
    size_t       count;
} text_list;

void text_list_add(text_list *list, const char *item);
void text_list_free(text_list *list);
/* "a,b" as a NULL-terminated list of names without spaces around them, to be freed with names_free; NULL for a NULL text. An empty
 * name stays in it. A name may stand in double quotes, as one with a comma in it must. */
char **names_split(const char *given);
void names_free(char **names);

/* Control characters, C1's in UTF-8 too, become spaces: what others said or named must neither break a line nor command the terminal. */
void text_tame(char *line);
/* A text of others as it may be shown; lives until `t` is freed or used again. */
const char *text_tamed(text *t, const char *given);

bool text_begins(const char *whole, const char *beginning);
/* 1234567 as 1,234,567; at most 27 bytes. */
const char *text_grouped(char out[32], int64_t number);
/* How many letters must change, come or go to make `a` into `b`; long texts count as far apart. */
size_t text_distance(const char *a, const char *b);
/* The line that begins at **at, without its end; moves *at behind it. False: there is none. */
bool text_next_line(const char **at, const char **line, size_t *length);
#endif
