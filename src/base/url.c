/* Database URLs. Messages never show more of a URL than its scheme: where it cannot be parsed, any part may be the password. */
#include "base/url.h"
#include <string.h>

#define FORMS "sqlite:///relative.db, sqlite:////absolute.db, sqlite:// (in memory), postgresql://user@host:port/database"
enum { SHOWN_SCHEME = 40, SHOWN_PATH = 200 };

static const char *const secret_keys[] = { "password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret" };
static const char *const schemes[] = { "sqlite", "postgresql", "postgres" };

struct piece { const char *text; size_t length; };

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool same_word(const char *text, size_t length, const char *word)
{
    for (size_t i = 0; i < length; i++)
        if (lower(text[i]) != word[i] || !word[i])
            return false;
    return !word[length];
}

static const char *known_scheme(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (same_word(text, length, schemes[i]))
            return schemes[i];
    return NULL;
}

static bool is_secret(const char *key, size_t length)
{
    for (size_t i = 0; i < sizeof secret_keys / sizeof *secret_keys; i++)
        if (same_word(key, length, secret_keys[i]))
            return true;
    return false;
}

/* ---- percent-decoding ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that `%XY` at text stands for; -1: none, or NUL, which no part of a URL may hold. */
static int escaped_byte(const char *text, size_t length)
{
    int high = length > 2 ? hex_digit(text[1]) : -1, low = high >= 0 ? hex_digit(text[2]) : -1;
    return low < 0 || high * 16 + low == 0 ? -1 : high * 16 + low;
}

static int check_escapes(const char *url, weir_error *error)
{
    size_t length = strlen(url);
    for (size_t i = 0; i < length; i++)
        if (url[i] == '%' && escaped_byte(url + i, length - i) < 0)
            return weir_error_set(error, WEIR_ARGUMENT,
                                  "the database URL has a '%%' at character %zu that two hexadecimal digits (other than 00) do not "
                                  "follow; write %%25 for a percent sign itself", i + 1);
    return WEIR_OK;
}

/* NULL: no memory. The escapes have been checked. */
static char *decode(weir_arena *arena, struct piece piece)
{
    char *out = weir_arena_bytes(arena, piece.length + 1), *next = out;
    for (size_t i = 0; out && i < piece.length; i++) {
        int byte = piece.text[i] == '%' ? escaped_byte(piece.text + i, piece.length - i) : -1;
        *next++ = byte < 0 ? piece.text[i] : (char)byte;
        i += byte < 0 ? 0 : 2;
    }
    if (out)
        *next = 0;
    return out;
}

/* ---- the scheme ---- */

static int wrong_scheme(const char *text, size_t length, weir_error *error)
{
    const char *plus = memchr(text, '+', length);
    int shown = (int)(length < SHOWN_SCHEME ? length : SHOWN_SCHEME);
    if (plus && known_scheme(text, (size_t)(plus - text))) {
        int driver = (int)(text + length - plus < SHOWN_SCHEME ? text + length - plus : SHOWN_SCHEME);
        return weir_error_set(error, WEIR_ARGUMENT, "unknown scheme '%.*s' in the database URL: drop the '%.*s' and write %.*s://…",
                              shown, text, driver, plus, (int)(plus - text), text);
    }
    return weir_error_set(error, WEIR_ARGUMENT, "unknown scheme '%.*s' in the database URL; expected is one of: " FORMS, shown, text);
}

static int no_scheme(const char *text, weir_error *error)
{
    const char *colon = strchr(text, ':'), *scheme = colon ? known_scheme(text, (size_t)(colon - text)) : NULL;
    if (scheme && !strcmp(scheme, "sqlite")) {
        const char *path = colon + 1;
        return weir_error_set(error, WEIR_ARGUMENT, "the database URL lacks '//' behind 'sqlite:'; write sqlite:///%.*s (expected forms: "
                              FORMS ")", SHOWN_PATH, path);
    }
    if (scheme)
        return weir_error_set(error, WEIR_ARGUMENT, "the database URL lacks '//' behind '%s:'; expected is %s://user@host:port/database",
                              scheme, scheme);
    if (*text && !strpbrk(text, ":@=?"))        /* nothing that could be a password */
        return weir_error_set(error, WEIR_ARGUMENT, "the database URL '%.*s' has no scheme; a SQLite file is sqlite:///%.*s (expected "
                              "forms: " FORMS ")", SHOWN_PATH, text, SHOWN_PATH, text);
    return weir_error_set(error, WEIR_ARGUMENT, "the database URL has no scheme; expected is one of: " FORMS);
}

static bool is_scheme_char(char c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == '_';
}

/* Finds the known scheme; *body is what is behind "://". */
static int parse_scheme(const char *text, weir_url *out, const char **body, weir_error *error)
{
    if (!text || !*text)
        return weir_error_set(error, WEIR_ARGUMENT, "the database URL is empty; expected is one of: " FORMS);
    size_t length = 0;
    while (is_scheme_char(text[length]))
        length++;
    if (!length || strncmp(text + length, "://", 3) != 0)
        return no_scheme(text, error);
    out->scheme = known_scheme(text, length);
    *body = text + length + 3;
    return out->scheme ? WEIR_OK : wrong_scheme(text, length, error);
}

/* ---- the path and the parameters ---- */

static int parse_path(weir_arena *arena, struct piece place, weir_url *out, weir_error *error)
{
    if (place.length && *place.text != '/')
        return weir_error_set(error, WEIR_ARGUMENT, "the SQLite URL has a host: three slashes come before a relative path, four before "
                              "an absolute one (sqlite:///relative.db, sqlite:////absolute.db)");
    size_t skip = place.length ? 1 : 0;
    out->path = decode(arena, (struct piece){ place.text + skip, place.length - skip });
    return out->path ? WEIR_OK : weir_error_out_of_memory(error);
}

/* Cuts the next parameter off `query`; false: none is left. Empty ones are skipped. */
static bool next_parameter(const char **query, struct piece *parameter)
{
    *query += strspn(*query, "&");
    *parameter = (struct piece){ *query, strcspn(*query, "&") };
    *query += parameter->length;
    return parameter->length > 0;
}

static int parse_parameters(weir_arena *arena, const char *query, weir_url *out, weir_error *error)
{
    struct piece piece;
    size_t count = 0;
    for (const char *q = query; next_parameter(&q, &piece);)
        count++;
    weir_url_parameter *parameters = weir_arena_take(arena, count * sizeof *parameters);
    if (!parameters)
        return weir_error_out_of_memory(error);
    for (size_t i = 0; next_parameter(&query, &piece); i++) {
        const char *equals = memchr(piece.text, '=', piece.length);
        if (!equals || equals == piece.text)
            return weir_error_set(error, WEIR_ARGUMENT, "parameter %zu behind the '?' of the database URL is not key=value; parts are "
                                  "separated by '&', and other '&', '=' and '?' are written %%26, %%3D and %%3F", i + 1);
        size_t key = (size_t)(equals - piece.text);
        parameters[i].key = decode(arena, (struct piece){ piece.text, key });
        parameters[i].value = decode(arena, (struct piece){ equals + 1, piece.length - key - 1 });
        if (!parameters[i].key || !parameters[i].value)
            return weir_error_out_of_memory(error);
    }
    out->parameters = parameters;
    out->parameter_count = count;
    return WEIR_OK;
}

/* ---- showing ---- */

/* The password of user:password@host. As libpq reads it, it ends at an @ in front of the first slash, whatever else stands
 * between. Where characters that should have been escaped stand in it, it is taken to be long rather than short. */
static struct piece find_password(const char *body)
{
    const char *slash = body + strcspn(body, "/"), *colon = memchr(body, ':', (size_t)(slash - body)), *at = NULL;
    bool in_query = false;
    for (const char *p = body; *p && !(in_query && *p == '=' && p > slash); p++) {
        in_query |= *p == '?';
        if (*p == '@')
            at = p;
    }
    return colon && at && at > colon ? (struct piece){ colon + 1, (size_t)(at - colon - 1) } : (struct piece){ body, 0 };
}

/* Where the parameters begin: at the question mark, or at a secret that stands where libpq sees none, in a host's or database's name. */
static const char *find_query(const char *behind)
{
    for (; *behind && *behind != '?'; behind++)
        if (*behind == '&' && is_secret(behind + 1, strcspn(behind + 1, "=&?")))
            break;
    return behind;
}

static bool has_secret(const weir_url *url)
{
    for (size_t i = 0; i < url->parameter_count; i++)
        if (is_secret(url->parameters[i].key, strlen(url->parameters[i].key)))
            return true;
    return false;
}

/* A @ in front of any slash ends the user for libpq, wherever the parameters may begin. */
static bool is_torn(const weir_url *url, const char *body, const char *mark)
{
    const char *first = body + strcspn(body, "@/");
    bool in_password = url->password_length && (memchr(url->password, '/', url->password_length) || memchr(url->password, '@', url->password_length));
    return in_password || *mark == '&' || (*first == '@' && *mark && first > mark && has_secret(url));
}

static char *append(char *out, struct piece piece)
{
    if (piece.length)
        memcpy(out, piece.text, piece.length);
    return out + piece.length;
}

/* `query` is the text behind the question mark. */
static int make_shown(weir_arena *arena, struct piece password, const char *query, weir_url *out, weir_error *error)
{
    static const struct piece stars = { "***", 3 };
    const char *whole = out->whole;
    struct piece parameter;
    char *shown = weir_arena_bytes(arena, strlen(whole) + stars.length * (out->parameter_count + 1) + 1), *next = shown;
    if (!shown)
        return weir_error_out_of_memory(error);
    const char *rest = whole;
    if (password.length) {
        next = append(next, (struct piece){ rest, (size_t)(password.text - rest) });
        next = append(next, stars);
        rest = password.text + password.length;
    }
    for (size_t i = 0; next_parameter(&query, &parameter); i++) {
        const char *value = (const char *)memchr(parameter.text, '=', parameter.length) + 1;
        if (!is_secret(out->parameters[i].key, strlen(out->parameters[i].key)))
            continue;
        next = append(next, (struct piece){ rest, (size_t)(value - rest) });
        next = append(next, stars);
        rest = query;
    }
    next = append(next, (struct piece){ rest, strlen(rest) });
    *next = 0;
    out->shown = shown;
    return WEIR_OK;
}

int weir_url_parse(weir_arena *arena, const char *text, weir_url *out, weir_error *error)
{
    const char *body = NULL;
    *out = (weir_url){ .whole = "", .shown = "", .scheme = "" };
    int status = parse_scheme(text, out, &body, error);
    if (status == WEIR_OK)
        status = check_escapes(text, error);
    if (status != WEIR_OK)
        return status;
    size_t length = strlen(text), start = (size_t)(body - text);
    char *whole = weir_arena_bytes(arena, length + 1);
    if (!whole)
        return weir_error_out_of_memory(error);
    for (size_t i = 0; i <= length; i++)
        whole[i] = i < start ? lower(text[i]) : text[i];
    out->whole = whole;
    body = whole + start;
    bool is_file = !strcmp(out->scheme, "sqlite");
    struct piece password = is_file ? (struct piece){ body, 0 } : find_password(body);
    const char *behind = password.text + password.length;       /* a '?' in a password begins no parameters */
    const char *mark = is_file ? behind + strcspn(behind, "?") : find_query(behind), *query = *mark ? mark + 1 : mark;
    out->password = password.text;
    out->password_length = password.length;
    if (is_file)
        status = parse_path(arena, (struct piece){ body, (size_t)(mark - body) }, out, error);
    if (status == WEIR_OK)
        status = parse_parameters(arena, query, out, error);
    out->torn = status == WEIR_OK && !is_file && is_torn(out, body, mark);
    return status == WEIR_OK ? make_shown(arena, password, query, out, error) : status;
}
