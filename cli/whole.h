/* Small files that appear whole: a program that reads one meanwhile sees the old one. */
#ifndef WEIR_CLI_WHOLE_H
#define WEIR_CLI_WHOLE_H
#include "text.h"

/* Written beside it under a name that is made exclusively, then renamed: a symbolic link is replaced, never followed. A file
 * that is replaced gives its permissions. Devices, pipes and open files (/dev/stdout) are written to as they are. 0, or an exit code, told. */
int whole_write(const char *path, const text *content);
#endif
