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
/* The same of bytes as they come: begin, add, end; all may be called after a failure, and end tells of it. */
typedef struct weir_sha256_run { void *inside; } weir_sha256_run;
void weir_sha256_begin(weir_sha256_run *run);
void weir_sha256_add(weir_sha256_run *run, const void *bytes, size_t length);
bool weir_sha256_end(weir_sha256_run *run, char out[WEIR_SHA256_TEXT_SIZE]);    /* and frees it; again: false */
bool weir_hmac_sha256(const void *secret, size_t secret_length, const void *bytes, size_t length, uint8_t out[WEIR_SHA256_SIZE]);
/* Takes the same time whatever differs. */
bool weir_same_bytes(const void *a, const void *b, size_t length);
/* Overwrites what must not stay in memory; not optimised away. */
void weir_wipe(void *bytes, size_t length);
#endif
