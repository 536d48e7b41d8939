/* Filling weir_error: fixed-size, first error wins where it says so. */
#ifndef WEIR_BASE_ERROR_H
#define WEIR_BASE_ERROR_H
#include <stdarg.h>
#include <weir/base.h>

/* What the system says about an errno: borrowed, or in `buffer`. C libraries disagree about what strerror_r returns. */
const char *weir_error_of_system(int number, char *buffer, size_t size);
/* Replaces what is there. Returns status, so that a failing function can `return weir_error_set(…)`. */
int weir_error_set(weir_error *error, int status, const char *format, ...) WEIR_PRINTF_(3, 4);
int weir_error_set_v(weir_error *error, int status, const char *format, va_list arguments);
int weir_error_out_of_memory(weir_error *error);
/* Copies `from` unless `to` already has an error; returns to's status. */
int weir_error_keep(weir_error *to, const weir_error *from);
void weir_error_clear(weir_error *error);
/* Copies text into a member of `size` bytes, cut at a character's end. */
void weir_error_text(char *member, size_t size, const char *text, size_t length);
/* Puts "prefix: " context in front of the message, once. */
void weir_error_context(weir_error *error, const char *format, ...) WEIR_PRINTF_(2, 3);

/* What an analyzer cannot know, since it sees one file at a time: the status that is given is returned, and stands in the error. */
#ifdef __clang_analyzer__
#define weir_error_set(error, status_, ...) ((void)weir_error_set(error, status_, __VA_ARGS__), (error)->status = (status_))
#define weir_error_out_of_memory(error) ((void)weir_error_out_of_memory(error), (error)->status = WEIR_OUT_OF_MEMORY)
#endif
#endif
