/* SHA-256 and HMAC by libcrypto, which comes with libpq's TLS. */
#include "base/digest.h"
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

bool weir_sha256(const void *bytes, size_t length, uint8_t out[WEIR_SHA256_SIZE])
{
    unsigned size = 0;
    return EVP_Digest(bytes, length, out, &size, EVP_sha256(), NULL) && size == WEIR_SHA256_SIZE;
}

bool weir_sha256_text(const void *bytes, size_t length, char out[WEIR_SHA256_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[WEIR_SHA256_SIZE];
    if (!weir_sha256(bytes, length, hash))
        return false;
    for (size_t i = 0; i < WEIR_SHA256_SIZE; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[WEIR_SHA256_TEXT_SIZE - 1] = 0;
    return true;
}

bool weir_hmac_sha256(const void *secret, size_t secret_length, const void *bytes, size_t length, uint8_t out[WEIR_SHA256_SIZE])
{
    unsigned size = 0;
    return secret_length <= INT_MAX && HMAC(EVP_sha256(), secret, (int)secret_length, bytes, length, out, &size) != NULL &&
           size == WEIR_SHA256_SIZE;
}

bool weir_same_bytes(const void *a, const void *b, size_t length) { return CRYPTO_memcmp(a, b, length) == 0; }
