/* Arrow's IPC messages. Numbers of fields, types and units are those of Schema.fbs and Message.fbs. */
#include "transfer/arrow_message.h"

enum { VERSION_5 = 4, HEADER_SCHEMA = 1, HEADER_BATCH = 3 };
enum { MESSAGE_VERSION = 0, MESSAGE_HEADER_TYPE, MESSAGE_HEADER, MESSAGE_BODY_LENGTH };
enum { SCHEMA_ENDIANNESS = 0, SCHEMA_FIELDS };
enum { FIELD_NAME = 0, FIELD_NULLABLE, FIELD_TYPE_TYPE, FIELD_TYPE, FIELD_DICTIONARY, FIELD_CHILDREN, FIELD_METADATA };
enum { BATCH_LENGTH = 0, BATCH_NODES, BATCH_BUFFERS };
enum { MICROSECOND = 2, MONTH_DAY_NANO = 2, BODY_ALIGNMENT = 8 };
enum { TYPE_NULL = 1, TYPE_INT, TYPE_FLOATING_POINT, TYPE_BINARY, TYPE_UTF8, TYPE_BOOL, TYPE_DECIMAL, TYPE_DATE, TYPE_TIME,
       TYPE_TIMESTAMP, TYPE_INTERVAL, TYPE_LIST, TYPE_FIXED_SIZE_BINARY = 15 };

/* The type's table: its fields in order, each with its width in bytes; 0: no more. */
typedef struct type_field { int64_t value; size_t bytes; } type_field;
static const struct { int type; type_field fields[2]; } types[] = {
    [WEIR_ARROW_NULL] = { TYPE_NULL, { { 0, 0 } } }, [WEIR_ARROW_BIT] = { TYPE_BOOL, { { 0, 0 } } },
    [WEIR_ARROW_INT16] = { TYPE_INT, { { 16, 4 }, { true, 1 } } }, [WEIR_ARROW_INT32] = { TYPE_INT, { { 32, 4 }, { true, 1 } } },
    [WEIR_ARROW_INT64] = { TYPE_INT, { { 64, 4 }, { true, 1 } } }, [WEIR_ARROW_FLOAT] = { TYPE_FLOATING_POINT, { { 1, 2 } } },
    [WEIR_ARROW_DOUBLE] = { TYPE_FLOATING_POINT, { { 2, 2 } } }, [WEIR_ARROW_DECIMAL] = { TYPE_DECIMAL, { { 0, 0 } } },
    [WEIR_ARROW_TEXT] = { TYPE_UTF8, { { 0, 0 } } }, [WEIR_ARROW_FORMATTED] = { TYPE_UTF8, { { 0, 0 } } },
    [WEIR_ARROW_BINARY] = { TYPE_BINARY, { { 0, 0 } } }, [WEIR_ARROW_DATE] = { TYPE_DATE, { { 0, 2 } } },
    [WEIR_ARROW_TIME] = { TYPE_TIME, { { MICROSECOND, 2 }, { 64, 4 } } }, [WEIR_ARROW_TIMESTAMP] = { TYPE_TIMESTAMP, { { MICROSECOND, 2 } } },
    [WEIR_ARROW_INTERVAL] = { TYPE_INTERVAL, { { MONTH_DAY_NANO, 2 } } }, [WEIR_ARROW_UUID] = { TYPE_FIXED_SIZE_BINARY, { { 16, 4 } } },
    [WEIR_ARROW_LIST] = { TYPE_LIST, { { 0, 0 } } },
};

/* ---- the schema ------------------------------------------------------------------------------------------------------- */
static size_t write_type(weir_flat *flat, const weir_arrow_column *column)
{
    size_t zone = column->type == WEIR_T_TIMESTAMPTZ ? weir_flat_string(flat, "UTC") : 0;
    weir_flat_table(flat);
    for (size_t i = 0; i < 2 && types[column->layout].fields[i].bytes; i++)
        weir_flat_field(flat, i, types[column->layout].fields[i].value, types[column->layout].fields[i].bytes);
    if (column->layout == WEIR_ARROW_DECIMAL) {
        weir_flat_field(flat, 0, column->precision, 4);
        weir_flat_field(flat, 1, column->scale, 4);
    }
    weir_flat_refer(flat, 1, zone);
    return weir_flat_end(flat);
}

static size_t write_metadata(weir_flat *flat, const weir_arrow_column *column)
{
    const char *extension = weir_arrow_extension(column);
    if (!extension)
        return 0;
    size_t value = weir_flat_string(flat, extension), key = weir_flat_string(flat, "ARROW:extension:name");
    weir_flat_table(flat);
    weir_flat_refer(flat, 0, key);
    weir_flat_refer(flat, 1, value);
    size_t pair = weir_flat_end(flat);
    return weir_flat_vector(flat, &pair, 1);
}

static size_t write_field(weir_flat *flat, const weir_arrow_column *column)
{
    size_t item = column->item ? write_field(flat, column->item) : 0;
    size_t children = weir_flat_vector(flat, &item, column->item ? 1 : 0);
    size_t type = write_type(flat, column), metadata = write_metadata(flat, column), name = weir_flat_string(flat, column->name);
    weir_flat_table(flat);
    weir_flat_refer(flat, FIELD_NAME, name);
    weir_flat_field(flat, FIELD_NULLABLE, true, 1);
    weir_flat_field(flat, FIELD_TYPE_TYPE, types[column->layout].type, 1);
    weir_flat_refer(flat, FIELD_TYPE, type);
    weir_flat_refer(flat, FIELD_CHILDREN, children);
    weir_flat_refer(flat, FIELD_METADATA, metadata);
    return weir_flat_end(flat);
}

/* ---- messages ----------------------------------------------------------------------------------------------------------- */
static void put_int32(weir_output *output, uint32_t value)
{
    char bytes[4] = { (char)value, (char)(value >> 8), (char)(value >> 16), (char)(value >> 24) };
    weir_output_bytes(output, bytes, sizeof bytes);
}

static void put_padding(weir_output *output, size_t length)
{
    static const char zeros[BODY_ALIGNMENT];
    weir_output_bytes(output, zeros, (BODY_ALIGNMENT - length % BODY_ALIGNMENT) % BODY_ALIGNMENT);
}

static size_t padded(size_t length) { return (length + BODY_ALIGNMENT - 1) / BODY_ALIGNMENT * BODY_ALIGNMENT; }

static int write_message(weir_flat *flat, weir_output *output, int header_type, size_t header, int64_t body_length)
{
    size_t length;
    weir_flat_table(flat);
    weir_flat_field(flat, MESSAGE_BODY_LENGTH, body_length, 8);
    weir_flat_refer(flat, MESSAGE_HEADER, header);
    weir_flat_field(flat, MESSAGE_VERSION, VERSION_5, 2);
    weir_flat_field(flat, MESSAGE_HEADER_TYPE, header_type, 1);
    const void *message = weir_flat_finish(flat, weir_flat_end(flat), &length);
    if (!message)
        return WEIR_OUT_OF_MEMORY;
    put_int32(output, 0xFFFFFFFF);
    put_int32(output, (uint32_t)padded(length));
    weir_output_bytes(output, message, length);
    put_padding(output, length);
    return WEIR_OK;
}

int weir_arrow_write_schema(weir_flat *flat, weir_output *output, const weir_arrow_column *columns, size_t count)
{
    size_t *fields = weir_alloc(flat->ledger, WEIR_MEMORY_OUTPUT, count * sizeof *fields);
    if (!fields)
        return WEIR_OUT_OF_MEMORY;
    weir_flat_begin(flat);
    for (size_t i = 0; i < count; i++)
        fields[i] = write_field(flat, &columns[i]);
    size_t vector = weir_flat_vector(flat, fields, count);
    weir_free(fields);
    weir_flat_table(flat);
    weir_flat_refer(flat, SCHEMA_FIELDS, vector);
    return write_message(flat, output, HEADER_SCHEMA, weir_flat_end(flat), 0);
}

/* What of a batch is where: filled column by column, a list's items behind it. */
typedef struct places {
    int64_t (*nodes)[2], (*buffers)[2];
    size_t  node_count, buffer_count;
    int64_t end;                        /* of the body so far */
} places;

static size_t depth(const weir_arrow_column *column) { return column ? 1 + depth(column->item) : 0; }

static void place_column(places *p, const weir_arrow_column *column)
{
    weir_arrow_buffer buffers[3];
    size_t count = weir_arrow_buffers(column, buffers);
    p->nodes[p->node_count][0] = column->length;
    p->nodes[p->node_count++][1] = column->nulls;
    for (size_t i = 0; i < count; i++) {
        p->buffers[p->buffer_count][0] = p->end;
        p->buffers[p->buffer_count++][1] = (int64_t)buffers[i].length;
        p->end += (int64_t)padded(buffers[i].length);
    }
    if (column->item)
        place_column(p, column->item);
}

static void write_body(weir_output *output, const weir_arrow_column *column)
{
    weir_arrow_buffer buffers[3];
    size_t count = weir_arrow_buffers(column, buffers);
    for (size_t i = 0; i < count; i++) {
        weir_output_bytes(output, buffers[i].bytes, buffers[i].length);
        put_padding(output, buffers[i].length);
    }
    if (column->item)
        write_body(output, column->item);
}

int weir_arrow_write_batch(weir_flat *flat, weir_output *output, const weir_arrow_column *columns, size_t count, int64_t rows)
{
    size_t nodes = 0;
    for (size_t i = 0; i < count; i++)
        nodes += depth(&columns[i]);
    int64_t (*pairs)[2] = weir_alloc(flat->ledger, WEIR_MEMORY_OUTPUT, 4 * nodes * sizeof *pairs);
    if (!pairs)
        return WEIR_OUT_OF_MEMORY;
    places p = { .nodes = pairs, .buffers = pairs + nodes };
    for (size_t i = 0; i < count; i++)
        place_column(&p, &columns[i]);
    weir_flat_begin(flat);
    size_t buffer_vector = weir_flat_pairs(flat, p.buffers, p.buffer_count), node_vector = weir_flat_pairs(flat, p.nodes, p.node_count);
    weir_flat_table(flat);
    weir_flat_field(flat, BATCH_LENGTH, rows, 8);
    weir_flat_refer(flat, BATCH_NODES, node_vector);
    weir_flat_refer(flat, BATCH_BUFFERS, buffer_vector);
    int status = write_message(flat, output, HEADER_BATCH, weir_flat_end(flat), p.end);
    for (size_t i = 0; status == WEIR_OK && i < count; i++)
        write_body(output, &columns[i]);
    weir_free(pairs);
    return status;
}

void weir_arrow_write_end(weir_output *output)
{
    put_int32(output, 0xFFFFFFFF);
    put_int32(output, 0);
}
