/* Writers of several files: parts in a directory, and files that roll over when their format calls them full. A finished file has its final
 * name; only the one being written has a temporary one. */
#include "base/error.h"
#include "transfer/writer.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/wait.h"

/* ---- names ---------------------------------------------------------------------------------------------------------------- */
bool weir_writer_part_path(const weir_writer *writer, int64_t number, char *path, size_t size)
{
    int length = snprintf(path, size, "%s/" WEIR_WRITER_PART "%05lld%s", writer->target, (long long)number, writer->format->suffixes[0]);
    return length > 0 && (size_t)length < size;
}

/* DIRECTORY/part-00003.parquet, or NAME-00003.parquet; the first of the latter has the name as it was given. */
static bool make_path(const weir_writer *writer, char *path, size_t size)
{
    const char *target = writer->target, *suffix = writer->format->suffixes[0];
    size_t stem = strlen(target), tail = strlen(suffix);
    if (writer->partition_rows)
        return weir_writer_part_path(writer, writer->number, path, size);
    stem -= stem > tail && !strcmp(target + stem - tail, suffix) ? tail : 0;
    int length = writer->number == 0 ? snprintf(path, size, "%s", target)
                                     : snprintf(path, size, "%.*s-%05lld%s", (int)stem, target, (long long)writer->number, suffix);
    return length >= 0 && (size_t)length < size;
}

int weir_writer_open_numbered(weir_writer *writer)
{
    char path[PATH_MAX];
    bool part = writer->checkpoint != NULL;
    writer->vouched = false;
    if (!make_path(writer, path, sizeof path))
        return weir_error_set(&writer->error, WEIR_IO, "cannot write a file in %.200s: the name is too long", writer->target);
    int kind = (part ? WEIR_OUTPUT_PART : 0) | (writer->partition_rows || writer->number > 0 ? WEIR_OUTPUT_OWN : 0);
    weir_output_open(&writer->output, &writer->ledger, path, kind);
    if (part && writer->partition_rows && writer->output.error.status == WEIR_OK)
        weir_part_continue(&writer->output, 0, 0);      /* what a run before left of it is of no use */
    if (weir_error_keep(&writer->error, &writer->output.error) != WEIR_OK)
        weir_output_drop(&writer->output);
    return writer->error.status;
}

/* ---- the directory of parts ------------------------------------------------------------------------------------------------- */
int weir_writer_fail_directory(weir_writer *writer, const char *what, int number)
{
    char text[128];
    weir_error_set(&writer->error, WEIR_IO, "cannot %s the directory %.300s: %s", what, writer->target, weir_error_of_system(number, text, sizeof text));
    weir_output_hint(&writer->error, number);
    return WEIR_IO;
}

static void make_directory(void *argument)
{
    weir_writer *writer = argument;
    if (mkdir(writer->target, 0777) != 0 && errno != EEXIST)
        weir_writer_fail_directory(writer, "make", errno);
}

/* Parts from before would be taken for parts of this result. */
static void look_for_parts(void *argument)
{
    weir_writer *writer = argument;
    DIR *directory = opendir(writer->target);
    if (!directory) {
        weir_writer_fail_directory(writer, "read", errno);
        return;
    }
    for (struct dirent *entry; writer->error.status == WEIR_OK && (entry = readdir(directory)) != NULL; )     /* NOLINT(concurrency-mt-unsafe): its own stream */
        if (!strncmp(entry->d_name, WEIR_WRITER_PART, strlen(WEIR_WRITER_PART))) {
            weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "the directory %.300s holds parts already, as %.200s", writer->target,
                           entry->d_name);
            weir_writer_advise(writer, "remove them, or write into another directory");
        }
    closedir(directory);
}

static int prepare_directory(weir_writer *writer)
{
    weir_error error;
    if (weir_run_on_disk(make_directory, writer, &error) != WEIR_OK)
        return weir_error_keep(&writer->error, &error);
    if (writer->error.status == WEIR_OK && writer->checkpoint)
        return weir_writer_continue_parts(writer);
    if (writer->error.status == WEIR_OK && weir_run_on_disk(look_for_parts, writer, &error) != WEIR_OK)
        return weir_error_keep(&writer->error, &error);
    return writer->error.status;
}

void weir_writer_open_file(weir_writer *writer, const char *path)
{
    size_t length = strlen(path);
    while (writer->partition_rows && length > 1 && path[length - 1] == '/')
        length--;
    writer->target = weir_copy_text(&writer->ledger, WEIR_MEMORY_OUTPUT, path, length);
    if (!writer->target)
        weir_error_out_of_memory(&writer->error);
    else if (writer->partition_rows && (!length || !strcmp(path, "-")))
        weir_error_set(&writer->error, WEIR_ARGUMENT, "parts need a directory to be written to, not '%s'", path);
    else if (writer->partition_rows)
        prepare_directory(writer);
    if (writer->error.status == WEIR_OK && !writer->complete)
        weir_writer_open_numbered(writer);
}

/* ---- from file to file -------------------------------------------------------------------------------------------------------- */
int64_t weir_writer_room(const weir_writer *writer)
{
    return writer->partition_rows ? writer->partition_rows - (writer->sheet.rows - writer->rows_before) : INT64_MAX;
}

bool weir_writer_is_full(const weir_writer *writer)
{
    /* What is written straight, as standard output, has no other file beside it. */
    return weir_writer_room(writer) <= 0 ||
           (writer->format->full && writer->output.temporary_path && writer->format->full(&writer->sheet));
}

int weir_writer_end_file(weir_writer *writer)
{
    int status = writer->error.status;
    if (status == WEIR_OK && writer->format->finish)
        status = writer->format->finish(&writer->sheet);
    return status == WEIR_OK ? weir_error_keep(&writer->error, &writer->output.error) : status;
}

int weir_writer_next_file(weir_writer *writer)
{
    if (weir_writer_end_file(writer) != WEIR_OK)
        return writer->error.status;
    if (writer->checkpoint) {
        if (weir_writer_end_part(writer) != WEIR_OK)
            return writer->error.status;
    } else {
        weir_output_finish(&writer->output);
        if (weir_error_keep(&writer->error, &writer->output.error) != WEIR_OK)
            return writer->error.status;
    }
    writer->bytes_before += writer->output.flushed;
    writer->rows_before = writer->sheet.rows;
    writer->number++;
    weir_output_drop(&writer->output);
    weir_free(writer->sheet.prefix_ends);
    writer->sheet.prefix_ends = NULL;
    writer->sheet.prefixes.length = 0;
    if (weir_writer_open_numbered(writer) != WEIR_OK || writer->format->begin(&writer->sheet) != WEIR_OK)
        return writer->error.status;
    return weir_error_keep(&writer->error, &writer->output.error);
}
