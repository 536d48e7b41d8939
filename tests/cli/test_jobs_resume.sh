#!/usr/bin/env bash
# weir export --jobs --resume, in one file and with --split, killed, stopped, out of room and without its server, repeated until it ends well: the
# bytes are those of one run. usage: test_jobs_resume.sh sqlite|postgresql; with postgresql also a server of its own, which is restarted.
set -uo pipefail
. "$(dirname "$0")/resume.sh" jobs-resume
# shellcheck disable=SC2034  # of common.sh
database=${1:?sqlite or postgresql}

if [ "$database" = postgresql ]; then
    OWN=$(mktemp -d "${TMPDIR:-/tmp}/weir-own.XXXXXX")
    environment=$("$HERE/../servers" start "$OWN") || exit 2
    URL=$(eval "$environment"; echo "$WEIR_TEST_PG")
    psql -qX -v ON_ERROR_STOP=1 "postgresql://weir@/postgres?${URL#*\?}" -c "CREATE TABLE events (id integer PRIMARY KEY, note text);
        INSERT INTO events SELECT i, 'event number ' || i || repeat('.', i % 60) FROM generate_series(1, $ROWS) AS i; ANALYZE events" || exit 2
    SLOW="SELECT id, note FROM events WHERE id % 50 <> 0 OR pg_sleep(0.001) IS NOT NULL"
else
    URL=sqlite:////${TMP#/}/shop.db
    sqlite3 shop.db "CREATE TABLE events (id INTEGER PRIMARY KEY, note text); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $ROWS)
        INSERT INTO events SELECT i, 'event number ' || i || substr('............................................................', 1, i % 60) FROM n"
    SLOW="SELECT id, note FROM events WHERE id % 50 <> 0 OR (WITH RECURSIVE n(i) AS (SELECT events.id UNION ALL SELECT i + 1 FROM n WHERE i < events.id + 2000) SELECT max(i) FROM n) > 0"
fi
"$WEIR" export "$URL" --table events --order-by id --to reference.csv --quiet || exit 2

# The two kinds, as options of the command; and what a whole one looks like.
ONE="--checkpoint-every 1000 --to work/out.csv" MANY="--split --to work/out.csv"
EXPORT() { "$WEIR" export "$URL" --query "$SLOW" --key 'id not null' --jobs 3 --range-bytes 100000 --yield-per 100 --resume --quiet "$@"; }
whole() {
    if [ -e work/out.manifest.json ]; then
        sed -n 's/.*"file":"\([^"]*\)".*/\1/p' work/out.manifest.json > files
        { head -n 1 "work/$(head -n 1 files)"; while read -r file; do tail -n +2 "work/$file"; done < files; } > joined
        cmp joined reference.csv >> failures 2>&1 || problem "other rows (seed $SEED)"
        same "$({ cat files; echo out.manifest.json; } | sort)" "$(ls -A work)"
        same "$(cd work && sed -n 's/.*"file":"\([^"]*\)".*"sha256":"\([^"]*\)".*/\2  \1/p' out.manifest.json | sha256sum -c --quiet 2>&1)" ""
    else
        cmp work/out.csv reference.csv >> failures 2>&1 || problem "another file (seed $SEED)"
        same "$(ls -A work)" out.csv
    fi
}

# broken_off SIGNAL OPTIONS: runs that get the signal after a part of the time that a whole one takes, until one ends well.
broken_off() {
    local signal=$1 begun=$SECONDS early=0 ms delay code
    shift
    local started=${EPOCHREALTIME/./}
    EXPORT "$@" || problem "exit $?"
    ms=$(((${EPOCHREALTIME/./} - started) / 1000 + 1))
    while [ "$early" -lt 2 ] && [ $((SECONDS - begun)) -lt 40 ]; do
        find work -mindepth 1 -delete
        while :; do
            delay=$((ms * (20 + RANDOM % 60) / 100 + 1))
            { timeout --foreground --preserve-status -s "$signal" "$((delay / 1000)).$(printf '%03d' $((delay % 1000)))" "$WEIR" export "$URL" --query "$SLOW" \
                --key 'id not null' --jobs 3 --range-bytes 100000 --yield-per 100 --resume --quiet "$@" 2> stderr; code=$?; } 2> /dev/null
            case $signal:$code in
            *:0) break ;;
            KILL:137) ;;
            INT:130 | TERM:143) [ ! -s stderr ] || holds "$(cat stderr)" "run the same command again to go on" ;;
            *) problem "$signal gave exit $code: $(cat stderr)"; return ;;
            esac
            early=$((early + 1))
            ms=$((ms * 11 / 10 + 1))            # so that it ends, however long weir takes to begin here
            [ $((SECONDS - begun)) -lt 60 ] || { problem "no end after $early runs"; return; }
        done
        whole
        ms=$((ms * 2 / 3 + 1))
    done
    [ "$early" -ge 2 ] || problem "only $early runs were broken off"
}

# shellcheck disable=SC2086  # options
test_killed() { broken_off KILL $ONE; }
# shellcheck disable=SC2086
test_killed_split() { broken_off KILL $MANY; }
# shellcheck disable=SC2086
test_stopped() { broken_off TERM $ONE; }
# shellcheck disable=SC2086
test_stopped_split() { broken_off INT $MANY; }

# shellcheck disable=SC2086
test_a_table_by_its_key() {
    succeeds export "$URL" --table events --jobs 2 --range-bytes 32768 --resume --to work/out.csv --stats json
    holds "$err" '"resumed":false,"runs":1'
    whole
    find work -mindepth 1 -delete
    succeeds export "$URL" --table events --jobs 2 --range-bytes 32768 --resume $MANY
    whole
}

test_wrong_usage() {
    fails 2 "standard output cannot" export "$URL" --table events --jobs 2 --resume --to -
    fails 2 "is about --resume" export "$URL" --table events --jobs 2 --checkpoint-every 5s --to work/x.csv
    fails 2 "on record" export "$URL" --table events --jobs 2 --split --resume --checkpoint-every 5s --to work/x.csv
    fails 2 "with --resume instead" export "$URL" --table events --jobs 2 --retry 3 --to work/x.csv
    fails 2 "survive by themselves" export "$URL" --table events --worker w --resume --to work
    run export "$URL" --table events --jobs 2 --resume --to work/x.parquet
    same "$code" 1
    holds "$err" "--split"
    fails 1 "" export "$URL" --query 'SELECT id FROM nowhere' --key id --jobs 2 --resume --to work/x.csv
    same "$(ls -A work)" ""
}

test_two_runs_at_once_are_refused() {
    local options
    for options in "$ONE" "$MANY"; do
        : > work/out.csv.weir-part
        exec 9<> work/out.csv.weir-part
        flock 9
        # shellcheck disable=SC2086
        EXPORT $options 2> stderr
        same "$?" 1
        holds "$(cat stderr)" "another process is writing it"
        exec 9>&-
    done
}

test_a_restarted_server() {
    local options runs code
    for options in "$ONE" "$MANY"; do
        runs=0
        find work -mindepth 1 -delete
        { sleep 0.3; "$HERE/../servers" restart "$OWN"; } & local crasher=$!
        # shellcheck disable=SC2086
        until EXPORT $options --stats json 2> stderr; do
            runs=$((runs + 1))
            [ "$runs" -lt 200 ] || { problem "no end: $(cat stderr)"; break; }
            sleep 0.1
        done
        wait "$crasher"
        whole
        [ "$runs" -gt 0 ] || echo "note: the restart came too late" >&2
    done
}

run_tests test_killed test_killed_split test_stopped test_stopped_split test_a_table_by_its_key test_wrong_usage test_two_runs_at_once_are_refused \
    $([ "$database" = sqlite ] || echo test_a_restarted_server)
cat failures
[ ! -s failures ]
