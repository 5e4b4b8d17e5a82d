# Debian packages that building and testing need; sourced by install.sh and test.sh.

BUILD_PACKAGES="gcc cmake ninja-build libc6-dev liblmdb-dev libc-ares-dev libseccomp-dev libpcre2-dev libssl-dev libsasl2-dev libsasl2-modules libcurl4-openssl-dev libidn2-dev libunistring-dev libsqlite3-dev libpq-dev libmariadb-dev libldap-dev libcdb-dev python3 iproute2 dpkg-dev"
TEST_PACKAGES="$BUILD_PACKAGES clang clang-tidy clang-format libclang-rt-14-dev libcmocka-dev procps strace sasl2-bin"

install_packages() {
    missing=
    for p in "$@"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
    done
    [ -z "$missing" ] && return 0
    printf 'installing build dependencies:%s\n' "$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update >/dev/null || { echo "apt-get update failed: is the network up?" >&2; return 1; }
    said=$(apt-get -q -y install --no-install-recommends $missing 2>&1) || {
        printf '%s\n' "$said" >&2
        echo "could not install:$missing" >&2
        return 1
    }
}
