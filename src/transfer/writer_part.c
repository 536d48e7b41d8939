/* Writers of files that can be gone on with: what a checkpoint says about its part, and the order in which both come to disk. */
#include "transfer/writer.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/wait.h"

int weir_writer_refuse(weir_writer *writer, const char *format, const char *what)
{
    return weir_error_set(&writer->error, WEIR_INVALID_REQUEST, format, writer->checkpoint_path, what);
}

void weir_writer_advise(weir_writer *writer, const char *advice)
{
    weir_error_text(writer->error.hint, sizeof writer->error.hint, advice, strlen(advice));
}

void weir_writer_describe(const weir_writer *writer, weir_buffer *text)
{
    weir_buffer_printf(text, "format %s\nheader %d\nreplacing invalid text %d\ntext for NULL ", writer->format->name, writer->sheet.header,
                       writer->sheet.replace_invalid_text);
    weir_buffer_append(text, writer->sheet.null_text, writer->sheet.null_length + 1);
    text->length -= !text->failed;      /* the NUL was for an empty one */
    weir_buffer_byte(text, '\n');
    if (writer->partition_rows)
        weir_buffer_printf(text, "rows of a part %" PRId64 "\n", writer->partition_rows);
    if (writer->format->describe)
        writer->format->describe(&writer->sheet, text);
}

/* ---- what a checkpoint says ------------------------------------------------------------------------------------------------ */
static bool read_number(const char **at, const char *end, int base, uint64_t *out)
{
    char digits[24], *stop;
    size_t n = 0;
    while (*at + n < end && n < sizeof digits - 1 && (*at)[n] != ' ' && (*at)[n] != '\n')
        n++;
    memcpy(digits, *at, n);
    digits[n] = 0;
    if (n == 0 || *at + n >= end || digits[0] == '-' || digits[0] == '+' || digits[0] == ' ')
        return false;
    errno = 0;
    *out = strtoull(digits, &stop, base);
    *at += n + 1;
    return !errno && !*stop;
}

static bool read_written(weir_blob data, bool directory, weir_written *out, weir_text *options)
{
    const char *at = (const char *)data.ptr, *end = at + data.len, *first = directory ? "parts 1 " : "part 1 ";
    size_t length = strlen(first);
    uint64_t parts = 0, bytes, finished, remembered = 0;
    if (data.len < length || memcmp(at, first, length) != 0)
        return false;
    at += length;
    if ((directory && (!read_number(&at, end, 10, &parts) || parts > INT64_MAX)) || !read_number(&at, end, 10, &bytes) || bytes > INT64_MAX ||
        !read_number(&at, end, 16, &out->checksum) || !read_number(&at, end, 10, &finished) || finished > 1 ||
        (directory && (!read_number(&at, end, 10, &remembered) || remembered > (uint64_t)(end - at))))
        return false;
    out->parts = (int64_t)parts;
    out->bytes = (int64_t)bytes;
    out->finished = finished == 1;
    out->remembered = (weir_text){ at, (size_t)remembered };
    at += remembered;
    *options = (weir_text){ at, (size_t)(end - at) };
    return true;
}

/* The line of the options that is another one now, without its end. */
static weir_text changed_option(weir_text was, const weir_buffer *now)
{
    size_t at = 0, line = 0;
    for (; at < was.len && at < now->length && was.ptr[at] == now->data[at]; at++)
        line = was.ptr[at] == '\n' ? at + 1 : line;
    const char *end = line < was.len ? memchr(was.ptr + line, '\n', was.len - line) : NULL;
    return (weir_text){ was.ptr + line, end ? (size_t)(end - was.ptr) - line : was.len - line };
}

int weir_writer_compare(weir_writer *writer, weir_text was, const char *path)
{
    weir_buffer now;
    char shown[100];
    weir_buffer_init(&now, &writer->ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    weir_writer_describe(writer, &now);
    if (now.failed) {
        weir_error_out_of_memory(&writer->error);
    } else if (now.length != was.len || memcmp(now.data, was.ptr, was.len) != 0) {
        weir_text option = changed_option(was, &now);
        weir_error_text(shown, sizeof shown, option.ptr, option.len);
        weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "%s belongs to a file that was written with other options: %s", path, shown);
    }
    weir_buffer_free(&now);
    return writer->error.status;
}

int weir_writer_load(weir_writer *writer, weir_written *out)
{
    weir_checkpoint *checkpoint = writer->checkpoint;
    weir_text options;
    *out = (weir_written){ 0 };
    if (weir_checkpoint_load(checkpoint, writer->checkpoint_path) != WEIR_OK)
        return weir_error_keep(&writer->error, weir_checkpoint_error(checkpoint));
    if (!checkpoint->figures.restored)
        return WEIR_OK;
    if (!read_written(weir_checkpoint_data(checkpoint), writer->partition_rows > 0, out, &options))
        return weir_writer_refuse(writer, "%s is no checkpoint of a file%s", "");
    if (weir_writer_compare(writer, options, writer->checkpoint_path) != WEIR_OK)
        return writer->error.status;
    writer->sheet.rows = checkpoint->figures.rows;
    return WEIR_OK;
}

int weir_writer_vouch(weir_writer *writer, const weir_written *written)
{
    weir_buffer text;
    weir_buffer_init(&text, &writer->ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    if (writer->partition_rows)
        weir_buffer_printf(&text, "parts 1 %" PRId64 " %" PRId64 " %016" PRIx64 " %d %zu\n%s", written->parts, written->bytes, written->checksum,
                           written->finished, written->remembered.len, written->remembered.len ? written->remembered.ptr : "");
    else
        weir_buffer_printf(&text, "part 1 %" PRId64 " %016" PRIx64 " %d\n", written->bytes, written->checksum, written->finished);
    weir_writer_describe(writer, &text);
    if (text.failed)
        weir_error_out_of_memory(&writer->error);
    else if (weir_checkpoint_set_data(writer->checkpoint, text.data, text.length) != WEIR_OK ||
             weir_checkpoint_save(writer->checkpoint, writer->checkpoint_path) != WEIR_OK)
        weir_error_keep(&writer->error, weir_checkpoint_error(writer->checkpoint));
    writer->saved = writer->saved || writer->error.status == WEIR_OK;
    weir_buffer_free(&text);
    return writer->error.status;
}

/* ---- going on ---------------------------------------------------------------------------------------------------------- */
/* All rows were written; what was missing is the name, or only the checkpoint's removal. */
static int continue_finished(weir_writer *writer, const weir_written *was)
{
    writer->complete = true;
    if (!writer->output.part_is_new)
        return weir_part_continue(&writer->output, was->bytes, was->checksum);
    writer->named = weir_part_is_final(&writer->output, was->bytes, was->checksum);
    if (!writer->named && writer->output.error.status == WEIR_OK)
        weir_writer_refuse(writer, "%s belongs to a file that was finished and is not there any more: %s was changed or removed",
                           writer->output.path);
    writer->output.flushed = writer->named ? was->bytes : 0;
    return WEIR_OK;
}

static int continue_part(weir_writer *writer)
{
    weir_written was;
    if (weir_writer_load(writer, &was) != WEIR_OK)
        return writer->error.status;
    writer->sheet.continued = was.bytes > 0;
    return was.finished ? continue_finished(writer, &was) : weir_part_continue(&writer->output, was.bytes, was.checksum);
}

int weir_writer_name_checkpoint(weir_writer *writer, const char *path)
{
    size_t length = strlen(path);
    writer->checkpoint_path = weir_alloc(&writer->ledger, WEIR_MEMORY_OUTPUT, length + sizeof WEIR_CHECKPOINT_SUFFIX);
    if (!writer->checkpoint_path)
        return weir_error_out_of_memory(&writer->error);
    memcpy(writer->checkpoint_path, path, length);
    memcpy(writer->checkpoint_path + length, WEIR_CHECKPOINT_SUFFIX, sizeof WEIR_CHECKPOINT_SUFFIX);
    return WEIR_OK;
}

int weir_writer_continue(weir_writer *writer)
{
    if (weir_writer_name_checkpoint(writer, writer->output.final_path) == WEIR_OK) {
        continue_part(writer);
        weir_error_keep(&writer->error, &writer->output.error);
    }
    if (weir_status_is(writer->error.status, WEIR_INVALID_REQUEST) || writer->error.status == WEIR_DATA)
        weir_writer_advise(writer, "to begin anew, remove that file and the one that ends in " WEIR_PART_SUFFIX);
    if (writer->error.status != WEIR_OK || writer->named)
        weir_part_withdraw(&writer->output);
    return writer->error.status;
}

void weir_writer_leave_part(weir_writer *writer)
{
    if (!writer->saved && writer->sheet.rows == 0)
        weir_part_withdraw(&writer->output);
}

bool weir_writer_complete(const weir_writer *writer) { return writer->complete && writer->error.status == WEIR_OK; }

/* ---- saving ------------------------------------------------------------------------------------------------------------- */
/* The data first, then what vouches for it. */
static int save(weir_writer *writer, bool finished)
{
    if (weir_part_sync(&writer->output) != WEIR_OK)
        return weir_error_keep(&writer->error, &writer->output.error);
    return weir_writer_vouch(writer, &(weir_written){ .bytes = writer->marked ? writer->mark_bytes : writer->output.flushed, .finished = finished,
                                                      .checksum = writer->marked ? writer->mark_checksum
                                                                                 : weir_checksum_value(&writer->output.checksum) });
}

int weir_writer_append(weir_writer *writer, const void *bytes, size_t length)
{
    weir_output_bytes(&writer->output, bytes, length);
    return weir_error_keep(&writer->error, &writer->output.error);
}

int weir_writer_mark(weir_writer *writer, int64_t rows)
{
    writer->sheet.rows += rows;
    weir_output_flush(&writer->output);
    writer->marked = true;
    writer->mark_bytes = writer->output.flushed;
    writer->mark_checksum = weir_checksum_value(&writer->output.checksum);
    return weir_error_keep(&writer->error, &writer->output.error);
}

int weir_writer_save(weir_writer *writer)
{
    if (writer->error.status != WEIR_OK)
        return writer->error.status;
    if (!writer->checkpoint || writer->finished || writer->complete)
        return weir_error_set(&writer->error, WEIR_INVALID_REQUEST, writer->checkpoint ? "the file is finished"
                                                                                       : "this writer was opened without a checkpoint");
    if (writer->partition_rows)
        return WEIR_OK;                 /* each part is saved when it ends */
    if (writer->checkpoint->figures.rows != writer->sheet.rows)
        return weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "%" PRId64 " rows are written and %" PRId64 " acknowledged: a file is "
                              "saved when weir_resume_ack was told of all rows in it", writer->sheet.rows, writer->checkpoint->figures.rows);
    return save(writer, false);
}

static void remove_on_disk(void *argument)
{
    weir_writer *writer = argument;
    if (weir_checkpoint_remove(writer->checkpoint_path) == 0)
        return;
    if (writer->partition_rows)
        weir_writer_fail_directory(writer, "remove the checkpoint in", errno);
    else
        weir_output_fail(&writer->output, "remove the checkpoint of", errno);
}

int weir_writer_remove_checkpoint(weir_writer *writer)
{
    weir_output_last_on_disk(&writer->output, remove_on_disk, writer);
    return weir_error_keep(&writer->error, &writer->output.error);
}

int weir_writer_finish_part(weir_writer *writer)
{
    writer->marked = false;
    /* A crash between the two steps leaves a checkpoint that says "finished", and the file under one of its names. */
    if (!writer->complete && save(writer, true) != WEIR_OK)
        return writer->error.status;
    if (!writer->named)
        weir_output_finish(&writer->output);
    return weir_writer_remove_checkpoint(writer);
}
