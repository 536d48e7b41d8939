/* Reading message bodies: bounded reads, and errors with their SQLSTATE's class. */
#include <string.h>
#include "driver/postgres/pg.h"

const uint8_t *weir_pg_read_bytes(weir_pg_reader *r, size_t length)
{
    if ((size_t)(r->end - r->next) < length) {
        r->bad = true;
        r->next = r->end;
        return NULL;
    }
    const uint8_t *at = r->next;
    r->next += length;
    return at;
}

uint16_t weir_pg_read_u16(weir_pg_reader *r)
{
    const uint8_t *p = weir_pg_read_bytes(r, 2);
    return p ? (uint16_t)((unsigned)p[0] << 8 | p[1]) : 0;
}

uint32_t weir_pg_read_u32(weir_pg_reader *r)
{
    const uint8_t *p = weir_pg_read_bytes(r, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

const char *weir_pg_read_cstr(weir_pg_reader *r)
{
    const uint8_t *nul = memchr(r->next, 0, (size_t)(r->end - r->next));
    if (!nul) {
        r->bad = true;
        r->next = r->end;
        return "";
    }
    const char *text = (const char *)r->next;
    r->next = nul + 1;
    return text;
}

/* By the longest prefix that fits: PostgreSQL documentation, appendix A, and SQLAlchemy's classes (semantics PG-9). */
static const struct sqlstate_class { char prefix[6]; int status; bool disconnect; } sqlstate_classes[] = {
    { "57014", WEIR_QUERY_CANCELED, false }, { "57P01", WEIR_OPERATIONAL, true },  { "57P02", WEIR_OPERATIONAL, true },
    { "57P03", WEIR_OPERATIONAL, true },     { "57P04", WEIR_OPERATIONAL, true },  { "57P05", WEIR_OPERATIONAL, true },
    { "25P03", WEIR_OPERATIONAL, true },     { "25P04", WEIR_OPERATIONAL, true },
    { "08", WEIR_OPERATIONAL, true },        { "0A", WEIR_NOT_SUPPORTED, false },  { "20", WEIR_PROGRAMMING, false },
    { "21", WEIR_PROGRAMMING, false },       { "22", WEIR_DATA, false },           { "23", WEIR_INTEGRITY, false },
    { "24", WEIR_INTERNAL, false },          { "25", WEIR_INTERNAL, false },       { "26", WEIR_PROGRAMMING, false },
    { "27", WEIR_OPERATIONAL, false },       { "28", WEIR_OPERATIONAL, false },    { "2B", WEIR_INTERNAL, false },
    { "2D", WEIR_INTERNAL, false },          { "2F", WEIR_INTERNAL, false },       { "34", WEIR_PROGRAMMING, false },
    { "38", WEIR_INTERNAL, false },          { "39", WEIR_INTERNAL, false },       { "3B", WEIR_INTERNAL, false },
    { "3D", WEIR_PROGRAMMING, false },       { "3F", WEIR_PROGRAMMING, false },    { "40", WEIR_OPERATIONAL, false },
    { "42", WEIR_PROGRAMMING, false },       { "44", WEIR_PROGRAMMING, false },    { "53", WEIR_OPERATIONAL, false },
    { "54", WEIR_OPERATIONAL, false },       { "55", WEIR_OPERATIONAL, false },    { "57", WEIR_OPERATIONAL, false },
    { "58", WEIR_OPERATIONAL, false },       { "F0", WEIR_INTERNAL, false },       { "P0", WEIR_INTERNAL, false },
    { "XX", WEIR_INTERNAL, false },
};

int weir_pg_class_of(const char *sqlstate, bool *disconnect)
{
    for (size_t i = 0; i < sizeof sqlstate_classes / sizeof *sqlstate_classes; i++) {
        const struct sqlstate_class *c = &sqlstate_classes[i];
        if (!strncmp(sqlstate, c->prefix, strlen(c->prefix))) {
            *disconnect = c->disconnect;
            return c->status;
        }
    }
    *disconnect = false;
    return WEIR_DATABASE;
}

static int32_t to_int(const char *digits)
{
    int64_t n = 0;
    for (; *digits >= '0' && *digits <= '9' && n < INT32_MAX / 10; digits++)
        n = n * 10 + (*digits - '0');
    return (int32_t)n;
}

bool weir_pg_error_is_from(const char *routine, const uint8_t *body, size_t length)
{
    weir_pg_reader r = { body, body + length, false };
    while (!r.bad && r.next < r.end && *r.next) {
        char field = (char)*r.next++;
        const char *text = weir_pg_read_cstr(&r);
        if (field == 'R')
            return !strcmp(text, routine);
    }
    return false;
}

/* The fields of protocol section "Error and Notice Message Fields". */
void weir_pg_read_error(const uint8_t *body, size_t length, weir_error *out, char *severity)
{
    weir_pg_reader r = { body, body + length, false };
    memset(out, 0, sizeof *out);
    while (!r.bad && r.next < r.end && *r.next) {
        char field = (char)*r.next++;
        const char *text = weir_pg_read_cstr(&r);
        size_t n = strlen(text);
        switch (field) {
        case 'V':
            if (severity)
                weir_error_text(severity, 32, text, n);
            break;
        case 'C': weir_error_text(out->sqlstate, sizeof out->sqlstate, text, n); break;
        case 'M': weir_error_text(out->message, sizeof out->message, text, n); break;
        case 'D': weir_error_text(out->detail, sizeof out->detail, text, n); break;
        case 'H': weir_error_text(out->hint, sizeof out->hint, text, n); break;
        case 'P': out->position = to_int(text); break;
        case 'n': weir_error_text(out->constraint, sizeof out->constraint, text, n); break;
        case 'c': weir_error_text(out->column, sizeof out->column, text, n); break;
        default: break;
        }
    }
    if (!*out->message)                 /* or it was cut off */
        weir_error_text(out->message, sizeof out->message, "the server told an error without words", 38);
    out->status = weir_pg_class_of(out->sqlstate, &out->disconnect);
}
