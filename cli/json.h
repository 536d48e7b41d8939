/* JSON on its way out: values with the commas and quotes that belong to them. */
#ifndef WEIR_CLI_JSON_H
#define WEIR_CLI_JSON_H
#include "text.h"

/* Each adds to `out`: a comma where one is needed, the name (NULL: inside an array, or the whole), the value. */
void json_open(text *out, const char *name, char bracket);       /* '{' or '[' */
void json_close(text *out, char bracket);                        /* '}' or ']' */
void json_text(text *out, const char *name, const char *value);  /* NULL: null */
void json_int(text *out, const char *name, int64_t value);
void json_double(text *out, const char *name, double value, int decimals);     /* < 0: null */
void json_bool(text *out, const char *name, bool value);
#endif
