#!/usr/bin/env python3
"""postfix-setup(1) on a scratch host: the five kinds of site by answers, by a dialogue in two languages, its checks, what
it shows before it writes, and the copies that it leaves."""
import glob
import os
import subprocess

from scratch import SETUP, SOURCE, Scratch, main, read, test

TROUBLE, USAGE, CANCELLED, REFUSED = 1, 2, 3, 4
KINDS = {"internet": "Internet Site", "smarthost": "Internet with smarthost", "satellite": "Satellite system", "local": "Local only"}
SPANISH = {"LC_ALL": "es_ES.UTF-8"}


def setup(host, *words, said="", status=0, **env):
    p = subprocess.run(["sh", SETUP + "/postfix-setup", *words], input=said, env=dict(host.env, **env), capture_output=True, text=True)
    assert p.returncode == status, "%d\n%s%s" % (p.returncode, p.stdout, p.stderr)
    return p.stdout + p.stderr


def by_answers(host, text, **more):
    host.write("/answers", text)
    return setup(host, "--answers", host.root + "/answers", **more)


def files(host):
    return {f: host.read("/etc/" + f) for f in ("postfix/main.cf", "mailname", "aliases")}


@test
def each_kind_of_site_is_what_debconf_makes_of_it(tools):
    for name, kind in KINDS.items():
        with Scratch(tools) as host:
            host.write("/etc/ssl/private/ssl-cert-snakeoil.key", "")
            relay = "" if name in ("internet", "local") else "relayhost = [smtp.example.org]\n"
            by_answers(host, "# a new host\nmain_mailer_type = %s\nmailname=example.org\n%s" % (kind, relay))
            assert host.settings() == read("%s/tests/golden/site/%s.cf" % (SOURCE, name)), host.settings()
    with Scratch(tools) as host:
        assert "Nothing has been changed." in by_answers(host, "main_mailer_type = No configuration\n")
        assert set(files(host).values()) == {""}


@test
def answers_may_have_the_form_of_a_preseed_file(tools):
    with Scratch(tools) as host:
        by_answers(host, "postfix postfix/main_mailer_type select Satellite system\nrelevo\tpostfix/relayhost\tstring [r.example]\n"
                         "postfix postfix/mailname string example.org\npostfix/recipient_delim = -\n")
        assert "relayhost = [r.example]\n" in host.settings() and "recipient_delimiter = -\n" in host.settings()


@test
def what_cannot_be_is_refused_and_nothing_is_written(tools):
    for lines, told in (
            (("main_mailer_type = Party", "mailname = a b", "mailbox_limit = much", "recipient_delim = ++", "protocols = ipx", "chattr = perhaps",
              "mynetworks = 127.0.0.0/8 0.0.0.0/0, [::]/0 10.0.0.0/4 300 10.0.0.0/40"),
             ("Party is no kind of site", "a b is not a domain name", "much is not a number", "++ is longer than one", "ipx is none of all",
              "perhaps is neither true", "with the network 0.0.0.0/0, strangers could send", "the network [::]/0, strangers",
              "the network 10.0.0.0/4, strangers", "300 is not a network", "10.0.0.0/40 is not a network")),
            (("main_mailer_type = Satellite system", "relayhost = a, b"), ("a, b is more than one relay host",)),
            (("main_mailer_type = Satellite system", "relayhost ="), ("needs a relay host",))):
        with Scratch(tools) as host:
            said = by_answers(host, "\n".join(lines) + "\n", status=REFUSED)
            assert all(t in said for t in told) and "127.0.0.0/8" not in said, said
            assert set(files(host).values()) == {""}
    with Scratch(tools) as host:
        host.write("/etc/postfix/main.cf", "smtpd_relay_restrictions = permit_mynetworks, permit, reject_unauth_destination\n")
        assert "is an open relay" in by_answers(host, "mailbox_limit = 5\n", status=REFUSED)


@test
def what_looks_wrong_is_told_and_done(tools):
    with Scratch(tools, fqdn="nowhere.invalid") as host:
        host.write("/proc/net/tcp", "  sl  local_address rem_address   st\n   0: 00000000:0019 00000000:0000 0A 0\n")
        host.write("/bin/postfix", "#!/bin/sh\nexit 1\n", 0o755)
        host.write("/bin/getent", "#!/bin/sh\nexit 2\n", 0o755)
        host.write("/bin/host", "#!/bin/sh\nexit 1\n", 0o755)
        said = by_answers(host, "main_mailer_type = Internet with smarthost\nmailname = example.invalid\nrelayhost = [relay.invalid]:587\n"
                                "root_address = nobodyhere\nmynetworks = 127.0.0.0/8 192.168.0.0/16 203.0.0.0/16\n")
        for told in ("nowhere.invalid is not in DNS", "example.invalid is not in DNS", "the relay host relay.invalid", "no user nobodyhere",
                     "203.0.0.0/16 is large and public", "another program listens on port 25"):
            assert told in said, told + "\n" + said
        assert "192.168" not in said.split("Worth a look")[1]
        assert "mynetworks = 127.0.0.0/8 192.168.0.0/16 203.0.0.0/16\n" in host.settings()


@test
def a_certificate_for_another_name_is_told(tools):
    with Scratch(tools) as host:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other.example", "-keyout", host.root + "/key.pem",
                        "-out", host.root + "/cert.pem"], check=True, capture_output=True)
        host.write("/etc/postfix/main.cf", "myhostname = mail.example.org\nsmtpd_tls_cert_file = /cert.pem\n")
        assert "the certificate /cert.pem is not for the name mail.example.org" in by_answers(host, "mailbox_limit = 1\n")


@test
def a_change_is_shown_and_the_file_before_is_kept(tools):
    with Scratch(tools) as host:
        host.write("/etc/postfix/main.cf", "# mine\ninet_interfaces = 192.0.2.1\nmyorigin = mine.example\n")
        host.write("/etc/aliases", "root: ana\n")
        before = files(host)
        said = by_answers(host, "mailbox_limit = 9\n", status=0)
        assert "+mailbox_size_limit = 9\n" in said and "-inet" not in said
        assert files(host)["postfix/main.cf"] == before["postfix/main.cf"] + "mailbox_size_limit = 9\n"
        assert [read(f) for f in glob.glob(host.root + "/etc/postfix/main.cf.2*")] == [before["postfix/main.cf"]]
        assert "postfix reload\n" in host.read("/commands")
        assert "Everything is so already" in by_answers(host, "mailbox_limit = 9\n")
        assert len(glob.glob(host.root + "/etc/postfix/main.cf.2*")) == 1
        after = files(host)
        host.write("/answers", "mailbox_limit = 10\n")
        assert "+mailbox_size_limit = 10\n" in setup(host, "--answers", host.root + "/answers", "--dry-run") and files(host) == after


@test
def other_interfaces_need_a_start(tools):
    with Scratch(tools) as host:
        by_answers(host, "main_mailer_type = Internet Site\n")
        by_answers(host, "main_mailer_type = Local only\n")
        assert "postfix stop\npostfix start\n" in host.read("/commands")


@test
def a_dialogue_asks_explains_and_goes_back(tools):
    with Scratch(tools) as host:
        said = setup(host, "--text", said="3\n<\n2\nexample.org\nana\n\n\n\n10\n++\n\n\ny\n")
        assert "Choose what comes nearest to this host" in said and "  2. Internet Site" in said, said
        assert "++ is longer than one character" in said
        assert "+mailbox_size_limit = 10" in said and host.read("/etc/mailname") == "example.org\n" and "root:\tana" in host.read("/etc/aliases")
    with Scratch(tools) as host:
        said = setup(host, "--text", said="2\nejemplo.example\n\n\n\n\n\n\n\nn\n", status=CANCELLED, **SPANISH)
        assert "Elija lo que más se parezca" in said and "  2. Sitio de Internet" in said and "¿Escribir estos cambios?" in said, said
        assert "No se ha cambiado nada" in said and set(files(host).values()) == {""}
        setup(host, "--text", said="Sólo correo local\nejemplo.example\n\n\n\n\n\n\n\ns\n", **SPANISH)
        assert "default_transport = error\n" in host.settings()


@test
def wrong_words_and_missing_files_have_statuses_of_their_own(tools):
    with Scratch(tools) as host:
        assert "usage: postfix-setup" in setup(host, "--everything", status=USAGE)
        assert setup(host, "--help") == setup(host, "--everything", status=USAGE)
        setup(host, "--answers", "/nonexistent/answers", status=TROUBLE)
        setup(host, "--text", status=CANCELLED)


@test
def every_message_has_two_languages(_tools):
    for block in read(SETUP + "/messages").strip().split("\n\n"):
        assert "\nDescription: " in block and "\nDescription-es.UTF-8: " in block and block.count("%s") % 2 == 0, block


main()
