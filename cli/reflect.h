/* weir reflect: a C header of entities from a live schema. */
#ifndef WEIR_CLI_REFLECT_H
#define WEIR_CLI_REFLECT_H
#include "options.h"

extern const command_spec reflect_command;
#endif
