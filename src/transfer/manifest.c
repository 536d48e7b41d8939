/* The manifest of an export that is many files: what is not in it does not count. One line per file. */
#include <inttypes.h>
#include <stdio.h>
#include "transfer/encode.h"
#include "transfer/piece.h"

static void put(weir_output *output, const char *text) { weir_output_bytes(output, text, strlen(text)); }
static void put_string(weir_output *output, const char *text) { weir_json_put_string(output, (weir_text){ text, strlen(text) }); }

static void put_member(weir_output *output, const char *before, const char *value)
{
    put(output, before);
    put_string(output, value);
}

static void put_number(weir_output *output, const char *before, int64_t value)
{
    char digits[WEIR_INTEGER_SIZE];
    put(output, before);
    weir_output_bytes(output, digits, (size_t)(weir_put_integer(digits, value) - digits));
}

static void put_piece(weir_output *output, const weir_manifest *manifest, size_t index)
{
    const weir_piece_facts *piece = &manifest->pieces[index];
    char name[NAME_MAX + 1];
    put_number(output, index ? ",\n{\"range\":" : "\n{\"range\":", piece->range);
    if (manifest->job)
        put_number(output, ",\"attempt\":", piece->attempt);
    else if (manifest->snapshots > 1)
        put_number(output, ",\"snapshot\":", piece->attempt);
    manifest->name(manifest->context, index, name);
    put_member(output, ",\"file\":", name);
    if (manifest->owner)
        put_member(output, ",\"owner\":", manifest->owner(manifest->context, index));
    put_number(output, ",\"rows\":", piece->rows);
    put_number(output, ",\"bytes\":", piece->bytes);
    put_member(output, ",\"sha256\":", piece->sha256);
    put(output, "}");
}

int weir_manifest_write(const weir_manifest *manifest, const char *path, weir_ledger *ledger, weir_error *error)
{
    weir_output output;
    int64_t rows = 0, bytes = 0;
    for (size_t i = 0; i < manifest->count; i++) {
        rows += manifest->pieces[i].rows;
        bytes += manifest->pieces[i].bytes;
    }
    if (weir_output_open(&output, ledger, path, WEIR_OUTPUT_OWN | (manifest->fixed ? WEIR_OUTPUT_PART : 0)) == WEIR_OK && manifest->fixed)
        weir_part_continue(&output, 0, 0);
    if (output.error.status == WEIR_OK) {
        put(&output, "{\"weir_manifest\":1");
        if (manifest->job)
            put_member(&output, ",\"job\":", manifest->job);
        put_member(&output, ",\"format\":", manifest->format);
        put_number(&output, ",\"rows\":", rows);
        put_number(&output, ",\"bytes\":", bytes);
        if (manifest->snapshots > 1)
            put_number(&output, ",\"snapshots\":", manifest->snapshots);
        put(&output, ",\"parts\":[");
        for (size_t i = 0; i < manifest->count; i++)
            put_piece(&output, manifest, i);
        put(&output, "\n]}\n");
        weir_output_finish(&output);
    }
    int status = weir_error_keep(error, &output.error);
    weir_part_discard(&output);
    weir_output_drop(&output);
    return status;
}
