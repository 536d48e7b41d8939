/* The table of file formats. */
#include "transfer/format.h"
#include <stdio.h>
#include <strings.h>

static const weir_format *const formats[] = {
    &weir_format_csv,                   /* the first is the default */
    &weir_format_jsonl,
    &weir_format_parquet,
    &weir_format_arrow,
};
enum { FORMATS = sizeof formats / sizeof *formats };

const weir_format *weir_format_find(const char *name)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (!strcmp(formats[i]->name, name))
            return formats[i];
    return NULL;
}

static bool ends_with(const char *path, const char *suffix)
{
    size_t length = strlen(path), tail = strlen(suffix);
    return length >= tail && !strcasecmp(path + length - tail, suffix);
}

const weir_format *weir_format_of_path(const char *path)
{
    for (size_t i = 0; i < FORMATS; i++)
        for (const char *const *suffix = formats[i]->suffixes; *suffix; suffix++)
            if (ends_with(path, *suffix))
                return formats[i];
    return formats[0];
}

void weir_format_names(char *buffer, size_t size)
{
    size_t used = 0;
    buffer[0] = 0;
    for (size_t i = 0; i < FORMATS && used < size; i++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%s", i ? ", " : "", formats[i]->name);
}
