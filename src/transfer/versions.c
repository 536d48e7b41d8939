/* The versions of the libraries underneath, told by each one's user. */
#include <stdio.h>
#include "engine/connection.h"
#include "transfer/parquet.h"

size_t weir_library_versions(char *buffer, size_t size)
{
    char one[128];
    size_t length = 0;
    for (size_t i = 0; weir_registry_at(i); i++) {
        weir_registry_at(i)->libraries(one, sizeof one);
        length += (size_t)snprintf(length < size ? buffer + length : NULL, length < size ? size - length : 0, "%s, ", one);
    }
    return length + (size_t)snprintf(length < size ? buffer + length : NULL, length < size ? size - length : 0, "zstd %s",
                                     weir_parquet_zstd_version());
}
