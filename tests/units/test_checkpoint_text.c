/* Checkpoints whose checksum is right and whose lines are not: made by somebody, taken apart without trust. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <inttypes.h>
#include "base/checksum.h"
#include "transfer/checkpoint.h"
#include <weir/weir.h>

enum { SIZE = 4096, ROUNDS = 60000 };
static const char sample[] =
    "weir checkpoint 1\nstatement %s\nscope \ncolumns id bigint%%0a\nplace %.*s\nrows 12\nruns 1\nreconnects 0\ndata a%%00b\n";

static uint64_t seed = 20261122;
static unsigned random_below(unsigned limit)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(seed >> 33) % limit;
}

/* Puts the right checksum behind the text; returns the length. */
static size_t sign(char *text, size_t length)
{
    weir_checksum checksum;
    weir_checksum_init(&checksum);
    weir_checksum_add(&checksum, text, length);
    return length + (size_t)snprintf(text + length, SIZE - length, "check %016" PRIx64 "\n", weir_checksum_value(&checksum));
}

static size_t change(char *text, size_t length)
{
    static const char letters[] = "\n %09afz-_AZ\0\377";
    for (unsigned n = 1 + random_below(4); n; n--) {
        size_t at = random_below((unsigned)length);
        switch (random_below(4)) {
        case 0: text[at] = letters[random_below(sizeof letters - 1)]; break;
        case 1: text[at] = (char)random_below(256); break;
        case 2: memmove(text + at, text + at + 1, length - at - 1); length -= length > 20; break;
        default: memmove(text + at + 1, text + at, length - at); text[at] = letters[random_below(sizeof letters - 1)]; length++; break;
        }
    }
    return length;
}

static void test_nothing_in_a_text_is_trusted(void **state)
{
    (void)state;
    weir_engine *engine;
    char text[SIZE], original[SIZE];
    assert_int_equal(weir_engine_open(&engine, "sqlite://", NULL), WEIR_OK);
    weir_stmt *stmt = weir_sql("SELECT id, at, name FROM things");
    weir_checkpoint *checkpoint = weir_checkpoint_new(engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "name, id"));
    assert_int_equal(weir_checkpoint_error(checkpoint)->status, WEIR_OK);
    weir_buffer key;
    weir_error error = { 0 };
    weir_buffer_init(&key, weir_ledger_root(), WEIR_MEMORY_HANDLES, SIZE);
    assert_int_equal(weir_key_write((weir_value[]){ weir_value_cstr("a name"), weir_value_int(77) }, 2, &key, &error), WEIR_OK);
    size_t length = (size_t)snprintf(original, sizeof original, sample, checkpoint->fingerprint, (int)key.length, key.data);
    memcpy(text, original, length);
    assert_int_equal(weir_checkpoint_restore(checkpoint, text, sign(text, length)), WEIR_OK);
    assert_int_equal(weir_checkpoint_data(checkpoint).len, 3);
    int taken = 0;
    for (int i = 0; i < ROUNDS; i++) {
        memcpy(text, original, length);
        size_t changed = change(text, length);
        char *exact = malloc(changed + 32);         /* so that a sanitizer sees what is read behind the end */
        assert_non_null(exact);
        size_t whole = sign(text, changed);
        memcpy(exact, text, whole);
        exact = realloc(exact, whole);
        int status = weir_checkpoint_restore(checkpoint, exact, whole);
        assert_true(status == WEIR_OK || status == WEIR_DATA || status == WEIR_INVALID_REQUEST);
        taken += status == WEIR_OK;
        free(exact);
    }
    assert_in_range(taken, 1, ROUNDS / 2);          /* other counts and data are fine */
    weir_buffer_free(&key);
    weir_checkpoint_free(&checkpoint);
    weir_stmt_free(&stmt);
    weir_engine_close(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_nothing_in_a_text_is_trusted) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
