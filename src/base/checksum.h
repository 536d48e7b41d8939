/* XXH64 over bytes as they come: what tells a file that was changed, damaged or cut from the one that was written. Not a secret: it
 * finds accidents and mistakes, not forgers. `xxhsum -H1` prints the same number. */
#ifndef WEIR_BASE_CHECKSUM_H
#define WEIR_BASE_CHECKSUM_H
#include <stddef.h>
#include <stdint.h>

typedef struct weir_checksum {
    uint64_t      lanes[4];
    uint64_t      length;               /* of all bytes so far */
    unsigned char pending[32];          /* the last length % 32 bytes */
} weir_checksum;

void weir_checksum_init(weir_checksum *checksum);
void weir_checksum_add(weir_checksum *checksum, const void *bytes, size_t length);
/* Of all bytes so far; more may follow. */
uint64_t weir_checksum_value(const weir_checksum *checksum);
#endif
