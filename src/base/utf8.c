/* Checking UTF-8. */
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif
#include "base/values.h"

/* The lengths of sequences by their first byte, and the second byte's range, which is what rules out overlong forms,
 * surrogates and what is beyond U+10FFFF. */
static const struct lead { uint8_t first, last, length, low, high; } leads[] = {
    { 0xE1, 0xEC, 3, 0x80, 0xBF }, { 0xC2, 0xDF, 2, 0x80, 0xBF }, { 0xF0, 0xF0, 4, 0x90, 0xBF },
    { 0xE0, 0xE0, 3, 0xA0, 0xBF }, { 0xEE, 0xEF, 3, 0x80, 0xBF }, { 0xED, 0xED, 3, 0x80, 0x9F },
    { 0xF1, 0xF3, 4, 0x80, 0xBF }, { 0xF4, 0xF4, 4, 0x80, 0x8F },
};

/* The length of the valid sequence at p, or 0. */
static size_t sequence_length(const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p);
    if (left >= 2 && p[0] >= 0xC2 && p[0] <= 0xDF)      /* most of what is not ASCII in most languages */
        return (p[1] & 0xC0) == 0x80 ? 2 : 0;
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        const struct lead *lead = &leads[i];
        if (p[0] < lead->first || p[0] > lead->last)
            continue;
        if (left < lead->length || p[1] < lead->low || p[1] > lead->high)
            return 0;
        for (size_t k = 2; k < lead->length; k++)
            if ((p[k] & 0xC0) != 0x80)
                return 0;
        return lead->length;
    }
    return 0;
}

static const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
    for (uint64_t words[4]; end - p >= 32; p += 32) {
        memcpy(words, p, 32);
        if ((words[0] | words[1] | words[2] | words[3]) & UINT64_C(0x8080808080808080))
            break;
    }
    for (uint64_t word; end - p >= 8; p += 8) {
        memcpy(&word, p, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (p < end && *p < 0x80)
        p++;
    return p;
}

/* ---- 32 bytes at a time ------------------------------------------------------------------------------------------------------ */
#ifdef __x86_64__
/* Where a character begins that is not known to be whole before `at`. */
static const uint8_t *last_boundary(const uint8_t *begin, const uint8_t *at)
{
    for (const uint8_t *p = at; p > begin && p > at - 3; )
        if (*--p >= 0xC0)
            return p;
        else if (*p < 0x80)
            break;
    return at;
}

/* Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte" (2020): each pair of neighbouring bytes is looked up by three of its
 * half bytes; what all three tables call wrong is wrong, but for the third and fourth bytes of a character, of which two continuations
 * in a row are right. */
enum {
    TOO_SHORT = 1, TOO_LONG = 2, OVERLONG_3 = 4, TOO_LARGE = 8, SURROGATE = 16, OVERLONG_2 = 32, TOO_LARGE_1000 = 64, OVERLONG_4 = 64,
    TWO_CONTINUATIONS = 128, ANY_LOW = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS, LARGE_LOW = ANY_LOW | TOO_LARGE | TOO_LARGE_1000
};
static const uint8_t first_high[16] = {
    TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
    TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS,
    TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4
}, first_low[16] = {
    ANY_LOW | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, ANY_LOW | OVERLONG_2, ANY_LOW, ANY_LOW, ANY_LOW | TOO_LARGE,
    LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW | SURROGATE, LARGE_LOW, LARGE_LOW
}, second_high[16] = {
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,
    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE,
    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE, TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE,
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT
};

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i table_of(const uint8_t *table)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
}

AVX2 static inline __m256i high_half(__m256i bytes) { return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0F)); }

/* Bits where something is wrong with `now`, which follows `before`. */
AVX2 static inline __m256i wrong_in(__m256i before, __m256i now)
{
    const __m256i joint = _mm256_permute2x128_si256(before, now, 0x21);
    const __m256i one = _mm256_alignr_epi8(now, joint, 15), two = _mm256_alignr_epi8(now, joint, 14), three = _mm256_alignr_epi8(now, joint, 13);
    const __m256i low = _mm256_and_si256(one, _mm256_set1_epi8(0x0F));
    __m256i pairs = _mm256_shuffle_epi8(table_of(first_high), high_half(one));
    pairs = _mm256_and_si256(pairs, _mm256_shuffle_epi8(table_of(first_low), low));
    pairs = _mm256_and_si256(pairs, _mm256_shuffle_epi8(table_of(second_high), high_half(now)));
    const __m256i third = _mm256_subs_epu8(two, _mm256_set1_epi8(0xE0 - 0x80)), fourth = _mm256_subs_epu8(three, _mm256_set1_epi8(0xF0 - 0x80));
    const __m256i continued = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(pairs, continued);
}

/* Behind what is valid, up to less than 64 bytes before the end; or shortly before what is not. */
AVX2 static const uint8_t *skip_valid(const uint8_t *begin, const uint8_t *end)
{
    const uint8_t *p = begin;
    __m256i before = _mm256_setzero_si256();
    bool open = false;                  /* a character may have begun in `before` that goes on */
    for (; end - p >= 64; p += 64) {
        const __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)p);
        const __m256i second = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
        bool ascii = _mm256_movemask_epi8(_mm256_or_si256(first, second)) == 0;
        if (!ascii || open) {
            const __m256i wrong = _mm256_or_si256(wrong_in(before, first), wrong_in(first, second));
            if (!_mm256_testz_si256(wrong, wrong))
                break;
        }
        before = second;
        open = !ascii;
    }
    return last_boundary(begin, p);
}

static inline const uint8_t *skip_quickly(const uint8_t *p, const uint8_t *end)
{
    return end - p >= 64 && __builtin_cpu_supports("avx2") ? skip_valid(p, end) : p;
}
#else
static inline const uint8_t *skip_quickly(const uint8_t *p, const uint8_t *end) { (void)end; return p; }
#endif

size_t weir_utf8_valid_length(weir_text text)
{
    if (!text.ptr)
        return 0;
    const uint8_t *begin = (const uint8_t *)text.ptr, *end = begin + text.len, *p = skip_quickly(begin, end);
    for (size_t length; (p = skip_ascii(p, end)) < end; p += length) {
        length = sequence_length(p, end);
        if (!length)
            break;
    }
    return (size_t)(p - begin);
}

size_t weir_utf8_cut(weir_text text, size_t limit)
{
    if (text.len <= limit)
        return text.len;
    while (limit > 0 && ((unsigned char)text.ptr[limit] & 0xC0) == 0x80)
        limit--;
    return limit;
}
