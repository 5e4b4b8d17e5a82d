#!/usr/bin/env python3
"""AUTH: clients log in through Dovecot's protocol, spoken by an smtpd that is in its jail and connects to nothing by itself."""
import base64
import hmac
import os
import re
import socket
import socketserver
import threading

from dovecot import b64, PASSWORDS, with_dovecot
from harness import contents, DOMAIN, ETC, furnish, Host, MAIL_UID, main, QUEUE, Smtp, test
from trespass import child
from wire import attrs, frame

NAMED = r"localhost\[127\.0\.0\.1\]"


def plain(user, password=None):
    return "AUTH PLAIN " + b64("\0%s\0%s" % (user, PASSWORDS.get(user, "") if password is None else password))


class Saslauthd(socketserver.ThreadingUnixStreamServer):
    """saslauthd at `path`: counted strings in, one counted string out."""
    daemon_threads = True

    def __init__(self, path):
        self.asked = []
        os.makedirs(os.path.dirname(path), exist_ok=True)
        super().__init__(path, SaslauthdSession)
        os.chmod(path, 0o666)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class SaslauthdSession(socketserver.StreamRequestHandler):
    def counted(self):
        return self.rfile.read(int.from_bytes(self.rfile.read(2), "big")).decode("latin-1")

    def handle(self):
        question = [self.counted() for _ in range(4)]
        self.server.asked.append(question)
        answer = b"OK" if PASSWORDS.get(question[0]) == question[1] else b"NO"
        self.wfile.write(len(answer).to_bytes(2, "big") + answer)


def fresh(host):
    """A process of smtpd that has met no auth server yet."""
    host.run("postfix", "reload")


def greeted(port=25):
    c = Smtp(port)
    return c, c.expect("EHLO client.test", 250)


@test
def a_client_logs_in_and_its_mail_tells_so(host):
    mark = len(host.log())
    with with_dovecot() as dovecot:
        c, ehlo = greeted()
        assert "\n250-AUTH PLAIN LOGIN CRAM-MD5\n" in ehlo, ehlo
        assert c(plain("ana", "wrong")) == "535 5.7.8 Error: authentication failed: (reason unavailable)"
        host.wait_log(r"warning: %s: SASL PLAIN authentication failed: \(reason unavailable\), sasl_username=ana$" % NAMED, mark)
        assert c("AUTH PLAIN !").startswith("535 5.7.8 ")
        host.wait_log(r"warning: %s: SASL PLAIN authentication failed: Invalid base64 .*, sasl_username=\(unavailable\)$" % NAMED, mark)
        assert c(plain("ana")) == "235 2.7.0 Authentication successful"
        assert c(plain("ana")) == "503 5.5.1 Error: already authenticated"
        c.mail("x@far.test", ["paco@" + DOMAIN], "Subject: logged in\n\nx", parameters=" AUTH=e+3Df")
        box = host.wait_mail("paco", "Subject: logged in\n")
        assert "(Authenticated sender: ana)\n\tby mail" in box and "with ESMTPA id" in box, box
        host.wait_log(r": client=%s, sasl_method=PLAIN, sasl_username=ana, sasl_sender=e\+3Df$" % NAMED, mark)
        assert [r[:3] for r in dovecot.requests] == [["AUTH", "1", "PLAIN"], ["AUTH", "2", "PLAIN"]]
        assert dovecot.requests[0][3:7] == ["service=smtp", "nologin", "lip=127.0.0.1", "rip=127.0.0.1"]


@test
def a_login_in_steps_can_be_given_up(host):
    mark = len(host.log())
    with with_dovecot():
        c, _ = greeted()
        assert c("auth login") == "334 " + b64("Username:")
        assert c("*") == "501 5.7.0 Authentication aborted"
        host.wait_log(r"warning: %s: SASL login authentication aborted$" % NAMED, mark)
        c.expect("AUTH LOGIN", 334)
        assert c("x" * 13000) == "500 5.5.6 SASL response limit exceeded"
        host.wait_log(r"warning: %s: request longer than 12288: x{30}\.\.\.$" % NAMED, mark)
        c.expect("AUTH LOGIN", 334)
        c.expect(b64("jo(e\\x"), 334)
        assert c(b64("x")).startswith("235")
        c.mail("x@far.test", ["paco@" + DOMAIN], "Subject: odd name\n\nx")
        assert "(Authenticated sender: jo(e?x))" in host.wait_mail("paco", "Subject: odd name\n")


@test
def what_no_server_could_like_is_not_sent_to_it(host):
    with with_dovecot() as dovecot:
        c, _ = greeted()
        for command, reason in (("AUTH NTLM", "Invalid authentication mechanism: 'NTLM'"), ("AUTH SECRET", "Invalid authentication mechanism: 'SECRET'"),
                                ("AUTH PLAIN a!b", "Invalid base64 data in initial response")):
            assert c(command) == "535 5.7.8 Error: authentication failed: " + reason
        c.expect("AUTH PLAIN", 334)
        assert c("a b") == "535 5.7.8 Error: authentication failed: Invalid base64 data in continued response"
        assert [r[0] for r in dovecot.requests] == ["AUTH"], dovecot.requests


@test
def a_server_that_was_restarted_is_found_again(host):
    with with_dovecot():
        c, _ = greeted()
        assert c(plain("ana", "x")).startswith("535")
        d, _ = greeted()
    with with_dovecot():
        assert c(plain("ana")).startswith("235"), "a write error is followed by another try"
    assert d(plain("ana")).startswith("454 4.7.0 Temporary authentication failure: "), "nobody is there"


@test
def hostile_servers_cost_one_answer_and_no_process(host):
    for said, reply in (("OK\t%s\n", "535 5.7.8 Error: authentication failed: Authentication backend error"),
                        ("CONT\t%s\n", "535 5.7.8 Error: authentication failed: Authentication backend error"),
                        ("FAIL\t%s\treason=no \x01way\ttemp\n", "535 5.7.8 Error: authentication failed: no ?way"),
                        ("OK\t99\tuser=eve\nFAIL\t%s\n", "535 5.7.8 Error: authentication failed: (reason unavailable)"),
                        ("x" * 100000, "454 4.7.0 Temporary authentication failure: Connection lost to authentication server"),
                        (None, "454 4.7.0 Temporary authentication failure: Connection lost to authentication server")):
        fresh(host)
        with with_dovecot(answer=lambda words: said and said.replace("%s", words[1])):
            c, _ = greeted()
            assert c(plain("ana")) == reply, said
            assert c("NOOP").startswith("250")


@test
def without_a_server_nobody_is_greeted(host):
    fresh(host)
    mark = len(host.log())
    try:
        Smtp()
        raise AssertionError("greeted")
    except (EOFError, ConnectionError):
        pass
    host.wait_log(r"warning: SASL: Connect to Dovecot auth socket 'private/auth' failed: No such file or directory$", mark)
    host.wait_log(r"fatal: no SASL authentication mechanisms$", mark)


@test
def another_protocol_is_told_apart(host):
    for hello, text in (("VERSION\t2\t0\n", r"SASL: Protocol version mismatch \(2 vs\. 1\)"), ("VERSION\t1\t1\nSPID\t9\n", "SASL: Connected to wrong auth socket")):
        host.stop()
        host.start()
        mark = len(host.log())
        with with_dovecot(hello=hello):
            try:
                Smtp()
                raise AssertionError("greeted")
            except (EOFError, ConnectionError):
                pass
            host.wait_log(r"warning: " + text, mark)


@test
def who_is_not_root_any_more_can_put_nothing_on_a_list(host):
    host.stop()
    host.start()

    def ask():
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(QUEUE + "/private/connector")
            s.sendall(frame(b"N", attrs(endpoint="unix:private/auth")) + frame(b"L", b"") + frame(b"C", attrs(entry=0, wait=5)))
            print(s.recv(100), flush=True)
        os._exit(0)
    status, output = child(ask, uid=MAIL_UID)
    assert (status, output) in ((0, "b''\n"), (126, "")), (status, output)


@test
def a_closed_list_stays_as_it_is(host):
    """Root may name; whoever has the channel later may only choose."""
    mark = len(host.log())
    with with_dovecot():
        for more in (frame(b"N", attrs(endpoint="inet:127.0.0.1:25")), frame(b"C", attrs(entry=1, wait=5)), frame(b"C", attrs(entry=-1, wait=5)),
                     frame(b"C", attrs(entry=0, wait=0)), b"\xff\xff\xff\xffxx"):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(20)
                s.connect(QUEUE + "/private/connector")
                s.sendall(frame(b"N", attrs(endpoint="unix:private/auth")) + frame(b"L", b"") + frame(b"C", attrs(entry=0, wait=5)))
                data, fds, _, _ = socket.recv_fds(s, 1, 1)
                with socket.socket(fileno=fds[0]) as auth:
                    auth.settimeout(20)
                    assert auth.recv(7) == b"VERSION"
                s.sendall(more)
                assert s.recv(100) == b"", more
    assert "a client breaks the protocol" in host.log()[mark:]


@test
def a_login_may_send_as_itself_only(host):
    with with_dovecot():
        for login, sender, reply in (("ana", "ana@" + DOMAIN, "250"), ("ana", "paco@" + DOMAIN, "553 5.7.1 <paco@%s>: Sender address rejected: not owned by user ana" % DOMAIN),
                                     (None, "paco@" + DOMAIN, "553 5.7.1 <paco@%s>: Sender address rejected: not logged in" % DOMAIN),
                                     ("ana", "nobody@" + DOMAIN, "553 5.7.1 <nobody@%s>: Sender address rejected: not owned by user ana" % DOMAIN),
                                     (None, "nobody@" + DOMAIN, "250"), ("ana", "", "250"), (None, "", "250")):
            c, _ = greeted(2525)
            if login:
                c.expect(plain(login), 235)
            c.expect("MAIL FROM:<%s>" % sender, 250)
            assert c("RCPT TO:<luis@%s>" % DOMAIN).startswith(reply), (login, sender)


@test
def a_login_can_send_so_much_an_hour_from_wherever_it_comes(host):
    with with_dovecot():
        def session(login):
            c, _ = greeted(2530)
            c.expect(plain(login), 235)
            return c
        first = session("paco")
        for _ in range(2):
            first.mail("paco@" + DOMAIN, ["luis@" + DOMAIN], "Subject: x\n\nx")
        second = session("paco")
        assert second("MAIL FROM:<paco@%s>" % DOMAIN) == "450 4.7.1 Error: too many messages from this login"
        host.wait_log(r"warning: login message limit exceeded: 3 from %s, sasl_username=paco$" % NAMED)
        other = session("ana")
        other.expect("MAIL FROM:<ana@%s>" % DOMAIN, 250)
        answers = [other("RCPT TO:<luis@%s>" % DOMAIN)[:3] for _ in range(4)]
        assert answers == ["250", "250", "250", "450"], answers


@test
def a_client_of_the_exceptions_sees_no_offer(host):
    with with_dovecot():
        c, ehlo = greeted(2526)
        assert "AUTH" not in ehlo, ehlo
        assert c(plain("ana")).startswith("235")


@test
def security_options_take_mechanisms_away(host):
    with with_dovecot():
        c, ehlo = greeted(2527)
        assert "\n250-AUTH CRAM-MD5\n250-AUTH=CRAM-MD5\n" in ehlo, ehlo
        assert c(plain("ana")).endswith("Invalid authentication mechanism: 'PLAIN'")


@test
def cyrus_asks_saslauthd_inside_and_outside_of_the_chroot(host):
    for port, place in ((2528, QUEUE), (2529, "")):
        mark = len(host.log())
        server = Saslauthd(place + "/var/tmp/auth-test/mux")
        c, ehlo = greeted(port)
        assert re.search(r"^250-AUTH (PLAIN LOGIN|LOGIN PLAIN)$", ehlo, re.M), ehlo
        assert c(plain("ana", "wrong")) == "535 5.7.8 Error: authentication failed: authentication failure"
        host.wait_log(r"warning: SASL authentication failure: Password verification failed$", mark)
        host.wait_log(r"warning: %s: SASL PLAIN authentication failed: authentication failure, sasl_username=" % NAMED, mark)
        assert c("AUTH BOGUS") == "535 5.7.8 Error: authentication failed: no mechanism available"
        assert c("AUTH PLAIN a").startswith("535 5.7.8 Error: authentication failed: ")
        assert c("AUTH PLAIN " + b64("garbage")).startswith("535 5.7.8 Error: authentication failed: bad protocol / cancel")
        c.expect("AUTH LOGIN", 334)
        assert c("*").startswith("501")
        assert c("AUTH LOGIN") == "334 " + b64("Username:")
        assert c(b64("paco@rr.test")) == "334 " + b64("Password:")
        assert c(b64("clave")) == "235 2.7.0 Authentication successful"
        assert server.asked == [["ana", "wrong", "smtp", ""], ["paco", "clave", "smtp", "rr.test"]], server.asked
        c.mail("x@far.test", ["luis@" + DOMAIN], "Subject: cyrus %d\n\nx" % port)
        host.wait_log(r": client=%s, sasl_method=LOGIN, sasl_username=paco@rr\.test$" % NAMED, mark)
        server.shutdown()
        server.server_close()
        d, _ = greeted(port)
        assert d(plain("ana")) == "454 4.7.0 Temporary authentication failure: generic failure"


def secrets_of_sasldb(host):
    """A data base of the program that makes them, for the group that smtpd's user is in."""
    feed = "secreto\n"
    host.run("saslpasswd2", "-p", "-c", "-u", "mail.example.test", "ana", text=feed)
    host.run("chgrp", "postfix", "/etc/sasldb2")
    host.run("chmod", "640", "/etc/sasldb2")


@test
def cyrus_reads_sasldb_where_the_tool_is_installed(host):
    if not os.path.exists("/usr/sbin/saslpasswd2"):
        return
    secrets_of_sasldb(host)
    c, ehlo = greeted(2531)
    offered = re.search(r"^250-AUTH (.*)$", ehlo, re.M)[1].split()
    assert {"PLAIN", "CRAM-MD5", "SCRAM-SHA-256"} <= set(offered), offered
    challenge = base64.b64decode(c("AUTH CRAM-MD5").split()[1])
    digest = hmac.new(b"secreto", challenge, "md5").hexdigest()
    assert c(b64("ana " + digest)) == "235 2.7.0 Authentication successful"
    d, _ = greeted(2531)
    assert d(plain("ana", "wrong")).startswith("535 5.7.8 Error: authentication failed: authentication failure")
    assert d(plain("nobody", "x")) == "535 5.7.8 Error: authentication failed: authentication failure"
    assert d(plain("ana")) == "235 2.7.0 Authentication successful"


@test
def cyrus_is_out_of_reach_for_everybody_else(host):
    names = [n for n in os.listdir(QUEUE + "/private") if n.startswith("cyrus")]
    assert sorted(names) == ["cyrus-2528", "cyrus-2529", "cyrus-2531"], names

    def ask():
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(QUEUE + "/private/cyrus-2528")
            print(s.recv(100), flush=True)
        os._exit(0)
    assert child(ask, uid=MAIL_UID) in ((0, "b''\n"), (126, ""))
    assert "\ncyrus" not in host.run("postconf", "-M").stdout


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.write(ETC + "/sasl/auth-test.conf", "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\nsaslauthd_path: /var/tmp/auth-test/mux\n", mode=0o600)
    host.write(ETC + "/sasl/sasldb-test.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN CRAM-MD5 SCRAM-SHA-256\n")
    host.configure(main={"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private/auth", "smtpd_sasl_authenticated_header": "yes",
                         "smtpd_sender_login_maps": "inline:{ ana@%s=ana paco@%s=paco }" % (DOMAIN, DOMAIN), "service_throttle_time": "1s"},
                   master="2525 inet n - y - - smtpd -o smtpd_sender_restrictions=reject_sender_login_mismatch\n"
                          "2526 inet n - y - - smtpd -o smtpd_sasl_exceptions_networks=127.0.0.0/8\n"
                          "2527 inet n - y - - smtpd -o smtpd_sasl_security_options=noplaintext -o broken_sasl_auth_clients=yes\n"
                          "2530 inet n - y - - smtpd -o relevo_login_message_limit=2 -o relevo_login_recipient_limit=3\n"
                          "2528 inet n - y - - smtpd -o smtpd_sasl_type=cyrus -o smtpd_sasl_path=auth-test\n"
                          "2529 inet n - n - - smtpd -o smtpd_sasl_type=cyrus -o smtpd_sasl_path=auth-test\n"
                          "2531 inet n - n - - smtpd -o smtpd_sasl_type=cyrus -o smtpd_sasl_path=sasldb-test\n")
    assert re.search(r"^smtp +inet +n +- +y ", contents("/etc/postfix/master.cf"), re.M), "smtpd is chrooted"
    host.start()
    return host


main(prepare)
