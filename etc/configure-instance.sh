#!/bin/sh

# configure-instance.sh [NAME] - what an instance's chrooted services need of the system, before it starts.
#
# `postfix start` does the same; this is for units and scripts that do it by themselves.  No NAME, or `-`, is the
# primary instance.

set -eu
[ "${1:--}" != - ] || set -- -
exec /usr/sbin/postmulti -i "$1" -p /usr/lib/postfix/sbin/postfix-chroot
