/* Building FlatBuffers, from the end to the front. */
#include "transfer/flatbuffer.h"
#include <string.h>

enum { FIRST_ROOM = 1024 };

void weir_flat_begin(weir_flat *flat)
{
    flat->used = 0;
    flat->alignment = 4;
    flat->failed = false;
}

void weir_flat_free(weir_flat *flat)
{
    weir_free(flat->data);
    flat->data = NULL;
    flat->room = 0;
}

static bool make_room(weir_flat *flat, size_t extra)
{
    size_t room = flat->room ? flat->room : FIRST_ROOM;
    while (room < flat->used + extra)
        room *= 2;
    if (flat->failed || room == flat->room)
        return !flat->failed;
    uint8_t *data = weir_alloc(flat->ledger, WEIR_MEMORY_OUTPUT, room);
    if (!data) {
        flat->failed = true;
        return false;
    }
    if (flat->used)
        memcpy(data + room - flat->used, flat->data + flat->room - flat->used, flat->used);
    weir_free(flat->data);
    flat->data = data;
    flat->room = room;
    return true;
}

static void put(weir_flat *flat, const void *bytes, size_t count)
{
    if (!make_room(flat, count))
        return;
    flat->used += count;
    memcpy(flat->data + flat->room - flat->used, bytes, count);
}

/* Zeros, so that after `following` more bytes the front is aligned. */
static void align(weir_flat *flat, size_t alignment, size_t following)
{
    static const uint8_t zeros[8];
    if (alignment > flat->alignment)
        flat->alignment = alignment;
    put(flat, zeros, (alignment - (flat->used + following) % alignment) % alignment);
}

/* Little-endian, as the format wants. */
static void put_number(weir_flat *flat, uint64_t value, size_t bytes)
{
    uint8_t out[8];
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * i);
    put(flat, out, bytes);
}

static void put_reference(weir_flat *flat, size_t place)
{
    align(flat, 4, 0);
    put_number(flat, flat->used + 4 - place, 4);
}

size_t weir_flat_string(weir_flat *flat, const char *text)
{
    size_t length = strlen(text);
    align(flat, 4, length + 1);
    put(flat, text, length + 1);
    put_number(flat, length, 4);
    return flat->used;
}

size_t weir_flat_vector(weir_flat *flat, const size_t *places, size_t count)
{
    align(flat, 4, 4 * count);
    for (size_t i = count; i-- > 0;)
        put_reference(flat, places[i]);
    put_number(flat, count, 4);
    return flat->used;
}

size_t weir_flat_pairs(weir_flat *flat, int64_t (*pairs)[2], size_t count)
{
    align(flat, 4, 16 * count);
    align(flat, 8, 16 * count);
    for (size_t i = count; i-- > 0;) {
        put_number(flat, (uint64_t)pairs[i][1], 8);
        put_number(flat, (uint64_t)pairs[i][0], 8);
    }
    put_number(flat, count, 4);
    return flat->used;
}

void weir_flat_table(weir_flat *flat)
{
    memset(flat->fields, 0, sizeof flat->fields);
    flat->began = flat->used;
}

void weir_flat_field(weir_flat *flat, size_t field, int64_t value, size_t bytes)
{
    align(flat, bytes, 0);
    put_number(flat, (uint64_t)value, bytes);
    flat->fields[field] = flat->used;
}

void weir_flat_refer(weir_flat *flat, size_t field, size_t place)
{
    if (place == 0)
        return;
    put_reference(flat, place);
    flat->fields[field] = flat->used;
}

/* The table begins with the distance to its vtable, which lies in front of it: how far behind the table's front each field is. */
size_t weir_flat_end(weir_flat *flat)
{
    align(flat, 4, 0);
    put_number(flat, 0, 4);
    size_t table = flat->used, count = WEIR_FLAT_FIELDS;
    while (count > 0 && flat->fields[count - 1] == 0)
        count--;
    for (size_t i = count; i-- > 0;)
        put_number(flat, flat->fields[i] ? table - flat->fields[i] : 0, 2);
    put_number(flat, table - flat->began, 2);
    put_number(flat, (count + 2) * 2, 2);
    if (flat->failed)
        return 0;
    uint64_t distance = flat->used - table;
    for (size_t i = 0; i < 4; i++)
        flat->data[flat->room - table + i] = (uint8_t)(distance >> 8 * i);
    return table;
}

const void *weir_flat_finish(weir_flat *flat, size_t root, size_t *length)
{
    align(flat, flat->alignment, 4);
    put_reference(flat, root);
    *length = flat->used;
    return flat->failed ? NULL : flat->data + flat->room - flat->used;
}
