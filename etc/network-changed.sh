#!/bin/sh

# network-changed.sh up|down|resolver - what the hooks of ifupdown, pppd, networkd-dispatcher and resolvconf have in
# common.
#
# A reload copies resolv.conf into the queue directory, and every process reads it again.  Where resolvconf is there,
# its own hook does that part.

set -eu

postfix status >/dev/null 2>&1 || exit 0
if [ "$1" = resolver ] || [ ! -x /sbin/resolvconf ]; then
    cmp -s /etc/resolv.conf "$(postconf -hx queue_directory)/etc/resolv.conf" || postfix reload >/dev/null 2>&1 || true
fi
[ "$1" != up ] || sendmail -q >/dev/null 2>&1 || true
