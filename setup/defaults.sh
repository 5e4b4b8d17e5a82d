# What this host most likely is: defaults of the setup's questions, and what an answer can be.
#
# Sourced by postfix-setup(1) and, with apply.sh, by the package's postinst; debconf's config script, which runs before
# the package is unpacked, carries a copy.  SITE_ROOT is put before every path of the system (tests).

site_etc="${SITE_ROOT:-}/etc"

# What main.cf itself says about a parameter.  Status 1: nothing.
site_value() # parameter
{
    [ -e "$site_etc/postfix/main.cf" ] && command -v postconf >/dev/null || return 1
    postconf -c "$site_etc/postfix" -n 2>/dev/null | sed -n "s/^$1 =\$/$1 = /; s/^$1 = /x/p" | sed 's/^x//' | grep ''
}

# The host's name, with the resolver's domain when it has none of its own.
site_fqdn()
{
    name=$(hostname --fqdn 2>/dev/null) || name=$(hostname)
    case "$name" in
    *.*) ;;
    *)
        domain=$(sed -n 's/^\(search\|domain\)[[:blank:]]\{1,\}\([^[:blank:]]*\).*/\2/p' "${SITE_ROOT:-}/etc/resolv.conf" 2>/dev/null | tail -n 1)
        name=$name${domain:+.$domain}
        ;;
    esac
    echo "$name"
}

site_domain()
{
    domain=$(hostname --domain 2>/dev/null) || domain=
    echo "${domain:-localdomain}"
}

# Names that an installer may have left there, and that nobody's mail may go out under.
site_is_borrowed()
{
    case "$1" in
    debian.org | ubuntu.com) return 0 ;;
    esac
    return 1
}

site_default_mailname()
{
    name=$(head -n 1 "$site_etc/mailname" 2>/dev/null) || name=
    [ -n "$name" ] || name=$(hostname --fqdn 2>/dev/null) || name=
    if [ -z "$name" ] || site_is_borrowed "$name"; then
        name=localdomain
    fi
    echo "$name"
}

site_default_relayhost() { echo "smtp.$(site_domain)"; }

# An Internet site receives for its mail name, others only for the host.
site_default_destinations() # type mailname
{
    fqdn=$(hostname --fqdn 2>/dev/null) || fqdn=localhost
    local=localhost.$(site_domain)
    if [ "$1" = "Internet Site" ]; then
        if [ "$fqdn" = "$2" ]; then
            echo "\$myhostname, $2, $local, , localhost"
        else
            echo "\$myhostname, $2, $fqdn, $local, localhost"
        fi
        return
    fi
    case "$fqdn" in
    *"$2") echo "\$myhostname, $fqdn, $local, localhost" ;;
    *) echo "$2, \$myhostname, $fqdn, $local, localhost" ;;
    esac
}

site_default_mynetworks() { echo "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128"; }

site_default_protocols()
{
    four="${SITE_ROOT:-}/proc/sys/net/ipv4"
    six="${SITE_ROOT:-}/proc/sys/net/ipv6"
    if [ ! -d "$six" ]; then
        echo ipv4
    elif [ ! -d "$four" ]; then
        echo ipv6
    else
        echo all
    fi
}

site_default_procmail()
{
    if [ -x "${SITE_ROOT:-}/usr/bin/procmail" ]; then
        echo true
    else
        echo false
    fi
}

# RFC 1035, section 2.3.1, with the digits in front that RFC 1123 added; an IP address is spelled like that, too.
site_is_domain()
{
    case "$1" in
    *[!-.0-9A-Za-z]*) return 1 ;;
    esac
    [ ${#1} -le 255 ] &&
        printf '%s\n' "$1" | grep -Eqx '[^-.]([^.]{0,61}[^-.])?(\.[^-.]([^.]{0,61}[^-.])?)*\.?'
}

# One host: nothing that would make two.
site_is_relayhost()
{
    case "$1" in
    *[,[:space:]]*) return 1 ;;
    esac
    return 0
}

site_is_delimiter() { [ ${#1} -le 1 ]; }

site_is_size()
{
    case "$1" in
    '' | *[!0-9]*) return 1 ;;
    esac
    return 0
}
