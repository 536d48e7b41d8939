# The head of the tests that break exports off and resume them: a folder of the test's own, a server of its own in $OWN where it starts one, and
# chance from a seed. To be sourced; $1: the test's name.
WEIR=${WEIR:-${WEIR_COMMAND:?set WEIR to the command}}
HERE=$(cd "$(dirname "$0")" && pwd)
TMP=$(mktemp -d "${TMPDIR:-/tmp}/weir-$1.XXXXXX") || exit 2
OWN=
end() { [ -z "$OWN" ] || "$HERE/../servers" stop "$OWN"; rm -rf "$TMP"; }
trap end EXIT
export LC_ALL=C
cd "$TMP" || exit 2
mkdir work
. "$HERE/common.sh"
SEED=${WEIR_TEST_SEED:-20261123}
RANDOM=$SEED
ROWS=20000
