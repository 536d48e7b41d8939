/* Switching stacks by ucontext, and telling the sanitizers and valgrind about it: the one file that knows. Decision 0019. */
#include "task/switch.h"
#include <stdint.h>

#if !defined(__unix__) && !defined(__APPLE__)
#error "weir's tasks need <ucontext.h> (makecontext, swapcontext): this platform has none; see docs/decisions/0019"
#endif
#ifdef WEIR_LIBUCONTEXT                 /* the same for a C library that has only the types (musl) */
#include <libucontext/libucontext.h>
#define getcontext  libucontext_getcontext
#define setcontext  libucontext_setcontext
#define makecontext libucontext_makecontext
#define swapcontext libucontext_swapcontext
#endif

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#ifdef __has_include
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WITH_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#ifdef WEIR_WITHOUT_TASKS

const char *weir_fiber_missing(void)
{
    return "This build of weir has no tasks. They need makecontext and swapcontext, which some C libraries (musl) leave to libucontext: "
           "build weir where pkg-config finds libucontext, or use threads.";
}

/* No loop opens, so nobody comes here. */
void weir_fiber_here(weir_fiber *fiber) { (void)fiber; }
void weir_fiber_switch(weir_fiber *from, weir_fiber *to) { (void)from, (void)to; }
void weir_fiber_leave(weir_fiber *from, weir_fiber *to) { (void)from, (void)to; }
void weir_fiber_unmake(weir_fiber *fiber) { (void)fiber; }

void weir_fiber_make(weir_fiber *fiber, void *stack, size_t size, void (*enter)(void *argument), void *argument)
{
    *fiber = (weir_fiber){ .stack = stack, .size = size, .enter = enter, .argument = argument };
}

#else

const char *weir_fiber_missing(void) { return NULL; }

/* Before and after a switch. `keep` false: `from` will not be entered again. */
static void announce(weir_fiber *from, weir_fiber *to, int keep)
{
    to->from = from;
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(keep ? &from->shadow : NULL, to->stack, to->size);
#elif defined(WITH_TSAN)
    __tsan_switch_to_fiber(to->shadow, 0);
#endif
    (void)keep;
}

static void arrive(weir_fiber *here)
{
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(here->shadow, &here->from->stack, &here->from->size);
#endif
    (void)here;
}

void weir_fiber_here(weir_fiber *fiber)
{
#ifdef WITH_TSAN
    fiber->shadow = __tsan_get_current_fiber();
#endif
    (void)fiber;
}

/* makecontext passes ints. */
static void start(unsigned low, unsigned high)
{
    weir_fiber *fiber = (weir_fiber *)((uintptr_t)low | (uintptr_t)((uint64_t)high << 32));
    arrive(fiber);
    fiber->enter(fiber->argument);
}

void weir_fiber_make(weir_fiber *fiber, void *stack, size_t size, void (*enter)(void *argument), void *argument)
{
    fiber->enter = enter;
    fiber->argument = argument;
    fiber->stack = stack;
    fiber->size = size;
    fiber->valgrind = VALGRIND_STACK_REGISTER(stack, (char *)stack + size);
    fiber->shadow = NULL;
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(stack, size);
#elif defined(WITH_TSAN)
    fiber->shadow = __tsan_create_fiber(0);
#endif
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = stack;
    fiber->context.uc_stack.ss_size = size;
    fiber->context.uc_link = NULL;
    uint64_t address = (uintptr_t)fiber;
    makecontext(&fiber->context, (void (*)(void))start, 2, (unsigned)(address & 0xFFFFFFFFU), (unsigned)(address >> 32));
#ifdef WITH_ASAN
    fiber->context.uc_stack.ss_size = 0;    /* else its swapcontext forgets the redzones of the whole stack at each switch */
#endif
}

void weir_fiber_switch(weir_fiber *from, weir_fiber *to)
{
    announce(from, to, 1);
    swapcontext(&from->context, &to->context);
    arrive(from);
}

void weir_fiber_leave(weir_fiber *from, weir_fiber *to)
{
    announce(from, to, 0);
    setcontext(&to->context);
}

void weir_fiber_unmake(weir_fiber *fiber)
{
    VALGRIND_STACK_DEREGISTER(fiber->valgrind);
#ifdef WITH_TSAN
    __tsan_destroy_fiber(fiber->shadow);
#endif
    fiber->shadow = NULL;
}

#endif
