/* Help for the tests of values: making them, their text through both doors, and refusals. */
#ifndef WEIR_TESTS_UNITS_VALUE_HELP_H
#define WEIR_TESTS_UNITS_VALUE_HELP_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <weir/value.h>
#include "base/values.h"

static inline weir_text text_of(const char *text) { return (weir_text){ text, strlen(text) }; }
static inline weir_value typed(weir_type type, const char *text)
{
    return (weir_value){ .type = type, .as.text = text_of(text) };
}
static inline weir_value numeric(const char *text) { return typed(WEIR_T_NUMERIC, text); }

/* A place for a value: of the last four. */
static inline const weir_value *at(weir_value v)
{
    static weir_value places[4];
    static unsigned next;
    places[next++ % 4] = v;
    return &places[(next - 1) % 4];
}
#define AT(x) at(WEIR_VALUE(x))

/* The text of a value, checked to be the same through both doors. */
static inline const char *format(weir_value v)
{
    static char text[4096];
    weir_buffer buffer;
    size_t length = weir_value_format(&v, text, sizeof text);
    assert_true(length < sizeof text);
    assert_int_equal(strlen(text), length);
    weir_buffer_init(&buffer, NULL, WEIR_MEMORY_OUTPUT, 1 << 20);
    weir_value_append(&buffer, &v);
    assert_false(buffer.failed);
    assert_int_equal(buffer.length, length);
    if (length)
        assert_memory_equal(buffer.data, text, length);
    weir_buffer_free(&buffer);
    return text;
}

#define assert_format(value, expected) assert_string_equal(format(value), expected)

/* refuses_<name>(value, reason): the getter gives WEIR_DATA with that reason, and leaves its result alone. */
#define DEFINES_REFUSAL(name, c_type)                                                              \
    static void refuses_##name(weir_value v, const char *expected)                                 \
    {                                                                                              \
        char reason[WEIR_REASON_SIZE];                                                             \
        struct { c_type v; } out, before;                                                          \
        memset(&out, 0x5A, sizeof out);                                                            \
        memset(&before, 0x5A, sizeof before);                                                      \
        assert_int_equal(weir_value_as_##name(&v, &out.v, reason), WEIR_DATA);                     \
        assert_string_equal(reason, expected);                                                     \
        assert_memory_equal(&out, &before, sizeof out);                                            \
        assert_int_equal(weir_value_as_##name(&v, &out.v, NULL), WEIR_DATA);                       \
    }

/* An array of one dimension. */
static inline weir_array array_of(weir_type type, const weir_value *items, const int32_t *length)
{
    static const int32_t one[] = { 1 };
    return (weir_array){ .element_type = type, .dimensions = 1, .lengths = length, .lower_bounds = one, .count = (size_t)*length,
                         .items = items };
}

#endif
