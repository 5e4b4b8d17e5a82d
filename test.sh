#!/bin/sh
# Build with gcc and with clang + sanitizers, then run every test.
#
#   ./test.sh            what CI runs
#   ./test.sh --all      the same, and every system test with sanitizers, not only those that attack
#   ./test.sh --quick    one build (gcc) and its unit tests
#   ./test.sh --help
#
# Long fuzzing, soak and bench runs are commands of their own: tests/fuzz/README.md, tests/bench/README.md.
set -eu

cd "$(dirname "$0")"
here=$(pwd)
quick=no
not_sanitized='system|lint'
case ${1:-} in
"") ;;
--all) not_sanitized=lint ;;
--quick) quick=yes ;;
-h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
*) echo "test.sh: unknown option: $1 (try --help)" >&2; exit 2 ;;
esac

[ "$(id -u)" = 0 ] || { echo "test.sh: please run as root (tests make namespaces and users of their own)" >&2; exit 1; }
. ./cmake/packages.sh
install_packages $TEST_PACKAGES
jobs=$(nproc)

build() { # build DIR COMPILER OPTIONS...
    dir=$1
    compiler=$2
    shift 2
    echo "== building with $compiler in $dir"
    [ -f "$dir/build.ninja" ] || CC=$compiler cmake -G Ninja -S "$here" -B "$dir" -DCMAKE_INSTALL_PREFIX=/ \
        -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "$@" >/dev/null
    ninja -C "$dir" -j "$jobs" >"$dir/build.log" 2>&1 || {
        grep -E 'error|FAILED|undefined' "$dir/build.log" || tail -n 40 "$dir/build.log"
        echo "test.sh: the build with $compiler failed; the whole output is in $dir/build.log" >&2
        exit 1
    }
    tail -n 1 "$dir/build.log"
}

run() { # run DIR LABEL-ARGUMENTS...
    dir=$1
    shift
    ctest --test-dir "$dir" --output-on-failure -j "$jobs" "$@"
}

# Most system tests wait for the mail system more than they work.
run_waiting() { # run_waiting DIR LABEL-ARGUMENTS...
    run "$@" -j "$((jobs + 1))"
}

build "$here/build-test" gcc -DCMAKE_BUILD_TYPE=Release
if [ "$quick" = yes ]; then
    run "$here/build-test" -LE 'system|lint'
    exit 0
fi
build "$here/build-asan" clang -DCMAKE_BUILD_TYPE=Debug -DRELEVO_SANITIZE=ON

failed=0
echo "== tests (gcc, release)"
run_waiting "$here/build-test" -LE lint || failed=1
echo "== tests (clang, AddressSanitizer and UndefinedBehaviorSanitizer)"
run_waiting "$here/build-asan" -LE "$not_sanitized" || failed=1
echo "== layout and clang-tidy"
run "$here/build-test" -L lint || failed=1
[ "$failed" = 0 ] || { echo "test.sh: there are failures"; exit 1; }
echo "test.sh: all tests passed"
