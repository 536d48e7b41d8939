/* Directories of parts that can be gone on with: a part that is finished stays, the one under way is written again from its first row on. Two
 * hidden files belong to the directory meanwhile: the checkpoint, and an empty one whose lock says that somebody writes here. */
#include "transfer/writer.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include "base/wait.h"

static const char advice[] = "to begin anew, remove the directory, or what is in it (.weir-checkpoint, too)";

/* ---- the lock ------------------------------------------------------------------------------------------------------------- */
static void open_lock(void *output) { weir_part_open(output); }

/* DIRECTORY/.weir-part, as if it were the part of a file without a name. */
static int lock(weir_writer *writer, const char *hidden)
{
    weir_output *output = &writer->lock;
    *output = (weir_output){ .ledger = &writer->ledger, .fd = -1, .part = true };
    output->path = weir_copy_text(&writer->ledger, WEIR_MEMORY_OUTPUT, writer->target, strlen(writer->target));
    output->final_path = weir_copy_text(&writer->ledger, WEIR_MEMORY_OUTPUT, hidden, strlen(hidden));
    if (!output->path || !output->final_path)
        return weir_error_out_of_memory(&writer->error);
    weir_output_on_disk(output, open_lock, output);
    weir_part_await(output);
    return weir_error_keep(&writer->error, &output->error);
}

static void unlock_on_disk(void *argument)
{
    weir_output *output = argument;
    if (output->fd >= 0 && output->error.status == WEIR_OK)
        unlink(output->temporary_path);
}

/* ---- looking at what is there ------------------------------------------------------------------------------------------------ */
typedef struct finding { weir_writer *writer; const weir_written *was; } finding;

static int refuse_part(weir_writer *writer, const char *name, const char *why)
{
    weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "%.200s cannot be gone on with: %.200s %s", writer->target, name, why);
    return WEIR_INVALID_REQUEST;
}

/* Whether a part of that name is one of the finished ones, or the one under way. */
static bool is_known(const weir_writer *writer, const weir_written *was, const char *name)
{
    char path[PATH_MAX], known[PATH_MAX + sizeof WEIR_PART_SUFFIX];
    long long number = -1;
    if (sscanf(name, WEIR_WRITER_PART "%lld", &number) != 1 || number < 0 || number > was->parts ||
        !weir_writer_part_path(writer, number, path, sizeof path))
        return false;
    const char *own = strrchr(path, '/') + 1;
    snprintf(known, sizeof known, "%s" WEIR_PART_SUFFIX, own);
    bool last = number + 1 == was->parts, next = number == was->parts && !was->finished;
    return (number < was->parts && !strcmp(name, own)) || ((last || next) && !strcmp(name, known));
}

static void look_for_others(weir_writer *writer, const weir_written *was)
{
    DIR *directory = opendir(writer->target);
    if (!directory) {
        weir_writer_fail_directory(writer, "read", errno);
        return;
    }
    for (struct dirent *entry; writer->error.status == WEIR_OK && (entry = readdir(directory)) != NULL; )     /* NOLINT(concurrency-mt-unsafe): its own stream */
        if (!strncmp(entry->d_name, WEIR_WRITER_PART, strlen(WEIR_WRITER_PART)) && !is_known(writer, was, entry->d_name)) {
            if (writer->checkpoint->figures.restored)
                refuse_part(writer, entry->d_name, "is none of the parts that its checkpoint knows");
            else
                weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "the directory %.300s holds parts already, as %.200s", writer->target,
                               entry->d_name);
        }
    closedir(directory);
}

static void add_part(weir_checksum *parts, const weir_checksum *part)
{
    uint64_t value = weir_checksum_value(part);
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
    weir_checksum_add(parts, bytes, sizeof bytes);
}

/* The last part may have been saved and not renamed. */
static void give_name(weir_writer *writer, const char *from, const char *to)
{
    if (rename(from, to) != 0)
        weir_writer_fail_directory(writer, "give its name to a part in", errno);
    else if (weir_output_sync_directory_of(to) != 0)
        weir_writer_fail_directory(writer, "bring to disk", errno);
}

/* Reads all parts, as going on with a file reads that. */
static void check_parts(weir_writer *writer, const weir_written *was)
{
    char path[PATH_MAX], unnamed[PATH_MAX + sizeof WEIR_PART_SUFFIX];
    weir_checksum part;
    int64_t all = 0, bytes;
    bool pending = false;
    for (int64_t i = 0; i < was->parts; i++) {
        if (!weir_writer_part_path(writer, i, path, sizeof path))
            return;
        snprintf(unnamed, sizeof unnamed, "%s" WEIR_PART_SUFFIX, path);
        pending = i + 1 == was->parts && access(path, F_OK) != 0;
        if (!weir_part_read(&writer->lock, pending ? unnamed : path, &bytes, &part)) {
            refuse_part(writer, strrchr(path, '/') + 1, "is gone, or cannot be read");
            return;
        }
        all += bytes;
        add_part(&writer->parts, &part);
    }
    if (all != was->bytes || weir_checksum_value(&writer->parts) != was->checksum)
        refuse_part(writer, "a part", "in it was changed since it was written");
    else if (pending)
        give_name(writer, unnamed, path);
}

static void find_parts(void *argument)
{
    finding *f = argument;
    look_for_others(f->writer, f->was);
    if (f->writer->error.status == WEIR_OK && f->was->parts)
        check_parts(f->writer, f->was);
}

/* ---- going on ------------------------------------------------------------------------------------------------------------------ */
static int take_remembered(weir_writer *writer, weir_text remembered)
{
    char *copy = weir_arena_bytes(&writer->arena, remembered.len + 1);
    if (!copy)
        return weir_error_out_of_memory(&writer->error);
    if (remembered.len)
        memcpy(copy, remembered.ptr, remembered.len);
    copy[remembered.len] = 0;
    writer->remembered = copy;
    return WEIR_OK;
}

static int find(weir_writer *writer, const weir_written *was)
{
    weir_error error;
    writer->lock.block = weir_alloc(&writer->ledger, WEIR_MEMORY_OUTPUT, WEIR_OUTPUT_SIZE);     /* parts are read into it */
    if (!writer->lock.block)
        return weir_error_out_of_memory(&writer->error);
    if (weir_run_on_disk(find_parts, &(finding){ writer, was }, &error) != WEIR_OK)
        weir_error_keep(&writer->error, &error);
    weir_free(writer->lock.block);
    writer->lock.block = NULL;
    return writer->error.status;
}

int weir_writer_continue_parts(weir_writer *writer)
{
    char hidden[PATH_MAX];
    weir_written was;
    weir_checksum_init(&writer->parts);
    if (snprintf(hidden, sizeof hidden, "%s/", writer->target) >= (int)sizeof hidden)
        return weir_writer_fail_directory(writer, "write in", ENAMETOOLONG);
    if (lock(writer, hidden) != WEIR_OK || weir_writer_name_checkpoint(writer, hidden) != WEIR_OK)
        return writer->error.status;
    if (weir_writer_load(writer, &was) == WEIR_OK && find(writer, &was) == WEIR_OK && writer->checkpoint->figures.restored &&
        take_remembered(writer, was.remembered) == WEIR_OK) {
        writer->number = was.parts;
        writer->bytes_before = was.bytes;
        writer->rows_before = writer->sheet.rows;
        writer->complete = was.finished;
        writer->saved = true;
    }
    if (weir_status_is(writer->error.status, WEIR_INVALID_REQUEST) || writer->error.status == WEIR_DATA)
        weir_writer_advise(writer, advice);
    return writer->error.status;
}

/* ---- saving ------------------------------------------------------------------------------------------------------------------------ */
/* What vouches for all parts up to the one under way, which is on disk. */
static int vouch(weir_writer *writer, bool finished, bool with_last)
{
    weir_buffer text;
    weir_buffer_init(&text, &writer->ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    if (writer->begun && writer->format->remember)
        writer->format->remember(&writer->sheet, &text);
    const char *remembered = text.length ? weir_buffer_cstr(&text) : "";
    if (text.failed)
        weir_error_out_of_memory(&writer->error);
    else
        weir_writer_vouch(writer, &(weir_written){ .parts = writer->number + with_last, .finished = finished, .remembered = { remembered, text.length },
                                                   .bytes = writer->bytes_before + (with_last ? writer->output.flushed : 0),
                                                   .checksum = weir_checksum_value(&writer->parts) });
    weir_buffer_free(&text);
    return writer->error.status;
}

static int end_part(weir_writer *writer, bool finished)
{
    if (weir_part_sync(&writer->output) != WEIR_OK)
        return weir_error_keep(&writer->error, &writer->output.error);
    add_part(&writer->parts, &writer->output.checksum);
    if (vouch(writer, finished, true) != WEIR_OK)
        return writer->error.status;
    writer->vouched = true;
    weir_output_finish(&writer->output);
    return weir_error_keep(&writer->error, &writer->output.error);
}

int weir_writer_end_part(weir_writer *writer)
{
    if (weir_resume_ack_up_to(writer->checkpoint->stream, writer->sheet.rows, &writer->error) != WEIR_OK)
        return writer->error.status;
    return end_part(writer, false);
}

static void remove_part_on_disk(void *argument)
{
    weir_output *output = argument;
    if (output->fd >= 0 && output->temporary_path)
        unlink(output->temporary_path);
}

/* No part without rows but the first: where the table lost its last rows between two runs, there would be one. */
int weir_writer_finish_parts(weir_writer *writer)
{
    bool empty = writer->number > 0 && writer->sheet.rows == writer->rows_before;
    if (writer->complete)
        return weir_writer_remove_checkpoint(writer);
    if (empty)
        vouch(writer, true, false);
    else if (weir_writer_end_file(writer) == WEIR_OK)
        end_part(writer, true);
    return writer->error.status == WEIR_OK ? weir_writer_remove_checkpoint(writer) : writer->error.status;
}

void weir_writer_leave_parts(weir_writer *writer)
{
    if (!writer->vouched)
        weir_run_unheard(remove_part_on_disk, &writer->output);
    weir_run_unheard(unlock_on_disk, &writer->lock);
}
