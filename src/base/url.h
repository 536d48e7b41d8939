/* Database URLs: scheme, body, query parameters; and how to show one without its password. */
#ifndef WEIR_BASE_URL_H
#define WEIR_BASE_URL_H
#include "base/arena.h"
#include "base/error.h"

typedef struct weir_url_parameter { const char *key, *value; } weir_url_parameter;   /* percent-decoded */
typedef struct weir_url {
    const char *whole;                  /* as given, but the scheme in lower case: libpq knows no other */
    const char *shown;                  /* the same with *** for a password, and for parameters that are secret (password=, …) */
    const char *password;               /* of user:password@, as it stands in `whole`: the first password_length bytes */
    size_t      password_length;
    bool        torn;                   /* a part of a secret may be read as something else, as a host, and be said as such */
    const char *scheme;                 /* lower case: "sqlite", "postgresql", "postgres" */
    const char *path;                   /* sqlite: the file, percent-decoded; "" or ":memory:" in memory. Else NULL */
    const weir_url_parameter *parameters;
    size_t parameter_count;
} weir_url;

/* WEIR_ARGUMENT with a message that says what is wrong and shows the form expected, never the password. All texts lie in the
 * arena. `sqlite:///rel.db` is the relative path rel.db, `sqlite:////abs.db` the absolute /abs.db, `sqlite://` in memory. */
int weir_url_parse(weir_arena *arena, const char *text, weir_url *out, weir_error *error);
#endif
