#!/usr/bin/env python3
"""Policy services: servers outside that smtpd asks, over a UNIX socket below the queue directory and by TCP."""
import contextlib
import os
import re
import socket
import socketserver
import threading

from harness import DOMAIN, furnish, Host, MAIL_UID, main, QUEUE, send, Smtp, test

SOCKET = QUEUE + "/private/policy"
PORT = 10031
BOX = "paco@" + DOMAIN
ATTRIBUTES = """request protocol_state protocol_name client_address client_name client_port reverse_client_name server_address server_port
helo_name sender recipient recipient_count queue_id instance size etrn_domain stress sasl_method sasl_username sasl_sender ccert_subject
ccert_issuer ccert_fingerprint ccert_pubkey_fingerprint encryption_protocol encryption_cipher encryption_keysize tls_sni policy_context
compatibility_level mail_version""".split()


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.clients.append(self.request)
        with contextlib.suppress(OSError):  # a client that had enough
            self.talk()

    def talk(self):
        lines = []
        for line in self.rfile:
            text = line.decode("latin-1").rstrip("\n")
            if text:
                lines.append(text)
                continue
            request = [tuple(x.split("=", 1)) for x in lines]
            self.server.requests.append(request)
            said = self.server.answer(dict(request))
            if said is None:
                return
            self.wfile.write(said.encode("latin-1"))
            lines = []


class Policy:
    """A server at both places that answers with what `answer` makes of the attributes: text, or None to hang up."""

    def __init__(self, answer, where=("unix", "inet")):
        self.servers = []
        for kind, place in (("unix", SOCKET), ("inet", ("127.0.0.1", PORT))):
            if kind not in where:
                continue
            base = socketserver.ThreadingUnixStreamServer if kind == "unix" else socketserver.ThreadingTCPServer
            base.allow_reuse_address = base.daemon_threads = True
            if kind == "unix" and os.path.exists(SOCKET):
                os.unlink(SOCKET)
            server = base(place, Talk)
            if kind == "unix":
                os.chown(SOCKET, MAIL_UID, MAIL_UID)
                os.chmod(SOCKET, 0o660)
            server.requests, server.clients, server.answer = [], [], answer
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self.servers.append(server)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()
            for client in server.clients:
                with contextlib.suppress(OSError):  # closed already
                    client.shutdown(socket.SHUT_RDWR)

    def requests(self):
        return [r for server in self.servers for r in server.requests]

    def connections(self):
        return sum(len(server.clients) for server in self.servers)


def action(text):
    return lambda request: "action=%s\n\n" % text


def eq(a, b):
    assert a == b, (a, b)


def restrict(host, service, **more):
    host.run("postconf", "-e", "smtpd_recipient_restrictions = " + service, *("%s = %s" % item for item in more.items()))
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log(r": reload -- version", mark)


def rcpt(sender="a@far.test", recipient=BOX):
    with contextlib.closing(Smtp()) as c:
        c("EHLO client.test")
        c("MAIL FROM:<%s> SIZE=100" % sender)
        return c("RCPT TO:<%s>" % recipient)


@test
def all_attributes_come_in_their_order_and_the_answer_counts(host):
    restrict(host, "check_policy_service unix:private/policy")
    with Policy(lambda r: "action=%s\n\n" % {"a@far.test": "DUNNO", "r@far.test": "reject no thanks"}[r["sender"]]) as p:
        assert rcpt().startswith("250 "), p.requests()
        assert rcpt("r@far.test") == "554 5.7.1 <%s>: Recipient address rejected: no thanks" % BOX
        [first, second] = p.requests()
    assert [name for name, _ in first] == ATTRIBUTES, first
    got = dict(first)
    for name, value in dict(request="smtpd_access_policy", protocol_state="RCPT", protocol_name="ESMTP", client_address="127.0.0.1",
                            helo_name="client.test", sender="a@far.test", recipient=BOX, recipient_count="0", queue_id="", size="100",
                            etrn_domain="", encryption_keysize="0", policy_context="").items():
        assert got[name] == value, (name, got[name])
    assert re.fullmatch(r"[0-9a-f]+\.[0-9a-f]+\.[0-9a-f]+\.0", got["instance"]), got["instance"]
    assert got["instance"] != dict(second)["instance"]


@test
def one_connection_serves_all_sessions_of_a_process_up_to_its_limit(host):
    restrict(host, "check_policy_service { inet:127.0.0.1:%d, request_limit=2, policy_context=here }" % PORT)
    with Policy(action("dunno")) as p:
        with contextlib.closing(Smtp()) as c:
            c("EHLO client.test")
            for _ in range(4):
                c("MAIL FROM:<a@far.test>")
                assert c("RCPT TO:<%s>" % BOX).startswith("250 ")
                c("RSET")
        assert (len(p.requests()), p.connections()) == (4, 2), (len(p.requests()), p.connections())
        assert {dict(r)["policy_context"] for r in p.requests()} == {"here"}
        assert [dict(r)["instance"].split(".")[-1] for r in p.requests()] == ["0", "1", "2", "3"]


@test
def every_stage_says_where_it_is(host):
    service = "check_policy_service unix:private/policy"
    restrict(host, service, smtpd_delay_reject="no", **{"smtpd_%s_restrictions" % x: service for x in ("client", "helo", "sender", "data", "end_of_data", "etrn")})
    with Policy(action("dunno")) as p:
        with contextlib.closing(Smtp()) as c:
            c("EHLO client.test")
            c("MAIL FROM:<a@far.test>")
            c("RCPT TO:<%s>" % BOX)
            c("DATA")
            c("Subject: x\r\n\r\ntext\r\n.")
            c("VRFY " + BOX)
        states = [dict(r) for r in p.requests()]
    assert [r["protocol_state"] for r in states] == ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE", "VRFY"], states
    assert [r["recipient_count"] for r in states] == ["0", "0", "0", "0", "1", "1", "0"]
    assert [r["size"] for r in states][-2] == "20" and states[5]["recipient"] == BOX and states[5]["queue_id"]
    assert [bool(r["instance"]) for r in states] == [False, False, False, True, True, True, False]
    host.run("postconf", "-X", "smtpd_delay_reject", *("smtpd_%s_restrictions" % x for x in ("client", "helo", "sender", "data", "end_of_data", "etrn")))


@test
def a_server_that_is_away_defers_and_the_site_may_say_otherwise(host):
    restrict(host, "check_policy_service inet:127.0.0.1:%d" % PORT, smtpd_policy_service_try_limit="1")
    mark = len(host.log())
    eq(rcpt(), "451 4.3.5 <%s>: Recipient address rejected: Server configuration problem" % BOX)
    assert "warning: problem talking to server 127.0.0.1:%d: Connection refused" % PORT in host.log()[mark:]
    restrict(host, "check_policy_service { inet:127.0.0.1:%d, { default_action = 550 5.7.1 sorry } }" % PORT)
    eq(rcpt(), "550 5.7.1 <%s>: Recipient address rejected: sorry" % BOX)
    restrict(host, "check_policy_service { inet:127.0.0.1:%d, default_action=dunno }" % PORT)
    assert rcpt().startswith("250 ")
    restrict(host, "check_policy_service { unix:private/nobody, { default_action = check_policy_service inet:127.0.0.1:%d } }" % PORT)
    eq(rcpt(), "451 4.3.5 <%s>: Recipient address rejected: Server configuration problem" % BOX)


@test
def a_table_reaches_the_servers_that_main_cf_names(host):
    restrict(host, "check_sender_access inline:{ { a@far.test = named }, { b@far.test = check_policy_service unix:private/other } }",
             smtpd_restriction_classes="named", named="check_policy_service unix:private/policy")
    mark = len(host.log())
    with Policy(action("reject by class"), ["unix"]):
        eq(rcpt(), "554 5.7.1 <a@far.test>: Sender address rejected: by class")
        eq(rcpt("b@far.test"), "451 4.3.5 Server configuration error")
    assert "warning: define a restriction class and specify its name instead." in host.log()[mark:]
    host.run("postconf", "-X", "smtpd_restriction_classes", "named")


@test
def a_server_may_be_a_command_that_spawn_runs(host):
    host.write("/usr/local/bin/policy", "#!/bin/sh\nwhile read line; do\n    test -n \"$line\" || printf 'action=reject from %s\\n\\n' \"$(id -un)\"\ndone\n", mode=0o755)
    host.configure(main={"spawned_time_limit": "3600", "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"},
                   master="spawned unix - n n - 0 spawn\n  user=paco argv=/usr/local/bin/policy\n")
    restrict(host, "check_policy_service unix:private/spawned")
    eq(rcpt(), "554 5.7.1 <%s>: Recipient address rejected: from paco" % BOX)
    eq(rcpt(), "554 5.7.1 <%s>: Recipient address rejected: from paco" % BOX)


@test
def blanks_at_the_end_of_an_answer_are_part_of_it(host):
    restrict(host, "check_policy_service unix:private/policy")
    for said, heard in (("REJECT no ", "554 5.7.1 <%s>: Recipient address rejected: no " % BOX),
                        ("450 4.7.9  two  words  ", "450 4.7.9 <%s>: Recipient address rejected: two  words  " % BOX),
                        ("DEFER_IF_PERMIT later ", "450 4.7.1 <%s>: Recipient address rejected: later " % BOX),
                        ("DUNNO ", "250 2.1.5 Ok"), ("REDIRECT %s " % BOX, "250 2.1.5 Ok")):
        with Policy(action(said), ["unix"]):
            eq(rcpt(), heard)


@test
def mail_is_held_or_thrown_away_once(host):
    service = "check_policy_service unix:private/policy"
    restrict(host, service, smtpd_data_restrictions=service, smtpd_end_of_data_restrictions=service)
    for said, asked in (("HOLD", ["RCPT", "DATA", "END-OF-MESSAGE"]), ("DISCARD", ["RCPT"])):
        mark = len(host.log())
        with Policy(action(said), ["unix"]) as p:
            send(BOX)
            assert [dict(r)["protocol_state"] for r in p.requests()] == asked, p.requests()
        assert host.log()[mark:].count("%s: " % said.lower()) == 1, host.log()[mark:]
    host.run("postsuper", "-d", "ALL")
    host.run("postconf", "-X", "smtpd_data_restrictions", "smtpd_end_of_data_restrictions")


@test
def nothing_is_done_to_mail_that_is_not_there(host):
    restrict(host, "check_policy_service unix:private/policy")
    for said in ("PREPEND X-A: b", "HOLD", "DISCARD", "REDIRECT " + BOX, "BCC " + BOX, "FILTER smtp:x"):
        with Policy(action(said), ["unix"]), contextlib.closing(Smtp()) as c:
            mark = len(host.log())
            c("EHLO client.test")
            c("VRFY " + BOX)
            host.wait_log("action %s is always skipped in Client host or Helo command restrictions" % said.split()[0], mark)
            assert " triggers " not in host.log()[mark:]


@test
def odd_answers_defer_and_harm_nobody(host):
    restrict(host, "check_policy_service unix:private/policy", smtpd_policy_service_try_limit="1")
    for said in ("junk\n\n", "\n", None, "action=" + "x" * 100000 + "\n\n", "x" * 200000, "action=REJECT \xff\xfe\n\n"):
        with Policy(lambda r, said=said: said, ["unix"]):
            reply = rcpt()
            assert reply.startswith("451 4.3.5 "), (said, reply)
    mark = len(host.log())
    with Policy(action("no_such_word"), ["unix"]):
        eq(rcpt(), "451 4.3.5 Server configuration error")
    with Policy(action(""), ["unix"]):
        assert rcpt().startswith("250 ")
    assert "warning: access table unix:private/policy entry  has empty value" in host.log()[mark:]
    assert "killed by signal" not in host.log()


@test
def without_a_server_the_restriction_is_a_mistake(host):
    restrict(host, "check_policy_service")
    mark = len(host.log())
    eq(rcpt(), "451 4.3.5 Server configuration error")
    assert "restriction check_policy_service must be followed by transport:server" in host.log()[mark:]


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.configure(main={"smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"})
    host.start()
    return host


main(prepare)
