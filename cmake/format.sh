#!/bin/sh
# Is every source laid out as .clang-format says?   --fix: make it so.  Tables in *.def are formatted by
# hand, and what stands in tests/golden is not ours to lay out.
set -eu
command -v clang-format >/dev/null || { echo "format.sh: there is no clang-format here" >&2; exit 77; }
cd "$(dirname "$0")/.."
case ${1:-} in
"") set -- --dry-run --Werror ;;
--fix) set -- -i ;;
*) echo "usage: cmake/format.sh [--fix]" >&2; exit 2 ;;
esac
git ls-files '*.c' '*.h' ':!:tests/golden' | xargs clang-format "$@"
