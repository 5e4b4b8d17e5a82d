#!/bin/sh
# clang-tidy on all cores over every source of the programs, or over FILE...; fails on any finding.
#
#   cmake/lint.sh BUILD_DIR [FILE...]     BUILD_DIR has a compile_commands.json
set -eu
command -v clang-tidy >/dev/null || { echo "lint.sh: there is no clang-tidy here" >&2; exit 77; }
build=$1
shift
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- $(git ls-files '*.c' ':!:tests')
[ $# -gt 0 ] || { echo "lint.sh: nothing to look at: is this a git checkout?" >&2; exit 1; }
# A few files at a time: a core that is done early takes the next ones.  clang-tidy counts what it holds
# back on stderr.
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" 2>/dev/null
