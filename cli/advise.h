/* weir advise: which batch size fits, and what will hurt. */
#ifndef WEIR_CLI_ADVISE_H
#define WEIR_CLI_ADVISE_H
#include "options.h"

extern const command_spec advise_command;
#endif
