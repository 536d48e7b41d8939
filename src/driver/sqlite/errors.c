/* SQLite's result codes as weir's error classes: Python's sqlite3 as SQLAlchemy wraps it, so that programs that move over find
 * their errors in the same classes. That makes a missing table an operational error here, unlike on PostgreSQL. */
#include "base/error.h"
#include "driver/sqlite/lite.h"
#include <stdio.h>

static const struct lite_class { int code, status; const char *hint; } classes[] = {
    { SQLITE_BUSY_SNAPSHOT, WEIR_OPERATIONAL, "another connection wrote since this transaction began to read; roll back and begin again" },
    { SQLITE_IOERR_NOMEM, WEIR_OUT_OF_MEMORY, "" },
    { SQLITE_NOMEM, WEIR_OUT_OF_MEMORY, "" },
    { SQLITE_INTERRUPT, WEIR_QUERY_CANCELED, "" },
    { SQLITE_CONSTRAINT, WEIR_INTEGRITY, "" },
    { SQLITE_MISMATCH, WEIR_DATA, "" },
    { SQLITE_TOOBIG, WEIR_DATA, "" },
    { SQLITE_INTERNAL, WEIR_INTERNAL, "" },
    { SQLITE_NOTFOUND, WEIR_INTERNAL, "" },
    { SQLITE_CORRUPT, WEIR_DATABASE, "run PRAGMA integrity_check, and restore the file from a copy" },
    { SQLITE_NOTADB, WEIR_DATABASE, "the file is something else than SQLite's, or it is encrypted" },
    { SQLITE_FORMAT, WEIR_DATABASE, "" },
    { SQLITE_AUTH, WEIR_DATABASE, "" },
    { SQLITE_MISUSE, WEIR_INTERFACE, "" },
    { SQLITE_RANGE, WEIR_INTERFACE, "" },
    { SQLITE_BUSY, WEIR_OPERATIONAL,
      "another connection holds a lock; journal_mode WAL lets one write while others read, or read and write through one connection" },
    { SQLITE_LOCKED, WEIR_OPERATIONAL, "a statement of this connection still reads the table: close its result first" },
    { SQLITE_READONLY, WEIR_OPERATIONAL, "the file, its directory or the connection is read-only" },
    { SQLITE_FULL, WEIR_OPERATIONAL, "no room is left on the disk of the database or of its temporary files" },
    { SQLITE_ERROR, WEIR_OPERATIONAL, "" },
    { SQLITE_PERM, WEIR_OPERATIONAL, "" },
    { SQLITE_ABORT, WEIR_OPERATIONAL, "" },
    { SQLITE_IOERR, WEIR_OPERATIONAL, "" },
    { SQLITE_CANTOPEN, WEIR_OPERATIONAL, "" },
    { SQLITE_PROTOCOL, WEIR_OPERATIONAL, "" },
    { SQLITE_EMPTY, WEIR_OPERATIONAL, "" },
    { SQLITE_SCHEMA, WEIR_OPERATIONAL, "" },
    { SQLITE_NOLFS, WEIR_OPERATIONAL, "" },
};

/* The row of the extended code itself, else that of its class. */
static const struct lite_class *find_class(int code)
{
    static const struct lite_class unknown = { 0, WEIR_DATABASE, "" };
    const int codes[] = { code, code & 0xFF };
    for (size_t c = 0; c < 2; c++)
        for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
            if (classes[i].code == codes[c])
                return &classes[i];
    return &unknown;
}

int weir_lite_status(int code) { return find_class(code)->status; }

/* "UNIQUE constraint failed: invoices.id, invoices.tenant_id": what stands behind the colon names columns, an index or a
 * CHECK; a single table.column is also the error's column. */
static void name_constraint(weir_error *error)
{
    static const char mark[] = "constraint failed: ";
    const char *found = strstr(error->message, mark);
    if (!found)
        return;
    const char *name = found + sizeof mark - 1, *point = strrchr(name, '.');
    weir_error_text(error->constraint, sizeof error->constraint, name, strlen(name));
    if (point && !strchr(name, ',') && !strchr(name, ' '))
        weir_error_text(error->column, sizeof error->column, point + 1, strlen(point + 1));
}

#if SQLITE_VERSION_NUMBER >= 3038000
/* SQLite counts bytes of the text, weir characters from 1. */
static int32_t position_of(sqlite3 *db, const char *sql)
{
    int offset = sqlite3_error_offset(db);
    if (offset < 0 || !sql)
        return 0;
    int32_t position = 1;
    for (int i = 0; i < offset && sql[i]; i++)
        position += ((unsigned char)sql[i + 1] & 0xC0) != 0x80;
    return position;
}
#else
static int32_t position_of(sqlite3 *db, const char *sql)
{
    (void)db, (void)sql;
    return 0;
}
#endif

int weir_lite_error(weir_error *error, sqlite3 *db, int code, const char *sql)
{
    const struct lite_class *class = find_class(code);
    if (class->status == WEIR_OUT_OF_MEMORY)
        return weir_error_out_of_memory(error);
    weir_error_set(error, class->status, "%s", db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    weir_error_text(error->hint, sizeof error->hint, class->hint, strlen(class->hint));
    snprintf(error->sqlstate, sizeof error->sqlstate, "%d", code & 0xFFFF);
    if (sql)
        weir_error_text(error->sql, sizeof error->sql, sql, strlen(sql));
    if ((code & 0xFF) == SQLITE_CONSTRAINT)
        name_constraint(error);
    if (db && (code & 0xFF) == SQLITE_ERROR)
        error->position = position_of(db, sql);
    int system = db && (code & 0xFF) == SQLITE_IOERR ? sqlite3_system_errno(db) : 0;
    if (system) {
        char buffer[128];
        const char *reason = weir_error_of_system(system, buffer, sizeof buffer);
        weir_error_text(error->detail, sizeof error->detail, reason, strlen(reason));
    }
    return class->status;
}
