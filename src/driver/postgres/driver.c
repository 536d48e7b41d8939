/* The PostgreSQL driver's table. */
#include <libpq-fe.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include "driver/postgres/pg.h"

static const char *const schemes[] = { "postgresql", "postgres", NULL };

static const char *begin_text(weir_isolation isolation, bool read_only, char *buffer, size_t size)
{
    const char *level = weir_dialect_postgresql.isolation_names[isolation];
    bool plain = isolation == WEIR_ISOLATION_DEFAULT || isolation == WEIR_AUTOCOMMIT || !level;
    snprintf(buffer, size, "BEGIN%s%s%s", plain ? "" : " ISOLATION LEVEL ", plain ? "" : level, read_only ? " READ ONLY" : "");
    return buffer;
}

static int libraries(char *buffer, size_t size)
{
    int version = PQlibVersion();       /* 150008 is 15.8 */
    const char *openssl = OpenSSL_version(OPENSSL_VERSION);     /* "OpenSSL 3.0.14 4 Jun 2024" */
    size_t name = strcspn(openssl, " "), length = name + strspn(openssl + name, " ");
    length += strcspn(openssl + length, " ");
    return snprintf(buffer, size, "libpq %d.%d, %.*s", version / 10000, version % 10000, (int)length, openssl);
}

const weir_driver weir_driver_postgresql = {
    .name = "postgresql", .schemes = schemes, .dialect = &weir_dialect_postgresql,
    .stream_mode = WEIR_MODE_PORTAL, .cursor_size = sizeof(weir_pg_cursor),
    .check = weir_pg_check, .dial = weir_pg_dial, .hang_up = weir_pg_hang_up, .abandon = weir_pg_abandon,
    .command = weir_pg_command, .begin = weir_pg_begin, .prepare = weir_pg_prepare, .open = weir_pg_open, .fetch = weir_pg_fetch,
    .close = weir_pg_close, .drop = weir_pg_drop, .ping = weir_pg_ping, .listen = weir_pg_listen, .advance = weir_pg_advance,
    .read_ahead = weir_pg_read_ahead, .open_ahead = weir_pg_open_ahead, .forget = weir_pg_forget, .plan_cell = weir_pg_plan_cell,
    .copy_begin = weir_pg_copy_begin, .copy_put = weir_pg_copy_put, .copy_end = weir_pg_copy_end,
    .run_page = weir_pg_run_page, .ask_order = weir_pg_ask_order, .array_type = weir_pg_array_type, .begin_text = begin_text,
    .cancel = weir_pg_cancel, .awaits = weir_pg_awaits, .reachable = weir_pg_reachable,
    .libraries = libraries,
};
