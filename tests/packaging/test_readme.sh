#!/usr/bin/env bash
# A newcomer's path works as the page has it: the blocks of one of its sections, run as they stand, in an empty home.
# What stands for something else: `make install PREFIX=…` takes this build to that place (with WEIR_README_MAKE=real it is make, in a copy of
# the tree), and `duckdb` is DuckDB's Node package.
# usage: test_readme.sh BUILD_DIRECTORY PREFIX LIBDIR PAGE HEADING
set -uo pipefail
build=$(realpath "$1") prefix=$2 libdir=$3 page=$4 heading=$5
here=$(dirname "$(realpath "$0")")
source=$(realpath "$here/../..")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/home" "$scratch/shims" "$scratch/work"
"$here/../readers/install" "$build/readers" || exit 1

# ---- the blocks, in their order, as one script -----------------------------------------------------------------------------------------
# Commands of each ```sh; a ```c goes into the file that was named last, `first.c`; what a ```text has must be printed, line by line.
awk -v at="$scratch" -v heading="$heading" '
    /^#+ / && !inside { wanted = $0 == heading }
    /^```/ && inside { if (inside == 2) print "END_OF_C" > (at "/all"); inside = 0; next }
    wanted && /^```sh$/ { inside = 1; out = at "/all"; commands++; next }
    wanted && /^```c$/ { inside = 2; out = at "/all"; print "cat > " file " << \"END_OF_C\"" > out; next }
    wanted && /^```text$/ { inside = 3; out = at "/expected"; next }
    inside { print > out; next }
    wanted && match($0, /`[a-z]+\.c`/) { file = substr($0, RSTART + 1, RLENGTH - 2) }
' "$source/$page"
[ -s "$scratch/all" ] && [ -s "$scratch/expected" ] || { echo "$page: there are no commands in $heading"; exit 1; }

# ---- what stands for something else -------------------------------------------------------------------------------------------------
if [ "${WEIR_README_MAKE:-}" = real ]; then
    git -C "$source" archive HEAD | tar -x -C "$scratch/work" || exit 1
else
    cat > "$scratch/shims/make" <<MAKE
#!/bin/sh
[ "\$*" = "install PREFIX=\$HOME/weir" ] || { echo "make \$*: not what is known"; exit 1; }
meson install -C "$build" --no-rebuild --destdir "$scratch/stage" > "$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
mv "$scratch/stage$prefix" "\$HOME/weir"
[ "$libdir" = lib ] || mv "\$HOME/weir/$libdir"/* "\$HOME/weir/lib"
sed -i "s,^prefix=.*,prefix=\$HOME/weir,; s,^libdir=.*,libdir=\\\${prefix}/lib," "\$HOME"/weir/lib/pkgconfig/*.pc
MAKE
    chmod +x "$scratch/shims/make"
fi
cat > "$scratch/shims/duckdb.mjs" <<NODE
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
const require = createRequire('$build/readers/node_modules/x');
const { DuckDBInstance } = await import(pathToFileURL(require.resolve('@duckdb/node-api')));
const connection = await (await DuckDBInstance.create(':memory:')).connect();
if (process.argv[2] !== '-c') throw new Error('duckdb -c is known');
for (const row of (await connection.runAndReadAll(process.argv[3])).getRowsJson()) console.log(row.join('|'));
NODE
printf '#!/bin/sh\nexec node "%s/shims/duckdb.mjs" "$@"\n' "$scratch" > "$scratch/shims/duckdb"
chmod +x "$scratch/shims/duckdb"

# ---- as written ---------------------------------------------------------------------------------------------------------------------
# Sections behind the first one take for granted that weir is installed.
grep -q '^make install' "$scratch/all" || sed -i '1i make install PREFIX=$HOME/weir\
export PATH=$HOME/weir/bin:$PATH PKG_CONFIG_PATH=$HOME/weir/lib/pkgconfig LD_LIBRARY_PATH=$HOME/weir/lib' "$scratch/all"
cd "$scratch/work" || exit 2
if ! HOME=$scratch/home PATH=$scratch/shims:$PATH bash -eu "$scratch/all" > "$scratch/out" 2> "$scratch/errors"; then
    echo "$page: its commands fail"
    tail -n 20 "$scratch/out"; tail -n 20 "$scratch/errors"
    exit 1
fi
grep -Fx -f "$scratch/expected" "$scratch/out" > "$scratch/found"
if ! diff "$scratch/expected" "$scratch/found"; then
    echo "$page: does not print what it says, but:"
    tail -n 20 "$scratch/out"; tail -n 20 "$scratch/errors"
    exit 1
fi
