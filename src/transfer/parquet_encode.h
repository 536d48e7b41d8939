/* How Parquet writes numbers closely: bit packing, runs (RLE hybrid), deltas; and the checksum of pages. Lengths are counts of values. */
#ifndef WEIR_TRANSFER_PARQUET_ENCODE_H
#define WEIR_TRANSFER_PARQUET_ENCODE_H
#include <endian.h>
#include <string.h>
#include "base/buffer.h"

/* Everything in the file is little-endian. */
static inline void weir_store_le32(void *to, uint32_t v) { v = htole32(v); memcpy(to, &v, 4); }
static inline void weir_store_le64(void *to, uint64_t v) { v = htole64(v); memcpy(to, &v, 8); }
static inline uint32_t weir_load_le32(const void *from) { uint32_t v; memcpy(&v, from, 4); return le32toh(v); }
static inline uint64_t weir_load_le64(const void *from) { uint64_t v; memcpy(&v, from, 8); return le64toh(v); }

/* Bits that hold every number up to `most`; 0 for 0. */
static inline unsigned weir_bits_of(uint64_t most) { return most ? 64u - (unsigned)__builtin_clzll(most) : 0; }

/* Runs of equal values, and between them values packed into `bits` bits each. */
void weir_put_hybrid(weir_buffer *out, const uint32_t *values, size_t count, unsigned bits);
/* The same of levels, one byte each. */
void weir_put_levels(weir_buffer *out, const uint8_t *levels, size_t count, unsigned bits);
/* One run of `count` times the same level. */
void weir_put_level_run(weir_buffer *out, uint8_t level, size_t count, unsigned bits);
/* Booleans, one byte each, as bits. */
void weir_put_bools(weir_buffer *out, const uint8_t *bools, size_t count);
/* DELTA_BINARY_PACKED of plain INT32 (width 4) or INT64 (width 8) values; at least one. */
void weir_put_deltas(weir_buffer *out, const char *values, size_t count, size_t width);

/* CRC-32 as gzip has it. The table is made once per file: nothing that changes is global. */
typedef struct weir_crc_table { uint32_t at[8][256]; } weir_crc_table;
void weir_crc_make(weir_crc_table *table);
uint32_t weir_crc(const weir_crc_table *table, const void *bytes, size_t length);
#endif
