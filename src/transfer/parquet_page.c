/* Parquet's pages: levels and values encoded in the way that takes the least room, compressed, with a header in front. */
#include "transfer/parquet.h"
#include "base/wait.h"

enum { LARGE = 4 * WEIR_PARQUET_PAGE };         /* what one huge value needed beyond this is given back */
enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };
enum { MOST_BYTES = INT32_MAX - (1 << 26) };    /* of a page: what does not become smaller grows a little, and there is a header */
enum { TINY_HEADER = 32 };                      /* about what a dictionary's page costs besides its values */

static void shrink(weir_buffer *buffer)
{
    if (buffer->capacity > LARGE)
        weir_buffer_free(buffer);
    buffer->length = 0;
}

/* ---- levels ----------------------------------------------------------------------------------------------------------------- */
/* Each kind of level has its length in front, which is known behind it. */
static void put_levels(weir_buffer *raw, const weir_buffer *levels, size_t count, int most)
{
    size_t start = raw->length;
    unsigned bits = weir_bits_of((uint64_t)most);
    weir_buffer_append(raw, "\0\0\0\0", 4);
    if (levels->length)
        weir_put_levels(raw, (const uint8_t *)levels->data, count, bits);
    else
        weir_put_level_run(raw, (uint8_t)most, count, bits);
    if (!raw->failed)
        weir_store_le32(raw->data + start, (uint32_t)(raw->length - start - 4));
}

/* ---- values ------------------------------------------------------------------------------------------------------------------ */
static bool is_number(const weir_parquet_column *column)
{
    return column->type.physical == WEIR_PHYSICAL_INT32 || column->type.physical == WEIR_PHYSICAL_INT64;
}

/* Without a dictionary: deltas where they take distinctly less room, which the chunk's first such page decides. */
static weir_parquet_encoding put_plain_or_deltas(weir_parquet *parquet, weir_parquet_column *column)
{
    const weir_buffer *values = &column->values;
    if (column->type.physical == WEIR_PHYSICAL_BOOLEAN) {
        weir_put_bools(&parquet->raw, (const uint8_t *)values->data, (size_t)column->count);
        return WEIR_ENCODING_PLAIN;
    }
    if (is_number(column) && (!column->decided || column->deltas)) {
        size_t start = parquet->raw.length;
        weir_put_deltas(&parquet->raw, values->data, (size_t)column->count, column->type.width);
        if (!column->decided)
            column->deltas = (parquet->raw.length - start) * 8 < values->length * 7;
        column->decided = true;
        if (column->deltas)
            return WEIR_ENCODING_DELTA;
        parquet->raw.length = start;
    }
    weir_buffer_append(&parquet->raw, values->data, values->length);
    return WEIR_ENCODING_PLAIN;
}

static void drop_dictionary(weir_parquet_column *column)
{
    if (!column->dictionary.used)
        weir_parquet_dictionary_free(&column->dictionary);
    column->dictionary.dropped = true;
}

/* By the dictionary, if it pays: a chunk's first page is compared with the other ways. */
static weir_parquet_encoding put_values(weir_parquet *parquet, weir_parquet_column *column, weir_parquet_bounds *bounds)
{
    weir_parquet_dictionary *dictionary = &column->dictionary;
    weir_buffer *raw = &parquet->raw, *trial = &parquet->trial;
    if (!parquet->dictionaries || dictionary->dropped || column->type.physical == WEIR_PHYSICAL_BOOLEAN)
        return put_plain_or_deltas(parquet, column);
    if (!weir_parquet_dictionary_take(dictionary, column, &parquet->numbers, bounds)) {
        drop_dictionary(column);
        return put_plain_or_deltas(parquet, column);
    }
    unsigned bits = weir_bits_of(dictionary->count - 1);
    bits += bits == 0;
    trial->length = 0;
    weir_buffer_byte(trial, (char)bits);
    weir_put_hybrid(trial, (const uint32_t *)(const void *)parquet->numbers.data, (size_t)column->count, bits);
    if (!dictionary->used) {
        size_t start = raw->length, others;
        weir_parquet_encoding encoding = put_plain_or_deltas(parquet, column);
        others = raw->length - start;
        if (others <= trial->length + dictionary->plain.length + TINY_HEADER) {
            drop_dictionary(column);
            return encoding;
        }
        raw->length = start;
        column->decided = column->deltas = false;       /* decided again where the dictionary ends */
    }
    dictionary->used = true;
    weir_buffer_append(raw, trial->data, trial->length);
    raw->failed |= trial->failed;
    return WEIR_ENCODING_DICTIONARY;
}

/* Of numbers all values are looked at, which is quick; of bytes the dictionary has looked at the distinct ones. */
static void find_bounds(const weir_parquet_column *column, weir_parquet_encoding encoding, weir_parquet_bounds *bounds)
{
    bool by_dictionary = encoding == WEIR_ENCODING_DICTIONARY && column->type.width == 0;
    if (!by_dictionary) {
        *bounds = (weir_parquet_bounds){ 0 };
        if (weir_parquet_has_bounds(&column->type))
            weir_parquet_bounds_of(&column->type, column->values.data, column->values.length, (size_t)column->count, bounds);
    }
    bounds->nulls = column->nulls;
}

/* ---- pages ------------------------------------------------------------------------------------------------------------------- */
static void put_header(weir_parquet *parquet, int kind, size_t uncompressed, const weir_buffer *data, int64_t count,
                       weir_parquet_encoding encoding)
{
    parquet->header.length = 0;
    weir_thrift thrift = weir_thrift_begin(&parquet->header);
    weir_thrift_i32(&thrift, 1, kind);
    weir_thrift_i32(&thrift, 2, (int32_t)uncompressed);
    weir_thrift_i32(&thrift, 3, (int32_t)data->length);
    weir_thrift_i32(&thrift, 4, (int32_t)weir_crc(&parquet->crc, data->data, data->length));
    weir_thrift_struct(&thrift, kind == PAGE_DATA ? 5 : 7);
    weir_thrift_i32(&thrift, 1, (int32_t)count);
    weir_thrift_i32(&thrift, 2, (int32_t)encoding);
    if (kind == PAGE_DATA) {
        weir_thrift_i32(&thrift, 3, WEIR_ENCODING_RLE);
        weir_thrift_i32(&thrift, 4, WEIR_ENCODING_RLE);
    }
    weir_thrift_end(&thrift);
    weir_thrift_end(&thrift);
}

/* A page from parquet->raw; NULL: the sheet's error says why. */
static weir_parquet_page *make_page(weir_parquet *parquet, const weir_parquet_column *column, int kind, int64_t count,
                                    weir_parquet_encoding encoding)
{
    weir_sheet *sheet = parquet->sheet;
    bool texts = encoding == WEIR_ENCODING_PLAIN && column->type.physical == WEIR_PHYSICAL_BYTES;
    const weir_buffer *data;
    if (parquet->raw.failed) {
        weir_error_out_of_memory(sheet->error);
        return NULL;
    }
    if (parquet->raw.length > MOST_BYTES || count > INT32_MAX) {
        weir_error_set(sheet->error, WEIR_DATA, "one row holds more than two gigabytes in one column, the most that Parquet takes");
        return NULL;
    }
    if (weir_parquet_compress(parquet, &parquet->raw, texts, &data) != WEIR_OK)
        return NULL;
    put_header(parquet, kind, parquet->raw.length, data, count, encoding);
    size_t length = parquet->header.length + data->length;
    weir_parquet_page *page = parquet->header.failed ? NULL
                            : weir_alloc(sheet->ledger, WEIR_MEMORY_OUTPUT, sizeof *page + length);
    if (!page) {
        weir_error_out_of_memory(sheet->error);
        return NULL;
    }
    *page = (weir_parquet_page){ .encoding = encoding, .entries = count, .length = length,
                                 .uncompressed = (int64_t)(parquet->header.length + parquet->raw.length) };
    memcpy(page->bytes, parquet->header.data, parquet->header.length);
    if (data->length)
        memcpy(page->bytes + parquet->header.length, data->data, data->length);
    return page;
}

/* The buffers of full pages are used again. A page that ended early did so for want of memory, or with its row group: its go, so that many
 * columns' do not lie idle beside their pages. */
static void begin_page(weir_parquet *parquet, weir_parquet_column *column)
{
    weir_buffer *buffers[] = { &column->values, &column->definitions, &column->repetitions };
    bool full = column->values.length >= WEIR_PARQUET_PAGE / 2;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        if (full)
            shrink(buffers[i]);
        else
            weir_buffer_free(buffers[i]);
    column->entries = column->nulls = column->count = 0;
    column->first_row = parquet->group_rows;
}

typedef struct ending { weir_parquet *parquet; weir_parquet_column *column; } ending;

static void end_page(void *argument)
{
    weir_parquet *parquet = ((ending *)argument)->parquet;
    weir_parquet_column *column = ((ending *)argument)->column;
    weir_parquet_bounds bounds = { 0 };
    weir_parquet_encoding encoding = WEIR_ENCODING_PLAIN;
    if (column->list && !column->depth)
        column->depth = 1;              /* only NULLs and empty lists so far: from here on it is a plain list */
    parquet->raw.length = 0;
    if (column->list)
        put_levels(&parquet->raw, &column->repetitions, (size_t)column->entries, column->depth);
    put_levels(&parquet->raw, &column->definitions, (size_t)column->entries, weir_parquet_most_definition(column));
    if (column->count > 0)
        encoding = put_values(parquet, column, &bounds);
    find_bounds(column, encoding, &bounds);
    weir_parquet_page *page = make_page(parquet, column, PAGE_DATA, column->entries, encoding);
    shrink(&parquet->raw);
    shrink(&parquet->packed);
    if (!page)
        return;
    page->bounds = bounds;
    page->first_row = column->first_row;
    *column->last_page = page;
    column->last_page = &page->next;
    column->page_count++;
    column->page_bytes += sizeof *page + page->length;
    begin_page(parquet, column);
}

int weir_parquet_end_page(weir_parquet *parquet, weir_parquet_column *column)
{
    weir_error error;
    if (column->entries == 0)
        return WEIR_OK;
    if (weir_run_on_disk(end_page, &(ending){ parquet, column }, &error) != WEIR_OK)
        weir_error_keep(parquet->sheet->error, &error);
    return parquet->sheet->error->status;
}

weir_parquet_page *weir_parquet_dictionary_page(weir_parquet *parquet, weir_parquet_column *column)
{
    if (!column->dictionary.used)
        return NULL;
    parquet->raw.length = 0;
    weir_buffer_append(&parquet->raw, column->dictionary.plain.data, column->dictionary.plain.length);
    return make_page(parquet, column, PAGE_DICTIONARY, column->dictionary.count, WEIR_ENCODING_PLAIN);
}
