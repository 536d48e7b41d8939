/* Database URLs: parsed, shown without what is secret, turned into dial plans. */
#include <stdlib.h>
#include <string.h>
#include "base/url.h"
#include "driver/driver.h"
#include "driver/postgres/pg.h"
#include "fuzz.h"

/* Values of secret keys, and the password in front of the host, are not shown. */
static void demand_secrets_hidden(const weir_url *url)
{
    const char *secret = strstr(url->whole, "://");
    const char *host = secret ? secret + 3 : "";
    size_t length = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', length), *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
    if (url->path || !colon || at - colon < 8)
        return;
    char password[256];
    size_t size = (size_t)(at - colon) - 1;
    if (size >= sizeof password)
        return;
    memcpy(password, colon + 1, size);
    password[size] = 0;
    const char *rest = at;
    FUZZ_DEMAND(!strstr(url->shown, password) || strstr(rest, password) || memmem(url->whole, (size_t)(colon + 1 - url->whole), password, size),
                "shown: %s", url->shown);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    weir_arena arena;
    weir_error error = { .status = WEIR_OK };
    weir_url url;
    if (memchr(data, 0, size) || size > 4096)
        return;
    char *text = fuzz_ended(data, size);
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_HANDLES, 256);
    int status = weir_url_parse(&arena, text, &url, &error);
    FUZZ_DEMAND(status == WEIR_OK || status == WEIR_ARGUMENT, "status %d", status);
    if (status == WEIR_OK) {
        weir_dial_plan plan = { .url = url, .ledger = weir_ledger_root() };
        demand_secrets_hidden(&url);
        for (size_t i = 0; i < url.parameter_count; i++)
            FUZZ_DEMAND(strlen(url.parameters[i].key) + strlen(url.parameters[i].value) <= size, "longer than what it was made of");
        const weir_driver *driver = url.path ? &weir_driver_sqlite : &weir_driver_postgresql;
        status = driver->check(&plan, &error);
        FUZZ_DEMAND(status == WEIR_OK || status < 0, "status %d", status);
    }
    weir_arena_free(&arena);
    free(text);
}
