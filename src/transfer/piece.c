/* One file of an export that is many files. */
#include "transfer/piece.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"

static int take(void *context, const char *bytes, size_t length, weir_error *error)
{
    weir_piece *piece = context;
    weir_sha256_add(&piece->hash, bytes, length);
    weir_output_bytes(&piece->output, bytes, length);
    piece->facts.bytes += (int64_t)length;
    return piece->output.error.status == WEIR_OK ? WEIR_OK : weir_error_keep(error, &piece->output.error);
}

int weir_piece_open(weir_piece *piece, weir_ledger *ledger, const char *path, const weir_writer_options *options, bool fixed, weir_error *error)
{
    *piece = (weir_piece){ .output.fd = -1 };
    weir_sha256_begin(&piece->hash);
    piece->writer = weir_writer_open_to(take, piece, path, options);
    int kind = WEIR_OUTPUT_OWN | (fixed ? WEIR_OUTPUT_PART : 0);
    if (weir_error_keep(error, weir_writer_error(piece->writer)) == WEIR_OK && weir_output_open(&piece->output, ledger, path, kind) == WEIR_OK && fixed)
        weir_part_continue(&piece->output, 0, 0);
    return weir_error_keep(error, &piece->output.error);
}

int weir_piece_columns(weir_piece *piece, const weir_result *result, weir_error *error)
{
    return weir_writer_columns(piece->writer, result) == WEIR_OK ? WEIR_OK : weir_error_keep(error, weir_writer_error(piece->writer));
}

int weir_piece_rows(weir_piece *piece, const weir_partition *rows, weir_error *error)
{
    return weir_writer_many(piece->writer, rows->rows, rows->count) == WEIR_OK ? WEIR_OK : weir_error_keep(error, weir_writer_error(piece->writer));
}

int weir_piece_finish(weir_piece *piece, weir_error *error)
{
    piece->facts.rows = weir_writer_rows(piece->writer);
    if (weir_writer_finish(piece->writer) != WEIR_OK)
        return weir_error_keep(error, weir_writer_error(piece->writer));
    if (!weir_sha256_end(&piece->hash, piece->facts.sha256))
        return weir_error_out_of_memory(error);
    if (weir_output_finish(&piece->output) != WEIR_OK) {
        /* It may have its name already, and its directory could not be brought to disk: what does not count must not look as if it did. */
        if (piece->output.final_path && !piece->output.temporary_path)
            unlink(piece->output.final_path);
        return weir_error_keep(error, &piece->output.error);
    }
    return WEIR_OK;
}

void weir_piece_drop(weir_piece *piece)
{
    char unused[WEIR_SHA256_TEXT_SIZE];
    if (piece->writer)
        weir_writer_abort(&piece->writer);
    /* A part stays when it is dropped; this one holds nothing that could be gone on with. The name is its own: it has the lock. */
    weir_part_discard(&piece->output);
    weir_output_drop(&piece->output);
    weir_sha256_end(&piece->hash, unused);
}

bool weir_piece_is_there(const char *path, const weir_piece_facts *facts)
{
    char bytes[16384], sha256[WEIR_SHA256_TEXT_SIZE];
    struct stat file;
    weir_sha256_run hash;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode) || file.st_size != facts->bytes) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    weir_sha256_begin(&hash);
    size_t n;
    int number;
    while ((number = weir_read_once(fd, bytes, sizeof bytes, &n)) == 0 && n > 0)
        weir_sha256_add(&hash, bytes, n);
    close(fd);
    return weir_sha256_end(&hash, sha256) && number == 0 && strcmp(sha256, facts->sha256) == 0;
}
