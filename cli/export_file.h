/* weir export: the file, or the directory of parts, that the rows go into. */
#ifndef WEIR_CLI_EXPORT_FILE_H
#define WEIR_CLI_EXPORT_FILE_H
#include "export.h"

/* 0, or EXIT_USAGE for options that do not go together. */
int export_check_file(const export_settings *settings);
/* What a row group of Parquet takes: as given, or a part of --memory, which bounds both it and the stream; 0: the default. */
int64_t export_row_group_bytes(const export_settings *settings);
/* The writer's options, and what they point to. */
typedef struct export_writer { weir_writer_options options; const char **pairs; char *copies; } export_writer;
/* False: no memory. To be freed in any case. */
bool export_writer_make(const export_settings *settings, export_writer *out);
void export_writer_free(export_writer *writer);
/* 0, or an exit code when a line was said. */
int export_open_file(export_run *run);
/* A signal that ends the command at once removes the file that is being written: another one after a part is finished. */
void export_watch_file(export_run *run);
#endif
