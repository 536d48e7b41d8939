/* What is made of the tables of options besides the help: the manual page and the shells' completions. */
#ifndef WEIR_CLI_DOCUMENTS_H
#define WEIR_CLI_DOCUMENTS_H
#include "options.h"

/* weir(1) in roff, on standard output. */
void manual_print(const command_spec *const *commands, size_t count);
/* The completion of `shell`, "bash" or "zsh", on standard output; false: there is none for that shell. */
bool completion_print(const char *shell, const command_spec *const *commands, size_t count);
#endif
