# What the tests of the command share: running it, comparing, and telling failures. To be sourced, in a folder of the test's own.
: > failures

problem() { echo "  ${FUNCNAME[2]:-?}: $*" >> failures; }
same() { [ "$1" = "$2" ] || problem "expected [$2], got [$1]"; }
holds() { case $1 in *"$2"*) ;; *) problem "expected something with [$2], got [$1]" ;; esac; }
lacks() { case $1 in *"$2"*) problem "[$2] must not be in [$1]" ;; esac; }
run() { out=$("$WEIR" "$@" 2> stderr); code=$?; err=$(cat stderr); }
succeeds() { run "$@"; [ "$code" -eq 0 ] || problem "exit $code: $err"; }
# Exit code, one line on standard error that begins with "weir: ", and a part of it.
fails() {
    local expected=$1 part=$2
    shift 2
    run "$@"
    same "$code" "$expected"
    same "$(wc -l < stderr)" 1
    case $err in "weir: "*": "*"; "* | "weir: "*"?") ;; *) problem "not \"weir: what: why; what to do\": [$err]" ;; esac
    holds "$err" "$part"
}

run_tests() {
    local name before
    for name in "$@"; do
        before=$(wc -l < failures)
        "$name"
        if [ "$(wc -l < failures)" -eq "$before" ]; then echo "ok $name ($database)"; else echo "FAILED $name ($database)"; fi
        find work -mindepth 1 -delete
    done
}
