/* The session settings that a link promises, put back when a statement changed them: UTF8, and after a reset the forms of texts and
 * connect_args (RULES W7, W9). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "driver/postgres/pg.h"

bool weir_pg_libpq_knows(const char *key)
{
    PQconninfoOption *options = PQconndefaults();
    bool known = false;
    for (PQconninfoOption *o = options; o && o->keyword && !known; o++)
        known = !strcmp(o->keyword, key);
    PQconninfoFree(options);
    return known;
}

/* Values that come and go as text only (ranges, composite types, points), and names of types, are the same whatever the database or the
 * environment sets: exact, and read by any other server as what they are. DateStyle's order of day and month stays the server's. */
static const char *const text_forms[] = { "DateStyle", "ISO", "IntervalStyle", "postgres", "extra_float_digits", "1", "bytea_output", "hex",
                                           "array_nulls", "on" };
enum { TEXT_FORMS = sizeof text_forms / sizeof *text_forms };

void weir_pg_send_text_forms(weir_pg_link *link)
{
    /* The last one where it is on alone: other servers do not know it. */
    char sql[768] = "SELECT pg_catalog.pg_backend_pid()::pg_catalog.text, CASE WHEN pg_catalog.current_setting('quote_all_identifiers', true) = 'on' "
                    "THEN pg_catalog.set_config('quote_all_identifiers', 'off', false) END";
    size_t length = strlen(sql);
    for (size_t i = 0; i < TEXT_FORMS; i += 2)
        length += (size_t)snprintf(sql + length, sizeof sql - length, ", pg_catalog.set_config('%s', '%s', false)", text_forms[i], text_forms[i + 1]);
    weir_pg_send_simple(link, sql);
    weir_pg_expect(link, WEIR_PG_PART_SESSION);
}

/* A pooler gives its clients process numbers of its own, for it passes their cancel requests on. */
void weir_pg_take_session(weir_pg_link *link, const uint8_t *body, size_t length)
{
    weir_pg_reader r = { body, body + length, false };
    uint16_t columns = weir_pg_read_u16(&r);
    int32_t size = columns ? (int32_t)weir_pg_read_u32(&r) : -1;
    const char *text = size > 0 ? (const char *)weir_pg_read_bytes(&r, (size_t)size) : NULL;
    int64_t process;
    if (text && !r.bad && link->base.backend_pid && weir_parse_int64((weir_text){ text, (size_t)size }, &process))
        link->base.pooled = process != link->base.backend_pid;
}

static bool in_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '.'; }

/* Whether the text has the word, without regard to case. */
static bool mentions(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = text; (at = strcasestr(at, word)) != NULL; at++)
        if ((at == text || !in_word(at[-1])) && !in_word(at[length]))
            return true;
    return false;
}

void weir_pg_note_reset(weir_pg_link *link, const char *tag)
{
    const char *sql = link->cursor->base.statement->sql;
    bool to_default = !strcmp(tag, "SET") && mentions(sql, "DEFAULT");
    if (to_default || !strcmp(tag, "RESET") || !strcmp(tag, "DISCARD ALL"))
        link->reset_sql = sql;
}

int weir_pg_setting_text(weir_pg_link *link, const char *key, const char *value, weir_buffer *out)
{
    char *quoted_key = PQescapeLiteral(link->conn, key, strlen(key)), *quoted = PQescapeLiteral(link->conn, value, strlen(value));
    if (quoted_key && quoted)
        weir_buffer_printf(out, "SELECT pg_catalog.set_config(%s, %s, false)", quoted_key, quoted);
    bool fine = quoted_key && quoted && weir_buffer_cstr(out);
    PQfreemem(quoted_key);
    PQfreemem(quoted);
    return fine ? WEIR_OK : weir_error_out_of_memory(&link->base.error);
}

static int send_setting(weir_pg_link *link, const char *key, const char *value)
{
    weir_buffer sql;
    weir_buffer_init(&sql, link->base.ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    int status = weir_pg_setting_text(link, key, value, &sql);
    if (status == WEIR_OK) {
        weir_pg_send_simple(link, weir_buffer_cstr(&sql));
        weir_pg_expect(link, WEIR_PG_PART_PLAIN);
    }
    weir_buffer_free(&sql);
    return status;
}

static int send_settings(weir_pg_link *link, const char *reset_sql)
{
    int status = WEIR_OK;
    bool all = mentions(reset_sql, "ALL"), forms = all;
    for (size_t i = 0; i < TEXT_FORMS; i += 2)
        forms = forms || mentions(reset_sql, text_forms[i]);
    if (forms)
        weir_pg_send_text_forms(link);
    for (const char *const *arg = link->plan->connect_args; status == WEIR_OK && arg && arg[0]; arg += 2)
        if ((all || mentions(reset_sql, arg[0])) && !weir_pg_libpq_knows(arg[0]))
            status = send_setting(link, arg[0], arg[1]);
    return status;
}

static void send_encoding(weir_pg_link *link)
{
    weir_error error;
    weir_error_set(&error, WEIR_INVALID_REQUEST, "client_encoding cannot become %s: weir works in UTF8; it was set back", link->encoding);
    weir_error_keep(&link->group_error, &error);
    weir_pg_send_simple(link, "SET client_encoding TO 'UTF8'");
    weir_pg_expect(link, WEIR_PG_PART_PLAIN);
}

int weir_pg_put_settings_back(weir_pg_link *link)
{
    const char *reset_sql = link->reset_sql;
    link->reset_sql = NULL;
    /* What an aborted transaction changed, it takes back itself. */
    if ((!reset_sql && !link->encoding[0]) || link->base.transaction == WEIR_LINK_FAILED)
        return WEIR_OK;
    link->part_count = link->part_next = link->parse_count = link->parse_next = 0;
    int status = reset_sql ? send_settings(link, reset_sql) : WEIR_OK;
    if (status != WEIR_OK)
        return weir_pg_lost(link, status, "no memory to set the session's settings again");
    if (link->encoding[0])
        send_encoding(link);
    link->encoding[0] = 0;
    if (!link->part_count)
        return WEIR_OK;
    status = weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, link->cursor);
    return status == WEIR_OK ? 1 : status;
}
