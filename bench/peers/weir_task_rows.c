/* weir_rows.c in a task on a libuv loop. */
static int in_thread(int argc, char **argv);
#define main in_thread
#include "weir_rows.c"
#undef main
#include "peer_task.h"
