/* One file of an export that is many files: rows through a writer, counted and hashed on their way to disk. */
#ifndef WEIR_TRANSFER_PIECE_H
#define WEIR_TRANSFER_PIECE_H
#include <limits.h>
#include "base/digest.h"
#include "transfer/output.h"
#include "transfer/writer.h"

/* A file as the manifest tells of it. */
typedef struct weir_piece_facts {
    int64_t range, attempt, rows, bytes;        /* attempt: of ranges of one run, and of those that go on: the run */
    char    sha256[WEIR_SHA256_TEXT_SIZE];
} weir_piece_facts;

typedef struct weir_piece {
    weir_writer    *writer;             /* into `output` */
    weir_output     output;
    weir_sha256_run hash;
    weir_piece_facts facts;
} weir_piece;

/* Opens a file that gets the name `path` when it is finished. fixed: it has a fixed name until then (weir_output's part, begun anew), so that
 * what a killed process left is used again. A status; weir_piece_drop in any case. */
int weir_piece_open(weir_piece *piece, weir_ledger *ledger, const char *path, const weir_writer_options *options, bool fixed, weir_error *error);
int weir_piece_columns(weir_piece *piece, const weir_result *result, weir_error *error);
int weir_piece_rows(weir_piece *piece, const weir_partition *rows, weir_error *error);
/* On disk and under its name: facts are filled. */
int weir_piece_finish(weir_piece *piece, weir_error *error);
/* Frees it; what was not finished is removed. */
void weir_piece_drop(weir_piece *piece);
/* Whether the file of that path still is what the facts say: its size, and its bytes. */
bool weir_piece_is_there(const char *path, const weir_piece_facts *facts);

/* ---- manifest.c ---- */
typedef struct weir_manifest {
    const char *format;                 /* csv, jsonl, … */
    const char *job;                    /* NULL: none */
    bool        fixed;                  /* as weir_piece_open's, for who is alone */
    int64_t     snapshots;              /* runs that read; with more than one each piece says which */
    size_t      count;
    const weir_piece_facts *pieces;
    /* The file's name, and who wrote it (NULL: nobody tells), of the index-th. */
    void (*name)(void *context, size_t index, char out[NAME_MAX + 1]);
    const char *(*owner)(void *context, size_t index);
    void       *context;
} weir_manifest;
/* Writes the manifest of all that counts, by rename. A status. */
int weir_manifest_write(const weir_manifest *manifest, const char *path, weir_ledger *ledger, weir_error *error);
#endif
