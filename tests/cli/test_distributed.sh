#!/usr/bin/env bash
# weir export of tables that are spread over two further PostgreSQL servers by postgres_fdw: streamed, resumed, by several connections and
# by workers. Makes those servers itself; the tables' own server is the one of tests/servers.
set -uo pipefail
WEIR=${WEIR:-${WEIR_COMMAND:?set WEIR to the command}}
HERE=$(cd "$(dirname "$0")" && pwd)
TMP=$(mktemp -d "${TMPDIR:-/tmp}/weir-distributed.XXXXXX") || exit 2
mkdir "$TMP/servers" "$TMP/work"
chmod 755 "$TMP" "$TMP/servers"
trap 'cd /; "$HERE/../servers" stop "$TMP/servers"; rm -rf "$TMP"; psql -q "$PG" -c "DROP DATABASE IF EXISTS $NAME WITH (FORCE)"' EXIT
export LC_ALL=C
PG=${WEIR_TEST_PG:?start the servers with tests/servers}
NAME=weir_spread_$$
# shellcheck disable=SC2034,SC2154  # of common.sh
database=postgresql
ROWS=12000
cd "$TMP" || exit 2
. "$HERE/common.sh"
eval "$("$HERE/../servers" more "$TMP/servers")" || exit 1
URL=${PG/\/postgres\?/\/$NAME?}

sql() { psql -q -v ON_ERROR_STOP=1 "$@"; }
far() { sql -h "$WEIR_TEST_SOCKETS" -p "$1" -U weir postgres; }

# "spread" by ranges of the key, "mixed" by lists of another column, so that each range of keys is on both servers.
make_tables() {
    for side in east west; do
        local port=WEIR_TEST_${side^^}_PORT
        local from=1 to=$((ROWS / 2))
        [ "$side" = east ] || { from=$((ROWS / 2 + 1)); to=$ROWS; }
        far "${!port}" << SQL
CREATE TABLE spread_$side (id integer PRIMARY KEY, v text);
INSERT INTO spread_$side SELECT i, 'value ' || i FROM generate_series($from, $to) AS i;
CREATE TABLE mixed_$side (id integer PRIMARY KEY, side text);
INSERT INTO mixed_$side SELECT i, '$side' FROM generate_series(1, $ROWS) AS i WHERE (i % 3 = 0) = ('$side' = 'east');
ANALYZE;
SQL
    done
    sql "$PG" -c "CREATE DATABASE $NAME"
    sql "$URL" << SQL
CREATE EXTENSION postgres_fdw;
CREATE SERVER east FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$WEIR_TEST_SOCKETS', port '$WEIR_TEST_EAST_PORT', dbname 'postgres');
CREATE SERVER west FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$WEIR_TEST_SOCKETS', port '$WEIR_TEST_WEST_PORT', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER east OPTIONS (user 'weir');
CREATE USER MAPPING FOR CURRENT_USER SERVER west OPTIONS (user 'weir');
CREATE TABLE spread (id integer NOT NULL, v text) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE spread_east PARTITION OF spread FOR VALUES FROM (MINVALUE) TO ($((ROWS / 2 + 1))) SERVER east;
CREATE FOREIGN TABLE spread_west PARTITION OF spread FOR VALUES FROM ($((ROWS / 2 + 1))) TO (MAXVALUE) SERVER west;
CREATE TABLE mixed (id integer NOT NULL, side text) PARTITION BY LIST (side);
CREATE FOREIGN TABLE mixed_east PARTITION OF mixed FOR VALUES IN ('east') SERVER east;
CREATE FOREIGN TABLE mixed_west PARTITION OF mixed FOR VALUES IN ('west') SERVER west;
SQL
    { echo id,v; seq 1 $ROWS | sed 's/.*/&,value &/'; } > spread.csv
    { echo id,side; seq 1 $ROWS | awk '{ print $1 "," ($1 % 3 ? "west" : "east") }'; } > mixed.csv
}

same_file() { cmp -s "$1" "$2" || problem "$1 is not $2: $(diff "$1" "$2" | head -3 | tr '\n' ' ')"; }
ranges() { sed 's/.*"ranges":\([0-9]*\).*/\1/' <<< "$err" | tail -n 1; }

test_one_stream() {
    for table in spread mixed; do
        succeeds export "$URL" --table $table --order-by id --to work/$table.csv
        same_file work/$table.csv $table.csv
        succeeds export "$URL" --table $table --where 'id % 2 = 0' --order-by id --yield-per 700 --to work/half.csv
        same "$(wc -l < work/half.csv)" $((ROWS / 2 + 1))
    done
}

test_several_connections() {
    for round in without with; do
        for table in spread mixed; do
            succeeds export "$URL" --table $table --key 'id not null' --jobs 3 --range-bytes 65536 --to work/$table.csv --stats json
            same_file work/$table.csv $table.csv
            holds "$err" "snapshot"
            [ "$(ranges)" -ge 2 ] || problem "$table $round statistics: $(ranges) ranges"
        done
        [ $round = with ] || sql "$URL" -c 'ANALYZE spread; ANALYZE mixed'
    done
    succeeds export "$URL" --table mixed --key 'id not null' --jobs 2 --range-bytes 65536 --split --to work/parts.csv --quiet
    same "$err" ""
    # each partition has files of its own
    { head -n 1 mixed.csv; for part in work/parts.*.csv; do tail -n +2 "$part"; done | sort -n; } > work/all.csv
    same_file work/all.csv mixed.csv
}

# Killed as soon as there is a place to go on from, twice; the third run ends well.
test_resume() {
    local query='SELECT id, v FROM spread WHERE pg_sleep(0.0002) IS NOT NULL' place=work/resumed.csv.weir-checkpoint kills=0 before
    local words=(export "$URL" --query "$query" --key 'id not null' --yield-per 200 --resume --checkpoint-every 500 --to work/resumed.csv)
    while [ $kills -lt 2 ]; do
        before=$(stat -c %i "$place" 2> /dev/null)
        (trap - EXIT; exec "$WEIR" "${words[@]}" 2> stderr) & local process=$!
        while [ "$(stat -c %i "$place" 2> /dev/null)" = "$before" ] && kill -0 $process 2> /dev/null; do sleep 0.02; done
        kill -KILL $process
        wait $process 2> /dev/null && { problem "it ended before it could be killed"; return; }
        kills=$((kills + 1))
    done
    [ ! -e work/resumed.csv ] || problem "a file that is not whole has its name"
    succeeds "${words[@]}"
    same_file work/resumed.csv spread.csv
}

test_workers() {
    "$WEIR" export "$URL" --table mixed --key 'id not null' --no-header --worker spread --range-bytes 65536 --to work 2> first &
    local first=$!
    succeeds export "$URL" --table mixed --key 'id not null' --no-header --worker spread --range-bytes 65536 --to work
    wait $first || problem "the other worker: $(cat first)"
    # in order of partitions, which a list makes of other columns than the key; each file in that of the key
    for file in $(sed -n 's/.*"file":"\([^"]*\)".*/\1/p' work/spread.manifest.json); do
        sort -c -t, -k1n "work/$file" || problem "$file is not in the order of the key"
        cat "work/$file"
    done > work/parts.csv
    { head -n 1 mixed.csv; sort -t, -k1n work/parts.csv; } > work/all.csv
    same_file work/all.csv mixed.csv
    succeeds export "$URL" --job-status spread
    holds "$out" "spread: done"
    fails 1 "another statement" export "$URL" --table spread --key id --no-header --worker spread --to work
}

make_tables || exit 1
run_tests test_one_stream test_several_connections test_resume test_workers
cat failures
[ ! -s failures ]
