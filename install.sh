#!/bin/sh
# Build Relevo as a Debian package and install that.
#
#   ./install.sh                 install on this system, configure what is not configured, start, deliver a first message
#   ./install.sh --take-over     the same where another mail server's package is installed: it goes, its files stay
#   ./install.sh --destdir DIR   make an install tree in DIR; the running system is not touched
#   ./install.sh --help
set -eu

cd "$(dirname "$0")"
here=$(pwd)
build=${BUILD:-$here/build}
destdir=
start=yes
take_over=no
owner=

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "$0"
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
    --take-over) take_over=yes; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; die "unknown option: $1" ;;
    esac
done

[ "$(id -u)" = 0 ] || die "please run this as root (it installs packages and sets owners)"

is_running() { [ -x /usr/sbin/postfix ] && /usr/sbin/postfix status >/dev/null 2>&1; }

# Whose mail server is here?
if [ -z "$destdir" ]; then
    owner=$(dpkg-query -S /usr/sbin/sendmail 2>/dev/null | grep -v '^diversion' | cut -d: -f1)
    case $owner$take_over in
    no | relevo* | *yes) ;;
    *) die "/usr/sbin/sendmail belongs to the package $owner.
  ./install.sh --take-over   lets apt put Relevo in its place; its queue and configuration stay
docs/MOVING.md tells how to take over from Postfix, and how to go back." ;;
    esac
fi

. ./cmake/packages.sh
install_packages $BUILD_PACKAGES

if [ -z "$destdir$owner" ] && ! is_running && [ -n "$(ss -Hltnp 'sport = :25')" ]; then
    ss -Hltnp 'sport = :25' >&2
    die "another program listens on port 25 (above). Stop and disable it first."
fi

# ---- build: the second call with nothing changed takes seconds
run() { # run COMMAND...: its output is of interest when it fails only
    "$@" >"$here/.install.log" 2>&1 || {
        grep -E 'error|warning|FAILED' "$here/.install.log" || tail -n 40 "$here/.install.log"
        die "$1 failed; the whole output is in .install.log"
    }
    rm -f "$here/.install.log"
}

say "building in $build"
run debian/rules build BUILD="$build"

if [ -n "$destdir" ]; then
    mkdir -p "$destdir"
    destdir=$(cd "$destdir" && pwd)
    DESTDIR=$destdir cmake --install "$build" >/dev/null
    # What make cannot know; the group may be absent when only a tree is made.
    if getent group postdrop >/dev/null; then
        for f in postdrop postqueue postlog; do
            chgrp postdrop "$destdir/usr/sbin/$f"
            chmod 2755 "$destdir/usr/sbin/$f"
        done
    fi
    say "install tree: $destdir"
    exit 0
fi

# ---- the package, and those of all table types: what they need is here since they were built
rm -rf "$build/packages"
run debian/rules binary BUILD="$build" DEBS="$build/packages"
packages=$(echo "$build"/packages/relevo*.deb)
# The name "postfix" as well, unless Postfix itself has been here: what it left belongs to it.
case $(dpkg-query -W -f '${db:Status-Status} ${Version}' postfix 2>/dev/null) in
'' | not-installed* | *+relevo) packages="$packages $(echo "$build"/packages/postfix_*.deb)" ;;
esac

# Debian's way to say that nothing shall be started.
policy=/usr/sbin/policy-rc.d
if [ "$start" = no ] && [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
fi

configured=yes
[ -e /etc/postfix/main.cf ] || configured=no
say "installing$(for file in $packages; do printf ' %s' "${file##*/}"; done)"
DEBIAN_FRONTEND=${DEBIAN_FRONTEND:-noninteractive} apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Options::=--force-confold \
    --no-install-recommends --reinstall --allow-downgrades install $packages || die "apt could not install the package (above)"

# A system without a syslog socket (a container, most often) keeps the log in a file.
if [ $configured = no ] && [ -e /etc/postfix/main.cf ] && [ ! -S /dev/log ]; then
    postconf -e 'maillog_file = /var/log/mail.log'
    ! is_running || postfix stop >/dev/null 2>&1 || true
fi

if [ "$start" = no ]; then
    say "installed; start it with: postfix start"
    exit 0
fi
# Somebody asked for a start here, even where packages may not start anything.
if ! is_running; then
    if [ -d /run/systemd/system ]; then
        systemctl restart postfix.service || die "systemctl could not start postfix.service; see: journalctl -u 'postfix*'"
    else
        postfix start || die "postfix start failed; see the messages above"
    fi
fi

exec python3 ./cmake/first-message.py
