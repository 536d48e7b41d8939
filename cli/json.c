/* JSON on its way out. */
#include "json.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void add_string(text *out, const char *value)
{
    text_add(out, "\"");
    for (const char *p = value; *p; p++) {
        char escape[8];
        if (*p == '"' || *p == '\\')
            snprintf(escape, sizeof escape, "\\%c", *p);
        else if ((unsigned char)*p < 0x20)
            snprintf(escape, sizeof escape, "\\u%04x", *p);
        else
            snprintf(escape, sizeof escape, "%c", *p);
        text_add(out, escape);
    }
    text_add(out, "\"");
}

static void begin(text *out, const char *name)
{
    char last = out->length ? out->data[out->length - 1] : '{';
    if (last != '{' && last != '[')
        text_add(out, ",");
    if (name) {
        add_string(out, name);
        text_add(out, ":");
    }
}

void json_open(text *out, const char *name, char bracket)
{
    begin(out, name);
    text_add_n(out, &bracket, 1);
}

void json_close(text *out, char bracket) { text_add_n(out, &bracket, 1); }

void json_text(text *out, const char *name, const char *value)
{
    begin(out, name);
    if (value)
        add_string(out, value);
    else
        text_add(out, "null");
}

void json_int(text *out, const char *name, int64_t value)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    begin(out, name);
    text_add(out, digits);
}

void json_double(text *out, const char *name, double value, int decimals)
{
    char digits[64];
    snprintf(digits, sizeof digits, "%.*f", decimals, value);
    begin(out, name);
    text_add(out, value < 0 ? "null" : digits);
}

void json_bool(text *out, const char *name, bool value)
{
    begin(out, name);
    text_add(out, value ? "true" : "false");
}
