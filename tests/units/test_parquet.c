/* Inside the Parquet writer: encodings by the specification's examples, checksums, data that is kept, memory that fails. What the files say
 * is tested with other programs' readers (tests/readers). */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "engine/rows.h"
#include "transfer/parquet.h"

static char directory[] = "/tmp/weir-parquet-XXXXXX";
static int64_t allocations_left = INT64_MAX;        /* until one fails */

static void *failing_allocate(size_t size, void *context) { (void)context; return allocations_left-- == 0 ? NULL : malloc(size); }
static void *failing_resize(void *block, size_t size, void *context) { (void)context; return allocations_left-- == 0 ? NULL : realloc(block, size); }
static void plain_release(void *block, void *context) { (void)context; free(block); }

static const char *in_directory(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static weir_buffer new_buffer(void)
{
    weir_buffer buffer;
    weir_buffer_init(&buffer, weir_ledger_root(), WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    return buffer;
}

static void assert_bytes(weir_buffer *buffer, const void *expected, size_t length)
{
    assert_false(buffer->failed);
    assert_int_equal(buffer->length, length);
    assert_memory_equal(buffer->data, expected, length);
    weir_buffer_free(buffer);
}

/* ---- encodings ------------------------------------------------------------------------------------------------------------ */
static void test_bits_are_packed_as_the_specification_shows(void **state)
{
    (void)state;
    const uint32_t values[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    weir_buffer out = new_buffer();
    weir_put_hybrid(&out, values, 8, 3);
    assert_bytes(&out, "\x03\x88\xC6\xFA", 4);      /* one group of eight */
    const uint32_t five[] = { 1, 0, 1, 1, 1 };
    out = new_buffer();
    weir_put_hybrid(&out, five, 5, 1);
    assert_bytes(&out, "\x03\x1D", 2);              /* filled up with zeros */
}

static void test_runs_are_counted(void **state)
{
    (void)state;
    uint32_t values[300];
    for (int i = 0; i < 300; i++)
        values[i] = i < 3 ? (uint32_t)i + 1 : i < 253 ? 9 : (uint32_t)i - 252;
    weir_buffer out = new_buffer();
    weir_put_hybrid(&out, values, 300, 8);
    uint8_t expected[64] = { 0x03, 1, 2, 3, 9, 9, 9, 9, 9,          /* a group, filled up from the run */
                             0xEA, 0x03, 9,                         /* 245 times 9 */
                             6 << 1 | 1 };                          /* six groups for 47 values */
    for (int i = 0; i < 47; i++)
        expected[13 + i] = (uint8_t)(i + 1);
    assert_bytes(&out, expected, 13 + 48);
}

/* Reads runs and groups back. */
static size_t read_hybrid(const weir_buffer *in, unsigned bits, uint8_t *out, size_t most)
{
    size_t at = 0, count = 0;
    while (at < in->length) {
        uint64_t head = 0;
        for (unsigned shift = 0, more = 1; more; shift += 7, at++) {
            head |= (uint64_t)(in->data[at] & 127) << shift;
            more = in->data[at] & 128;
        }
        for (size_t i = 0; i < (head & 1 ? head / 2 * 8 : head / 2) && count < most; i++, count++) {
            out[count] = 0;
            for (unsigned b = 0; b < bits; b++) {
                size_t bit = head & 1 ? i * bits + b : b;
                out[count] = (uint8_t)(out[count] | (in->data[at + bit / 8] >> bit % 8 & 1) << b);
            }
        }
        at += head & 1 ? head / 2 * bits : (bits + 7) / 8;
    }
    return count;
}

static void test_levels_of_any_pattern_come_back(void **state)
{
    (void)state;
    enum { MOST = 20000 };
    static uint8_t levels[MOST], back[MOST];
    uint32_t random = 1;
    for (unsigned bits = 1; bits <= 3; bits++)
        for (uint32_t longest = 1; longest < 300; longest = longest * 3 + 1) {
            for (size_t i = 0; i < MOST; ) {
                random = random * 1103515245 + 12345;
                uint8_t level = (uint8_t)(random >> 16 & ((1u << bits) - 1));
                for (uint32_t run = (random >> 20) % longest + 1; run > 0 && i < MOST; run--)
                    levels[i++] = level;
            }
            weir_buffer out = new_buffer();
            weir_put_levels(&out, levels, MOST, bits);
            assert_int_equal(read_hybrid(&out, bits, back, MOST), MOST);
            assert_memory_equal(back, levels, MOST);
            weir_buffer_free(&out);
        }
}

static void test_deltas_wrap_round(void **state)
{
    (void)state;
    char values[8 * 3];
    weir_store_le64(values, (uint64_t)INT64_MAX);
    weir_store_le64(values + 8, (uint64_t)INT64_MIN);
    weir_store_le64(values + 16, (uint64_t)INT64_MIN + 1);
    weir_buffer out = new_buffer();
    weir_put_deltas(&out, values, 3, 8);
    assert_bytes(&out, "\x80\x01\x04\x03\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x02\0\0\0\0", 19);       /* each difference is one */
    char narrow[4 * 4];
    const int32_t numbers[] = { 7, 5, 3, 10 };      /* -2, -2, 7: above -2 by 0, 0, 9 */
    for (size_t i = 0; i < 4; i++)
        weir_store_le32(narrow + 4 * i, (uint32_t)numbers[i]);
    out = new_buffer();
    weir_put_deltas(&out, narrow, 4, 4);
    assert_bytes(&out, "\x80\x01\x04\x04\x0E\x03\x04\0\0\0\x00\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 26);
}

static void test_checksums_are_those_of_gzip(void **state)
{
    (void)state;
    static weir_crc_table table;
    char zeros[1000] = { 0 };
    weir_crc_make(&table);
    assert_int_equal(weir_crc(&table, "123456789", 9), 0xCBF43926);
    assert_int_equal(weir_crc(&table, "", 0), 0);
    assert_int_equal(weir_crc(&table, zeros, 32), 0x190A55AD);
}

static void test_structs_are_compact_thrift(void **state)
{
    (void)state;
    weir_buffer out = new_buffer();
    weir_thrift thrift = weir_thrift_begin(&out);
    weir_thrift_i32(&thrift, 1, -3);
    weir_thrift_struct(&thrift, 4);
    weir_thrift_bool(&thrift, 1, true);
    weir_thrift_bool(&thrift, 2, false);
    weir_thrift_end(&thrift);
    weir_thrift_list(&thrift, 5, WEIR_THRIFT_I64, 2);
    weir_thrift_list_int(&thrift, 1);
    weir_thrift_list_int(&thrift, 300);
    weir_thrift_binary(&thrift, 40, "ab", 2);       /* 35 ids further: the id is written out */
    weir_thrift_end(&thrift);
    assert_bytes(&out, "\x15\x05\x3C\x11\x12\0\x19\x26\x02\xD8\x04\x08\x50\x02" "ab\0", 17);
}

/* ---- what is kept -------------------------------------------------------------------------------------------------------------- */
static void test_kept_bytes_come_back_in_order_from_memory_and_file(void **state)
{
    (void)state;
    weir_kept kept;
    weir_error error = { 0 };
    char piece[1000], back[1000];
    weir_kept_init(&kept, weir_ledger_root(), directory, 10000);
    for (int i = 0; i < 500; i++) {
        memset(piece, i % 251, sizeof piece);
        assert_int_equal(weir_kept_append(&kept, piece, sizeof piece, &error), WEIR_OK);
        assert_true(kept.memory.length <= 10000);
    }
    assert_int_equal(weir_kept_length(&kept), 500000);
    assert_true(kept.filed >= 490000);
    for (int round = 0; round < 2; round++) {
        weir_kept_rewind(&kept);
        for (int i = 0; i < 500; i++) {
            memset(piece, i % 251, sizeof piece);
            assert_int_equal(weir_kept_read(&kept, back, sizeof back, &error), WEIR_OK);
            assert_memory_equal(back, piece, sizeof back);
        }
    }
    weir_kept_free(&kept);
    weir_kept_init(&kept, weir_ledger_root(), "/no/such/directory", 10);
    assert_int_equal(weir_kept_append(&kept, piece, 20, &error), WEIR_OK);
    assert_int_equal(weir_kept_append(&kept, piece, 20, &error), WEIR_IO);
    assert_non_null(strstr(error.message, "/no/such/directory"));
    weir_kept_free(&kept);
}

/* ---- writers -------------------------------------------------------------------------------------------------------------------- */
static weir_value text_of(const char *text) { return (weir_value){ .type = WEIR_T_TEXT, .as.text = { text, strlen(text) } }; }

/* Rows of five columns, one of them a list, with NULLs: all that a page can have. */
static int write_rows(weir_writer *writer, int count)
{
    static weir_error error;
    static const weir_column_info columns[] = {
        { .name = "n", .type = WEIR_T_INT64 }, { .name = "t", .type = WEIR_T_TEXT }, { .name = "d", .type = WEIR_T_DOUBLE },
        { .name = "l", .type = WEIR_T_ARRAY, .element_type = WEIR_T_INT32 }, { .name = "n", .type = WEIR_T_NULL },
    };
    weir_view view = { .direct = 5, .count = 5, .columns = columns, .error = &error };
    weir_row *row = calloc(1, weir_row_stride(5));
    int status = WEIR_OK;
    row->view = &view;
    for (int i = 0; i < count && status == WEIR_OK; i++) {
        char text[32];
        weir_value items[] = { weir_value_int(i), weir_value_null(), weir_value_int(2) };
        weir_array list = { .element_type = WEIR_T_INT32, .dimensions = 1, .lengths = (const int32_t[]){ 3 }, .count = 3, .items = items };
        items[0].type = items[2].type = WEIR_T_INT32;
        snprintf(text, sizeof text, "text %d", i % 10);
        row->cells[0] = weir_value_int(i);
        row->cells[1] = i % 7 ? text_of(text) : weir_value_null();
        row->cells[2] = weir_value_double(i / 4.0);
        row->cells[3] = i % 5 ? weir_value_array(&list) : weir_value_null();
        row->cells[4] = i > 50 ? text_of("late") : weir_value_null();
        status = weir_writer_row(writer, row);
    }
    free(row);
    return status;
}

static void test_a_parquet_file_begins_and_ends_with_its_mark(void **state)
{
    (void)state;
    char bytes[8];
    weir_writer *writer = weir_writer_open(in_directory("a.parquet"), NULL);
    assert_int_equal(write_rows(writer, 1000), WEIR_OK);
    assert_int_equal(weir_writer_rows(writer), 1000);
    assert_int_equal(weir_writer_close(&writer), WEIR_OK);
    FILE *f = fopen(in_directory("a.parquet"), "rb");
    assert_int_equal(fread(bytes, 1, 4, f), 4);
    assert_int_equal(fseek(f, -4, SEEK_END), 0);
    assert_int_equal(fread(bytes + 4, 1, 4, f), 4);
    fclose(f);
    assert_memory_equal(bytes, "PAR1PAR1", 8);
    unlink(in_directory("a.parquet"));
}

/* A page of 1, NULL, 3, NULL: the levels 1, 0, 1, 0 as one run of bits, right in front of the two values that there are, as deltas. */
static void test_nulls_are_levels_in_front_of_the_values(void **state)
{
    (void)state;
    static const unsigned char page[] = { 2, 0, 0, 0, 0x03, 0x05, 0x80, 1, 4, 2, 2, 4, 0, 0, 0, 0 };
    static const weir_column_info column = { .name = "n", .type = WEIR_T_INT64 };
    static weir_error error;
    char bytes[1024];
    bool found = false;
    weir_view view = { .direct = 1, .count = 1, .columns = &column, .error = &error };
    weir_row *row = calloc(1, weir_row_stride(1));
    row->view = &view;
    weir_writer *writer = weir_writer_open(in_directory("nulls.parquet"), WEIR_WRITER_OPTIONS(.compression = "none", .dictionary = WEIR_OFF));
    for (int i = 1; i <= 4; i++) {
        row->cells[0] = i % 2 ? weir_value_int(i) : weir_value_null();
        assert_int_equal(weir_writer_row(writer, row), WEIR_OK);
    }
    assert_int_equal(weir_writer_close(&writer), WEIR_OK);
    free(row);
    FILE *f = fopen(in_directory("nulls.parquet"), "rb");
    size_t length = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t at = 0; at + sizeof page <= length && !found; at++)
        found = memcmp(bytes + at, page, sizeof page) == 0;
    assert_true(found);
    unlink(in_directory("nulls.parquet"));
}

static void test_a_file_without_columns_is_refused(void **state)
{
    (void)state;
    weir_writer *writer = weir_writer_open(in_directory("b.parquet"), NULL);
    assert_int_equal(weir_writer_finish(writer), WEIR_INVALID_REQUEST);
    assert_non_null(strstr(weir_writer_error(writer)->message, "needs its columns"));
    assert_int_equal(weir_writer_close(&writer), WEIR_INVALID_REQUEST);
    assert_int_not_equal(access(in_directory("b.parquet"), F_OK), 0);
}

/* From row group to row group nothing is held that was not before, footer data aside. */
static void test_row_groups_take_no_more_memory_as_they_follow(void **state)
{
    (void)state;
    weir_memory_figures figures;
    weir_writer *writer = weir_writer_open("/dev/null", WEIR_WRITER_OPTIONS(.format = "parquet", .row_group_bytes = 100000, .compression = "none"));
    assert_int_equal(write_rows(writer, 30000), WEIR_OK);
    weir_memory_usage(&figures);
    size_t before = figures.peak_bytes;
    assert_int_equal(write_rows(writer, 30000), WEIR_OK);
    weir_memory_usage(&figures);
    assert_true(figures.peak_bytes - before < 100000);
    assert_int_equal(weir_writer_close(&writer), WEIR_OK);
    weir_memory_usage(&figures);
    assert_int_equal(figures.by_purpose[WEIR_MEMORY_OUTPUT], 0);
}

static int write_file(const char *codec)
{
    weir_writer *writer = weir_writer_open("/dev/null", WEIR_WRITER_OPTIONS(.format = "parquet", .compression = codec,
        .row_group_bytes = 20000, .metadata = (const char *const[]){ "key", "value", NULL }));
    write_rows(writer, 700);
    return weir_writer_close(&writer);
}

static void test_each_failed_allocation_is_a_clean_error(void **state)
{
    (void)state;
    static const char *const codecs[] = { "zstd", "snappy", "none" };
    weir_memory_figures figures;
    for (size_t c = 0; c < 3; c++) {
        int64_t before = 0;
        int status = WEIR_OUT_OF_MEMORY;
        for (; status != WEIR_OK; before++) {
            allocations_left = before;
            status = write_file(codecs[c]);
            allocations_left = INT64_MAX;
            assert_true(status == WEIR_OK || status == WEIR_OUT_OF_MEMORY);
            weir_memory_usage(&figures);
            assert_int_equal(figures.by_purpose[WEIR_MEMORY_OUTPUT], 0);
        }
        assert_true(before > 50);
    }
}

static int make_directory(void **state)
{
    (void)state;
    weir_allocator allocator = { failing_allocate, failing_resize, plain_release, NULL };
    return weir_set_allocator(&allocator) == WEIR_OK && mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits_are_packed_as_the_specification_shows),
        cmocka_unit_test(test_runs_are_counted),
        cmocka_unit_test(test_levels_of_any_pattern_come_back),
        cmocka_unit_test(test_deltas_wrap_round),
        cmocka_unit_test(test_checksums_are_those_of_gzip),
        cmocka_unit_test(test_structs_are_compact_thrift),
        cmocka_unit_test(test_kept_bytes_come_back_in_order_from_memory_and_file),
        cmocka_unit_test(test_a_parquet_file_begins_and_ends_with_its_mark),
        cmocka_unit_test(test_nulls_are_levels_in_front_of_the_values),
        cmocka_unit_test(test_a_file_without_columns_is_refused),
        cmocka_unit_test(test_row_groups_take_no_more_memory_as_they_follow),
        cmocka_unit_test(test_each_failed_allocation_is_a_clean_error),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
