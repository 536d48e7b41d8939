/* The Parquet format: options, rows in blocks, row groups bounded in memory, files. */
#include "transfer/parquet.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/checksum.h"

enum { BLOCK_ROWS = 256, BLOCK_BYTES = 256 * 1024 };        /* rows, and about so many bytes, taken between two looks at memory */
enum { PAGE_FULL = WEIR_PARQUET_PAGE - 16 * 1024 };         /* so that a page's buffer seldom grows over a megabyte */
enum { SMALL_PAGE = 64 * 1024 };                            /* pages that are smaller are not ended only for want of memory */

/* ---- options ------------------------------------------------------------------------------------------------------------- */
static const struct { const char *name; weir_parquet_codec codec; } codecs[] = {
    { "zstd", WEIR_CODEC_ZSTD }, { "snappy", WEIR_CODEC_SNAPPY }, { "none", WEIR_CODEC_NONE },
};

static int take_codec(weir_parquet *parquet, const char *name)
{
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (!name || !strcmp(codecs[i].name, name)) {
            parquet->codec = codecs[i].codec;       /* the first is the default */
            return WEIR_OK;
        }
    return weir_error_set(parquet->sheet->error, WEIR_ARGUMENT, "unknown compression '%s'; there are zstd, snappy, none", name);
}

/* "18,4" or "18": for numerics whose precision is not known. */
static int take_decimal(weir_parquet *parquet, const char *text)
{
    int precision = 0, scale = 0, end = 0;
    if (!text)
        return WEIR_OK;
    if (sscanf(text, "%4d,%4d%n", &precision, &scale, &end) != 2 || text[end]) {
        scale = end = 0;
        if (sscanf(text, "%4d%n", &precision, &end) != 1 || text[end])
            precision = 0;
    }
    if (precision < 1 || precision > WEIR_PARQUET_PRECISION || scale < 0 || scale > precision)
        return weir_error_set(parquet->sheet->error, WEIR_ARGUMENT,
                              "'%s' is no precision and scale for decimals; give 1 to %d digits and how many of them stand behind "
                              "the point, as in 18,4", text, WEIR_PARQUET_PRECISION);
    parquet->precision = precision;
    parquet->scale = scale;
    return WEIR_OK;
}

/* Encoded at once, since the texts are the caller's. */
static int take_pairs(weir_parquet *parquet, const char *const *pairs)
{
    for (; pairs && pairs[0]; pairs += 2) {
        weir_text key = { pairs[0], strlen(pairs[0]) }, value = { pairs[1], pairs[1] ? strlen(pairs[1]) : 0 };
        if (!value.ptr)
            return weir_error_set(parquet->sheet->error, WEIR_ARGUMENT, "the metadata's last key, '%s', has no value", key.ptr);
        if (weir_utf8_valid_length(key) != key.len || weir_utf8_valid_length(value) != value.len)
            return weir_error_set(parquet->sheet->error, WEIR_ARGUMENT, "the metadata's texts must be UTF-8");
        weir_thrift thrift = weir_thrift_begin(&parquet->pairs);
        weir_thrift_binary(&thrift, 1, key.ptr, key.len);
        weir_thrift_binary(&thrift, 2, value.ptr, value.len);
        weir_thrift_end(&thrift);
        parquet->pair_count++;
    }
    return parquet->pairs.failed ? weir_error_out_of_memory(parquet->sheet->error) : WEIR_OK;
}

static int parquet_check(weir_sheet *sheet)
{
    const weir_writer_options *options = sheet->options;
    weir_parquet *parquet = weir_alloc_zero(sheet->ledger, WEIR_MEMORY_OUTPUT, sizeof *parquet);
    if (!parquet)
        return weir_error_out_of_memory(sheet->error);
    sheet->state = parquet;
    parquet->sheet = sheet;
    weir_buffer *buffers[] = { &parquet->pairs, &parquet->raw, &parquet->trial, &parquet->packed, &parquet->numbers, &parquet->header };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        weir_buffer_init(buffers[i], sheet->ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    weir_kept *kepts[] = { &parquet->metadata, &parquet->indexes, &parquet->locations };
    for (size_t i = 0; i < sizeof kepts / sizeof *kepts; i++)
        weir_kept_init(kepts[i], sheet->ledger, NULL, WEIR_PARQUET_KEPT / 3);
    parquet->dictionaries = options->dictionary != WEIR_OFF;
    parquet->group_bytes = options->row_group_bytes ? options->row_group_bytes : WEIR_PARQUET_GROUP_BYTES;
    weir_crc_make(&parquet->crc);
    if (take_codec(parquet, options->compression) != WEIR_OK || take_decimal(parquet, options->decimal) != WEIR_OK ||
        take_pairs(parquet, options->metadata) != WEIR_OK)
        return sheet->error->status;
    return weir_parquet_codec_open(parquet);
}

/* ---- row groups -------------------------------------------------------------------------------------------------------------- */
static void free_pages(weir_parquet_column *column)
{
    while (column->pages) {
        weir_parquet_page *page = column->pages;
        column->pages = page->next;
        weir_free(page);
    }
    column->last_page = &column->pages;
    column->page_count = 0;
    column->page_bytes = 0;
}

static int write_chunk(weir_parquet *parquet, weir_parquet_column *column)
{
    int64_t offset = parquet->offset;
    weir_parquet_page *dictionary = weir_parquet_dictionary_page(parquet, column);
    int status = parquet->sheet->error->status;
    if (status == WEIR_OK && dictionary)
        weir_parquet_write(parquet, dictionary->bytes, dictionary->length);
    for (const weir_parquet_page *page = column->pages; status == WEIR_OK && page; page = page->next)
        weir_parquet_write(parquet, page->bytes, page->length);
    if (status == WEIR_OK)
        status = weir_parquet_keep_chunk(parquet, column, offset, dictionary);
    weir_free(dictionary);
    free_pages(column);
    weir_parquet_dictionary_free(&column->dictionary);
    column->decided = column->deltas = false;
    column->first_row = 0;
    return status;
}

static int end_group(weir_parquet *parquet)
{
    int64_t offset = parquet->offset;
    if (parquet->group_rows == 0)
        return WEIR_OK;
    for (size_t i = 0; i < parquet->column_count; i++)
        if (weir_parquet_end_page(parquet, &parquet->columns[i]) != WEIR_OK || write_chunk(parquet, &parquet->columns[i]) != WEIR_OK)
            return parquet->sheet->error->status;
    parquet->file_rows += parquet->group_rows;
    int status = weir_parquet_keep_group(parquet, offset);
    parquet->group_rows = 0;
    return status;
}

/* ---- memory -------------------------------------------------------------------------------------------------------------------- */
/* Not by the buffers' capacity, which depends on how rows come, but with what that is more in the mean. */
static size_t plain_bytes(const weir_parquet_column *column)
{
    size_t bytes = column->values.length + column->definitions.length + column->repetitions.length;
    return bytes + bytes / 8;
}

/* What the row group under way holds: values that wait for their page, and pages. */
static size_t held_bytes(const weir_parquet *parquet, size_t *plain)
{
    size_t pages = 0;
    *plain = 0;
    for (size_t i = 0; i < parquet->column_count; i++) {
        const weir_parquet_column *column = &parquet->columns[i];
        *plain += plain_bytes(column);
        pages += column->page_bytes + weir_parquet_dictionary_bytes(&column->dictionary);
    }
    return *plain + pages;
}

static size_t column_bytes(const weir_parquet_column *column)
{
    return plain_bytes(column) + column->page_bytes + weir_parquet_dictionary_bytes(&column->dictionary);
}

/* Ends pages of so many bytes, as long as a row group with so many bytes may stay in memory: a column's dictionary may need more than its
 * values did. *held is kept up. */
static int end_pages_from(weir_parquet *parquet, size_t bytes, size_t *held)
{
    for (size_t i = 0; i < parquet->column_count; i++) {
        weir_parquet_column *column = &parquet->columns[i];
        if (column->values.length < bytes || *held > parquet->group_bytes + parquet->group_bytes / 16)
            continue;
        *held -= column_bytes(column);
        if (weir_parquet_end_page(parquet, column) != WEIR_OK)
            return parquet->sheet->error->status;
        *held += column_bytes(column);
    }
    return WEIR_OK;
}

/* Full pages are ended. When the bound of memory is reached, values become pages, which are much smaller; when those are half of it, the row
 * group is written, column by column, which takes no more memory. */
static int keep_bounds(weir_parquet *parquet)
{
    size_t plain, held = held_bytes(parquet, &plain);
    if (end_pages_from(parquet, PAGE_FULL, &held) != WEIR_OK)
        return parquet->sheet->error->status;
    held = held_bytes(parquet, &plain);
    if (held >= parquet->group_bytes && held - plain < parquet->group_bytes / 2 && end_pages_from(parquet, SMALL_PAGE, &held) != WEIR_OK)
        return parquet->sheet->error->status;
    return held >= parquet->group_bytes || parquet->group_rows >= WEIR_PARQUET_GROUP_ROWS ? end_group(parquet) : WEIR_OK;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------ */
/* Memory is looked at behind the same rows of a file however they come, one by one or in batches: the file is the same then. */
static int look(weir_parquet *parquet)
{
    size_t plain;
    held_bytes(parquet, &plain);
    size_t wide = (plain - parquet->plain_before) / parquet->taken + 1;
    size_t most = parquet->group_bytes / 16 < BLOCK_BYTES ? parquet->group_bytes / 16 : BLOCK_BYTES;
    parquet->block_rows = wide >= most ? 1 : most / wide < BLOCK_ROWS ? most / wide : BLOCK_ROWS;
    parquet->taken = parquet->wide_bytes = 0;
    int status = keep_bounds(parquet);
    held_bytes(parquet, &parquet->plain_before);
    return status;
}

static int put_block(weir_parquet *parquet, const weir_value *const *values, size_t rows)
{
    size_t columns = parquet->column_count;
    for (size_t i = 0; i < columns; i++)
        if (weir_parquet_put(parquet, i, values + i, columns, rows) != WEIR_OK)
            return parquet->sheet->error->status;
    parquet->group_rows += (int64_t)rows;
    parquet->sheet->rows += (int64_t)rows;
    parquet->taken += rows;
    return parquet->taken < parquet->block_rows && parquet->group_rows < WEIR_PARQUET_GROUP_ROWS ? WEIR_OK : look(parquet);
}

static size_t bytes_of(const weir_value *value)
{
    if (value->type == WEIR_T_ARRAY)
        return value->as.array->count * sizeof(weir_value);
    return weir_type_is_text(value->type) ? value->as.text.len : value->type == WEIR_T_BLOB ? value->as.blob.len : 0;
}

/* How many of the rows may be taken before memory is looked at: fewer than was thought where wide values come behind narrow ones. */
static size_t rows_until_wide(weir_parquet *parquet, const weir_value *const *values, size_t rows)
{
    for (size_t row = 0; row < rows; row++, values += parquet->column_count) {
        for (size_t i = 0; i < parquet->wide_count; i++)
            parquet->wide_bytes += bytes_of(values[parquet->wide[i]]);
        if (parquet->wide_bytes > WEIR_PARQUET_PAGE) {
            parquet->block_rows = parquet->taken + row + 1;
            return row + 1;
        }
    }
    return rows;
}

static int parquet_rows(weir_sheet *sheet, const weir_value *const *values, size_t rows)
{
    weir_parquet *parquet = sheet->state;
    for (size_t n; rows > 0; rows -= n) {
        size_t block = parquet->block_rows - parquet->taken;
        size_t left = (size_t)(WEIR_PARQUET_GROUP_ROWS - parquet->group_rows);     /* a full row group was written */
        n = rows < block ? rows : block;
        n = n < left ? n : left;
        n = parquet->wide_count ? rows_until_wide(parquet, values, n) : n;
        if (put_block(parquet, values, n) != WEIR_OK)
            return sheet->error->status;
        if (weir_parquet_footer_full(parquet))
            break;
        values += n * parquet->column_count;
    }
    return WEIR_OK;
}

/* ---- files ------------------------------------------------------------------------------------------------------------------------- */
/* Where temporary files may be made: beside the file, which has room for more than that, or where the system has them. */
static int find_directory(weir_parquet *parquet)
{
    const char *file = parquet->sheet->output->final_path, *slash = file ? strrchr(file, '/') : NULL;
    const char *temporary = getenv("TMPDIR");       /* NOLINT(concurrency-mt-unsafe): as in spill.c */
    const char *path = !file ? temporary && *temporary ? temporary : "/var/tmp" : slash ? file : ".";
    size_t length = !slash ? strlen(path) : slash == file ? 1 : (size_t)(slash - file);
    weir_free(parquet->directory);
    parquet->directory = weir_copy_text(parquet->sheet->ledger, WEIR_MEMORY_OUTPUT, path, length);
    if (!parquet->directory)
        return weir_error_out_of_memory(parquet->sheet->error);
    parquet->metadata.directory = parquet->indexes.directory = parquet->locations.directory = parquet->directory;
    return WEIR_OK;
}

static int parquet_begin(weir_sheet *sheet)
{
    weir_parquet *parquet = sheet->state;
    if (find_directory(parquet) != WEIR_OK || (!parquet->columns && weir_parquet_make_columns(parquet) != WEIR_OK))
        return sheet->error->status;
    parquet->offset = 0;
    parquet->block_rows = 1;
    parquet->taken = parquet->wide_bytes = parquet->plain_before = 0;
    weir_parquet_codec_begin(parquet);
    weir_parquet_write(parquet, "PAR1", 4);
    return WEIR_OK;
}

static int parquet_finish(weir_sheet *sheet)
{
    weir_parquet *parquet = sheet->state;
    if (!parquet->columns)
        return weir_error_set(sheet->error, WEIR_INVALID_REQUEST,
                              "a Parquet file needs its columns: write rows, or a result, or call weir_writer_columns");
    if (end_group(parquet) != WEIR_OK)
        return sheet->error->status;
    weir_parquet_settle(parquet);
    int status = weir_parquet_put_footer(parquet);
    weir_parquet_footer_reset(parquet);
    return status;
}

static bool parquet_full(const weir_sheet *sheet) { return weir_parquet_footer_full(sheet->state); }

/* The pairs of the metadata are told by their checksum: they may be long. */
static void parquet_describe(const weir_sheet *sheet, weir_buffer *text)
{
    const weir_parquet *parquet = sheet->state;
    weir_checksum pairs;
    weir_checksum_init(&pairs);
    if (parquet->pairs.length)
        weir_checksum_add(&pairs, parquet->pairs.data, parquet->pairs.length);
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (codecs[i].codec == parquet->codec)
            weir_buffer_printf(text, "compression %s\n", codecs[i].name);
    weir_buffer_printf(text, "row groups of %zu bytes\ndictionaries %d\ndecimal %d,%d\nmetadata %016" PRIx64 "\n", parquet->group_bytes,
                       parquet->dictionaries, (int)parquet->precision, (int)parquet->scale, weir_checksum_value(&pairs));
}

static void parquet_remember(const weir_sheet *sheet, weir_buffer *text) { weir_parquet_remember(sheet->state, text); }
static bool parquet_recall(weir_sheet *sheet, const char *text) { return weir_parquet_recall(sheet->state, text); }

static void parquet_drop(weir_sheet *sheet)
{
    weir_parquet *parquet = sheet->state;
    if (!parquet)
        return;
    for (size_t i = 0; i < parquet->column_count; i++) {
        weir_parquet_column *column = &parquet->columns[i];
        free_pages(column);
        weir_parquet_dictionary_free(&column->dictionary);
        weir_buffer_free(&column->values);
        weir_buffer_free(&column->definitions);
        weir_buffer_free(&column->repetitions);
        weir_free((void *)(uintptr_t)column->name.ptr);
    }
    weir_parquet_footer_reset(parquet);
    weir_buffer *buffers[] = { &parquet->pairs, &parquet->raw, &parquet->trial, &parquet->packed, &parquet->numbers, &parquet->header };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        weir_buffer_free(buffers[i]);
    weir_free(parquet->columns);
    weir_free(parquet->wide);
    weir_parquet_codec_close(parquet);
    weir_free(parquet->directory);
    weir_free(parquet);
    sheet->state = NULL;
}

const weir_format weir_format_parquet = {
    .name = "parquet", .suffixes = { ".parquet" }, .check = parquet_check, .begin = parquet_begin, .rows = parquet_rows,
    .finish = parquet_finish, .full = parquet_full, .drop = parquet_drop, .describe = parquet_describe, .remember = parquet_remember,
    .recall = parquet_recall,
};
