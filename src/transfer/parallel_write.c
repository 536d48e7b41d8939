/* All ranges into one file, in order; or each into a file of its own. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/wait.h"
#include "transfer/format.h"
#include "transfer/parallel.h"
#include "transfer/piece.h"

/* What the callbacks share. */
typedef struct writing {
    weir_parallel       *parallel;
    const char          *path;
    weir_writer_options  options;
    weir_output          output;        /* one file */
    weir_piece_facts    *pieces;        /* many files: of each range; attempt 1 once it is finished */
    int                  status;
} writing;

static int fail(weir_parallel *p, int status, const char *text)
{
    weir_error error;
    weir_error_set(&error, status, "%s", text);
    return weir_parallel_fail(p, &error);
}

static int take_options(writing *w, weir_parallel *p, const char *path, const weir_writer_options *options)
{
    *w = (writing){ .parallel = p, .path = path, .output.fd = -1 };
    if (!path || !*path)
        return fail(p, WEIR_ARGUMENT, "a path is needed");
    if (options && (options->struct_size == 0 || options->struct_size > sizeof w->options))
        return fail(p, WEIR_ARGUMENT, "make writer options with WEIR_WRITER_OPTIONS");
    if (options)
        memcpy(&w->options, options, options->struct_size);
    w->options.struct_size = sizeof w->options;
    return WEIR_OK;
}

/* ---- one file ---------------------------------------------------------------------------------------------------------------------- */
static int put(void *read, const char *bytes, size_t length, weir_error *error)
{
    int status = weir_range_put(read, bytes, length);
    return status == WEIR_OK ? WEIR_OK : weir_error_set(error, status, "the run ended");
}

static int begin_range(weir_range_read *read, const weir_result *result, weir_error *error)
{
    const writing *w = read->context;
    weir_writer_options options = w->options;
    if (read->number > 0)
        options.header = WEIR_OFF;
    weir_writer *writer = weir_writer_open_to(put, read, w->path, &options);
    read->data = writer;
    weir_writer_columns(writer, result);
    return weir_error_keep(error, weir_writer_error(writer));
}

static int write_rows(weir_range_read *read, const weir_partition *rows, weir_error *error)
{
    weir_writer *writer = read->data;
    for (size_t i = 0; i < rows->count; i++)
        if (weir_writer_row(writer, rows->rows[i]) != WEIR_OK)
            return weir_error_keep(error, weir_writer_error(writer));
    return WEIR_OK;
}

static int end_range(weir_range_read *read, weir_error *error)
{
    weir_writer *writer = read->data;
    int status = weir_writer_finish(writer) == WEIR_OK ? WEIR_OK : weir_error_keep(error, weir_writer_error(writer));
    if (status == WEIR_OK) {
        weir_writer_abort(&writer);
        read->data = NULL;
    }
    return status;
}

static void drop_range(weir_range_read *read)
{
    weir_writer *writer = read->data;
    if (writer)
        weir_writer_abort(&writer);
}

static int take_bytes(int64_t range, const void *bytes, size_t length, void *context, weir_error *error)
{
    writing *w = context;
    (void)range;
    weir_output_bytes(&w->output, bytes, length);
    return weir_error_keep(error, &w->output.error);
}

static int nowhere(void *context, const char *bytes, size_t length, weir_error *error)
{
    (void)context, (void)bytes, (void)length, (void)error;
    return WEIR_OK;
}

/* Before anything is read: whether the options make sense, and whether pieces of such a file can be joined. */
static int check_format(const writing *w, bool joined)
{
    weir_writer *probe = weir_writer_open_to(nowhere, NULL, w->path, &w->options);
    weir_error error = *weir_writer_error(probe);
    if (error.status == WEIR_OK && joined && !weir_writer_makes_lines(probe))
        weir_error_set(&error, WEIR_NOT_SUPPORTED, "files of this format cannot be joined from ranges: write one file per range (--split)");
    weir_writer_abort(&probe);
    return error.status == WEIR_OK ? WEIR_OK : weir_parallel_fail(w->parallel, &error);
}

static int write_one(writing *w)
{
    weir_parallel *p = w->parallel;
    const weir_parallel_calls calls = { sizeof calls, begin_range, write_rows, end_range, drop_range, take_bytes, w };
    if (weir_output_open(&w->output, &p->ledger, w->path, false) != WEIR_OK)
        weir_parallel_fail(p, &w->output.error);
    else if (weir_parallel_run_here(p, &calls) == WEIR_OK && weir_output_finish(&w->output) != WEIR_OK)
        weir_parallel_fail(p, &w->output.error);
    weir_output_drop(&w->output);
    return weir_parallel_error(p)->status;
}

/* ---- a file per range ----------------------------------------------------------------------------------------------------------------- */
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

static int begin_piece(weir_range_read *read, const weir_result *result, weir_error *error)
{
    writing *w = read->context;
    char path[PATH_MAX];
    weir_piece *piece = weir_alloc_zero(&w->parallel->ledger, WEIR_MEMORY_OUTPUT, sizeof *piece);
    read->data = piece;
    if (!piece)
        return weir_error_out_of_memory(error);
    if (!piece_path(w->path, (size_t)read->number, path))
        return weir_error_set(error, WEIR_ARGUMENT, "the path is too long");
    if (weir_piece_open(piece, &w->parallel->ledger, path, &w->options, error) != WEIR_OK)
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

static int end_piece(weir_range_read *read, weir_error *error)
{
    writing *w = read->context;
    weir_piece *piece = read->data;
    if (weir_piece_finish(piece, error) != WEIR_OK)
        return error->status;
    piece->facts.range = read->number;
    piece->facts.attempt = 1;
    w->pieces[read->number] = piece->facts;
    atomic_fetch_add_explicit(&w->parallel->bytes, piece->facts.bytes, memory_order_relaxed);
    drop_piece(read);
    return WEIR_OK;
}

static void piece_name(void *context, size_t index, char out[NAME_MAX + 1])
{
    char path[PATH_MAX] = "";
    const writing *w = context;
    piece_path(w->path, index, path);
    const char *slash = strrchr(path, '/');
    snprintf(out, NAME_MAX + 1, "%.*s", NAME_MAX, slash ? slash + 1 : path);
}

static void remove_pieces(const writing *w)
{
    char path[PATH_MAX];
    for (size_t i = 0; i <= w->parallel->plan.count; i++)
        if (w->pieces[i].attempt && piece_path(w->path, i, path))
            unlink(path);
}

static bool manifest_path(const writing *w, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%.*s.manifest.json", (int)stem_length(w->path), w->path) < PATH_MAX;
}

/* That of a run before would tell of files that this one writes over. */
static int remove_old_manifest(const writing *w)
{
    char path[PATH_MAX], reason[128], text[256];
    if (!manifest_path(w, path))
        return fail(w->parallel, WEIR_ARGUMENT, "the path is too long");
    if (unlink(path) == 0 || errno == ENOENT)
        return WEIR_OK;
    snprintf(text, sizeof text, "cannot remove the manifest of the run before: %.150s", strerror_r(errno, reason, sizeof reason));
    return fail(w->parallel, WEIR_IO, text);
}

static int write_manifest(writing *w)
{
    char path[PATH_MAX];
    weir_error error = { 0 };
    weir_manifest manifest = { .format = w->options.format ? w->options.format : weir_format_of_path(w->path)->name,
                               .count = w->parallel->plan.count + 1, .pieces = w->pieces, .name = piece_name, .context = w };
    if (!manifest_path(w, path))
        return fail(w->parallel, WEIR_ARGUMENT, "the path is too long");
    return weir_manifest_write(&manifest, path, &w->parallel->ledger, &error) == WEIR_OK ? WEIR_OK : weir_parallel_fail(w->parallel, &error);
}

static int write_many(writing *w)
{
    weir_parallel *p = w->parallel;
    const weir_parallel_calls calls = { sizeof calls, begin_piece, piece_rows, end_piece, drop_piece, NULL, w };
    struct stat existing;
    if (!strcmp(w->path, "-") || (stat(w->path, &existing) == 0 && !S_ISREG(existing.st_mode)))
        return fail(p, WEIR_ARGUMENT, "one file per range needs a file's name, from which theirs are made");
    w->pieces = weir_alloc_zero(&p->ledger, WEIR_MEMORY_OUTPUT, (p->plan.count + 1) * sizeof *w->pieces);
    if (!w->pieces)
        return fail(p, WEIR_OUT_OF_MEMORY, "no memory for the list of files");
    int status = remove_old_manifest(w);
    if (status == WEIR_OK)
        status = weir_parallel_run_here(p, &calls);
    if (status == WEIR_OK)
        status = write_manifest(w);
    if (status != WEIR_OK)
        remove_pieces(w);
    weir_free(w->pieces);
    return status;
}

/* ---- both --------------------------------------------------------------------------------------------------------------------------- */
static void run_one(void *argument) { ((writing *)argument)->status = write_one(argument); }
static void run_many(void *argument) { ((writing *)argument)->status = write_many(argument); }
static void interrupt(void *argument) { weir_parallel_cancel(((writing *)argument)->parallel); }

static int run(weir_parallel *p, const char *path, const weir_writer_options *options, void (*work)(void *), bool joined)
{
    writing w;
    weir_error error;
    int status = weir_parallel_error(p)->status;
    if (status == WEIR_OK && p->ran)
        return fail(p, WEIR_INVALID_REQUEST, "this weir_parallel has run: open another one");
    if (status == WEIR_OK)
        status = take_options(&w, p, path, options);
    if (status == WEIR_OK)
        status = check_format(&w, joined);
    if (status == WEIR_OK)              /* else it may be a constant */
        p->split = !joined;
    if (status == WEIR_OK)
        status = weir_parallel_plan(p);
    if (status != WEIR_OK)
        return status;
    int outcome = weir_run_blocking(work, interrupt, &w);
    if (outcome == WEIR_LATE)
        weir_error_out_of_memory(&error);
    else if (outcome != WEIR_READY)
        weir_interrupted(outcome, &error);
    return outcome == WEIR_READY ? w.status : weir_parallel_fail(p, &error);
}

int weir_parallel_write(weir_parallel *p, const char *path, const weir_writer_options *options)
{
    return run(p, path, options, run_one, true);
}

int weir_parallel_write_split(weir_parallel *p, const char *path, const weir_writer_options *options)
{
    return run(p, path, options, run_many, false);
}
