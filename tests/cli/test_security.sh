#!/usr/bin/env bash
# What the command does not tell and not follow: passwords, other people's links, hostile names.
# usage: test_security.sh sqlite|postgresql
set -uo pipefail
WEIR=${WEIR:-${WEIR_COMMAND:?set WEIR to the command}}
HERE=$(cd "$(dirname "$0")" && pwd)
TMP=$(mktemp -d "${TMPDIR:-/tmp}/weir-security.XXXXXX") || exit 2
NAME=weir_security_$$
database=${1:?sqlite or postgresql}
export LC_ALL=C.UTF-8
cd "$TMP" || exit 2
mkdir work
. "$HERE/common.sh"
SECRET=hunter2-of-the-tests
FAILING='SELECT id, 1/(id - 500) AS q FROM many ORDER BY id'          # after some hundred rows

# A table, and columns, whose names would break out of quotes, comments and lines.
HOSTILE='x"; DROP TABLE victim; --'
COLUMNS_=('a"b' "c'd" 'e;f' 'g\h' 'i*/j' 'k??/l' 'm
n' 'ü 漢' 'order' '$1' ':p' 'q%s')
quoted() { printf '"%s"' "${1//\"/\"\"}"; }
definition=$(for c in "${COLUMNS_[@]}"; do printf ', %s text' "$(quoted "$c")"; done)
SCHEMA="CREATE TABLE victim (id integer PRIMARY KEY); CREATE TABLE $(quoted "$HOSTILE") (id integer PRIMARY KEY$definition); CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'one'), (2, 'two')"

if [ "$database" = postgresql ]; then
    trap 'cd /; rm -rf "$TMP"; psql -q "$WEIR_TEST_PG" -c "DROP DATABASE IF EXISTS $NAME WITH (FORCE)"' EXIT
    psql -q "${WEIR_TEST_PG:?start the servers with tests/servers}" -c "CREATE DATABASE $NAME" || exit 1
    URL=${WEIR_TEST_PG/\/postgres\?/\/$NAME?}
    sql() { psql -qAt "$URL" -v ON_ERROR_STOP=1 -c "$1"; }
else
    trap 'cd /; rm -rf "$TMP"' EXIT
    URL=sqlite:///s.db
    sql() { sqlite3 s.db "$1"; }
fi
sql "$SCHEMA" || exit 2
[ "$database" = sqlite ] || sql "CREATE TABLE many (id integer PRIMARY KEY); INSERT INTO many SELECT generate_series(1, 1000)"

# Everything that was said or written holds no password. The server that is used takes any.
hidden() { ! grep -rqF hunter2 stderr work 2> /dev/null || problem "the password is in: $(grep -rlF hunter2 stderr work | tr '\n' ' ')"; lacks "$out" hunter2; }

test_passwords_are_not_shown() {
    local url=$URL&password=$SECRET
    [ "$database" = postgresql ] || return 0
    for url in "$URL&password=$SECRET" "$URL&p%61ssword=$SECRET" "${URL/weir@/weir:$SECRET@}"; do
        run export "$url" --table t --to work/t.csv; hidden
        run export "$url" --table t --order-by id --resume --to work/r.csv; hidden
        run export "$url" --table no_such --to work/n.csv; hidden
        run export "$url" --query "SELECT 1/(id - 2) FROM t ORDER BY id" --key id --resume --to work/k.csv; hidden
        run export "$url" --table t --nonsense; hidden
        run export "$URL" "$url" --table t; hidden
        run export --table "$url" "$url"; hidden
        run profile "$url" --query "SELECT * FROM t" --svg work/p.svg; hidden
        run profile "$url" --table t; hidden
        run advise "$url" --query "SELECT * FROM t ORDER BY v"; hidden
        run reflect "$url" --to work/s.h; hidden
        run import "$url" --table t --nonsense; hidden
        PGPASSWORD=$SECRET run export "$URL" --table no_such; hidden
        for step in 1 2; do run export "$url" --table t --worker w --split work/parts --stats json; hidden; done
        lacks "$(pg_dump "$URL" 2> /dev/null)" hunter2
    done
    url=${URL/weir@/weir:$SECRET?x@}                        # a '?' as it is ends no password
    run export "$url" --query "$FAILING" --key id --resume --yield-per 10 --to work/q.csv; hidden
    [ -e work/q.csv.weir-checkpoint ] || problem "no checkpoint to look into"
    for url in "postgresql://weir:$SECRET@localhost:1/x" "postgresql://weir:$SECRET/x@localhost/x" "postgresql://weir:$SECRET@h:x/y" "mysql://weir:$SECRET@h/x" \
        "host=localhost password=$SECRET" "postgresql://weir:$SECRET%zz@h/x" "weir:$SECRET@h" "postgresql://weir@localhost:1/x?PASSWORD=$SECRET"; do
        run export "$url" --table t; hidden
        [ "$code" -ne 0 ] || problem "$url was taken"
        run export "$URL" --table t "$url"; hidden
        run export "--url=$url" --table t; hidden
        run export "$URL" --table t --url "$url"; hidden
    done
}

test_hostile_names_stay_names() {
    printf 'id' > work/in.csv
    for c in "${COLUMNS_[@]}"; do
        case $c in *'"'* | *$'\n'*) printf ',"%s"' "${c//\"/\"\"}" ;; *) printf ',%s' "$c" ;; esac >> work/in.csv
    done
    printf '\n1' >> work/in.csv
    for c in "${COLUMNS_[@]}"; do printf ',v' >> work/in.csv; done
    printf '\n' >> work/in.csv
    succeeds import "$URL" --table "$HOSTILE" --from work/in.csv
    succeeds import "$URL" --table "$HOSTILE" --upsert id --from work/in.csv
    succeeds export "$URL" --table "$HOSTILE" --to work/out.csv
    cmp -s work/in.csv work/out.csv || problem "another file: $(diff work/in.csv work/out.csv | head -5)"
    for format in jsonl parquet arrow; do succeeds export "$URL" --table "$HOSTILE" --order-by id --to "work/out.$format"; done
    for c in "${COLUMNS_[@]}"; do
        case $c in *:* | '$1') continue ;; esac
        run export "$URL" --table "$HOSTILE" --columns "$c" --to -
        same "$code" 0
    done
    same "$(sql 'SELECT count(*) FROM victim')" 0
    same "$(sql "SELECT count(*) FROM $(quoted "$HOSTILE")")" 1
}

# A link in the place of each file that is made under a fixed name.
test_no_link_is_followed_into_place() {
    local name
    echo mine > victim.txt
    for name in header.h figure.svg; do ln -sf "$TMP/victim.txt" "work/$name"; done
    succeeds reflect "$URL" --table t --to work/header.h
    succeeds profile "$URL" --table t --svg work/figure.svg
    for name in header.h figure.svg; do [ ! -L "work/$name" ] || problem "$name is a link still"; done
    ln -s "$TMP/victim.txt" work/r.csv.weir-part
    fails 1 'r.csv' export "$URL" --table t --order-by id --resume --to work/r.csv
    rm -f work/r.csv*
    ln -s "$TMP/victim.txt" work/r.csv.weir-checkpoint
    run export "$URL" --table t --order-by id --resume --to work/r.csv
    for beside in figure.svg.weir-new header.h.weir-new out.csv.weir-new; do ln -sf "$TMP/victim.txt" "work/$beside"; done
    succeeds profile "$URL" --table t --svg work/figure.svg
    same "$(cat victim.txt)" mine
}

# Somebody else's link where anybody may leave one, as in /tmp: refused, whatever the kernel's settings. Needs another user.
test_a_strangers_link_is_refused() {
    local name
    [ "$(id -u)" -eq 0 ] || return 0
    echo mine > victim.txt
    mkdir -m 1777 work/shared
    for name in out.csv out.jsonl out.parquet out.arrow; do
        ln -s "$TMP/victim.txt" "work/shared/$name"
        chown -h nobody "work/shared/$name"
        fails 1 "somebody else's symbolic link" export "$URL" --table t --to "work/shared/$name"
    done
    same "$(cat victim.txt)" mine
    ln -s "$TMP/work/own.csv" work/shared/own.csv           # one's own is followed
    succeeds export "$URL" --table t --to work/shared/own.csv
    same "$(wc -l < work/own.csv)" 3
}

# Names and words of others on standard output.
test_terminals_are_not_commanded() {
    local escape=$'\e[31m' c1=$'\u009b31m'
    sql "CREATE TABLE \"ev${escape}il$c1\" (id integer, v text)"
    succeeds advise "$URL" --memory 8M --query "SELECT * FROM \"ev${escape}il$c1\" ORDER BY v"
    lacks "$out" $'\e'
    lacks "$out" $'\u009b'
    [ "$database" = postgresql ] || return 0
    succeeds export "$URL" --table t --worker told --to work
    sql "UPDATE weir_jobs.jobs SET state = 'failed', reason = 'x${escape}y$c1'"
    succeeds export "$URL" --job-status told
    holds "$out" 'failed, x [31my  31m'
    sql 'DROP SCHEMA weir_jobs CASCADE'
}

# Where to go on from is a question of which rows are left out.
test_a_strangers_checkpoint_is_refused() {
    [ "$(id -u)" -eq 0 ] && [ "$database" = postgresql ] || return 0
    local words=(export "$URL" --query "$FAILING" --key id --resume --yield-per 10 --to work/r.csv)
    run "${words[@]}"
    [ -e work/r.csv.weir-checkpoint ] || { problem "no checkpoint was left"; return 0; }
    chown nobody work/r.csv.weir-checkpoint
    fails 1 "another user's" "${words[@]}"
}

test_files_are_made_with_the_umask() {
    local name
    (umask 077; "$WEIR" export "$URL" --table t --to work/private.csv; "$WEIR" reflect "$URL" --table t --to work/private.h
     "$WEIR" profile "$URL" --table t --svg work/private.svg > /dev/null) 2> stderr
    for name in csv h svg; do same "$(stat -c %a "work/private.$name")" 600; done
    (umask 022; "$WEIR" export "$URL" --query "SELECT id, 1/(id - 2) AS q FROM t ORDER BY id" --key id --resume --yield-per 1 --to work/r.csv) 2> stderr
    for name in work/*checkpoint*; do [ ! -e "$name" ] || same "$(stat -c %a "$name")" 600; done
}

test_a_strangers_file_opens_ours_to_nobody() {
    local name mode
    [ "$(id -u)" = 0 ] || return 0
    for mode in 666 600; do
        for name in csv h; do
            rm -f "work/theirs.$name"
            echo theirs > "work/theirs.$name"
            chmod "$mode" "work/theirs.$name"
            chown nobody "work/theirs.$name"
        done
        (umask 037; "$WEIR" export "$URL" --table t --to work/theirs.csv; "$WEIR" reflect "$URL" --table t --to work/theirs.h) 2> stderr
        for name in csv h; do
            same "$(stat -c %a "work/theirs.$name")" "$([ "$mode" = 666 ] && echo 640 || echo 600)"
            ! grep -q theirs "work/theirs.$name" || problem "it was not replaced"
        done
    done
}

run_tests test_passwords_are_not_shown test_hostile_names_stay_names test_no_link_is_followed_into_place test_a_strangers_link_is_refused \
    test_files_are_made_with_the_umask test_terminals_are_not_commanded test_a_strangers_checkpoint_is_refused \
    test_a_strangers_file_opens_ours_to_nobody
cat failures
[ ! -s failures ]
