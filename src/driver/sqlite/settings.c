/* How a SQLite database is opened: the URL's parameters and connect_args, checked once when the engine is made, because SQLite
 * itself passes over misspelled PRAGMAs and values in silence. */
#include "driver/sqlite/lite.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define DEFAULT_BUSY_TIMEOUT_MS 5000

static const char on_or_off[] = "on|off|true|false|yes|no|1|0";
static const char number[] = "";        /* digits with an optional sign */

/* The PRAGMAs that connect_args may set, and the words that each takes. */
static const struct pragma { const char *name, *words; } pragmas[] = {
    { "analysis_limit", number },
    { "auto_vacuum", "none|full|incremental|0|1|2" },
    { "automatic_index", on_or_off },
    { "cache_size", number },
    { "cache_spill", on_or_off },
    { "case_sensitive_like", on_or_off },
    { "cell_size_check", on_or_off },
    { "checkpoint_fullfsync", on_or_off },
    { "defer_foreign_keys", on_or_off },
    { "encoding", "'UTF-8'|'UTF-16'|'UTF-16le'|'UTF-16be'" },
    { "foreign_keys", on_or_off },
    { "fullfsync", on_or_off },
    { "ignore_check_constraints", on_or_off },
    { "journal_mode", "delete|truncate|persist|memory|wal|off" },
    { "journal_size_limit", number },
    { "legacy_alter_table", on_or_off },
    { "locking_mode", "normal|exclusive" },
    { "max_page_count", number },
    { "mmap_size", number },
    { "page_size", number },
    { "query_only", on_or_off },
    { "read_uncommitted", on_or_off },
    { "recursive_triggers", on_or_off },
    { "reverse_unordered_selects", on_or_off },
    { "secure_delete", "on|off|true|false|yes|no|1|0|fast" },
    { "synchronous", "off|normal|full|extra|0|1|2|3" },
    { "temp_store", "default|file|memory|0|1|2" },
    { "threads", number },
    { "trusted_schema", on_or_off },
    { "wal_autocheckpoint", number },
};

static const struct open_mode { const char *name; int flags; } open_modes[] = {
    { "ro", SQLITE_OPEN_READONLY },
    { "rw", SQLITE_OPEN_READWRITE },
    { "rwc", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE },
};

static const struct pragma *find_pragma(const char *name)
{
    for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas; i++)
        if (!strcasecmp(pragmas[i].name, name))
            return &pragmas[i];
    return NULL;
}

static bool is_number(const char *text)
{
    text += *text == '-';
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 18 && !text[digits];
}

/* The word as the table spells it, without regard to case and quotes; its length in *length. NULL: not one of them. */
static const char *find_word(const char *words, const char *value, size_t *length)
{
    for (const char *word = words; *word; word += *word == '|') {
        size_t whole = strcspn(word, "|"), quotes = *word == '\'';
        if (strlen(value) == whole - 2 * quotes && !strncasecmp(word + quotes, value, whole - 2 * quotes)) {
            *length = whole;
            return word;
        }
        word += whole;
    }
    return NULL;
}

static int check_pragma(const char *key, const char *value, weir_error *error)
{
    const struct pragma *pragma = find_pragma(key);
    size_t length;
    if (!pragma)
        return weir_error_set(error, WEIR_ARGUMENT, "connect_args: unknown key '%s'; SQLite takes timeout, busy_timeout and the "
                              "PRAGMAs that docs/reference.md lists, such as journal_mode, synchronous, foreign_keys, cache_size", key);
    if (pragma->words == number && !is_number(value))
        return weir_error_set(error, WEIR_ARGUMENT, "connect_args: %s takes a number, not '%s'", key, value);
    if (pragma->words != number && !find_word(pragma->words, value, &length))
        return weir_error_set(error, WEIR_ARGUMENT, "connect_args: %s takes one of %s, not '%s'", key, pragma->words, value);
    return WEIR_OK;
}

/* "5", "0.25" times `unit` as milliseconds; by hand because strtod reads the locale's decimal point. False: no such number. */
static bool read_duration(const char *text, int64_t unit, int *out)
{
    int64_t milliseconds = 0;
    size_t whole = strspn(text, "0123456789");
    if (whole == 0 || whole > 9)
        return false;
    milliseconds = strtoll(text, NULL, 10) * unit;
    if (text[whole] == '.') {
        const char *fraction = text + whole + 1;
        size_t digits = strspn(fraction, "0123456789");
        if (fraction[digits])
            return false;
        for (size_t i = 0; i < digits && unit >= 10; i++) {
            unit /= 10;
            milliseconds += (fraction[i] - '0') * unit;
        }
    } else if (text[whole]) {
        return false;
    }
    *out = milliseconds > INT32_MAX ? INT32_MAX : (int)milliseconds;
    return true;
}

static const struct timeout_key { const char *name; int64_t unit; const char *words; } timeout_keys[] = {
    { "timeout", 1000, "seconds, such as 5 or 0.5" },
    { "busy_timeout", 1, "milliseconds, such as 5000" },
};

static const struct timeout_key *find_timeout(const char *name)
{
    for (size_t i = 0; i < sizeof timeout_keys / sizeof *timeout_keys; i++)
        if (!strcasecmp(timeout_keys[i].name, name))
            return &timeout_keys[i];
    return NULL;
}

static int read_parameters(const weir_url *url, weir_lite_settings *out, weir_error *error)
{
    for (size_t i = 0; i < url->parameter_count; i++) {
        const weir_url_parameter *parameter = &url->parameters[i];
        const struct open_mode *found = NULL;
        if (strcmp(parameter->key, "mode"))
            return weir_error_set(error, WEIR_ARGUMENT, "unknown parameter '%s' in '%s': SQLite takes mode=ro, mode=rw or mode=rwc",
                                  parameter->key, url->shown);
        for (size_t m = 0; m < sizeof open_modes / sizeof *open_modes; m++)
            if (!strcmp(open_modes[m].name, parameter->value))
                found = &open_modes[m];
        if (!found)
            return weir_error_set(error, WEIR_ARGUMENT, "mode=%s in '%s': it is ro (read only), rw (read and write) or rwc (and create)",
                                  parameter->value, url->shown);
        out->open_flags = found->flags;
    }
    return WEIR_OK;
}

int weir_lite_read_settings(const weir_dial_plan *plan, weir_lite_settings *out, weir_error *error)
{
    *out = (weir_lite_settings){ SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, DEFAULT_BUSY_TIMEOUT_MS };
    int status = read_parameters(&plan->url, out, error);
    for (const char *const *pair = plan->connect_args; status == WEIR_OK && pair && *pair; pair += 2) {
        const struct timeout_key *timeout = find_timeout(pair[0]);
        if (!pair[1])
            return weir_error_set(error, WEIR_ARGUMENT, "connect_args: key '%s' has no value", pair[0]);
        if (!timeout)
            status = check_pragma(pair[0], pair[1], error);
        else if (!read_duration(pair[1], timeout->unit, &out->busy_timeout_ms))
            status = weir_error_set(error, WEIR_ARGUMENT, "connect_args: %s takes %s, not '%s'", pair[0], timeout->words, pair[1]);
    }
    return status;
}

int weir_lite_check(weir_dial_plan *plan, weir_error *error)
{
    weir_lite_settings settings;
    const char *path = plan->url.path ? plan->url.path : "";
    plan->in_memory = !*path || !strcmp(path, ":memory:");
    return weir_lite_read_settings(plan, &settings, error);
}

/* Reads the first column of the PRAGMA's first row: the journal mode that it left. */
static int keep_answer(void *answer, int count, char **values, char **names)
{
    (void)names;
    if (count > 0 && values[0])
        snprintf(answer, 16, "%s", values[0]);
    return 0;
}

static int apply_pragma(sqlite3 *db, const weir_dial_plan *plan, const char *key, const char *value, weir_error *error)
{
    const struct pragma *pragma = find_pragma(key);
    char sql[96], answer[16] = "";
    size_t length = strlen(value);
    if (pragma->words != number)
        value = find_word(pragma->words, value, &length);
    snprintf(sql, sizeof sql, "PRAGMA %s=%.*s", pragma->name, (int)length, value);
    int code = sqlite3_exec(db, sql, keep_answer, answer, NULL);
    if (code != SQLITE_OK) {
        weir_lite_error(error, db, code, sql);
        weir_error_context(error, "%s", sql);
        return error->status;
    }
    if (!strcmp(pragma->name, "journal_mode") && !plan->in_memory && (strlen(answer) != length || strncasecmp(answer, value, length)))
        return weir_error_set(error, WEIR_OPERATIONAL, "%s: this database stays in journal mode '%s'", sql, answer);
    return WEIR_OK;
}

int weir_lite_apply_settings(sqlite3 *db, const weir_dial_plan *plan, weir_error *error)
{
    for (const char *const *pair = plan->connect_args; pair && *pair; pair += 2) {
        int status = find_timeout(pair[0]) ? WEIR_OK : apply_pragma(db, plan, pair[0], pair[1], error);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}
