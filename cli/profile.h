/* weir profile: memory over rows, measured, as a figure. */
#ifndef WEIR_CLI_PROFILE_H
#define WEIR_CLI_PROFILE_H
#include "options.h"

extern const command_spec profile_command;
#endif
