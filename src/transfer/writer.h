/* Writers inside: into a sink instead of a file. */
#ifndef WEIR_TRANSFER_WRITER_H
#define WEIR_TRANSFER_WRITER_H
#include <weir/transfer.h>
#include "transfer/output.h"

/* As weir_writer_open, but what is written goes to the sink; `path` only tells the format where the options do not. */
weir_writer *weir_writer_open_to(weir_output_sink sink, void *context, const char *path, const weir_writer_options *options);
/* Whether its format is rows one behind the other, so that files can be joined. */
bool weir_writer_makes_lines(const weir_writer *writer);
#endif
