#!/usr/bin/env bash
# Files that strangers made: names, values, sizes and depths beyond what is taken end with an error that says so, and the table as it was.
# usage: test_limits.sh sqlite|postgresql
set -uo pipefail
WEIR=${WEIR:-${WEIR_COMMAND:?set WEIR to the command}}
HERE=$(cd "$(dirname "$0")" && pwd)
TMP=$(mktemp -d "${TMPDIR:-/tmp}/weir-limits.XXXXXX") || exit 2
NAME=weir_limits_$$
database=${1:?sqlite or postgresql}
export LC_ALL=C.UTF-8
cd "$TMP" || exit 2
mkdir work
. "$HERE/common.sh"

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
absent="does not exist"
[ "$database" = postgresql ] || absent="column"
sql 'CREATE TABLE victim (id integer PRIMARY KEY); CREATE TABLE t (id integer PRIMARY KEY, v text, n numeric)' || exit 2
is_utf8() { iconv -f UTF-8 -t UTF-8 "$1" > /dev/null 2>&1 || problem "$1 is not UTF-8"; }
rows() { sql 'SELECT count(*) FROM t'; }
times() { head -c "$1" /dev/zero | tr '\0' "$2"; }

# Names of columns: each is looked for as it is, and is not there.
test_headers() {
    local name
    for name in 'id"); DROP TABLE victim; --' "v' OR 1=1" 'v) SELECT 1; DROP TABLE victim; --' '*' '%s%n%n' '$1' ':v' 'v--' '/*' 'id ' 'ID"' $'v\nw' $'v\e[31m'; do
        printf 'id,"%s"\n1,x\n' "${name//\"/\"\"}" > work/in.csv
        fails 1 "$absent" import "$URL" --table t --from work/in.csv
        lacks "$err" $'\e'
        printf '{"id":1,"%s":"x"}\n' "$(sed 's/\\/\\\\/g; s/"/\\"/g; s/\x1b/\\u001b/g' <<< "$name" | sed ':a;N;$!ba;s/\n/\\n/g')" > work/in.jsonl
        fails 1 "$absent" import "$URL" --table t --from work/in.jsonl
    done
    printf 'id,v\0w\n1,x\n' > work/in.csv
    fails 1 "the name of column 2 has a NUL in it" import "$URL" --table t --from work/in.csv
    printf '{"id":1,"v\\u0000":"x"}\n' > work/in.jsonl
    fails 1 "the name of column 2 has a NUL in it" import "$URL" --table t --from work/in.jsonl
    printf 'id,v\xff\n1,x\n' > work/in.csv
    fails 1 "line 1 of work/in.csv: not valid UTF-8 at byte 5 of the record" import "$URL" --table t --from work/in.csv
    is_utf8 stderr
    printf 'id,%s\n1,x\n' "$(times 200000 w)" > work/in.csv
    fails 1 "$absent" import "$URL" --table t --from work/in.csv
    [ ${#err} -lt 3000 ] || problem "a name of 200,000 letters gives a message of ${#err}"
    same "$(rows) $(sql 'SELECT count(*) FROM victim')" "0 0"
}

test_ten_thousand_columns() {
    (printf id; for i in $(seq 9999); do printf ',c%s' "$i"; done; echo) > work/in.csv
    fails 1 "line 1 of work/in.csv: more than 1664 columns" import "$URL" --table t --from work/in.csv
    (printf '{"id":1'; for i in $(seq 9999); do printf ',"c%s":%s' "$i" "$i"; done; echo '}') > work/in.jsonl
    fails 1 "line 1 of work/in.jsonl: more than 1664 columns" import "$URL" --table t --from work/in.jsonl
    (echo id,v; printf 1; for i in $(seq 9999); do printf ,x; done; echo) > work/in.csv
    fails 1 "line 2 of work/in.csv: 10000 fields, but there are 2 columns" import "$URL" --table t --from work/in.csv
    # As many as are taken: of a table that has them.
    [ "$database" = sqlite ] || return 0
    sql "CREATE TABLE wide (id integer PRIMARY KEY$(for i in $(seq 1663); do printf ', c%s text' "$i"; done))"
    (printf id; for i in $(seq 1663); do printf ',c%s' "$i"; done; echo; printf 1; for i in $(seq 1663); do printf ',%s' "$i"; done; echo) > work/in.csv
    succeeds import "$URL" --table wide --from work/in.csv
    same "$(sql 'SELECT c1, c1663 FROM wide')" '1|1663'
}

# 100 MB in one field, or in a header: passed over in memory that does not grow with them.
test_a_field_of_100_megabytes() {
    (echo id,v; printf '1,"'; times 104857600 x; echo '"'; echo 2,short) > work/in.csv
    fails 1 "line 2 of work/in.csv: the record is longer than 67108864 bytes" import "$URL" --table t --from work/in.csv
    same "$(rows)" 0
    run import "$URL" --table t --from work/in.csv --on-error skip:work/rejects.csv --stats json
    same "$code" 3
    same "$(sql 'SELECT id, v FROM t')" '2|short'
    holds "$(head -c 200 work/rejects.csv)" '2,"the record is longer than 67108864 bytes"'
    [ "$(sed -n 's/.*"peak_ledger_bytes":\([0-9]*\).*/\1/p' stderr)" -lt 150000000 ] || problem "$err"
    sql 'DELETE FROM t'
    (times 104857600 x; echo; echo 1) > work/in.csv
    fails 1 "longer than 67108864 bytes: it cannot tell the columns" import "$URL" --table t --from work/in.csv
    # 30 MB are no trouble.
    (echo id,v; printf '1,"'; times 31457280 x; echo '"') > work/in.csv
    succeeds import "$URL" --table t --from work/in.csv
    same "$(sql 'SELECT length(v) FROM t')" 31457280
    sql 'DELETE FROM t'
}

test_depths() {
    (printf '{"id":1,"v":'; times 8192 '['; times 8192 ']'; echo '}') > work/in.jsonl
    succeeds import "$URL" --table t --from work/in.jsonl
    same "$(sql 'SELECT length(v) FROM t')" 16384
    sql 'DELETE FROM t'
    (printf '{"id":1,"v":'; times 8194 '['; times 8194 ']'; echo '}') > work/in.jsonl
    fails 1 "nested more than 8192 levels deep" import "$URL" --table t --from work/in.jsonl
    (printf '{"id":1,"v":'; times 3000000 '['; echo) > work/in.jsonl
    fails 1 "line 1 of work/in.jsonl" import "$URL" --table t --from work/in.jsonl
    (printf '{"id":1,"v":'; for i in $(seq 20000); do printf '{"a":'; done; printf 1; times 20000 '}'; echo '}') > work/in.jsonl
    fails 1 "nested more than 8192 levels deep" import "$URL" --table t --from work/in.jsonl
    if [ "$database" = postgresql ]; then
        sql 'CREATE TABLE deep (id int PRIMARY KEY, a int[])'
        printf 'id,a\n1,"{{{{{{{1}}}}}}}"\n' > work/in.csv
        fails 1 "has more than 6 dimensions" import "$URL" --table deep --from work/in.csv
        printf '{"id":1,"a":[[[[[[[1]]]]]]]}\n' > work/in.jsonl
        fails 1 "has more than 6 dimensions" import "$URL" --table deep --from work/in.jsonl
        printf 'id,a\n1,"{{{{{{1}}}}}}"\n' > work/in.csv
        succeeds import "$URL" --table deep --from work/in.csv
    fi
}

test_values() {
    local value
    printf 'id,n\n1,1e1001\n' > work/in.csv
    [ "$database" = sqlite ] || fails 1 "'1e1001' has an exponent beyond 1000" import "$URL" --table t --from work/in.csv
    # What is SQL stays a value.
    for value in "x'); DROP TABLE victim; --" '$$; DROP TABLE victim; $$' '\.' '\N' 'NULL' '%s%n' "$(printf 'a\033[2Jb')"; do
        sql 'DELETE FROM t'
        printf 'id,v\n1,"%s"\n' "$value" > work/in.csv
        succeeds import "$URL" --table t --from work/in.csv
        same "$(sql 'SELECT v FROM t')" "$value"
    done
    sql 'DELETE FROM t'
    # A NUL: PostgreSQL has no such texts, SQLite keeps them whole.
    printf 'id,v\n1,a\0b\n' > work/in.csv
    printf '{"id":2,"v":"a\\u0000b"}\n' > work/in.jsonl
    if [ "$database" = postgresql ]; then
        fails 1 "line 2 of work/in.csv" import "$URL" --table t --from work/in.csv
        fails 1 "line 1 of work/in.jsonl" import "$URL" --table t --from work/in.jsonl
    else
        succeeds import "$URL" --table t --from work/in.csv
        succeeds import "$URL" --table t --from work/in.jsonl
        same "$(sql 'SELECT hex(v) FROM t')" $'610062\n610062'
        sql 'DELETE FROM t'
    fi
    printf 'id,v\n1,a\xc3\n' > work/in.csv
    fails 1 "not valid UTF-8 at byte 4 of the record" import "$URL" --table t --from work/in.csv
    same "$(rows)" 0
    # What is shown of a value is cut between characters, commands no terminal, and the file of rejects stays what it is.
    printf 'id,v\n1%s,a\n%s,b\n' "$(for i in $(seq 50); do printf '語'; done)" $'\xc2\x9b31m' > work/in.csv
    run import "$URL" --table t --from work/in.csv --on-error skip:work/rejects.csv
    same "$code" 3
    is_utf8 work/rejects.csv
    fails 1 "is no integer" import "$URL" --table t --from work/in.csv
    is_utf8 stderr
    sed -i 2d work/in.csv
    fails 1 "is no integer" import "$URL" --table t --from work/in.csv
    lacks "$err" $'\xc2\x9b'
    same "$(sql 'SELECT count(*) FROM victim')" 0
}

run_tests test_headers test_ten_thousand_columns test_a_field_of_100_megabytes test_depths test_values
cat failures
[ ! -s failures ]
