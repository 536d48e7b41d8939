#!/usr/bin/env bash
# A newcomer's path works as the README has it: the blocks of "From nothing to a Parquet file", run as they stand, in an empty home.
# What stands for something else: `make install PREFIX=…` takes this build to that place (with WEIR_README_MAKE=real it is make, in a copy of
# the tree), and `duckdb` is DuckDB's Node package.
# usage: test_readme.sh BUILD_DIRECTORY PREFIX LIBDIR
set -uo pipefail
build=$(realpath "$1") prefix=$2 libdir=$3
here=$(dirname "$(realpath "$0")")
source=$(realpath "$here/../..")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/home" "$scratch/shims" "$scratch/work"
"$here/../readers/install" "$build/readers" || exit 1

# ---- the blocks: commands of each ```sh, and first.c between them -----------------------------------------------------------------
awk -v at="$scratch" '
    /^## / { wanted = $0 == "## From nothing to a Parquet file" }
    /^```/ && inside { close(out); inside = 0; next }
    wanted && /^```sh$/ { inside = 1; out = at "/commands." ++n; next }
    wanted && /^```c$/ { inside = 1; out = at "/first.c"; next }
    inside { print > out }
    wanted && /^Both say [0-9]+\./ { sub(/\..*/, "", $3); print $3 > (at "/number") }
' "$source/README.md"
for file in commands.1 first.c commands.2 number; do
    [ -s "$scratch/$file" ] || { echo "README.md: its section has no $file"; exit 1; }
done
lines=$(grep -c . "$scratch/first.c")
[ "$lines" -le 26 ] || { echo "README.md: a first program of $lines lines"; exit 1; }

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
cd "$scratch/work" || exit 2
cp "$scratch/first.c" .
cat "$scratch/commands.1" "$scratch/commands.2" > "$scratch/all"
if ! HOME=$scratch/home PATH=$scratch/shims:$PATH bash -eu "$scratch/all" > "$scratch/out" 2> "$scratch/errors"; then
    echo "README.md: its commands fail"
    tail -n 20 "$scratch/out"; tail -n 20 "$scratch/errors"
    exit 1
fi
number=$(cat "$scratch/number")
if [ "$(grep -cx "$number" "$scratch/out")" -ne 2 ]; then
    echo "README.md: expected $number twice in:"
    tail -n 20 "$scratch/out"; tail -n 20 "$scratch/errors"
    exit 1
fi
