#!/usr/bin/env bash
# weir export --resume, killed, stopped, out of room and without its server at many points, repeated until it ends well: the file is byte for
# byte that of one run. usage and environment as test_export.sh; with postgresql also a server of its own, which is restarted.
set -uo pipefail
. "$(dirname "$0")/resume.sh" resume

make_tables() {
    local key=$1 series=$2
    cat << SQL
CREATE TABLE events (id $key PRIMARY KEY, kind integer NOT NULL, note varchar(200));
INSERT INTO events SELECT i, i % 7, CASE WHEN i % 5 = 0 THEN NULL WHEN i % 11 = 0 THEN 'two
lines, "quoted" ' || i ELSE 'event number ' || i END FROM $series;
CREATE TABLE loose (a integer, b integer NOT NULL);
INSERT INTO loose SELECT i, (i + 1) / 2 FROM $series WHERE i < 100;
CREATE UNIQUE INDEX loose_a ON loose (a);
CREATE TABLE pairs (a integer NOT NULL, b integer NOT NULL, c integer, UNIQUE (a, b));
INSERT INTO pairs SELECT i % 10, i, i % 3 FROM $series WHERE i < 100;
CREATE TABLE obstacle (at integer);
INSERT INTO obstacle VALUES (-1);
CREATE VIEW seen AS SELECT * FROM events WHERE id < 100;
SQL
}

# In steps: small batches and many checkpoints, so that there is much to be broken off.
STEPS="--table events --resume --quiet --yield-per 100 --checkpoint-every 500"
EXPORT() { "$WEIR" export "$URL" $STEPS "$@"; }
reference() { "$WEIR" export "$URL" --table events --order-by id --to "reference.$1" --quiet || problem "no reference"; }
alone() { same "$(ls -A work)" "out.$1"; }
whole() {
    cmp "work/out.$1" "reference.$1" >> failures 2>&1 || problem "another file (seed $SEED)"
    alone "$1"
}

# ---- signals ----------------------------------------------------------------------------------------------------------------------
# How long a run takes that nobody breaks off, in ms: machines differ, and so does one machine from minute to minute.
took() {
    local begun=${EPOCHREALTIME/./}
    EXPORT --to "work/out.$1" || problem "exit $?"
    echo $(((${EPOCHREALTIME/./} - begun) / 1000 + 1))
    rm -f "work/out.$1"
}

# broken_off FORMAT SIGNAL MS: runs that get the signal after a part of MS, the first two after less than half, until one ends well. How
# many were broken off, and how many of them said so, in $early and $said.
broken_off() {
    local begun=$SECONDS part delay
    early=0 said=0
    while :; do
        part=$((early < 2 ? 25 + RANDOM % 20 : 30 + RANDOM % 70)) delay=$(($3 * 10 * part / 1000 + 1))
        { timeout --foreground --preserve-status -s "$2" "$((delay / 1000)).$(printf '%03d' $((delay % 1000)))" "$WEIR" export "$URL" $STEPS \
            --to "work/out.$1" 2> stderr; code=$?; } 2> /dev/null
        case $2:$code in
        *:0) return ;;
        KILL:137) ;;
        INT:130 | TERM:143)             # nothing is said when it had hardly begun
            [ ! -s stderr ] || { said=$((said + 1)); holds "$(cat stderr)" "run the same command again to go on"; } ;;
        *) problem "$2 gave exit $code: $(cat stderr)"; return ;;
        esac
        early=$((early + 1))
        [ $((SECONDS - begun)) -lt 40 ] || { problem "no end after $early runs"; return; }
    done
}

# Where most runs ended before their signal, the machine has become faster since it was measured: once more, with shorter ones.
until_done() {
    local ms try early said
    ms=$(took "$1")
    for try in 1 2 3 4 5 6; do
        rm -f "work/out.$1"
        broken_off "$1" "$2" "$ms"
        whole "$1"
        [ "$early" -lt 2 ] || [ "$2" != KILL -a "$said" -eq 0 ] || return
        ms=$((ms * 2 / 3 + 1))
    done
    problem "$2: $early runs were broken off, $said said so"
}

test_killed() { reference csv; until_done csv KILL; }
test_killed_jsonl() { reference jsonl; until_done jsonl KILL; }
test_terminated() { reference csv; until_done csv TERM; }
test_interrupted() { reference jsonl; until_done jsonl INT; }

# Killed when the part has so many bytes, wherever the checkpoint is.
test_killed_at_sizes() {
    local at size pid
    reference csv
    for at in 1 5000 9000 150000 400000; do
        "$WEIR" export "$URL" $STEPS --to work/out.csv 2> /dev/null & pid=$!
        for ((i = 0; i < 2000; i++)); do
            size=$(stat -c %s work/out.csv.weir-part 2> /dev/null || echo 0)
            [ "$size" -lt "$at" ] || break
            kill -0 "$pid" 2> /dev/null || break
        done
        { kill -KILL "$pid"; wait "$pid"; } 2> /dev/null
        [ ! -e work/out.csv ] || break
    done
    EXPORT --to work/out.csv || problem "exit $?"
    whole csv
}

# ---- parts ------------------------------------------------------------------------------------------------------------------------
# Each format as a directory of parts: many row groups, and a column whose type only values tell (SQLite), and only in the first part.
# Where the obstacle stands the query fails.
PARTS="SELECT id, kind, note, CASE WHEN id BETWEEN 30 AND 50 THEN kind + 1 END AS late,
    abs(-9223372036854775807 - CASE WHEN id = (SELECT at FROM obstacle) THEN 1 ELSE 0 END) AS large FROM events"
export_parts() {
    local format=$1 to=$2
    shift 2
    [ "$format" != parquet ] || set -- --row-group-bytes 40000 "$@"
    ${EXEC:-} "$WEIR" export "$URL" --to "$to" --partition-rows 3000 --format "$format" --quiet "$@"
}
go_on() { export_parts "$1" work/parts --query "$PARTS" --key 'id not null' --resume --yield-per $((RANDOM % 900 + 1)) "${@:2}"; }
parts_reference() { rm -rf "reference-$1"; export_parts "$1" "reference-$1" --query "$PARTS ORDER BY id" --yield-per 5000 || problem "no reference"; }
finished_parts() { ls work/parts 2> /dev/null | grep -c '^part-[0-9]*\.[a-z]*$'; }
# The directory is that of one run, with nothing else in it.
whole_parts() {
    diff -r "reference-$1" work/parts >> failures 2>&1 || problem "other parts of $1 (seed $SEED)"
    same "$(ls -A work)" parts
    rm -rf work/parts
}

# Killed when so many parts are there, and at once; batches have another size in each run.
test_killed_between_parts() {
    local format at pid killed
    for format in parquet csv jsonl arrow; do
        parts_reference "$format"
        killed=0
        for at in 0 1 1 2 3 3 5 6  0 1 1 2 3 3 5 6  0 1 1 2 3 3 5 6  0 1 1 2 3 3 5 6; do
            [ "$killed" -lt 4 ] || break
            [ -e work/parts/.weir-checkpoint ] || rm -rf work/parts         # a run was faster than this
            EXEC=exec go_on "$format" 2> stderr & pid=$!        # a child of its own could come after the kill
            for ((i = 0; i < 3000; i++)); do
                [ "$(finished_parts)" -lt "$at" ] && kill -0 "$pid" 2> /dev/null || break
            done
            { kill -KILL "$pid"; wait "$pid"; } 2> /dev/null
            [ ! -e work/parts/.weir-checkpoint ] || killed=$((killed + 1))
        done
        [ "$killed" -gt 1 ] || problem "$format: only $killed runs were broken off behind a part"
        [ -e work/parts/.weir-checkpoint ] || [ "$(finished_parts)" -eq 0 ] || { whole_parts "$format"; continue; }
        go_on "$format" --stats json 2> stderr || problem "exit $?: $(cat stderr)"
        holds "$(cat stderr)" "\"rows\":$ROWS"
        whole_parts "$format"
    done
}

# Parts that are there are not written again: their inodes stay.
test_finished_parts_are_kept() {
    parts_reference parquet
    until_parts 3 parquet
    local before=$(cd work/parts && ls -i part-0000[012].parquet)
    (ulimit -f 1; go_on parquet) 2> stderr
    same "$?" 1
    holds "$(cat stderr)" "raise the limit"
    same "$(ls work/parts | grep -c 'weir')" 0
    go_on parquet --stats json 2> stderr || problem "exit $?: $(cat stderr)"
    holds "$(cat stderr)" '"resumed":true'
    same "$(cd work/parts && ls -i part-0000[012].parquet)" "$before"
    whole_parts parquet
}
# An export that breaks off behind so many parts.
until_parts() {
    query "UPDATE obstacle SET at = $(($1 * 3000 + 1500))"
    go_on "$2" 2> stderr && problem "nothing broke off"
    query "UPDATE obstacle SET at = -1"
    same "$(finished_parts)" "$1"
    [ -e work/parts/.weir-checkpoint ] || problem "no checkpoint"
}

test_what_changed_in_parts_is_refused() {
    local to=(--to work/parts --partition-rows 3000 --resume --format parquet --row-group-bytes 40000) same=(--query "$PARTS" --key 'id not null')
    fails 1 "cannot be gone on with; write a directory of parts" export "$URL" "${same[@]}" --to work/x.parquet --resume
    fails 2 "leave --checkpoint-every away" export "$URL" "${same[@]}" "${to[@]}" --checkpoint-every 5s
    parts_reference parquet
    until_parts 3 parquet
    fails 1 "another statement" export "$URL" --query "$PARTS WHERE id > 1" --key 'id not null' "${to[@]}"
    fails 1 "rows of a part 3000" export "$URL" "${same[@]}" "${to[@]}" --partition-rows 3001
    fails 1 "compression zstd" export "$URL" "${same[@]}" "${to[@]}" --compression none
    fails 1 "row groups of 40000 bytes" export "$URL" "${same[@]}" "${to[@]}" --row-group-bytes 50000
    fails 1 "dictionaries 1" export "$URL" "${same[@]}" "${to[@]}" --no-dictionary
    fails 1 "decimal 0,0" export "$URL" "${same[@]}" "${to[@]}" --decimal 9,2
    fails 1 "metadata " export "$URL" "${same[@]}" "${to[@]}" --metadata a=b
    fails 1 "format parquet" export "$URL" "${same[@]}" --to work/parts --partition-rows 3000 --resume --format csv
    fails 1 "holds parts already" export "$URL" --query "$PARTS" --to work/parts --partition-rows 3000 --format parquet
    touch work/parts/part-00007.parquet
    fails 1 "part-00007.parquet is none of the parts" export "$URL" "${same[@]}" "${to[@]}"
    rm work/parts/part-00007.parquet
    cp -p work/parts/part-00001.parquet kept
    printf 'X' | dd of=work/parts/part-00001.parquet bs=1 seek=20 conv=notrunc 2> /dev/null
    fails 1 "was changed since it was written" export "$URL" "${same[@]}" "${to[@]}"
    rm work/parts/part-00001.parquet
    fails 1 "part-00001.parquet is gone" export "$URL" "${same[@]}" "${to[@]}"
    cp -p kept work/parts/part-00001.parquet
    # The last part was saved, and its name was still missing.
    mv work/parts/part-00002.parquet work/parts/part-00002.parquet.weir-part
    exec 9<> work/parts/.weir-part
    flock 9
    fails 1 "another process is writing it" export "$URL" "${same[@]}" "${to[@]}"
    exec 9>&-
    go_on parquet || problem "exit $?"
    fails 1 "holds parts already" export "$URL" "${same[@]}" "${to[@]}"
    whole_parts parquet
}

# ---- room ---------------------------------------------------------------------------------------------------------------------------
# A limit on the file's size is a full disk that is the same everywhere.
test_no_room() {
    local blocks
    reference csv
    for blocks in 1 2 150 151 280 400; do
        (ulimit -f "$blocks"; EXPORT --to work/out.csv) 2> stderr
        same "$?" 1
        holds "$(cat stderr)" "raise the limit"
        same "$(ls work/out.csv 2>&1 | grep -c 'No such')" 1
    done
    EXPORT --to work/out.csv --stats json 2> stderr || problem "exit $?"
    holds "$(cat stderr)" '"resumed":true'
    holds "$(cat stderr)" "\"rows\":$ROWS"
    whole csv
}

# ---- refusals -----------------------------------------------------------------------------------------------------------------------
# A part of 500 rows with its checkpoint.
begin_part() { (ulimit -f 60; EXPORT --to work/out.csv "$@" > /dev/null 2>&1); [ -e work/out.csv.weir-checkpoint ] || problem "no checkpoint"; }

test_what_changed_is_refused() {
    local to=(--to work/out.csv --resume)
    begin_part
    cp -p work/out.csv.weir-checkpoint kept
    fails 1 "another statement" export "$URL" --table events "${to[@]}" --where 'id > 5'
    fails 1 "another statement" export "$URL" --table events "${to[@]}" --key 'id desc'
    fails 1 "another statement" export "$URL" --table pairs "${to[@]}" --key 'a, b'
    fails 1 "header 1" export "$URL" --table events "${to[@]}" --no-header
    fails 1 "format csv" export "$URL" --table events "${to[@]}" --format jsonl
    fails 1 "text for NULL" export "$URL" --table events "${to[@]}" --null NULL
    fails 1 "belongs to" export "$OTHER_URL" --table events "${to[@]}"
    printf 'X' | dd of=work/out.csv.weir-part bs=1 seek=20 conv=notrunc 2> /dev/null
    fails 1 "somebody changed it" export "$URL" --table events "${to[@]}"
    : > work/out.csv.weir-part
    fails 1 "shorter" export "$URL" --table events "${to[@]}"
    rm work/out.csv.weir-part
    fails 1 "it is gone" export "$URL" --table events "${to[@]}"
    echo nonsense > work/out.csv.weir-checkpoint
    fails 1 "no checkpoint" export "$URL" --table events "${to[@]}"
    rm work/out.csv.weir-checkpoint
    succeeds export "$URL" --table events "${to[@]}"
    alone csv
}

test_keys_must_be_unique() {
    fails 1 "no primary key or unique index" export "$URL" --table loose --to work/x.csv --resume
    fails 1 "no unique index of loose" export "$URL" --table loose --order-by b --to work/x.csv --resume
    fails 1 "no unique index of loose" export "$URL" --table loose --order-by a --to work/x.csv --retry 1
    fails 1 "no unique index of pairs" export "$URL" --table pairs --order-by 'b desc' --to work/x.csv --resume
    fails 1 "name columns with --key" export "$URL" --table seen --to work/x.csv --resume
    fails 1 "the key (b) is not unique" export "$URL" --query 'SELECT b FROM loose' --key b --to work/x.csv --resume
    fails 2 "the key's column id is not in --columns" export "$URL" --table events --columns kind --to work/x.csv --resume
    fails 1 "" export "$URL" --query 'SELECT b FROM loose' --key nowhere --to work/x.csv --resume
    same "$(ls -A work)" ""
    succeeds export "$URL" --table pairs --to work/x.csv --resume --order-by 'c, b desc, a'
    same "$(sed 1d work/x.csv | cut -d, -f3 | sort -c -n 2>&1)" ""
    same "$(wc -l < work/x.csv)" 100
    succeeds export "$URL" --table seen --key id --to work/x.csv --resume
    same "$(sed 1d work/x.csv | cut -d, -f1 | grep -c '^[0-9]*$')" "$(sed 1d work/x.csv | grep -c '^[0-9]*,')"
    succeeds export "$URL" --query 'SELECT id, kind FROM events WHERE kind < :k' --param k=3 --key 'kind desc, id not null' --to work/x.csv --resume
    same "$(sed -n 2p work/x.csv)" "2,2"
}

test_wrong_usage() {
    fails 2 "standard output" export "$URL" --table events --to - --resume
    fails 1 "no regular file" export "$URL" --table events --to /dev/null --resume
    fails 2 "name them with --key" export "$URL" --query 'SELECT 1 AS a' --to work/x --resume
    fails 2 "name them with --key" export "$URL" --query 'SELECT 1 AS a' --to work/x --retry 2
    fails 2 "--key is about" export "$URL" --table events --key id --to work/x
    fails 2 "exclude each other" export "$URL" --table events --key id --order-by id --to work/x --resume
    fails 2 "is about --resume" export "$URL" --table events --checkpoint-every 5s --to work/x
    for every in 0 -1 5x M 5m 99999999999 ''; do
        fails 2 "10000, 64M or 5s" export "$URL" --table events --resume --checkpoint-every "$every" --to work/x
    done
    fails 2 "a column's name" export "$URL" --query 'SELECT 1 AS a' --key 'a,' --to work/x --resume
}

test_two_runs_at_once_are_refused() {
    : > work/out.csv.weir-part
    exec 9<> work/out.csv.weir-part
    flock 9
    fails 1 "another process is writing it" export "$URL" --table events --to work/out.csv --resume
    exec 9>&-
    succeeds export "$URL" --table events --to work/out.csv --resume
    alone csv
}

# ---- what a catalogue says -----------------------------------------------------------------------------------------------------------------
not_unique() { fails 1 "$1" export "$URL" --table "$2" ${3:+--key "$3"} --to work/x.csv --resume; }
unique() { succeeds export "$URL" --table "$1" ${2:+--key "$2"} --to work/x.csv --resume; }

# An index that tells 'a' from 'A' says nothing about an order that does not; SQLite's keys may be NULL.
test_sqlite_indexes() {
    sqlite3 shop.db << 'SQL'
CREATE TABLE folded (name TEXT COLLATE NOCASE NOT NULL);
CREATE UNIQUE INDEX folded_name ON folded (name COLLATE BINARY);
INSERT INTO folded VALUES ('a'), ('A');
CREATE TABLE folding (name TEXT COLLATE NOCASE NOT NULL UNIQUE);
INSERT INTO folding VALUES ('a'), ('b');
CREATE TABLE texts (name TEXT PRIMARY KEY);
CREATE TABLE rowless (name TEXT PRIMARY KEY, n INT) WITHOUT ROWID;
CREATE TABLE partial (n INTEGER NOT NULL); CREATE UNIQUE INDEX partial_n ON partial (n) WHERE n > 5;
CREATE TABLE computed (n INTEGER NOT NULL); CREATE UNIQUE INDEX computed_n ON computed (n % 7);
CREATE TABLE downward (n INTEGER PRIMARY KEY DESC);
CREATE TABLE "odd ""name" ("a,b" INTEGER NOT NULL, "C" INTEGER NOT NULL, UNIQUE ("a,b", "C"));
INSERT INTO "odd ""name" VALUES (1, 2), (1, 1);
SQL
    for table in folded texts partial computed downward; do not_unique "no primary key or unique index" "$table"; done
    not_unique "no unique index of folded" folded name
    for table in folding rowless; do unique "$table"; done
    unique 'odd "name'
    same "$(cat work/x.csv)" $'"a,b",C\n1,1\n1,2'
    unique 'odd "name' '"C" desc, "a,b"'
    same "$(cat work/x.csv)" $'"a,b",C\n1,2\n1,1'
    unique 'odd "name' 'c, "A,B"'
}

test_pg_indexes() {
    psql -qX -v ON_ERROR_STOP=1 "$OWN_PSQL" << 'SQL' || problem "no tables"
CREATE TABLE parent (id integer PRIMARY KEY); CREATE TABLE child () INHERITS (parent);
INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (2);
CREATE TABLE parted (id integer, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO parted VALUES (1, '2026-02-01'), (1, '2026-01-01');
CREATE TABLE partial (n integer NOT NULL); CREATE UNIQUE INDEX ON partial (n) WHERE n > 5;
CREATE TABLE computed (n integer NOT NULL); CREATE UNIQUE INDEX ON computed ((n % 7));
CREATE TABLE including (n integer NOT NULL, m integer); CREATE UNIQUE INDEX ON including (n) INCLUDE (m);
CREATE TABLE collated (name text COLLATE "C" NOT NULL); CREATE UNIQUE INDEX ON collated (name COLLATE "POSIX");
CREATE TABLE "Odd ""name" ("a,b" integer NOT NULL, "C" integer NOT NULL, UNIQUE ("a,b", "C"));
INSERT INTO "Odd ""name" VALUES (1, 2), (1, 1);
SQL
    for table in parent partial computed collated; do not_unique "no primary key or unique index" "$table"; done
    not_unique "no unique index of parted" parted id
    not_unique "no unique index of Odd" 'Odd "name' 'c, "a,b"'
    not_unique "no unique index of including" including m
    not_unique "no_such_table" no_such_table
    unique parted
    same "$(cat work/x.csv)" $'id,day\n1,2026-01-01\n1,2026-02-01'
    unique including
    unique 'Odd "name' '"C" desc, "a,b"'
    same "$(cat work/x.csv)" $'"a,b",C\n1,2\n1,1'
    unique public.parted
    same "$(ls -A work)" x.csv
}

# ---- the server ------------------------------------------------------------------------------------------------------------------------
# A query that stands still in the middle, in the order of an index, until the server was ended there.
SLOW="SELECT id, note FROM events WHERE id <= 1500 AND pg_sleep(CASE WHEN id = 700 THEN (SELECT seconds FROM pause) ELSE 0 END) IS NOT NULL"

crash() {
    local try
    for try in {1..1000}; do
        [ "$(psql -qAtX "$OWN_PSQL" -c "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" != 1 ] || break
        sleep 0.05
    done
    [ "$try" -lt 1000 ] || problem "nothing stands still"
    PGOPTIONS=-csynchronous_commit=on query "UPDATE pause SET seconds = 0"
    "$HERE/../servers" restart "$OWN"
}

crash_midway() { query "UPDATE pause SET seconds = 600"; crash & crasher=$!; }

test_a_restarted_server() {
    rm -rf reference-csv
    local patient="$OWN_URL&options=-c%20enable_seqscan%3Doff%20-c%20enable_sort%3Doff%20-c%20enable_bitmapscan%3Doff" runs=0
    "$WEIR" export "$patient" --query "SELECT id, note FROM events WHERE id <= 1500 ORDER BY id" --to reference.csv --quiet
    query "CREATE TABLE pause AS SELECT 0::float8 AS seconds"
    local crasher
    crash_midway
    "$WEIR" export "$patient" --query "$SLOW" --key 'id not null' --to work/out.csv --yield-per 20 --retry 8 --stats json 2> stderr ||
        problem "exit $?: $(cat stderr)"
    wait "$crasher"
    holds "$(cat stderr)" "connection lost: "
    holds "$(cat stderr)" '"reconnects":1'
    whole csv
    rm work/out.csv
    crash_midway
    until "$WEIR" export "$patient" --query "$SLOW" --key 'id not null' --to work/out.csv --yield-per 20 --resume --stats json 2> stderr; do
        runs=$((runs + 1))
        [ "$runs" -lt 100 ] || { problem "no end: $(cat stderr)"; break; }
        sleep 0.1
    done
    wait "$crasher"
    [ "$runs" -gt 0 ] || problem "the restart came too late"
    holds "$(cat stderr)" '"resumed":true'
    whole csv
    rm work/out.csv
    "$WEIR" export "$patient" --query "SELECT id, note FROM events WHERE id <= 1500 ORDER BY id" --to reference-csv --format csv \
        --partition-rows 250 --quiet || problem "no reference"
    crash_midway
    runs=0
    until "$WEIR" export "$patient" --query "$SLOW" --key 'id not null' --to work/parts --format csv --partition-rows 250 --yield-per 20 \
        --resume 2> stderr; do
        runs=$((runs + 1))
        [ "$runs" -lt 100 ] || { problem "no end: $(cat stderr)"; break; }
        sleep 0.1
    done
    wait "$crasher"
    [ "$runs" -gt 0 ] || problem "the restart came too late for parts"
    whole_parts csv
}

# ---- databases --------------------------------------------------------------------------------------------------------------------------
common="test_killed_between_parts test_finished_parts_are_kept test_what_changed_in_parts_is_refused test_killed test_killed_jsonl test_terminated test_interrupted test_killed_at_sizes test_no_room test_what_changed_is_refused
    test_keys_must_be_unique test_wrong_usage test_two_runs_at_once_are_refused"

run_sqlite() {
    database=sqlite
    query() { sqlite3 shop.db "$1"; }
    URL=sqlite:////${TMP#/}/shop.db
    OTHER_URL=sqlite:////${TMP#/}/other.db
    make_tables INTEGER "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $ROWS) SELECT i FROM n) AS s" | sqlite3 shop.db
    cp shop.db other.db
    run_tests $common test_sqlite_indexes
}

run_postgresql() {
    database=postgresql
    query() { psql -qX -v ON_ERROR_STOP=1 "$OWN_PSQL" -c "$1"; }
    OWN=$(mktemp -d "${TMPDIR:-/tmp}/weir-own.XXXXXX")
    local environment
    environment=$("$HERE/../servers" start "$OWN") || exit 2
    OWN_URL=$(eval "$environment"; echo "$WEIR_TEST_PG")
    URL=$OWN_URL
    OTHER_URL=$(eval "$environment"; echo "$WEIR_TEST_PG_TCP")
    OWN_PSQL="postgresql://weir@/postgres?${URL#*\?}"
    make_tables integer "generate_series(1, $ROWS) AS s(i)" | psql -qX -v ON_ERROR_STOP=1 "$OWN_PSQL" || exit 2
    # By the index, so that a query that fails at a row has delivered those before it.
    for setting in seqscan sort bitmapscan; do query "ALTER ROLE weir SET enable_$setting = off"; done
    run_tests $common test_pg_indexes test_a_restarted_server
}

case ${1:-both} in
sqlite) run_sqlite ;;
postgresql) run_postgresql ;;
*) run_sqlite; run_postgresql ;;
esac
if [ -s failures ]; then cat failures; exit 1; fi
