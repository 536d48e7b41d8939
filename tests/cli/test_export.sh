#!/usr/bin/env bash
# weir export, as a person or a script meets it: files, messages, exit codes, signals.
# usage: test_export.sh [sqlite|postgresql]; both without an argument. $WEIR or $WEIR_COMMAND is the command; the servers are those of
# tests/servers. Each test is a function; what it says about a failure stands in $TMP/failures.
set -uo pipefail
WEIR=${WEIR:-${WEIR_COMMAND:?set WEIR to the command}}
HERE=$(cd "$(dirname "$0")" && pwd)
TMP=$(mktemp -d "${TMPDIR:-/tmp}/weir-export.XXXXXX") || exit 2
trap 'rm -rf "$TMP"' EXIT
export LC_ALL=C
cd "$TMP" || exit 2
mkdir work
DB=sqlite:////${TMP#/}/shop.db
ENDLESS='WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n'
. "$HERE/common.sh"

no_file() { same "$(ls -A work)" ""; }
query() { "$WEIR" export "$URL" --to - --no-header --query "$@" 2>&1; }

make_shop() {
    sqlite3 shop.db << 'SQL'
CREATE TABLE invoices (id INTEGER PRIMARY KEY, tenant_id INTEGER, total_cents INTEGER, status TEXT);
INSERT INTO invoices VALUES (1, 7, 1250, 'open'), (2, 7, NULL, ''), (3, 8, -5, 'a,b'), (4, 8, 9223372036854775807, 'say "hi"');
CREATE TABLE "we""ird na.me" ("sel""ect" TEXT, "a,b" INTEGER, " c" REAL);
INSERT INTO "we""ird na.me" VALUES ('x', 1, 0.1);
CREATE TABLE texts (n INTEGER, t TEXT);
INSERT INTO texts VALUES (1, 'plain'), (2, 'a,b'), (3, 'q"q'), (4, 'two' || char(10) || 'lines'), (5, char(13)), (6, ' x '), (7, char(228, 8364, 128512)),
  (8, '\.'), (9, ''''), (10, replace(hex(zeroblob(5000)), '00', 'long, "text" '));
CREATE TABLE empty (id INTEGER, name TEXT);
CREATE TABLE bad (id INTEGER, name TEXT);
INSERT INTO bad VALUES (1, 'fine'), (2, CAST(x'61FF62' AS TEXT));
CREATE TABLE single (v TEXT);
INSERT INTO single VALUES ('a'), (NULL), ('b');
SQL
}

# ---- usage --------------------------------------------------------------------------------------------------------------------
test_help_and_version() {
    succeeds --version;     holds "$out" "weir 0."
    succeeds --help;        holds "$out" "weir export"
    succeeds help export;   holds "$out" "--yield-per N"
    same "$out" "$("$WEIR" export --help)"
    run;                    same "$code" 2
    "$WEIR" help --man > /dev/full 2> stderr;   same "$?: $(wc -l < stderr)" "1: 1"
}

test_wrong_usage_is_exit_code_2() {
    fails 2 "did you mean --table?" export "$DB" --tabel invoices --to -
    fails 2 "did you mean --no-header?" export "$DB" --table invoices --to - --no-heder
    fails 2 "did you mean weir export?" exprot
    fails 2 "there is no such command" frobnicate
    fails 2 "URL is missing" export --table invoices --to -
    fails 2 "too many arguments" export "$DB" extra --table invoices --to -
    fails 2 "neither --table nor --query" export "$DB" --to -
    fails 2 "exclude each other" export "$DB" --table a --query 'select 1' --to -
    fails 2 "--where goes with --table" export "$DB" --query 'select 1' --where 1 --to -
    fails 2 "--to is missing" export "$DB" --table invoices
    fails 2 "value is missing" export "$DB" --to - --table
    fails 2 "takes no value" export "$DB" --table invoices --to - --quiet=yes
    fails 2 "not a number" export "$DB" --table invoices --to - --yield-per many
    fails 2 "not a number" export "$DB" --table invoices --to - --yield-per -5
    fails 2 "give json" export "$DB" --table invoices --to - --stats xml
    fails 2 "csv, jsonl" export "$DB" --table invoices --to - --format xml
    fails 2 "comma" export "$DB" --table invoices --to - --null a,b
    fails 2 "URL" export "mysql://host/db" --table invoices --to -
    fails 2 "URL" export shop.db --table invoices --to -
    fails 1 "No such file" export SQLite:///mistyped.db --table invoices --to -
    [ ! -e mistyped.db ] || problem "mistyped.db was made"
    fails 2 "no name" export "$DB" --table '"open' --to -
    fails 2 "no name" export "$DB" --table 'a..b' --to -
    fails 2 "list of names" export "$DB" --table invoices --columns 'id,,status' --to -
    fails 2 "name=value" export "$DB" --query 'select :x' --param x --to -
    fails 2 "has no :y" export "$DB" --query 'select 1' --param y=1 --to -
    fails 2 ":x has no value" export "$DB" --query 'select :x' --to -
}

# ---- rows into text --------------------------------------------------------------------------------------------------------------
test_table_with_and_without_header() {
    local rows=$'1,7,1250,open\n2,7,,""\n3,8,-5,"a,b"\n4,8,9223372036854775807,"say ""hi"""'
    succeeds export "$DB" --table invoices --to -;                 same "$out" $'id,tenant_id,total_cents,status\n'"$rows"
    succeeds export "$DB" --table=invoices --to=- --header;        same "$out" $'id,tenant_id,total_cents,status\n'"$rows"
    succeeds export "$DB" --table invoices --to - --no-header;     same "$out" "$rows"
    same "$err" ""
    succeeds export "$DB" --table empty --to -;                    same "$out" "id,name"
    succeeds export "$DB" --table empty --to - --format jsonl;     same "$out" ""
}

test_every_batch_size_gives_the_same_rows() {
    local size all
    all=$(query "$ENDLESS LIMIT 100")
    same "$(wc -l <<< "$all")" 100
    for size in 0 1 3 99 100 101; do
        same "$(query "$ENDLESS LIMIT 100" --yield-per $size)" "$all"
    done
}

test_a_budget_gives_the_same_rows() {
    local all size
    all=$(query "$ENDLESS LIMIT 5000")
    for size in 64K 100000 1M 1.5MiB; do
        same "$(query "$ENDLESS LIMIT 5000" --memory $size)" "$all"
    done
    same "$(query "$ENDLESS LIMIT 5000" --memory 1M --yield-per 7)" "$all"
    fails 2 "is no size; give one like 256M or 1G" export "$DB" --table invoices --to - --memory much
    fails 2 "is no size; give one like 256M or 1G" export "$DB" --table invoices --to - --memory '5 '
    fails 2 "the least that a stream can do with is 65536" export "$DB" --table invoices --to - --memory 1K
    fails 2 "--yield-per 0 reads all rows into memory" export "$DB" --table invoices --to - --memory 1M --yield-per 0
    fails 1 "does not fit the memory budget of 262144 bytes" export "$DB" --query "SELECT 1 AS id, hex(zeroblob(300000)) AS wide" --to - --memory 256K
}

test_nulls() {
    succeeds export "$DB" --table invoices --columns id,total_cents --where 'id = 2' --no-header --null '\N' --to -
    same "$out" '2,\N'
    succeeds export "$DB" --table single --to - --no-header;                 same "$out" $'a\n""\nb'
    succeeds export "$DB" --table single --to - --no-header --null NULL;     same "$out" $'a\nNULL\nb'
}

test_the_database_itself_is_no_place_to_write_to() {
    cp shop.db 'work/a%b.db'
    ln -s 'a%b.db' work/link
    : > 'work/a%b.db-wal'
    local url=sqlite:///work/a%25b.db?mode=ro
    for file in 'work/a%b.db' ./work/link 'work/a%b.db-wal'; do
        fails 2 "is the database itself" export "$url" --table invoices --to "$file"
        fails 2 "is the database itself" export "SQLite${url#sqlite}" --table invoices --to "$file"
        fails 2 "is the database itself" reflect "$url" --to "$file"
        fails 2 "is the database itself" profile "$url" --table invoices --svg "$file"
        fails 2 "is the database itself" import "$url" --table invoices --from - --on-error "skip:$file"
    done
    cmp -s shop.db 'work/a%b.db' || problem "the database was changed"
}

# Its module has statements of its own, which end with it. What is freed is filled, so that its use shows.
test_virtual_tables() {
    sqlite3 work/search.db "CREATE VIRTUAL TABLE notes USING fts5(body); INSERT INTO notes VALUES ('one'), ('two')" || return
    for format in csv parquet; do
        MALLOC_PERTURB_=165 succeeds export "sqlite:///work/search.db" --table notes --to "work/notes.$format"
    done
    same "$(cat work/notes.csv)" $'body\none\ntwo'
}

test_columns_where_order_by_and_params() {
    succeeds export "$DB" --table invoices --columns 'status, id' --where 'tenant_id = :t -- mine' --order-by 'id desc' --param t=7 --to -
    same "$out" $'status,id\n"",2\nopen,1'
    same "$(query 'select :a, typeof(:a), typeof(:b), typeof(:c), typeof(:d)' --param a=5 --param b=1.5 --param c=x5 --param d=)" \
        '5,integer,real,text,text'
    same "$(query 'select :a, typeof(:a), typeof(:b), typeof(:c), typeof(:d), typeof(:e)' --param a=01234 --param b=+49 --param c=-0 --param d=-07.5 --param e=0.50)" \
         "01234,text,text,integer,text,real"
    same "$(query "select ':a', :a" --param "a=it's; DROP TABLE invoices --")" ":a,it's; DROP TABLE invoices --"
}

test_unusual_names_are_quoted() {
    succeeds export "$DB" --table '"we""ird na.me"' --to -
    same "$out" $'"sel""ect","a,b"," c"\nx,1,0.1'
    succeeds export "$DB" --table '"we""ird na.me"' --columns 'sel"ect," c"' --to -
    same "$out" $'"sel""ect"," c"\nx,0.1'
    succeeds export "$DB" --table main.invoices --columns id --where 'id = 1' --no-header --to -
    same "$out" 1
    fails 1 "no such table" export "$DB" --table 'invoices; DROP TABLE invoices' --to -
}

test_csv_comes_back_through_another_reader() {
    succeeds export "$DB" --table texts --to work/texts.csv
    sqlite3 copy.db -cmd '.mode csv' -cmd 'CREATE TABLE texts (n INTEGER, t TEXT)' '.import --skip 1 work/texts.csv texts'
    same "$(sqlite3 copy.db 'SELECT n, hex(t) FROM texts ORDER BY n')" "$(sqlite3 shop.db 'SELECT n, hex(t) FROM texts ORDER BY n')"
    rm -f copy.db work/texts.csv
}

test_json_comes_back_through_another_reader() {
    succeeds export "$DB" --table texts --to work/texts.jsonl
    sqlite3 copy.db -cmd 'CREATE TABLE lines (line TEXT)' -cmd '.mode ascii' -cmd '.separator "\037" "\n"' '.import work/texts.jsonl lines'
    same "$(sqlite3 copy.db 'SELECT min(json_valid(line)), count(*) FROM lines')" '1|10'
    same "$(sqlite3 copy.db "SELECT json_extract(line, '\$.n') AS n, hex(json_extract(line, '\$.t')) FROM lines ORDER BY n")" \
        "$(sqlite3 shop.db 'SELECT n, hex(t) FROM texts ORDER BY n')"
    rm -f copy.db work/texts.jsonl
}

test_json_values() {
    same "$(query "select 9223372036854775807 as big, 0.1 as d, null as n, 'x' as t, x'00ff' as b, 1 as t" --format jsonl)" \
        '{"big":9223372036854775807,"d":0.1,"n":null,"t":"x","b":"AP8=","t_1":1}'
}

test_invalid_text() {
    fails 1 "row 2, column name" export "$DB" --table bad --to work/bad.csv
    holds "$err" "--replace-invalid"
    no_file
    succeeds export "$DB" --table bad --to - --no-header --replace-invalid
    same "$out" $'1,fine\n2,a\xEF\xBF\xBDb'
}

# ---- files -------------------------------------------------------------------------------------------------------------------------
test_files_are_replaced_whole_and_keep_their_rights() {
    echo old > work/a.csv
    chmod 640 work/a.csv
    fails 1 "no such table" export "$DB" --table nosuch --to work/a.csv
    same "$(cat work/a.csv)" old
    succeeds export "$DB" --table empty --to work/a.csv
    same "$(cat work/a.csv)" id,name
    same "$(stat -c %a work/a.csv)" 640
    same "$(ls -A work)" a.csv
    rm work/a.csv
}

test_devices_and_pipes_are_written_straight() {
    succeeds export "$DB" --table invoices --to /dev/null
    [ -c /dev/null ] || problem "/dev/null is no device any more"
    same "$("$WEIR" export "$DB" --table empty --to /dev/stdout)" id,name
    mkfifo work/fifo
    "$WEIR" export "$DB" --table empty --to work/fifo &
    same "$(cat work/fifo)" id,name
    wait
    [ -p work/fifo ] || problem "the FIFO is gone"
    rm work/fifo
}

test_places_that_cannot_be_written() {
    fails 1 "No such file or directory" export "$DB" --table invoices --to work/no/such.csv
    fails 1 "Is a directory" export "$DB" --table invoices --to work
    fails 1 "/sys/weir.csv" export "$DB" --table invoices --to /sys/weir.csv
    fails 1 "No space left on device" export "$DB" --table invoices --to /dev/full
    "$WEIR" export "$DB" --table invoices --to - > /dev/full 2> stderr;  same "$?" 1
    holds "$(cat stderr)" "standard output: No space left on device; the disk is full"
    "$WEIR" export "$DB" --table invoices --to - >&- 2> stderr;          same "$?" 1
    (ulimit -f 64; exec "$WEIR" export "$DB" --query "$ENDLESS" --to work/big.csv 2> stderr);  same "$?" 1
    holds "$(cat stderr)" "File too large"
    no_file
}

test_closed_pipe_is_one_line() {
    "$WEIR" export "$DB" --query "$ENDLESS" --to - 2> stderr | head -n 1 > /dev/null
    same "${PIPESTATUS[0]}" 1
    same "$(wc -l < stderr)" 1
    holds "$(cat stderr)" "Broken pipe"
}

# ---- databases that do not do as told ------------------------------------------------------------------------------------------------
test_sqlite_failures() {
    fails 1 "check the table's name" export "$DB" --table nosuch --to work/x.csv
    fails 1 "no such column" export "$DB" --table invoices --columns id,nosuch --to work/x.csv
    fails 1 "syntax error" export "$DB" --query 'selct 1' --to work/x.csv
    fails 1 "check the file's path" export "sqlite:////${TMP#/}/missing.db" --table t --to work/x.csv
    [ ! -e missing.db ] || problem "an empty database was made"
    head -c 5000 /dev/zero | tr '\0' x > work/nodb
    fails 1 "not a database" export "sqlite:////${TMP#/}/work/nodb" --table t --to work/x.csv
    rm work/nodb
    fails 1 "weir export only reads" export "$DB" --query "insert into empty values (1, 'x') returning id" --to work/x.csv
    fails 1 "weir export only reads" export "$DB" --query "delete from invoices" --to work/x.csv
    same "$(sqlite3 shop.db 'select count(*) from invoices')" 4
    run export "$DB" --query 'select 1; select 2' --to work/x.csv;  [ "$code" -ne 0 ] || problem "two statements went through"
    no_file
}

# ---- progress, stats, signals ------------------------------------------------------------------------------------------------------------
on_terminal() { script -qec "stty cols 120; $1" /dev/null < /dev/null; }

test_progress_line_on_a_terminal_only() {
    local shown
    shown=$(on_terminal "'$WEIR' export '$DB' --table invoices --to work/p.csv")
    holds "$shown" "4 rows"
    holds "$shown" "peak"
    shown=$(on_terminal "'$WEIR' export '$DB' --table invoices --to work/p.csv --quiet")
    same "$shown" ""
    shown=$(on_terminal "'$WEIR' export '$DB' --table nosuch --to work/p2.csv")
    holds "$shown" "no such table"
    rm -f work/p.csv
    no_file
}

test_progress_knows_percent_and_time_left() {
    sqlite3 many.db "CREATE TABLE n (i INTEGER PRIMARY KEY); WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 200000)
                     INSERT INTO n SELECT i FROM c"
    mkfifo work/slow
    (sleep 0.6; exec cat) < work/slow > /dev/null &
    holds "$(on_terminal "'$WEIR' export 'sqlite:///many.db' --table n --to work/slow --yield-per 100")" "% "
    wait
    rm -f many.db work/slow
}

test_pg_a_budget_and_a_row_that_does_not_fit() {
    succeeds export "$URL" --query "SELECT id, repeat('w', id) FROM generate_series(1, 3000) AS id" --to work/b.csv --memory 256K
    same "$(wc -l < work/b.csv)" 3001
    fails 1 "row 20 (id = 20) takes" export "$URL" --query "SELECT id, repeat('w', CASE WHEN id = 20 THEN 9000000 ELSE 1 END) FROM generate_series(1, 30) AS id" --to work/b2.csv --memory 1M
    same "$(ls work)" b.csv
}

test_stats_are_one_json_object() {
    succeeds export "$DB" --table invoices --to work/s.csv --stats json --yield-per 2
    same "$(wc -l < stderr)" 1
    same "$(sqlite3 :memory: "SELECT group_concat(key, ' ') FROM json_each('$err')")" \
        "rows batches seconds rows_per_second peak_rss_bytes peak_ledger_bytes bytes_written resumed runs reconnects jobs ranges spilled_bytes"
    same "$(sqlite3 :memory: "SELECT json_extract('$err', '\$.rows'), json_extract('$err', '\$.batches'), json_extract('$err', '\$.bytes_written')")" \
        "4|2|$(stat -c %s work/s.csv)"
    same "$(sqlite3 :memory: "SELECT json_extract('$err', '\$.peak_rss_bytes') > 1000000, json_extract('$err', '\$.peak_ledger_bytes') > 1000")" '1|1'
    rm work/s.csv
}

# Interrupts an endless export into a file: which signal, which exit code.
interrupt() {
    local pid waited=0
    "$WEIR" export "$URL" --query "$ENDLESS" --to work/endless.csv 2> stderr &
    pid=$!
    while [ -z "$(find work -name '.endless.csv.weir-*' -size +300k)" ] && [ $((waited += 1)) -lt 200 ]; do sleep 0.05; done
    kill -"$1" $pid
    wait $pid
    same "$?" "$2"
    same "$(wc -l < stderr)" 1
    holds "$(cat stderr)" "interrupted"
    no_file
}
test_ctrl_c_leaves_no_file() { interrupt INT 130; interrupt TERM 143; }

test_ctrl_c_works_while_a_pipe_is_not_read() {
    local pid
    mkfifo work/stuck
    sleep 30 < work/stuck & local reader=$!
    "$WEIR" export "$URL" --query "$ENDLESS" --to work/stuck 2> stderr & pid=$!
    sleep 0.5
    kill -INT $pid
    sleep 0.3
    kill -INT $pid
    wait $pid
    same "$?" 130
    kill $reader
    wait $reader 2> /dev/null
    rm work/stuck
}

# A server that takes the connection and then says nothing.
test_ctrl_c_works_while_connecting() {
    local pid server waited=0
    perl -MIO::Socket::INET -e '$| = 1; my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1"); print $s->sockport; sleep 60' > port &
    server=$!
    while [ ! -s port ] && [ $((waited += 1)) -lt 100 ]; do sleep 0.05; done
    "$WEIR" export "postgresql://weir@127.0.0.1:$(cat port)/postgres" --table t --to work/never.csv 2> stderr & pid=$!
    while [ -z "$(ls -A work)" ] && [ $((waited += 1)) -lt 200 ]; do sleep 0.05; done
    sleep 0.2
    kill -INT $pid
    wait $pid
    same "$?" 130
    same "$(wc -l < stderr)" 1
    kill $server
    wait $server 2> /dev/null
    no_file
}

# ---- PostgreSQL ------------------------------------------------------------------------------------------------------------------------------
pg() { PGOPTIONS='-c client_min_messages=warning' psql -qAtX "$URL" -c "$1"; }

test_pg_tables_names_and_params() {
    same "$(query "select \$\$ :a \$\$, E'\\':b', /* /* */ :c */ \$x\$\$:d\$x\$, :e::int" --param e=1)" "\" :a \",':b,\$:d,1"
    fails 2 ":e has no value" export "$URL" --query "select \$\$ :a \$\$, :e::int" --to -
    pg 'DROP SCHEMA IF EXISTS "Ex.port" CASCADE; CREATE SCHEMA "Ex.port"; CREATE TABLE "Ex.port"."We""ird" (id int, "Name" text, d numeric(30,10));
        INSERT INTO "Ex.port"."We""ird" VALUES (1, $$a,b$$, 12345678901234567890.5), (2, NULL, -0.1)'
    succeeds export "$URL" --table '"Ex.port".We"ird' --order-by id --to -
    same "$out" $'id,Name,d\n1,"a,b",12345678901234567890.5000000000\n2,,-0.1000000000'
    succeeds export "$URL" --table '"Ex.port".We"ird' --where 'id = :id' --param id=2 --columns Name,id --format jsonl --to -
    same "$out" '{"Name":null,"id":2}'
    fails 1 'we"ird' export "$URL" --table '"Ex.port"."we""ird"' --to work/x.csv
    pg 'DROP SCHEMA "Ex.port" CASCADE'
}

test_pg_values() {
    same "$(query "select true, 1::int2, 1.5::float4, 'NaN'::float8, timestamptz '2024-05-01 12:30:00.25+02', date '2024-05-01',
                   '\\x00ff'::bytea, array[1,null,3], '{\"a\": 1}'::jsonb, interval '1 day 2 hours', 'x'::name")" \
        'true,1,1.5,NaN,2024-05-01T10:30:00.25Z,2024-05-01,AP8=,"{1,NULL,3}","{""a"": 1}",P1DT2H,x'
    same "$(query "select 1.10::numeric as n, 'NaN'::numeric as m, array[[1,2],[3,4]] as a, '[1,
2]'::json as j, null::int as x, '\\x00ff'::bytea as b" --format jsonl)" \
        '{"n":1.10,"m":"NaN","a":[[1,2],[3,4]],"j":[1, 2],"x":null,"b":"AP8="}'
}

test_pg_reads_one_snapshot_and_only_reads() {
    same "$(query "select current_setting('transaction_isolation'), current_setting('transaction_read_only')")" 'repeatable read,on'
    fails 1 "weir export only reads" export "$URL" --query 'create table nope (i int)' --to work/x.csv
    no_file
}

test_pg_failures() {
    fails 1 "check the table's name" export "$URL" --table nosuch --to work/x.csv
    fails 1 "nosuch" export "$URL" --table pg_class --columns oid,nosuch --to work/x.csv
    fails 1 "syntax error" export "$URL" --query 'selct 1' --to work/x.csv
    fails 1 "division by zero" export "$URL" --query 'select 1/(500-i) from generate_series(1,1000) i' --yield-per 10 --to work/x.csv
    fails 1 "does not exist" export "${URL/\/postgres\?/\/nosuchdb?}" --table t --to work/x.csv
    fails 1 "Connection refused" export "postgresql://weir@127.0.0.1:1/postgres" --table t --to work/x.csv
    no_file
}

test_pg_advice_on_a_timeout_can_be_followed() {
    fails 1 "raise the limit" export "$URL&options=-c%20statement_timeout%3D50" --query 'select pg_sleep(20)' --to work/x.csv
    succeeds export "$URL&$(grep -o 'options=[^ ]*' stderr)" --query 'show statement_timeout' --to -
    same "$out" $'statement_timeout\n0'
    no_file
}

test_pg_wrong_password_and_none_in_any_output() {
    local url=${WEIR_TEST_PG_TLS:?} wrong
    wrong=${url/:\/\/weir:*@localhost/:\/\/weir:s3cret%2Fword@localhost}
    fails 1 "password" export "$wrong" --table t --to work/x.csv
    lacks "$err" "s3cret"
    fails 1 "check the table's name" export "$url" --table nosuch --to work/x.csv
    lacks "$err" "$WEIR_TEST_PG_TLS_PASSWORD"
    fails 1 "notaport" export "postgresql://weir:s3cret@host:notaport/db" --table t --to work/x.csv
    lacks "$err" "s3cret"
    run export "${wrong/@localhost/@localhost@}" --table t --to work/x.csv
    lacks "$err" "s3cret"
    no_file
}

test_pg_password_from_environment_and_file() {
    local url=${WEIR_TEST_PG_TLS/weir:*@localhost/weir@localhost}
    same "$(PGPASSWORD=$WEIR_TEST_PG_TLS_PASSWORD "$WEIR" export "$url" --query 'select 1 as x' --to -)" $'x\n1'
    printf 'localhost:*:*:weir:%s\n' "${WEIR_TEST_PG_TLS_PASSWORD//:/\\:}" > pgpass
    chmod 600 pgpass
    same "$(PGPASSFILE=$TMP/pgpass "$WEIR" export "$url" --query 'select 1 as x' --to -)" $'x\n1'
    fails 1 "password" export "$url" --query 'select 1' --to -
}

test_pg_killed_server_process_is_one_line() {
    local pid waited=0
    "$WEIR" export "$URL&application_name=weir_victim" --query "$ENDLESS" --to work/endless.csv 2> stderr &
    pid=$!
    while [ -z "$(find work -name '.endless.csv.weir-*' -size +300k)" ] && [ $((waited += 1)) -lt 200 ]; do sleep 0.05; done
    pg "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weir_victim'" > /dev/null
    wait $pid
    same "$?" 1
    same "$(wc -l < stderr)" 1
    holds "$(cat stderr)" "run the export again"
    no_file
}

test_pg_ctrl_c_stops_a_query_that_gives_nothing_yet() {
    local pid
    "$WEIR" export "$URL" --query 'select pg_sleep(600)' --to work/slow.csv 2> stderr &
    pid=$!
    for _ in $(seq 100); do [ "$(pg "select count(*) from pg_stat_activity where query like '%pg_sleep(600)' and state = 'active'")" = 1 ] && break; sleep 0.05; done
    kill -INT $pid
    wait $pid
    same "$?" 130
    same "$(wc -l < stderr)" 1
    sleep 0.2
    same "$(pg "select count(*) from pg_stat_activity where query like '%pg_sleep(600)' and state = 'active'")" 0
    no_file
}

test_pg_progress_has_an_estimate() {
    pg 'CREATE TABLE IF NOT EXISTS progress AS SELECT i FROM generate_series(1,200000) i; ANALYZE progress'
    mkfifo work/slow
    (sleep 0.6; exec cat) < work/slow > /dev/null &
    holds "$(on_terminal "'$WEIR' export '$URL' --table progress --to work/slow --yield-per 100")" "% "
    wait
    rm -f work/slow
    pg 'DROP TABLE progress'
}

for database in ${1:-sqlite postgresql}; do
    if [ "$database" = sqlite ]; then
        URL=$DB
        make_shop
        run_tests $(declare -F | awk '{ print $3 }' | grep '^test_' | grep -v '^test_pg_')
    else
        URL=${WEIR_TEST_PG:?tests/servers is not running: use scripts/check}
        run_tests $(declare -F | awk '{ print $3 }' | grep '^test_pg_') test_ctrl_c_leaves_no_file
    fi
done
cat failures
[ ! -s failures ]
