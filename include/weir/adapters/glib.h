/* weir/adapters/glib.h: tasks on a GLib main context. In the library weir-glib (pkg-config weir-glib). */
#ifndef WEIR_ADAPTERS_GLIB_H
#define WEIR_ADAPTERS_GLIB_H
#include <glib.h>
#include <weir/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Lives on a main context (NULL: the default one), which it references: tasks run from g_main_loop_run or g_main_context_iteration.
 * GLib's loops do not end by themselves; weir_loop_tasks says whether there are tasks left. Blocking work runs on up to
 * `workers` threads of its own (0: 4), which start when they are needed. The caller's, never NULL (weir_loop_error). */
WEIR_API weir_loop *weir_glib_open(GMainContext *context, unsigned workers);
/* Ends it, waits for its idle workers, and sets *loop to NULL. WEIR_INVALID_REQUEST while tasks have not ended. */
WEIR_API WEIR_MUST_CHECK int weir_glib_close(weir_loop **loop);

#ifdef __cplusplus
}
#endif
#endif
