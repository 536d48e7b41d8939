/* Checkpoints: making them, what belongs to a place, and the file that holds one. */
#include "base/error.h"
#include "transfer/checkpoint.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/wait.h"
#include "engine/connection.h"
#include "transfer/output.h"

static const weir_checkpoint no_memory_checkpoint = {
    .broken = true, .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory for a checkpoint" }
};

bool weir_checkpoint_is_constant(const weir_checkpoint *checkpoint) { return checkpoint == &no_memory_checkpoint; }

int weir_checkpoint_report(weir_checkpoint *checkpoint, const weir_error *error)
{
    if (error->status != WEIR_OK && !checkpoint->broken)
        checkpoint->error = *error;
    return checkpoint->broken ? checkpoint->error.status : error->status;
}

int weir_checkpoint_put(weir_buffer *buffer, const void *bytes, size_t length, weir_error *error)
{
    if (!weir_buffer_reserve(buffer, length > buffer->length ? length - buffer->length : 0)) {
        buffer->failed = false;
        return weir_error_out_of_memory(error);
    }
    buffer->length = 0;
    if (length)
        weir_buffer_append(buffer, bytes, length);
    return WEIR_OK;
}

void weir_checkpoint_advise(weir_error *error)
{
    static const char advice[] = "to begin anew, remove the checkpoint and what was written with it";
    weir_error_text(error->hint, sizeof error->hint, advice, sizeof advice - 1);
}

/* ---- making --------------------------------------------------------------------------------------------------------- */
static int find_order(weir_checkpoint *checkpoint, const weir_engine *engine, const weir_stmt *stmt, const weir_checkpoint_options *given)
{
    weir_checkpoint_options options = { .struct_size = sizeof options };
    weir_error *error = &checkpoint->error;
    if (given && (given->struct_size == 0 || given->struct_size > sizeof options))
        return weir_error_set(error, WEIR_ARGUMENT, "checkpoint options of %zu bytes: make them with WEIR_CHECKPOINT_OPTIONS",
                              given->struct_size);
    if (given)
        memcpy(&options, given, given->struct_size);
    if (weir_error_keep(error, weir_engine_error(engine)) != WEIR_OK)
        return error->status;
    if (!engine->core)
        return weir_error_set(error, WEIR_RESOURCE_CLOSED, "this engine is closed");
    const char *scope = options.scope ? options.scope : "";
    checkpoint->unchecked = options.key != NULL;
    checkpoint->order = weir_order_of(stmt, &(weir_order_options){ .dialect = engine->core->driver->dialect, .text = options.key,
                                                                   .unchecked = checkpoint->unchecked }, &checkpoint->ledger, error);
    if (!checkpoint->order)
        return error->status;
    weir_order_fingerprint(checkpoint->order, checkpoint->fingerprint);
    return weir_checkpoint_put(&checkpoint->scope, scope, strlen(scope), error);
}

weir_checkpoint *weir_checkpoint_new(const weir_engine *engine, const weir_stmt *stmt, const weir_checkpoint_options *options)
{
    weir_checkpoint *checkpoint = weir_alloc_zero(weir_ledger_root(), WEIR_MEMORY_HANDLES, sizeof *checkpoint);
    if (!checkpoint)
        return (weir_checkpoint *)(uintptr_t)&no_memory_checkpoint;
    weir_buffer *const buffers[] = { &checkpoint->scope, &checkpoint->columns, &checkpoint->place, &checkpoint->data, &checkpoint->text };
    weir_ledger_init(&checkpoint->ledger, weir_ledger_root());
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        weir_buffer_init(buffers[i], &checkpoint->ledger, WEIR_MEMORY_HANDLES, WEIR_CHECKPOINT_MAX);
    checkpoint->broken = find_order(checkpoint, engine, stmt, options) != WEIR_OK;
    return checkpoint;
}

void weir_checkpoint_free(weir_checkpoint **checkpoint)
{
    weir_checkpoint *c = checkpoint ? *checkpoint : NULL;
    if (!c)
        return;
    *checkpoint = NULL;
    if (weir_checkpoint_is_constant(c))
        return;
    weir_order_free(c->order);
    weir_buffer_free(&c->scope);
    weir_buffer_free(&c->columns);
    weir_buffer_free(&c->place);
    weir_buffer_free(&c->data);
    weir_buffer_free(&c->text);
    weir_free(c);
}

const weir_error *weir_checkpoint_error(const weir_checkpoint *checkpoint) { return &checkpoint->error; }
void weir_checkpoint_info(const weir_checkpoint *checkpoint, weir_checkpoint_figures *out) { *out = checkpoint->figures; }

int weir_checkpoint_set_data(weir_checkpoint *checkpoint, const void *bytes, size_t length)
{
    weir_error error = { 0 };
    if (checkpoint->broken)
        return checkpoint->error.status;
    if (length > WEIR_CHECKPOINT_DATA_MAX)
        weir_error_set(&error, WEIR_ARGUMENT, "a checkpoint keeps at most %d bytes beside its place", WEIR_CHECKPOINT_DATA_MAX);
    else
        weir_checkpoint_put(&checkpoint->data, bytes, length, &error);
    return weir_checkpoint_report(checkpoint, &error);
}

weir_blob weir_checkpoint_data(const weir_checkpoint *checkpoint)
{
    return (weir_blob){ .ptr = (const uint8_t *)checkpoint->data.data, .len = checkpoint->data.length };
}

/* ---- columns ---------------------------------------------------------------------------------------------------------- */
/* "name type" of each column, a line feed behind each. */
static void describe(const weir_result *result, weir_buffer *text)
{
    for (size_t i = 0; i < weir_result_column_count(result); i++) {
        const weir_column_info *column = weir_result_column(result, i);
        weir_buffer_printf(text, "%s %s\n", column->name, column->database_type);
    }
}

/* The first line that differs, of both. */
static void tell_difference(const weir_buffer *was, const weir_buffer *is, weir_error *error)
{
    size_t at = 0, line = 0, number = 1;
    for (; at < was->length && at < is->length && was->data[at] == is->data[at]; at++)
        if (was->data[at] == '\n') {
            line = at + 1;
            number++;
        }
    const weir_buffer *const both[] = { was, is };
    char shown[2][100];
    for (int i = 0; i < 2; i++) {
        const char *from = both[i]->data ? both[i]->data + line : "", *end = both[i]->data ? memchr(from, '\n', both[i]->length - line) : NULL;
        weir_error_text(shown[i], sizeof shown[i], end ? from : "missing", end ? (size_t)(end - from) : strlen("missing"));
    }
    weir_error_set(error, WEIR_INVALID_REQUEST, "the checkpoint belongs to other columns: the %zu. was \"%s\" and is \"%s\"", number, shown[0],
                   shown[1]);
    weir_checkpoint_advise(error);
}

int weir_checkpoint_columns(weir_checkpoint *checkpoint, const weir_result *result, weir_error *error)
{
    weir_buffer now;
    int status = WEIR_OK;
    weir_buffer_init(&now, &checkpoint->ledger, WEIR_MEMORY_HANDLES, WEIR_CHECKPOINT_MAX);
    describe(result, &now);
    if (now.failed)
        status = weir_error_out_of_memory(error);
    else if (checkpoint->columns.length == 0)
        status = weir_checkpoint_put(&checkpoint->columns, now.data, now.length, error);
    else if (now.length != checkpoint->columns.length || memcmp(now.data, checkpoint->columns.data, now.length) != 0)
        tell_difference(&checkpoint->columns, &now, error);
    weir_buffer_free(&now);
    return status != WEIR_OK ? status : error->status;
}

/* ---- as text ----------------------------------------------------------------------------------------------------------- */
const char *weir_checkpoint_text(weir_checkpoint *checkpoint, size_t *length)
{
    weir_error error = { 0 };
    if (checkpoint->broken)
        return NULL;
    weir_buffer_free(&checkpoint->text);
    weir_checkpoint_write(checkpoint, &checkpoint->text);
    const char *text = weir_buffer_cstr(&checkpoint->text);
    if (!text) {
        weir_error_out_of_memory(&error);
        weir_checkpoint_report(checkpoint, &error);
    }
    if (length)
        *length = text ? checkpoint->text.length : 0;
    return text;
}

int weir_checkpoint_restore(weir_checkpoint *checkpoint, const char *text, size_t length)
{
    weir_error error = { 0 };
    if (checkpoint->broken)
        return checkpoint->error.status;
    if (checkpoint->stream)
        weir_error_set(&error, WEIR_INVALID_REQUEST, "a stream is open on this checkpoint: close it first");
    else
        weir_checkpoint_read(checkpoint, text, length, &error);
    return weir_checkpoint_report(checkpoint, &error);
}

/* ---- as a file --------------------------------------------------------------------------------------------------------- */
typedef struct filing {
    const char *path;
    weir_buffer *text;                  /* to write, or what was read */
    bool        absent;
    weir_error *error;
} filing;

static void fail(filing *f, const char *what)
{
    char text[128];
    int number = errno;
    weir_error_set(f->error, WEIR_IO, "cannot %s the checkpoint %s: %s", what, f->path, weir_error_of_system(number, text, sizeof text));
    weir_output_hint(f->error, number);
}

/* Where a checkpoint is written before it gets its name. False with errno: the path is too long. */
static bool name_beside(const char *path, char beside[PATH_MAX])
{
    if (snprintf(beside, PATH_MAX, "%s-new", path) < PATH_MAX)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

int weir_checkpoint_remove(const char *path)
{
    char beside[PATH_MAX];
    bool first = unlink(path) == 0;
    if (!first && errno != ENOENT)
        return -1;
    bool second = name_beside(path, beside) && unlink(beside) == 0;
    if (!second && errno != ENOENT)
        return -1;
    return first || second ? weir_output_sync_directory_of(path) : 0;
}

/* Beside the file, on disk, then under its name, then its directory: at any moment one whole checkpoint is there. */
static void save_on_disk(void *argument)
{
    filing *f = argument;
    char beside[PATH_MAX];
    if (!name_beside(f->path, beside)) {
        fail(f, "write");
        return;
    }
    unlink(beside);                     /* what a crash left */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        fail(f, "write");
        return;
    }
    errno = weir_write_all(fd, f->text->data, f->text->length);
    bool written = errno == 0 && fsync(fd) == 0;
    if (!written)
        fail(f, "write");
    if (close(fd) != 0 && written && errno != EINTR) {
        fail(f, "write");
        written = false;
    }
    if (written && rename(beside, f->path) != 0) {
        fail(f, "give its name to");
        written = false;
    }
    if (!written)
        unlink(beside);
    else if (weir_output_sync_directory_of(f->path) != 0)
        fail(f, "bring to disk the directory of");
}

int weir_checkpoint_save(weir_checkpoint *checkpoint, const char *path)
{
    weir_error error = { 0 }, disk;
    if (checkpoint->broken)
        return checkpoint->error.status;
    if (!weir_checkpoint_text(checkpoint, NULL))
        return checkpoint->error.status;
    filing f = { .path = path, .text = &checkpoint->text, .error = &error };
    if (weir_run_last_on_disk(save_on_disk, &f, &disk) != WEIR_OK)
        weir_error_keep(&error, &disk);
    return weir_checkpoint_report(checkpoint, &error);
}

static void read_open_file(filing *f, int fd)
{
    struct stat file;
    if (fstat(fd, &file) != 0) {
        fail(f, "read");
        return;
    }
    if (!S_ISREG(file.st_mode) || file.st_size > WEIR_CHECKPOINT_MAX) {
        weir_error_set(f->error, WEIR_DATA, "%s is no checkpoint: it is no regular file, or too large", f->path);
        return;
    }
    if (file.st_uid != geteuid()) {     /* it would say which rows are not read */
        weir_error_set(f->error, WEIR_INVALID_REQUEST, "%s cannot be gone on from: it is another user's", f->path);
        weir_checkpoint_advise(f->error);
        return;
    }
    for (;;) {
        if (!weir_buffer_reserve(f->text, 4096)) {
            weir_error_out_of_memory(f->error);
            return;
        }
        size_t n;
        errno = weir_read_once(fd, f->text->data + f->text->length, 4096, &n);
        if (errno)
            fail(f, "read");
        if (n == 0)
            return;
        f->text->length += n;
    }
}

static void load_on_disk(void *argument)
{
    filing *f = argument;
    int fd = open(f->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    f->absent = fd < 0 && errno == ENOENT;
    if (fd < 0 && !f->absent)
        fail(f, "read");
    if (fd < 0)
        return;
    read_open_file(f, fd);
    close(fd);
}

int weir_checkpoint_load(weir_checkpoint *checkpoint, const char *path)
{
    weir_error error = { 0 }, disk;
    weir_buffer text;
    int status;
    if (checkpoint->broken)
        return checkpoint->error.status;
    weir_buffer_init(&text, &checkpoint->ledger, WEIR_MEMORY_HANDLES, WEIR_CHECKPOINT_MAX + 8192);
    filing f = { .path = path, .text = &text, .error = &error };
    if (weir_run_on_disk(load_on_disk, &f, &disk) != WEIR_OK)
        weir_error_keep(&error, &disk);
    if (error.status != WEIR_OK || f.absent)
        status = weir_checkpoint_report(checkpoint, &error);
    else if ((status = weir_checkpoint_restore(checkpoint, text.data ? text.data : "", text.length)) != WEIR_OK)
        weir_error_context(&checkpoint->error, "%s", path);
    weir_buffer_free(&text);
    return status;
}
