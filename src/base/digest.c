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

static void as_text(const uint8_t hash[WEIR_SHA256_SIZE], char out[WEIR_SHA256_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < WEIR_SHA256_SIZE; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[WEIR_SHA256_TEXT_SIZE - 1] = 0;
}

bool weir_sha256_text(const void *bytes, size_t length, char out[WEIR_SHA256_TEXT_SIZE])
{
    uint8_t hash[WEIR_SHA256_SIZE];
    if (!weir_sha256(bytes, length, hash))
        return false;
    as_text(hash, out);
    return true;
}

static void forget(weir_sha256_run *run)
{
    EVP_MD_CTX_free(run->inside);
    run->inside = NULL;
}

void weir_sha256_begin(weir_sha256_run *run)
{
    run->inside = EVP_MD_CTX_new();
    if (run->inside && !EVP_DigestInit_ex(run->inside, EVP_sha256(), NULL))
        forget(run);
}

void weir_sha256_add(weir_sha256_run *run, const void *bytes, size_t length)
{
    if (run->inside && length && !EVP_DigestUpdate(run->inside, bytes, length))
        forget(run);
}

bool weir_sha256_end(weir_sha256_run *run, char out[WEIR_SHA256_TEXT_SIZE])
{
    uint8_t hash[WEIR_SHA256_SIZE];
    unsigned size = 0;
    bool done = run->inside && EVP_DigestFinal_ex(run->inside, hash, &size) && size == WEIR_SHA256_SIZE;
    forget(run);
    if (done)
        as_text(hash, out);
    return done;
}

bool weir_hmac_sha256(const void *secret, size_t secret_length, const void *bytes, size_t length, uint8_t out[WEIR_SHA256_SIZE])
{
    unsigned size = 0;
    return secret_length <= INT_MAX && HMAC(EVP_sha256(), secret, (int)secret_length, bytes, length, out, &size) != NULL &&
           size == WEIR_SHA256_SIZE;
}

bool weir_same_bytes(const void *a, const void *b, size_t length) { return CRYPTO_memcmp(a, b, length) == 0; }

void weir_wipe(void *bytes, size_t length) { OPENSSL_cleanse(bytes, length); }
