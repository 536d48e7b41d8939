/* The PostgreSQL driver inside: the link, its cursors, prepared statements and exchanges.
 * Protocol: PostgreSQL documentation, "Frontend/Backend Protocol", version 3.0, extended query. */
#ifndef WEIR_DRIVER_POSTGRES_PG_H
#define WEIR_DRIVER_POSTGRES_PG_H
#include <libpq-fe.h>
#include <openssl/ssl.h>
#include "base/buffer.h"
#include "base/spill.h"
#include "driver/driver.h"
#include "driver/postgres/types.h"

typedef struct weir_pg_link weir_pg_link;
typedef struct weir_pg_cursor weir_pg_cursor;
typedef struct weir_pg_copy weir_pg_copy;

/* ---- prepared statements: parsed and described once per link ---------------------------------------------------------- */
typedef struct weir_pg_column {
    const char *name;
    const weir_pg_type *type;
    int32_t modifier;
    uint32_t table_oid;                 /* of the column that it is; 0: an expression */
    int table_column;
} weir_pg_column;

/* What a link makes at the server has its mark in the name: behind a pooler others use the same session, and what one prepared as its first
 * statement must never be taken for another's (RULES W3). */
enum { WEIR_PG_MARK = 17, WEIR_PG_NAME = 48 };

typedef struct weir_pg_statement weir_pg_statement;
struct weir_pg_statement {
    weir_pg_statement *next;            /* of the link's list, the most recently used first */
    weir_arena      arena;              /* of all below */
    const char     *sql;
    size_t          sql_length;
    uint64_t        hash;
    bool            serial;             /* planned without parallel workers: a cached plan ignores the setting (RULES W4) */
    char            name[WEIR_PG_NAME]; /* "" for the unnamed one */
    bool            parsed;             /* the server has it */
    uint32_t       *parameter_oids;
    size_t          parameter_count;
    const weir_pg_type **parameter_types;
    uint32_t       *column_oids;
    weir_pg_column *columns;
    size_t          column_count;
    bool            returns_rows;
    int             users;              /* open cursors: closing a statement closes its portals */
    bool            orphaned;           /* out of the list; goes with its last user */
    bool            closed_later;       /* at the server, too, with its last user */
};

/* ---- exchanges --------------------------------------------------------------------------------------------------------- */
/* All that is sent up to one Sync is a group; its answers end with one ReadyForQuery. Groups are answered in order. */
typedef enum weir_pg_group_kind {
    WEIR_PG_GROUP_OPERATION = 1,        /* of the operation that runs */
    WEIR_PG_GROUP_AHEAD,                /* asked for ahead of time, a batch or a whole result: its bytes are kept for its cursor */
    WEIR_PG_GROUP_DISCARD,              /* a batch nobody wants any more */
    WEIR_PG_GROUP_COPY                  /* of the COPY that is open: until it is over, through several operations */
} weir_pg_group_kind;
typedef struct weir_pg_group { weir_pg_group_kind kind; weir_pg_cursor *cursor; } weir_pg_group;

/* What the next completion (CommandComplete, PortalSuspended, …) inside the operation's group ends. */
typedef enum weir_pg_part {
    WEIR_PG_PART_PLAIN = 1,             /* BEGIN, SAVEPOINT, a restored setting: rows are of no interest */
    WEIR_PG_PART_SETTINGS,              /* one row: the time-outs in force */
    WEIR_PG_PART_SESSION,               /* one row: whose session it is */
    WEIR_PG_PART_CATALOG,               /* rows of pg_type */
    WEIR_PG_PART_PLAN,                  /* the lines of an EXPLAIN */
    WEIR_PG_PART_ROWS,                  /* the cursor's rows */
    WEIR_PG_PART_SETS                   /* the same, once for each set of the page: the next completion but the last ends it not */
} weir_pg_part;

typedef enum weir_pg_operation {
    WEIR_PG_NONE = 0, WEIR_PG_COMMAND, WEIR_PG_PREPARE, WEIR_PG_OPEN, WEIR_PG_FETCH, WEIR_PG_CLOSE, WEIR_PG_LISTEN, WEIR_PG_COPY, WEIR_PG_PAGE,
    WEIR_PG_ORDER
} weir_pg_operation;

enum { WEIR_PG_MAX_GROUPS = 32, WEIR_PG_MAX_AHEAD = 24, WEIR_PG_MAX_PARTS = 8, WEIR_PG_MAX_ASKED = 4, WEIR_PG_STATEMENTS_KEPT = 100 };

/* Bytes that came: [start, end) of in[0 … capacity). */
typedef struct weir_pg_window { uint8_t *in; size_t start, end, capacity; } weir_pg_window;

struct weir_pg_link {
    weir_link  base;
    PGconn    *conn;
    PGcancel  *cancel_key;
    SSL       *ssl;                     /* NULL: plain */
    int        fd;
    bool       local;                   /* a Unix socket */
    int        read_timeout_ms;
    const weir_dial_plan *plan;         /* lives longer than the link */
    /* bytes in: a window [in_start, in_end) of in[0 … in_capacity) */
    uint8_t   *in;
    size_t     in_start, in_end, in_capacity;
    bool       end_of_stream;
    /* bytes out */
    weir_buffer out;
    size_t     out_sent;
    bool       write_wants_read, read_wants_write;      /* TLS */
    int        send_errno;              /* the server hung up: what it said before is still to be read */
    /* coalescing of reads (RULES L3) */
    bool       bulk;                    /* a batch is on its way: many bytes are expected */
    int        low_water;               /* bytes that SO_RCVLOWAT is raised to; 0: not raised */
    bool       low_water_stays;         /* … from the batch before, one of many bytes: finding nothing yet does not end it */
    int        short_reads;             /* in this operation */
    int64_t    last_progress;           /* when bytes last came: the read time-out counts from here */
    int64_t    last_rest;               /* when others last had their turn: the operation began, or waited */
    size_t     unbroken;                /* bytes read since then */
    /* the exchange */
    weir_pg_operation operation;
    weir_pg_cursor   *cursor;           /* of the operation */
    bool       commits;                 /* the operation is a COMMIT: the tag ROLLBACK is no success */
    bool       replay;                  /* the fetch's batch was kept raw: it is read from there */
    bool       operation_done;
    weir_pg_group groups[WEIR_PG_MAX_GROUPS];
    size_t     group_count;
    weir_pg_part parts[WEIR_PG_MAX_PARTS];
    size_t     part_count, part_next;
    bool      *parse_flags[WEIR_PG_MAX_PARTS];          /* set by each ParseComplete in turn; NULL: nobody asks */
    size_t     parse_count, parse_next;
    weir_error group_error;             /* the first error of the group at the front */
    weir_error abort_cause;             /* of a group read ahead that nobody has fetched yet */
    int64_t    listen_deadline;
    const char *begin_sql;              /* travels with the next operation; a constant or in begin_text */
    char       begin_text[96];
    bool       begin_sent;              /* with the operation that runs */
    /* prepare: parameters that the server could not infer are declared, one after the other */
    bool       prepare_guarded;         /* a savepoint protects the user's transaction from a failing Parse */
    bool       catalog_asked;
    uint32_t  *declared_oids;           /* per parameter, 0: let the server infer; in the cursor's arena */
    size_t     declared_tries;
    /* a row that is larger than the input buffer: read straight into its batch */
    uint8_t   *giant;
    size_t     giant_length, giant_have, giant_room;    /* room: as much memory as there is for it so far */
    bool       giant_is_kept;           /* it goes into the buffer of a batch taken raw */
    size_t     skip;                    /* bytes of a message nobody wants, still to come */
    size_t     spilling;                /* bytes of one that go to a cursor's file */
    weir_pg_cursor *spilling_for;
    weir_pg_cursor *disk_for;           /* whose file was worked on, until what came of it was looked at */
    weir_error  disk_error;
    bool       row_waits;               /* the row at the window's start was not taken: the batch is full */
    bool       draining;                /* the batch is full: the rest of its group is taken raw */
    weir_page_run *page;                /* of the operation */
    size_t      plan_lines;             /* of the EXPLAIN that is read: so many came, as they must be so far */
    bool        plan_differs, plan_refused;             /* they are not; there was none, and the transaction goes back to before */
    weir_pg_copy *copy;                 /* the COPY that is open, until the server is ready for something else */
    weir_buffer copy_scratch;           /* one field of its text format; outlives it */
    bool       drained, paused;         /* the last read took all there was; the last wait was a pause */
    /* what is known */
    weir_pg_statement *statements;
    size_t     statement_count;
    unsigned   next_statement, next_portal;
    char       mark[WEIR_PG_MARK];      /* of its own, in names at the server */
    weir_pg_type **types;               /* looked up in the catalog */
    size_t     type_count;
    weir_arena type_arena;
    bool       serial_parsed, parallel_parsed;          /* a bracket's two statements: of streams (operations.c) */
    bool        ordered_parsed, freed_parsed;           /* of pages (order.c) */
    bool       plan_is_old;             /* group_error says so, of a statement that was kept */
    bool       schema_changed;          /* by the transaction that is open */
    unsigned   settings_epoch;          /* a SET was seen: what is known of time-outs is old */
    const char *reset_sql;              /* a statement of the operation that runs has reset settings: its text */
    char       encoding[32];            /* what a statement made of client_encoding, when it is not UTF8 */
};

struct weir_pg_cursor {
    weir_cursor base;
    weir_pg_statement *statement;
    char        portal[WEIR_PG_NAME];
    bool        declared;               /* by DECLARE: fetched with FETCH */
    bool        counted;                /* in statement->users */
    bool        in_place;               /* no value takes more room than its bytes */
    bool        reused;                 /* the statement was prepared by an earlier execution */
    int64_t     batch_rows;             /* rows the fetch that runs asked for */
    int64_t     bytes_before;           /* of base.bytes, when the batch was asked for that came last */
    int64_t     rows_from, bytes_from;  /* of base.rows and base.bytes, when the operation that runs, or was the last, began */
    int64_t     sliced;                 /* rows of the last batch that ended after a slice; 0: none did */
    bool        far;                    /* so much of it is left that the next one is not asked for yet */
    int64_t     rows_before;            /* of base.rows, when an Execute was completed last: what the server says of the next is compared, */
    int64_t     rows_opened;            /* … with all since this, the portal's begin, */
    int64_t     asked[WEIR_PG_MAX_ASKED];   /* … or, where it only says that there is more, the rows that each asked for which is not */
    size_t      asked_count;            /* completed, the first first */
    int64_t     least;                  /* bytes of a row's fields that go straight into the sink's object, as far as known beforehand */
    weir_buffer kept;                   /* a batch taken raw, whole messages, from kept_at on not read yet */
    size_t      kept_at;
    weir_spill  spill;                  /* what follows it */
    weir_pg_window spilled;             /* … of which this was read from the file, or … */
    size_t      unwritten;              /* … is to be written to it: so many bytes from its start on */
    bool        window_is_fresh;        /* it was just read into */
    weir_error *kept_error;             /* why it could not be kept */
    bool        has_kept;
    unsigned    settings_epoch;
};

/* ---- socket.c: bytes, without waiting ------------------------------------------------------------------------------------ */
enum { WEIR_PG_SMALL_BUFFER = 8 * 1024, WEIR_PG_BULK_BUFFER = 256 * 1024 };
/* Sends what the socket takes. 1: all sent, 0: more to come, negative: lost (link->base.error). */
int weir_pg_flush(weir_pg_link *link);
/* Reads once into `to`. > 0: bytes; 0: nothing there now; negative: lost, or the end of the stream. */
int64_t weir_pg_receive(weir_pg_link *link, void *to, size_t size);
/* Reads once into the input window. Same results. */
int64_t weir_pg_fill(weir_pg_link *link);
bool weir_pg_grow_input(weir_pg_link *link, size_t capacity);
/* A window of just so many bytes, if what has come fits it. */
void weir_pg_set_input(weir_pg_link *link, size_t capacity);
void weir_pg_shrink_input(weir_pg_link *link);
/* Fills `want` for the next wait, coalescing reads of a bulk stream. */
void weir_pg_want(weir_pg_link *link, weir_want *want);
void weir_pg_drop_low_water(weir_pg_link *link);
int weir_pg_lost(weir_pg_link *link, int status, const char *format, ...) WEIR_PRINTF_(3, 4);
int weir_pg_lost_by_errno(weir_pg_link *link, int number, const char *doing);

/* ---- send.c: messages out ------------------------------------------------------------------------------------------------- */
size_t weir_pg_message_begin(weir_pg_link *link, char type);            /* a mark for weir_pg_message_end */
void weir_pg_message_end(weir_pg_link *link, size_t mark);
void weir_pg_send_cstr(weir_pg_link *link, const char *text);
/* `parsed` (may be NULL) is set when the server says that it has parsed it. */
void weir_pg_send_parse(weir_pg_link *link, const char *name, const char *sql, const uint32_t *oids, size_t count, bool *parsed);
void weir_pg_send_describe_statement(weir_pg_link *link, const char *name);
void weir_pg_send_bind_plain(weir_pg_link *link, const char *portal, const char *statement);   /* no parameters, text results */
void weir_pg_send_result_formats(weir_pg_link *link, const weir_pg_statement *statement);
int  weir_pg_send_bind(weir_pg_link *link, weir_pg_cursor *cursor, const char *portal, const char *statement, bool results);
void weir_pg_send_execute(weir_pg_link *link, const char *portal, int64_t rows);
#define WEIR_PG_SERIAL_NAME "weir_serial"
#define WEIR_PG_PARALLEL_NAME "weir_parallel"
#define WEIR_PG_ORDERED_NAME "weir_ordered"
#define WEIR_PG_FREED_NAME "weir_freed"
/* A statement without parameters that goes before or behind another; parsed under its name, if it has one, the first time. */
void weir_pg_send_bracket(weir_pg_link *link, const char *name, const char *sql, bool *parsed, bool named);
void weir_pg_bracket_name(const weir_pg_link *link, const char *name, char out[static WEIR_PG_NAME]);     /* with the link's mark */
void weir_pg_brackets_forgotten(weir_pg_link *link);                    /* the server has them no more */
void weir_pg_send_close(weir_pg_link *link, char kind, const char *name);
void weir_pg_send_simple(weir_pg_link *link, const char *sql);          /* Parse, Bind, Execute of the unnamed */
/* Ends a group with Sync and remembers whose it is. WEIR_OK or an error. */
int  weir_pg_send_sync(weir_pg_link *link, weir_pg_group_kind kind, weir_pg_cursor *cursor);
void weir_pg_expect(weir_pg_link *link, weir_pg_part part);

/* A group that ends without Sync: the answer to a Query message. */
int  weir_pg_push_group(weir_pg_link *link, weir_pg_group_kind kind, weir_pg_cursor *cursor);

/* ---- page.c: pages of parameter sets --------------------------------------------------------------------------------------------- */
int weir_pg_run_page(weir_link *link, weir_page_run *run);
const char *weir_pg_array_type(weir_link *link, const weir_cursor *described, size_t column);
/* A set was executed and matched so many rows. Whether more of them are to come. */
bool weir_pg_page_goes_on(weir_pg_link *link, int64_t matched);

/* ---- order.c: a page's write that meets its rows in the order of the sets -------------------------------------------------------- */
int weir_pg_ask_order(weir_link *link, weir_cursor *cursor);
int weir_pg_order_row(weir_pg_link *link, const uint8_t *body, size_t length);
int weir_pg_order_next(weir_pg_link *link);
/* The settings under which the plan is that of ask_order, and those of before again. */
void weir_pg_send_ordered(weir_pg_link *link, bool on);

/* ---- copy.c: COPY … FROM STDIN ------------------------------------------------------------------------------------------------ */
/* A message of its group. */
int weir_pg_copy_message(weir_pg_link *link, char type, const uint8_t *body, size_t length);
/* Its ReadyForQuery. */
int weir_pg_copy_over(weir_pg_link *link);
/* Whether rows are being sent: that has an advance of its own. */
/* The link goes, with the COPY. */
void weir_pg_copy_forget(weir_pg_link *link);
bool weir_pg_copy_feeds(const weir_pg_link *link);
int weir_pg_copy_advance(weir_pg_link *link, weir_want *want);
int weir_pg_copy_begin(weir_link *link, weir_copy_in *copy);
int weir_pg_copy_put(weir_link *link, weir_copy_in *copy, const weir_feed *feed);
int weir_pg_copy_end(weir_link *link, weir_copy_in *copy, const char *abort_reason);

/* ---- receive.c: messages in -------------------------------------------------------------------------------------------------- */
/* A reader over one message's body; out-of-bounds reads set `bad` and give 0. */
typedef struct weir_pg_reader { const uint8_t *next, *end; bool bad; } weir_pg_reader;
uint16_t weir_pg_read_u16(weir_pg_reader *reader);
uint32_t weir_pg_read_u32(weir_pg_reader *reader);
const char *weir_pg_read_cstr(weir_pg_reader *reader);
const uint8_t *weir_pg_read_bytes(weir_pg_reader *reader, size_t length);
/* An ErrorResponse's or NoticeResponse's body as an error; `severity` (32 bytes) may be NULL. */
/* Whether the error names this routine of the server's source: its words are in the server's language. */
bool weir_pg_error_is_from(const char *routine, const uint8_t *body, size_t length);
void weir_pg_read_error(const uint8_t *body, size_t length, weir_error *out, char *severity);
int weir_pg_class_of(const char *sqlstate, bool *disconnect);
/* rows.c: how each column's values get into the sink's object; then one DataRow into the cursor's sink. `body` may be written to when `borrow`. */
void weir_pg_plan_direct(weir_pg_cursor *cursor);
/* Rows that lie whole in the input window, one behind the other: what nearly all of a stream is. */
/* The batch holds a slice of rows, and may end. */
bool weir_pg_has_slice(const weir_pg_cursor *cursor);
int weir_pg_read_rows(weir_pg_link *link);
int weir_pg_read_row(weir_pg_link *link, weir_pg_cursor *cursor, uint8_t *body, size_t length, bool borrow);
enum { WEIR_PG_FULL = 2 };              /* what reading a row gives when the sink is full: it was not taken */
/* Names the row of a message of `length` bytes, of which those up to `end` are here, for whom it may concern. */
void weir_pg_note_refused(weir_pg_cursor *cursor, const uint8_t *body, const uint8_t *end, size_t length);

/* ---- statements.c, catalog.c --------------------------------------------------------------------------------------------------- */
weir_pg_statement *weir_pg_statement_find(weir_pg_link *link, const char *sql, size_t length, bool serial);
weir_pg_statement *weir_pg_statement_new(weir_pg_link *link, const char *sql, size_t length, bool serial, bool named);
void weir_pg_statement_keep(weir_pg_link *link, weir_pg_statement *statement);      /* into the list; the oldest may go */
void weir_pg_statement_drop(weir_pg_link *link, weir_pg_statement *statement);      /* out of the list; freed when unused */
void weir_pg_statement_release(weir_pg_link *link, weir_pg_statement *statement);   /* one user less */
/* Out of the list and away from the server, the latter when nobody uses it any more: the Close travels with the next exchange. */
void weir_pg_statement_discard(weir_pg_link *link, weir_pg_statement *statement);
void weir_pg_statements_discard(weir_pg_link *link);
/* The server says that it has one of them no more: all of them and the brackets are parsed anew. What it has all the same is closed, or
 * their names would be taken for ever. */
void weir_pg_statements_doubted(weir_pg_link *link);
bool weir_pg_names_our_statement(const weir_pg_link *link, const weir_error *error);
void weir_pg_statements_free(weir_pg_link *link);
int  weir_pg_statement_parameters(weir_pg_link *link, weir_pg_statement *statement, const uint8_t *body, size_t length);
int  weir_pg_statement_columns(weir_pg_link *link, weir_pg_statement *statement, const uint8_t *body, size_t length);
/* The type, built in or looked up before; NULL: the catalog must be asked. */
const weir_pg_type *weir_pg_type_known(weir_pg_link *link, uint32_t oid);
/* Queues the catalog query for the statement's unknown types: 1; 0 when there are none; or a negative status. */
int  weir_pg_catalog_ask(weir_pg_link *link, weir_pg_statement *statement);
int  weir_pg_catalog_row(weir_pg_link *link, const uint8_t *body, size_t length);
int  weir_pg_statement_resolve(weir_pg_link *link, weir_pg_statement *statement);   /* types of OIDs; unknown ones as other */

/* ---- kept.c --------------------------------------------------------------------------------------------------------------------------- */
/* Keeps a message for the cursor in memory. Negative: the link is lost. */
int weir_pg_keep(weir_pg_link *link, weir_pg_cursor *cursor, const uint8_t *message, size_t length);
/* Whether so many bytes more find room in memory: then it is there. */
bool weir_pg_keeps_in_memory(weir_pg_cursor *cursor, size_t length);
/* A piece of a message that does not: *taken bytes of it, where the rest has to wait for the disk (WEIR_PG_DISK). */
int weir_pg_spill(weir_pg_link *link, weir_pg_cursor *cursor, const uint8_t *bytes, size_t length, size_t *taken);
enum { WEIR_PG_DISK = 3 };              /* a cursor's file has to be worked on first: weir_pg_want_disk asks for that */
int weir_pg_want_disk(weir_pg_link *link, weir_want *want);
void weir_pg_drop_kept(weir_pg_cursor *cursor);
/* Reads the batch that was kept: up to its end, or until the sink is full. WEIR_PG_DISK: to be called again after that. */
int weir_pg_replay(weir_pg_link *link);

/* ---- exchange.c -------------------------------------------------------------------------------------------------------------------- */
int weir_pg_advance(weir_link *link, weir_want *want);
int weir_pg_operation_begin(weir_pg_link *link, weir_pg_operation operation, weir_pg_cursor *cursor);
/* An ErrorResponse becomes the group's error, or that of a link that it ends. */
int weir_pg_take_error(weir_pg_link *link, const uint8_t *body, size_t length);
/* Takes the messages in the window. 1: more bytes are needed; WEIR_PG_DISK; WEIR_OK: the operation is done; negative: an error. */
int weir_pg_take_messages(weir_pg_link *link);
/* The row that is larger than the window is here. */
int weir_pg_end_giant(weir_pg_link *link);
/* How many of its bytes may be read now. 0: there is no memory for more, and it is given up. */
size_t weir_pg_giant_room(weir_pg_link *link);
/* Reads what is there, without waiting, and takes it: WEIR_OK or an error. */
int weir_pg_look(weir_pg_link *link);
int weir_pg_finish_operation(weir_pg_link *link, int status);
/* What follows the answer of the operation's group, in operations.c: WEIR_OK when the operation is done, 1 when another group was sent. */
int weir_pg_operation_next(weir_pg_link *link);
/* The group's error becomes the operation's. Its status. */
int weir_pg_group_failed(weir_pg_link *link);
void weir_pg_tell_round_trip(weir_pg_link *link, const char *what, int64_t rows);
int weir_pg_nothing_to_send(weir_pg_link *link);
/* The value fits no parameter of the type that the server inferred once, maybe before a change of the schema: it is asked again. */
void weir_pg_refused_by_kept_types(weir_pg_cursor *cursor, int status);
/* The queued BEGIN, in front of everything else. */
void weir_pg_send_begin(weir_pg_link *link);
/* Undoes what an operation queued before it failed on our side, so that nothing half is sent. Returns the status. */
int weir_pg_take_back(weir_pg_link *link, size_t out_mark, int status);
void weir_pg_discard_ahead(weir_pg_link *link, weir_pg_cursor *cursor);

/* ---- settings.c ---------------------------------------------------------------------------------------------------------------- */
bool weir_pg_libpq_knows(const char *key);      /* the other keys of connect_args are settings of the server */
/* Appends to the operation what settles the forms of texts. */
void weir_pg_send_text_forms(weir_pg_link *link);
void weir_pg_take_session(weir_pg_link *link, const uint8_t *body, size_t length);
/* The statement that gives a setting its value. WEIR_OK or WEIR_OUT_OF_MEMORY (in link->base.error). */
int  weir_pg_setting_text(weir_pg_link *link, const char *key, const char *value, weir_buffer *out);
/* Looks at the cursor's statement, which has completed with this tag. */
void weir_pg_note_reset(weir_pg_link *link, const char *tag);
/* WEIR_OK: nothing to do; 1: another group was sent; negative: lost. A changed client_encoding also becomes the group's error. */
int  weir_pg_put_settings_back(weir_pg_link *link);

/* ---- operations.c, dial.c: the driver's functions ------------------------------------------------------------------------------------ */
int weir_pg_command(weir_link *link, const char *sql);
int weir_pg_begin(weir_link *link, const char *sql);
int weir_pg_prepare(weir_link *link, weir_cursor *cursor);
int weir_pg_open(weir_link *link, weir_cursor *cursor, int64_t rows);
int weir_pg_fetch(weir_link *link, weir_cursor *cursor, int64_t rows);
int weir_pg_close(weir_link *link, weir_cursor *cursor);
void weir_pg_drop(weir_link *link, weir_cursor *cursor);
int weir_pg_ping(weir_link *link);
int weir_pg_listen(weir_link *link, int64_t deadline);
int weir_pg_read_ahead(weir_link *link, weir_cursor *cursor, int64_t rows);
int weir_pg_open_ahead(weir_link *link, weir_cursor *cursor, int64_t rows);
void weir_pg_forget(weir_link *link, weir_cursor *cursor);
int weir_pg_plan_cell(weir_link *link, const weir_cursor *cursor, size_t column, weir_arena *arena, weir_step *step);
int weir_pg_check(weir_dial_plan *plan, weir_error *error);
int weir_pg_dial(const weir_dial_plan *plan, weir_dial_watch *watch, weir_link **out, weir_error *error);
void weir_pg_hang_up(weir_link *link);
void weir_pg_abandon(weir_link *link);

/* ---- cancel.c ------------------------------------------------------------------------------------------------------------------------ */
int weir_pg_cancel(weir_link *link);
bool weir_pg_awaits(const weir_link *link);
bool weir_pg_reachable(weir_link *link, int64_t deadline);
#endif
