/* weir copy. */
#ifndef WEIR_CLI_COPY_H
#define WEIR_CLI_COPY_H
#include "options.h"

extern const command_spec copy_command;
#endif
