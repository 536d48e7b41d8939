/* Which driver serves which URL scheme. */
#include "engine/connection.h"
#include <string.h>

static const weir_driver *const drivers[] = { &weir_driver_sqlite, &weir_driver_postgresql };

const weir_driver *weir_registry_find(const char *scheme)
{
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
        for (const char *const *name = drivers[i]->schemes; *name; name++)
            if (strcmp(*name, scheme) == 0)
                return drivers[i];
    return NULL;
}

const weir_driver *weir_registry_at(size_t index) { return index < sizeof drivers / sizeof *drivers ? drivers[index] : NULL; }

const char *weir_registry_schemes(void) { return "sqlite, postgresql, postgres"; }
