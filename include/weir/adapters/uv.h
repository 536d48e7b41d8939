/* weir/adapters/uv.h: tasks on a libuv loop. In the library weir-uv (pkg-config weir-uv), so that programs without libuv need none. */
#ifndef WEIR_ADAPTERS_UV_H
#define WEIR_ADAPTERS_UV_H
#include <uv.h>
#include <weir/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Lives on the program's own loop, which must be initialised and outlive it: tasks run from uv_run. While there are tasks uv_run
 * does not end. Blocking work (dialling, cancelling, SQLite) runs on libuv's thread pool: UV_THREADPOOL_SIZE, 4 by default. The
 * caller's, never NULL (weir_loop_error). The loop's thread, or before uv_run. */
WEIR_API weir_loop *weir_uv_open(uv_loop_t *loop);
/* Ends it and sets *loop to NULL: the handles are closed as libuv demands, so uv_run has to turn once more before uv_loop_close.
 * WEIR_INVALID_REQUEST while tasks have not ended. */
WEIR_API WEIR_MUST_CHECK int weir_uv_close(weir_loop **loop);

#ifdef __cplusplus
}
#endif
#endif
