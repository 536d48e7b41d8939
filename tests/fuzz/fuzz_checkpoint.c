/* Checkpoints from strangers. Input: a byte (1: the lines are given a right checksum), then the text; @ stands for the fingerprint of the
 * statement, so that a text can belong to it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>
#include "base/checksum.h"
#include "fuzz.h"
#include "transfer/checkpoint.h"

static void read_and_write(weir_checkpoint *checkpoint, weir_buffer *text)
{
    char *exact = fuzz_exact(text->data, text->length);
    int status = weir_checkpoint_restore(checkpoint, exact, text->length);
    FUZZ_DEMAND(status == WEIR_OK || status == WEIR_DATA || status == WEIR_INVALID_REQUEST, "status %d", status);
    free(exact);
    if (status != WEIR_OK)
        return;
    size_t length, again_length;
    const char *written = weir_checkpoint_text(checkpoint, &length);
    FUZZ_DEMAND(written, "%s", weir_checkpoint_error(checkpoint)->message);
    char *first = fuzz_exact(written, length);
    FUZZ_DEMAND(weir_checkpoint_restore(checkpoint, first, length) == WEIR_OK, "%s", weir_checkpoint_error(checkpoint)->message);
    written = weir_checkpoint_text(checkpoint, &again_length);
    FUZZ_DEMAND(length == again_length && !memcmp(first, written, length), "what was written reads as something else");
    free(first);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    fuzz_script script = { data, data + size };
    bool sign = fuzz_byte(&script) & 1;
    weir_stmt *stmt = weir_sql("SELECT id, at, name FROM things");
    weir_engine *engine;
    weir_buffer text;
    if (weir_engine_open(&engine, "sqlite://", NULL) != WEIR_OK)
        return;
    weir_checkpoint *checkpoint = weir_checkpoint_new(engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "name, id"));
    weir_buffer_init(&text, weir_ledger_root(), WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    for (; script.next < script.end; script.next++) {
        if (*script.next == '@')
            weir_buffer_text(&text, checkpoint->fingerprint);
        else
            weir_buffer_byte(&text, (char)*script.next);
    }
    if (sign) {
        weir_checksum checksum;
        weir_checksum_init(&checksum);
        if (text.length)
            weir_checksum_add(&checksum, text.data, text.length);
        weir_buffer_printf(&text, "check %016" PRIx64 "\n", weir_checksum_value(&checksum));
    }
    read_and_write(checkpoint, &text);
    weir_buffer_free(&text);
    weir_checkpoint_free(&checkpoint);
    weir_stmt_free(&stmt);
    weir_engine_close(&engine);
}
