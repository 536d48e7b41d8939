/* What a checkpoint of many files says: "ranges 1 COUNT LENGTH", so many bytes of options that the files are written with, then a line for each end of
 * a range, and one for each range that is done. What is read may come from anybody: each line is looked at. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "transfer/parallel_split.h"
#include "transfer/writer.h"

#define FIRST "ranges 1 "
enum { MOST_RANGES = 1000000, LEAST_LINE = 4 };

/* ---- options -------------------------------------------------------------------------------------------------------------------------- */
static int nowhere(void *context, const char *bytes, size_t length, weir_error *error)
{
    (void)context, (void)bytes, (void)length, (void)error;
    return WEIR_OK;
}

/* A writer with the options, to ask about them. */
static weir_writer *probe(const weir_splitting *s)
{
    weir_writer_options options = s->target.options;
    options.checkpoint = NULL;
    return weir_writer_open_to(nowhere, NULL, s->target.path, &options);
}

/* ---- writing --------------------------------------------------------------------------------------------------------------------------- */
static void describe_segment(const weir_segment *segment, weir_buffer *text, weir_error *error)
{
    if (segment->partition && strchr(segment->partition, '\n'))
        weir_error_set(error, WEIR_NOT_SUPPORTED, "a partition whose name has a line end cannot be gone on with: rename it, or leave the checkpoint away");
    weir_buffer_printf(text, "part %s\n", segment->partition ? segment->partition : "");
    for (size_t i = 0; i < segment->plan.count && error->status == WEIR_OK; i++) {
        weir_buffer_text(text, "end ");
        weir_key_write(segment->plan.bounds[i], segment->plan.keys, text, error);
        weir_buffer_byte(text, '\n');
    }
}

int weir_split_describe(weir_splitting *s, weir_error *error)
{
    const weir_parallel *p = s->target.parallel;
    weir_buffer *text = &s->checkpoint->data;
    weir_writer *options = probe(s);
    int64_t rows = 0;
    weir_buffer described;
    text->length = 0;
    text->failed = false;
    weir_buffer_init(&described, text->ledger, WEIR_MEMORY_HANDLES, 1 << 20);
    weir_writer_describe(options, &described);
    weir_writer_abort(&options);
    text->failed = described.failed;
    weir_buffer_printf(text, FIRST "%" PRId64 " %zu\n", p->segments.ranges, described.length);
    weir_buffer_append(text, described.data, described.length);
    weir_buffer_free(&described);
    for (size_t i = 0; i < p->segments.count; i++)
        describe_segment(&p->segments.all[i], text, error);
    for (int64_t i = 0; i < p->segments.ranges; i++) {
        const weir_piece_facts *piece = &s->pieces[i];
        if (!piece->attempt)
            continue;
        weir_buffer_printf(text, "done %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s\n", i, piece->attempt, piece->rows, piece->bytes,
                           piece->sha256);
        rows += piece->rows;
    }
    s->checkpoint->figures.rows = rows;
    if (text->failed && error->status == WEIR_OK)
        weir_error_set(error, WEIR_NOT_SUPPORTED, "the list of ranges is too large to be kept: make larger ones (range_bytes)");
    return error->status;
}

int weir_split_save(weir_splitting *s, weir_error *error)
{
    if (weir_checkpoint_save(s->checkpoint, s->checkpoint_path) != WEIR_OK)
        return weir_error_keep(error, weir_checkpoint_error(s->checkpoint));
    s->saved = true;
    return WEIR_OK;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------------------- */
typedef struct reader {
    weir_splitting *splitting;
    const char     *at, *end;
    weir_error     *error;
} reader;

static int damaged(const reader *r, const char *what)
{
    weir_error_set(r->error, WEIR_DATA, "%s is no checkpoint of files of ranges, or it is damaged: %s", r->splitting->checkpoint_path, what);
    weir_checkpoint_advise(r->error);
    return WEIR_DATA;
}

static bool next_line(reader *r, weir_text *line)
{
    const char *stop = r->at < r->end ? memchr(r->at, '\n', (size_t)(r->end - r->at)) : NULL;
    if (!stop)
        return false;
    *line = (weir_text){ r->at, (size_t)(stop - r->at) };
    r->at = stop + 1;
    return true;
}

/* What stands behind the word, or false: it is another one. */
static bool behind(weir_text line, const char *word, weir_text *rest)
{
    size_t length = strlen(word);
    if (line.len < length || memcmp(line.ptr, word, length) != 0)
        return false;
    *rest = (weir_text){ line.ptr + length, line.len - length };
    return true;
}

static bool take_number(weir_text *from, int64_t *out)
{
    size_t n = 0;
    for (*out = 0; n < from->len && n < 18 && from->ptr[n] >= '0' && from->ptr[n] <= '9'; n++)
        *out = *out * 10 + (from->ptr[n] - '0');
    if (n == 0 || (n < from->len && from->ptr[n] != ' '))
        return false;
    n += n < from->len;
    *from = (weir_text){ from->ptr + n, from->len - n };
    return true;
}

static int read_options(reader *r, int64_t length)
{
    weir_splitting *s = r->splitting;
    weir_text was = { r->at, (size_t)length };
    if (length > r->end - r->at)
        return damaged(r, "its options do not end");
    r->at += length;
    weir_writer *options = probe(s);
    if (weir_writer_compare(options, was, s->checkpoint_path) != WEIR_OK) {
        weir_error_keep(r->error, weir_writer_error(options));
        weir_checkpoint_advise(r->error);
    }
    weir_writer_abort(&options);
    return r->error->status;
}

static int read_done(reader *r, weir_text rest)
{
    weir_splitting *s = r->splitting;
    weir_piece_facts piece = { 0 };
    if (!take_number(&rest, &piece.range) || piece.range >= s->target.parallel->segments.ranges || !take_number(&rest, &piece.attempt) ||
        piece.attempt < 1 || !take_number(&rest, &piece.rows) || !take_number(&rest, &piece.bytes) || rest.len != WEIR_SHA256_TEXT_SIZE - 1)
        return damaged(r, "a range that is done");
    memcpy(piece.sha256, rest.ptr, rest.len);
    s->pieces[piece.range] = piece;
    return WEIR_OK;
}

/* The ends of one segment's ranges, up to the line behind them. */
static int read_segment(reader *r, weir_text name, weir_text *ends, int64_t most)
{
    weir_text line, rest;
    char partition[300];
    size_t count = 0;
    const char *before = r->at;
    for (; next_line(r, &line) && behind(line, "end ", &rest); before = r->at) {
        if ((int64_t)count >= most)
            return damaged(r, "it has too many ranges");
        ends[count++] = rest;
    }
    r->at = before;
    snprintf(partition, sizeof partition, "%.*s", (int)name.len, name.ptr);
    return weir_segments_add(&r->splitting->target.parallel->segments, name.len ? partition : NULL, ends, count, r->error);
}

static int read_ranges(reader *r, int64_t count)
{
    weir_splitting *s = r->splitting;
    weir_parallel *p = s->target.parallel;
    weir_text line, rest;
    weir_text *ends = weir_alloc_zero(&p->ledger, WEIR_MEMORY_HANDLES, (size_t)count * sizeof *ends);
    s->pieces = weir_alloc_zero(&p->ledger, WEIR_MEMORY_OUTPUT, (size_t)count * sizeof *s->pieces);
    int status = ends && s->pieces ? WEIR_OK : weir_error_out_of_memory(r->error);
    weir_segments_free(&p->segments);
    while (status == WEIR_OK && next_line(r, &line)) {
        if (behind(line, "part ", &rest))
            status = read_segment(r, rest, ends, count - 1 - p->segments.ranges);
        else if (p->segments.ranges == count && behind(line, "done ", &rest))
            status = read_done(r, rest);
        else
            status = damaged(r, "a line that has no place there");
    }
    weir_free(ends);
    return status == WEIR_OK && p->segments.ranges != count ? damaged(r, "ranges are missing") : status;
}

static int read_state(weir_splitting *s, weir_error *error)
{
    weir_blob data = weir_checkpoint_data(s->checkpoint);
    reader r = { s, (const char *)data.ptr, (const char *)data.ptr + data.len, error };
    weir_text line, rest;
    int64_t count, length;
    if (!next_line(&r, &line) || !behind(line, FIRST, &rest))
        return damaged(&r, "it belongs to one file");
    /* Each range but a segment's last has a line, and each segment: so the data bounds what is allocated for them. */
    if (!take_number(&rest, &count) || count < 1 || count > MOST_RANGES || count > (r.end - r.at) / LEAST_LINE || !take_number(&rest, &length))
        return damaged(&r, "its number of ranges");
    return read_options(&r, length) == WEIR_OK ? read_ranges(&r, count) : error->status;
}

int weir_split_load(weir_splitting *s, weir_error *error)
{
    weir_parallel *p = s->target.parallel;
    const char *path = s->lock.final_path;
    size_t length = strlen(path);
    s->checkpoint_path = weir_alloc(&p->ledger, WEIR_MEMORY_OUTPUT, length + sizeof WEIR_CHECKPOINT_SUFFIX);
    if (!s->checkpoint_path)
        return weir_error_out_of_memory(error);
    memcpy(s->checkpoint_path, path, length);
    memcpy(s->checkpoint_path + length, WEIR_CHECKPOINT_SUFFIX, sizeof WEIR_CHECKPOINT_SUFFIX);
    if (weir_checkpoint_load(s->checkpoint, s->checkpoint_path) != WEIR_OK)
        return weir_error_keep(error, weir_checkpoint_error(s->checkpoint));
    if (!s->checkpoint->figures.restored)
        return WEIR_OK;
    s->saved = true;
    int status = read_state(s, error);
    p->planned = status == WEIR_OK;
    return status;
}
