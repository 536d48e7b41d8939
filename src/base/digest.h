/* SHA-256, alone and as a signature (HMAC), by OpenSSL's libcrypto. */
#ifndef WEIR_BASE_DIGEST_H
#define WEIR_BASE_DIGEST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIR_SHA256_SIZE = 32, WEIR_SHA256_TEXT_SIZE = 65 };

/* False: libcrypto could not (no memory). */
bool weir_sha256(const void *bytes, size_t length, uint8_t out[WEIR_SHA256_SIZE]);
/* The same as hexadecimal digits with a NUL behind them. */
bool weir_sha256_text(const void *bytes, size_t length, char out[WEIR_SHA256_TEXT_SIZE]);
bool weir_hmac_sha256(const void *secret, size_t secret_length, const void *bytes, size_t length, uint8_t out[WEIR_SHA256_SIZE]);
/* Takes the same time whatever differs. */
bool weir_same_bytes(const void *a, const void *b, size_t length);
#endif
