/* Types that are not built in (enums, domains, arrays of them, extensions): looked up once per link in pg_type (RULES W2). */
#include <stdlib.h>
#include <string.h>
#include "driver/postgres/pg.h"

const weir_pg_type *weir_pg_type_known(weir_pg_link *link, uint32_t oid)
{
    const weir_pg_type *type = weir_pg_type_find(oid);
    for (size_t i = 0; !type && i < link->type_count; i++)
        if (link->types[i]->oid == oid)
            type = link->types[i];
    return type;
}

static size_t add_unknown(weir_pg_link *link, weir_buffer *list, const uint32_t *oids, size_t count, size_t so_far)
{
    for (size_t i = 0; i < count; i++)
        if (oids[i] != 0 && !weir_pg_type_known(link, oids[i]))
            weir_buffer_printf(list, "%s%u", so_far++ ? "," : "", (unsigned)oids[i]);
    return so_far;
}

/* int2vector (22) and oidvector (30) are arrays in the catalog's eyes; their text, "1 2", is none. */
#define ELEMENT "CASE WHEN t.typcategory = 'A' AND t.oid NOT IN (22, 30) THEN t.typelem ELSE 0 END"
/* What a type is made of comes before it: base types and elements have a greater depth. */
#define CATALOG_HEAD "WITH RECURSIVE wanted(oid, depth) AS (SELECT pg_catalog.unnest('{"
#define CATALOG_TAIL                                                                                                            \
    "}'::pg_catalog.oid[]), 0 UNION SELECT r.part, w.depth + 1 FROM wanted w JOIN pg_catalog.pg_type t ON t.oid = w.oid "      \
    "CROSS JOIN LATERAL (VALUES (" ELEMENT "), (t.typbasetype)) r(part) "                                                       \
    "WHERE r.part <> 0) "                                                                                                       \
    "SELECT t.oid, pg_catalog.format_type(t.oid, NULL), t.typtype, "                                                            \
    ELEMENT ", t.typbasetype "                                                                                                  \
    "FROM pg_catalog.pg_type t JOIN (SELECT oid, pg_catalog.max(depth) AS depth FROM wanted GROUP BY oid) w USING (oid) "       \
    "ORDER BY w.depth DESC"

int weir_pg_catalog_ask(weir_pg_link *link, weir_pg_statement *s)
{
    weir_buffer sql;
    weir_buffer_init(&sql, link->base.ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    weir_buffer_text(&sql, CATALOG_HEAD);
    size_t count = add_unknown(link, &sql, s->parameter_oids, s->parameter_count, 0);
    count = add_unknown(link, &sql, s->column_oids, s->column_count, count);
    weir_buffer_text(&sql, CATALOG_TAIL);
    const char *text = count ? weir_buffer_cstr(&sql) : NULL;
    int outcome = text ? 1 : count ? weir_error_out_of_memory(&link->base.error) : 0;
    if (text) {
        link->part_count = link->part_next = link->parse_count = link->parse_next = 0;
        weir_pg_send_simple(link, text);
        weir_pg_expect(link, WEIR_PG_PART_CATALOG);
        if (!s->name[0])                        /* the unnamed statement is parsed again when it is opened */
            s->parsed = false;
    }
    weir_buffer_free(&sql);
    return outcome;
}

/* One text field of a row; "" for NULL. */
static const char *text_field(weir_pg_reader *r, char *to, size_t size)
{
    int32_t n = (int32_t)weir_pg_read_u32(r);
    const uint8_t *bytes = n > 0 ? weir_pg_read_bytes(r, (size_t)n) : NULL;
    size_t length = bytes ? (size_t)n : 0;
    if (length >= size)
        length = size - 1;
    if (bytes)
        memcpy(to, bytes, length);
    to[length] = 0;
    return to;
}

int weir_pg_catalog_row(weir_pg_link *link, const uint8_t *body, size_t length)
{
    weir_pg_reader r = { body, body + length, false };
    char oid[16], name[256], kind[8], element[16], basis[16];
    weir_pg_read_u16(&r);
    text_field(&r, oid, sizeof oid);
    text_field(&r, name, sizeof name);
    text_field(&r, kind, sizeof kind);
    text_field(&r, element, sizeof element);
    text_field(&r, basis, sizeof basis);
    uint32_t number = (uint32_t)strtoul(oid, NULL, 10), element_oid = (uint32_t)strtoul(element, NULL, 10);
    if (r.bad || !number)
        return weir_pg_lost(link, WEIR_INTERFACE, "the server answered a query of pg_type with a malformed row");
    if (weir_pg_type_known(link, number))
        return WEIR_OK;
    weir_pg_type *type = weir_arena_take(&link->type_arena, sizeof *type);
    char *name_copy = weir_arena_bytes(&link->type_arena, strlen(name) + 1);
    weir_pg_type **grown = weir_resize(link->base.ledger, WEIR_MEMORY_STATEMENTS, link->types, (link->type_count + 1) * sizeof *grown);
    if (grown)
        link->types = grown;
    if (!type || !name_copy || !grown)
        return weir_pg_lost(link, WEIR_OUT_OF_MEMORY, "no memory for the database's types");
    memcpy(name_copy, name, strlen(name) + 1);
    weir_pg_type_from_catalog(type, number, name_copy, kind[0], element_oid, element_oid ? weir_pg_type_known(link, element_oid) : NULL,
                              weir_pg_type_known(link, (uint32_t)strtoul(basis, NULL, 10)));
    link->types[link->type_count++] = type;
    return WEIR_OK;
}
