/* Import: records of a file through COPY into a table. Records that cannot be taken end it, or go into a file of their own; then each
 * batch's records are kept until the database has taken them, so that those it refuses can be told from the rest. */
#include <stdio.h>
#include <weir/transfer.h>
#include "engine/copy.h"
#include "sql/identifier.h"
#include "sql/statement.h"
#include "transfer/import_values.h"
#include "transfer/output.h"

enum {
    KEPT_RECORDS = 5000, KEPT_BYTES = 4 << 20,      /* of a batch, where records are kept */
    PROGRESS_EVERY = 1024, MARKS = 256, VALUES_KEPT = 1 << 20
};
#define MAX_RECORD ((size_t)64 << 20)

typedef struct kept { size_t offset, length; int64_t line; } kept;
/* Rows of a COPY follow each other line by line from here on. */
typedef struct mark { int64_t row, line; } mark;

typedef struct import {
    weir_connection    *connection;
    weir_import_options options;
    weir_ledger         ledger;
    weir_records        records;
    weir_arena          arena;          /* of one record's values */
    weir_type          *types, *elements;       /* of the columns; of an array's items */
    bool               *binary;         /* columns of SQLite's that make binary numbers of digits */
    bool                has_arrays;
    weir_value         *values;
    weir_copy          *copy;           /* NULL: none is open */
    unsigned            cancel_calls;   /* when it began */
    int64_t             copied;         /* records given to it */
    int64_t             committed_line; /* all up to this one is in the table for good */
    mark                marks[MARKS];   /* a ring */
    size_t              mark_count;
    bool                rejecting;
    bool                own_transaction;        /* under AUTOCOMMIT */
    int                 savepoint;      /* of all COPYs together; 0: each batch is committed */
    weir_output         rejects;
    weir_buffer         bytes;          /* of the kept records */
    kept               *kept;
    size_t              kept_count;
    weir_import_figures figures;
    weir_error          before;         /* what the connection's close had to tell before */
    weir_error          error;
} import;

/* ---- lines ------------------------------------------------------------------------------------------------------------------ */

static void mark_line(import *run, int64_t row, int64_t line)
{
    const mark *last = run->mark_count ? &run->marks[(run->mark_count - 1) % MARKS] : NULL;
    if (!last || last->line + (row - last->row) != line)
        run->marks[run->mark_count++ % MARKS] = (mark){ row, line };
}

/* The line of a row of the COPY; 0: too long ago. */
static int64_t line_of(const import *run, int64_t row)
{
    size_t oldest = run->mark_count > MARKS ? run->mark_count - MARKS : 0;
    for (size_t i = run->mark_count; i-- > oldest;)
        if (run->marks[i % MARKS].row <= row)
            return run->marks[i % MARKS].line + (row - run->marks[i % MARKS].row);
    return 0;
}

/* ---- the table ---------------------------------------------------------------------------------------------------------------- */

static int fail_as_connection(import *run)
{
    run->error = *weir_connection_error(run->connection);
    return run->error.status;
}

/* A SELECT of the columns, or of all, that gives no row; of array columns `elements` shows what their items are. */
static weir_stmt *select_nothing(import *run, bool elements)
{
    weir_buffer text;
    weir_buffer_init(&text, &run->ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    weir_buffer_text(&text, "SELECT ");
    for (size_t i = 0; i < run->records.column_count; i++) {
        bool is_array = elements && run->types[i] == WEIR_T_ARRAY;
        weir_buffer_text(&text, i ? ", " : "");
        weir_buffer_text(&text, is_array ? "(" : "");
        weir_identifier_append(&text, run->records.columns[i]);
        weir_buffer_text(&text, is_array ? ")[1]" : "");
    }
    weir_buffer_text(&text, run->records.column_count ? " FROM " : "* FROM ");
    weir_table_name table = weir_table_name_of(run->options.table);
    if (!weir_table_name_written(&table, run->options.table, &run->records.names))
        text.failed = true;
    weir_table_name_append(&text, &table);
    weir_buffer_text(&text, " WHERE 1 = 0");
    return weir_sql_taken(&text);
}

/* Without names in the file, its columns are the table's. */
static bool takes_names_of_table(const import *run)
{
    return run->options.header == WEIR_OFF && !run->options.columns && run->records.format == &weir_records_csv;
}

/* As SQLite's rules of affinity have it; PostgreSQL's columns have a type of their own. */
static bool makes_binary(const weir_column_info *column)
{
    static const char *const texts[] = { "TEXT", "CHAR", "CLOB" };
    bool text = column->database_oid != 0;
    for (size_t i = 0; i < 3; i++)
        text = text || strcasestr(column->database_type, texts[i]);
    return column->type == WEIR_T_NUMERIC && !text;
}

static int learn_columns(import *run, const weir_result *described)
{
    weir_records *records = &run->records;
    size_t count = weir_result_column_count(described);
    if (takes_names_of_table(run)) {
        if (count < records->column_count)
            return weir_error_set(&run->error, WEIR_DATA, "line %lld has %zu fields, but %s has %zu columns",
                                  (long long)records->input.line, records->column_count, run->options.table, count);
        for (size_t i = 0; i < records->column_count; i++)
            if (!(records->columns[i] = weir_copy_text(&run->ledger, WEIR_MEMORY_OUTPUT, weir_result_column(described, i)->name,
                                                       strlen(weir_result_column(described, i)->name))))
                return weir_error_out_of_memory(&run->error);
    }
    run->types = weir_arena_take(&records->names, (records->column_count + 1) * sizeof *run->types);
    run->elements = weir_arena_take(&records->names, (records->column_count + 1) * sizeof *run->elements);
    run->values = weir_arena_take(&records->names, (records->column_count + 1) * sizeof *run->values);
    run->binary = weir_arena_take(&records->names, (records->column_count + 1) * sizeof *run->binary);
    if (!run->types || !run->values || !run->elements || !run->binary)
        return weir_error_out_of_memory(&run->error);
    for (size_t i = 0; i < records->column_count; i++) {
        run->binary[i] = makes_binary(weir_result_column(described, i));
        run->types[i] = weir_result_column(described, i)->type;
        run->elements[i] = WEIR_T_NULL;
        run->has_arrays = run->has_arrays || run->types[i] == WEIR_T_ARRAY;
    }
    return WEIR_OK;
}

static int learn_elements(import *run, const weir_result *described)
{
    for (size_t i = 0; i < run->records.column_count; i++)
        run->elements[i] = weir_result_column(described, i)->type;
    return WEIR_OK;
}

static int describe(import *run, weir_stmt *stmt, int (*learn)(import *run, const weir_result *described))
{
    weir_result *described = weir_connection_execute(run->connection, stmt, NULL);
    weir_stmt_free(&stmt);
    run->error = *weir_result_error(described);
    if (run->error.status == WEIR_OK)
        learn(run, described);
    int closed = weir_result_close(&described);
    return run->error.status != WEIR_OK ? run->error.status : closed;
}

static int describe_table(import *run)
{
    size_t count = run->records.column_count;
    if (takes_names_of_table(run))
        run->records.column_count = 0;
    weir_stmt *stmt = select_nothing(run, false);
    run->records.column_count = count;
    int status = describe(run, stmt, learn_columns);
    return status == WEIR_OK && run->has_arrays ? describe(run, select_nothing(run, true), learn_elements) : status;
}

/* ---- one COPY ------------------------------------------------------------------------------------------------------------------ */

static int open_copy(import *run)
{
    if (!run->records.column_count)
        return weir_error_set(&run->error, WEIR_DATA, "line %lld of %s names no columns: give it keys, or the import --columns",
                              (long long)run->records.line, run->records.input.name);
    const char **columns = weir_alloc(&run->ledger, WEIR_MEMORY_OUTPUT, (run->records.column_count + 1) * sizeof *columns);
    if (!columns)
        return weir_error_out_of_memory(&run->error);
    memcpy(columns, run->records.columns, run->records.column_count * sizeof *columns);
    columns[run->records.column_count] = NULL;
    run->copy = weir_copy_open(run->connection, WEIR_COPY_OPTIONS(.table = run->options.table, .columns = columns,
                                                                  .upsert = run->options.upsert));
    weir_free(columns);
    run->copied = 0;
    run->mark_count = 0;
    run->error = *weir_copy_error(run->copy);
    return run->error.status;
}

/* Whatever it was aborted for: a connection that is lost with it is the failure. */
static void abort_copy(import *run)
{
    weir_copy_abort(&run->copy);
    run->copy = NULL;
    if (!run->error.disconnect && weir_connection_invalidated(run->connection))
        fail_as_connection(run);
}

/* What went wrong, with the line of the row that it names; the COPY is gone. */
static int copy_failed(import *run)
{
    run->error = *weir_copy_error(run->copy);
    abort_copy(run);
    return run->error.status;
}

static void show_line(import *run)
{
    int64_t line = run->error.row > 0 ? line_of(run, run->error.row) : 0;
    if (line > 0)
        weir_error_context(&run->error, "line %lld of %s", (long long)line, run->records.input.name);
    else if (run->error.row > 0)
        weir_error_context(&run->error, "record %lld of this transaction", (long long)run->error.row);
    run->error.row = line;
}

/* The record's fields as values: WEIR_OK, WEIR_DATA with a reason, or WEIR_OUT_OF_MEMORY, which is no mistake of the record. */
static int make_values(import *run, char *reason)
{
    weir_arena_reset(&run->arena, VALUES_KEPT);
    for (size_t i = 0; i < run->records.column_count; i++) {
        char why[WEIR_REASON_SIZE];
        int status = weir_field_value(&run->records.fields[i], run->types[i], run->elements[i], &run->arena, &run->values[i], why);
        if (status == WEIR_OK && run->binary[i] && run->values[i].type == WEIR_T_NUMERIC)
            status = weir_numeric_to_binary(&run->records.fields[i], &run->values[i], why);
        if (status == WEIR_DATA)
            snprintf(reason, WEIR_REASON_SIZE, "column '%.60s': %.80s", run->records.columns[i], why);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

/* Gives the record to the COPY: 1 taken, 0 refused with a reason and the COPY goes on, or a negative status: the COPY is lost. */
static int push(import *run, int64_t line, char *reason)
{
    int status = make_values(run, reason);
    if (status != WEIR_OK)
        return status == WEIR_DATA ? 0 : weir_error_out_of_memory(&run->error);
    mark_line(run, run->copied + 1, line);
    status = weir_copy_values(run->copy, run->values, run->records.column_count);
    if (status == WEIR_OK) {
        run->copied++;
        return 1;
    }
    if (run->copy->failed || status != WEIR_DATA)
        return copy_failed(run);
    snprintf(reason, WEIR_REASON_SIZE, "%.159s", weir_copy_error(run->copy)->message);
    return 0;
}

static int finish_copy(import *run)
{
    if (!run->copy)
        return WEIR_OK;
    int64_t written = weir_copy_finish(&run->copy);
    run->copy = NULL;
    if (written < 0)
        return fail_as_connection(run);
    run->figures.written += written;
    return WEIR_OK;
}

static int commit(import *run)
{
    if (run->options.batch <= 0)
        return WEIR_OK;
    if (weir_connection_commit(run->connection) != WEIR_OK)
        return fail_as_connection(run);
    run->committed_line = run->figures.line;
    return WEIR_OK;
}

/* ---- rejects ------------------------------------------------------------------------------------------------------------------- */

static void write_quoted(weir_output *output, const char *text, size_t length)
{
    weir_output_byte(output, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"')
            weir_output_byte(output, '"');
        weir_output_byte(output, text[i]);
    }
    weir_output_byte(output, '"');
}

static int reject(import *run, int64_t line, const char *reason, weir_text record)
{
    char number[32];
    int length = snprintf(number, sizeof number, "%lld,", (long long)line);
    run->figures.rejected++;
    weir_output_bytes(&run->rejects, number, (size_t)length);
    write_quoted(&run->rejects, reason, strlen(reason));
    weir_output_byte(&run->rejects, ',');
    write_quoted(&run->rejects, record.ptr ? record.ptr : "", record.len);
    weir_output_byte(&run->rejects, '\n');
    return weir_error_keep(&run->error, &run->rejects.error);
}

/* ---- batches whose records are kept ---------------------------------------------------------------------------------------------- */

static weir_text kept_record(const import *run, size_t index)
{
    return (weir_text){ run->bytes.data + run->kept[index].offset, run->kept[index].length };
}

static int keep(import *run, weir_text record, int64_t line)
{
    run->kept[run->kept_count++] = (kept){ run->bytes.length, record.len, line };
    weir_buffer_append(&run->bytes, record.ptr, record.len);
    return run->bytes.failed ? weir_error_out_of_memory(&run->error) : WEIR_OK;
}

/* Whether the database refused a row, rather than the work as a whole. */
static bool refused_a_row(const weir_error *error)
{
    return !error->disconnect && (weir_status_is(error->status, WEIR_DATA) || weir_status_is(error->status, WEIR_INTEGRITY) ||
                                  !strncmp(error->sqlstate, "P0", 2));
}

/* Copies kept records from `first` on. WEIR_OK: all of them; else why not, and *bad is which one, SIZE_MAX when nothing tells. */
static int copy_kept(import *run, size_t first, size_t count, size_t *bad)
{
    char reason[WEIR_REASON_SIZE];
    *bad = SIZE_MAX;
    int status = open_copy(run);
    for (size_t i = first; status == WEIR_OK && i < first + count; i++) {
        bool parsed = weir_records_parse(&run->records, kept_record(run, i));
        int taken = parsed ? push(run, run->kept[i].line, reason) : 0;
        if (!parsed && run->records.scratch.failed)
            taken = weir_error_out_of_memory(&run->error);
        if (taken == 0)
            status = weir_error_set(&run->error, WEIR_DATA, "%s", parsed ? reason : run->records.reason);
        if (taken <= 0)
            status = run->error.status;
        if (taken == 0)
            *bad = i;
    }
    if (run->copy && status != WEIR_OK) {
        abort_copy(run);
        status = run->error.status;
    }
    if (status == WEIR_OK)
        status = finish_copy(run);
    if (status != WEIR_OK && *bad == SIZE_MAX && run->error.row > 0 && (size_t)run->error.row <= count)
        *bad = first + (size_t)run->error.row - 1;
    if (status != WEIR_OK && *bad == SIZE_MAX && count == 1)
        *bad = first;
    return status;
}

/* Copies kept records, those that the database refuses left out: halves a range until the refused one stands alone, unless it is told. */
static int salvage(import *run, size_t first, size_t count)
{
    while (count > 0 && run->error.status == WEIR_OK) {
        size_t bad;
        int status = copy_kept(run, first, count, &bad);
        if (status == WEIR_OK || !refused_a_row(&run->error))
            return status;
        weir_error why = run->error;
        weir_error_clear(&run->error);
        if (bad == SIZE_MAX) {
            size_t half = count / 2;
            if (salvage(run, first, half) != WEIR_OK)
                return run->error.status;
            first += half;
            count -= half;
            continue;
        }
        if (bad > first && salvage(run, first, bad - first) != WEIR_OK)
            return run->error.status;
        if (reject(run, run->kept[bad].line, why.message, kept_record(run, bad)) != WEIR_OK)
            return run->error.status;
        count -= bad + 1 - first;
        first = bad + 1;
    }
    return run->error.status;
}

static int end_kept_batch(import *run)
{
    int status = finish_copy(run);
    if (status != WEIR_OK && refused_a_row(&run->error)) {
        weir_error_clear(&run->error);
        status = salvage(run, 0, run->kept_count);
    }
    run->kept_count = 0;
    run->bytes.length = 0;
    return status == WEIR_OK ? commit(run) : status;
}

static bool is_batch_full(const import *run)
{
    int64_t wanted = run->options.batch > 0 ? run->options.batch : run->rejecting ? KEPT_RECORDS : INT64_MAX;
    return (run->rejecting ? (int64_t)run->kept_count : run->copied) >= wanted ||
           (run->rejecting && (run->kept_count == KEPT_RECORDS || run->bytes.length >= KEPT_BYTES));
}

static int end_batch(import *run)
{
    if (run->rejecting)
        return end_kept_batch(run);
    int status = finish_copy(run);
    if (status != WEIR_OK)
        show_line(run);
    return status == WEIR_OK ? commit(run) : status;
}

/* ---- the loop --------------------------------------------------------------------------------------------------------------------- */

static int refuse_record(import *run, const char *reason, weir_text raw)
{
    if (run->rejecting)
        return reject(run, run->records.line, reason, raw);
    weir_error_set(&run->error, WEIR_DATA, "line %lld of %s: %s", (long long)run->records.line, run->records.input.name, reason);
    run->error.row = run->records.line;
    return WEIR_DATA;
}

static int take_record(import *run)
{
    char reason[WEIR_REASON_SIZE];
    if (!run->copy && open_copy(run) != WEIR_OK)
        return run->error.status;
    int taken = push(run, run->records.line, reason);
    if (taken == 0)
        return refuse_record(run, reason, run->records.raw);
    if (run->rejecting && (taken == 1 || refused_a_row(&run->error))) {
        if (keep(run, run->records.raw, run->records.line) != WEIR_OK)
            return run->error.status;
        if (taken == 1)
            return WEIR_OK;
        weir_error_clear(&run->error);  /* what the batch held so far is tried again without the row that was refused */
        int status = salvage(run, 0, run->kept_count);
        run->kept_count = 0;
        run->bytes.length = 0;
        return status == WEIR_OK ? commit(run) : status;
    }
    if (taken < 0)
        show_line(run);
    return run->error.status;
}

static void tell(import *run, bool always)
{
    run->figures.bytes = run->records.input.consumed;
    run->figures.size = run->records.input.size;
    if (run->options.progress && (always || run->figures.records % PROGRESS_EVERY == 0))
        run->options.progress(&run->figures, run->options.context);
}

/* Also by one that came while no statement ran, as between two batches. */
static int look_at_cancel(import *run)
{
    if (atomic_load_explicit(&run->connection->slot->cancel_calls, memory_order_relaxed) == run->cancel_calls)
        return WEIR_OK;
    return weir_error_set(&run->error, WEIR_CANCELLED, "cancelled by weir_connection_cancel");
}

static int read_records(import *run)
{
    int outcome, status = WEIR_OK;
    while (status == WEIR_OK && (outcome = weir_records_next(&run->records, &run->error)) != WEIR_RECORD_END) {
        if (outcome < 0)
            return outcome;
        run->figures.records++;
        run->figures.line = run->records.line;
        status = outcome == WEIR_RECORD ? take_record(run) : refuse_record(run, run->records.reason, run->records.raw);
        if (status == WEIR_OK && is_batch_full(run))
            status = end_batch(run);
        tell(run, false);
        if (status == WEIR_OK)
            status = look_at_cancel(run);
    }
    return status == WEIR_OK ? end_batch(run) : status;
}

/* ---- the whole --------------------------------------------------------------------------------------------------------------------- */

static int check_options(import *run, const char *path, const weir_import_options *given)
{
    weir_import_options *options = &run->options;
    if (!path || !given)
        return weir_error_set(&run->error, WEIR_ARGUMENT, "an import needs a path (\"-\": standard input) and options");
    if (given->struct_size == 0 || given->struct_size > sizeof *options)
        return weir_error_set(&run->error, WEIR_ARGUMENT, "import options of %zu bytes: make them with WEIR_IMPORT_OPTIONS",
                              given->struct_size);
    memcpy(options, given, given->struct_size);
    if (!options->table || !*options->table)
        return weir_error_set(&run->error, WEIR_ARGUMENT, "an import needs a table");
    if (options->batch < 0)
        return weir_error_set(&run->error, WEIR_ARGUMENT, "a batch of %lld records", (long long)options->batch);
    if (options->delimiter && strchr("\"\r\n", options->delimiter))
        return weir_error_set(&run->error, WEIR_ARGUMENT, "quotes and line ends cannot be the delimiter");
    if (options->batch > 0 && weir_connection_in_transaction(run->connection))
        return weir_error_set(&run->error, WEIR_INVALID_REQUEST,
                              "an import that commits each batch begins its own transactions: commit or roll back this one first");
    run->rejecting = options->rejects != NULL;
    return WEIR_OK;
}

static int open_all(import *run, const char *path)
{
    const weir_import_options *options = &run->options;
    int status = weir_records_open(&run->records, &run->ledger, path, options->format, options->columns,
                                   options->max_record ? options->max_record : MAX_RECORD, &run->error);
    if (status != WEIR_OK)
        return status;
    if (run->records.format != &weir_records_csv && (options->null_text || options->delimiter))
        return weir_error_set(&run->error, WEIR_ARGUMENT, "a text for NULL and a delimiter are options of csv, not of JSON lines");
    run->records.header = options->header != WEIR_OFF;
    run->records.null_text = options->null_text;
    run->records.delimiter = options->delimiter ? options->delimiter : ',';
    if ((status = weir_records_begin(&run->records, &run->error)) != WEIR_OK || (status = describe_table(run)) != WEIR_OK)
        return status;
    if (!run->rejecting)
        return WEIR_OK;
    if (!(run->kept = weir_alloc(&run->ledger, WEIR_MEMORY_OUTPUT, KEPT_RECORDS * sizeof *run->kept)))
        return weir_error_out_of_memory(&run->error);
    if (weir_output_open(&run->rejects, &run->ledger, options->rejects, WEIR_OUTPUT_USUAL) != WEIR_OK)
        return weir_error_keep(&run->error, &run->rejects.error);
    static const char head[] = "line,reason,record\n";
    weir_output_bytes(&run->rejects, head, sizeof head - 1);
    return WEIR_OK;
}

/* Several COPYs go or stay together. */
static int begin_whole(import *run)
{
    if (run->options.batch > 0)
        return WEIR_OK;
    run->own_transaction = run->connection->options.isolation_level == WEIR_AUTOCOMMIT && !weir_connection_in_transaction(run->connection);
    if (run->own_transaction && weir_connection_begin(run->connection) != WEIR_OK)
        return fail_as_connection(run);
    run->savepoint = weir_connection_savepoint(run->connection);
    return run->savepoint < 0 ? fail_as_connection(run) : WEIR_OK;
}

static void end_whole(import *run)
{
    weir_connection *connection = run->connection;
    if (run->savepoint > 0 && run->error.status == WEIR_OK && weir_connection_savepoint_release(connection, run->savepoint) != WEIR_OK)
        fail_as_connection(run);
    if (run->savepoint > 0 && run->error.status != WEIR_OK) {
        (void)weir_connection_savepoint_rollback(connection, run->savepoint);   /* where the connection is lost, all is gone */
        run->figures.written = 0;
    }
    if (!run->own_transaction)
        return;
    if (run->error.status != WEIR_OK)
        (void)weir_connection_rollback(connection);
    else if (weir_connection_commit(connection) != WEIR_OK)
        fail_as_connection(run);
}

/* What was rejected is told also when the import failed. */
static void close_all(import *run)
{
    if (run->rejects.fd >= 0 && weir_output_finish(&run->rejects) != WEIR_OK)
        weir_error_keep(&run->error, &run->rejects.error);
    weir_output_drop(&run->rejects);
    if (takes_names_of_table(run))
        for (size_t i = 0; run->types && i < run->records.column_count; i++)
            weir_free((void *)(uintptr_t)run->records.columns[i]);
    weir_records_close(&run->records);
    weir_buffer_free(&run->bytes);
    weir_free(run->kept);
    weir_arena_free(&run->arena);
}

/* In front of the server's own detail, which may be cut. */
static void say_what_stays(import *run)
{
    if (run->error.status == WEIR_OK || run->options.batch <= 0)
        return;
    char text[sizeof run->error.detail + 200];
    const char *detail = run->error.detail, *semicolon = *detail ? "; " : "";
    int length = run->committed_line ? snprintf(text, sizeof text, "what stands up to line %lld is committed; nothing behind it is%s%s",
                                                (long long)run->committed_line, semicolon, detail)
                                     : snprintf(text, sizeof text, "nothing was committed%s%s", semicolon, detail);
    weir_error_text(run->error.detail, sizeof run->error.detail, text, (size_t)length);
}

int weir_import_file(weir_connection *connection, const char *path, const weir_import_options *options, weir_import_figures *figures,
                     weir_error *error)
{
    import run = { .connection = connection, .rejects.fd = -1, .records.input.fd = -1 };
    weir_ledger_init(&run.ledger, weir_ledger_root());
    weir_arena_init(&run.arena, &run.ledger, WEIR_MEMORY_OUTPUT, 4096);
    weir_buffer_init(&run.bytes, &run.ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    int status = check_options(&run, path, options);
    run.before = connection->unreported;
    run.cancel_calls = connection->slot ? atomic_load_explicit(&connection->slot->cancel_calls, memory_order_relaxed) : 0;
    if (status == WEIR_OK)
        status = begin_whole(&run);
    if (status == WEIR_OK)
        status = open_all(&run, path);
    if (status == WEIR_OK)
        read_records(&run);             /* what goes wrong is in run.error */
    if (run.copy)
        weir_copy_abort(&run.copy);
    run.copy = NULL;
    end_whole(&run);
    status = run.error.status;
    if (status == WEIR_OK) {
        connection->unreported = run.before;    /* what the database refused is in the file of rejects, and no failure */
        tell(&run, true);
    }
    say_what_stays(&run);
    close_all(&run);
    if (figures)
        *figures = run.figures;
    if (error)
        *error = run.error;
    return run.error.status;
}
