/* What the targets share: an input as a line of choices, and demands on what comes of it. A target is one function, fuzz_one; fuzz.c sees to
 * it that no memory is left behind and that none is taken without measure. */
#ifndef WEIR_TESTS_FUZZ_H
#define WEIR_TESTS_FUZZ_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/value.h>
#include "base/arena.h"

/* One input. Whatever it is, the function returns. */
void fuzz_one(const uint8_t *data, size_t size);

/* What is left of an input whose bytes are choices; at its end all of them are 0. */
typedef struct fuzz_script { const uint8_t *next, *end; } fuzz_script;
unsigned fuzz_byte(fuzz_script *script);
uint64_t fuzz_number(fuzz_script *script, unsigned bytes);
/* A length of one byte, then so many bytes (255: a length of two more bytes), less where the input ends. Never NULL. */
weir_text fuzz_text(fuzz_script *script);
/* The same, copied into the arena with a NUL behind it, its own NULs as '0'. */
const char *fuzz_cstr(fuzz_script *script, weir_arena *arena);
/* A value of any type, in the arena; depth: how deep arrays may be. */
weir_value fuzz_value(fuzz_script *script, weir_arena *arena, unsigned depth);
/* A copy without a byte behind it, so that a sanitizer sees a read past its end; the caller's, for free. */
char *fuzz_exact(const void *bytes, size_t length);
char *fuzz_ended(const void *bytes, size_t length);         /* with a NUL behind it */

/* Reads every byte that the value has. */
void fuzz_touch(const weir_value *value);

/* Stops with the words and the place when it does not hold. */
#define FUZZ_DEMAND(condition, ...) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, __VA_ARGS__))
_Noreturn void fuzz_fail(const char *file, int line, const char *format, ...) WEIR_PRINTF_(3, 4);
#endif
