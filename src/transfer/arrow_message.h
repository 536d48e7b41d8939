/* Arrow's IPC messages (https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc; Schema.fbs,
 * Message.fbs): the schema, record batches, the end of the stream. */
#ifndef WEIR_TRANSFER_ARROW_MESSAGE_H
#define WEIR_TRANSFER_ARROW_MESSAGE_H
#include "transfer/arrow.h"
#include "transfer/flatbuffer.h"
#include "transfer/output.h"

/* Each writes one message to the output, whose error says how that went. WEIR_OK or WEIR_OUT_OF_MEMORY. */
int weir_arrow_write_schema(weir_flat *flat, weir_output *output, const weir_arrow_column *columns, size_t count);
int weir_arrow_write_batch(weir_flat *flat, weir_output *output, const weir_arrow_column *columns, size_t count, int64_t rows);
void weir_arrow_write_end(weir_output *output);
#endif
