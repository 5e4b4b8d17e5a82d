# What answers to the setup's questions make of main.cf, /etc/mailname and /etc/aliases.
#
# Sourced, after defaults.sh, by the package's postinst and by postfix-setup(1).  The caller puts the answers into
# answer_NAME for each of $site_questions, and the names of those that are to be followed into site_changed; with a
# new main.cf all are.  What was not answered anew is left as the site has it.

site_samples="${SITE_SAMPLES:-/usr/share/postfix}"
site_questions="main_mailer_type mailname relayhost root_address destinations chattr mynetworks procmail mailbox_limit recipient_delim protocols"

site_follows() # questions: is one of them to be followed?
{
    for question; do
        case " $site_changed " in
        *" $question "* | *" all "*) return 0 ;;
        esac
    done
    return 1
}

site_set() # parameter value [what is said]
{
    echo "setting ${3:-$1: $2}"
    postconf -c "$site_etc/postfix" -e "$1 = $2"
}

site_remove() # parameter
{
    echo "deleting $1"
    postconf -c "$site_etc/postfix" -X "$1"
}

# A host that has the certificate which ssl-cert makes for it offers TLS from the beginning.
site_first_main_cf()
{
    {
        cat "$site_samples/main.cf.debian"
        [ ! -e "${SITE_ROOT:-}/etc/ssl/private/ssl-cert-snakeoil.key" ] || cat "$site_samples/main.cf.tls"
    } >"$site_etc/postfix/main.cf.new" && mv "$site_etc/postfix/main.cf.new" "$site_etc/postfix/main.cf"
}

# The name in the addresses of local users: a file of its own, because other programs read it, too.
site_set_mailname()
{
    case "$answer_mailname" in
    *.*) ;;
    *)
        echo "mailname is not a fully qualified domain name.  Not changing /etc/mailname."
        return
        ;;
    esac
    if site_is_borrowed "$answer_mailname"; then
        echo "$answer_mailname is the name of somebody else.  Not changing /etc/mailname."
        return
    fi
    if [ "$(head -n 1 "$site_etc/mailname" 2>/dev/null)" != "$answer_mailname" ]; then
        echo "changing /etc/mailname to $answer_mailname"
        echo "$answer_mailname" >"$site_etc/mailname"
    fi
    site_set myorigin /etc/mailname myorigin
}

site_set_procmail()
{
    if [ "$answer_procmail" = true ]; then
        site_set mailbox_command 'procmail -a "$EXTENSION"' mailbox_command
    elif site_value mailbox_command >/dev/null; then
        site_set mailbox_command '' mailbox_command
    fi
}

# Sites without a network have nobody to send to; those without one of the first two kinds listen to themselves only.
site_set_reach()
{
    case "$answer_main_mailer_type" in
    "Local only" | "Satellite system") site_set inet_interfaces loopback-only ;;
    *) site_set inet_interfaces all ;;
    esac
    for transport in default_transport relay_transport; do
        if [ "$answer_main_mailer_type" = "Local only" ]; then
            site_set $transport error
        elif [ "$(site_value $transport)" = error ]; then
            site_remove $transport
        fi
    done
}

site_set_networks()
{
    if [ -n "$answer_mynetworks" ]; then
        site_set mynetworks "$answer_mynetworks"
    elif site_value mynetworks >/dev/null; then
        site_remove mynetworks
    fi
}

# Each write of a queue directory at once on the disk; the mail system makes sure of what it needs by itself.
site_set_chattr()
{
    for directory in incoming active defer deferred hold bounce corrupt; do
        [ -d "${SITE_ROOT:-}/var/spool/postfix/$directory" ] || continue
        case "$answer_chattr" in
        true) chattr +S "${SITE_ROOT:-}/var/spool/postfix/$directory" || true ;;
        *) chattr -S "${SITE_ROOT:-}/var/spool/postfix/$directory" 2>/dev/null || true ;;
        esac
    done
}

site_has_root_alias()
{
    [ -e "${SITE_ROOT:-}/root/.forward" ] || grep -Eiq '^"?root"?[[:blank:]]*:' "$site_etc/aliases"
}

# Also with no configuration at all: programs of others count on the file.
site_make_aliases()
{
    [ ! -e "$site_etc/aliases" ] || return 0
    echo "/etc/aliases does not exist, creating it."
    printf '%s\n' '# See man 5 aliases for format' 'postmaster:    root' >"$site_etc/aliases"
}

site_add_root_alias()
{
    case "$answer_root_address" in
    '' | NONE)
        site_has_root_alias || echo "WARNING: /etc/aliases exists, but does not have a root alias."
        ;;
    *)
        site_has_root_alias && return
        echo "adding root: $answer_root_address alias"
        printf 'root:\t%s\n' "$answer_root_address" >>"$site_etc/aliases"
        ;;
    esac
}

# Indexes that Postfix left are no use to us, and ours none to it: each has its own file.
site_index_aliases()
{
    case "$(postconf -c "$site_etc/postfix" -h -x alias_database 2>/dev/null)" in
    '' | hash:* | btree:* | lmdb:*)
        echo "Running newaliases"
        newaliases || echo "newaliases reported a problem (above); mail for aliases waits until it is mended"
        ;;
    *:*) echo "Newaliases not run - external map type.  Ensure postfix-$(postconf -c "$site_etc/postfix" -h alias_database | sed 's/:.*//') is installed." ;;
    esac
}

# Follow the answers.  The order is that of the lines in a new main.cf.
site_apply()
{
    site_make_aliases
    if [ "$answer_main_mailer_type" = "No configuration" ]; then
        if [ -e "$site_etc/postfix/main.cf" ]; then
            echo "Postfix (main.cf) configuration was untouched.  To change it, edit /etc/postfix/main.cf or run postfix-setup."
        else
            echo "Postfix (main.cf) was not set up.  Start with"
            echo "  cp $site_samples/main.cf.debian /etc/postfix/main.cf"
            echo "and edit that, or run postfix-setup, which asks."
        fi
        return
    fi
    if [ -e "$site_etc/postfix/main.cf" ]; then
        [ -n "$site_changed" ] || echo "Postfix (main.cf) configuration was not changed.  To change it, edit /etc/postfix/main.cf or run postfix-setup."
    else
        site_first_main_cf
        site_changed=all
        site_set smtpd_relay_restrictions "permit_mynetworks permit_sasl_authenticated defer_unauth_destination"
        site_set myhostname "$(site_fqdn)"
        site_set alias_maps hash:/etc/aliases "alias maps"
        site_set alias_database hash:/etc/aliases "alias database"
    fi
    ! site_follows mailname || site_set_mailname
    ! site_follows destinations || site_set mydestination "$answer_destinations" "destinations: $answer_destinations"
    ! site_follows relayhost || site_set relayhost "$answer_relayhost"
    ! site_follows mynetworks || site_set_networks
    ! site_follows procmail || site_set_procmail
    ! site_follows mailbox_limit || site_set mailbox_size_limit "$answer_mailbox_limit"
    ! site_follows recipient_delim || site_set recipient_delimiter "$answer_recipient_delim"
    ! site_follows main_mailer_type || site_set_reach
    ! site_follows protocols || site_set inet_protocols "$answer_protocols"
    ! site_follows chattr || site_set_chattr
    ! site_follows root_address || site_add_root_alias
}
