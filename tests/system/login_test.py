#!/usr/bin/env python3
"""Logging in to other servers: passwords, mechanisms, and what becomes of mail when a server says no."""
import base64
import hashlib
import hmac
import os
import re
import socketserver
import threading

from harness import DOMAIN, ETC, furnish, Host, main, QUEUE, send, test

PASSWORDS = "[127.0.0.1]:2587 ana:pw:x\nboss@%s jefa:clave\n@dept.test team:t\n[127.0.0.1]:2588 ana:wrong\n[127.0.0.1]:2589 ana@x.test:TOKEN\n[127.0.0.1]:2592 ana@x.test:/etc/tokens/ana\n[127.0.0.1]:2591 ana@x.test:%s\n" % (DOMAIN, "T" * 1500)


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode("latin-1")).decode()


def plain_of(line):
    return base64.b64decode(line.split()[2]).decode("latin-1").split("\0")


class Server(socketserver.ThreadingTCPServer):
    """A smarthost: `offer` are EHLO lines, `auth(session, line)` answers AUTH; mail needs a login unless `open`."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port, offer, auth, free=False):
        self.offer, self.auth, self.free, self.said, self.mail = offer, auth, free, [], []
        super().__init__(("127.0.0.1", port), Session)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def commands(self, verb):
        return [line for line in self.said if line.startswith(verb)]


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode("latin-1") + b"\r\n")

    def hear(self):
        line = self.rfile.readline().decode("latin-1").rstrip("\r\n")
        self.server.said.append(line)
        return line

    def ask(self, challenge):
        self.say("334 " + challenge)
        return self.hear()

    def handle(self):
        self.logged_in = self.server.free
        self.say("220 smarthost.test ESMTP")
        while True:
            line = self.hear()
            verb = line[:4].upper()
            if not line:
                return
            if verb == "EHLO":
                self.say("\r\n".join("250-" + o for o in ("smarthost.test",) + self.server.offer) + "\r\n250 ENHANCEDSTATUSCODES")
            elif verb == "AUTH":
                reply = self.server.auth(self, line)
                self.logged_in = self.logged_in or reply.startswith("235")
                self.say(reply)
            elif verb == "MAIL" and not self.logged_in:
                self.say("530 5.7.0 log in first")
            elif verb == "DATA":
                self.say("354 go on")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.mail.append(text.decode("latin-1"))
                self.say("250 2.0.0 kept")
            else:
                self.say("221 2.0.0 bye" if verb == "QUIT" else "250 2.1.0 ok")


def accept_plain(session, line):
    return "235 2.7.0 ok"


def logged(host, qid, pattern):
    return host.wait_log(r"%s: to=<.*>, .*%s" % (qid, pattern))


@test
def a_password_for_the_destination_is_used(host):
    with Server(2587, ("AUTH PLAIN LOGIN",), accept_plain) as s:
        qid = send("x@plain.test")
        logged(host, qid, "status=sent")
        assert [plain_of(line) for line in s.commands("AUTH")] == [["", "ana", "pw:x"]], s.said
        assert s.commands("MAIL")[0].endswith(">"), "no AUTH= unless a site wants it"


@test
def a_sender_may_have_a_password_of_its_own(host):
    with Server(2587, ("AUTH PLAIN",), accept_plain) as s:
        for sender, user in (("boss@" + DOMAIN, "jefa"), ("boss+x@" + DOMAIN, "jefa"), ("who@dept.test", "team"), ("who@" + DOMAIN, "ana"), ("", "ana")):
            logged(host, send("x@sender.test", sender=sender), "status=sent")
            assert plain_of(s.commands("AUTH")[-1])[1] == user, (sender, s.said)


@test
def a_server_that_asks_for_no_login_gets_none(host):
    with Server(2587, ("8BITMIME",), accept_plain, free=True) as s:
        logged(host, send("x@plain.test"), "status=sent")
        assert not s.commands("AUTH")


@test
def without_a_password_there_is_no_login(host):
    with Server(2586, ("AUTH PLAIN",), accept_plain, free=True) as s:
        logged(host, send("x@nopw.test"), "status=sent")
        assert not s.commands("AUTH")


def scram(session, line):
    user_first = base64.b64decode(line.split()[2]).decode()[3:]
    salt, rounds = b"salt of the sea", 4096
    offer = "r=%s%s,s=%s,i=%d" % (re.search("r=(.*)", user_first)[1], "more", b64(salt), rounds)
    final = base64.b64decode(session.ask(b64(offer))).decode()
    bare = final[:final.index(",p=")]
    signed = ",".join((user_first, offer, bare)).encode()
    salted = hashlib.pbkdf2_hmac("sha256", b"pw:x", salt, rounds)
    client = hmac.digest(salted, b"Client Key", "sha256")
    proof = bytes(a ^ b for a, b in zip(client, hmac.digest(hashlib.sha256(client).digest(), signed, "sha256")))
    if base64.b64decode(final[final.index(",p=") + 3:]) != proof:
        return "535 5.7.8 wrong proof"
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    session.ask(b64("v=" + b64(session.server.forge or server)))
    return "235 2.7.0 ok"


@test
def scram_is_preferred_and_the_server_has_to_prove_itself(host):
    with Server(2587, ("AUTH PLAIN SCRAM-SHA-256 CRAM-MD5",), scram) as s:
        s.forge = None
        logged(host, send("x@plain.test"), "status=sent")
        assert s.commands("AUTH")[0].split()[1] == "SCRAM-SHA-256"
        s.forge = b"x" * 32
        logged(host, send("x@plain.test"), r"dsn=4\.7\.0, status=deferred \(SASL authentication failed; cannot authenticate to server 127\.0\.0\.1\[127\.0\.0\.1\]: ")


@test
def a_refusal_is_told_and_remembered(host):
    refusals = []

    def refuse(session, line):
        refusals.append(line)
        return "535 5.7.8 nope;x"
    with Server(2588, ("AUTH PLAIN",), refuse) as s:
        logged(host, send("x@refused.test"), r"dsn=4\.7\.8, status=deferred \(SASL authentication failed; server 127\.0\.0\.1\[127\.0\.0\.1\] said: 535 5\.7\.8 nope;x\)$")
        logged(host, send("y@refused.test"), r"dsn=4\.7\.8, status=deferred \(SASL \[CACHED\] authentication failed; server 127\.0\.0\.1 said: 535 5\.7\.8 nope;x\)$")
        assert len(refusals) == 1
        entry = host.run("postmap", "-q", "127.0.0.1;ana", "btree:/var/lib/postfix/refusals").stdout
        assert re.fullmatch(r"\d+;%s;5\.7\.8;535 5\.7\.8 nope;x\n" % re.escape(b64(hashlib.sha1(b"wrong").digest())), entry), entry


@test
def a_site_may_return_the_mail_at_once(host):
    with Server(2590, ("AUTH PLAIN",), lambda session, line: "535 5.7.8 no") as s:
        logged(host, send("x@hard.test"), r"dsn=5\.7\.8, status=bounced \(SASL authentication failed; server ")


@test
def tokens_are_used_where_the_site_says_so(host):
    with Server(2589, ("AUTH PLAIN XOAUTH2",), accept_plain) as s:
        logged(host, send("x@token.test"), "status=sent")
        assert base64.b64decode(s.commands("AUTH XOAUTH2")[0].split()[2]) == b"user=ana@x.test\x01auth=Bearer TOKEN\x01\x01"


@test
def a_file_holds_the_token_that_is_used(host):
    for token in ("first.token", "second.token"):
        host.write(QUEUE + "/etc/tokens/ana", '{"access_token": "%s"}\n' % token)
        with Server(2592, ("AUTH XOAUTH2",), accept_plain) as s:
            logged(host, send("x@filetoken.test"), "status=sent")
            assert b"auth=Bearer %s\x01" % token.encode() in base64.b64decode(s.commands("AUTH XOAUTH2")[0].split()[2]), s.said
    os.unlink(QUEUE + "/etc/tokens/ana")
    with Server(2592, ("AUTH XOAUTH2",), accept_plain):
        logged(host, send("x@filetoken.test"), r"dsn=4\.7\.0, status=deferred \(SASL authentication failed; cannot authenticate to server \S+: access token /etc/tokens/ana: No such file")


@test
def long_tokens_go_behind_the_command(host):
    def auth(session, line):
        return "235 ok" if line == "AUTH XOAUTH2" and len(session.ask("")) > 1000 else "535 5.7.8 no"
    with Server(2591, ("AUTH XOAUTH2",), auth):
        logged(host, send("x@longtoken.test"), "status=sent")


@test
def what_a_server_cannot_ask_is_given_up(host):
    for offer, auth, why in (
            ("AUTH NTLM", accept_plain, r"4\.7\.0.*SASL authentication failed; cannot authenticate to server \S+: no mechanism available"),
            ("AUTH", accept_plain, r"4\.7\.0.*SASL authentication failed: server \S+ offered no compatible authentication mechanisms for this type of connection security"),
            ("AUTH PLAIN", lambda s, line: s.ask("!!") and "501 no", r"4\.7\.0.*cannot authenticate to server \S+: bad protocol / cancel"),
            ("AUTH PLAIN", lambda s, line: "454 4.7.0 later", r"4\.7\.0.*SASL authentication failed; server \S+ said: 454 4\.7\.0 later"),
            ("AUTH CRAM-MD5", lambda s, line: [s.ask(b64("x"))] and s.ask(b64("again")) and "501 no", r"4\.7\.0.*bad protocol / cancel"),
    ):
        with Server(2587, (offer,), auth):
            logged(host, send("x@plain.test"), why)


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.write(ETC + "/passwords", PASSWORDS, mode=0o600)
    routes = " ".join("%s=%s:[127.0.0.1]:%d" % r for r in (("plain.test", "smtp", 2587), ("sender.test", "bysender", 2587), ("nopw.test", "smtp", 2586),
                                                         ("refused.test", "remembers", 2588), ("token.test", "token", 2589), ("longtoken.test", "token", 2591), ("filetoken.test", "token", 2592), ("hard.test", "hard", 2590)))
    host.configure(main={
        "smtp_sasl_auth_enable": "yes", "smtp_sasl_password_maps": "hash:%s/passwords" % ETC, "smtp_sasl_security_options": "noanonymous",
        "transport_maps": "inline:{ %s }" % routes, "relay_domains": "plain.test sender.test nopw.test refused.test token.test longtoken.test filetoken.test hard.test dept.test",
        "minimal_backoff_time": "1h", "maximal_backoff_time": "2h", "transport_retry_time": "1s", "default_destination_concurrency_failed_cohort_limit": "0",
        "default_destination_concurrency_limit": "5", "recipient_delimiter": "+",
        "proxy_write_maps": "proxy:btree:/var/lib/postfix/refusals"},
        master="bysender unix - - y - - smtp -o smtp_sender_dependent_authentication=yes\n"
               "remembers unix - - y - - smtp -o smtp_sasl_auth_cache_name=proxy:btree:/var/lib/postfix/refusals\n"
               "token unix - - y - - smtp -o smtp_sasl_mechanism_filter=xoauth2,plain\n"
               "hard unix - - y - - smtp -o smtp_sasl_auth_soft_bounce=no -o smtp_sasl_password_maps=inline:{[127.0.0.1]:2590=ana:x}\n")
    host.run("postmap", "hash:" + ETC + "/passwords")
    os.makedirs(QUEUE + "/etc/tokens", mode=0o755)
    host.start()
    return host


main(prepare)
