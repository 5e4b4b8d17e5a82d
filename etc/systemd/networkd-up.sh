#!/bin/sh
# A network is there: chrooted services get the new resolver, and waiting mail another chance.
set -e

[ "${IFACE-}" != lo ] || exit 0
[ -x /usr/sbin/postfix ] && [ -f /etc/postfix/main.cf ] || exit 0
exec /usr/lib/postfix/network-changed.sh up
