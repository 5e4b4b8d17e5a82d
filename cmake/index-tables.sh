#!/bin/sh
# Indexes for the tables that main.cf and master.cf name, where Postfix has left only its own (file.db), or has
# made a later one.  Sources are never changed.
set -eu

named() { grep -oE '(hash|btree|lmdb):/[^][ ,"{}()]+' | sort -u; }
aliases=$(postconf -xh alias_maps alias_database | named)

is_current() { # is_current FILE
    [ -e "$1.lmdb" ] && ! { [ -e "$1.db" ] && [ "$1.db" -nt "$1.lmdb" ]; }
}

# Caches are made by their daemons.
cached=$(postconf -xh data_directory)

for table in $({ postconf -x; postconf -Px; } 2>/dev/null | named | grep -vF ":$cached/"); do
    file=${table#*:}
    if is_current "$file"; then
        continue
    elif [ ! -e "$file" ]; then
        [ ! -e "$file.db" ] || echo "$table: there is an index of Postfix's but no source to make ours of; mail that needs it waits" >&2
    else
        case " $(echo "$aliases" | tr '\n' ' ') " in
        *" $table "*) make=postalias ;;
        *) make=postmap ;;
        esac
        if "$make" "$table"; then
            echo "made an index of $table"
        else
            echo "$table: no index could be made (above); mail that needs it waits until $make succeeds" >&2
        fi
    fi
done
