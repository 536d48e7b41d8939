/* Each range into a file of its own, and a manifest of them. With a checkpoint finished files stay, and the next run reads the other ranges. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/error.h"
#include "base/lock.h"
#include "base/wait.h"
#include "transfer/format.h"
#include "transfer/parallel_split.h"

enum { SAVING_SHARE = 20 };             /* of the time, one part may go into saving what is done */

static int fail_disk(weir_parallel *p, const char *what, int number)
{
    char reason[128];
    return weir_parallel_refuse(p, WEIR_IO, "cannot %s: %s", what, weir_error_of_system(number, reason, sizeof reason));
}

/* ---- names ---------------------------------------------------------------------------------------------------------------------------- */
/* "dir/name" and ".csv" of "dir/name.csv". */
static size_t stem_length(const char *path)
{
    const char *slash = strrchr(path, '/'), *point = strrchr(path, '.');
    return point && point > (slash ? slash + 1 : path) ? (size_t)(point - path) : strlen(path);
}

static bool piece_path(const char *path, size_t range, char out[PATH_MAX])
{
    size_t stem = stem_length(path);
    return snprintf(out, PATH_MAX, "%.*s.%06zu%s", (int)stem, path, range, path + stem) < PATH_MAX;
}

static void piece_name(void *context, size_t index, char out[NAME_MAX + 1])
{
    char path[PATH_MAX] = "";
    const weir_splitting *s = context;
    piece_path(s->target.path, index, path);
    const char *slash = strrchr(path, '/');
    snprintf(out, NAME_MAX + 1, "%.*s", NAME_MAX, slash ? slash + 1 : path);
}

static bool manifest_path(const weir_splitting *s, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%.*s.manifest.json", (int)stem_length(s->target.path), s->target.path) < PATH_MAX;
}

/* ---- a range --------------------------------------------------------------------------------------------------------------------------- */
static int begin_piece(weir_range_read *read, const weir_result *result, weir_error *error)
{
    weir_splitting *s = read->context;
    char path[PATH_MAX];
    weir_parallel *p = s->target.parallel;
    weir_writer_options options = s->target.options;
    weir_piece *piece = weir_alloc_zero(&p->ledger, WEIR_MEMORY_OUTPUT, sizeof *piece);
    read->data = piece;
    options.checkpoint = NULL;
    if (!piece)
        return weir_error_out_of_memory(error);
    piece->output.fd = -1;
    if (!piece_path(s->target.path, (size_t)read->number, path))
        return weir_error_set(error, WEIR_ARGUMENT, "the path is too long");
    if (s->checkpoint) {
        pthread_mutex_lock(&s->mutex);
        weir_checkpoint_columns(s->checkpoint, result, error);
        pthread_mutex_unlock(&s->mutex);
    }
    if (error->status != WEIR_OK || weir_piece_open(piece, &p->ledger, path, &options, s->checkpoint != NULL, error) != WEIR_OK)
        return error->status;
    return weir_piece_columns(piece, result, error);
}

static int piece_rows(weir_range_read *read, const weir_partition *rows, weir_error *error)
{
    return weir_piece_rows(read->data, rows, error);
}

static void drop_piece(weir_range_read *read)
{
    if (read->data)
        weir_piece_drop(read->data);
    weir_free(read->data);
    read->data = NULL;
}

/* Whoever finishes a range saves what is done, unless somebody else is saving, or saving would take too much of the time. */
static int save_when_due(weir_splitting *s, bool now, weir_error *error)
{
    int64_t begun = weir_now();
    pthread_mutex_lock(&s->mutex);
    bool due = !s->saving && (now || begun - s->saved_at >= SAVING_SHARE * s->saving_took);
    s->saving = s->saving || due;
    int status = due ? weir_split_describe(s, error) : WEIR_OK;
    pthread_mutex_unlock(&s->mutex);
    if (!due)
        return WEIR_OK;
    if (status == WEIR_OK)
        status = weir_split_save(s, error);
    pthread_mutex_lock(&s->mutex);
    s->saving = false;
    s->saved_at = weir_now();
    s->saving_took = s->saved_at - begun;
    pthread_mutex_unlock(&s->mutex);
    return status;
}

static int end_piece(weir_range_read *read, weir_error *error)
{
    weir_splitting *s = read->context;
    weir_piece *piece = read->data;
    if (weir_piece_finish(piece, error) != WEIR_OK)
        return error->status;
    piece->facts.range = read->number;
    piece->facts.attempt = s->checkpoint ? s->checkpoint->figures.runs : 1;
    pthread_mutex_lock(&s->mutex);
    s->pieces[read->number] = piece->facts;
    pthread_mutex_unlock(&s->mutex);
    atomic_fetch_add_explicit(&s->target.parallel->bytes, piece->facts.bytes, memory_order_relaxed);
    drop_piece(read);
    return s->checkpoint ? save_when_due(s, false, error) : WEIR_OK;
}

/* A range that an earlier run finished, and whose file is as it was. Else it is read again. */
static bool is_finished(void *context, int64_t range)
{
    weir_splitting *s = context;
    weir_parallel *p = s->target.parallel;
    char path[PATH_MAX];
    weir_piece_facts *piece = &s->pieces[range];
    if (!piece->attempt)
        return false;
    if (piece_path(s->target.path, (size_t)range, path) && weir_piece_is_there(path, piece)) {
        atomic_fetch_add_explicit(&p->rows, piece->rows, memory_order_relaxed);
        atomic_fetch_add_explicit(&p->bytes, piece->bytes, memory_order_relaxed);
        return true;
    }
    pthread_mutex_lock(&s->mutex);
    piece->attempt = 0;
    pthread_mutex_unlock(&s->mutex);
    return false;
}

/* ---- all ranges -------------------------------------------------------------------------------------------------------------------------- */
static size_t count_done(const weir_splitting *s)
{
    size_t count = 0;
    for (int64_t i = 0; s->pieces && i < s->target.parallel->segments.ranges; i++)
        count += s->pieces[i].attempt > 0;
    return count;
}

static void remove_pieces(const weir_splitting *s)
{
    char path[PATH_MAX];
    for (int64_t i = 0; s->pieces && i < s->target.parallel->segments.ranges; i++)
        if (s->pieces[i].attempt && piece_path(s->target.path, (size_t)i, path))
            unlink(path);
}

/* That of a run before would tell of files that this one writes over. */
static int remove_old_manifest(const weir_splitting *s)
{
    char path[PATH_MAX];
    if (!manifest_path(s, path))
        return weir_parallel_refuse(s->target.parallel, WEIR_ARGUMENT, "the path is too long");
    return unlink(path) == 0 || errno == ENOENT ? WEIR_OK : fail_disk(s->target.parallel, "remove the manifest of the run before", errno);
}

static int64_t count_snapshots(const weir_splitting *s)
{
    int64_t last = 0, first = INT64_MAX;
    for (int64_t i = 0; i < s->target.parallel->segments.ranges; i++) {
        int64_t run = s->pieces[i].attempt;
        last = run > last ? run : last;
        first = run < first ? run : first;
    }
    return first == last ? 1 : last;
}

static int write_manifest(weir_splitting *s)
{
    char path[PATH_MAX];
    weir_error error = { 0 };
    weir_parallel *p = s->target.parallel;
    const char *format = s->target.options.format;
    weir_manifest manifest = { .format = format ? format : weir_format_of_path(s->target.path)->name, .count = (size_t)p->segments.ranges,
                               .fixed = s->checkpoint != NULL, .pieces = s->pieces, .name = piece_name, .context = s, .snapshots = count_snapshots(s) };
    if (!manifest_path(s, path))
        return weir_parallel_refuse(p, WEIR_ARGUMENT, "the path is too long");
    return weir_manifest_write(&manifest, path, &p->ledger, &error) == WEIR_OK ? WEIR_OK : weir_parallel_fail(p, &error);
}

/* The ranges that there are to be: those of the run before, or new ones. */
static int find_ranges(weir_splitting *s)
{
    weir_parallel *p = s->target.parallel;
    weir_error error = { 0 };
    if (s->checkpoint && weir_split_load(s, &error) != WEIR_OK)
        return weir_parallel_fail(p, &error);
    int status = weir_parallel_plan_here(p, NULL);
    if (status == WEIR_OK && !s->pieces &&
        !(s->pieces = weir_alloc_zero(&p->ledger, WEIR_MEMORY_OUTPUT, (size_t)p->segments.ranges * sizeof *s->pieces)))
        return weir_parallel_refuse(p, WEIR_OUT_OF_MEMORY, "no memory for the list of files");
    return status;
}

static int run_ranges(weir_splitting *s)
{
    weir_parallel *p = s->target.parallel;
    const weir_parallel_calls calls = { sizeof calls, begin_piece, piece_rows, end_piece, drop_piece, NULL, s };
    int status = find_ranges(s);
    if (status == WEIR_OK)
        status = remove_old_manifest(s);
    if (status != WEIR_OK)
        return status;
    if (s->checkpoint) {
        s->checkpoint->figures.runs++;
        p->skips = is_finished;
    }
    status = weir_parallel_run_here(p, &calls);
    return status == WEIR_OK ? write_manifest(s) : status;
}

/* The files of finished ranges stay, and what tells of them; where nothing was finished, nothing does. */
static void keep(weir_splitting *s)
{
    weir_error error = { 0 };
    if (count_done(s) > 0 && save_when_due(s, true, &error) != WEIR_OK)
        weir_parallel_fail(s->target.parallel, &error);
    if (s->lock.part_is_ours && !s->saved)
        weir_part_withdraw(&s->lock);
}

static int finish(weir_splitting *s)
{
    weir_parallel *p = s->target.parallel;
    if (weir_checkpoint_remove(s->checkpoint_path) != 0)
        return fail_disk(p, "remove the checkpoint", errno);
    if (unlink(s->lock.temporary_path) != 0 && errno != ENOENT)
        return fail_disk(p, "remove the part", errno);
    return WEIR_OK;
}

static int write_many(weir_parallel *p, void *argument)
{
    weir_splitting *s = argument;
    struct stat existing;
    int status = WEIR_OK;
    s->lock.fd = -1;
    s->checkpoint = s->target.options.checkpoint;
    if (!strcmp(s->target.path, "-") || (stat(s->target.path, &existing) == 0 && !S_ISREG(existing.st_mode)))
        return weir_parallel_refuse(p, WEIR_ARGUMENT, "one file per range needs a file's name, from which theirs are made");
    if (s->checkpoint && weir_output_open(&s->lock, &p->ledger, s->target.path, WEIR_OUTPUT_PART) != WEIR_OK)
        status = weir_parallel_fail(p, &s->lock.error);
    if (status == WEIR_OK)
        status = run_ranges(s);
    if (status == WEIR_OK && s->checkpoint)
        status = finish(s);
    if (status != WEIR_OK && s->checkpoint)
        keep(s);
    else if (status != WEIR_OK)
        remove_pieces(s);
    weir_output_drop(&s->lock);
    weir_free(s->checkpoint_path);
    weir_free(s->pieces);
    return status;
}

int weir_parallel_write_split(weir_parallel *p, const char *path, const weir_writer_options *options)
{
    weir_splitting s = { .pieces = NULL };
    int status = weir_parallel_target_take(&s.target, p, path, options, false);
    if (status != WEIR_OK)
        return status;
    pthread_mutex_init(&s.mutex, NULL);
    status = weir_parallel_block(p, write_many, &s);
    pthread_mutex_destroy(&s.mutex);
    return status;
}
