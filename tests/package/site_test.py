#!/usr/bin/env python3
"""What the answers to the setup's questions make of a host: main.cf for each kind of site against golden files,
/etc/mailname, aliases, and what a later answer leaves alone."""
import os

from scratch import SOURCE, Scratch, main, read, test

KINDS = {"internet": "Internet Site", "smarthost": "Internet with smarthost", "satellite": "Satellite system", "local": "Local only"}
NETWORKS = "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128"


def answers(kind, **others):
    found = {"main_mailer_type": kind, "mailname": "example.org", "relayhost": "", "root_address": "", "chattr": "false", "procmail": "false",
             "mailbox_limit": "0", "recipient_delim": "+", "protocols": "all", "mynetworks": NETWORKS, "destinations": "$myhostname"}
    found.update(others)
    return {"answer_" + k: v for k, v in found.items()}


def configure(host, kind, changed="", **others):
    return host.shell('site_changed="$CHANGED"; site_apply', CHANGED=changed, **answers(kind, **others))


@test
def each_kind_of_site_has_its_main_cf(tools):
    for name, kind in KINDS.items():
        with Scratch(tools) as host:
            host.write("/etc/ssl/private/ssl-cert-snakeoil.key", "")
            destinations = host.shell('site_default_destinations "$KIND" example.org', KIND=kind).strip()
            relay = "" if name in ("internet", "local") else "[smtp.example.org]"
            said = configure(host, kind, destinations=destinations, relayhost=relay)
            golden = "%s/tests/golden/site/%s.cf" % (SOURCE, name)
            if os.environ.get("GOLDEN"):
                with open(golden, "w", encoding="utf-8") as f:
                    f.write(host.settings())
            assert host.settings() == read(golden), name + ":\n" + host.settings()
            assert "setting myhostname: mail.example.org\n" in said, said
            assert "changing /etc/mailname to example.org\n" in said, said
            assert host.read("/etc/mailname") == "example.org\n"
            assert "/etc/aliases does not exist, creating it.\n" in said, said
            assert host.read("/etc/aliases") == "# See man 5 aliases for format\npostmaster:    root\n"


@test
def no_configuration_makes_aliases_and_nothing_else(tools):
    with Scratch(tools) as host:
        assert "was not set up.  Start with" in configure(host, "No configuration", changed="all")
        assert not os.path.exists(host.root + "/etc/postfix/main.cf") and not host.read("/etc/mailname")
        assert "postmaster:" in host.read("/etc/aliases")


@test
def a_host_without_a_certificate_gets_no_tls_lines(tools):
    with Scratch(tools) as host:
        configure(host, "Internet Site")
        assert "_tls_" not in host.settings(), host.settings()


@test
def what_is_not_answered_anew_stays_as_a_hand_left_it(tools):
    by_hand = "inet_interfaces = 192.0.2.1\n# mine\nmynetworks = 192.0.2.0/24\nrelayhost = [mine.example]\nmyorigin = mine.example\n"
    with Scratch(tools) as host:
        host.write("/etc/postfix/main.cf", by_hand)
        host.write("/etc/mailname", "mine.example\n")
        assert "setting" not in configure(host, "Internet Site")
        assert host.read("/etc/postfix/main.cf") == by_hand and host.read("/etc/mailname") == "mine.example\n"
        said = configure(host, "Internet Site", changed=" mailbox_limit", mailbox_limit="1000")
        assert said.count("setting") == 1 and host.read("/etc/postfix/main.cf") == by_hand + "mailbox_size_limit = 1000\n", said
        assert "untouched" in configure(host, "No configuration", changed=" mailbox_limit", mailbox_limit="2000")
        assert "mailbox_size_limit = 1000" in host.settings()


@test
def another_kind_of_site_opens_and_closes_the_doors(tools):
    with Scratch(tools) as host:
        configure(host, "Local only")
        assert "default_transport = error\nrelay_transport = error\n" in host.settings()
        configure(host, "Satellite system", changed=" main_mailer_type relayhost", relayhost="smtp.example.org")
        assert "inet_interfaces = loopback-only\n" in host.settings() and "transport" not in host.settings(), host.settings()
        configure(host, "Internet Site", changed=" main_mailer_type relayhost")
        assert "inet_interfaces = all\n" in host.settings() and "relayhost =\n" in host.settings().replace(" \n", "\n")


@test
def a_mail_name_without_a_dot_or_of_others_is_not_written(tools):
    for name, told in (("myhost", "not a fully qualified domain name"), ("debian.org", "the name of somebody else")):
        with Scratch(tools) as host:
            assert told in configure(host, "Internet Site", mailname=name)
            assert "myorigin" not in host.settings() and not host.read("/etc/mailname")


@test
def roots_mail_gets_a_reader_once(tools):
    with Scratch(tools) as host:
        assert "adding root: ana alias" in configure(host, "Internet Site", root_address="ana")
        assert host.read("/etc/aliases").endswith("root:\tana\n")
        configure(host, "Internet Site", changed=" root_address", root_address="paco")
        assert "paco" not in host.read("/etc/aliases")
    with Scratch(tools) as host:
        assert "does not have a root alias" in configure(host, "Internet Site", root_address="NONE")
    with Scratch(tools) as host:
        host.write("/root/.forward", "ana\n")
        configure(host, "Internet Site", root_address="paco")
        assert "root:" not in host.read("/etc/aliases")


@test
def single_answers_become_single_lines(tools):
    with Scratch(tools) as host:
        configure(host, "Internet Site", procmail="true", mynetworks="", mailbox_limit="51200000", recipient_delim="", protocols="ipv4", chattr="true")
        settings = host.settings().replace(" \n", "\n")
        for line in ('mailbox_command = procmail -a "$EXTENSION"', "mailbox_size_limit = 51200000", "recipient_delimiter =", "inet_protocols = ipv4"):
            assert line + "\n" in settings, settings
        assert "\nmynetworks" not in settings
        assert "chattr +S %s/var/spool/postfix/incoming\n" % host.root in host.read("/commands")
        configure(host, "Internet Site", changed=" procmail")
        assert "mailbox_command =\n" in host.settings().replace(" \n", "\n")


@test
def defaults_are_what_the_host_says(tools):
    with Scratch(tools) as host:
        said = host.shell("site_default_mailname; site_default_relayhost; site_default_destinations 'Internet Site' mail.example.org;"
                          "site_default_destinations 'Internet Site' example.org; site_default_destinations 'Satellite system' example.org;"
                          "site_default_destinations 'Local only' other.test; site_default_protocols; site_default_procmail")
        assert said.splitlines() == [
            "mail.example.org", "smtp.example.org", "$myhostname, mail.example.org, localhost.example.org, , localhost",
            "$myhostname, example.org, mail.example.org, localhost.example.org, localhost",
            "$myhostname, mail.example.org, localhost.example.org, localhost",
            "other.test, $myhostname, mail.example.org, localhost.example.org, localhost", "all", "false"], said
        host.write("/etc/mailname", "ubuntu.com\n")
        assert host.shell("site_default_mailname") == "localdomain\n"
        os.rmdir(host.root + "/proc/sys/net/ipv6")
        assert host.shell("site_default_protocols") == "ipv4\n"
        host.write("/usr/bin/procmail", "", 0o755)
        assert host.shell("site_default_procmail") == "true\n"
    with Scratch(tools, fqdn="alone") as host:
        host.write("/etc/resolv.conf", "search example.net example.com\nnameserver 192.0.2.1\n")
        assert host.shell("site_fqdn; site_domain").split() == ["alone.example.net", "localdomain"]


@test
def names_are_judged_by_their_spelling(tools):
    with Scratch(tools) as host:
        for name, verdict in (("example.org", "yes"), ("a", "yes"), ("3com.com", "yes"), ("192.0.2.1", "yes"), ("-a.org", "no"), ("a-.org", "no"),
                              ("a..b", "no"), ("", "no"), ("a b", "no"), ("a_b.org", "no"), ("x" * 64 + ".org", "no"), ("a.org\nb", "no")):
            assert host.shell('if site_is_domain "$NAME"; then echo yes; else echo no; fi', NAME=name).strip() == verdict, name


main()
