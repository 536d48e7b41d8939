/* Bit packing, runs, deltas and page checksums of Parquet. */
#include "transfer/parquet_encode.h"
#include "transfer/parquet_thrift.h"

/* ---- bits -------------------------------------------------------------------------------------------------------------- */
/* Bits on their way out, the lowest first; fewer than 32 of them wait between two calls. */
typedef struct packer { char *out; uint64_t waiting; unsigned filled; } packer;

static inline void pack(packer *p, uint32_t value, unsigned bits)
{
    p->waiting |= (uint64_t)value << p->filled;
    p->filled += bits;
    if (p->filled >= 32) {
        weir_store_le32(p->out, (uint32_t)p->waiting);
        p->out += 4;
        p->waiting >>= 32;
        p->filled -= 32;
    }
}

static char *pack_rest(packer *p)
{
    for (; p->filled > 0; p->filled -= p->filled < 8 ? p->filled : 8, p->waiting >>= 8)
        *p->out++ = (char)p->waiting;
    return p->out;
}

/* ---- runs ---------------------------------------------------------------------------------------------------------------- */
enum { GROUP = 8 };

/* Values of one or four bytes; `width` is a constant wherever this is used, so that each has loops of its own. */
static inline uint32_t value_at(const void *values, size_t i, size_t width)
{
    return width == 1 ? ((const uint8_t *)values)[i] : ((const uint32_t *)values)[i];
}

/* `count` values in groups of eight, the last one filled up with zeros. */
static inline void put_packed(weir_buffer *out, const void *values, size_t from, size_t count, size_t width, unsigned bits)
{
    size_t groups = (count + GROUP - 1) / GROUP;
    if (!groups)
        return;
    weir_put_varint(out, groups << 1 | 1);
    if (!weir_buffer_reserve(out, groups * bits + 8))
        return;
    packer p = { .out = out->data + out->length };
    for (size_t i = 0; i < count; i++)
        pack(&p, value_at(values, from + i, width), bits);
    for (size_t i = count; i < groups * GROUP; i++)
        pack(&p, 0, bits);
    out->length = (size_t)(pack_rest(&p) - out->data);
}

static void put_run(weir_buffer *out, uint32_t value, size_t count, unsigned bits)
{
    uint8_t bytes[4];
    weir_put_varint(out, count << 1);
    weir_store_le32(bytes, value);
    weir_buffer_append(out, bytes, (bits + 7) / 8);
}

/* Only at the very end may a group be filled up with zeros: readers would take them for values. */
static inline void put_hybrid(weir_buffer *out, const void *values, size_t count, size_t width, unsigned bits)
{
    size_t worth = bits <= 2 ? 3 * GROUP : GROUP;       /* shorter runs are smaller packed */
    size_t packed_from = 0;
    for (size_t i = 0, run; i < count; i += run) {
        uint32_t value = value_at(values, i, width);
        for (run = 1; i + run < count && value_at(values, i + run, width) == value; run++)
            continue;
        size_t fill = (GROUP - (i - packed_from) % GROUP) % GROUP;      /* the group before is filled up from the run */
        if (run < worth + fill)
            continue;
        put_packed(out, values, packed_from, i + fill - packed_from, width, bits);
        put_run(out, value, run - fill, bits);
        packed_from = i + run;
    }
    put_packed(out, values, packed_from, count - packed_from, width, bits);
}

void weir_put_hybrid(weir_buffer *out, const uint32_t *values, size_t count, unsigned bits) { put_hybrid(out, values, count, 4, bits); }
void weir_put_levels(weir_buffer *out, const uint8_t *levels, size_t count, unsigned bits) { put_hybrid(out, levels, count, 1, bits); }

void weir_put_level_run(weir_buffer *out, uint8_t level, size_t count, unsigned bits)
{
    if (count)
        put_run(out, level, count, bits);
}

void weir_put_bools(weir_buffer *out, const uint8_t *bools, size_t count)
{
    if (!weir_buffer_reserve(out, count / 8 + 8))
        return;
    packer p = { .out = out->data + out->length };
    for (size_t i = 0; i < count; i++)
        pack(&p, bools[i], 1);
    out->length = (size_t)(pack_rest(&p) - out->data);
}

/* ---- deltas -------------------------------------------------------------------------------------------------------------- */
enum { BLOCK = 128, MINIBLOCKS = 4, MINIBLOCK = BLOCK / MINIBLOCKS };

/* Differences of neighbours, wrapping round as the format wants it. The least of them, as a signed number of that width. */
static inline int64_t differences(const char *values, size_t from, size_t count, size_t width, uint64_t *out)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        int64_t d;
        if (width == 8)
            d = (int64_t)(weir_load_le64(values + 8 * (from + i)) - weir_load_le64(values + 8 * (from + i - 1)));
        else
            d = (int32_t)(weir_load_le32(values + 4 * (from + i)) - weir_load_le32(values + 4 * (from + i - 1)));
        least = d < least ? d : least;
        out[i] = (uint64_t)d;
    }
    return least;
}

static char *put_miniblock(char *out, const uint64_t *values, unsigned bits)
{
    packer p = { .out = out };
    if (bits == 0)
        return out;
    if (bits <= 32)
        for (size_t i = 0; i < MINIBLOCK; i++)
            pack(&p, (uint32_t)values[i], bits);
    else
        for (size_t i = 0; i < MINIBLOCK; i++) {
            pack(&p, (uint32_t)values[i], 32);
            pack(&p, (uint32_t)(values[i] >> 32), bits - 32);
        }
    return pack_rest(&p);
}

static void put_block(weir_buffer *out, const char *values, size_t from, size_t count, size_t width)
{
    uint64_t more[BLOCK] = { 0 };
    uint8_t bits[MINIBLOCKS] = { 0 };
    int64_t least = differences(values, from, count, width, more);
    uint64_t mask = width == 8 ? UINT64_MAX : UINT32_MAX;
    for (size_t i = 0; i < count; i++)
        more[i] = (more[i] - (uint64_t)least) & mask;
    weir_put_varint(out, weir_zigzag(least));
    for (size_t m = 0; m < MINIBLOCKS; m++) {
        uint64_t all = 0;
        for (size_t i = 0; i < MINIBLOCK; i++)
            all |= more[m * MINIBLOCK + i];
        bits[m] = (uint8_t)weir_bits_of(all);
    }
    weir_buffer_append(out, bits, sizeof bits);
    if (!weir_buffer_reserve(out, BLOCK * 8 + 8))
        return;
    char *to = out->data + out->length;
    for (size_t m = 0; m < MINIBLOCKS; m++)
        to = put_miniblock(to, more + m * MINIBLOCK, bits[m]);
    out->length = (size_t)(to - out->data);
}

void weir_put_deltas(weir_buffer *out, const char *values, size_t count, size_t width)
{
    weir_put_varint(out, BLOCK);
    weir_put_varint(out, MINIBLOCKS);
    weir_put_varint(out, count);
    weir_put_varint(out, weir_zigzag(width == 8 ? (int64_t)weir_load_le64(values) : (int32_t)weir_load_le32(values)));
    for (size_t from = 1; from < count && !out->failed; from += BLOCK)
        put_block(out, values, from, count - from < BLOCK ? count - from : BLOCK, width);
}

/* ---- CRC-32 ----------------------------------------------------------------------------------------------------------------- */
void weir_crc_make(weir_crc_table *table)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c >> 1 ^ (c & 1 ? 0xEDB88320u : 0);
        table->at[0][i] = c;
    }
    for (int k = 1; k < 8; k++)
        for (int i = 0; i < 256; i++)
            table->at[k][i] = table->at[k - 1][i] >> 8 ^ table->at[0][table->at[k - 1][i] & 255];
}

uint32_t weir_crc(const weir_crc_table *table, const void *bytes, size_t length)
{
    const uint8_t *p = bytes;
    uint32_t c = UINT32_MAX;
    for (; length >= 8; p += 8, length -= 8) {
        uint32_t low = weir_load_le32(p) ^ c, high = weir_load_le32(p + 4);
        c = table->at[7][low & 255] ^ table->at[6][low >> 8 & 255] ^ table->at[5][low >> 16 & 255] ^ table->at[4][low >> 24] ^
            table->at[3][high & 255] ^ table->at[2][high >> 8 & 255] ^ table->at[1][high >> 16 & 255] ^ table->at[0][high >> 24];
    }
    while (length--)
        c = c >> 8 ^ table->at[0][(c ^ *p++) & 255];
    return ~c;
}
