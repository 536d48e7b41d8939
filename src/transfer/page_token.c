/* Tokens of pages: base64url of
 *     version (1), flags (1), the statement's fingerprint (16), the key (key_text.c), tag (16)
 * The tag is the beginning of the HMAC-SHA-256 of all before it by the program's secret; without one, of the SHA-256, which shows
 * damage and nothing else. Nothing of a token is looked at before its tag was found right. */
#include "transfer/page_token.h"
#include <string.h>
#include "base/digest.h"
#include "base/error.h"
#include "transfer/order_parts.h"

enum {
    VERSION = 1,
    FLAG_AT = 1,
    MARK = 16, TAG = 16, HEAD = 2 + MARK,
    LONGEST = 1 << 20                   /* of a token's text: keys are small */
};

static bool make_tag(weir_token_secret secret, const void *bytes, size_t length, uint8_t tag[WEIR_SHA256_SIZE])
{
    return secret.length ? weir_hmac_sha256(secret.bytes, secret.length, bytes, length, tag) : weir_sha256(bytes, length, tag);
}

/* The first half of the fingerprint, as bytes. */
static void mark_of(const weir_order *order, uint8_t mark[MARK])
{
    char digits[WEIR_FINGERPRINT_SIZE];
    weir_order_fingerprint(order, digits);
    for (size_t i = 0; i < MARK; i++) {
        int high = (unsigned char)digits[2 * i], low = (unsigned char)digits[2 * i + 1];
        high -= high >= 'a' ? 'a' - 10 : '0';
        low -= low >= 'a' ? 'a' - 10 : '0';
        mark[i] = (uint8_t)(high << 4 | low);
    }
}

const char *weir_page_token(const weir_order *order, const weir_value *key, bool at, weir_token_secret secret, weir_arena *arena,
                            weir_error *error)
{
    weir_buffer bytes, text;
    uint8_t mark[MARK], tag[WEIR_SHA256_SIZE];
    char *token = NULL;
    weir_buffer_init(&bytes, arena->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 4);
    weir_buffer_init(&text, arena->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    mark_of(order, mark);
    weir_buffer_byte(&bytes, VERSION);
    weir_buffer_byte(&bytes, at ? FLAG_AT : 0);
    weir_buffer_append(&bytes, mark, MARK);
    int status = weir_key_append(key, weir_order_count(order), &bytes, error);
    if (status == WEIR_OK && bytes.length > LONGEST / 2)
        status = weir_error_set(error, WEIR_INVALID_REQUEST, "a row's place in the order has %zu bytes: too much for a page token", bytes.length);
    if (status == WEIR_OK && make_tag(secret, bytes.data, bytes.length, tag))
        weir_buffer_append(&bytes, tag, TAG);
    else if (status == WEIR_OK)
        status = weir_error_out_of_memory(error);
    if (status == WEIR_OK)
        weir_base64url_append(&text, bytes.data, bytes.length);
    if (status == WEIR_OK && (text.failed || !(token = weir_arena_bytes(arena, text.length + 1)))) {
        weir_error_out_of_memory(error);
    } else if (status == WEIR_OK) {
        memcpy(token, text.data, text.length);
        token[text.length] = 0;
    }
    weir_buffer_free(&bytes);
    weir_buffer_free(&text);
    return token;
}

static int refuse(weir_error *error, const char *why) { return weir_error_set(error, WEIR_DATA, "the page token %s", why); }

int weir_page_token_read(const weir_order *order, const char *token, weir_token_secret secret, weir_arena *arena, weir_value *key, bool *at,
                         weir_error *error)
{
    const uint8_t *bytes = NULL;
    size_t length = strnlen(token, LONGEST + 1), size = 0;
    uint8_t mark[MARK], tag[WEIR_SHA256_SIZE];
    if (length > LONGEST)
        return refuse(error, "is too long to be one");
    int status = weir_base64url_read(token, length, arena, &bytes, &size);
    if (status == WEIR_OUT_OF_MEMORY)
        return weir_error_out_of_memory(error);
    if (status != WEIR_OK || size < HEAD + TAG)
        return refuse(error, "is damaged, or none at all");
    if (bytes[0] != VERSION)
        return refuse(error, "is of another version of weir, or damaged");
    if (!make_tag(secret, bytes, size - TAG, tag))
        return weir_error_out_of_memory(error);
    if (!weir_same_bytes(tag, bytes + size - TAG, TAG))
        return refuse(error, secret.length ? "is damaged, or was not signed with this secret" : "is damaged, or was signed with a secret");
    mark_of(order, mark);
    if (memcmp(mark, bytes + 2, MARK) != 0)
        return refuse(error, "belongs to another statement: its conditions, values or order are not this one's");
    *at = bytes[1] & FLAG_AT;
    return weir_key_take(bytes + HEAD, size - HEAD - TAG, key, weir_order_count(order), error);
}
