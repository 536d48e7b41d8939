#!/usr/bin/env bash
# The completions that the command prints: asked as bash and zsh ask them.
# usage: test_completion.sh WEIR
set -uo pipefail
weir=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 2
failures=0
fail() { echo "FAILED: $1"; failures=$((failures + 1)); }
touch invoices.csv 'with space.csv'

"$weir" help --completion bash > weir.bash || fail "weir help --completion bash"
# shellcheck disable=SC1091
. ./weir.bash
ask() {             # words up to the cursor, as bash splits them (= is a word); the answer on one line, sorted
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _weir
    printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | paste -sd ' '
}
gives() {           # expected, words …
    local expected=$1 answer
    shift
    answer=$(ask "$@")
    [ "$answer" = "$expected" ] || fail "bash: [$*] gives [$answer], not [$expected]"
}
gives "export" weir ex
gives "help" weir he
gives "--columns --compression" weir export --co
gives "csv jsonl" weir import --format ""
gives "csv" weir import --format = c
gives "snappy" weir export --compression sn
gives "sqlite:///" weir export sq
gives "" weir export --query ""
gives "invoices.csv" weir import --from inv
gives "with space.csv" weir import --from wi
gives "bash zsh" weir help --completion ""
complete -p weir | grep -qF '_weir' || fail "bash: no completion is registered"
# Every option of every command's help, and nothing else.
for command in $("$weir" help | sed -n 's/^  weir \([a-z]*\)  .*/\1/p'); do
    gives "$("$weir" help "$command" | sed -n 's/^  \(--[a-z-]*\).*/\1/p' | LC_ALL=C sort | paste -sd ' ')" weir "$command" --
    ask weir "" | grep -qw "$command" || fail "bash: $command is not completed"
done
"$weir" help --completion fish 2> /dev/null && fail "a shell that there is no completion for"

if command -v zsh > /dev/null; then
    mkdir functions
    "$weir" help --completion zsh > functions/_weir || fail "weir help --completion zsh"
    # A zsh of its own on a terminal of its own: the words are typed, then a tab, and what it shows is read.
    cat > typed.zsh <<'ZSH'
zmodload zsh/zpty
zpty shell zsh -f -i
say() { zpty -w shell "$1" }
say "PS1=; unsetopt zle_bracketed_paste beep; TERM=dumb; stty cols 200; fpath=($PWD/functions \$fpath); autoload -U compinit; compinit -u -d $PWD/dump; setopt no_list_beep; LISTMAX=0"
say "zstyle ':completion:*' list-grouped false; bindkey '^I' complete-word; echo re''ady"
zpty -r -m shell all '*ready*'
complete_line() {   # a widget that completes and prints what the line became
    zpty -w shell "line() { zle complete-word; print -r -- \"BECAME[\$BUFFER]\"; BUFFER=; zle redisplay }; zle -N line; bindkey '^G' line; echo bou''nd"
    zpty -r -m shell all '*bound*'
}
complete_line
for words in "$@"; do
    zpty -w -n shell "$words"$'\C-G'
    zpty -r -m shell all '*BECAME\[*\]*'
    print -r -- "${${all##*BECAME\[}%%\]*}"
done
zpty -d shell
ZSH
    zsh -n functions/_weir || fail "zsh: the completion has mistakes"
    expected='weir export 
weir import --from=invoices.csv 
weir export --compression=snappy 
weir export --table=
weir copy sqlite:///
weir help profile '
    answer=$(timeout 60 zsh -f typed.zsh 'weir exp' 'weir import --from=inv' 'weir export --compression=sn' 'weir export --tab' 'weir copy sq' 'weir help pro' 2>&1)
    [ "$answer" = "$expected" ] || { fail "zsh:"; diff <(echo "$expected") <(echo "$answer"); }
else
    echo "zsh is not installed: its completion NOT CHECKED"
fi
[ "$failures" -eq 0 ]
