/* Prepared statements: what the server said of each text, kept per link, the least recently used dropped first (RULES W2). */
#include <stdio.h>
#include <string.h>
#include "driver/postgres/pg.h"

static uint64_t hash_text(const char *text, size_t length)
{
    uint64_t h = 14695981039346656037u;         /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        h = (h ^ (uint8_t)text[i]) * 1099511628211u;
    return h;
}

weir_pg_statement *weir_pg_statement_find(weir_pg_link *link, const char *sql, size_t length, bool serial)
{
    uint64_t hash = hash_text(sql, length);
    for (weir_pg_statement **at = &link->statements; *at; at = &(*at)->next) {
        weir_pg_statement *s = *at;
        if (s->hash != hash || s->serial != serial || s->sql_length != length || memcmp(s->sql, sql, length) != 0)
            continue;
        *at = s->next;
        s->next = link->statements;
        link->statements = s;
        return s;
    }
    return NULL;
}

weir_pg_statement *weir_pg_statement_new(weir_pg_link *link, const char *sql, size_t length, bool serial, bool named)
{
    weir_pg_statement *s = weir_alloc_zero(link->base.ledger, WEIR_MEMORY_STATEMENTS, sizeof *s);
    if (!s)
        return NULL;
    weir_arena_init(&s->arena, link->base.ledger, WEIR_MEMORY_STATEMENTS, 512);
    char *copy = weir_arena_bytes(&s->arena, length + 1);
    if (!copy) {
        weir_free(s);
        return NULL;
    }
    memcpy(copy, sql, length);
    copy[length] = 0;
    s->sql = copy;
    s->sql_length = length;
    s->hash = hash_text(sql, length);
    s->serial = serial;
    if (named)
        snprintf(s->name, sizeof s->name, "weir_s%u_%s", ++link->next_statement, link->mark);
    return s;
}

static void free_statement(weir_pg_statement *s)
{
    weir_arena_free(&s->arena);
    weir_free(s);
}

static void unlink_statement(weir_pg_link *link, weir_pg_statement *statement)
{
    for (weir_pg_statement **at = &link->statements; *at; at = &(*at)->next)
        if (*at == statement) {
            *at = statement->next;
            link->statement_count--;
            return;
        }
}

/* Not in the middle of a COPY, whose rows are in the buffer: then the server keeps what is of no use any more. */
static void close_at_server(weir_pg_link *link, const weir_pg_statement *statement)
{
    if (!link->copy)
        weir_pg_send_close(link, 'S', statement->name);
}

void weir_pg_statement_drop(weir_pg_link *link, weir_pg_statement *statement)
{
    unlink_statement(link, statement);
    if (statement->users > 0)
        statement->orphaned = true;
    else
        free_statement(statement);
}

void weir_pg_statement_release(weir_pg_link *link, weir_pg_statement *statement)
{
    if (--statement->users > 0 || !statement->orphaned)
        return;
    if (statement->closed_later)
        close_at_server(link, statement);
    free_statement(statement);
}

void weir_pg_statement_discard(weir_pg_link *link, weir_pg_statement *statement)
{
    if (statement->orphaned)
        return;
    if (statement->users > 0)
        statement->closed_later = true;             /* closing it now would close its portals */
    else
        close_at_server(link, statement);
    weir_pg_statement_drop(link, statement);
}

void weir_pg_statements_discard(weir_pg_link *link)
{
    while (link->statements)
        weir_pg_statement_discard(link, link->statements);
}

void weir_pg_statements_doubted(weir_pg_link *link)
{
    static const char *const brackets[] = { WEIR_PG_SERIAL_NAME, WEIR_PG_PARALLEL_NAME, WEIR_PG_ORDERED_NAME, WEIR_PG_FREED_NAME };
    char name[WEIR_PG_NAME];
    link->base.forgotten++;
    weir_pg_statements_discard(link);
    for (size_t i = 0; i < sizeof brackets / sizeof *brackets && !link->copy; i++) {
        weir_pg_bracket_name(link, brackets[i], name);
        weir_pg_send_close(link, 'S', name);
    }
    weir_pg_brackets_forgotten(link);
}

/* "prepared statement "weir_s1_…" does not exist", in any language. */
bool weir_pg_names_our_statement(const weir_pg_link *link, const weir_error *error)
{
    return !strcmp(error->sqlstate, "26000") && strstr(error->message, link->mark);
}

void weir_pg_statement_keep(weir_pg_link *link, weir_pg_statement *statement)
{
    statement->next = link->statements;
    link->statements = statement;
    if (++link->statement_count <= WEIR_PG_STATEMENTS_KEPT)
        return;
    weir_pg_statement *oldest = NULL;
    for (weir_pg_statement *s = link->statements->next; s; s = s->next)
        if (s->users == 0)
            oldest = s;
    if (!oldest)
        return;
    weir_pg_statement_discard(link, oldest);
}

void weir_pg_statements_free(weir_pg_link *link)
{
    while (link->statements)
        weir_pg_statement_drop(link, link->statements);
}

static int malformed(weir_pg_link *link)
{
    return weir_pg_lost(link, WEIR_INTERFACE, "the server described a statement in a malformed message");
}

int weir_pg_statement_parameters(weir_pg_link *link, weir_pg_statement *s, const uint8_t *body, size_t length)
{
    weir_pg_reader r = { body, body + length, false };
    s->parameter_count = weir_pg_read_u16(&r);
    s->parameter_oids = weir_arena_take(&s->arena, (s->parameter_count + 1) * sizeof *s->parameter_oids);
    s->parameter_types = weir_arena_take(&s->arena, (s->parameter_count + 1) * sizeof *s->parameter_types);
    if (!s->parameter_oids || !s->parameter_types)
        return weir_error_out_of_memory(&link->base.error);
    for (size_t i = 0; i < s->parameter_count; i++)
        s->parameter_oids[i] = weir_pg_read_u32(&r);
    return r.bad ? malformed(link) : WEIR_OK;
}

int weir_pg_statement_columns(weir_pg_link *link, weir_pg_statement *s, const uint8_t *body, size_t length)
{
    weir_pg_reader r = { body, body + length, false };
    s->returns_rows = true;
    s->column_count = weir_pg_read_u16(&r);
    s->columns = weir_arena_take(&s->arena, (s->column_count + 1) * sizeof *s->columns);
    s->column_oids = weir_arena_take(&s->arena, (s->column_count + 1) * sizeof *s->column_oids);
    if (!s->columns || !s->column_oids)
        return weir_error_out_of_memory(&link->base.error);
    for (size_t i = 0; i < s->column_count; i++) {
        const char *name = weir_pg_read_cstr(&r);
        size_t name_length = strlen(name);
        char *copy = weir_arena_bytes(&s->arena, name_length + 1);
        if (!copy)
            return weir_error_out_of_memory(&link->base.error);
        memcpy(copy, name, name_length + 1);
        uint32_t table = weir_pg_read_u32(&r);
        int attribute = (int16_t)weir_pg_read_u16(&r);
        s->column_oids[i] = weir_pg_read_u32(&r);
        weir_pg_read_u16(&r);                   /* size of the type */
        s->columns[i] = (weir_pg_column){ .name = copy, .modifier = (int32_t)weir_pg_read_u32(&r),
                                            .table_oid = table, .table_column = attribute };
        weir_pg_read_u16(&r);                   /* format: not decided yet */
    }
    return r.bad ? malformed(link) : WEIR_OK;
}

int weir_pg_statement_resolve(weir_pg_link *link, weir_pg_statement *s)
{
    for (size_t i = 0; i < s->parameter_count; i++)
        s->parameter_types[i] = weir_pg_type_known(link, s->parameter_oids[i]);
    for (size_t i = 0; i < s->column_count; i++) {
        const weir_pg_type *type = weir_pg_type_known(link, s->column_oids[i]);
        if (!type)
            return weir_error_set(&link->base.error, WEIR_INTERNAL, "the server does not know type %u of column '%s'",
                                  (unsigned)s->column_oids[i], s->columns[i].name);
        s->columns[i].type = type;
    }
    return WEIR_OK;
}
