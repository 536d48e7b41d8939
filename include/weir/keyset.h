/* weir/keyset.h: results page by page, by the key of the row behind which a page begins; never by OFFSET.
 *
 * A keyset reads an ordered statement in pages. Each page is a statement of its own, `… WHERE (key) > (last key) … LIMIT`, that costs
 * the same at any depth where an index has the order, and goes on rightly while rows come and go: a row behind the place that is
 * inserted appears, nothing is repeated or left out otherwise. Nothing is held between pages but the handle: a service makes one for a
 * request, reads the page that a token asks for, and closes it. docs/how-to/keyset-pages.md shows one.
 *
 * The order must be unique, so that each place in it is one row's: by a primary key or a unique column without NULL, of tables that no
 * join multiplies. Columns may have mixed directions, and NULLs stand where the order says, or where the database has them. Where one
 * condition would not let an index begin at the place (mixed directions, columns that may be NULL: const char *, weir_text, weir_blob,
 * optionals), a page of a select is a UNION ALL of ranges that do; not under FOR UPDATE, DISTINCT or with joined loads, nor of textual
 * SQL, where the condition alone must do. weir_where(stmt, WEIR_IS_NOT_NULL(column)) says that a column has no NULLs. One that is mapped,
 * or said to be, without NULL and has one all the same loses that row: weir_schema_check tells.
 *
 * Pages are of moments: each is its statement's snapshot. A row that commits late with a key in front of the place is not seen; two pages
 * see one snapshot only inside one REPEATABLE READ transaction, that is with a keyset on a connection or session that has begun one.
 *
 * Threads: as its connection or session; one of an engine belongs to one thread or task at a time. It is closed before its connection,
 * session or engine. In a task its calls park the task; on a loop's thread outside of one they are refused as any other (weir/loop.h). */
#ifndef WEIR_KEYSET_H
#define WEIR_KEYSET_H
#include <weir/engine.h>
#include <weir/session.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_keyset weir_keyset;

typedef struct weir_keyset_options {
    size_t      struct_size;
    int64_t     page_size;          /* rows; default 100; 1 to 1,000,000 */
    const char *order;              /* of textual SQL, by its result's columns: "k desc nulls last, id not null". It is taken for unique; two
                                       rows of one place are an error when they are met. Without "not null" a column may be NULL, and no
                                       index can begin at the place */
    weir_switch complete;           /* a select whose order is not unique, or that has none, is ordered by the primary key behind it;
                                       default off: it is refused */
    const void *secret;             /* signs the tokens (HMAC-SHA-256), so that clients cannot make their own; 16 bytes or more, copied */
    size_t      secret_length;
} weir_keyset_options;
#define WEIR_KEYSET_OPTIONS(...) (&(const weir_keyset_options){ .struct_size = sizeof(weir_keyset_options), __VA_ARGS__ })

typedef struct weir_keyset_page {
    size_t                 count;       /* 0: nothing is there */
    const weir_row *const *rows;        /* in the statement's order, also of a page that was read backwards */
    void *const           *instances;   /* of a session's keyset over a select of one entity; else NULL */
    bool        has_next, has_previous; /* rows are behind it, in front of it. On the side that the page was asked from: the row was there
                                           whose token was given, and may be gone by now */
    const char *next, *previous;        /* tokens: of the place behind its last row (also when nothing is there yet), and in front of its
                                           first one; NULL: none, of an empty page without a token. Letters, digits, - and _ */
} weir_keyset_page;

/* A keyset over a select or textual SQL, whose pages are read by the connection's transactions; the session's, with instances and what
 * they load. The statement is copied with its values; options may be NULL. The caller's, never NULL. Nothing is sent. Errors (kept, and
 * given by each call): WEIR_INVALID_REQUEST (no order, one that is not unique, a statement with LIMIT, OFFSET, GROUP BY, DISTINCT ON or a
 * union of its own: those can be given as textual SQL), WEIR_ARGUMENT (options), the statement's own mistakes. */
WEIR_API weir_keyset *weir_connection_keyset(weir_connection *connection, const weir_stmt *stmt, const weir_keyset_options *options);
WEIR_API weir_keyset *weir_session_keyset(weir_session *session, const weir_stmt *stmt, const weir_keyset_options *options);

/* For streams that must hold no cursor, no transaction and no connection while their rows are worked on: each page is read in a
 * transaction of its own, which is ended before the page is handed out, by a connection that goes back to the pool at once. So a stream
 * of hours blocks no VACUUM, survives a restart of the server between two pages, and is no single snapshot: rows change while it
 * runs, as said above. On the session, commits it after each page: what waits to be written is written then, and the session must have
 * been opened with .expire_on_commit = WEIR_OFF (WEIR_INVALID_REQUEST with the first page), since the page's instances would be expired.
 * Errors: as above. */
WEIR_API weir_keyset *weir_stream_by_keyset(weir_engine *engine, const weir_stmt *stmt, const weir_keyset_options *options);
WEIR_API weir_keyset *weir_session_stream_by_keyset(weir_session *session, const weir_stmt *stmt, const weir_keyset_options *options);

/* ---- pages ----------------------------------------------------------------------------------------------------------------------------
 * A page, its rows, instances and tokens live until the next call that reads another one, or the close; also when the transaction is
 * ended in between. A session holds a page's instances no longer than that, unless they are changed or retained. An empty page is a page;
 * NULL is an error: those of weir_connection_execute and weir_session_execute; WEIR_DATA for a token that is damaged, of another version,
 * another statement (its conditions, parameters and order count; page size and loads do not) or signed otherwise, before any SQL and with
 * the last page as it was; WEIR_INVALID_REQUEST when two rows have one place in the order; WEIR_DATA for a NULL where there can be none. */
WEIR_API const weir_keyset_page *weir_keyset_first(weir_keyset *keyset);
WEIR_API const weir_keyset_page *weir_keyset_last(weir_keyset *keyset);
/* What is behind, or in front of, a token's place; token NULL: of the last page that was read (none: the first, or last, page). */
WEIR_API const weir_keyset_page *weir_keyset_next(weir_keyset *keyset, const char *token);
WEIR_API const weir_keyset_page *weir_keyset_previous(weir_keyset *keyset, const char *token);

/* ---- one after the other ----------------------------------------------------------------------------------------------------------------
 * Rows or instances through all pages, from the first one on; of a page that was read before, its own first. Each lives as its page does.
 * NULL at the end or on an error (weir_keyset_close tells which); after the error of a page that could not be read, the next call tries it
 * again. WEIR_INVALID_REQUEST: instances of another entity, or none, are delivered. */
WEIR_API const weir_row *weir_keyset_next_row(weir_keyset *keyset);
WEIR_API void *weir_keyset_next_instance(weir_keyset *keyset, const weir_entity *expected);
#ifndef __cplusplus
#define WEIR_KEYSET_NEXT(E, keyset) ((struct E *)weir_keyset_next_instance((keyset), &E##_entity))
#endif
/* The token of the place behind the row or instance that was handed out last, to go on from there later with weir_keyset_next; NULL: none
 * was, or an error. Lives until the next call of this function, or the close. */
WEIR_API const char *weir_keyset_place(weir_keyset *keyset);

/* The error of the keyset, or of its last call that read; status WEIR_OK if it went well. Valid until the next one, or the close. */
WEIR_API const weir_error *weir_keyset_error(const weir_keyset *keyset);
/* Gives that error's status; frees the keyset and its page, and sets *keyset to a constant closed one. Nothing is sent. */
WEIR_API WEIR_MUST_CHECK int weir_keyset_close(weir_keyset **keyset);

#ifdef __cplusplus
}
#endif
#endif
