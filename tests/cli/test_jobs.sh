#!/usr/bin/env bash
# weir export --jobs, --split, --worker and --job-status, as a person or a script meets them.
# usage: test_jobs.sh sqlite|postgresql
set -uo pipefail
WEIR=${WEIR:-${WEIR_COMMAND:?set WEIR to the command}}
HERE=$(cd "$(dirname "$0")" && pwd)
TMP=$(mktemp -d "${TMPDIR:-/tmp}/weir-jobs.XXXXXX") || exit 2
NAME=weir_jobs_$$
# shellcheck disable=SC2034,SC2154  # of common.sh
database=${1:?sqlite or postgresql}
export LC_ALL=C
cd "$TMP" || exit 2
mkdir work
. "$HERE/common.sh"
ROWS=30000

if [ "$database" = postgresql ]; then
    trap 'cd /; rm -rf "$TMP"; psql -q "$WEIR_TEST_PG" -c "DROP DATABASE IF EXISTS $NAME WITH (FORCE)"' EXIT
    psql -q "${WEIR_TEST_PG:?start the servers with tests/servers}" -c "CREATE DATABASE $NAME" || exit 1
    URL=${WEIR_TEST_PG/\/postgres\?/\/$NAME?}
    psql -q "$URL" -c "CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t SELECT i, 'value ' || i || repeat('.', 50) FROM generate_series(1, $ROWS) AS i; CREATE TABLE bare (v text)"
    SLOW="SELECT id, v FROM t WHERE pg_sleep(0.001) IS NOT NULL"
else
    trap 'cd /; rm -rf "$TMP"' EXIT
    URL=sqlite:///t.db
    sqlite3 t.db "CREATE TABLE t (id integer PRIMARY KEY, v text); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $ROWS)
        INSERT INTO t SELECT i, 'value ' || i || '..................................................' FROM n; CREATE TABLE bare (v text)"
    SLOW="SELECT id, v FROM t WHERE (WITH RECURSIVE n(i) AS (SELECT t.id UNION ALL SELECT i + 1 FROM n WHERE i < t.id + 3000) SELECT max(i) FROM n) > 0"
fi

test_the_file_is_that_of_one_stream() {
    succeeds export "$URL" --table t --order-by id --to work/one.csv
    for jobs in 1 2 5; do
        succeeds export "$URL" --table t --jobs $jobs --range-bytes 65536 --to work/many.csv --stats json
        holds "$err" "\"jobs\":$jobs"
        cmp -s work/one.csv work/many.csv || problem "another file with $jobs jobs"
    done
    holds "$err" '"rows":30000'
    lacks "$err" '"ranges":1,'
    succeeds export "$URL" --table t --order-by 'id desc' --to work/one.jsonl
    succeeds export "$URL" --query 'SELECT * FROM t' --key 'id desc' --jobs 3 --range-bytes 65536 --to work/many.jsonl
    cmp -s work/one.jsonl work/many.jsonl || problem "another file of JSON lines"
    same "$("$WEIR" export "$URL" --table t --where 'id > 29990' --jobs 2 --no-header --to - | cut -d, -f1 | tr '\n' ' ')" \
        "29991 29992 29993 29994 29995 29996 29997 29998 29999 30000 "
}

test_a_file_per_range() {
    succeeds export "$URL" --table t --jobs 2 --split --range-bytes 65536 --no-header --to work/t.jsonl
    same "$(grep -c '"file"' work/t.manifest.json)" "$(find work -name 't.0*.jsonl' | wc -l)"
    same "$(cat work/t.0*.jsonl | wc -l)" $ROWS
    succeeds export "$URL" --table t --jobs 1 --split --range-bytes 65536 --to work/alone.csv
    [ "$(find work -name 'alone.0*.csv' | wc -l)" -gt 2 ] || problem "one job makes one file"
    succeeds export "$URL" --table t --jobs 2 --split --to work/t.parquet
    [ -s work/t.000000.parquet ] || problem "no Parquet files"
    [ "$database" = sqlite ] && return
    # partitions have files of their own, with the table's columns in its order
    psql -q "$URL" -c "CREATE TABLE l (id integer NOT NULL, v text, kind integer) PARTITION BY LIST (kind); CREATE TABLE l1 (kind integer, v text, id integer NOT NULL);
        ALTER TABLE l ATTACH PARTITION l1 FOR VALUES IN (1); CREATE TABLE \"L 2\" PARTITION OF l FOR VALUES IN (2); CREATE INDEX ON l (id);
        INSERT INTO l SELECT id, v, 1 + id % 2 FROM t"
    succeeds export "$URL" --table l --key 'id not null' --where 'l.id <= 10000' --jobs 2 --split --range-bytes 65536 --no-header --to work/l.csv
    same "$(cat work/l.0*.csv | sort -n | cut -d, -f1,3 | md5sum)" "$(seq 1 10000 | awk '{ print $1 "," 1 + $1 % 2 }' | md5sum)"
    for file in work/l.0*.csv; do
        [ "$(cut -d, -f3 "$file" | sort -u | wc -l)" -lt 2 ] || problem "$file has rows of two partitions"
    done
}

test_wrong_usage() {
    fails 2 "--split is about --jobs" export "$URL" --table t --split --to work/x.csv
    fails 2 "name columns of it with --key" export "$URL" --query 'SELECT * FROM t' --jobs 2 --to work/x.csv
    fails 2 "makes many files" export "$URL" --table t --jobs 2 --split --to -
    fails 2 "start several of them" export "$URL" --table t --jobs 2 --worker j --to work
    fails 2 "about --worker" export "$URL" --table t --lease 5 --to work/x.csv
    fails 2 "too many" export "$URL" --table t --jobs 1000 --to work/x.csv
    fails 1 "no primary key" export "$URL" --table bare --jobs 2 --to work/x.csv
    fails 2 "not in --columns" export "$URL" --table t --columns v --jobs 2 --to work/x.csv
    fails 1 "the directory does not exist" export "$URL" --table t --jobs 2 --to work/no/x.csv
    run export "$URL" --table t --jobs 2 --to work/x.parquet
    holds "$err" "--split"
    same "$(ls -A work)" ""
}

# Commands in the background are started with SIGINT ignored; env takes that back.
interrupt() {                       # by a signal; the exit code, what is said
    local process
    env --default-signal=INT "$WEIR" export "$URL" --query "$SLOW" --key 'id not null' --jobs 3 --range-bytes 65536 --to work/x.csv 2> stderr & process=$!
    while [ -z "$(ls -A work)" ] && kill -0 $process; do sleep 0.02; done
    kill -"$1" $process
    wait $process
    same "$1: $?" "$1: $2"
    holds "$(cat stderr)" "weir: export interrupted: $3; no file was left behind"
    same "$(ls -A work)" ""
}

test_ctrl_c_leaves_nothing() {
    interrupt INT 130 Ctrl-C
    interrupt TERM 143 SIGTERM
}

# Both wait while the process stands still, so that the second is there when the first is heard.
interrupt_twice() {                 # the options, what may be said
    local process code
    env --default-signal=INT "$WEIR" export "$URL" --query "$SLOW" --key 'id not null' --jobs 3 --range-bytes 65536 --to work/x.csv $1 2> stderr & process=$!
    while [ -z "$(ls -A work)" ] && kill -0 $process; do sleep 0.02; done
    kill -STOP $process
    kill -INT $process
    kill -TERM $process
    kill -CONT $process
    wait $process
    code=$?
    [ $code -eq 143 ] || [ $code -eq 130 ] || problem "exit $code"
    same "$(wc -l < stderr)" 1
    grep -Eq "$2" stderr || problem "$(cat stderr)"
    same "$(find work -name '.*')" ""
    find work -mindepth 1 -delete
}

test_a_second_signal_leaves_no_temporary_file() {
    interrupt_twice "" "no file was left behind"
    interrupt_twice --split "no file was left behind|files of finished ranges are there and count for nothing without a manifest"
}

test_workers() {
    if [ "$database" = sqlite ]; then
        fails 1 "by tables in PostgreSQL" export "$URL" --table t --worker j --to work
        return
    fi
    for i in 1 2; do "$WEIR" export "$URL" --table t --no-header --range-bytes 65536 --worker j --job-schema other --to work 2> "worker.$i" & done
    succeeds export "$URL" --table t --no-header --range-bytes 65536 --worker j --job-schema other --to work
    wait
    same "$(cat worker.*)" ""
    succeeds export "$URL" --job-status j --job-schema other
    holds "$out" "j: done"
    holds "$out" "30,000"
    same "$(cd work && sed -n 's/.*"file":"\([^"]*\)".*/\1/p' j.manifest.json | xargs cat | cut -d, -f1 | tr '\n' ' ' | md5sum)" "$(seq 1 $ROWS | tr '\n' ' ' | md5sum)"
    # a budget, partitions, and both by two workers at once; names that need quoting
    psql -q "$URL" -c "CREATE TABLE \"p %s 'é\" (id integer NOT NULL, v text, kind integer) PARTITION BY LIST (kind); CREATE TABLE p1 (kind integer, v text, id integer NOT NULL);
        ALTER TABLE \"p %s 'é\" ATTACH PARTITION p1 FOR VALUES IN (1); CREATE TABLE \"P \"\"2'%d é\" PARTITION OF \"p %s 'é\" FOR VALUES IN (2); CREATE INDEX ON \"p %s 'é\" (id);
        INSERT INTO \"p %s 'é\" SELECT id, v, 1 + id % 2 FROM t; ANALYZE"
    "$WEIR" export "$URL" --table "\"p %s 'é\"" --key 'id not null' --memory 200K --no-header --range-bytes 65536 --worker parts --to work 2> worker.3 &
    succeeds export "$URL" --table "\"p %s 'é\"" --key 'id not null' --memory 1M --no-header --range-bytes 65536 --worker parts --to work
    wait
    same "$(cat worker.3)" ""
    same "$(cd work && sed -n 's/.*"file":"\([^"]*\)".*/\1/p' parts.manifest.json | xargs cat | sort -n | cut -d, -f1,3 | md5sum)" "$(seq 1 $ROWS | awk '{ print $1 "," 1 + $1 % 2 }' | md5sum)"
    same "$(cd work && sed -n 's/.*"file":"\([^"]*\)".*"sha256":"\([^"]*\)".*/\2  \1/p' parts.manifest.json | sha256sum -c --quiet 2>&1)" ""
    for file in $(sed -n 's/.*"file":"\([^"]*\)".*/\1/p' work/parts.manifest.json); do
        [ "$(cut -d, -f3 "work/$file" | sort -u | wc -l)" -lt 2 ] || problem "$file has rows of two partitions"
    done
    fails 2 "too small" export "$URL" --table t --memory 50K --worker tiny --to work
    fails 1 "no job nobody" export "$URL" --job-status nobody
    fails 1 "another statement" export "$URL" --table t --where 'id > 7' --no-header --worker j --job-schema other --to work
    fails 1 "another format" export "$URL" --table t --worker j --job-schema other --to work
}

# What a worker meets that makes the tables when another one is just making them: their row type is there already.
test_workers_that_begin_at_once() {
    [ "$database" = sqlite ] && return
    psql -q "$URL" -c "CREATE SCHEMA busy; CREATE TYPE busy.jobs AS ENUM ('in the way')"
    "$WEIR" export "$URL" --table t --no-header --worker j --job-schema busy --to work 2> stderr & local process=$!
    sleep 0.3
    psql -q "$URL" -c 'DROP TYPE busy.jobs'
    wait $process
    same "$?: $(cat stderr)" "0: "
}

run_tests test_the_file_is_that_of_one_stream test_a_file_per_range test_wrong_usage test_ctrl_c_leaves_nothing test_a_second_signal_leaves_no_temporary_file test_workers test_workers_that_begin_at_once
cat failures
[ ! -s failures ]
