# What is wrong, or looks wrong, about a site as it would be; sourced by postfix-setup(1).
#
# Each check prints messages (setup/messages) as KEY<TAB>ARGUMENT<TAB>ARGUMENT, and nothing when all is well.

complain() { printf '%s\t%s\t%s\n' "$1" "${2-}" "${3-}"; }

# An answer that cannot be followed.
check_answer() # question
{
    eval "answer=\$answer_$1"
    case "$1" in
    main_mailer_type)
        case "$answer" in
        "No configuration" | "Internet Site" | "Internet with smarthost" | "Satellite system" | "Local only") ;;
        *) complain bad-type "$answer" ;;
        esac
        ;;
    mailname) site_is_domain "$answer" || complain bad-mailname "$answer" ;;
    relayhost)
        site_is_relayhost "$answer" || complain bad-relayhost "$answer"
        case "$answer_main_mailer_type$answer" in
        "Internet with smarthost" | "Satellite system") complain no-relayhost ;;
        esac
        ;;
    mailbox_limit) site_is_size "$answer" || complain bad-limit "$answer" ;;
    recipient_delim) site_is_delimiter "$answer" || complain bad-delimiter "$answer" ;;
    chattr | procmail)
        case "$answer" in
        true | false) ;;
        *) complain bad-boolean "$answer" ;;
        esac
        ;;
    protocols)
        case "$answer" in
        all | ipv4 | ipv6) ;;
        *) complain bad-protocols "$answer" ;;
        esac
        ;;
    mynetworks) judge_networks refuse ;;
    esac
}

# Each network by itself: one that strangers are in is refused, one that they may be in is told.
judge_networks() # refuse|doubt
{
    printf '%s\n' "$answer_mynetworks" | tr ',' ' ' | tr -s ' \t' '\n\n' | grep . | while read -r network; do
        case "$network" in
        /* | *:/* | *:\$*) continue ;; # a table or a file says it
        esac
        verdict=$(judge_network "$network")
        case "$1$verdict" in
        refusebad-network | refuseopen-relay | doubtwide-network) complain "$verdict" "$network" ;;
        esac
    done
}

judge_network() # network: the message about it, if there is one
{
    net=${1#!}
    case "$net" in
    \[*\]*) spelled=${net#\[} ;;
    *) spelled=$net ;;
    esac
    address=${spelled%%/*}
    address=${address%\]}
    bits=${net##*/}
    case "$net" in
    */*) ;;
    *) bits=whole ;;
    esac
    case "$bits" in
    whole) ;;
    '' | *[!0-9]*)
        echo bad-network
        return
        ;;
    esac
    case "$address" in
    *:*) judge_prefix "$address" "${bits#whole}" 128 8 32 'f[cde]*:*|::1|::ffff:*' ;;
    *[!0-9.]* | '') echo bad-network ;;
    *.*.*.*) judge_prefix "$address" "${bits#whole}" 32 8 24 '127.*|10.*|192.168.*|169.254.*|172.1[6-9].*|172.2[0-9].*|172.3[01].*' ;;
    *) echo bad-network ;;
    esac
}

# A range that no single site has; a public one that few have.
judge_prefix() # address bits all-bits never-below seldom-below private-patterns
{
    [ "${2:-$3}" -le "$3" ] || {
        echo bad-network
        return
    }
    eval "case \"\$1\" in
    $6) private=yes ;;
    *) private=no ;;
    esac"
    if [ "${2:-$3}" -lt "$4" ]; then
        echo open-relay
    elif [ "${2:-$3}" -lt "$5" ] && [ $private = no ]; then
        echo wide-network
    fi
}

is_known() # name: does it have an address or a mail exchanger?
{
    getent ahosts "$1" >/dev/null 2>&1 && return
    command -v host >/dev/null && host -t mx "$1" 2>/dev/null | grep -q 'mail is handled'
}

# Names that others will look up.  Local mail needs none.
check_names()
{
    name=$(postconf -c "$site_etc/postfix" -hx myhostname 2>/dev/null)
    case "$answer_main_mailer_type" in
    "Internet Site" | "Internet with smarthost")
        is_known "$name" || complain unknown-name "$name"
        ;;
    esac
    case "$answer_main_mailer_type$answer_mailname" in
    "Local only"* | *"$name") ;;
    *.*) is_known "$answer_mailname" || complain unknown-name "$answer_mailname" ;;
    *) complain short-name "$answer_mailname" ;;
    esac
    [ -n "$answer_relayhost" ] || return 0
    relay=${answer_relayhost#\[}
    case "$answer_relayhost" in
    \[*) relay=${relay%%\]*} ;;
    *) relay=${relay%%:*} ;;
    esac
    is_known "$relay" || complain unknown-relay "$relay"
}

check_reader()
{
    case "$answer_root_address" in
    '' | NONE | *[@,:/\|\"]*) return ;;
    esac
    getent passwd "$answer_root_address" >/dev/null || grep -Eiqs "^$answer_root_address[[:blank:]]*:" "$site_etc/aliases" ||
        complain unknown-reader "$answer_root_address"
}

# 0A is a listener, 0019 port 25.
check_port()
{
    ! postfix status >/dev/null 2>&1 || return 0
    if cat "${SITE_ROOT:-}/proc/net/tcp" "${SITE_ROOT:-}/proc/net/tcp6" 2>/dev/null | grep -Eq '^ *[0-9]+: [0-9A-F]+:0019 [0-9A-F]+:[0-9A-F]+ 0A '; then
        complain port-taken
    fi
}

# Does a list of restrictions turn strangers away before it lets everybody through?
is_guarded() # restrictions
{
    printf '%s\n' "$1" | tr ', ' '\n\n' | grep -Ex 'permit|(reject|defer)(_unauth_destination)?|check_relay_domains' | head -n 1 | grep -qv permit
}

# Somebody's work by hand; the stock restrictions are guarded.
check_guard()
{
    relay=$(site_value smtpd_relay_restrictions) || relay=unset
    recipient=$(site_value smtpd_recipient_restrictions) || recipient=unset
    case "$relay$recipient" in
    unset*) ;;
    *) is_guarded "$relay" || is_guarded "$recipient" || complain no-guard ;;
    esac
}

check_certificate()
{
    name=$(postconf -c "$site_etc/postfix" -hx myhostname 2>/dev/null)
    for file in $(postconf -c "$site_etc/postfix" -hx smtpd_tls_cert_file smtpd_tls_eccert_file 2>/dev/null | grep /); do
        if ! openssl x509 -noout -in "${SITE_ROOT:-}$file" 2>/dev/null; then
            complain no-certificate "$file"
        elif ! openssl x509 -noout -checkend 0 -in "${SITE_ROOT:-}$file" >/dev/null; then
            complain old-certificate "$file"
        elif openssl x509 -noout -checkhost "$name" -in "${SITE_ROOT:-}$file" | grep -q 'NOT match'; then
            complain other-certificate "$file" "$name"
        fi
    done
}

# What somebody should look at, though it can be followed.
check_doubts()
{
    judge_networks doubt
    check_names
    check_reader
    check_port
    check_certificate
}
