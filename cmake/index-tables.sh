#!/bin/sh
# Indexes for the tables that main.cf and master.cf name, where Postfix has left only its own (file.db), or has
# made a later one.  Sources are never changed.
#
#   index-tables.sh           make them
#   index-tables.sh unlink    before another suite comes: the names FILE.db that lead to indexes of ours go, and no other
set -eu

named() { grep -oE '(hash|btree|lmdb):/[^][ ,"{}()]+' | sort -u; }
# Caches are made by their daemons.
tables() { { postconf -x && postconf -Px; } 2>/dev/null | named | grep -vF ":$(postconf -xh data_directory)/"; }

leads_to_ours() { case $(readlink "$1.db") in *.lmdb) ;; *) return 1 ;; esac }

# Postfix's postmap writes its own format through such a name.
is_lmdb() { [ "$(od -An -tx4 -j16 -N4 "$1" 2>/dev/null)" = " beefc0de" ]; }

is_current() { # is_current TABLE
    file=${1#*:}
    case $1 in
    lmdb:*) is_lmdb "$file.lmdb" ;;
    *) is_lmdb "$file.db" || { [ -e "$file.db" ] && is_lmdb "$file.lmdb" && ! [ "$file.db" -nt "$file.lmdb" ]; } ;;
    esac
}

make_index() { # make_index TABLE
    make=postmap
    case " $aliases " in
    *" $1 "*) make=postalias ;;
    esac
    if "$make" "$1"; then
        echo "made an index of $1"
    else
        echo "$1: no index could be made (above); mail that needs it waits until $make succeeds" >&2
    fi
}

make_missing() {
    aliases=$(postconf -xh alias_maps alias_database | named | tr '\n' ' ')
    for table in $(tables); do
        file=${table#*:}
        if is_current "$table"; then
            continue
        elif [ -e "$file" ]; then
            make_index "$table"
        elif [ -e "$file.db" ] && ! [ -e "$file.lmdb" ]; then
            echo "$table: there is an index of Postfix's but no source to make ours of; mail that needs it waits" >&2
        fi
    done
}

remove_names() {
    for table in $(tables); do
        ! leads_to_ours "${table#*:}" || rm -f "${table#*:}.db"
    done
}

case ${1-} in
"") make_missing ;;
unlink) remove_names ;;
*) sed -n '5,6s/^# *//p' "$0" >&2; exit 2 ;;
esac
