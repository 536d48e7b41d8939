/* Parquet's structs as bytes: Thrift's compact protocol. */
#include "transfer/parquet_thrift.h"

void weir_put_varint(weir_buffer *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[length++] = (uint8_t)(value | 0x80);
    bytes[length++] = (uint8_t)value;
    weir_buffer_append(out, bytes, length);
}

weir_thrift weir_thrift_begin(weir_buffer *out) { return (weir_thrift){ .out = out }; }

void weir_thrift_item(weir_thrift *thrift) { thrift->last[++thrift->depth] = 0; }

void weir_thrift_end(weir_thrift *thrift)
{
    weir_buffer_byte(thrift->out, 0);
    thrift->depth -= thrift->depth > 0;
}

/* A field's id is told as what it is more than the last one, in the same byte as the type where that fits. */
static void field(weir_thrift *thrift, int id, weir_thrift_type type)
{
    int *last = &thrift->last[thrift->depth], more = id - *last;
    if (more >= 1 && more <= 15) {
        weir_buffer_byte(thrift->out, (char)(more << 4 | (int)type));
    } else {
        weir_buffer_byte(thrift->out, (char)type);
        weir_put_varint(thrift->out, weir_zigzag(id));
    }
    *last = id;
}

void weir_thrift_bool(weir_thrift *thrift, int id, bool value) { field(thrift, id, value ? WEIR_THRIFT_TRUE : WEIR_THRIFT_FALSE); }

void weir_thrift_byte(weir_thrift *thrift, int id, int8_t value)
{
    field(thrift, id, WEIR_THRIFT_BYTE);
    weir_buffer_byte(thrift->out, (char)value);
}

void weir_thrift_i32(weir_thrift *thrift, int id, int32_t value)
{
    field(thrift, id, WEIR_THRIFT_I32);
    weir_put_varint(thrift->out, weir_zigzag(value));
}

void weir_thrift_i64(weir_thrift *thrift, int id, int64_t value)
{
    field(thrift, id, WEIR_THRIFT_I64);
    weir_put_varint(thrift->out, weir_zigzag(value));
}

void weir_thrift_binary(weir_thrift *thrift, int id, const void *bytes, size_t length)
{
    field(thrift, id, WEIR_THRIFT_BINARY);
    weir_thrift_list_binary(thrift, bytes, length);
}

void weir_thrift_struct(weir_thrift *thrift, int id)
{
    field(thrift, id, WEIR_THRIFT_STRUCT);
    weir_thrift_item(thrift);
}

void weir_thrift_encoded(weir_thrift *thrift, int id, const void *bytes, size_t length)
{
    field(thrift, id, WEIR_THRIFT_STRUCT);
    weir_buffer_append(thrift->out, bytes, length);
}

void weir_thrift_empty(weir_thrift *thrift, int id)
{
    weir_thrift_struct(thrift, id);
    weir_thrift_end(thrift);
}

void weir_thrift_list(weir_thrift *thrift, int id, weir_thrift_type of, size_t count)
{
    field(thrift, id, WEIR_THRIFT_LIST);
    if (count < 15) {
        weir_buffer_byte(thrift->out, (char)(count << 4 | (size_t)of));
    } else {
        weir_buffer_byte(thrift->out, (char)(0xF0 | (int)of));
        weir_put_varint(thrift->out, count);
    }
}

void weir_thrift_list_int(weir_thrift *thrift, int64_t value) { weir_put_varint(thrift->out, weir_zigzag(value)); }
void weir_thrift_list_bool(weir_thrift *thrift, bool value) { weir_buffer_byte(thrift->out, value ? WEIR_THRIFT_TRUE : WEIR_THRIFT_FALSE); }

void weir_thrift_list_binary(weir_thrift *thrift, const void *bytes, size_t length)
{
    weir_put_varint(thrift->out, length);
    weir_buffer_append(thrift->out, bytes, length);
}
