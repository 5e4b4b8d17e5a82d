#!/usr/bin/env python3
"""Filters that speak the milter protocol: scripted ones, over TCP and UNIX sockets, in front of the whole suite."""
import contextlib
import os
import re
import socketserver
import struct
import threading

from harness import DOMAIN, NAME, furnish, Host, MAIL_UID, main, QUEUE, send, Smtp, test, until

PORT, SECOND = 10891, 10892
SOCKET = QUEUE + "/private/filter"
BOX, OTHER = "paco@" + DOMAIN, "enrique@" + DOMAIN
MAIL = "Received: by there.test\nSubject: first\nX-Old: 1\n two\nX-Old: 3\n\nline\n.dot\n"
EVENTS = "CHMRTULNBEA"


def packet(letter, payload=b""):
    return struct.pack("!I", len(payload) + 1) + letter.encode() + payload


def text(letter, *strings):
    return packet(letter, b"".join(s.encode("latin-1") + b"\0" for s in strings))


def header(letter, index, name, value):
    return packet(letter, (b"" if index is None else struct.pack("!I", index)) + name.encode() + b"\0" + value.encode() + b"\0")


def options(version=6, actions=0x1ff, steps=0, lists=b""):
    return packet("O", struct.pack("!III", version, actions, steps) + lists)


class Talk(socketserver.BaseRequestHandler):
    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.request.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def handle(self):
        self.server.clients.append(self.request)
        with contextlib.suppress(OSError, EOFError):  # the mail server has had enough
            while True:
                length, letter = struct.unpack("!Ic", self.read(5))
                self.hear(letter.decode(), self.read(length - 1))

    def hear(self, letter, data):
        self.server.heard.append((letter, data))
        if letter in "AQDK":
            return
        said = self.server.script.get(letter, packet("c"))
        said = said(data) if callable(said) else said
        if said is None:
            raise EOFError
        self.request.sendall(said)


class Filter:
    """Answers each event with the bytes, or what a function of its payload gives, that `script` has; None hangs up."""

    def __init__(self, port=PORT, **script):
        base = socketserver.ThreadingUnixStreamServer if isinstance(port, str) else socketserver.ThreadingTCPServer
        base.allow_reuse_address = base.daemon_threads = True
        if isinstance(port, str) and os.path.exists(port):
            os.unlink(port)
        self.server = base(port if isinstance(port, str) else ("127.0.0.1", port), Talk)
        if isinstance(port, str):
            os.chown(port, MAIL_UID, MAIL_UID)
        self.server.heard, self.server.clients, self.server.script = [], [], {"O": options(), **script}
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        for client in self.server.clients:
            with contextlib.suppress(OSError):
                client.shutdown(2)

    def heard(self, letters=EVENTS):
        return [(c, d) for c, d in self.server.heard if c in letters]

    def letters(self):
        return "".join(c for c, _ in self.heard(EVENTS + "Q"))

    def macros(self, event):
        """{name: value} of the last macros for that event."""
        last = [d[1:] for c, d in self.server.heard if c == "D" and d[:1] == event.encode()][-1].split(b"\0")
        return {k.decode().strip("{}"): v.decode("latin-1") for k, v in zip(last[0::2], last[1::2])}


def eq(a, b):
    assert a == b, (a, b)


def has(where, *parts):
    for part in parts:
        assert part in where, (part, where)


def setup(host, milters="inet:127.0.0.1:%d" % PORT, **more):
    """Say which filters there are; what earlier tests have said besides is forgotten."""
    host.configure(main={"smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination", "smtpd_milters": milters,
                         "milter_command_timeout": "2s", "milter_content_timeout": "2s", **more})
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log(r": reload -- version", mark)


def deliver(host, mail=MAIL, to=BOX):
    """What of a message arrives."""
    mark = len(host.mailbox(to.split("@")[0]))
    send(to, mail + "the end\n")
    return host.wait_mail(to.split("@")[0], "the end\n")[mark:] if mark == 0 else \
        until("a new mail", lambda: (lambda box: "the end\n" in box[mark:] and box)(host.mailbox(to.split("@")[0])))[mark:]


def changed(host, *changes, mail=MAIL, **script):
    with Filter(E=b"".join(changes) + packet("c"), **script):
        return deliver(host, mail)


def greeted():
    c = Smtp()
    c("EHLO client.test")
    return c


# ---------------------------------------------------------------- what is said to a filter

@test
def a_session_is_told_event_by_event(host):
    setup(host, smtpd_delay_reject="no")
    with Filter() as f:
        c = Smtp()
        c("HELO client.test")
        c("MAIL FROM:<a@far.test> SIZE=100")
        c("RSET")
        eq(c.mail("a@far.test", [BOX], MAIL)[:3], "250")
        c("NONSENSE here")
        c("EHLO again.test")
        c("QUIT")
        until("the end", lambda: f.letters().endswith("Q"))
        eq(re.sub("L+", "L", f.letters()), "CHMAMRTLNBEAUHAAQ")
        heard = f.heard()
        eq(heard[0][1][:10], b"localhost\0")
        eq(heard[0][1][10:11] + heard[0][1][13:], b"4127.0.0.1\0")
        eq(heard[1], ("H", b"client.test\0"))
        eq(heard[2], ("M", b"<a@far.test>\0SIZE=100\0"))
        eq([d for c, d in heard if c == "L"][:4], [b"Received\0by there.test\0", b"Subject\0first\0", b"X-Old\x001\n two\0", b"X-Old\x003\0"])
        eq([d for c, d in heard if c == "R"], [b"<%s>\0" % BOX.encode()])
        eq([d for c, d in heard if c == "U"], [b"NONSENSE here\0"])
        eq([d for c, d in heard if c == "B"], [b"line\r\n.dot\r\n\r\n"])
        eq([f.macros("C")[x] for x in ("j", "_")], [NAME, "localhost [127.0.0.1]"])
        eq(f.macros("M")["mail_addr"], "a@far.test")
        eq(f.macros("R")["rcpt_mailer"], "local")
        assert "i" not in f.macros("R") and re.fullmatch(r"\w+", f.macros("E")["i"]), f.server.heard


@test
def headers_keep_their_lines_and_lose_one_blank(host):
    setup(host)
    with Filter() as f:
        deliver(host, "Subject:  two\nX-Tab:\tx\nX-None:y\nX-Long: a\n b\n\tc\n\nbody\n")
        values = [d for _, d in f.heard("L")]
    has(values, b"Subject\0 two\0", b"X-Tab\0\tx\0", b"X-None\0y\0", b"X-Long\0a\n b\n\tc\0")
    assert any(d.startswith(b"Message-Id\0") for d in values), values
    assert not any(d.startswith(b"Received\0") for d in values), values
    with Filter(O=options(steps=1 << 20)) as f:
        deliver(host, "Subject:  two\n\nbody\n")
        has([d for _, d in f.heard("L")], b"Subject\0  two\0")


@test
def a_filter_hears_what_it_has_settled(host):
    setup(host)
    for steps, letters in ((0x7f, "E"), (1 << 7 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 18 | 1 << 19, "CHMRTLNBE")):
        said = {c: b"" for c in "CHMRTLNB"} if steps >> 12 else {}
        with Filter(O=options(steps=steps), **said) as f:
            deliver(host)
            eq("".join(dict.fromkeys(f.letters().replace("A", "").replace("Q", "").replace("T", "" if steps == 0x7f else "T"))), letters)


@test
def an_older_filter_is_spoken_to_as_it_can_understand(host):
    setup(host)
    with Filter(O=options(version=3)) as f:
        c = greeted()
        c("NONSENSE")
        eq(c.mail("a@far.test", [BOX], MAIL)[:3], "250")
        eq(f.letters().rstrip("A"), "CHUMRLLLLLLNBE".replace("LLLLLL", "L" * len(f.heard("L"))))
    setup(host, milter_protocol="2")
    with Filter(O=lambda data: options(version=struct.unpack("!I", data[:4])[0])) as f:
        deliver(host)
        eq([d for c, d in f.server.heard if c == "O"], [struct.pack("!III", 2, 0x1ff, 0x7f)])


@test
def a_large_body_comes_in_pieces_and_goes_through_a_file(host):
    setup(host)
    body = "".join("line %06d of many, with some more to say\n" % i for i in range(20000))
    with Filter(E=header("h", None, "X-Seen", "all") + packet("c")) as f:
        mail = deliver(host, "Subject: big\n\n" + body)
        pieces = [d for _, d in f.heard("B")]
    has(mail, "X-Seen: all\n", body)
    assert len(pieces) > 10 and max(map(len, pieces)) <= 65535, list(map(len, pieces))
    assert b"".join(pieces).decode() == (body + "the end\n\n").replace("\n", "\r\n"), len(b"".join(pieces))


@test
def skip_and_accept_end_what_a_filter_hears(host):
    setup(host)
    with Filter(O=options(steps=1 << 10), L=packet("s")) as f:
        deliver(host)
        eq(f.letters()[:9], "CHMRTLNBE")
    with Filter(R=packet("a")) as f:
        c = greeted()
        for _ in range(2):
            eq(c.mail("a@far.test", [BOX], MAIL)[:3], "250")
        until("the end of the second message", lambda: f.letters() == "CHMRAMRA")


@test
def accepting_what_is_no_mail_lets_no_mail_by(host):
    setup(host)
    with Filter(O=options(steps=1 << 11), U=packet("a"), R=lambda d: packet("a" if b"no-such" in d else "c"), T=packet("r")) as f:
        c = greeted()
        c("NONSENSE")
        c("MAIL FROM:<a@far.test>")
        eq(c("RCPT TO:<no-such-user@%s>" % DOMAIN)[:3], "550")
        eq([f.macros("R")[x] for x in ("rcpt_mailer", "rcpt_host")], ["error", "5.1.1"])
        c("RCPT TO:<%s>" % BOX)
        eq(c("DATA"), "550 5.7.1 Command rejected")
        eq(f.letters(), "CHUMRRT")


# ---------------------------------------------------------------- answers

@test
def answers_to_the_envelope_become_replies(host):
    setup(host)
    cases = (("r", b"", "550 5.7.1 Command rejected"), ("t", b"", "451 4.7.1 Service unavailable - try again later"),
             ("y", b"550-5.7.1 one % two\r\n550 5.7.1 100%%\0", "550-5.7.1 one  two\n550 5.7.1 100%"),
             ("y", b"554 no dsn here\0", "554 no dsn here"))
    for letter, payload, reply in cases:
        for event in "MRT":
            with Filter(**{event: packet(letter, payload)}):
                c, mark = greeted(), len(host.log())
                replies = [c("MAIL FROM:<a@far.test>"), c("RCPT TO:<%s>" % BOX), c("DATA")]
                eq(replies["MRT".index(event)], reply)
                line = host.wait_log(r"\w+: milter-reject: (MAIL|RCPT|DATA) from localhost\[127\.0\.0\.1\]: (.*); from=<a@far\.test>", mark)
                eq(line[2], reply.replace("\n", "??"))


@test
def what_is_said_to_a_session_stands(host):
    setup(host)
    with Filter(C=packet("r")) as f:
        mark = len(host.log())
        c = Smtp()
        assert re.fullmatch(r"554 \S+ ESMTP not accepting connections", c.banner), c.banner
        assert re.fullmatch(r"250-\S+\n250 ENHANCEDSTATUSCODES", c("EHLO client.test")), c
        eq(c("MAIL FROM:<a@far.test>"), "550 5.7.1 Command rejected")
        eq(c("VRFY " + BOX), "550 5.7.1 Command rejected")
        eq(c("NOOP"), "250 2.0.0 Ok")
        eq(f.letters(), "C")
        has(host.log()[mark:], "NOQUEUE: milter-reject: CONNECT from localhost[127.0.0.1]: 550 5.7.1 Command rejected; proto=SMTP\n")
    with Filter(H=packet("t")):
        c = Smtp()
        has(c("EHLO client.test"), "PIPELINING")
        eq(c("MAIL FROM:<a@far.test>"), "451 4.7.1 Service unavailable - try again later")
    with Filter(C=packet("4")):
        has(Smtp().banner, "421 ", " Service unavailable - try again later")
    with Filter(R=packet("4")):
        c = greeted()
        c("MAIL FROM:<a@far.test>")
        eq(c("RCPT TO:<%s>" % BOX), "421 4.7.0 Server closing connection")
    with Filter(C=packet("d")):
        mark = len(host.log())
        has(Smtp().banner, "220 ")
        has(host.log()[mark:], "DISCARD action is not allowed for connect or helo")


@test
def answers_to_the_content_are_the_reply_to_it(host):
    setup(host)
    cases = (("r", b"", "550 5.7.1 Command rejected"), ("t", b"", "451 4.7.1 Service unavailable - try again later"),
             ("4", b"", "421 4.7.0 Service unavailable"), ("y", b"550-5.7.1 one\r\n550 5.7.1 two\0", "550-5.7.1 one\n550 5.7.1 two"))
    for letter, payload, reply in cases:
        for event in "LNBE":
            with Filter(**{event: packet(letter, payload)}):
                mark = len(host.log())
                eq(greeted().mail("a@far.test", [BOX], MAIL), reply)
                has(host.log()[mark:], "milter-reject: END-OF-MESSAGE from localhost[127.0.0.1]: %s; from=<a@far.test> to=<%s> proto=ESMTP "
                    "helo=<client.test>\n" % (reply[4:].replace("\n", "??"), BOX))


@test
def a_message_may_be_thrown_away_or_held(host):
    setup(host)
    for event in "MRTE":
        with Filter(**{event: packet("d")}):
            mark = len(host.log())
            eq(greeted().mail("a@far.test", [BOX], MAIL)[:3], "250")
            has(host.log()[mark:], "milter triggers DISCARD action;")
            assert "qmgr" not in host.log()[mark:]
    for said, logged in (("smells", "smells"), (" ", "milter triggers HOLD action")):
        with Filter(E=text("q", said) + packet("c")):
            mark = len(host.log())
            qid = send(BOX)
            has(host.log()[mark:], "%s: milter-hold: END-OF-MESSAGE from localhost[127.0.0.1]: %s; from=<" % (qid, logged))
            host.wait_in("hold", qid)
    host.run("postsuper", "-d", "ALL")


@test
def several_filters_see_what_those_before_have_made(host):
    setup(host, "inet:127.0.0.1:%d, { unix:private/filter, default_action=accept }" % PORT)
    with Filter(E=header("h", None, "X-One", "1") + packet("b", b"new body\r\nthe end\r\n") + packet("a")), \
            Filter(SOCKET, E=header("m", 1, "X-One", "2") + packet("c")) as second:
        mail = deliver(host)
        has([d for _, d in second.heard("L")], b"X-One\x001\0")
        eq([d for _, d in second.heard("B")], [b"new body\r\nthe end\r\n"])
    has(mail, "\nX-One: 2\n\nnew body\nthe end\n")
    with Filter(M=packet("r")), Filter(SOCKET) as second:
        eq(greeted()("MAIL FROM:<a@far.test>"), "550 5.7.1 Command rejected")
        assert "M" not in second.letters(), second.letters()


# ---------------------------------------------------------------- changes

@test
def headers_are_added_inserted_changed_and_deleted(host):
    setup(host)
    mail = changed(host, header("i", 1, "X-Ins1", "b"), header("i", 0, "X-Ins0", "a"), header("i", 99, "X-Last", "z"),
                   header("h", None, "X-Fold", "one\ntwo: 3\n four"), header("m", 2, "x-old", "new"), header("m", 1, "Subject", ""),
                   header("m", 7, "X-Missing", "there"), header("m", 1, "X-Absent", ""), header("m", 1, "Received", "by me"))
    names = re.findall(r"^([\w-]+):", mail.split("\n\n")[0], re.M)
    assert names.index("X-Ins0") + 1 == names.index("Received") == names.index("X-Ins1") - 1, names
    has(mail, "\nX-Fold: one\n\ttwo: 3\n four\n", "\nX-Old: 1\n two\nx-old: new\n", "\nX-Missing: there\n", "\nX-Last: z\n",
        "\nReceived: by me\n")
    assert "Subject:" not in mail and "X-Absent" not in mail and "by there.test" not in mail, mail


@test
def a_body_is_replaced_whatever_its_line_ends(host):
    setup(host)
    mail = changed(host, packet("b", b"one\r"), packet("b", b"\ntwo\rx\nthr"), packet("b", b"ee\r\n.\r\nthe end"))
    assert mail.rstrip("\n").endswith("\n\none\ntwo\rx\nthree\n.\nthe end"), mail


@test
def sender_and_recipients_change(host):
    setup(host, always_bcc=OTHER)
    mark = len(host.log())
    with Filter(E=text("e", "<new@far.test>", "ENVID=x+2By") + text("-", "<%s>" % BOX) + text("2", "<luis@%s>" % DOMAIN, "NOTIFY=NEVER FOO=1") +
                text("2", "<%s>" % BOX, "NOTIFY=BOGUS ORCPT=bad") + text("-", BOX) + text("-", OTHER) + packet("c")):
        qid = send(BOX, "Subject: x\n\nx\n")
    host.wait_log(r"%s: removed" % qid, mark)
    log = host.log()[mark:]
    has(log, "%s: from=<new@far.test>, size=" % qid, "%s: to=<luis@%s>," % (qid, DOMAIN),
        "%s: ignoring ESMTP argument from Milter or header/body_checks: \"FOO=1\"" % qid,
        "%s: Bad NOTIFY parameter from Milter or header/body_checks: \"NOTIFY=BOGUS\"" % qid, "unknown DSN NOTIFY command value \"BOGUS\" in \"BOGUS\"",
        "%s: Bad ORCPT parameter from Milter or header/body_checks: \"ORCPT=bad\"" % qid)
    assert "to=<%s>" % BOX not in log and "to=<%s>" % OTHER not in log, log
    with Filter(E=text("-", BOX) + text("+", BOX) + text("+", BOX) + packet("c")):
        mark = len(host.log())
        qid = send(BOX)
        host.wait_log(r"%s: removed" % qid, mark)
        eq(len(re.findall(r"%s: to=<%s>" % (qid, BOX), host.log()[mark:])), 1)


@test
def headers_of_filters_are_checked(host):
    host.write("/etc/postfix/milter_checks", "/^X-Drop:/ IGNORE\n/^X-Bad:/ REJECT no such thing\n/^X-Put:/ REPLACE X-Put: other\n/^X-Odd:/ FROB it\n")
    setup(host, milter_header_checks="regexp:/etc/postfix/milter_checks")
    mail = changed(host, header("h", None, "X-Drop", "1"), header("h", None, "X-Put", "1"), header("h", None, "X-Odd", "1"))
    has(host.log(), "unsupported command in milter_header_checks map: FROB it")
    assert "X-Drop" not in mail and "\nX-Put: other\n" in mail, mail
    with Filter(E=header("h", None, "X-Bad", "1") + packet("c")):
        mark = len(host.log())
        eq(greeted().mail("a@far.test", [BOX], MAIL), "550 5.7.1 no such thing")
        has(host.log()[mark:], "milter-header-reject: header X-Bad: 1 from localhost[127.0.0.1]; from=<a@far.test>")


@test
def content_that_is_checked_and_converted_changes_all_the_same(host):
    host.write("/etc/postfix/checks", "/^X-Gone/ IGNORE\n/^secret/ REPLACE public\n")
    setup(host, header_checks="regexp:/etc/postfix/checks", body_checks="regexp:/etc/postfix/checks", force_mime_input_conversion="yes")
    parts = "--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\ngr\xc3\xbcn\n--b--\nsecret\n"
    mail = "Subject: x\nX-Gone: 1\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\n" + parts
    with Filter(E=header("h", None, "X-Added", "1") + packet("c")) as f:
        got = deliver(host, mail)
        body = b"".join(d for _, d in f.heard("B"))
        assert not any(d.startswith(b"X-Gone") for _, d in f.heard("L")), f.heard("L")
    has(body, b"gr=C3=BCn\r\n", b"--b--\r\npublic\r\n")
    has(got, "\nX-Added: 1\n", "gr=C3=BCn", "--b--\npublic\n")


@test
def a_message_of_headers_alone_can_get_a_body(host):
    setup(host)
    for made, end in ((packet("b", b"the end\r\n"), "\n\nthe end\n"), (packet("b", b"\r\nthe end"), "\n\n\nthe end\n")):
        with Filter(E=made + packet("c")) as f:
            mark = len(host.mailbox("paco"))
            c = greeted()
            for line in ("MAIL FROM:<a@far.test>", "RCPT TO:<%s>" % BOX, "DATA"):
                c(line)
            eq(c("Subject: alone\r\n.")[:3], "250")
            eq(f.heard("B"), [])
            got = until("a new mail", lambda mark=mark: (lambda box: "the end\n" in box[mark:] and box)(host.mailbox("paco")))[mark:]
        assert got.rstrip("\n") + "\n" == got[:got.index(end)] + end, got


# ---------------------------------------------------------------- filters that misbehave

@test
def a_filter_that_is_away_is_what_the_site_says(host):
    for action, banner, mail in (("accept", "220 ", "250 "), ("tempfail", "220 ", "451 4.7.1 Service unavailable - try again later"),
                                 ("reject", "554 ", "550 5.5.0 Service unavailable"), ("quarantine", "220 ", "250 ")):
        setup(host, milter_default_action=action)
        mark = len(host.log())
        c = Smtp()
        assert c.banner.startswith(banner), (action, c.banner)
        c("EHLO client.test")
        reply = c("MAIL FROM:<a@far.test>")
        assert reply.startswith(mail), (action, reply)
        has(host.log()[mark:], "warning: connect to Milter service inet:127.0.0.1:%d: Connection refused" % PORT)
    c("RCPT TO:<%s>" % BOX)
    c("DATA")
    host.wait_in("hold", c("Subject: x\r\n\r\nx\r\n.").split()[-1])
    host.run("postsuper", "-d", "ALL")
    setup(host)
    has(Smtp().banner, "421 ", "Service unavailable - try again later")


@test
def whatever_a_filter_does_wrong_costs_a_reply(host):
    setup(host, milter_default_action="tempfail")
    later, wrong = "451 4.7.1 Service unavailable - try again later", "451 4.3.5 Server configuration problem - try again later"
    cases = ((None, later), (b"", later), (b"\0\0\0\0", later), (b"\x7f\xff\xff\xffc", later), (packet("x"), later),
             (packet("c", b"more"), later), (header("h", None, "X", "y"), later), (text("y", "200 fine"), wrong), (b"\0\0", later))
    for said, reply in cases:
        with Filter(M=said):
            c = greeted()
            eq(c("MAIL FROM:<a@far.test>"), reply)
            eq(c("RSET"), "250 2.0.0 Ok")
            eq(c("MAIL FROM:<a@far.test>"), reply)
    cases = (*cases[:6], (packet("i", b"\0\0"), later), (packet("b", b"x") + header("h", None, "X", "y") + packet("b", b"z") + packet("c"), wrong),
             (header("m", 1, "", "x") + packet("c"), wrong))
    for said, reply in cases:
        with Filter(E=said):
            c = greeted()
            eq(c.mail("a@far.test", [BOX], MAIL), reply)
            eq(c("MAIL FROM:<a@far.test>")[:3], "451")
    with Filter(O=options(version=9)):
        has(Smtp().banner, "220 ")
    has(host.log(), "protocol version 9 conflict with MTA protocol version 6")
    assert "killed by signal" not in host.log()


@test
def a_flood_from_a_filter_has_an_end(host):
    setup(host, milter_default_action="tempfail", message_size_limit="1000000")
    size = 100 << 20
    huge = struct.pack("!I", size + 1) + b"b" + b"line of text\r\n" * (size // 14 + 1)
    for said, code in ((huge, "552"), (packet("b", b"x" * 60000) * 1700, "552"), (header("h", None, "X", "y" * 50000) * 2000, "451"),
                       (text("+", "<a@far.test>") * 500000, "451")):
        with Filter(E=said):
            eq(greeted().mail("a@far.test", [BOX], MAIL)[:3], code)
    assert "killed by signal" not in host.log()


@test
def a_filter_at_work_may_take_its_time(host):
    setup(host)
    with Filter(E=packet("p") * 100 + packet("c")):
        deliver(host)


@test
def a_filter_that_cannot_be_is_a_mistake_of_the_site(host):
    for milters, more, warning in (("127.0.0.1:1", {}, "invalid transport name: 127.0.0.1 in Milter service: 127.0.0.1:1"),
                                   ("nowhere", {}, "Milter service needs transport:endpoint instead of \"nowhere\""),
                                   ("inet:127.0.0.1:1", {"milter_protocol": "5"}, "milter inet:127.0.0.1:1: bad protocol information: 5")):
        setup(host, milters, milter_default_action="tempfail", **more)
        mark = len(host.log())
        c = greeted()
        eq(c("MAIL FROM:<a@far.test>"), "451 4.3.5 Server configuration problem - try again later")
        has(host.log()[mark:], "warning: " + warning)


# ---------------------------------------------------------------- who is filtered

@test
def a_table_says_who_is_filtered_how(host):
    host.write("/etc/postfix/milter_maps", "127.0.0.1 DISABLE\n192.0.2.0/24 inet:127.0.0.1:%d\n" % SECOND)
    setup(host, smtpd_milter_maps="cidr:/etc/postfix/milter_maps", smtpd_authorized_xclient_hosts="127.0.0.1")
    with Filter(M=packet("r")) as first, Filter(SECOND, M=packet("r")) as second:
        c = greeted()
        eq(c("MAIL FROM:<a@far.test>"), "250 2.1.0 Ok")
        c("RSET")
        has(c("XCLIENT ADDR=192.0.2.9 NAME=[UNAVAILABLE]"), "220 ")
        c("EHLO other.test")
        eq(c("MAIL FROM:<a@far.test>"), "550 5.7.1 Command rejected")
        eq((first.letters(), second.letters()[:3]), ("", "CHM"))
        eq(second.heard("C")[0][1].split(b"\0")[0], b"[192.0.2.9]")
        c = greeted()
        c("XCLIENT ADDR=192.0.3.9 NAME=[UNAVAILABLE]")
        c("EHLO third.test")
        eq(c("MAIL FROM:<a@far.test>"), "550 5.7.1 Command rejected")
        eq(first.heard("C")[0][1].split(b"\0")[0], b"[192.0.3.9]")
    setup(host, receive_override_options="no_milters")
    eq(greeted().mail("a@far.test", [BOX], MAIL)[:3], "250")


@test
def who_holds_a_message_early_has_more_to_say(host):
    """Quarantine is no answer by itself: what follows decides, and the filter hears the rest."""
    setup(host)
    hold = packet("q", b"looks odd\0")
    for event in "MRTLNB":
        mark = len(host.log())
        with Filter(**{event: hold + packet("c"), "E": header("h", None, "X-Late", event) + packet("c")}):
            eq(greeted().mail("a@far.test", [BOX], MAIL)[:3], "250")
        qid = host.wait_log(r"([0-9A-F]+): message-id=", mark)[1]
        until("it to be held", lambda: os.path.exists(QUEUE + "/hold/" + qid))
        eq(len(re.findall("milter-hold: .* looks odd; ", host.log()[mark:])), 1)
        has(host.run("postcat", "-hq", qid).stdout, "X-Late: %s\n" % event)
        host.run("postsuper", "-d", qid)
        with Filter(**{event: hold + packet("r")}):
            c = greeted()
            said = [c.mail("a@far.test", [BOX], MAIL)] if event in "LNB" else map(c, ("MAIL FROM:<a@far.test>", "RCPT TO:<%s>" % BOX, "DATA"))
            assert "550 5.7.1 Command rejected" in said


@test
def a_table_of_filters_that_has_changed_is_read_again(host):
    """By whoever is there already and by who comes later, and a filter that only the new one names is reached."""
    host.write("/etc/postfix/milter_maps", "127.0.0.1 DISABLE\n")
    setup(host, "", smtpd_milter_maps="cidr:/etc/postfix/milter_maps", milter_default_action="tempfail")
    with Filter(SECOND, M=packet("r")):
        eq(greeted()("MAIL FROM:<a@far.test>"), "250 2.1.0 Ok")
        host.write("/etc/postfix/milter_maps.new", "127.0.0.1 { inet:127.0.0.1:%d, default_action=accept }\n" % SECOND)
        os.rename(host.path("/etc/postfix/milter_maps.new"), host.path("/etc/postfix/milter_maps"))
        for _ in range(3):
            eq(greeted()("MAIL FROM:<a@far.test>"), "550 5.7.1 Command rejected")
    eq(greeted()("MAIL FROM:<a@far.test>"), "250 2.1.0 Ok")
    with Filter(SECOND, M=packet("r")):
        host.write("/etc/postfix/milter_maps", "127.0.0.1 disable\n")
        until("the edited table", lambda: greeted()("MAIL FROM:<a@far.test>") == "250 2.1.0 Ok")


@test
def mail_of_this_host_has_filters_of_its_own(host):
    setup(host, "", non_smtpd_milters="inet:127.0.0.1:%d" % PORT)
    with Filter(E=header("h", None, "X-Local", "yes") + packet("c")) as f:
        host.run("sendmail", "-f", "a@far.test", BOX, text="Subject: local\n\nfrom here\n", user="enrique")
        has(host.wait_mail("paco", "from here\n"), "\nX-Local: yes\n")
        until("the end", lambda: f.letters().endswith("Q"))
        eq(f.letters().replace("L", ""), "CHMRTNBEQ")
        eq(f.heard("C")[0][1], b"localhost\0" + b"4\0\0" + b"127.0.0.1\0")
        eq([d for _, d in f.heard("HMR")], [b"localhost\0", b"a@far.test\0", BOX.encode() + b"\0"])
        eq(f.macros("M")["mail_addr"], "a@far.test")
    with Filter(M=packet("r")):
        mark = len(host.log())
        host.run("sendmail", "-f", OTHER, BOX, text="Subject: local\n\nrefused\n", user="enrique")
        host.wait_log(r"milter-reject: MAIL from localhost\[127\.0\.0\.1\]: 5\.7\.1 Command rejected; from=<%s>" % OTHER, mark)
        host.wait_log(r"relay=none, .*dsn=5\.7\.1, status=bounced \(Command rejected\)", mark)
    with Filter(C=packet("r")):
        mark = len(host.log())
        host.run("sendmail", "-f", OTHER, BOX, text="Subject: local\n\nrefused\n", user="enrique")
        host.wait_log(r"milter-reject: CONNECT from localhost\[127\.0\.0\.1\]: 5\.7\.1 Command rejected; from=<%s>" % OTHER, mark)
    with Filter(E=text("y", "554-5.7.9 one\r\n554 5.7.9 two")):
        mark = len(host.log())
        host.run("sendmail", "-R", "full", "-f", OTHER, BOX, text="Subject: local\n\nall of it\n", user="enrique")
        host.wait_log(r"dsn=5\.7\.9, status=bounced \(one__554 5\.7\.9 two\)", mark)
        report = host.wait_mail(OTHER.split("@")[0], "one__554 5.7.9 two")
        has(report, "Undelivered Message Headers")
        assert "all of it" not in report, report
    with Filter(E=packet("t")):
        mark = len(host.log())
        host.run("sendmail", "-f", OTHER, BOX, text="Subject: local\n\nlater\n", user="enrique")
        host.wait_log(r"milter-reject: END-OF-MESSAGE from localhost\[127\.0\.0\.1\]: 4\.7\.1 ", mark)
        until("the mail waits", lambda: os.listdir(QUEUE + "/maildrop"))
        assert not re.search(r"pickup\[\d+\]: warning", host.log()[mark:]), host.log()[mark:]
        for name in os.listdir(QUEUE + "/maildrop"):
            os.unlink(QUEUE + "/maildrop/" + name)
    with Filter(R=packet("r")):
        mark = len(host.log())
        host.run("sendmail", "-f", OTHER, BOX, text="Subject: local\n\nlater\n", user="enrique")
        host.wait_log(r"milter configuration error: can't reject recipient in non-smtpd\(8\) submission", mark)
        assert os.listdir(QUEUE + "/maildrop"), "the mail is gone"
    host.run("postsuper", "-d", "ALL")


@test
def a_queue_file_that_filters_have_changed_is_like_any_other(host):
    setup(host)
    host.run("postconf", "-e", "defer_transports = local")
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log(r": reload -- version", mark)
    with Filter(E=text("e", "a-much-longer-sender-than-there-was@far.test") + text("-", BOX) + text("+", "luis@" + DOMAIN) +
                header("h", None, "X-A", "1") + packet("b", b"new\r\n") + packet("c")):
        qid = send(BOX)
        host.wait_in("deferred", qid)
        shown = host.run("postcat", "-q", qid).stdout
        has(shown, "sender: a-much-longer-sender-than-there-was@far.test\n", "canceled_recipient: " + BOX, "recipient: luis@" + DOMAIN,
            "\nX-A: 1\n\nnew\n")
        size = int(re.search(r"message_size:\s+(\d+)", shown)[1])
        content = host.run("postcat", "-bhq", qid).stdout
        assert abs(size - len(content)) < len(content), (size, len(content))
    host.run("postsuper", "-d", "ALL")


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.configure()
    host.start()
    return host


main(prepare)
