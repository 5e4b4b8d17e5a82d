#!/bin/sh
# Build and install Relevo.
#
#   ./install.sh                 install on this system, start, deliver a first message
#   ./install.sh --destdir DIR   make an install tree in DIR; the running system is not touched
#   ./install.sh --help
set -eu

cd "$(dirname "$0")"
here=$(pwd)
build=$here/build
destdir=
start=yes

usage() {
    sed -n '2,6s/^# \{0,1\}//p' "$0"
    echo "  --no-start   with a system install: do not start the mail system"
}

say() { printf '%s\n' "$*"; }
die() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --destdir) [ $# -ge 2 ] || die "--destdir needs a directory"; destdir=$2; shift 2 ;;
    --destdir=*) destdir=${1#--destdir=}; shift ;;
    --no-start) start=no; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; die "unknown option: $1" ;;
    esac
done

[ "$(id -u)" = 0 ] || die "please run this as root (it installs packages and sets owners)"

# The next update of a package would put its programs in the place of ours.
owner=$(dpkg-query -S /usr/sbin/sendmail 2>/dev/null | grep -v '^diversion' | cut -d: -f1)
[ -n "$destdir" ] || [ -z "$owner" ] || die "/usr/sbin/sendmail belongs to the package $owner. Remove it first, without --purge:
  apt-get remove $owner
Its queue and configuration stay; docs/MOVING.md tells how to take over from Postfix."

. ./cmake/packages.sh
install_packages $BUILD_PACKAGES

# ---- build: the second call with nothing changed takes seconds
say "building in $build"
[ -f "$build/build.ninja" ] || cmake -G Ninja -S "$here" -B "$build" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_INSTALL_PREFIX=/ -DRELEVO_TESTS=OFF >"$here/.install.log" 2>&1 || {
    cat "$here/.install.log"
    die "cmake failed"
}
ninja -C "$build" >"$here/.install.log" 2>&1 || {
    grep -E 'error|warning|FAILED' "$here/.install.log" || tail -n 40 "$here/.install.log"
    die "the build failed; the whole output is in .install.log"
}
rm -f "$here/.install.log"

# ---- owners and modes that make cannot know; groups may be absent when only a tree is made
fix_modes() {
    root=$1
    if getent group postdrop >/dev/null; then
        for f in postdrop postqueue postlog; do
            chgrp postdrop "$root/usr/sbin/$f"
            chmod 2755 "$root/usr/sbin/$f"
        done
    fi
}

if [ -n "$destdir" ]; then
    mkdir -p "$destdir"
    destdir=$(cd "$destdir" && pwd)
    DESTDIR=$destdir cmake --install "$build" >/dev/null
    fix_modes "$destdir"
    say "install tree: $destdir"
    exit 0
fi

# ---- a system install
listener_on_25() { ss -Hltnp 'sport = :25' 2>/dev/null; }

if [ -n "$(listener_on_25)" ] && ! { [ -x /usr/sbin/postconf ] && /usr/sbin/postconf -h relevo_version >/dev/null 2>&1 &&
    /usr/sbin/postfix status >/dev/null 2>&1; }; then
    listener_on_25 >&2
    die "another program listens on port 25 (above). Stop and disable it first, for example
  systemctl disable --now exim4"
fi

getent group postfix >/dev/null || groupadd --system postfix
getent group postdrop >/dev/null || groupadd --system postdrop
getent passwd postfix >/dev/null ||
    useradd --system --gid postfix --no-create-home --home-dir /var/spool/postfix --shell /usr/sbin/nologin postfix

if [ -x /usr/sbin/postfix ] && /usr/sbin/postfix status >/dev/null 2>&1; then
    say "stopping the running mail system for the update"
    /usr/sbin/postfix stop >/dev/null 2>&1 || true
fi
cmake --install "$build" >/dev/null
fix_modes ""

# ---- configuration: what is there stays there
mkdir -p /etc/postfix
first_copy() { # first_copy STOCK PLACE
    [ -e "$2" ] || { cp "/usr/share/postfix/$1.proto" "$2" && say "wrote $2"; }
}
if [ ! -e /etc/postfix/main.cf ]; then
    first_copy main.cf /etc/postfix/main.cf
    # A system without a syslog socket (a container, most often) keeps the log in a file.
    [ -S /dev/log ] || printf '\n# No syslog was found at installation.\nmaillog_file = /var/log/mail.log\n' >>/etc/postfix/main.cf
fi
first_copy master.cf /etc/postfix/master.cf
# What postmulti makes new instances from.
first_copy main.cf /etc/postfix/main.cf.proto
first_copy master.cf /etc/postfix/master.cf.proto
first_copy aliases /etc/aliases

mkdir -p /var/spool/postfix /var/lib/postfix
chown postfix:postfix /var/lib/postfix
chmod 700 /var/lib/postfix
/usr/sbin/postfix set-permissions || die "could not set the queue's permissions"
# Indexes of tables may come from Postfix; make ours from the same sources.
./cmake/index-tables.sh
newaliases || say "newaliases reported a problem (above); mail for aliases waits until it is mended"

[ "$start" = yes ] || { say "installed; start it with: postfix start"; exit 0; }

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable --now postfix.service >/dev/null 2>&1 || die "systemctl could not start postfix.service; see: journalctl -u postfix"
else
    /usr/sbin/postfix start || die "postfix start failed; see the messages above"
fi

exec python3 ./cmake/first-message.py
