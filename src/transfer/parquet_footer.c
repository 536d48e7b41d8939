/* What stands behind a Parquet file's row groups: where its chunks and pages are, and what is in them. It is kept encoded until the file
 * ends, since readers want it in one place (RULES N9). Kept of each chunk: three lengths and its metadata; in files of their own its
 * column index and its offset index, whose places are known at the end only. */
#include "transfer/parquet.h"

enum { LENGTHS = 12, GROUP_FIGURES = 32 };
enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };
enum { UNORDERED = 0, ASCENDING = 1, DESCENDING = 2 };
enum { TYPE_BYTE = 1 };                         /* in a chunk's metadata: the physical type, its first field */

void weir_parquet_write(weir_parquet *parquet, const void *bytes, size_t length)
{
    weir_output_bytes(parquet->sheet->output, bytes, length);
    parquet->offset += (int64_t)length;
}

/* ---- of one chunk ---------------------------------------------------------------------------------------------------------- */
typedef struct chunk_figures { weir_parquet_bounds bounds; int64_t entries, uncompressed, compressed; int32_t pages[9]; } chunk_figures;

static void sum_up(const weir_parquet_column *column, const weir_parquet_page *dictionary, chunk_figures *out)
{
    *out = (chunk_figures){ 0 };
    if (dictionary) {
        out->uncompressed = dictionary->uncompressed;
        out->compressed = (int64_t)dictionary->length;
    }
    for (const weir_parquet_page *page = column->pages; page; page = page->next) {
        weir_parquet_bounds_join(&column->type, &out->bounds, &page->bounds);
        out->entries += page->entries;
        out->uncompressed += page->uncompressed;
        out->compressed += (int64_t)page->length;
        out->pages[page->encoding]++;
    }
}

static void put_encodings(weir_thrift *thrift, const chunk_figures *figures, bool dictionary)
{
    bool used[9] = { [WEIR_ENCODING_RLE] = true, [WEIR_ENCODING_PLAIN] = dictionary };
    size_t count = 0;
    for (int e = 0; e < 9; e++)
        count += used[e] |= figures->pages[e] > 0;
    weir_thrift_list(thrift, 2, WEIR_THRIFT_I32, count);
    for (int e = 0; e < 9; e++)
        if (used[e])
            weir_thrift_list_int(thrift, e);
}

static void put_page_counts(weir_thrift *thrift, const chunk_figures *figures, bool dictionary)
{
    size_t count = dictionary;
    for (int e = 0; e < 9; e++)
        count += figures->pages[e] > 0;
    weir_thrift_list(thrift, 13, WEIR_THRIFT_STRUCT, count);
    for (int e = -1; e < 9; e++) {
        if (e < 0 ? !dictionary : figures->pages[e] == 0)
            continue;
        weir_thrift_item(thrift);
        weir_thrift_i32(thrift, 1, e < 0 ? PAGE_DICTIONARY : PAGE_DATA);
        weir_thrift_i32(thrift, 2, e < 0 ? WEIR_ENCODING_PLAIN : e);
        weir_thrift_i32(thrift, 3, e < 0 ? 1 : figures->pages[e]);
        weir_thrift_end(thrift);
    }
}

static void put_metadata(const weir_parquet *parquet, const weir_parquet_column *column, int64_t offset,
                         const weir_parquet_page *dictionary, const chunk_figures *figures, weir_buffer *out)
{
    weir_thrift thrift = weir_thrift_begin(out);
    bool all_by_dictionary = dictionary && figures->pages[WEIR_ENCODING_DICTIONARY] == (int32_t)column->page_count;
    weir_thrift_i32(&thrift, 1, (int32_t)column->type.physical);
    put_encodings(&thrift, figures, dictionary != NULL);
    weir_parquet_put_path(column, &thrift, 3);
    weir_thrift_i32(&thrift, 4, (int32_t)parquet->codec);
    weir_thrift_i64(&thrift, 5, figures->entries);
    weir_thrift_i64(&thrift, 6, figures->uncompressed);
    weir_thrift_i64(&thrift, 7, figures->compressed);
    weir_thrift_i64(&thrift, 9, offset + (dictionary ? (int64_t)dictionary->length : 0));
    if (dictionary)
        weir_thrift_i64(&thrift, 11, offset);
    weir_parquet_put_statistics(&thrift, 12, &column->type, &figures->bounds,
                                all_by_dictionary ? (int64_t)column->dictionary.count : -1);
    put_page_counts(&thrift, figures, dictionary != NULL);
    weir_thrift_end(&thrift);
}

/* ---- of its pages ------------------------------------------------------------------------------------------------------------- */
static bool all_null(const weir_parquet_page *page) { return page->bounds.nulls == page->entries; }

/* A page with values whose bounds cannot be told leaves the chunk without an index. */
static bool has_index(const weir_parquet_column *column)
{
    for (const weir_parquet_page *page = column->pages; page; page = page->next)
        if (!all_null(page) && (!page->bounds.valid || page->bounds.beyond))
            return false;
    return weir_parquet_has_bounds(&column->type);
}

static int order_of(const weir_parquet_column *column)
{
    const weir_parquet_page *before = NULL;
    bool up = true, down = true;
    for (const weir_parquet_page *page = column->pages; page; page = page->next) {
        if (all_null(page))
            continue;
        if (before) {
            int least = weir_parquet_bound_compare(&column->type, &before->bounds.least, &page->bounds.least);
            int greatest = weir_parquet_bound_compare(&column->type, &before->bounds.greatest, &page->bounds.greatest);
            up = up && least <= 0 && greatest <= 0;
            down = down && least >= 0 && greatest >= 0;
        }
        before = page;
    }
    return up ? ASCENDING : down ? DESCENDING : UNORDERED;
}

static void put_bounds(weir_thrift *thrift, int id, const weir_parquet_column *column, bool greatest)
{
    weir_thrift_list(thrift, id, WEIR_THRIFT_BINARY, column->page_count);
    for (const weir_parquet_page *page = column->pages; page; page = page->next) {
        const weir_parquet_bound *bound = greatest ? &page->bounds.greatest : &page->bounds.least;
        weir_thrift_list_binary(thrift, bound->bytes, all_null(page) ? 0 : bound->length);
    }
}

static void put_index(const weir_parquet_column *column, weir_buffer *out)
{
    weir_thrift thrift = weir_thrift_begin(out);
    weir_thrift_list(&thrift, 1, WEIR_THRIFT_TRUE, column->page_count);
    for (const weir_parquet_page *page = column->pages; page; page = page->next)
        weir_thrift_list_bool(&thrift, all_null(page));
    put_bounds(&thrift, 2, column, false);
    put_bounds(&thrift, 3, column, true);
    weir_thrift_i32(&thrift, 4, order_of(column));
    weir_thrift_list(&thrift, 5, WEIR_THRIFT_I64, column->page_count);
    for (const weir_parquet_page *page = column->pages; page; page = page->next)
        weir_thrift_list_int(&thrift, page->bounds.nulls);
    if (column->type.physical == WEIR_PHYSICAL_FLOAT || column->type.physical == WEIR_PHYSICAL_DOUBLE) {
        weir_thrift_list(&thrift, 8, WEIR_THRIFT_I64, column->page_count);
        for (const weir_parquet_page *page = column->pages; page; page = page->next)
            weir_thrift_list_int(&thrift, page->bounds.not_numbers);
    }
    weir_thrift_end(&thrift);
}

static void put_locations(const weir_parquet_column *column, int64_t offset, weir_buffer *out)
{
    weir_thrift thrift = weir_thrift_begin(out);
    weir_thrift_list(&thrift, 1, WEIR_THRIFT_STRUCT, column->page_count);
    for (const weir_parquet_page *page = column->pages; page; page = page->next) {
        weir_thrift_item(&thrift);
        weir_thrift_i64(&thrift, 1, offset);
        weir_thrift_i32(&thrift, 2, (int32_t)page->length);
        weir_thrift_i64(&thrift, 3, page->first_row);
        weir_thrift_end(&thrift);
        offset += (int64_t)page->length;
    }
    weir_thrift_end(&thrift);
}

/* Appends what is in parquet->header and tells its length. */
static int keep(weir_parquet *parquet, weir_kept *kept, size_t *length)
{
    weir_buffer *made = &parquet->header;
    *length = made->length;
    if (made->failed)
        return weir_error_out_of_memory(parquet->sheet->error);
    return weir_kept_append(kept, made->data, made->length, parquet->sheet->error);
}

int weir_parquet_keep_chunk(weir_parquet *parquet, const weir_parquet_column *column, int64_t offset,
                            const weir_parquet_page *dictionary)
{
    chunk_figures figures;
    uint8_t lengths[LENGTHS];
    size_t index = 0, locations = 0, metadata = 0;
    int status = WEIR_OK;
    sum_up(column, dictionary, &figures);
    parquet->total_uncompressed += figures.uncompressed;
    parquet->header.length = 0;
    if (has_index(column)) {
        put_index(column, &parquet->header);
        status = keep(parquet, &parquet->indexes, &index);
    }
    parquet->header.length = 0;
    put_locations(column, offset + (dictionary ? (int64_t)dictionary->length : 0), &parquet->header);
    if (status == WEIR_OK)
        status = keep(parquet, &parquet->locations, &locations);
    parquet->header.length = 0;
    put_metadata(parquet, column, offset, dictionary, &figures, &parquet->header);
    weir_store_le32(lengths, (uint32_t)parquet->header.length);
    weir_store_le32(lengths + 4, (uint32_t)index);
    weir_store_le32(lengths + 8, (uint32_t)locations);
    if (status == WEIR_OK)
        status = weir_kept_append(&parquet->metadata, lengths, sizeof lengths, parquet->sheet->error);
    return status == WEIR_OK ? keep(parquet, &parquet->metadata, &metadata) : status;
}

int weir_parquet_keep_group(weir_parquet *parquet, int64_t offset)
{
    uint8_t figures[GROUP_FIGURES];
    weir_store_le64(figures, (uint64_t)parquet->total_uncompressed);
    weir_store_le64(figures + 8, (uint64_t)parquet->group_rows);
    weir_store_le64(figures + 16, (uint64_t)offset);
    weir_store_le64(figures + 24, (uint64_t)(parquet->offset - offset));
    parquet->total_uncompressed = 0;
    parquet->groups++;
    return weir_kept_append(&parquet->metadata, figures, sizeof figures, parquet->sheet->error);
}

bool weir_parquet_footer_full(const weir_parquet *parquet)
{
    return weir_kept_length(&parquet->metadata) >= WEIR_PARQUET_FOOTER || parquet->groups > WEIR_PARQUET_GROUPS - WEIR_SHEET_BLOCK;
}

void weir_parquet_footer_reset(weir_parquet *parquet)
{
    weir_kept_free(&parquet->metadata);
    weir_kept_free(&parquet->indexes);
    weir_kept_free(&parquet->locations);
    parquet->groups = 0;
    parquet->file_rows = 0;
}

/* ---- the end of the file ----------------------------------------------------------------------------------------------------------- */
static int write_kept(weir_parquet *parquet, weir_kept *kept)
{
    int64_t left = weir_kept_length(kept);
    weir_buffer *piece = &parquet->raw;
    piece->length = 0;
    if (!weir_buffer_reserve(piece, WEIR_OUTPUT_SIZE))
        return weir_error_out_of_memory(parquet->sheet->error);
    weir_kept_rewind(kept);
    while (left > 0) {
        size_t n = left < WEIR_OUTPUT_SIZE ? (size_t)left : WEIR_OUTPUT_SIZE;
        if (weir_kept_read(kept, piece->data, n, parquet->sheet->error) != WEIR_OK)
            return parquet->sheet->error->status;
        weir_parquet_write(parquet, piece->data, n);
        left -= (int64_t)n;
    }
    return WEIR_OK;
}

/* What is encoded so far goes out when it is much. */
static int drain(weir_parquet *parquet, bool all)
{
    weir_buffer *made = &parquet->header;
    if (made->failed)
        return weir_error_out_of_memory(parquet->sheet->error);
    if (all || made->length >= WEIR_OUTPUT_SIZE / 2) {
        weir_parquet_write(parquet, made->data, made->length);
        made->length = 0;
    }
    return WEIR_OK;
}

/* Where the next index and the next locations lie. */
typedef struct places { int64_t index, locations; } places;

/* One ColumnChunk from what was kept. */
static int put_chunk(weir_parquet *parquet, const weir_parquet_column *column, weir_thrift *thrift, places *at)
{
    weir_error *error = parquet->sheet->error;
    uint8_t lengths[LENGTHS];
    if (weir_kept_read(&parquet->metadata, lengths, sizeof lengths, error) != WEIR_OK)
        return error->status;
    uint32_t metadata = weir_load_le32(lengths), index = weir_load_le32(lengths + 4), locations = weir_load_le32(lengths + 8);
    parquet->raw.length = 0;
    if (!weir_buffer_reserve(&parquet->raw, metadata))
        return weir_error_out_of_memory(error);
    if (weir_kept_read(&parquet->metadata, parquet->raw.data, metadata, error) != WEIR_OK)
        return error->status;
    /* A column of which only NULLs were known when the chunk was written may have got its type later. */
    parquet->raw.data[TYPE_BYTE] = (char)weir_zigzag((int)column->type.physical);
    weir_thrift_item(thrift);
    weir_thrift_i64(thrift, 2, 0);
    weir_thrift_encoded(thrift, 3, parquet->raw.data, metadata);
    weir_thrift_i64(thrift, 4, at->locations);
    weir_thrift_i32(thrift, 5, (int32_t)locations);
    if (index) {
        weir_thrift_i64(thrift, 6, at->index);
        weir_thrift_i32(thrift, 7, (int32_t)index);
    }
    weir_thrift_end(thrift);
    at->index += index;
    at->locations += locations;
    return drain(parquet, false);
}

static int put_group(weir_parquet *parquet, weir_thrift *thrift, places *at)
{
    uint8_t figures[GROUP_FIGURES];
    weir_thrift_item(thrift);
    weir_thrift_list(thrift, 1, WEIR_THRIFT_STRUCT, parquet->column_count);
    for (size_t i = 0; i < parquet->column_count; i++)
        if (put_chunk(parquet, &parquet->columns[i], thrift, at) != WEIR_OK)
            return parquet->sheet->error->status;
    if (weir_kept_read(&parquet->metadata, figures, sizeof figures, parquet->sheet->error) != WEIR_OK)
        return parquet->sheet->error->status;
    weir_thrift_i64(thrift, 2, (int64_t)weir_load_le64(figures));
    weir_thrift_i64(thrift, 3, (int64_t)weir_load_le64(figures + 8));
    weir_thrift_i64(thrift, 5, (int64_t)weir_load_le64(figures + 16));
    weir_thrift_i64(thrift, 6, (int64_t)weir_load_le64(figures + 24));
    weir_thrift_end(thrift);
    return WEIR_OK;
}

static int put_file_metadata(weir_parquet *parquet, places at)
{
    parquet->header.length = 0;
    weir_thrift thrift = weir_thrift_begin(&parquet->header);
    weir_thrift_i32(&thrift, 1, 1);
    weir_parquet_put_schema(parquet, &thrift);
    weir_thrift_i64(&thrift, 3, parquet->file_rows);
    weir_thrift_list(&thrift, 4, WEIR_THRIFT_STRUCT, (size_t)parquet->groups);
    weir_kept_rewind(&parquet->metadata);
    for (int32_t g = 0; g < parquet->groups; g++)
        if (put_group(parquet, &thrift, &at) != WEIR_OK)
            return parquet->sheet->error->status;
    if (parquet->pair_count) {
        weir_thrift_list(&thrift, 5, WEIR_THRIFT_STRUCT, parquet->pair_count);
        weir_buffer_append(&parquet->header, parquet->pairs.data, parquet->pairs.length);
    }
    weir_thrift_binary(&thrift, 6, "weir version " WEIR_VERSION_TEXT, sizeof "weir version " WEIR_VERSION_TEXT - 1);
    weir_thrift_list(&thrift, 7, WEIR_THRIFT_STRUCT, parquet->column_count);
    for (size_t i = 0; i < parquet->column_count; i++) {
        weir_thrift_item(&thrift);
        weir_thrift_empty(&thrift, 1);
        weir_thrift_end(&thrift);
    }
    weir_thrift_end(&thrift);
    return drain(parquet, true);
}

int weir_parquet_put_footer(weir_parquet *parquet)
{
    places at = { .index = parquet->offset, .locations = parquet->offset + weir_kept_length(&parquet->indexes) };
    if (write_kept(parquet, &parquet->indexes) != WEIR_OK || write_kept(parquet, &parquet->locations) != WEIR_OK)
        return parquet->sheet->error->status;
    int64_t start = parquet->offset;
    char end[8] = { 0, 0, 0, 0, 'P', 'A', 'R', '1' };
    if (put_file_metadata(parquet, at) != WEIR_OK)
        return parquet->sheet->error->status;
    if (parquet->offset - start > INT32_MAX)
        return weir_error_set(parquet->sheet->error, WEIR_NOT_SUPPORTED,
                              "the file has too many row groups for one Parquet file: write several, or larger row groups");
    weir_store_le32(end, (uint32_t)(parquet->offset - start));
    weir_parquet_write(parquet, end, sizeof end);
    return WEIR_OK;
}
