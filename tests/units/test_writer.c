/* Writers on rows made by hand: CSV, JSON lines, and files that appear whole or not at all. */
#include <stdarg.h>
#include <setjmp.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/ledger.h"
#include "engine/rows.h"
#include "transfer/json_text.h"
#include <weir/transfer.h>

enum { MOST_COLUMNS = 8 };
static char directory[] = "/tmp/weir-writer-XXXXXX";

/* ---- help ------------------------------------------------------------------------------------------------------------- */
static const char *in_directory(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static size_t files_in_directory(void)
{
    DIR *d = opendir(directory);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(d)) != NULL; )
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(d);
    return count;
}

static void empty_directory(void)
{
    DIR *d = opendir(directory);
    for (struct dirent *entry; (entry = readdir(d)) != NULL; )
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(d), entry->d_name, 0);
    closedir(d);
}

static char *contents(const char *path)
{
    static char bytes[4096];
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    bytes[fread(bytes, 1, sizeof bytes - 1, f)] = 0;
    fclose(f);
    return bytes;
}

static weir_value text_of(const char *bytes, size_t length)
{
    return (weir_value){ .type = WEIR_T_TEXT, .as.text = { bytes, length } };
}

static weir_value typed_text(weir_type type, const char *text)
{
    return (weir_value){ .type = type, .as.text = { text, strlen(text) } };
}

static int write_row(weir_writer *writer, const char *const *names, const weir_value *values, size_t count)
{
    static weir_error error;
    weir_column_info columns[MOST_COLUMNS] = { 0 };
    for (size_t i = 0; i < count; i++)
        columns[i].name = names[i];
    weir_view view = { .direct = count, .count = count, .columns = columns, .error = &error };
    weir_row *row = calloc(1, weir_row_stride(count));
    row->view = &view;
    memcpy(row->cells, values, count * sizeof *values);
    int status = weir_writer_row(writer, row);
    free(row);
    return status;
}

/* What a file with one row holds. */
static char *written(const weir_writer_options *options, const char *const *names, const weir_value *values, size_t count)
{
    weir_writer *writer = weir_writer_open(in_directory("out"), options);
    assert_int_equal(write_row(writer, names, values, count), WEIR_OK);
    assert_int_equal(weir_writer_rows(writer), 1);
    assert_int_equal(weir_writer_close(&writer), WEIR_OK);
    return contents(in_directory("out"));
}

static char *csv_line(const char *null_text, const weir_value *values, size_t count)
{
    static const char *const names[MOST_COLUMNS] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    return written(WEIR_WRITER_OPTIONS(.format = "csv", .null_text = null_text, .header = WEIR_OFF), names, values, count);
}

static char *json_value(weir_value value)
{
    static const char *const names[] = { "v" };
    char *line = written(WEIR_WRITER_OPTIONS(.format = "jsonl"), names, &value, 1);
    size_t length = strlen(line);
    assert_memory_equal(line, "{\"v\":", 5);
    assert_string_equal(line + length - 2, "}\n");
    line[length - 2] = 0;
    return line + 5;
}

/* ---- CSV ----------------------------------------------------------------------------------------------------------------- */
static void test_csv_quotes_only_what_needs_it(void **state)
{
    (void)state;
    static const struct { const char *text, *field; } cases[] = {
        { "plain", "plain" }, { "two words", "two words" }, { "a,b", "\"a,b\"" }, { "say \"hi\"", "\"say \"\"hi\"\"\"" },
        { "\"", "\"\"\"\"" }, { "line\nline", "\"line\nline\"" }, { "cr\rcr", "\"cr\rcr\"" }, { "", "\"\"" },
        { " front", "\" front\"" }, { "back ", "\"back \"" }, { "\\.", "\"\\.\"" },
        { "\xEF\xBB\xBFmark", "\"\xEF\xBB\xBFmark\"" }, { "no \xEF\xBB\xBFmark", "no \xEF\xBB\xBFmark" },
        { "gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F" },
        { "a long text of more than eight bytes", "a long text of more than eight bytes" },
        { "a long text, with a comma behind", "\"a long text, with a comma behind\"" },
        { "0123456789012345678,", "\"0123456789012345678,\"" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_value values[2] = { text_of(cases[i].text, strlen(cases[i].text)), weir_value_int(1) };
        char expected[128];
        snprintf(expected, sizeof expected, "%s,1\n", cases[i].field);
        assert_string_equal(csv_line(NULL, values, 2), expected);
    }
}

static void test_csv_tells_null_from_the_empty_string(void **state)
{
    (void)state;
    weir_value values[3] = { weir_value_null(), text_of("", 0), weir_value_int(0) };
    assert_string_equal(csv_line(NULL, values, 3), ",\"\",0\n");
    assert_string_equal(csv_line("NULL", values, 3), "NULL,\"\",0\n");
}

static void test_csv_quotes_what_equals_the_null_text(void **state)
{
    (void)state;
    weir_value values[3] = { weir_value_null(), text_of("0", 1), weir_value_int(0) };
    assert_string_equal(csv_line("0", values, 3), "0,\"0\",\"0\"\n");
}

static void test_csv_keeps_a_row_of_a_single_null(void **state)
{
    (void)state;
    weir_value value = weir_value_null();
    assert_string_equal(csv_line(NULL, &value, 1), "\"\"\n");
    assert_string_equal(csv_line("\\N", &value, 1), "\\N\n");
}

static void test_csv_writes_the_extremes_of_integers(void **state)
{
    (void)state;
    weir_value values[6] = { weir_value_int(INT64_MIN), weir_value_int(INT64_MAX), weir_value_int(0), weir_value_int(-1),
                             weir_value_int(100), weir_value_int(9) };
    assert_string_equal(csv_line(NULL, values, 6), "-9223372036854775808,9223372036854775807,0,-1,100,9\n");
}

static void test_csv_quotes_names_in_the_header(void **state)
{
    (void)state;
    const char *const names[3] = { "id", "a,b", "say \"x\"" };
    weir_value values[3] = { weir_value_int(1), weir_value_int(2), weir_value_int(3) };
    assert_string_equal(written(WEIR_WRITER_OPTIONS(.format = "csv"), names, values, 3), "id,\"a,b\",\"say \"\"x\"\"\"\n1,2,3\n");
}

static void test_csv_refuses_a_null_text_that_would_need_quotes(void **state)
{
    (void)state;
    weir_writer *writer = weir_writer_open(in_directory("out"), WEIR_WRITER_OPTIONS(.format = "csv", .null_text = "a,b"));
    assert_int_equal(weir_writer_error(writer)->status, WEIR_ARGUMENT);
    assert_int_equal(weir_writer_close(&writer), WEIR_ARGUMENT);
    assert_int_equal(files_in_directory(), 0);
}

static void test_csv_writes_a_field_larger_than_the_buffer(void **state)
{
    (void)state;
    enum { LARGE = 1000 * 1000 };
    char *large = malloc(LARGE + 1);
    memset(large, 'x', LARGE);
    large[LARGE / 2] = '"';
    large[LARGE] = 0;
    weir_value values[2] = { text_of(large, LARGE), weir_value_int(7) };
    static const char *const names[] = { "a", "b" };
    weir_writer *writer = weir_writer_open(in_directory("out"), WEIR_WRITER_OPTIONS(.header = WEIR_OFF));
    assert_int_equal(write_row(writer, names, values, 2), WEIR_OK);
    assert_int_equal(weir_writer_bytes(writer), LARGE + 3 + 3);
    assert_int_equal(weir_writer_close(&writer), WEIR_OK);
    struct stat file;
    assert_int_equal(stat(in_directory("out"), &file), 0);
    assert_int_equal(file.st_size, LARGE + 6);
    free(large);
}

/* ---- text that is no text ------------------------------------------------------------------------------------------------ */
static void test_invalid_text_is_a_data_error_naming_row_and_column(void **state)
{
    (void)state;
    static const char *const names[] = { "id", "name" };
    weir_value good[2] = { weir_value_int(1), text_of("fine", 4) }, bad[2] = { weir_value_int(2), text_of("a\xFFz", 3) };
    weir_writer *writer = weir_writer_open(in_directory("out"), NULL);
    assert_int_equal(write_row(writer, names, good, 2), WEIR_OK);
    assert_int_equal(write_row(writer, names, bad, 2), WEIR_DATA);
    const weir_error *error = weir_writer_error(writer);
    assert_int_equal(error->row, 2);
    assert_string_equal(error->column, "name");
    assert_non_null(strstr(error->message, "row 2, column name"));
    assert_int_equal(weir_writer_close(&writer), WEIR_DATA);
    assert_int_equal(files_in_directory(), 0);
}

static void test_invalid_text_can_be_replaced(void **state)
{
    (void)state;
    static const char *const names[] = { "v" };
    static const struct { const char *text, *clean; } cases[] = {
        { "a\xFFz", "a\xEF\xBF\xBDz" }, { "\xE2\x82", "\xEF\xBF\xBD" },
        { "\xC3\xA4\x80\x80", "\xC3\xA4\xEF\xBF\xBD\xEF\xBF\xBD" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_value value = text_of(cases[i].text, strlen(cases[i].text));
        char csv[32], json[32];
        snprintf(csv, sizeof csv, "%s\n", cases[i].clean);
        snprintf(json, sizeof json, "{\"v\":\"%s\"}\n", cases[i].clean);
        assert_string_equal(written(WEIR_WRITER_OPTIONS(.header = WEIR_OFF, .replace_invalid_text = WEIR_ON), names, &value, 1),
                            csv);
        assert_string_equal(written(WEIR_WRITER_OPTIONS(.format = "jsonl", .replace_invalid_text = WEIR_ON), names, &value, 1),
                            json);
    }
}

/* ---- JSON lines ------------------------------------------------------------------------------------------------------------ */
static void test_json_escapes_strings(void **state)
{
    (void)state;
    assert_string_equal(json_value(text_of("a\"b\\c\n\r\t\b\f", 10)), "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\"");
    assert_string_equal(json_value(text_of("\x01\x1F\x00x", 4)), "\"\\u0001\\u001f\\u0000x\"");
    assert_string_equal(json_value(text_of("eight plain bytes, \"then\" more \xE2\x82\xAC", 34)),
                        "\"eight plain bytes, \\\"then\\\" more \xE2\x82\xAC\"");
    assert_string_equal(json_value(text_of("", 0)), "\"\"");
}

static void test_json_writes_numbers_as_numbers(void **state)
{
    (void)state;
    assert_string_equal(json_value(weir_value_int(INT64_MIN)), "-9223372036854775808");
    assert_string_equal(json_value(weir_value_bool(true)), "true");
    assert_string_equal(json_value(weir_value_bool(false)), "false");
    assert_string_equal(json_value(weir_value_null()), "null");
    assert_string_equal(json_value(weir_value_double(0.1)), "0.1");
    assert_string_equal(json_value(weir_value_double((double)NAN)), "\"NaN\"");
    assert_string_equal(json_value(weir_value_double(-(double)INFINITY)), "\"-Infinity\"");
}

static void test_json_keeps_every_digit_of_decimals(void **state)
{
    (void)state;
    static const struct { const char *decimal, *json; } cases[] = {
        { "12345678901234567890.1234567890", "12345678901234567890.1234567890" }, { "-0.50", "-0.50" }, { "007", "7" },
        { "+5", "5" }, { ".5", "0.5" }, { "-.5", "-0.5" }, { "5.", "5" }, { "00.10", "0.10" }, { "0", "0" }, { "NaN", "\"NaN\"" },
        { "-Infinity", "\"-Infinity\"" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(json_value(typed_text(WEIR_T_NUMERIC, cases[i].decimal)), cases[i].json);
}

static void test_json_embeds_json_on_one_line(void **state)
{
    (void)state;
    assert_string_equal(json_value(typed_text(WEIR_T_JSON, "{\"a\": [1, 2.50]}")), "{\"a\": [1, 2.50]}");
    assert_string_equal(json_value(typed_text(WEIR_T_JSON, "{\n  \"a\": 1\n}")), "{   \"a\": 1 }");
    assert_string_equal(json_value(typed_text(WEIR_T_JSON, "no json")), "\"no json\"");
    assert_string_equal(json_value(typed_text(WEIR_T_JSON, "1}\n{")), "\"1}\\n{\"");
}

static void test_json_checker_knows_json(void **state)
{
    (void)state;
    static const char *const good[] = { "0", "-1.5e+3", "true", "null", "\"\"", "[]", "{}", "[[],{}]", " { \"a\" : [ 1 , 2 ] } ",
                                        "\"\\u00e4\\n\"", "{\"a\":{\"b\":[{}]},\"c\":1}" };
    static const char *const bad[] = { "", " ", "01", "+1", "1.", ".5", "1e", "tru", "[1,]", "[1 2]",
                                       "{\"a\"}", "{\"a\":}", "{a:1}",
                                       "\"\\x\"", "\"\\u00g0\"", "\"", "[", "]", "{\"a\":1,}", "1 2", "[}", "\"a\nb\"" };
    bool one_line;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!weir_json_valid(good[i], strlen(good[i]), &one_line))
            fail_msg("valid: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (weir_json_valid(bad[i], strlen(bad[i]), &one_line))
            fail_msg("invalid: %s", bad[i]);
}

static void test_json_writes_arrays_as_arrays(void **state)
{
    (void)state;
    weir_value items[4] = { weir_value_int(1), weir_value_null(), weir_value_cstr("a\"b"), weir_value_int(4) };
    weir_array square = { WEIR_T_INT64, 2, (const int32_t[]){ 2, 2 }, (const int32_t[]){ 1, 1 }, 4, items }, empty = { 0 };
    assert_string_equal(json_value(weir_value_array(&square)), "[[1,null],[\"a\\\"b\",4]]");
    assert_string_equal(json_value(weir_value_array(&empty)), "[]");
}

static void test_json_writes_blobs_in_base64_and_times_in_iso_8601(void **state)
{
    (void)state;
    assert_string_equal(json_value(weir_value_blob((weir_blob){ "\x00\xFF" "abc", 5 })), "\"AP9hYmM=\"");
    assert_string_equal(json_value(weir_value_blob((weir_blob){ "", 0 })), "\"\"");
    assert_string_equal(json_value(weir_value_timestamptz((weir_timestamptz){ 0 })), "\"1970-01-01T00:00:00Z\"");
    assert_string_equal(json_value(weir_value_date((weir_date){ 19844 })), "\"2024-05-01\"");
}

static void test_json_keys_are_unique_and_escaped(void **state)
{
    (void)state;
    const char *const names[5] = { "id", "id", "id_1", "say \"x\"", "id" };
    weir_value values[5] = { weir_value_int(1), weir_value_int(2), weir_value_int(3), weir_value_int(4), weir_value_int(5) };
    assert_string_equal(written(WEIR_WRITER_OPTIONS(.format = "jsonl"), names, values, 5),
                        "{\"id\":1,\"id_2\":2,\"id_1\":3,\"say \\\"x\\\"\":4,\"id_3\":5}\n");
}

static void test_format_follows_the_suffix(void **state)
{
    (void)state;
    static const char *const names[] = { "v" };
    static const struct { const char *file, *content; } cases[] = {
        { "x.jsonl", "{\"v\":1}\n" }, { "x.NDJSON", "{\"v\":1}\n" }, { "x.json", "{\"v\":1}\n" },
        { "x.csv", "v\n1\n" }, { "x", "v\n1\n" },
    };
    weir_value value = weir_value_int(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_writer *writer = weir_writer_open(in_directory(cases[i].file), NULL);
        assert_int_equal(write_row(writer, names, &value, 1), WEIR_OK);
        assert_int_equal(weir_writer_close(&writer), WEIR_OK);
        assert_string_equal(contents(in_directory(cases[i].file)), cases[i].content);
    }
    weir_writer *writer = weir_writer_open(in_directory("y"), WEIR_WRITER_OPTIONS(.format = "xml"));
    assert_non_null(strstr(weir_writer_error(writer)->message, "csv, jsonl"));
    assert_int_equal(weir_writer_close(&writer), WEIR_ARGUMENT);
}

/* ---- files --------------------------------------------------------------------------------------------------------------- */
static void test_file_gets_its_name_only_when_it_is_whole(void **state)
{
    (void)state;
    static const char *const names[] = { "v" };
    weir_value value = weir_value_int(1);
    weir_writer *writer = weir_writer_open(in_directory("whole.csv"), NULL);
    assert_int_equal(write_row(writer, names, &value, 1), WEIR_OK);
    assert_int_equal(access(in_directory("whole.csv"), F_OK), -1);
    assert_int_equal(access(weir_writer_temporary_path(writer), F_OK), 0);
    assert_int_equal(weir_writer_finish(writer), WEIR_OK);
    assert_string_equal(weir_writer_temporary_path(writer), "");
    assert_string_equal(contents(in_directory("whole.csv")), "v\n1\n");
    assert_int_equal(write_row(writer, names, &value, 1), WEIR_INVALID_REQUEST);
    weir_writer_abort(&writer);
    assert_int_equal(files_in_directory(), 1);
    assert_int_equal(weir_writer_close(&writer), WEIR_RESOURCE_CLOSED);
}

static void test_abort_leaves_no_file_and_an_older_one_as_it_was(void **state)
{
    (void)state;
    static const char *const names[] = { "v" };
    weir_value value = weir_value_int(1);
    FILE *f = fopen(in_directory("old.csv"), "w");
    fputs("old", f);
    fclose(f);
    weir_writer *writer = weir_writer_open(in_directory("old.csv"), NULL);
    assert_int_equal(write_row(writer, names, &value, 1), WEIR_OK);
    weir_writer_abort(&writer);
    assert_string_equal(contents(in_directory("old.csv")), "old");
    assert_int_equal(files_in_directory(), 1);
}

static void test_permissions_of_a_replaced_file_are_kept(void **state)
{
    (void)state;
    static const char *const names[] = { "v" };
    weir_value value = weir_value_int(1);
    struct stat file;
    close(open(in_directory("private.csv"), O_CREAT | O_WRONLY, 0600));
    weir_writer *writer = weir_writer_open(in_directory("private.csv"), NULL);
    assert_int_equal(stat(weir_writer_temporary_path(writer), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_int_equal(write_row(writer, names, &value, 1), WEIR_OK);
    assert_int_equal(weir_writer_close(&writer), WEIR_OK);
    assert_int_equal(stat(in_directory("private.csv"), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    mode_t mask = umask(027);
    writer = weir_writer_open(in_directory("new.csv"), NULL);
    umask(mask);
    assert_int_equal(write_row(writer, names, &value, 1), WEIR_OK);
    assert_int_equal(weir_writer_close(&writer), WEIR_OK);
    assert_int_equal(stat(in_directory("new.csv"), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0640);
}

static void test_symbolic_link_stays_and_its_target_is_written(void **state)
{
    (void)state;
    static const char *const names[] = { "v" };
    weir_value value = weir_value_int(1);
    struct stat link;
    char target[256];
    snprintf(target, sizeof target, "%s", in_directory("target.csv"));
    for (int round = 0; round < 2; round++) {           /* to a file that is not there yet, and to one that is */
        unlink(in_directory("link.csv"));
        assert_int_equal(symlink(round ? target : "target.csv", in_directory("link.csv")), 0);
        weir_writer *writer = weir_writer_open(in_directory("link.csv"), NULL);
        assert_int_equal(write_row(writer, names, &value, 1), WEIR_OK);
        assert_int_equal(weir_writer_close(&writer), WEIR_OK);
        assert_int_equal(lstat(in_directory("link.csv"), &link), 0);
        assert_true(S_ISLNK(link.st_mode));
        assert_string_equal(contents(target), "v\n1\n");
        assert_int_equal(files_in_directory(), 2);
    }
}

static void test_full_device_is_an_io_error_with_a_hint(void **state)
{
    (void)state;
    static const char *const names[] = { "v" };
    weir_value value = weir_value_int(1);
    weir_writer *writer = weir_writer_open("/dev/full", NULL);
    assert_int_equal(write_row(writer, names, &value, 1), WEIR_OK);
    assert_int_equal(weir_writer_finish(writer), WEIR_IO);
    assert_string_equal(weir_writer_error(writer)->message, "cannot write /dev/full: No space left on device");
    assert_non_null(strstr(weir_writer_error(writer)->hint, "free some space"));
    assert_int_equal(weir_writer_close(&writer), WEIR_IO);
}

static void test_places_that_cannot_be_written_say_so(void **state)
{
    (void)state;
    weir_writer *writer = weir_writer_open(in_directory("no/such/directory.csv"), NULL);
    assert_int_equal(weir_writer_error(writer)->status, WEIR_IO);
    assert_non_null(strstr(weir_writer_error(writer)->message, "No such file or directory"));
    assert_int_equal(weir_writer_close(&writer), WEIR_IO);
    writer = weir_writer_open(directory, NULL);
    assert_non_null(strstr(weir_writer_error(writer)->message, "Is a directory"));
    assert_int_equal(weir_writer_close(&writer), WEIR_IO);
}

static void test_writing_takes_no_memory_after_the_first_row(void **state)
{
    (void)state;
    static const char *const names[] = { "a", "b", "c" };
    weir_memory_figures before, after;
    weir_writer *writer = weir_writer_open("/dev/null", WEIR_WRITER_OPTIONS(.format = "jsonl"));
    weir_value values[3] = { weir_value_int(1), weir_value_cstr("caf\xC3\xA9, \"quoted\""),
                             weir_value_blob((weir_blob){ "abc", 3 }) };
    assert_int_equal(write_row(writer, names, values, 3), WEIR_OK);
    weir_memory_usage(&before);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(write_row(writer, names, values, 3), WEIR_OK);
    weir_memory_usage(&after);
    assert_int_equal(after.allocations, before.allocations);
    assert_int_equal(after.bytes, before.bytes);
    assert_int_equal(weir_writer_close(&writer), WEIR_OK);
    weir_memory_usage(&after);
    assert_int_equal(after.by_purpose[WEIR_MEMORY_OUTPUT], 0);
}

/* ---- no memory ------------------------------------------------------------------------------------------------------------- */
static int64_t allocations_left = INT64_MAX;        /* until one fails */

static void *failing_allocate(size_t size, void *context)
{
    (void)context;
    return allocations_left-- == 0 ? NULL : malloc(size);
}

static void *failing_resize(void *block, size_t size, void *context)
{
    (void)context;
    return allocations_left-- == 0 ? NULL : realloc(block, size);
}

static void plain_release(void *block, void *context)
{
    (void)context;
    free(block);
}

static void test_each_failed_allocation_is_a_clean_error(void **state)
{
    (void)state;
    static const char *const names[] = { "id", "id", "blob", "bad" };
    weir_value values[4] = { weir_value_int(1), weir_value_int(2), weir_value_blob((weir_blob){ "abc", 3 }), text_of("\xFF", 1) };
    static const char *const formats[] = { "csv", "jsonl" };
    for (int i = 0; i < 2; i++) {
        int status = WEIR_OUT_OF_MEMORY;
        for (int n = 0; status != WEIR_OK; n++) {
            weir_memory_figures after;
            assert_true(n < 50);
            allocations_left = n;
            weir_writer *writer = weir_writer_open(in_directory("memory"), WEIR_WRITER_OPTIONS(.format = formats[i],
                                                                                               .replace_invalid_text = WEIR_ON));
            int written_status = write_row(writer, names, values, 4);
            status = weir_writer_close(&writer);
            allocations_left = INT64_MAX;
            assert_true(status == WEIR_OK || status == WEIR_OUT_OF_MEMORY);
            assert_int_equal(written_status, status);
            assert_int_equal(files_in_directory(), status == WEIR_OK);
            weir_memory_usage(&after);
            assert_int_equal(after.bytes, 0);
        }
        empty_directory();
    }
}

/* ---- running ------------------------------------------------------------------------------------------------------------- */
static int clean(void **state)
{
    (void)state;
    empty_directory();
    return 0;
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
    empty_directory();
    return rmdir(directory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, clean)
    const struct CMUnitTest tests[] = {
        TEST(test_csv_quotes_only_what_needs_it),
        TEST(test_csv_tells_null_from_the_empty_string),
        TEST(test_csv_quotes_what_equals_the_null_text),
        TEST(test_csv_keeps_a_row_of_a_single_null),
        TEST(test_csv_writes_the_extremes_of_integers),
        TEST(test_csv_quotes_names_in_the_header),
        TEST(test_csv_refuses_a_null_text_that_would_need_quotes),
        TEST(test_csv_writes_a_field_larger_than_the_buffer),
        TEST(test_invalid_text_is_a_data_error_naming_row_and_column),
        TEST(test_invalid_text_can_be_replaced),
        TEST(test_json_escapes_strings),
        TEST(test_json_writes_numbers_as_numbers),
        TEST(test_json_keeps_every_digit_of_decimals),
        TEST(test_json_embeds_json_on_one_line),
        TEST(test_json_checker_knows_json),
        TEST(test_json_writes_arrays_as_arrays),
        TEST(test_json_writes_blobs_in_base64_and_times_in_iso_8601),
        TEST(test_json_keys_are_unique_and_escaped),
        TEST(test_format_follows_the_suffix),
        TEST(test_file_gets_its_name_only_when_it_is_whole),
        TEST(test_abort_leaves_no_file_and_an_older_one_as_it_was),
        TEST(test_permissions_of_a_replaced_file_are_kept),
        TEST(test_symbolic_link_stays_and_its_target_is_written),
        TEST(test_full_device_is_an_io_error_with_a_hint),
        TEST(test_places_that_cannot_be_written_say_so),
        TEST(test_writing_takes_no_memory_after_the_first_row),
        TEST(test_each_failed_allocation_is_a_clean_error),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
