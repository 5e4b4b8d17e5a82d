#!/bin/sh
# A network has gone: chrooted services get what resolv.conf says now.
set -e

[ "${IFACE-}" != lo ] || exit 0
[ -x /usr/sbin/postfix ] && [ -f /etc/postfix/main.cf ] || exit 0
exec /usr/lib/postfix/network-changed.sh down
