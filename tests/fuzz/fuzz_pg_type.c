/* PostgreSQL's fields: the decoder of each type, in binary and as text, and what was decoded on its way back to the server.
 * Input: the type's place in the table (beyond it: an enum, a domain, an array of them, another type as text), whether the field may be
 * borrowed, then its bytes. */
#include <stdlib.h>
#include <string.h>
#include "driver/postgres/codec.h"
#include "fuzz.h"

static weir_pg_type enumerated, domain, enums, other;

static size_t built_in_types(void)
{
    size_t count = 0;
    while (weir_pg_type_at(count))
        count++;
    return count;
}

static const weir_pg_type *choose(unsigned place)
{
    size_t count = built_in_types();
    weir_pg_type_from_catalog(&enumerated, 90001, "mood", 'e', 0, NULL, NULL);
    weir_pg_type_from_catalog(&domain, 90002, "cents", 'd', 0, NULL, weir_pg_type_find(WEIR_PG_OID_INT8));
    weir_pg_type_from_catalog(&enums, 90003, "mood[]", 'b', 90001, &enumerated, NULL);
    weir_pg_type_from_catalog(&other, 90004, "tsvector", 'b', 0, NULL, NULL);
    const weir_pg_type *more[] = { &enumerated, &domain, &enums, &other };
    place %= (unsigned)count + 4;
    return place < count ? weir_pg_type_at(place) : more[place - count];
}

/* What was decoded encodes, to bytes that decode to the same value. */
static void back_again(const weir_pg_type *type, const weir_step *step, const weir_value *value, weir_arena *arena)
{
    weir_buffer out;
    weir_error error = { .status = WEIR_OK };
    int16_t format = 0;
    weir_buffer_init(&out, weir_ledger_root(), WEIR_MEMORY_NETWORK, SIZE_MAX / 2);
    int status = weir_pg_encode(value, type, &out, &format, &error);
    FUZZ_DEMAND(status == WEIR_OK || status == WEIR_DATA || status == WEIR_NOT_SUPPORTED, "status %d: %s", status, error.message);
    FUZZ_DEMAND(status == WEIR_OK || out.length == 0, "half a value");
    if (status == WEIR_OK && format == 1) {
        weir_decode decode = { .arena = arena };
        weir_value again = { .type = WEIR_T_NULL };
        char *exact = fuzz_exact(out.data, out.length);
        FUZZ_DEMAND(step->decode(&decode, step, exact, out.length, &again) == WEIR_OK, "%s: %s", type->name, decode.reason);
        FUZZ_DEMAND(weir_value_equal(value, &again), "%s: another value", type->name);
        free(exact);
    }
    weir_buffer_free(&out);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    fuzz_script script = { data, data + size };
    weir_arena arena;
    const weir_pg_type *type = choose(fuzz_byte(&script));
    bool borrow = fuzz_byte(&script) & 1;
    size_t length = (size_t)(script.end - script.next);
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 512);
    weir_step step = { .offset = 0 };
    if (weir_pg_type_plan(type, &arena, &step) != WEIR_OK)
        return;
    weir_decode decode = { .arena = &arena, .borrow = borrow };
    weir_value value = { .type = WEIR_T_NULL };
    char *field = borrow ? fuzz_ended(script.next, length) : fuzz_exact(script.next, length);       /* the byte behind may be overwritten */
    int status = step.decode(&decode, &step, field, length, &value);
    FUZZ_DEMAND(status == WEIR_OK || status == WEIR_DATA || status == WEIR_OUT_OF_MEMORY, "status %d", status);
    if (status == WEIR_OK) {
        char text[64];
        FUZZ_DEMAND(value.type == type->type, "a %s became %s", type->name, weir_type_name(value.type));
        fuzz_touch(&value);
        weir_value_format(&value, text, sizeof text);
        back_again(type, &step, &value, &arena);
    }
    weir_arena_free(&arena);
    free(field);
}
