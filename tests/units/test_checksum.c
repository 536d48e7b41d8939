/* XXH64 against the numbers that xxhsum prints, however the bytes are cut. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/checksum.h"

static uint64_t sum_in_pieces(const char *bytes, size_t length, size_t piece)
{
    weir_checksum checksum;
    weir_checksum_init(&checksum);
    for (size_t at = 0; at < length; at += piece)
        weir_checksum_add(&checksum, bytes + at, length - at < piece ? length - at : piece);
    return weir_checksum_value(&checksum);
}

static void test_known_sums(void **state)
{
    (void)state;
    static const struct { const char *text; uint64_t sum; } known[] = {
        { "", UINT64_C(0xef46db3751d8e999) },
        { "a", UINT64_C(0xd24ec4f1a98c6e5b) },
        { "abc", UINT64_C(0x44bc2cf5ad770999) },
        { "Nobody inspects the spammish repetition", UINT64_C(0xfbcea83c8a378bf1) },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (size_t piece = 1; piece <= 40; piece++)
            assert_true(sum_in_pieces(known[i].text, strlen(known[i].text), piece) == known[i].sum);
}

static void test_any_changed_byte_changes_it(void **state)
{
    (void)state;
    char bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        uint64_t sum = sum_in_pieces(bytes, length, 100);
        assert_true(length == sizeof bytes || sum_in_pieces(bytes, length + 1, 33) != sum);
        for (size_t i = 0; i < length; i++) {
            bytes[i] ^= 1;
            assert_true(sum_in_pieces(bytes, length, 31) != sum);
            bytes[i] ^= 1;
        }
        assert_true(sum_in_pieces(bytes, length, 7) == sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_known_sums), cmocka_unit_test(test_any_changed_byte_changes_it) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
