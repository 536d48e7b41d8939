/* weir export: the file, or the directory of parts, that the rows go into. */
#include "export_file.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "database.h"
#include "failure.h"
#include "signals.h"

enum { MOST_ROW_GROUP = 16 * 1024 * 1024 };     /* what the library makes of no size */

int export_check_file(const export_settings *s)
{
    for (size_t i = 0; i < s->metadata.count; i++)
        if (!strchr(s->metadata.items[i], '='))
            return failure_say(EXIT_USAGE, "wrong value for --metadata: \"%s\" has no =; give KEY=VALUE", s->metadata.items[i]);
    if (s->partition_rows && s->checkpoint_every)
        return failure_say(EXIT_USAGE, "wrong usage: with --partition-rows each part is saved when it is whole; leave --checkpoint-every away");
    if (s->partition_rows && !strcmp(s->to, "-"))
        return failure_say(EXIT_USAGE, "wrong usage: --partition-rows needs a directory; give --to DIRECTORY");
    return 0;
}

int64_t export_row_group_bytes(const export_settings *s)
{
    size_t length = s->to ? strlen(s->to) : 0, tail = strlen(".parquet");
    bool parquet = s->format ? !strcmp(s->format, "parquet") : length >= tail && !strcasecmp(s->to + length - tail, ".parquet");
    if (s->row_group_bytes || !s->memory || !parquet)
        return s->row_group_bytes;
    return s->memory / 4 < MOST_ROW_GROUP ? s->memory / 4 : MOST_ROW_GROUP;
}

/* Jobs share what --memory leaves to row groups; a size that was given is each job's. */
static size_t row_group_of_a_job(const export_settings *s)
{
    int64_t jobs = s->jobs && s->memory && !s->row_group_bytes ? s->jobs : 1;
    return (size_t)(export_row_group_bytes(s) / jobs);
}

/* "KEY=VALUE", … as key, value, …, NULL; the keys are cut out of one copy. NULL: no memory. */
static const char **make_pairs(const text_list *list, char **copies)
{
    size_t length = 0;
    for (size_t i = 0; i < list->count; i++)
        length += strlen(list->items[i]) + 1;
    const char **pairs = calloc(2 * list->count + 1, sizeof *pairs);
    char *to = *copies = malloc(length + 1);
    if (!pairs || !to) {
        free(pairs);
        return NULL;
    }
    for (size_t i = 0; i < list->count; i++) {
        size_t size = strlen(list->items[i]) + 1;
        memcpy(to, list->items[i], size);
        size_t key = strcspn(to, "=");      /* there is one */
        to[key] = 0;
        pairs[2 * i] = to;
        pairs[2 * i + 1] = to + key + 1;
        to += size;
    }
    return pairs;
}

bool export_writer_make(const export_settings *s, export_writer *out)
{
    *out = (export_writer){ .pairs = NULL };
    out->pairs = make_pairs(&s->metadata, &out->copies);
    out->options = *WEIR_WRITER_OPTIONS(.format = s->format, .null_text = s->null_text,
        .header = s->header ? WEIR_ON : WEIR_OFF, .replace_invalid_text = s->replace_invalid ? WEIR_ON : WEIR_UNSET,
        .partition_rows = s->partition_rows, .compression = s->compression, .row_group_bytes = row_group_of_a_job(s),
        .dictionary = s->no_dictionary ? WEIR_OFF : WEIR_UNSET, .decimal = s->decimal, .metadata = s->metadata.count ? out->pairs : NULL);
    return out->pairs != NULL;
}

void export_writer_free(export_writer *writer)
{
    free(writer->pairs);
    free(writer->copies);
}

int export_open_file(export_run *run)
{
    export_writer writer;
    if (!export_writer_make(run->settings, &writer)) {
        export_writer_free(&writer);
        return failure_say(EXIT_FAILED, "cannot write the file: there is no memory; close other programs");
    }
    if (run->settings->resume)
        writer.options.checkpoint = run->checkpoint;
    run->writer = weir_writer_open(run->settings->to, &writer.options);
    export_writer_free(&writer);
    export_watch_file(run);
    if (weir_writer_error(run->writer)->status != WEIR_OK)
        return database_failed("cannot write the file", weir_writer_error(run->writer));
    return 0;
}

void export_watch_file(export_run *run) { signals_watch_file(weir_writer_temporary_path(run->writer)); }
