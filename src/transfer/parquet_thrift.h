/* Parquet's structs as bytes: Thrift's compact protocol, written by hand, as far as Parquet needs it. */
#ifndef WEIR_TRANSFER_PARQUET_THRIFT_H
#define WEIR_TRANSFER_PARQUET_THRIFT_H
#include "base/buffer.h"

/* A struct is its fields in the order of their ids, then an end. Nested structs save the id that the outer one had come to. */
enum { WEIR_THRIFT_DEPTH = 8 };
typedef struct weir_thrift {
    weir_buffer *out;
    int          last[WEIR_THRIFT_DEPTH];   /* ids of the fields written last, of each struct that is open */
    int          depth;
} weir_thrift;

typedef enum weir_thrift_type {
    WEIR_THRIFT_TRUE = 1, WEIR_THRIFT_FALSE = 2, WEIR_THRIFT_BYTE = 3, WEIR_THRIFT_I16 = 4, WEIR_THRIFT_I32 = 5, WEIR_THRIFT_I64 = 6,
    WEIR_THRIFT_DOUBLE = 7, WEIR_THRIFT_BINARY = 8, WEIR_THRIFT_LIST = 9, WEIR_THRIFT_STRUCT = 12
} weir_thrift_type;

/* Begins a struct that is no field: the outermost one, or a list's item. Ended by weir_thrift_end. */
weir_thrift weir_thrift_begin(weir_buffer *out);
void weir_thrift_item(weir_thrift *thrift);             /* a struct in a list */
void weir_thrift_end(weir_thrift *thrift);

void weir_thrift_bool(weir_thrift *thrift, int id, bool value);
void weir_thrift_byte(weir_thrift *thrift, int id, int8_t value);
void weir_thrift_i32(weir_thrift *thrift, int id, int32_t value);
void weir_thrift_i64(weir_thrift *thrift, int id, int64_t value);
void weir_thrift_binary(weir_thrift *thrift, int id, const void *bytes, size_t length);
void weir_thrift_struct(weir_thrift *thrift, int id);   /* until weir_thrift_end */
/* A struct that was encoded before, with its end. */
void weir_thrift_encoded(weir_thrift *thrift, int id, const void *bytes, size_t length);
void weir_thrift_empty(weir_thrift *thrift, int id);    /* a struct without fields */
/* The items follow, each written by one of the next functions, or as a struct between item and end. */
void weir_thrift_list(weir_thrift *thrift, int id, weir_thrift_type of, size_t count);
void weir_thrift_list_int(weir_thrift *thrift, int64_t value);      /* i32, i64 */
void weir_thrift_list_bool(weir_thrift *thrift, bool value);
void weir_thrift_list_binary(weir_thrift *thrift, const void *bytes, size_t length);

/* Seven bits a byte, the lowest first. */
void weir_put_varint(weir_buffer *out, uint64_t value);
/* Small numbers of both signs as small numbers without one: 0, -1, 1, -2 as 0, 1, 2, 3. */
static inline uint64_t weir_zigzag(int64_t value) { return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0); }
#endif
