/* Page tokens and keys from strangers, with a secret and without. Input: flags (1: a secret; 2: the bytes of a key, which are given a right
 * tag, so that what is behind the tag is met; 4: choices for a key that is written and read back), then the token's text or the key. */
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>
#include "base/digest.h"
#include "base/values.h"
#include "fuzz.h"
#include "sql/dialect.h"
#include "transfer/order_parts.h"
#include "transfer/page_token.h"

enum { COLUMNS = 2 };

static weir_order *make_order(void)
{
    weir_error error = { .status = WEIR_OK };
    weir_stmt *stmt = weir_sql("SELECT id, name FROM things");
    weir_order *order = weir_order_of(stmt, &(weir_order_options){ .dialect = &weir_dialect_postgresql, .text = "name, id", .unchecked = true },
                                      weir_ledger_root(), &error);
    weir_stmt_free(&stmt);
    FUZZ_DEMAND(order, "%s", error.message);
    return order;
}

/* The text of a token that has these bytes as its key. */
static char *signed_token(const weir_order *order, const uint8_t *key, size_t length, weir_token_secret secret)
{
    char digits[WEIR_FINGERPRINT_SIZE];
    uint8_t tag[WEIR_SHA256_SIZE];
    weir_buffer bytes, text;
    weir_buffer_init(&bytes, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, SIZE_MAX / 4);
    weir_buffer_init(&text, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, SIZE_MAX / 4);
    weir_order_fingerprint(order, digits);
    weir_buffer_append(&bytes, "\1", 2);
    for (int i = 0; i < 16; i++)
        weir_buffer_byte(&bytes, (char)strtoul((char[]){ digits[2 * i], digits[2 * i + 1], 0 }, NULL, 16));
    weir_buffer_append(&bytes, key, length);
    if (secret.length)
        weir_hmac_sha256(secret.bytes, secret.length, bytes.data, bytes.length, tag);
    else
        weir_sha256(bytes.data, bytes.length, tag);
    weir_buffer_append(&bytes, tag, 16);
    weir_base64url_append(&text, bytes.data, bytes.length);
    char *out = fuzz_ended(text.data, text.length);
    weir_buffer_free(&bytes);
    weir_buffer_free(&text);
    return out;
}

static void write_and_read(const weir_order *order, fuzz_script *script, weir_token_secret secret, weir_arena *arena)
{
    weir_value key[COLUMNS] = { fuzz_value(script, arena, 1), fuzz_value(script, arena, 1) }, back[COLUMNS];
    weir_error error = { .status = WEIR_OK };
    bool at = fuzz_byte(script) & 1, at_back;
    for (size_t i = 0; i < COLUMNS; i++)
        if (weir_type_is_text(key[i].type) && weir_utf8_valid_length(key[i].as.text) < key[i].as.text.len)
            key[i] = weir_value_null();
    const char *token = weir_page_token(order, key, at, secret, arena, &error);
    if (!token) {
        FUZZ_DEMAND(error.status == WEIR_NOT_SUPPORTED, "%s", error.message);
        return;
    }
    FUZZ_DEMAND(weir_page_token_read(order, token, secret, arena, back, &at_back, &error) == WEIR_OK, "%s", error.message);
    FUZZ_DEMAND(at == at_back && weir_value_equal(&key[0], &back[0]) && weir_value_equal(&key[1], &back[1]), "another place");
    weir_token_secret wrong = { "wrong", 5 };
    FUZZ_DEMAND(weir_page_token_read(order, token, wrong, arena, back, &at_back, &error) == WEIR_DATA, "taken with another secret");
}

void fuzz_one(const uint8_t *data, size_t size)
{
    fuzz_script script = { data, data + size };
    weir_arena arena;
    weir_error error = { .status = WEIR_OK };
    weir_value key[COLUMNS];
    bool at;
    unsigned flags = fuzz_byte(&script);
    weir_token_secret secret = { "a secret of the program", flags & 1 ? 23 : 0 };
    size_t length = (size_t)(script.end - script.next);
    weir_order *order = make_order();
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 512);
    if (flags & 4) {
        write_and_read(order, &script, secret, &arena);
    } else {
        char *token = flags & 2 ? signed_token(order, script.next, length, secret) : fuzz_ended(script.next, length);
        int status = weir_page_token_read(order, token, secret, &arena, key, &at, &error);
        FUZZ_DEMAND(status == WEIR_OK || status == WEIR_DATA, "status %d", status);
        for (size_t i = 0; status == WEIR_OK && i < COLUMNS; i++)
            fuzz_touch(&key[i]);
        if (status == WEIR_OK) {            /* a key that was taken makes a statement that compiles */
            weir_stmt *stmt = weir_order_statement(order, &(weir_order_range){ .after = key, .limit = 10 });
            weir_compiled compiled;
            weir_stmt_compile(stmt, &weir_dialect_postgresql, &arena, &compiled, &error);
            weir_stmt_free(&stmt);
        }
        free(token);
    }
    weir_arena_free(&arena);
    weir_order_free(order);
}
