/* Tables from entities and back: weir_create_all, weir_drop_all, weir_schema_check, on both databases. */
#include "support.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* ---- entities --------------------------------------------------------------------------------------------- */
enum mood { MOOD_SAD, MOOD_HAPPY };
static const char *const mood_names[] = { "sad", "happy" };
struct everything {
    int64_t id;
    bool truth;
    int16_t small;
    int32_t medium;
    int64_t large;
    float narrow;
    double wide;
    const char *cstr;
    weir_text text;
    weir_blob blob;
    weir_numeric exact;
    const weir_array *array;
    weir_date date;
    weir_time time;
    weir_timetz timetz;
    weir_timestamp local;
    weir_timestamptz instant;
    weir_interval span;
    weir_uuid uuid;
    weir_opt_bool opt_truth;
    weir_opt_int32 opt_medium;
    weir_opt_int64 opt_large;
    weir_opt_double opt_wide;
    weir_opt_date opt_date;
    weir_opt_time opt_time;
    weir_opt_timetz opt_timetz;
    weir_opt_timestamp opt_local;
    weir_opt_timestamptz opt_instant;
    weir_opt_interval opt_span;
    weir_opt_uuid opt_uuid;
    char code[9];
    enum mood mood;
};
WEIR_ENTITY(everything, "everything",
    WEIR_COLUMN(everything, id, .primary_key = true, .server_generated = true),
    WEIR_COLUMN(everything, truth), WEIR_COLUMN(everything, small), WEIR_COLUMN(everything, medium),
    WEIR_COLUMN(everything, large, .indexed = true), WEIR_COLUMN(everything, narrow), WEIR_COLUMN(everything, wide),
    WEIR_COLUMN(everything, cstr), WEIR_COLUMN(everything, text), WEIR_COLUMN(everything, blob), WEIR_COLUMN(everything, exact),
    WEIR_COLUMN(everything, array, .sql_type = "bigint[]"),
    WEIR_COLUMN(everything, date), WEIR_COLUMN(everything, time), WEIR_COLUMN(everything, timetz), WEIR_COLUMN(everything, local),
    WEIR_COLUMN(everything, instant), WEIR_COLUMN(everything, span), WEIR_COLUMN(everything, uuid, .unique = true),
    WEIR_COLUMN(everything, opt_truth), WEIR_COLUMN(everything, opt_medium), WEIR_COLUMN(everything, opt_large),
    WEIR_COLUMN(everything, opt_wide), WEIR_COLUMN(everything, opt_date), WEIR_COLUMN(everything, opt_time),
    WEIR_COLUMN(everything, opt_timetz), WEIR_COLUMN(everything, opt_local), WEIR_COLUMN(everything, opt_instant),
    WEIR_COLUMN(everything, opt_span), WEIR_COLUMN(everything, opt_uuid), WEIR_COLUMN(everything, code),
    WEIR_ENUM_COLUMN(everything, mood, mood_names));

/* A composite key and a foreign key to all of it; listed the wrong way round. */
struct shelf { int32_t hall, number; const char *label; };
struct book { int64_t id; int32_t hall, shelf; };
WEIR_ENTITY(shelf, "shelves", WEIR_COLUMN(shelf, hall, .primary_key = true), WEIR_COLUMN(shelf, number, .primary_key = true),
    WEIR_COLUMN(shelf, label));
WEIR_ENTITY(book, "books", WEIR_COLUMN(book, id, .primary_key = true),
    WEIR_COLUMN(book, hall, .foreign_key = "shelves.hall"), WEIR_COLUMN(book, shelf, .foreign_key = "shelves.number"));

/* A cycle, and a table that refers to itself. */
struct department { int64_t id; weir_opt_int64 head_id; };
struct employee { int64_t id; weir_opt_int64 department_id, boss_id; };
WEIR_ENTITY(department, "departments", WEIR_COLUMN(department, id, .primary_key = true),
    WEIR_COLUMN(department, head_id, .foreign_key = "employees.id"));
WEIR_ENTITY(employee, "employees", WEIR_COLUMN(employee, id, .primary_key = true),
    WEIR_COLUMN(employee, department_id, .foreign_key = "departments.id"), WEIR_COLUMN(employee, boss_id, .foreign_key = "employees.id"));

/* Names that must be quoted. */
struct odd { int64_t id, weird, order; };
WEIR_ENTITY(odd, "Odd \"table\"; DROP TABLE x :y", WEIR_COLUMN(odd, id, .primary_key = true, .column = "select"),
    WEIR_COLUMN(odd, weird, .column = "a \"b\"' :c -- d", .indexed = true), WEIR_COLUMN(odd, order, .indexed = true, .unique = false));

/* Many-to-many, declared on both sides. */
struct label;
struct item { int64_t id; WEIR_MANY(struct label) labels; };
struct label { int32_t id; WEIR_MANY(struct item) items; };
WEIR_ENTITY_DECLARE(item);
WEIR_ENTITY_DECLARE(label);
WEIR_ENTITY(item, "items", WEIR_COLUMN(item, id, .primary_key = true),
    WEIR_MANY_TO_MANY(item, labels, label, "item_labels", "item_id", "label_id"));
WEIR_ENTITY(label, "labels", WEIR_COLUMN(label, id, .primary_key = true),
    WEIR_MANY_TO_MANY(label, items, item, "item_labels", "label_id", "item_id"));

struct total { int64_t sum; };
WEIR_ENTITY(total, NULL, WEIR_COLUMN(total, sum));

#define ALL(...) ((const weir_entity *const[]){ __VA_ARGS__, NULL })

/* ---- help ------------------------------------------------------------------------------------------------- */
typedef struct found { size_t count; weir_difference items[48]; } found;

static void keep_difference(const weir_difference *difference, void *context)
{
    found *all = context;
    if (all->count < sizeof all->items / sizeof *all->items)
        all->items[all->count] = *difference;
    all->count++;
}

static void differences(test_database *db, const weir_entity *const *entities, found *all)
{
    weir_error error;
    *all = (found){ .count = 0 };
    int64_t count = weir_schema_check(db->engine, entities, keep_difference, all, &error);
    assert_error(&error, WEIR_OK);
    assert_int_equal(count, (int64_t)all->count);
}

static void assert_fits(test_database *db, const weir_entity *const *entities)
{
    found all;
    differences(db, entities, &all);
    for (size_t i = 0; i < all.count; i++)
        print_error("%s\n", all.items[i].message);
    assert_int_equal(all.count, 0);
}

static void create_ok(test_database *db, const weir_entity *const *entities)
{
    weir_error error;
    int status = weir_create_all(db->engine, entities, &error);
    assert_error(&error, WEIR_OK);
    assert_status(status, WEIR_OK);
}

static void drop_ok(test_database *db, const weir_entity *const *entities)
{
    weir_error error;
    int status = weir_drop_all(db->engine, entities, &error);
    assert_error(&error, WEIR_OK);
    assert_status(status, WEIR_OK);
}

static int64_t tables(test_database *db)
{
    return test_side_int(db, db->postgresql
                                 ? "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
                                 : "SELECT count(*) FROM sqlite_master WHERE type = 'table'");
}

/* The status of a statement; the transaction it was in is rolled back. */
static int try_sql(test_database *db, const char *sql)
{
    weir_connection *connection = weir_engine_begin(db->engine);
    int64_t matched = weir_connection_run(connection, sql);
    int closed = weir_connection_close(&connection);
    return matched < 0 ? (int)matched : closed;
}

/* ---- creating --------------------------------------------------------------------------------------------- */
static void test_what_is_created_fits_every_member_type(void **state)
{
    test_database *db = *state;
    create_ok(db, ALL(&everything_entity));
    assert_fits(db, ALL(&everything_entity));
    drop_ok(db, ALL(&everything_entity));
    assert_int_equal(tables(db), 0);
}

/* Writes a row of values at the edges into a created table, as parameters, and reads the instance. */
static void test_created_tables_keep_values_exactly(void **state)
{
    test_database *db = *state;
    static const char digits[] = "-12345678901234567890.12345678901234567890";
    const weir_uuid uuid = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255 } };
    create_ok(db, ALL(&everything_entity));
    weir_stmt *insert = weir_sql(
        "INSERT INTO everything (truth, small, medium, large, narrow, wide, cstr, text, blob, exact, date, time, timetz, "
        "local, instant, span, uuid, code, mood, opt_large, opt_instant) VALUES (:truth, -32768, -2147483648, :large, 0.5, :wide, "
        ":cstr, '', :blob, :exact, :date, :time, :timetz, :local, :instant, :span, :uuid, '12345678', 'happy', :large, :instant)");
    WEIR_BIND(insert, "truth", (bool)true);
    WEIR_BIND(insert, "large", INT64_MIN);
    WEIR_BIND(insert, "wide", 0.1);
    WEIR_BIND(insert, "cstr", "1e5");
    weir_bind(insert, "blob", weir_value_blob((weir_blob){ "\0x", 2 }));
    weir_bind(insert, "exact", weir_value_numeric((weir_numeric){ digits, sizeof digits - 1 }));
    weir_bind(insert, "date", weir_value_date((weir_date){ -1 }));
    weir_bind(insert, "time", weir_value_time((weir_time){ 1 }));
    weir_bind(insert, "timetz", weir_value_timetz((weir_timetz){ 3600000000, -3600 }));
    weir_bind(insert, "local", weir_value_timestamp((weir_timestamp){ 1714566600250000 }));
    weir_bind(insert, "instant", weir_value_timestamptz((weir_timestamptz){ -1 }));
    weir_bind(insert, "span", weir_value_interval((weir_interval){ .usec = -1, .days = 2, .months = 14 }));
    weir_bind(insert, "uuid", weir_value_uuid(uuid));
    weir_connection *connection = weir_engine_begin(db->engine);
    weir_result *result = weir_connection_execute(connection, insert, NULL);
    close_result_ok(&result);
    weir_stmt_free(&insert);
    close_connection_ok(&connection);

    weir_session *session = weir_session_open(db->engine);
    struct everything *row = WEIR_GET(everything, session, 1);
    assert_error(weir_session_error(session), WEIR_OK);
    assert_non_null(row);
    assert_true(row->truth && row->small == -32768 && row->medium == INT32_MIN && row->large == INT64_MIN);
    assert_true(row->narrow == 0.5f && row->wide == 0.1);
    assert_string_equal(row->cstr, "1e5");
    assert_true(row->text.ptr && row->text.len == 0 && row->blob.len == 2);
    assert_int_equal(row->exact.len, sizeof digits - 1);
    assert_memory_equal(row->exact.ptr, digits, row->exact.len);
    assert_null(row->array);
    assert_int_equal(row->date.days, -1);
    assert_int_equal(row->time.usec, 1);
    assert_true(row->timetz.usec == 3600000000 && row->timetz.offset == -3600);
    assert_int_equal(row->local.usec, 1714566600250000);
    assert_int_equal(row->instant.usec, -1);
    assert_true(row->span.usec == -1 && row->span.days == 2 && row->span.months == 14);
    assert_memory_equal(&row->uuid, &uuid, sizeof uuid);
    assert_string_equal(row->code, "12345678");
    assert_int_equal(row->mood, MOOD_HAPPY);
    assert_true(row->opt_large.present && row->opt_large.value == INT64_MIN && row->opt_instant.value.usec == -1 &&
                !row->opt_date.present);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_types_are_those_of_the_table_of_types(void **state)
{
    test_database *db = *state;
    static const struct { const char *column, *postgresql, *sqlite; } wanted[] = {
        { "id", "bigint", "integer" }, { "truth", "boolean", "boolean" }, { "small", "smallint", "smallint" },
        { "medium", "integer", "integer" }, { "large", "bigint", "bigint" }, { "narrow", "real", "real" },
        { "wide", "double precision", "double precision" }, { "cstr", "text", "text" }, { "blob", "bytea", "blob" },
        { "exact", "numeric", "numeric_text" }, { "array", "bigint[]", "bigint[]" }, { "date", "date", "date" },
        { "time", "time without time zone", "time" }, { "timetz", "time with time zone", "timetz" },
        { "local", "timestamp without time zone", "timestamp" }, { "instant", "timestamp with time zone", "timestamptz" },
        { "span", "interval", "interval" }, { "uuid", "uuid", "uuid" }, { "code", "character varying(8)", "varchar(8)" },
        { "mood", "text", "text" },
    };
    char sql[300], text[80];
    create_ok(db, ALL(&everything_entity));
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        snprintf(
            sql, sizeof sql,
            db->postgresql
                ? "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'everything'::regclass AND attname = '%s'"
                : "SELECT lower(type) FROM pragma_table_info('everything') WHERE name = '%s'",
            wanted[i].column);
        assert_string_equal(test_side_text(db, sql, text, sizeof text), db->postgresql ? wanted[i].postgresql : wanted[i].sqlite);
    }
}

static void test_null_is_where_the_c_type_has_it(void **state)
{
    test_database *db = *state;
    create_ok(db, ALL(&everything_entity));
    assert_int_equal(test_side_int(db, db->postgresql
        ? "SELECT count(*) FROM pg_attribute WHERE attrelid = 'everything'::regclass AND attnum > 0 AND NOT attnotnull"
        : "SELECT count(*) FROM pragma_table_info('everything') WHERE NOT \"notnull\" AND NOT pk"), 16);
    assert_int_equal(
        test_side_int(
            db,
            db->postgresql
                ? "SELECT count(*) FROM pg_attribute WHERE attrelid = 'everything'::regclass AND attname IN ('cstr', 'exact', 'opt_uuid') AND NOT attnotnull"
                : "SELECT count(*) FROM pragma_table_info('everything') WHERE name IN ('cstr', 'exact', 'opt_uuid') AND NOT \"notnull\""),
        3);
}

static void test_keys_indexes_and_uniques_are_made(void **state)
{
    test_database *db = *state;
    char sql[256];
    create_ok(db, ALL(&everything_entity));
    assert_int_equal(test_side_int(db, db->postgresql ? "SELECT count(*) FROM pg_indexes WHERE indexname = 'ix_everything_large'"
                                                      : "SELECT count(*) FROM sqlite_master WHERE name = 'ix_everything_large'"),
                     1);
    assert_int_equal(test_side_int(db, db->postgresql
        ? "SELECT count(*) FROM pg_constraint WHERE conrelid = 'everything'::regclass AND contype = 'u'"
        : "SELECT count(*) FROM pragma_index_list('everything') WHERE \"unique\" AND origin = 'u'"), 1);
    snprintf(sql, sizeof sql, "%s", db->postgresql
        ? "SELECT count(*) FROM pg_attribute WHERE attrelid = 'everything'::regclass AND attname = 'id' AND attidentity = 'd'"
        : "SELECT count(*) FROM pragma_table_info('everything') WHERE name = 'id' AND pk = 1 AND type = 'INTEGER'");
    assert_int_equal(test_side_int(db, sql), 1);
}

static void test_creating_twice_changes_nothing(void **state)
{
    test_database *db = *state;
    const weir_entity *const *all = ALL(&everything_entity, &book_entity, &shelf_entity, &department_entity, &employee_entity,
                                        &item_entity, &label_entity, &total_entity);
    create_ok(db, all);
    int64_t count = tables(db);
    assert_int_equal(count, 8);
    test_side_run(db, "INSERT INTO departments VALUES (1, NULL)");
    create_ok(db, all);
    assert_int_equal(tables(db), count);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM departments"), 1);
    assert_fits(db, all);
    drop_ok(db, all);
    drop_ok(db, all);
    assert_int_equal(tables(db), 0);
}

static void test_composite_keys_and_foreign_keys_to_them(void **state)
{
    test_database *db = *state;
    weir_engine *strict = db->postgresql ? NULL
        : test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = (const char *const[]){ "foreign_keys", "on", NULL }));
    create_ok(db, ALL(&book_entity, &shelf_entity));
    assert_fits(db, ALL(&shelf_entity, &book_entity));
    weir_connection *connection = weir_engine_connect(strict ? strict : db->engine);
    run_ok(connection, "INSERT INTO shelves VALUES (1, 2, 'x'), (2, 1, 'y')");
    run_ok(connection, "INSERT INTO books VALUES (1, 1, 2)");
    int savepoint = weir_connection_savepoint(connection);
    assert_status((int)weir_connection_run(connection, "INSERT INTO books VALUES (2, 1, 1)"), WEIR_INTEGRITY);
    assert_status(weir_connection_savepoint_rollback(connection, savepoint), WEIR_OK);
    assert_status((int)weir_connection_run(connection, "INSERT INTO shelves VALUES (1, 2, 'again')"), WEIR_INTEGRITY);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
    if (strict)
        weir_engine_close(&strict);
}

typedef struct starter { test_database *db; pthread_barrier_t *together; pthread_t thread; weir_error error; } starter;

static void *start(void *argument)
{
    starter *s = argument;
    pthread_barrier_wait(s->together);
    weir_create_all(s->db->engine, ALL(&department_entity, &employee_entity), &s->error);
    return NULL;
}

/* Several programs that start at once, each with its weir_create_all. */
static void test_tables_are_made_once_by_those_who_start_together(void **state)
{
    test_database *db = *state;
    enum { PROGRAMS = 5, ROUNDS = 6 };
    starter all[PROGRAMS];
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, PROGRAMS);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PROGRAMS; i++) {
            all[i] = (starter){ .db = db, .together = &together };
            assert_int_equal(pthread_create(&all[i].thread, NULL, start, &all[i]), 0);
        }
        for (int i = 0; i < PROGRAMS; i++)
            pthread_join(all[i].thread, NULL);
        for (int i = 0; i < PROGRAMS; i++)
            assert_error(&all[i].error, WEIR_OK);
        assert_int_equal(tables(db), 2);
        drop_ok(db, ALL(&department_entity, &employee_entity));
    }
    pthread_barrier_destroy(&together);
}

static void test_cycles_are_closed_once_all_tables_are_there(void **state)
{
    test_database *db = *state;
    create_ok(db, ALL(&department_entity, &employee_entity));
    assert_int_equal(
        test_side_int(
            db,
            db->postgresql
                ? "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid IN ('departments'::regclass, 'employees'::regclass)"
                : "SELECT (SELECT count(*) FROM pragma_foreign_key_list('departments')) + (SELECT count(*) FROM pragma_foreign_key_list('employees'))"),
        3);
    if (db->postgresql)
        assert_status(try_sql(db, "INSERT INTO departments VALUES (1, 99)"), WEIR_INTEGRITY);
    test_side_run(
        db,
        "INSERT INTO departments VALUES (1, NULL); INSERT INTO employees VALUES (7, 1, 7); UPDATE departments SET head_id = 7");
    drop_ok(db, ALL(&department_entity, &employee_entity));
    assert_int_equal(tables(db), 0);
}

static void test_a_cycle_with_rows_is_dropped_where_foreign_keys_are_enforced(void **state)
{
    test_database *db = *state;
    weir_error error;
    weir_engine *strict =
        test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = (const char *const[]){ "foreign_keys", "on", NULL }));
    create_ok(db, ALL(&department_entity, &employee_entity));
    test_side_run(
        db,
        "INSERT INTO departments VALUES (1, NULL); INSERT INTO employees VALUES (7, 1, 7); UPDATE departments SET head_id = 7");
    weir_drop_all(strict, ALL(&department_entity, &employee_entity), &error);
    assert_error(&error, WEIR_OK);
    assert_int_equal(tables(db), 0);
    weir_engine_close(&strict);
}

static void test_odd_names_are_quoted(void **state)
{
    test_database *db = *state;
    create_ok(db, ALL(&odd_entity));
    create_ok(db, ALL(&odd_entity));
    assert_fits(db, ALL(&odd_entity));
    test_side_run(
        db,
        "INSERT INTO \"Odd \"\"table\"\"; DROP TABLE x :y\" (\"select\", \"a \"\"b\"\"' :c -- d\", \"order\") VALUES (1, 2, 3)");
    drop_ok(db, ALL(&odd_entity));
    assert_int_equal(tables(db), 0);
}

static void test_association_tables_have_both_keys(void **state)
{
    test_database *db = *state;
    create_ok(db, ALL(&label_entity, &item_entity));
    assert_fits(db, ALL(&item_entity, &label_entity));
    test_side_run(db, "INSERT INTO items VALUES (5000000000); INSERT INTO labels VALUES (2); "
                      "INSERT INTO item_labels (item_id, label_id) VALUES (5000000000, 2)");
    assert_status(try_sql(db, "INSERT INTO item_labels (label_id, item_id) VALUES (2, 5000000000)"), WEIR_INTEGRITY);
    if (db->postgresql)
        assert_status(try_sql(db, "INSERT INTO item_labels (label_id, item_id) VALUES (3, 5000000000)"), WEIR_INTEGRITY);
    drop_ok(db, ALL(&item_entity, &label_entity));
    assert_int_equal(tables(db), 0);
}

/* ---- schemas ---------------------------------------------------------------------------------------------- */
struct thing { int64_t id, size; };
#define THING(table_, parent_)                                                                                              \
    { .name = "thing", .table = table_, .size = sizeof(struct thing), .member_count = 2, .members = (const weir_member[]){  \
        WEIR_COLUMN(thing, id, .primary_key = true), WEIR_COLUMN(thing, size, .indexed = true, .foreign_key = parent_) } }

static void test_tables_in_schemas(void **state)
{
    test_database *db = *state;
    const weir_entity both[][2] = { { THING("weir_side.things", "weir_side.sizes.id"), THING("weir_side.sizes", NULL) },
                                           { THING("main.things", "main.sizes.id"), THING("main.sizes", NULL) } };
    const weir_entity *things = both[db->postgresql ? 0 : 1];
    weir_error error;
    if (db->postgresql) {
        test_side_run(db, "DROP SCHEMA IF EXISTS weir_side CASCADE");
        assert_status(weir_create_all(db->engine, ALL(things, things + 1), &error), WEIR_PROGRAMMING);
        assert_contains(error.hint, "CREATE SCHEMA first");
        assert_contains(error.message, "creating table weir_side.sizes");
        test_side_run(db, "CREATE SCHEMA weir_side");
    }
    found missing;
    differences(db, ALL(things, things + 1), &missing);
    assert_int_equal(missing.count, 2);
    create_ok(db, ALL(things, things + 1));
    create_ok(db, ALL(things, things + 1));
    assert_fits(db, ALL(things, things + 1));
    assert_int_equal(tables(db), 2);
    drop_ok(db, ALL(things, things + 1));
    assert_int_equal(tables(db), 0);
    if (db->postgresql)
        test_side_run(db, "DROP SCHEMA weir_side");
}

static void test_long_names_of_indexes_stay_different(void **state)
{
    test_database *db = *state;
#define LONG "a_column_with_a_name_so_long_that_no_index_can_carry_all_of_it"
    static const weir_member members[] = { WEIR_COLUMN(thing, id, .column = LONG, .primary_key = true),
                                           WEIR_COLUMN(thing, size, .column = "b" LONG, .indexed = true) };
    static const weir_entity other = {
        .name = "thing", .table = "other", .size = sizeof(struct thing), .member_count = 2, .members = members
    };
    create_ok(db, ALL(&other));
    assert_int_equal(
        test_side_int(db, db->postgresql
                              ? "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'ix_other_%' AND length(indexname) = 63"
                              : "SELECT count(*) FROM sqlite_master WHERE name LIKE 'ix_other_%' AND length(name) = 63"),
        1);
}

struct thing_of_any_name { int64_t id, size; };

/* Each byte of the name is in the catalogue, and no other table came or went. */
static void test_names_of_any_bytes_are_made_as_they_are(void **state)
{
    test_database *db = *state;
    static const char *const names[] = { "a\\b", "a\nb", "a\tb\r", "\"", "\"\"", "'", "\"; DROP TABLE victims; --", "'); DROP TABLE victims; --", "%s%n%d", "$1 ?1 :a",
                                         "/* a", "select", "S\u00e9lect \u5217", " ", "[a]", "`a`", "\x01\x7f", "0", "E'\\'", "$$a$$",
                                         "n2345678901234567890123456789012345678901234567890123456789abcd" };
    test_side_run(db, "CREATE TABLE victims (id INTEGER)");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i]);
        const weir_member members[] = { WEIR_COLUMN(thing_of_any_name, id, .primary_key = true),
                                        WEIR_COLUMN(thing_of_any_name, size, .column = names[i], .indexed = true) };
        const weir_entity entity = { .name = "any", .table = names[i], .size = sizeof(struct thing_of_any_name), .member_count = 2, .members = members };
        char hex[160], sql[512];
        for (size_t k = 0; k < length; k++)
            snprintf(hex + 2 * k, 3, "%02X", (unsigned)(unsigned char)names[i][k]);
        create_ok(db, ALL(&entity));
        assert_fits(db, ALL(&entity));
        snprintf(sql, sizeof sql, db->postgresql ? "SELECT count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind = 'r' AND "
                                                   "upper(encode(convert_to(c.relname::text, 'UTF8'), 'hex')) = '%s' AND "
                                                   "upper(encode(convert_to(a.attname::text, 'UTF8'), 'hex')) = '%s'"
                                                 : "SELECT count(*) FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND "
                                                   "hex(m.name) = '%s' AND hex(c.name) = '%s'", hex, hex);
        if (test_side_int(db, sql) != 1)
            fail_msg("name %zu, '%s', is another one in the database", i, names[i]);
        assert_int_equal(tables(db), 2);
        drop_ok(db, ALL(&entity));
        assert_int_equal(tables(db), 1);
    }
    test_side_run(db, "DROP TABLE victims");
}

/* Names that PostgreSQL would cut might become one, or be those of somebody else's table. */
static void test_names_that_would_be_cut_are_refused(void **state)
{
    test_database *db = *state;
#define N63 "n23456789012345678901234567890123456789012345678901234567890123"
    static const weir_member plain[] = { WEIR_COLUMN(thing_of_any_name, id, .primary_key = true), WEIR_COLUMN(thing_of_any_name, size) };
    static const weir_member long_column[] = { WEIR_COLUMN(thing_of_any_name, id, .primary_key = true),
                                               WEIR_COLUMN(thing_of_any_name, size, .column = N63 "4") };
    const weir_entity entities[] = { { .name = "cut", .table = N63 "4", .size = sizeof(struct thing_of_any_name), .member_count = 2, .members = plain },
                                     { .name = "cut", .table = N63 "5.things", .size = sizeof(struct thing_of_any_name), .member_count = 2, .members = plain },
                                     { .name = "cut", .table = "things", .size = sizeof(struct thing_of_any_name), .member_count = 2, .members = long_column } };
    test_side_run(db, "CREATE TABLE " N63 " (id INTEGER)");
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        weir_error error;
        assert_status(weir_create_all(db->engine, ALL(&entities[i]), &error), WEIR_MAPPING);
        assert_contains(error.message, "cut: Identifier '" N63);
        assert_contains(error.message, "exceeds maximum length of 63 bytes");
        assert_string_equal(error.hint, "give it a shorter name");
        assert_status(weir_drop_all(db->engine, ALL(&entities[i]), &error), WEIR_MAPPING);
        assert_int_equal(tables(db), 1);
    }
    test_side_run(db, "DROP TABLE " N63);
}

/* Wherever the cut falls in a character: PostgreSQL would not take half of one. */
static void test_long_names_of_indexes_are_cut_between_characters(void **state)
{
    test_database *db = *state;
#define WIDE "\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217\u5217"
    static const char *const columns[] = { WIDE, "a" WIDE, "ab" WIDE };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        const weir_member members[] = { WEIR_COLUMN(thing, id, .primary_key = true), WEIR_COLUMN(thing, size, .column = columns[i], .indexed = true) };
        const weir_entity other = { .name = "thing", .table = "other", .size = sizeof(struct thing), .member_count = 2, .members = members };
        create_ok(db, ALL(&other));
        assert_int_equal(test_side_int(db, db->postgresql ? "SELECT count(*) FROM pg_indexes WHERE indexname ~ '^ix_other_(a|ab)?\u5217+_[0-9a-f]{8}$'"
                                                          : "SELECT count(*) FROM sqlite_master WHERE name GLOB 'ix_other_*\u5217_[0-9a-f]*'"), 1);
        drop_ok(db, ALL(&other));
    }
}

/* Table a and column b_c, table a_b and column c: each has its index, whichever was there first, and none comes twice. */
static void test_indexes_of_different_tables_have_different_names(void **state)
{
    test_database *db = *state;
    static const weir_member first[] = { WEIR_COLUMN(thing, id, .primary_key = true), WEIR_COLUMN(thing, size, .column = "b_c", .indexed = true) };
    static const weir_member second[] = { WEIR_COLUMN(thing, id, .primary_key = true), WEIR_COLUMN(thing, size, .column = "c", .indexed = true) };
    static const weir_entity a = { .name = "thing", .table = "a", .size = sizeof(struct thing), .member_count = 2, .members = first };
    static const weir_entity a_b = { .name = "thing", .table = "a_b", .size = sizeof(struct thing), .member_count = 2, .members = second };
    static const char *const counts[2][2] = {
        { "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = 'a'",
          "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = 'a_b'" },
        { "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'ix_%' AND tablename = 'a'",
          "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'ix_%' AND tablename = 'a_b'" },
    };
    static const char *const plain[] = { "SELECT tbl_name FROM sqlite_master WHERE name = 'ix_a_b_c'",
                                         "SELECT tablename FROM pg_indexes WHERE indexname = 'ix_a_b_c'" };
    for (int way = 0; way < 4; way++) {
        char name[64];
        if (way > 1)                                /* one call after the other */
            create_ok(db, way == 2 ? ALL(&a_b) : ALL(&a));
        for (int again = 0; again < 2; again++)
            create_ok(db, way % 2 ? ALL(&a, &a_b) : ALL(&a_b, &a));
        assert_int_equal(test_side_int(db, counts[db->postgresql][0]), 1);
        assert_int_equal(test_side_int(db, counts[db->postgresql][1]), 1);
        assert_string_equal(test_side_text(db, plain[db->postgresql], name, sizeof name), way % 2 ? "a" : "a_b");
        drop_ok(db, ALL(&a, &a_b));
    }
    /* What is no index may have the name, too. */
    test_side_run(db, "CREATE TABLE ix_a_b_c(x bigint)");
    create_ok(db, ALL(&a));
    assert_int_equal(test_side_int(db, counts[db->postgresql][0]), 1);
}

/* ---- mistakes --------------------------------------------------------------------------------------------- */
static void test_a_failure_takes_back_all_tables(void **state)
{
    test_database *db = *state;
    const weir_entity bad = THING("things", "shelves.nothing");
    static const weir_member members[] = { WEIR_COLUMN(thing, id, .primary_key = true),
                                           WEIR_COLUMN(thing, size, .sql_type = "no type ( at all") };
    static const weir_entity wrong = {
        .name = "thing", .table = "things", .size = sizeof(struct thing), .member_count = 2, .members = members
    };
    weir_error error;
    assert_status(weir_create_all(db->engine, ALL(&shelf_entity, &bad), &error), WEIR_MAPPING);
    assert_contains(error.message, "thing.size");
    assert_contains(error.message, "shelves.nothing");
    assert_int_equal(tables(db), 0);
    assert_status(weir_create_all(db->engine, ALL(&shelf_entity, &wrong), &error), WEIR_DATABASE);
    assert_contains(error.message, "creating table things");
    assert_int_equal(tables(db), 0);
    assert_status(weir_create_all(db->engine, ALL(&shelf_entity, &wrong), NULL), WEIR_DATABASE);
    assert_status(weir_create_all(db->engine, NULL, &error), WEIR_ARGUMENT);
    assert_status((int)weir_schema_check(db->engine, NULL, NULL, NULL, &error), WEIR_ARGUMENT);
}

static void test_engines_of_any_options_serve(void **state)
{
    test_database *db = *state;
    const weir_entity bad = THING("things", "nowhere.id");
    static const weir_member members[] = { WEIR_COLUMN(thing, id, .primary_key = true), WEIR_COLUMN(thing, size, .sql_type = "no type ( at all") };
    static const weir_entity wrong = {
        .name = "thing", .table = "things", .size = sizeof(struct thing), .member_count = 2, .members = members
    };
    weir_error error;
    weir_engine *engine = test_engine(
        db, WEIR_ENGINE_OPTIONS(.warnings_as_errors = WEIR_ON, .pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = 1000,
                                .execution_options = WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)));
    assert_status(weir_create_all(engine, ALL(&shelf_entity, &wrong), &error), WEIR_DATABASE);
    assert_int_equal(tables(db), 0);    /* a transaction all the same */
    weir_create_all(engine, ALL(&everything_entity), &error);
    assert_error(&error, WEIR_OK);
    weir_engine_close(&engine);
    engine = test_engine(
        db, WEIR_ENGINE_OPTIONS(.warnings_as_errors = WEIR_ON, .execution_options = WEIR_EXECUTION_OPTIONS(.yield_per = 1)));
    assert_int_equal(weir_schema_check(engine, ALL(&everything_entity), NULL, NULL, &error), 0);
    assert_error(&error, WEIR_OK);
    weir_engine_close(&engine);
    if (db->postgresql) {
        assert_status(weir_create_all(db->engine, ALL(&bad), &error), WEIR_PROGRAMMING);
        assert_contains(error.hint, "add its entity to the list");
    }
    weir_engine *closed = db->engine;
    weir_engine_close(&closed);
    db->engine = NULL;
    assert_status(weir_create_all(closed, ALL(&shelf_entity), &error), WEIR_RESOURCE_CLOSED);
    assert_status((int)weir_schema_check(closed, ALL(&shelf_entity), NULL, NULL, &error), WEIR_RESOURCE_CLOSED);
    assert_error(&error, WEIR_RESOURCE_CLOSED);
}

static void test_generated_keys_are_generated(void **state)
{
    test_database *db = *state;
    struct event { int64_t day, id; const char *what; };
    static const weir_member one[] = { WEIR_COLUMN(event, id, .primary_key = true, .server_generated = true), WEIR_COLUMN(event, what) };
    static const weir_member both[] = { WEIR_COLUMN(event, day, .primary_key = true),
                                        WEIR_COLUMN(event, id, .primary_key = true, .server_generated = true), WEIR_COLUMN(event, what) };
    static const weir_entity single = {
        .name = "event", .table = "events", .size = sizeof(struct event), .member_count = 2, .members = one
    };
    static const weir_entity pair = {
        .name = "event", .table = "day_events", .size = sizeof(struct event), .member_count = 3, .members = both
    };
    weir_error error;
    create_ok(db, ALL(&single));
    test_side_run(db, "INSERT INTO events (what) VALUES ('a'), ('b')");
    test_side_run(db, "INSERT INTO events (id, what) VALUES (77, 'chosen')");
    assert_int_equal(test_side_int(db, "SELECT sum(id) FROM events"), 80);
    int status = weir_create_all(db->engine, ALL(&pair), &error);
    assert_status(status, db->postgresql ? WEIR_OK : WEIR_MAPPING);
    if (!db->postgresql)
        assert_contains(error.message, "event.id");
    else
        test_side_run(db, "INSERT INTO day_events (day, what) VALUES (1, 'a'), (1, 'b')");
}

static void test_an_array_needs_a_type(void **state)
{
    test_database *db = *state;
    struct list { int64_t id; const weir_array *items; };
    static const weir_member members[] = { WEIR_COLUMN(list, id, .primary_key = true), WEIR_COLUMN(list, items) };
    static const weir_entity list = {
        .name = "list", .table = "lists", .size = sizeof(struct list), .member_count = 2, .members = members
    };
    weir_error error;
    assert_status(weir_create_all(db->engine, ALL(&list), &error), WEIR_MAPPING);
    assert_contains(error.message, "list.items");
    assert_contains(error.message, ".sql_type");
}

static void test_dropping_what_others_need_says_so(void **state)
{
    test_database *db = *state;
    weir_error error;
    create_ok(db, ALL(&shelf_entity, &book_entity));
    assert_status(weir_drop_all(db->engine, ALL(&shelf_entity), &error), WEIR_DATABASE);
    assert_true(error.hint[0]);
    assert_int_equal(tables(db), 2);
}

/* ---- checking --------------------------------------------------------------------------------------------- */
struct invoice { int64_t id, tenant_id; int32_t number; double rate; char state[8]; const char *note; };
WEIR_ENTITY(invoice, "invoices", WEIR_COLUMN(invoice, id, .primary_key = true), WEIR_COLUMN(invoice, tenant_id),
    WEIR_COLUMN(invoice, number), WEIR_COLUMN(invoice, rate), WEIR_COLUMN(invoice, state), WEIR_COLUMN(invoice, note));

/* Makes the table so and wants one difference of the kind, with the text, about the member (NULL: the table). */
static void assert_difference(test_database *db, const char *columns, weir_difference_kind kind, const char *member,
                              const char *text)
{
    char sql[512];
    found all;
    snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS invoices; CREATE TABLE invoices (%s)", columns);
    test_side_run(db, sql);
    differences(db, ALL(&invoice_entity), &all);
    if (all.count != 1)
        for (size_t i = 0; i < all.count; i++)
            print_error("%s: %s\n", columns, all.items[i].message);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.items[0].kind, kind);
    assert_ptr_equal(all.items[0].entity, &invoice_entity);
    assert_string_equal(all.items[0].message, text);
    assert_string_equal(all.items[0].member ? all.items[0].member->name : "", member ? member : "");
}

#define ID "id bigint NOT NULL PRIMARY KEY, "
#define TENANT "tenant_id bigint NOT NULL, "
#define NUMBER "number integer NOT NULL, "
#define RATE "rate double precision NOT NULL, "
#define STATE "state varchar(7) NOT NULL, "

static void test_a_missing_table_is_told(void **state)
{
    test_database *db = *state;
    found all;
    differences(db, ALL(&invoice_entity), &all);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.items[0].kind, WEIR_TABLE_MISSING);
    assert_null(all.items[0].member);
    assert_string_equal(all.items[0].message, "the table invoices of invoice does not exist");
}

static void test_a_missing_association_table_is_told(void **state)
{
    test_database *db = *state;
    found all;
    test_side_run(db, "CREATE TABLE items (id bigint NOT NULL PRIMARY KEY)");
    differences(db, ALL(&item_entity), &all);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.items[0].kind, WEIR_TABLE_MISSING);
    assert_string_equal(all.items[0].member->name, "labels");
    test_side_run(db, "CREATE TABLE item_labels (item_id bigint NOT NULL)");
    differences(db, ALL(&item_entity), &all);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.items[0].kind, WEIR_COLUMN_MISSING);
    assert_string_equal(all.items[0].message, "item_labels has no column label_id for the member item.labels");
}

static void test_missing_columns_and_other_types_are_told(void **state)
{
    test_database *db = *state;
    assert_difference(db, ID TENANT NUMBER RATE STATE "other text", WEIR_COLUMN_MISSING, "note",
                      "invoices has no column note for the member invoice.note");
    assert_difference(db, ID "tenant_id text NOT NULL, " NUMBER RATE STATE "note text", WEIR_TYPE_DIFFERS, "tenant_id",
                      "invoices.tenant_id is text, the member invoice.tenant_id is int64_t");
}

static void test_narrower_types_are_told_in_both_directions(void **state)
{
    test_database *db = *state;
    assert_difference(db, ID TENANT "number bigint NOT NULL, " RATE STATE "note text", WEIR_TYPE_NARROWER, "number",
                      "invoices.number is bigint, the member invoice.number is int32_t: not every value can be read");
    assert_difference(db, ID TENANT NUMBER RATE "state text NOT NULL, note text", WEIR_TYPE_NARROWER, "state",
                      "invoices.state is text, the member invoice.state is char[8]: a longer text cannot be read");
    if (!db->postgresql)
        return;                         /* SQLite's integers and reals have 64 bits whatever they are called */
    assert_difference(db, ID "tenant_id integer NOT NULL, " NUMBER RATE STATE "note text", WEIR_TYPE_NARROWER, "tenant_id",
                      "invoices.tenant_id is integer, the member invoice.tenant_id is int64_t: not every value can be written");
    assert_difference(db, ID TENANT NUMBER "rate real NOT NULL, " STATE "note text", WEIR_TYPE_NARROWER, "rate",
                      "invoices.rate is real, the member invoice.rate is double: not every value can be written");
}

static void test_nullable_columns_are_told_where_the_member_has_no_null(void **state)
{
    test_database *db = *state;
    assert_difference(
        db, ID "tenant_id bigint, " NUMBER RATE STATE "note text", WEIR_NULLABLE_COLUMN, "tenant_id",
        "invoices.tenant_id can be NULL, the member invoice.tenant_id (int64_t) cannot: ALTER it to NOT NULL, or map it with a "
        "type that has NULL");
}

static void test_other_primary_keys_are_told(void **state)
{
    test_database *db = *state;
    assert_difference(db, "id bigint NOT NULL, " TENANT NUMBER RATE STATE "note text", WEIR_KEY_DIFFERS, NULL,
                      "invoices has no primary key, that of invoice is (id)");
    assert_difference(db, "id bigint NOT NULL, " TENANT NUMBER RATE STATE "note text, PRIMARY KEY (id, tenant_id)",
                      WEIR_KEY_DIFFERS, NULL, "the primary key of invoices is (id, tenant_id), that of invoice is (id)");
}

static void test_views_and_domains_fit(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE real_invoices (" ID TENANT NUMBER RATE STATE "note text)");
    test_side_run(db, "CREATE VIEW invoices AS SELECT * FROM real_invoices");
    assert_fits(db, ALL(&invoice_entity));
    if (!db->postgresql)
        return;
    test_side_run(db, "DROP VIEW invoices; CREATE DOMAIN cents AS bigint NOT NULL; CREATE TYPE feeling AS ENUM ('sad'); "
                      "CREATE TABLE invoices (" ID "tenant_id cents, " NUMBER RATE STATE "note feeling)");
    assert_fits(db, ALL(&invoice_entity));
    test_side_run(db, "DROP TABLE invoices, real_invoices; DROP DOMAIN cents; DROP TYPE feeling");
}

static void test_a_numeric_column_that_loses_digits_is_told(void **state)
{
    test_database *db = *state;
    struct price { int64_t id; weir_numeric amount; };
    static const weir_member members[] = { WEIR_COLUMN(price, id, .primary_key = true), WEIR_COLUMN(price, amount) };
    static const weir_entity price = {
        .name = "price", .table = "prices", .size = sizeof(struct price), .member_count = 2, .members = members
    };
    found all;
    test_side_run(db, "CREATE TABLE prices (id INTEGER PRIMARY KEY, amount numeric(10, 2))");
    differences(db, ALL(&price), &all);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.items[0].kind, WEIR_TYPE_DIFFERS);
    assert_contains(all.items[0].message, "numeric_text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_what_is_created_fits_every_member_type),
        ON_BOTH(test_created_tables_keep_values_exactly),
        ON_BOTH(test_types_are_those_of_the_table_of_types),
        ON_BOTH(test_null_is_where_the_c_type_has_it),
        ON_BOTH(test_keys_indexes_and_uniques_are_made),
        ON_BOTH(test_creating_twice_changes_nothing),
        ON_BOTH(test_composite_keys_and_foreign_keys_to_them),
        ON_BOTH(test_tables_are_made_once_by_those_who_start_together),
        ON_BOTH(test_cycles_are_closed_once_all_tables_are_there),
        ON_SQLITE(test_a_cycle_with_rows_is_dropped_where_foreign_keys_are_enforced),
        ON_BOTH(test_odd_names_are_quoted),
        ON_BOTH(test_names_of_any_bytes_are_made_as_they_are),
        ON_POSTGRESQL(test_names_that_would_be_cut_are_refused),
        ON_BOTH(test_association_tables_have_both_keys),
        ON_BOTH(test_tables_in_schemas),
        ON_BOTH(test_long_names_of_indexes_stay_different),
        ON_BOTH(test_long_names_of_indexes_are_cut_between_characters),
        ON_BOTH(test_a_failure_takes_back_all_tables),
        ON_BOTH(test_engines_of_any_options_serve),
        ON_BOTH(test_generated_keys_are_generated),
        ON_BOTH(test_an_array_needs_a_type),
        ON_POSTGRESQL(test_dropping_what_others_need_says_so),
        ON_BOTH(test_a_missing_table_is_told),
        ON_BOTH(test_a_missing_association_table_is_told),
        ON_BOTH(test_missing_columns_and_other_types_are_told),
        ON_BOTH(test_narrower_types_are_told_in_both_directions),
        ON_BOTH(test_indexes_of_different_tables_have_different_names),
        ON_BOTH(test_nullable_columns_are_told_where_the_member_has_no_null),
        ON_BOTH(test_other_primary_keys_are_told),
        ON_BOTH(test_views_and_domains_fit),
        ON_SQLITE(test_a_numeric_column_that_loses_digits_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
