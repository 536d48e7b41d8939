/* One file of an export that is many files. */
#include "transfer/piece.h"
#include <string.h>

static int take(void *context, const char *bytes, size_t length, weir_error *error)
{
    weir_piece *piece = context;
    weir_sha256_add(&piece->hash, bytes, length);
    weir_output_bytes(&piece->output, bytes, length);
    piece->facts.bytes += (int64_t)length;
    return piece->output.error.status == WEIR_OK ? WEIR_OK : weir_error_keep(error, &piece->output.error);
}

int weir_piece_open(weir_piece *piece, weir_ledger *ledger, const char *path, const weir_writer_options *options, weir_error *error)
{
    *piece = (weir_piece){ .output.fd = -1 };
    weir_sha256_begin(&piece->hash);
    piece->writer = weir_writer_open_to(take, piece, path, options);
    if (weir_error_keep(error, weir_writer_error(piece->writer)) == WEIR_OK && weir_output_open(&piece->output, ledger, path, false) != WEIR_OK)
        weir_error_keep(error, &piece->output.error);
    return error->status;
}

int weir_piece_columns(weir_piece *piece, const weir_result *result, weir_error *error)
{
    return weir_writer_columns(piece->writer, result) == WEIR_OK ? WEIR_OK : weir_error_keep(error, weir_writer_error(piece->writer));
}

int weir_piece_rows(weir_piece *piece, const weir_partition *rows, weir_error *error)
{
    for (size_t i = 0; i < rows->count; i++)
        if (weir_writer_row(piece->writer, rows->rows[i]) != WEIR_OK)
            return weir_error_keep(error, weir_writer_error(piece->writer));
    return WEIR_OK;
}

int weir_piece_finish(weir_piece *piece, weir_error *error)
{
    piece->facts.rows = weir_writer_rows(piece->writer);
    if (weir_writer_finish(piece->writer) != WEIR_OK)
        return weir_error_keep(error, weir_writer_error(piece->writer));
    if (!weir_sha256_end(&piece->hash, piece->facts.sha256))
        return weir_error_out_of_memory(error);
    if (weir_output_finish(&piece->output) != WEIR_OK)
        return weir_error_keep(error, &piece->output.error);
    return WEIR_OK;
}

void weir_piece_drop(weir_piece *piece)
{
    char unused[WEIR_SHA256_TEXT_SIZE];
    if (piece->writer)
        weir_writer_abort(&piece->writer);
    weir_output_drop(&piece->output);
    weir_sha256_end(&piece->hash, unused);
}
