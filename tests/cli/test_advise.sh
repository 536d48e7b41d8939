#!/usr/bin/env bash
# weir advise and weir profile, as a person or a script meets them.
# usage: test_advise.sh sqlite|postgresql. $WEIR or $WEIR_COMMAND is the command; the servers are those of tests/servers.
set -uo pipefail
WEIR=${WEIR:-${WEIR_COMMAND:?set WEIR to the command}}
HERE=$(cd "$(dirname "$0")" && pwd)
TMP=$(mktemp -d "${TMPDIR:-/tmp}/weir-advise.XXXXXX") || exit 2
trap 'cd /; rm -rf "$TMP"; [ -z "${made:-}" ] || psql -q "$WEIR_TEST_PG" -c "DROP DATABASE $made" > /dev/null' EXIT
export LC_ALL=C
cd "$TMP" || exit 2
mkdir work
. "$HERE/common.sh"

ROWS=20000
make_database() {
    if [ "$database" = sqlite ]; then
        URL=sqlite:////${TMP#/}/shop.db
        sqlite3 shop.db "CREATE TABLE invoices (id INTEGER PRIMARY KEY, total_cents INTEGER NOT NULL, note TEXT);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $ROWS)
            INSERT INTO invoices SELECT i, i * 7 % 1000, printf('%0200d', i) FROM n;"
    else
        made=advise_$$
        psql -q "$WEIR_TEST_PG" -c "CREATE DATABASE $made" || exit 2
        URL=${WEIR_TEST_PG/\/postgres\?/\/$made?}
        psql -q "$URL" -c "CREATE TABLE invoices (id bigint PRIMARY KEY, total_cents bigint NOT NULL, note text)" \
            -c "INSERT INTO invoices SELECT i, i * 7 % 1000, lpad(i::text, 200, '0') FROM generate_series(1, $ROWS) i" -c "ANALYZE invoices" || exit 2
    fi
}
value() { python3 -c 'import json, sys; v = json.load(open(sys.argv[1])); exec("v = v" + sys.argv[2]); print(v)' "$1" "$2"; }

# ---- advise -----------------------------------------------------------------------------------------------------------------
test_wrong_usage_of_advise() {
    fails 2 "--memory is missing" advise "$URL" --table invoices
    fails 2 "no size" advise "$URL" --table invoices --memory lots
    fails 2 "no size" advise "$URL" --table invoices --memory 5X
    fails 2 "no size" advise "$URL" --table invoices --memory 0
    fails 2 "no size" advise "$URL" --table invoices --memory -3M
    fails 2 "neither --table nor --query" advise "$URL" --memory 1M
    fails 2 "--order-by goes with --table" advise "$URL" --query 'SELECT 1' --order-by id --memory 1M
    fails 2 ":t has no value" advise "$URL" --query 'SELECT * FROM invoices WHERE id < :t' --memory 1M
    fails 1 "give it a SELECT" advise "$URL" --query 'DELETE FROM invoices' --memory 1M
    fails 1 "nowhere" advise "$URL" --table nowhere --memory 1M
    same "$("$WEIR" export "$URL" --query 'SELECT count(*) FROM invoices' --to - --no-header)" $ROWS
}

test_advice_in_words() {
    succeeds advise "$URL" --table invoices --order-by id --memory 4M
    holds "$out" "yield_per"
    holds "$out" "rows                   20,000"
    holds "$out" "Nothing in plan, order or settings stands in the way"
    succeeds advise "$URL" --table invoices --order-by total_cents --memory 4MiB
    holds "$out" "warning [sort]:"
    holds "$out" "warning [order-not-unique]:"
    holds "$out" "  -> "
    lacks "$out" "Nothing in plan"
    succeeds advise "$URL" --query 'SELECT id AS "Sort", '"'GROUP BY'"' AS word FROM invoices WHERE id > :n ORDER BY id' --param n=100 --memory 1G
    lacks "$out" "["
}

test_advice_as_json_holds_in_an_export() {
    succeeds advise "$URL" --table invoices --order-by id --memory 2m --json
    printf '%s' "$out" > work/advice.json
    same "$(wc -l < work/advice.json)" 0
    local n peak
    n=$(value work/advice.json '["yield_per"]')
    peak=$(value work/advice.json '["expected_peak_bytes"]')
    [ "$n" -ge 100 ] && [ "$n" -le 50000 ] || problem "yield_per $n"
    [ "$peak" -le $((2 * 1024 * 1024 * 7 / 10)) ] || problem "peak $peak"
    same "$(value work/advice.json '["memory"]')" 2097152
    same "$(value work/advice.json '["rows"]')" $ROWS
    same "$(value work/advice.json '["remarks"]')" "[]"
    succeeds advise "$URL" --table invoices --memory 300 --json
    printf '%s' "$out" > work/advice.json
    same "$(value work/advice.json '["fits"]')" False
    same "$(value work/advice.json '["remarks"][0]["weight"]')" warning
    holds "$out" '"code":"no-order"'
    holds "$out" '"code":"memory"'
}

# ---- profile ----------------------------------------------------------------------------------------------------------------
test_wrong_usage_of_profile() {
    fails 2 "--svg is missing" profile "$URL" --table invoices
    fails 2 "not a number" profile "$URL" --table invoices --svg work/f.svg --yield-per many
    fails 2 "--buffered" profile "$URL" --table invoices --svg work/f.svg --yield-per 0
    fails 2 "too many runs" profile "$URL" --table invoices --svg work/f.svg --buffered \
        --yield-per 1 --yield-per 2 --yield-per 3 --yield-per 4 --yield-per 5 --yield-per 6
    fails 1 "nowhere" profile "$URL" --table nowhere --svg work/f.svg
    fails 1 "cannot write" profile "$URL" --table invoices --svg work/none/f.svg
    same "$(ls -A work)" ""
}

test_a_figure_of_two_streams_and_a_buffered_fetch() {
    succeeds profile "$URL" --table invoices --order-by id --yield-per 100 --yield-per=5000 --buffered --svg work/f.svg --json work/f.json --title 'A & B'
    holds "$out" "buffered whole"
    holds "$out" "yield_per 5,000"
    python3 -c 'import sys, xml.dom.minidom as m; m.parse("work/f.svg")' || problem "no XML"
    holds "$(cat work/f.svg)" "A &amp; B"
    holds "$(cat work/f.svg)" "<title id=\"t\">Client memory while 20,000 rows are read</title>"
    same "$(value work/f.json '["runs"].__len__()')" 3
    same "$(value work/f.json '["runs"][0]["buffered"]')" True
    local i
    for i in 0 1 2; do
        same "$(value work/f.json "[\"runs\"][$i][\"rows\"]")" $ROWS
        same "$(value work/f.json "[\"runs\"][$i][\"samples\"][-1][\"rows\"]")" $ROWS
    done
    # What is measured is what is so: the whole result holds more than its values, a stream of 100 rows a small part of that.
    [ "$(value work/f.json '["runs"][0]["peak_ledger_bytes"]')" -gt $((ROWS * 200)) ] || problem "the buffered fetch held too little"
    [ "$(value work/f.json '["runs"][1]["peak_ledger_bytes"]')" -lt 500000 ] || problem "a batch of 100 rows held too much"
    [ "$(value work/f.json '["runs"][0]["peak_rss_bytes"]')" -gt "$(value work/f.json '["runs"][1]["peak_rss_bytes"]')" ] || problem "peaks mix"
    if [ "$database" = sqlite ]; then
        same "$(value work/f.json '["runs"][1]["round_trips"]')" 0
    else
        [ "$(value work/f.json '["runs"][1]["round_trips"]')" -ge $((ROWS / 100)) ] || problem "round trips"
    fi
}

test_a_password_is_not_shown_by_a_run() {
    [ "$database" = postgresql ] || return 0
    fails 1 "" profile "postgresql://weir:s3cretword@127.0.0.1:1/x" --table invoices --svg work/f.svg
    lacks "$err" s3cretword
}

test_a_run_ends_with_its_command() {
    [ "$database" = postgresql ] || return 0
    local process query="select pg_sleep(601)" asleep="select count(*) from pg_stat_activity where query = 'select pg_sleep(601)' and state = 'active'"
    "$WEIR" profile "$URL" --query "$query" --svg work/f.svg 2> stderr & process=$!
    for _ in $(seq 200); do [ "$(psql -XAtq "$URL" -c "$asleep")" = 1 ] && break; sleep 0.05; done
    kill -TERM $process
    wait $process 2> /dev/null
    same "$?" 143
    for _ in $(seq 200); do [ "$(psql -XAtq "$URL" -c "$asleep")" = 0 ] && break; sleep 0.05; done
    same "$(psql -XAtq "$URL" -c "$asleep")" 0
    same "$(ls -A work)" ""
}

for database in "$@"; do
    make_database
    run_tests test_wrong_usage_of_advise test_advice_in_words test_advice_as_json_holds_in_an_export test_wrong_usage_of_profile \
        test_a_figure_of_two_streams_and_a_buffered_fetch test_a_password_is_not_shown_by_a_run \
        test_a_run_ends_with_its_command
done
cat failures
[ ! -s failures ]
