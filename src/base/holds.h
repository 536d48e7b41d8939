/* What always holds, where neither a reader of one file nor an analyzer could tell: looked at in checked builds (debug and sanitizer ones) and
 * told to the analyzer; nothing in others. Never for what a user's input, a database or the system may break. */
#ifndef WEIR_BASE_HOLDS_H
#define WEIR_BASE_HOLDS_H
#if defined WEIR_CHECKED || defined __clang_analyzer__
#include <assert.h>
#define WEIR_HOLDS(condition) assert(condition)
#else
#define WEIR_HOLDS(condition) ((void)0)
#endif
#endif
