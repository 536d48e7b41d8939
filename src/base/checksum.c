/* XXH64 (Yann Collet's, seed 0): four lanes of multiplications, as fast as memory, without tables. */
#include "base/checksum.h"
#include <endian.h>
#include <string.h>

static const uint64_t primes[5] = {
    UINT64_C(0x9E3779B185EBCA87), UINT64_C(0xC2B2AE3D27D4EB4F), UINT64_C(0x165667B19E3779F9), UINT64_C(0x85EBCA77C2B2AE63),
    UINT64_C(0x27D4EB2F165667C5),
};
enum { STRIPE = 32 };

static uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

/* Little-endian, whatever the machine is. */
static uint64_t read_64(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return le64toh(word);
}

static uint64_t read_32(const unsigned char *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return le32toh(word);
}

static uint64_t mix(uint64_t lane, uint64_t word) { return rotate(lane + word * primes[1], 31) * primes[0]; }

static void add_stripes(uint64_t lanes[4], const unsigned char *bytes, size_t stripes)
{
    uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
    for (; stripes; stripes--, bytes += STRIPE) {
        a = mix(a, read_64(bytes));
        b = mix(b, read_64(bytes + 8));
        c = mix(c, read_64(bytes + 16));
        d = mix(d, read_64(bytes + 24));
    }
    lanes[0] = a, lanes[1] = b, lanes[2] = c, lanes[3] = d;
}

void weir_checksum_init(weir_checksum *checksum)
{
    *checksum = (weir_checksum){ .lanes = { primes[0] + primes[1], primes[1], 0, 0 - primes[0] } };
}

void weir_checksum_add(weir_checksum *checksum, const void *bytes, size_t length)
{
    const unsigned char *from = bytes;
    size_t have = checksum->length % STRIPE;
    checksum->length += length;
    if (have && have + length >= STRIPE) {
        size_t rest = STRIPE - have;
        memcpy(checksum->pending + have, from, rest);
        add_stripes(checksum->lanes, checksum->pending, 1);
        from += rest;
        length -= rest;
        have = 0;
    }
    if (have == 0) {
        add_stripes(checksum->lanes, from, length / STRIPE);
        from += length / STRIPE * STRIPE;
        length %= STRIPE;
    }
    if (length)
        memcpy(checksum->pending + have, from, length);
}

uint64_t weir_checksum_value(const weir_checksum *checksum)
{
    const uint64_t *lanes = checksum->lanes;
    const unsigned char *at = checksum->pending;
    size_t left = checksum->length % STRIPE;
    uint64_t hash = primes[4];
    if (checksum->length >= STRIPE) {
        hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
        for (int i = 0; i < 4; i++)
            hash = (hash ^ mix(0, lanes[i])) * primes[0] + primes[3];
    }
    hash += checksum->length;
    for (; left >= 8; left -= 8, at += 8)
        hash = rotate(hash ^ mix(0, read_64(at)), 27) * primes[0] + primes[3];
    for (; left >= 4; left -= 4, at += 4)
        hash = rotate(hash ^ read_32(at) * primes[0], 23) * primes[1] + primes[2];
    for (; left; left--, at++)
        hash = rotate(hash ^ *at * primes[4], 11) * primes[0];
    hash = (hash ^ hash >> 33) * primes[1];
    hash = (hash ^ hash >> 29) * primes[2];
    return hash ^ hash >> 32;
}
