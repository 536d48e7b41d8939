/* weir import. */
#ifndef WEIR_CLI_IMPORT_H
#define WEIR_CLI_IMPORT_H
#include "options.h"

extern const command_spec import_command;
#endif
