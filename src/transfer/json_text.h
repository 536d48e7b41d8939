/* JSON texts: are they JSON, on one line, and what their strings say. */
#ifndef WEIR_TRANSFER_JSON_TEXT_H
#define WEIR_TRANSFER_JSON_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <weir/value.h>

enum { WEIR_JSON_DEEPEST = 8192 };      /* levels */

/* Whether the text is one JSON value (RFC 8259, at most WEIR_JSON_DEEPEST levels deep); UTF-8 is not looked at. *one_line: it holds no line
 * end, so that it can be embedded in JSON lines as it is; else each line end in it is mere white space. */
bool weir_json_valid(const char *text, size_t length, bool *one_line);
/* The length of the number at the beginning of the text, 0 when there is none: -12.50, 1e9; not 007, +1, .5. */
size_t weir_json_number_length(const char *text, size_t length);
/* The text of a JSON string without its quotes, into `to`, which has room for as many bytes. False: an escape that JSON does not know, or
 * half a surrogate pair. */
bool weir_json_unescape(weir_text string, char *to, weir_text *out);
#endif
