#!/usr/bin/env bash
# What is installed works for somebody new: libraries, headers, pkg-config, CMake, the command, as after `make install`.
# usage: test_install.sh BUILD_DIRECTORY PREFIX LIBDIR newcomer.c loop.c COMPILER…
set -uo pipefail
build=$(realpath "$1") prefix=$2 libdir=$3 newcomer=$(realpath "$4") loop=$(realpath "$5")
shift 5
compiler=("$@")
here=$(dirname "$(realpath "$0")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0
fail() { echo "FAILED: $1"; [ ! -s "$scratch/log" ] || head -20 "$scratch/log" | sed 's/^/    /'; : > "$scratch/log"; failures=$((failures + 1)); }
missing() { echo "$1 is not installed: $2 NOT CHECKED"; }

meson install -C "$build" --no-rebuild --destdir "$scratch/stage" > "$scratch/log" 2>&1 || { fail "meson install"; exit 1; }
root=$scratch/stage$prefix lib=$scratch/stage$prefix/$libdir
case $libdir in /*) lib=$scratch/stage$libdir ;; esac
for file in "$root"/include/weir/{weir,base,engine,result,adapters/uv}.h "$lib"/libweir.{so,so.0,a} "$lib"/libweir-uv.{so,a} "$lib"/pkgconfig/weir{,-uv}.pc \
    "$lib"/cmake/weir/weirConfig{,Version}.cmake "$root"/bin/weir "$root"/share/man/man1/weir.1 "$root"/share/man/man3/weir-{base,engine,uv}.3 \
    "$root"/share/bash-completion/completions/weir "$root"/share/zsh/site-functions/_weir; do
    [ -f "$file" ] || fail "$file is not installed"
done
for header in "$here"/../../include/weir/*.h; do
    [ -f "$root/include/weir/${header##*/}" ] || fail "${header##*/} is not installed"
    [ -f "$root/share/man/man3/weir-$(basename "$header" .h).3" ] || fail "${header##*/} has no page"
    grep -qxF "usr/share/man/man3/weir-$(basename "$header" .h).3" "$here/../../debian/libweir-dev.install" || fail "${header##*/}: its page is not in debian/libweir-dev.install"
done
readelf -d "$lib/libweir.so" | grep -qF 'soname: [libweir.so.0]' || fail "libweir.so has no soname"
[ -z "$(readelf -d "$lib/libweir.so" "$root/bin/weir" | grep -E 'R(UN)?PATH')" ] || fail "a run path of the build is left"

# The staged prefix stands for the real one.
sed -i "s,^prefix=.*,prefix=$root," "$lib"/pkgconfig/*.pc
[ "$lib" = "$root/$libdir" ] || sed -i "s,^libdir=.*,libdir=$lib," "$lib"/pkgconfig/*.pc
export PKG_CONFIG_PATH=$lib/pkgconfig LD_LIBRARY_PATH=$lib
cd "$scratch" || exit 2
sqlite3 shop.db "CREATE TABLE invoices (id INTEGER PRIMARY KEY, total_cents BIGINT);
    INSERT INTO invoices WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT i, 2 * i FROM n" || fail "the sample"

prints() {          # what is checked, what it must print, the program
    [ "$("$3" 2> "$scratch/log")" = "$2" ] || fail "$1: does not print $2"
}

# shellcheck disable=SC2046  # flags are several
compile() {         # output, source, package, more flags …
    local output=$1 source=$2 package=$3
    shift 3
    "${compiler[@]}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror "$source" -o "$output" "$@" $(pkg-config --cflags --libs "$package") 2> "$scratch/log"
}

compile dynamic "$newcomer" weir && prints "pkg-config" 100010000 ./dynamic || fail "pkg-config --cflags --libs weir"
readelf -d dynamic 2> "$scratch/log" | grep -qF '[libweir.so.0]' || fail "the program does not name libweir.so.0"
[ "$(pkg-config --libs weir | grep -cE -- '-l(pq|sqlite3|ssl)')" -eq 0 ] || fail "weir.pc: dynamic programs link what only static ones need"
[ "$(pkg-config --modversion weir)" = "$("$root/bin/weir" --version | sed 's/^weir \([^ ]*\) .*/\1/')" ] || fail "weir.pc has another version than the command"
compile loop "$loop" weir-uv && prints "weir-uv" ran ./loop || fail "pkg-config --cflags --libs weir-uv"

# The same without the shared libraries.
mkdir hidden && mv "$lib"/*.so "$lib"/*.so.* hidden
# shellcheck disable=SC2046
if "${compiler[@]}" -std=c11 "$newcomer" -Wl,-u,weir_writer_open -o static $(pkg-config --cflags --static --libs weir) 2> "$scratch/log"; then
    prints "pkg-config --static" 100010000 ./static
    [ -z "$(readelf -d static | grep -F libweir)" ] || fail "the static program needs libweir.so"
else
    fail "pkg-config --static --libs weir"
fi
mv hidden/* "$lib"

# The command from the same place, and a file that other programs read.
"$root/bin/weir" export sqlite:///shop.db --table invoices --to invoices.parquet 2> "$scratch/log" || fail "weir export to Parquet"
[ "$(head -c 4 invoices.parquet)$(tail -c 4 invoices.parquet)" = PAR1PAR1 ] || fail "invoices.parquet is no Parquet file"
"$root/bin/weir" --version | grep -qE '^weir [0-9.]+ \(SQLite 3\.[0-9.]+, libpq [0-9.]+, (OpenSSL|LibreSSL) [0-9][^ ,]*, zstd [0-9.]+\)$' || fail "weir --version"

if command -v cmake > /dev/null; then
    mkdir -p cmake
    cat > cmake/CMakeLists.txt <<CMAKE
cmake_minimum_required(VERSION 3.16)
project(newcomer C)
find_package(weir 0.1 REQUIRED COMPONENTS uv static)
find_package(weir 9.0 QUIET CONFIG)
if(weir_FOUND)
  message(FATAL_ERROR "version 0.1 passes for 9.0")
endif()
add_executable(newcomer $newcomer)
target_link_libraries(newcomer weir::weir)
add_executable(loop $loop)
target_link_libraries(loop weir::uv)
add_executable(static $newcomer)
target_link_libraries(static weir::weir_static)
CMAKE
    if cmake -S cmake -B cmake/build -DCMAKE_C_COMPILER="${compiler[-1]}" -DCMAKE_PREFIX_PATH="$root" > "$scratch/log" 2>&1 &&
        cmake --build cmake/build > "$scratch/log" 2>&1; then
        prints "CMake's weir::weir" 100010000 cmake/build/newcomer
        prints "CMake's weir::uv" ran cmake/build/loop
        prints "CMake's weir::weir_static" 100010000 cmake/build/static
        [ -z "$(readelf -d cmake/build/static | grep -F libweir)" ] || fail "CMake's static program needs libweir.so"
    else
        fail "a CMake project"
    fi
else
    missing cmake "the CMake package"
fi

for page in "$root"/share/man/man[13]/*; do
    if command -v groff > /dev/null; then
        warnings=$(groff -man -ww -z -Tutf8 "$page" 2>&1)
        [ -z "$warnings" ] || fail "${page##*/}: $warnings"
    fi
    if command -v lexgrog > /dev/null; then
        lexgrog "$page" > "$scratch/log" 2>&1 || fail "${page##*/}: no NAME that man -k finds"
    fi
done
command -v groff > /dev/null || missing groff "manual pages"
[ "$failures" -eq 0 ]
