/* Mutexes. No lock is held across a wait (RULES T2): a task that parks with one would stop its loop's thread at the next task that
 * wants it. Checked builds (debug and sanitizer ones) count the locks that a thread holds, and each wait looks. */
#ifndef WEIR_BASE_LOCK_H
#define WEIR_BASE_LOCK_H
#include <pthread.h>
#include "base/wait.h"

#ifdef WEIR_CHECKED
#include <assert.h>
#define WEIR_LOCK_TAKEN_() ((void)weir_here_now()->locks++)
#define WEIR_LOCK_GIVEN_() ((void)weir_here_now()->locks--)
#define WEIR_NO_LOCK_IS_HELD() assert(weir_here_now()->locks == 0 && "a lock is held across a wait (T2)")
#else
#define WEIR_LOCK_TAKEN_() ((void)0)
#define WEIR_LOCK_GIVEN_() ((void)0)
#define WEIR_NO_LOCK_IS_HELD() ((void)0)
#endif

static inline void weir_lock(pthread_mutex_t *mutex)
{
    pthread_mutex_lock(mutex);
    WEIR_LOCK_TAKEN_();
}

static inline bool weir_try_lock(pthread_mutex_t *mutex)
{
    if (pthread_mutex_trylock(mutex) != 0)
        return false;
    WEIR_LOCK_TAKEN_();
    return true;
}

static inline void weir_unlock(pthread_mutex_t *mutex)
{
    WEIR_LOCK_GIVEN_();
    pthread_mutex_unlock(mutex);
}
#endif
