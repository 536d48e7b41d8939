/* PostgreSQL's binary inet and cidr into the text that the server shows. */
#include "driver/postgres/codec.h"

enum { HEADER_BYTES = 4, FAMILY_IPV4 = 2, FAMILY_IPV6 = 3, MOST_TEXT = 48 };

static char *write_decimal(char *out, unsigned number)
{
    if (number >= 100)
        *out++ = (char)('0' + number / 100);
    if (number >= 10)
        *out++ = (char)('0' + number / 10 % 10);
    *out++ = (char)('0' + number % 10);
    return out;
}

static char *write_ipv4(char *out, const uint8_t *address)
{
    for (int i = 0; i < 4; i++) {
        if (i)
            *out++ = '.';
        out = write_decimal(out, address[i]);
    }
    return out;
}

static char *write_hex(char *out, unsigned word)
{
    for (int shift = 12; shift >= 0; shift -= 4)
        if (word >> shift || !shift)
            *out++ = "0123456789abcdef"[word >> shift & 15];
    return out;
}

/* The longest run of at least two zero words, the first of those: "::" stands for it. *length 0: there is none. */
static int find_zeros(const unsigned words[8], int *length)
{
    int best = -1;
    *length = 0;
    for (int start = 0; start < 8; start++) {
        int end = start;
        while (end < 8 && words[end] == 0)
            end++;
        if (end - start >= 2 && end - start > *length) {
            best = start;
            *length = end - start;
        }
        if (end > start)
            start = end - 1;
    }
    return best;
}

static char *write_ipv6(char *out, const uint8_t *address)
{
    unsigned words[8];
    for (int i = 0; i < 8; i++)
        words[i] = weir_pg_load16(address + 2 * i);
    int run, zeros = find_zeros(words, &run);
    bool embeds_ipv4 = zeros == 0 && (run == 6 || (run == 5 && words[5] == 0xFFFF));
    for (int i = 0; i < 8; i++) {
        if (zeros >= 0 && i >= zeros && i < zeros + run) {
            if (i == zeros)
                *out++ = ':';
            continue;
        }
        if (i)
            *out++ = ':';
        if (i == 6 && embeds_ipv4)
            return write_ipv4(out, address + 12);
        out = write_hex(out, words[i]);
    }
    if (zeros >= 0 && zeros + run == 8)
        *out++ = ':';
    return out;
}

int weir_pg_decode_inet(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    weir_value *value = target;
    const uint8_t *bytes = source;
    if (length < HEADER_BYTES)
        return weir_pg_malformed(decode, "the server sent an address in %zu bytes", length);
    unsigned family = bytes[0], bits = bytes[1], is_cidr = bytes[2], size = bytes[3];
    if ((family != FAMILY_IPV4 && family != FAMILY_IPV6) || size != (family == FAMILY_IPV4 ? 4 : 16) || bits > size * 8
        || length != HEADER_BYTES + size)
        return weir_pg_malformed(decode, "the server sent an address of family %u with %u bits in %zu bytes", family,
                                 bits, length);
    char *text = weir_arena_bytes(decode->arena, MOST_TEXT);
    if (!text)
        return WEIR_OUT_OF_MEMORY;
    char *out = family == FAMILY_IPV4 ? write_ipv4(text, bytes + HEADER_BYTES) : write_ipv6(text, bytes + HEADER_BYTES);
    if (is_cidr || bits != size * 8) {
        *out++ = '/';
        out = write_decimal(out, bits);
    }
    *out = 0;
    value->type = step->type;
    value->as.text = (weir_text){ text, (size_t)(out - text) };
    return WEIR_OK;
}
