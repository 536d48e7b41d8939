#!/usr/bin/env bash
# weir reflect: the header compiles in C with each compiler, and in C++; its entities fit the live tables and load what belongs to them.
# usage: test_reflect.sh sqlite|postgresql LIBRARY SANITIZERS|none. $WEIR or $WEIR_COMMAND is the command; the servers are those of tests/servers.
set -uo pipefail
WEIR=${WEIR:-${WEIR_COMMAND:?set WEIR to the command}}
HERE=$(cd "$(dirname "$0")" && pwd)
database=$1 library=$(realpath "$2") sanitizers=$3
SOURCES=$HERE/../reflect
INCLUDE=$(cd "$HERE/../../include" && pwd)
TMP=$(mktemp -d "${TMPDIR:-/tmp}/weir-reflect.XXXXXX") || exit 2
made=()
trap 'cd /; rm -rf "$TMP"; for d in "${made[@]}"; do psql -q "$WEIR_TEST_PG" -c "DROP DATABASE $d" > /dev/null; done' EXIT
export LC_ALL=C.UTF-8
cd "$TMP" || exit 2
mkdir work
. "$HERE/common.sh"

# The sanitizers' runtime is that of the compiler that built the library: the first one, gcc or clang.
strict=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wcomment -Wtrigraphs -Werror "-I$INCLUDE" -Iwork)
compilers=(gcc)
if [ "$sanitizers" = none ]; then
    command -v clang > /dev/null && compilers+=(clang)
else
    strict+=("-fsanitize=$sanitizers")
fi

make_database() {                   # name: $URL
    if [ "$database" = sqlite ]; then
        URL=sqlite:////${TMP#/}/$1.db
        sqlite3 "$1.db" < "$SOURCES/$1.sqlite.sql" || exit 2
    else
        made+=("reflect_$1_$$")
        psql -q "$WEIR_TEST_PG" -c "CREATE DATABASE reflect_$1_$$" || exit 2
        URL=${WEIR_TEST_PG/\/postgres\?/\/reflect_$1_$$?}
        psql -q "$URL" -v ON_ERROR_STOP=1 -f "$SOURCES/$1.$database.sql" || exit 2
    fi
}

compiles() {                        # name: with each compiler, and as C++; the program runs
    local compiler
    for compiler in "${compilers[@]}"; do
        if ! "$compiler" -std=c11 -D_GNU_SOURCE "${strict[@]}" "$SOURCES/$1.c" -o work/program "$library" "-Wl,-rpath,$(dirname "$library")" 2> log; then
            problem "$1: $compiler: $(head -5 log)"
        elif ! ./work/program "$URL" > log 2>&1; then
            problem "$1: $compiler: $(head -5 log)"
        fi
    done
    printf '#include "%s.h"\n#include "%s.h"\nint main(void) { return 0; }\n' "$1" "$1" > work/twice.cc
    cp work/twice.cc work/twice.c
    for compiler in "g++ -std=c++17" "clang++ -std=c++17" "gcc -std=c11"; do
        command -v "${compiler% *}" > /dev/null || continue
        case $compiler in *++*) file=work/twice.cc ;; *) file=work/twice.c ;; esac
        $compiler "${strict[@]}" -fsyntax-only "$file" 2> log || problem "$1: $compiler: $(head -5 log)"
    done
}

twice_the_same() {                  # file, arguments: another run gives the same bytes, on standard output but for the guard
    local file=$1
    shift
    cp "$file" first
    succeeds reflect "$URL" --to "$file" "$@"
    cmp -s first "$file" || problem "another run gives another header"
}

test_a_whole_schema() {
    local name=$sample arguments=()
    [ "$database" = sqlite ] || arguments=(--schema public --schema Größen)
    succeeds reflect "$URL" --to "work/$name.h" "${arguments[@]}"
    same "$out$err" ""
    compiles "$name"
    twice_the_same "work/$name.h" "${arguments[@]}"
    if [ "$database" = sqlite ]; then
        holds "$(cat work/music.h)" '"main"."Log" is not mapped: it has no primary key'
        holds "$(cat work/music.h)" '"main"."Cheap" is not mapped: it is a view'
        holds "$(cat work/music.h)" 'the types of its two sides cannot be equal'
        holds "$(cat work/music.h)" 'column "Whatever": its declared type says nothing'
    else
        holds "$(cat work/films.h)" '"public"."payment_2020" is not mapped: it is a partition'
        holds "$(cat work/films.h)" 'film_actor" is the table between'
        succeeds reflect "$URL" --schema Größen --schema public --schema Größen --to work/films2.h
        same "$(sed 's/FILMS2/FILMS/' work/films2.h)" "$(cat work/films.h)"
    fi
}

test_some_tables() {
    local table=film_category missing=film
    [ "$database" = postgresql ] || { table=InvoiceLine missing=Track; }
    succeeds reflect "$URL" --table $table --prefix shop_
    holds "$out" "struct shop_$table {"
    holds "$out" "to \"$missing\": the table that it refers to is not among those of this header"
    holds "$out" "#define REFLECTED_H"
    lacks "$out" "struct shop_$missing {"
    same "$(grep -c '^WEIR_ENTITY' <<< "$out")" 1
}

test_mistakes() {
    fails 2 "URL" reflect
    fails 1 "nowhere" reflect "$URL" --table nowhere
    fails 1 "nowhere" reflect "$URL" --schema nowhere --to work/n.h
    fails 1 "cannot write" reflect "$URL" --to work/none/n.h
    same "$(ls -A work)" ""
}

test_what_is_replaced_and_what_is_not() {
    "$WEIR" reflect "$URL" > plain
    mkfifo work/pipe
    timeout 60 cat work/pipe > piped & local reader=$!
    succeeds reflect "$URL" --to work/pipe
    wait $reader
    same "$(wc -l < piped)" "$(wc -l < plain)"
    [ -p work/pipe ] || problem "the pipe is gone"
    same "$("$WEIR" reflect "$URL" --to /proc/self/fd/1 | wc -l)" "$(wc -l < plain)"
    : > work/private.h
    chmod 600 work/private.h
    succeeds reflect "$URL" --to work/private.h
    same "$(stat -c %a work/private.h)" 600
    "$WEIR" reflect "$URL" > /dev/full 2> stderr
    same "$?: $(wc -l < stderr)" "1: 1"
}

test_hostile_names() {
    make_database hostile
    succeeds reflect "$URL" --to work/hostile.h
    compiles hostile
    holds "$(cat work/hostile.h)" '"a.b" is not mapped'
    twice_the_same work/hostile.h
}

sample=films
[ "$database" = postgresql ] || sample=music
make_database $sample
run_tests test_a_whole_schema test_some_tables test_mistakes test_what_is_replaced_and_what_is_not test_hostile_names
cat failures
[ ! -s failures ]
