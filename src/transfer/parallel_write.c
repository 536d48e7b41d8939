/* All ranges into one file, in order. With a checkpoint it can be gone on with: the place is the key of a row, as a single stream's is, so
 * that ranges are cut anew behind it, and either kind of export goes on with what the other one began. */
#include <stdio.h>
#include <string.h>
#include "base/values.h"
#include "base/wait.h"
#include "transfer/format.h"
#include "transfer/parallel.h"
#include "transfer/writer.h"

enum { MARK_BYTES = 64 * 1024, MARK_MS = 1000, DEFAULT_SAVE_BYTES = 64 << 20, DEFAULT_SAVE_MS = 5000 };

/* What the callbacks share. */
typedef struct joining {
    weir_parallel_target target;
    weir_writer     *file;
    weir_checkpoint *checkpoint;        /* the file's; NULL: none */
    bool             continued;         /* the columns' names are in the file already */
    pthread_mutex_t  columns;           /* of the checkpoint's columns */
    int64_t          saved_rows, saved_bytes, saved_at;
} joining;

/* A range in the hands of its job. */
typedef struct piece {
    weir_writer     *writer;            /* gives bytes to the range */
    weir_range_read *read;
    const weir_order *order;
    weir_value      *keys;              /* of two neighbours, and last */
    weir_value      *last;              /* of these: the key of the last row that was written; NULL: none yet */
    weir_arena       arena;             /* of it */
    weir_buffer      text;              /* a key as text */
    int64_t          rows;              /* since the last mark */
    int64_t          marked_bytes, marked_at;
    int64_t          every_rows, every_bytes, every_ms;
} piece;

/* ---- options ------------------------------------------------------------------------------------------------------------------------ */
int weir_parallel_refuse(weir_parallel *p, int status, const char *format, ...)
{
    weir_error error;
    va_list arguments;
    va_start(arguments, format);
    weir_error_set_v(&error, status, format, arguments);
    va_end(arguments);
    return weir_parallel_fail(p, &error);
}

static int nowhere(void *context, const char *bytes, size_t length, weir_error *error)
{
    (void)context, (void)bytes, (void)length, (void)error;
    return WEIR_OK;
}

/* Before anything is read: whether the options make sense, and whether pieces of such a file can be joined. */
static int check_format(const weir_parallel_target *target, bool joined)
{
    weir_writer_options options = target->options;
    options.checkpoint = NULL;
    weir_writer *probe = weir_writer_open_to(nowhere, NULL, target->path, &options);
    weir_error error = *weir_writer_error(probe);
    if (error.status == WEIR_OK && joined && !weir_writer_makes_lines(probe))
        weir_error_set(&error, WEIR_NOT_SUPPORTED, "files of this format cannot be joined from ranges: write one file per range (--split)");
    weir_writer_abort(&probe);
    return error.status == WEIR_OK ? WEIR_OK : weir_parallel_fail(target->parallel, &error);
}

int weir_parallel_check_checkpoint(weir_parallel *p, const weir_checkpoint *checkpoint)
{
    char fingerprint[WEIR_FINGERPRINT_SIZE];
    if (checkpoint->broken)
        return weir_parallel_fail(p, &checkpoint->error);
    if (checkpoint->stream)
        return weir_parallel_refuse(p, WEIR_INVALID_REQUEST, "a stream is open on this checkpoint: close it first");
    weir_order_fingerprint(p->order, fingerprint);
    if (strcmp(fingerprint, checkpoint->fingerprint) != 0)
        return weir_parallel_refuse(p, WEIR_INVALID_REQUEST, "the checkpoint was made for another statement, or another order");
    return WEIR_OK;
}

int weir_parallel_target_take(weir_parallel_target *t, weir_parallel *p, const char *path, const weir_writer_options *options, bool joined)
{
    int status = weir_parallel_error(p)->status;
    if (status != WEIR_OK)              /* it may be a constant */
        return status;
    *t = (weir_parallel_target){ .parallel = p, .path = path };
    if (p->ran)
        return weir_parallel_refuse(p, WEIR_INVALID_REQUEST, "this weir_parallel has run: open another one");
    if (!path || !*path)
        return weir_parallel_refuse(p, WEIR_ARGUMENT, "a path is needed");
    if (options && (options->struct_size == 0 || options->struct_size > sizeof t->options))
        return weir_parallel_refuse(p, WEIR_ARGUMENT, "make writer options with WEIR_WRITER_OPTIONS");
    if (options)
        memcpy(&t->options, options, options->struct_size);
    t->options.struct_size = sizeof t->options;
    if (t->options.partition_rows)
        return weir_parallel_refuse(p, WEIR_ARGUMENT, "ranges are written into one file, or each into one of its own, not by partition_rows");
    p->split = !joined;
    status = check_format(t, joined);
    return status == WEIR_OK && t->options.checkpoint ? weir_parallel_check_checkpoint(p, t->options.checkpoint) : status;
}

/* ---- a range ------------------------------------------------------------------------------------------------------------------------- */
static int put(void *argument, const char *bytes, size_t length, weir_error *error)
{
    const piece *r = argument;
    return weir_range_put(r->read, bytes, length) == WEIR_OK ? WEIR_OK : weir_error_keep(error, weir_range_error(r->read));
}

static int64_t lesser(int64_t a, int64_t b) { return a && a < b ? a : b; }

static piece *make_piece(joining *j, weir_range_read *read)
{
    weir_parallel *p = j->target.parallel;
    weir_ledger *ledger = &p->ledger;
    piece *r = weir_alloc_zero(ledger, WEIR_MEMORY_OUTPUT, sizeof *r);
    if (!r)
        return NULL;
    r->read = read;
    r->order = weir_segment_at(&p->segments, read->number)->order;
    weir_arena_init(&r->arena, ledger, WEIR_MEMORY_OUTPUT, 512);
    weir_buffer_init(&r->text, ledger, WEIR_MEMORY_OUTPUT, WEIR_CHECKPOINT_MAX);
    r->every_rows = p->options.save_rows;
    r->every_bytes = lesser(p->options.save_bytes, MARK_BYTES);
    r->every_ms = lesser(p->options.save_ms, MARK_MS);
    r->marked_at = weir_now();
    if (j->checkpoint)
        r->keys = weir_alloc_zero(ledger, WEIR_MEMORY_OUTPUT, 3 * weir_order_count(r->order) * sizeof *r->keys);
    read->data = r;
    return j->checkpoint && !r->keys ? NULL : r;
}

static void drop_range(weir_range_read *read)
{
    piece *r = read->data;
    if (!r)
        return;
    if (r->writer)
        weir_writer_abort(&r->writer);
    weir_arena_free(&r->arena);
    weir_buffer_free(&r->text);
    weir_free(r->keys);
    weir_free(r);
    read->data = NULL;
}

static int check_columns(joining *j, const weir_result *result, weir_error *error)
{
    pthread_mutex_lock(&j->columns);
    int status = weir_checkpoint_columns(j->checkpoint, result, error);
    pthread_mutex_unlock(&j->columns);
    return status;
}

static int begin_range(weir_range_read *read, const weir_result *result, weir_error *error)
{
    joining *j = read->context;
    weir_writer_options options = j->target.options;
    piece *r = make_piece(j, read);
    if (!r)
        return weir_error_out_of_memory(error);
    if (j->checkpoint && check_columns(j, result, error) != WEIR_OK)
        return error->status;
    options.checkpoint = NULL;
    if (read->number > 0 || j->continued)
        options.header = WEIR_OFF;
    r->writer = weir_writer_open_to(put, r, j->target.path, &options);
    weir_writer_columns(r->writer, result);
    return weir_error_keep(error, weir_writer_error(r->writer));
}

static bool is_due(const piece *r)
{
    return weir_writer_bytes(r->writer) - r->marked_bytes >= r->every_bytes || (r->every_rows && r->rows >= r->every_rows) ||
           weir_now() - r->marked_at >= r->every_ms * WEIR_NS_PER_MS;
}

/* Behind the rows up to the last one, whose successor, if there is one, is known to have another key. */
static int mark(piece *r, weir_error *error)
{
    weir_output *output = &r->writer->output;
    weir_output_flush(output);
    r->text.length = 0;
    if (weir_error_keep(error, &output->error) != WEIR_OK || weir_key_write(r->last, weir_order_count(r->order), &r->text, error) != WEIR_OK)
        return error->status;
    int status = weir_range_mark(r->read, r->text.data, r->text.length, r->rows);
    r->rows = 0;
    r->marked_bytes = weir_writer_bytes(r->writer);
    r->marked_at = weir_now();
    return status == WEIR_OK ? WEIR_OK : weir_error_keep(error, weir_range_error(r->read));
}

/* A key that lives longer than its row. */
static int keep_last(piece *r, const weir_value *key, weir_error *error)
{
    size_t count = weir_order_count(r->order);
    r->last = &r->keys[2 * count];
    weir_arena_reset(&r->arena, SIZE_MAX);
    for (size_t i = 0; i < count; i++)
        if (weir_value_copy(&r->arena, &key[i], &r->last[i]) != WEIR_OK)
            return weir_error_out_of_memory(error);
    return WEIR_OK;
}

/* No two neighbours may have the same key: a place between them could not be told. The last row's key is kept. */
static int compare_neighbours(piece *r, const weir_partition *rows, weir_error *error)
{
    size_t count = weir_order_count(r->order);
    const weir_value *before = r->last;
    weir_value *key = r->keys, *other = r->keys + count;
    for (size_t i = 0; i < rows->count; i++) {
        if (weir_order_key(r->order, rows->rows[i], key, error) != WEIR_OK)
            return error->status;
        if (before && weir_order_same(r->order, before, key))
            return weir_order_not_unique(r->order, error);
        if (i == 0 && before && is_due(r) && mark(r, error) != WEIR_OK)
            return error->status;
        before = key;
        key = other;
        other = (weir_value *)(uintptr_t)before;
    }
    return keep_last(r, before, error);
}

static int write_rows(weir_range_read *read, const weir_partition *rows, weir_error *error)
{
    const joining *j = read->context;
    piece *r = read->data;
    if (j->checkpoint && rows->count && compare_neighbours(r, rows, error) != WEIR_OK)
        return error->status;
    r->rows += (int64_t)rows->count;
    return weir_writer_many(r->writer, rows->rows, rows->count) == WEIR_OK ? WEIR_OK : weir_error_keep(error, weir_writer_error(r->writer));
}

static int end_range(weir_range_read *read, weir_error *error)
{
    const joining *j = read->context;
    piece *r = read->data;
    if (weir_writer_finish(r->writer) != WEIR_OK)
        return weir_error_keep(error, weir_writer_error(r->writer));
    if (j->checkpoint && r->last && mark(r, error) != WEIR_OK)
        return error->status;
    drop_range(read);
    return WEIR_OK;
}

/* ---- the file -------------------------------------------------------------------------------------------------------------------------- */
static int take_bytes(int64_t range, const void *bytes, size_t length, void *context, weir_error *error)
{
    const joining *j = context;
    (void)range;
    return weir_writer_append(j->file, bytes, length) == WEIR_OK ? WEIR_OK : weir_error_keep(error, weir_writer_error(j->file));
}

static int save(joining *j)
{
    j->saved_rows = j->checkpoint->figures.rows;
    j->saved_bytes = j->file->mark_bytes;
    int status = weir_writer_save(j->file);
    j->saved_at = weir_now();
    return status;
}

static bool save_is_due(const joining *j)
{
    const weir_parallel_options *o = &j->target.parallel->options;
    bool given = o->save_rows || o->save_bytes || o->save_ms;
    int64_t bytes = given ? o->save_bytes : DEFAULT_SAVE_BYTES, ms = given ? o->save_ms : DEFAULT_SAVE_MS;
    return (o->save_rows && j->checkpoint->figures.rows - j->saved_rows >= o->save_rows) ||
           (bytes && j->file->mark_bytes - j->saved_bytes >= bytes) ||
           (ms && weir_now() - j->saved_at >= ms * WEIR_NS_PER_MS);
}

/* The place moves on: behind the bytes that were taken. */
static int take_mark(void *context, const weir_mark *mark, weir_error *error)
{
    joining *j = context;
    weir_checkpoint *checkpoint = j->checkpoint;
    if (weir_checkpoint_put(&checkpoint->place, mark->key, mark->length, error) != WEIR_OK)
        return error->status;
    checkpoint->figures.placed = true;
    checkpoint->figures.rows += mark->rows;
    int status = weir_writer_mark(j->file, mark->rows);
    if (status == WEIR_OK && save_is_due(j))
        status = save(j);
    return status == WEIR_OK ? WEIR_OK : weir_error_keep(error, weir_writer_error(j->file));
}

/* The key that the file ends with; *after NULL: nothing stands in it. */
static int find_place(joining *j, const weir_value **after)
{
    weir_parallel *p = j->target.parallel;
    const weir_checkpoint *checkpoint = j->checkpoint;
    weir_error error = { 0 };
    size_t count = weir_order_count(p->order);
    *after = NULL;
    if (!checkpoint || !checkpoint->place.length)
        return WEIR_OK;
    weir_value *key = weir_arena_take(&p->kept, count * sizeof *key);
    if (!key)
        weir_error_out_of_memory(&error);
    else if (weir_key_read(checkpoint->place.data, checkpoint->place.length, &p->kept, key, count, &error) == WEIR_OK)
        *after = key;
    return error.status == WEIR_OK ? WEIR_OK : weir_parallel_fail(p, &error);
}

static int run_ranges(joining *j)
{
    weir_parallel *p = j->target.parallel;
    const weir_parallel_calls calls = { sizeof calls, begin_range, write_rows, end_range, drop_range, take_bytes, j };
    const weir_value *after;
    int status = find_place(j, &after);
    if (status == WEIR_OK)
        status = weir_parallel_plan_here(p, after);
    if (status != WEIR_OK)
        return status;
    if (j->checkpoint) {
        p->marked = take_mark;
        j->checkpoint->figures.runs++;
        atomic_store(&p->rows, j->checkpoint->figures.rows);
        atomic_store(&p->bytes, j->file->output.flushed);
    }
    status = weir_parallel_run_here(p, &calls);
    if (status != WEIR_OK && j->checkpoint && j->file->marked && j->checkpoint->figures.rows > j->saved_rows)
        save(j);                        /* all that was written counts; a disk that is full keeps the save before */
    return status;
}

static int write_one(weir_parallel *p, void *argument)
{
    joining *j = argument;
    j->file = weir_writer_open(j->target.path, &j->target.options);
    j->checkpoint = j->target.options.checkpoint;
    int status = weir_writer_error(j->file)->status;
    if (status == WEIR_OK) {
        j->continued = j->file->sheet.continued;
        j->saved_rows = j->file->sheet.rows;
        j->saved_bytes = j->file->output.flushed;
        j->saved_at = weir_now();
        status = weir_writer_complete(j->file) ? WEIR_OK : run_ranges(j);
    }
    if (status == WEIR_OK)
        weir_writer_finish(j->file);
    if (weir_writer_error(j->file)->status != WEIR_OK)
        status = weir_parallel_fail(p, weir_writer_error(j->file));
    weir_writer_abort(&j->file);
    return status;
}

int weir_parallel_write(weir_parallel *p, const char *path, const weir_writer_options *options)
{
    joining j = { .file = NULL };
    int status = weir_parallel_target_take(&j.target, p, path, options, true);
    if (status != WEIR_OK)
        return status;
    pthread_mutex_init(&j.columns, NULL);
    status = weir_parallel_block(p, write_one, &j);
    pthread_mutex_destroy(&j.columns);
    return status;
}
