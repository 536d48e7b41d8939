#!/usr/bin/env bash
# weir import and weir copy, as a person or a script meets them: tables, messages, rejects, exit codes, signals.
# usage: test_import.sh [sqlite|postgresql]; both without an argument. $WEIR or $WEIR_COMMAND is the command; the servers are those of
# tests/servers. Each test is a function.
set -uo pipefail
WEIR=${WEIR:-${WEIR_COMMAND:?set WEIR to the command}}
HERE=$(cd "$(dirname "$0")" && pwd)
TMP=$(mktemp -d "${TMPDIR:-/tmp}/weir-import.XXXXXX") || exit 2
trap 'rm -rf "$TMP"' EXIT
export LC_ALL=C
cd "$TMP" || exit 2
mkdir work
. "$HERE/common.sh"
PG=${WEIR_TEST_PG:-}

sql() { if [ "$database" = sqlite ]; then sqlite3 target.db "$1"; else psql -XAtq -v ON_ERROR_STOP=1 "$PG" -c "$1"; fi; }
make_table() {
    sql 'DROP TABLE IF EXISTS people'
    sql 'CREATE TABLE people (id bigint PRIMARY KEY, name text, height double precision, born date, CHECK (height > 0))'
}
rows() { sql 'SELECT count(*) FROM people'; }

test_csv_by_names_in_any_order() {
    make_table
    printf 'name,id,born,height\n"Ann, A.",1,2001-02-03,1.5\n,2,,\n"",3,,2\n' > work/in.csv
    succeeds import "$URL" --table people --from work/in.csv
    same "$(sql "SELECT id, coalesce(name, 'NULL'), height FROM people ORDER BY id")" $'1|Ann, A.|1.5\n2|NULL|\n3||2'"$([ "$database" = sqlite ] && echo .0)"
}

test_json_lines() {
    make_table
    printf '{"id":1,"name":"a\\u00e9\\nb","height":1e0}\n\n{"height":null,"id":2}\n' > work/in.jsonl
    succeeds import "$URL" --table people --from work/in.jsonl
    same "$(sql 'SELECT id, length(name) FROM people ORDER BY id')" $'1|4\n2|'
}

test_standard_input_and_options() {
    make_table
    printf '7;\\N;3\n8;x;4\n' | "$WEIR" import "$URL" --table people --from - --no-header --columns id,name,height --delimiter ';' --null '\N' 2> stderr
    same "$?" 0
    same "$(sql "SELECT id, coalesce(name, 'NULL') FROM people ORDER BY id")" $'7|NULL\n8|x'
}

test_names_with_points_are_read_in_double_quotes() {
    local main=main
    [ "$database" = sqlite ] || main=public
    sql 'DROP TABLE IF EXISTS "a.b"; DROP TABLE IF EXISTS "c.""d"; CREATE TABLE "a.b" (id bigint PRIMARY KEY, name text)'
    printf '1,x\n' | "$WEIR" import "$URL" --table '"a.b"' --from - --no-header 2> stderr
    same "$?" 0
    printf 'id,name\n1,y\n2,z\n' | "$WEIR" import "$URL" --table "$main.\"a.b\"" --from - --upsert id 2> stderr
    same "$?" 0
    succeeds copy "$URL" "$URL" --table '"a.b"' --to-table '"c.""d"' --create
    same "$(sql 'SELECT id, name FROM "c.""d" ORDER BY id')" $'1|y\n2|z'
    sql 'DROP TABLE "a.b"; DROP TABLE "c.""d"'
    fails 1 "a.b" copy "$URL" "$URL" --table '"a.b"' --to-table x --create
    fails 1 '"a' import "$URL" --table '"a.b' --from /dev/null --columns id
}

test_names_with_commas_are_read_in_double_quotes() {
    sql 'DROP TABLE IF EXISTS back; CREATE TABLE back (" Id" int NOT NULL PRIMARY KEY, "a,""b" text, CONSTRAINT u UNIQUE ("a,""b"))'
    printf '1,x\n2,y\n' | "$WEIR" import "$URL" --table back --from - --no-header --columns '" Id" , "a,""b"' 2> stderr
    same "$?$(cat stderr)" 0
    printf ' Id,"a,""b"\n3,y\n' | "$WEIR" import "$URL" --table back --from - --upsert '"a,""b"' 2> stderr
    same "$?$(cat stderr)" 0
    same "$(sql 'SELECT * FROM back ORDER BY 1')" $'1|x\n3|y'
    succeeds export "$URL" --table back --columns '"a,""b"," Id"' --resume --to work/out.csv
    same "$(cat work/out.csv)" $'"a,""b"," Id"\nx,1\ny,3'
}

test_options_of_csv_are_refused_with_json_lines() {
    make_table
    printf '{"id":1,"name":"NULL"}\n' > work/in.jsonl
    local option
    for option in --null=NULL '--delimiter=;'; do
        fails 2 "are options of csv, not of JSON lines" import "$URL" --table people --from work/in.jsonl "$option"
        same "$(rows)" 0
    done
}

test_a_closed_descriptor_is_no_connection() {
    make_table
    timeout 20 "$WEIR" import "$URL" --table people --from - <&- 2> stderr
    same "$?" 1
    holds "$(cat stderr)" "cannot read standard input: Bad file descriptor"
}

test_without_a_header_the_columns_are_the_tables() {
    make_table
    printf '7,x,3,2001-02-03\n' > work/in.csv
    succeeds import "$URL" --table people --from work/in.csv --no-header
    same "$(rows)" 1
    printf '8,x,3,2001-02-03,more\n' > work/in.csv
    fails 1 "5 fields, but people has 4 columns" import "$URL" --table people --from work/in.csv --no-header
}

test_the_first_bad_record_ends_it_and_nothing_stays() {
    make_table
    printf 'id,height\n1,1\n2,tall\n' > work/in.csv
    fails 1 "line 3 of work/in.csv: column 'height': 'tall' is no number" import "$URL" --table people --from work/in.csv
    same "$(rows)" 0
    printf 'id,height\n1,1\n2,"1\n' > work/in.csv
    fails 1 "line 3 of work/in.csv: field 2 has no closing quote" import "$URL" --table people --from work/in.csv
    same "$(rows)" 0
}

test_what_the_database_refuses_has_its_line() {
    make_table
    (echo id,height; for i in $(seq 2000); do echo "$i,1"; done; echo 5,1; for i in $(seq 3000 3100); do echo "$i,1"; done) > work/in.csv
    fails 1 "line 2002 of work/in.csv" import "$URL" --table people --from work/in.csv
    same "$(rows)" 0
}

test_rejects_have_line_reason_and_record() {
    make_table
    printf 'id,name,height\n1,a,1\n2,b,-1\n3,c,x\n1,again,1\n4,"d ""q""",\n5\n6,f,2\n' > work/in.csv
    run import "$URL" --table people --from work/in.csv --on-error skip:work/rejects.csv
    same "$code" 3
    holds "$err" "4 records were not taken: see work/rejects.csv"
    same "$(sql 'SELECT id FROM people ORDER BY id' | tr '\n' ' ')" "1 4 6 "
    same "$(head -1 work/rejects.csv)" "line,reason,record"
    same "$(sed 1d work/rejects.csv | cut -d, -f1 | sort | tr '\n' ' ')" "3 4 5 7 "
    holds "$(grep '^4,' work/rejects.csv)" "column 'height': 'x' is no number"
    holds "$(grep '^7,' work/rejects.csv)" '1 field, but there are 3 columns","5"'
}

test_thousands_of_rejects_among_good_records() {
    make_table
    (echo id,height; for i in $(seq 12000); do echo "$((i % 3 ? i : 1)),$((i % 7 ? 1 : -1))"; done) > work/in.csv
    run import "$URL" --table people --from work/in.csv --on-error skip:work/rejects.csv --stats json
    same "$code" 3
    local good
    good=$(awk 'BEGIN { for (i = 1; i <= 12000; i++) if (i % 7 && (i % 3 || 0)) n++; print n }')
    same "$(rows)" "$good"
    same "$(sed 1d work/rejects.csv | wc -l)" "$((12000 - good))"
    holds "$err" "\"rows_written\":$good,\"rejected\":$((12000 - good))"
}

test_batches_are_committed_and_the_message_says_how_far() {
    make_table
    (echo id,height; for i in $(seq 2500); do echo "$i,1"; done; echo 2501,none) > work/in.csv
    fails 1 "what stands up to line 2001 is committed" import "$URL" --table people --from work/in.csv --batch 1000
    same "$(rows)" 2000
}

test_what_the_database_refuses_says_how_far_too() {
    make_table
    (echo id,height; for i in $(seq 2500); do echo "$i,1"; done; echo 2501,-1) > work/in.csv
    fails 1 "what stands up to line 2001 is committed; nothing behind it is" import "$URL" --table people --from work/in.csv --batch 1000
    same "$(rows)" 2000
    fails 1 "nothing was committed" import "$URL" --table people --from work/in.csv --batch 9000 --upsert id
    sql 'DELETE FROM people'
    mkfifo work/endless
    (trap '' PIPE; echo id,height; i=0; while echo "$((i += 1)),1"; do :; done) > work/endless 2> /dev/null &
    local writer=$! pid
    "$WEIR" import "$URL" --table people --from - --batch 100 < work/endless 2> stderr &
    pid=$!
    while [ "$(rows 2> /dev/null || echo 0)" = 0 ] && kill -0 $pid; do sleep 0.05; done
    kill -INT $pid
    wait $pid
    same "$?" 130
    kill $writer 2> /dev/null
    wait $writer 2> /dev/null
    holds "$(cat stderr)" "import interrupted: Ctrl-C; what stands up to line $(($(rows) + 1)) is committed"
}

test_upsert() {
    make_table
    sql "INSERT INTO people (id, name, height) VALUES (1, 'old', 1), (2, 'stays', 2)"
    printf 'id,name\n3,c\n1,first\n1,later\n' > work/in.csv
    succeeds import "$URL" --table people --from work/in.csv --upsert id
    same "$(sql 'SELECT id, name, height FROM people ORDER BY id' | sed 's/\.0$//')" $'1|later|1\n2|stays|2\n3|c|'
}

test_upsert_by_a_key_with_nulls() {
    sql 'DROP TABLE IF EXISTS back'
    sql 'CREATE TABLE back (a int, b text, v text, UNIQUE (a, b))'
    sql "INSERT INTO back VALUES (1, 'x', 'old'), (NULL, 'x', 'old')"
    printf 'a,b,v\n1,x,1\n,x,2\n,x,3\n1,,4\n,,5\n,,6\n1,x,7\n' > work/in.csv
    succeeds import "$URL" --table back --from work/in.csv --upsert a,b
    same "$(sql 'SELECT a, b, v FROM back ORDER BY v')" $'|x|2\n|x|3\n1||4\n||5\n||6\n1|x|7\n|x|old'
}

test_export_and_import_give_the_same_rows() {
    make_table
    sql "INSERT INTO people SELECT i, CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'a,\"b' ELSE 'x
y' END, i / 3.0, '2001-02-03' FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n) AS s"
    for format in csv jsonl; do
        succeeds export "$URL" --table people --order-by id --to "work/out.$format"
        sql 'DROP TABLE IF EXISTS again'
        sql 'CREATE TABLE again (id bigint PRIMARY KEY, name text, height double precision, born date)'
        succeeds import "$URL" --table again --from "work/out.$format"
        same "$(sql 'SELECT count(*) FROM (SELECT id, name, height, born FROM people EXCEPT SELECT id, name, height, born FROM again) AS x')" 0
        same "$(sql 'SELECT count(*) FROM again')" 3000
    done
}

test_wrong_usage_is_exit_code_2() {
    make_table
    fails 2 "--table is missing" import "$URL" --from -
    fails 2 "--from is missing" import "$URL" --table people
    fails 2 "give stop or skip:FILE" import "$URL" --table people --from - --on-error ignore
    fails 2 "not one character" import "$URL" --table people --from - --delimiter ab
    fails 2 "TARGET-URL is missing" copy "$URL" --table people
    fails 2 "leave --columns away" copy "$URL" "$URL" --table people --create --columns id
    printf 'id\n1\n' > work/in.csv
    fails 2 "is the file that is read" import "$URL" --table people --from work/in.csv --on-error skip:work/../work/in.csv
    fails 1 "No such file or directory; check the path and the permissions of the file that is read" import "$URL" --table people --from work/none.csv
    printf 'nope\n1\n' > work/in.csv
    fails 1 "nope" import "$URL" --table people --from work/in.csv
    fails 1 "no_such_table" import "$URL" --table no_such_table --from work/in.csv
    succeeds help import; holds "$out" "--on-error"
    succeeds help copy;   holds "$out" "--create"
}

test_empty_files() {
    make_table
    : > work/in.csv
    succeeds import "$URL" --table people --from work/in.csv
    printf 'id,name\n' > work/in.csv
    succeeds import "$URL" --table people --from work/in.csv
    printf '\n{}\n{"id":1}\n' > work/in.jsonl
    fails 1 "line 2 of work/in.jsonl names no columns" import "$URL" --table people --from work/in.jsonl
    : > work/in.jsonl
    succeeds import "$URL" --table people --from work/in.jsonl
    same "$(rows)" 0
}

test_ctrl_c_leaves_the_table_as_it_was() {
    make_table
    mkfifo work/endless
    (trap '' PIPE; echo id,height; i=0; while echo "$((i += 1)),1"; do :; done) > work/endless 2> /dev/null &
    local writer=$! pid
    "$WEIR" import "$URL" --table people --from - < work/endless 2> stderr &
    pid=$!
    sleep 0.7
    kill -INT $pid
    wait $pid
    same "$?" 130
    holds "$(cat stderr)" "import interrupted: Ctrl-C; the table is as it was"
    kill $writer 2> /dev/null
    wait $writer 2> /dev/null
    same "$(rows)" 0
}

test_copy_to_sqlite_and_back() {
    make_table
    sql "INSERT INTO people SELECT i, 'n' || i, i / 3.0, '2001-02-03' FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7001) SELECT i FROM n) AS s"
    rm -f other.db
    succeeds copy "$URL" "sqlite:////$TMP/other.db" --table people --create --stats json
    holds "$err" '"rows":7001,"batches":2,'
    same "$(sqlite3 other.db 'SELECT count(*), sum(id) FROM people')" "7001|24510501"
    sql 'DROP TABLE IF EXISTS back'
    succeeds copy "sqlite:////$TMP/other.db" "$URL" --table people --to-table back --create
    same "$(sql 'SELECT count(*) FROM (SELECT id, name, height FROM people EXCEPT SELECT id, name, height FROM back) AS x')" 0
    same "$(sql 'SELECT count(*) FROM back')" 7001
    fails 1 "exist" copy "sqlite:////$TMP/other.db" "$URL" --table people --to-table back --create
    fails 1 "" copy "sqlite:////$TMP/other.db" "$URL" --table people --to-table back
    succeeds copy "sqlite:////$TMP/other.db" "$URL" --table people --to-table back --upsert id --where 'id > 7000'
    same "$(sql 'SELECT count(*) FROM back')" 7001
    fails 1 "no table none in the source" copy "$URL" "sqlite:////$TMP/other.db" --table none --create
}

test_a_row_that_the_target_refuses_is_named() {
    sql 'DROP TABLE IF EXISTS back'
    sql 'CREATE TABLE back (id int, v text, CHECK (id <> 5678))'
    rm -f other.db
    sqlite3 other.db "CREATE TABLE loose (id integer PRIMARY KEY, v text);
        INSERT INTO loose WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) SELECT i, 'v' FROM n"
    fails 1 "row 5678: " copy "sqlite:////$TMP/other.db" "$URL" --table loose --to-table back
    [ "$database" = sqlite ] && return
    sqlite3 other.db "UPDATE loose SET v = x'00' WHERE id = 1234"
    fails 1 "row 1234: column 'v': " copy "sqlite:////$TMP/other.db" "$URL" --table loose --to-table back
    same "$(sql 'SELECT count(*) FROM back')" 0
}

test_advice_fits_what_is_refused() {
    make_table
    printf 'id,name\n1,a\n' > work/in.csv
    fails 1 "; name the columns of a primary key or a unique index with --upsert" import "$URL" --table people --from work/in.csv --upsert name
    sql 'DROP TABLE IF EXISTS back'
    sql 'CREATE TABLE back (id int CHECK (id > 0), n int GENERATED ALWAYS AS (id * 2) STORED)'
    printf 'id,n\n1,2\n' > work/both.csv
    fails 1 "; leave that column out: the database computes it" import "$URL" --table back --from work/both.csv
    printf 'id\n-1\n' > work/bad.csv
    fails 1 "; mend the record, or pass such records over with --on-error skip:FILE" import "$URL" --table back --from work/bad.csv
    if [ "$database" = sqlite ]; then
        fails 1 "may not be written to: check the file's permissions" import "$URL?mode=ro" --table people --from work/in.csv
    else
        fails 1 "may not be written to: check the file's permissions" import "$URL&options=-c%20default_transaction_read_only%3Don" --table people --from work/in.csv
    fi
    rm -f other.db
    sqlite3 other.db 'CREATE TABLE loose (id integer PRIMARY KEY); INSERT INTO loose VALUES (-1)'
    fails 1 "; mend the value in the source, or leave it out with --columns or --where" copy "sqlite:////$TMP/other.db" "$URL" --table loose --to-table back
}

# Keys that are no row numbers, a text of digits in a column for anything.
test_lite_tables_keep_what_is_in_them() {
    [ "$database" = sqlite ] || return
    rm -f other.db more.db
    sqlite3 more.db "CREATE TABLE loose (id INT PRIMARY KEY, v); INSERT INTO loose VALUES (NULL, 1), (NULL, 'b'), ('x', 2.5), (7, x'00');
        CREATE TABLE downward (id INTEGER PRIMARY KEY DESC, v); INSERT INTO downward VALUES (NULL, '5'), (3, NULL);
        CREATE TABLE strict (id INTEGER PRIMARY KEY, v ANY) STRICT; INSERT INTO strict VALUES (1, '05'), (2, 5), (3, 5.0)"
    for table in loose downward strict; do
        succeeds copy "sqlite:////$TMP/more.db" "sqlite:////$TMP/other.db" --table $table --create
        same "$(sqlite3 other.db "SELECT id, typeof(id), v, typeof(v) FROM $table")" "$(sqlite3 more.db "SELECT id, typeof(id), v, typeof(v) FROM $table")"
    done
}

test_copy_within_a_database() {
    make_table
    sql "INSERT INTO people (id, name) VALUES (1, 'a'), (2, NULL)"
    sql 'DROP TABLE IF EXISTS back'
    succeeds copy "$URL" "$URL" --table people --to-table back --create
    same "$(sql 'SELECT id, name FROM back ORDER BY id')" $'1|a\n2|'
}

test_lite_numbers_keep_their_digits_or_are_refused() {
    [ "$database" = sqlite ] || return
    sql 'DROP TABLE IF EXISTS back'
    sql 'CREATE TABLE back (n DECIMAL(20,2), t numeric_text)'
    printf 'n,t\n12345678901234.56,12345678901234567890.5\n0.30000000000000004,1\n-9223372036854775808.00,0\n1e-300,\n1.50,NaN\nNaN,\n' > work/in.csv
    succeeds import "$URL" --table back --from work/in.csv
    same "$("$WEIR" export "$URL" --query 'SELECT n, typeof(n), t FROM back' --to - --no-header | head -n 3)" \
        $'12345678901234.56,real,12345678901234567890.5\n0.30000000000000004,real,1\n-9223372036854775808,integer,0'
    for number in 1234567890123456.78 9223372036854775808.5 1e-400 0.1000000000000000055511151231257827; do
        printf 'n\n%s\n' $number > work/in.csv
        fails 1 "loses digits: make it numeric_text" import "$URL" --table back --from work/in.csv
    done
}

test_pg_identity_columns_take_what_is_upserted() {
    sql 'DROP TABLE IF EXISTS back'
    sql 'CREATE TABLE back (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text)'
    printf 'id,v\n7,a\n' > work/in.csv
    succeeds import "$URL" --table back --from work/in.csv
    printf 'id,v\n7,b\n8,c\n' > work/in.csv
    succeeds import "$URL" --table back --from work/in.csv --upsert id
    same "$(sql 'SELECT id, v FROM back ORDER BY id')" $'7|b\n8|c'
}

test_pg_json_keeps_its_digits_in_sqlite() {
    sql 'DROP TABLE IF EXISTS kinds, kinds2'
    sql "CREATE TABLE kinds (id int PRIMARY KEY, j jsonb); INSERT INTO kinds VALUES (1, '12345678901234567890.123'), (2, '1.50'), (3, 'null'), (4, NULL)"
    rm -f other.db
    succeeds copy "$URL" "sqlite:////$TMP/other.db" --table kinds --create
    succeeds copy "sqlite:////$TMP/other.db" "$URL" --table kinds --to-table kinds2 --create
    same "$(sql 'SELECT id, j::text FROM kinds2 ORDER BY id')" $'1|12345678901234567890.123\n2|1.50\n3|null\n4|'
}

test_pg_types_survive_a_copy_between_servers_and_files() {
    sql 'DROP TABLE IF EXISTS kinds, kinds2'
    sql "CREATE TABLE kinds (id int PRIMARY KEY, n numeric(20,4), t timestamptz, ts timestamp, d date, tm time, iv interval, u uuid, j jsonb,
         b bytea, a int[], x text[], bo boolean, r real, ip inet, c \"char\", ja jsonb[], jm jsonb[])"
    sql "INSERT INTO kinds SELECT i, i * 1.25, now() + i * interval '1 hour', '2024-02-29 12:00:00.5', date '2000-01-01' + i, '23:59:59.999999',
         '1 year 2 days 3.5 s', md5(i::text)::uuid, jsonb_build_object('k', i, 's', '\"q'), decode(md5(i::text), 'hex'), ARRAY[i, NULL, -i],
         ARRAY['a,b', NULL, '\"', 'NULL'], i % 2 = 0, i / 7.0, '10.0.0.1', '',
         ARRAY['{\"a\": [1, \"]\"]}', '[1, 2]', NULL, '\"s\"', '3']::jsonb[], ARRAY[['[1]'], ['{}']]::jsonb[] FROM generate_series(1, 1500) AS i"
    sql "INSERT INTO kinds (id) VALUES (0)"
    succeeds copy "$URL" "$URL" --table kinds --to-table kinds2 --create
    same "$(sql 'SELECT count(*) FROM (SELECT * FROM kinds EXCEPT SELECT * FROM kinds2) AS x')" 0
    for format in csv jsonl; do
        sql 'TRUNCATE kinds2'
        succeeds export "$URL" --table kinds --order-by id --to "work/kinds.$format"
        succeeds import "$URL" --table kinds2 --from "work/kinds.$format"
        same "$(sql 'SELECT count(*) FROM (SELECT * FROM kinds EXCEPT SELECT * FROM kinds2) AS x')" 0
    done
}

test_pg_memory_is_flat() {
    make_table
    (echo id,name,height; awk 'BEGIN { for (i = 1; i <= 300000; i++) print i ",name of " i ",1.5" }') > work/in.csv
    run import "$URL" --table people --from work/in.csv --stats json
    same "$code" 0
    same "$(rows)" 300000
    [ "$(sed 's/.*"peak_ledger_bytes":\([0-9]*\).*/\1/' stderr)" -lt 2000000 ] || problem "$err"
}

for database in ${1:-sqlite postgresql}; do
    if [ "$database" = sqlite ]; then
        URL=sqlite:////${TMP#/}/target.db
        sqlite3 target.db 'VACUUM'
        run_tests $(declare -F | awk '{ print $3 }' | grep '^test_' | grep -v '^test_pg_')
    else
        URL=${WEIR_TEST_PG:?tests/servers is not running: use scripts/check}
        run_tests $(declare -F | awk '{ print $3 }' | grep '^test_')
        psql -Xq "$PG" -c 'DROP TABLE IF EXISTS people, again, back, kinds, kinds2'
    fi
done
cat failures
[ ! -s failures ]
