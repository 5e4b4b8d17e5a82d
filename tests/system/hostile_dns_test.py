#!/usr/bin/env python3
"""A name server that means no good: whatever it answers, mail is deferred or returned for a reason, other mail flows, and
what it says reaches no log line, reply or header unmasked."""
import contextlib
import random
import re
import socket
import struct
import threading
import time

from harness import DOMAIN, Host, Smtp, furnish, main, test, until
from siege import attack

RESTRICTIONS = """
  check_client_access inline:{127.0.9.1=lists 127.0.8.1=senders 127.0.7.1=servers} permit_mynetworks reject_unauth_destination"""
CLASSES = {"smtpd_restriction_classes": "lists senders servers",
           "lists": "reject_rhsbl_sender list.test reject_rbl_client list.test",
           "senders": "reject_unknown_sender_domain",
           "servers": "check_sender_mx_access inline:{192.0.2.9=REJECT} check_sender_ns_access inline:{192.0.2.9=REJECT}"}
A, NS, CNAME, PTR, MX, TXT, AAAA = 1, 2, 5, 12, 15, 16, 28
NOBODY = b"\xc0\0\2\1"  # an address that cannot be reached from here
UDP_ROOM = 1200  # longer answers are said to be truncated; all of it comes by TCP
NASTY = [b"a b", b"a\tb", b"a\nb", b"a\r\nX-Evil: 1", b"a\0b", b"%s%n%%", b"$(id)", b"a;b", b"<x>", b"a@b", b"a\x1b[2Jb", b"\xff\xfe",
         b"\xe2\x80\xaex", b"-a", b"a\\b", b"'\"`", b"x" * 63, b"a.b", b"postfix/smtpd[1]: x"]
TEXTS = [b"", b"\0" * 255, b"\r\n250 ok\r\n", b"a\nNov 11 postfix/smtpd[1]: x", b"%s%n" * 60, b"\x1b[31m", b"\xff" * 255, b"$client ${x} $", b"x" * 255]


# ---------------------------------------------------------------- answers

def labels(*parts):
    return b"".join(bytes([len(p)]) + p for p in parts) + b"\0"


def name(text):
    return labels(*text.encode().split(b".")) if text else b"\0"


class Query:
    def __init__(self, packet):
        self.id, at, parts = packet[:2], 12, []
        while packet[at]:
            parts.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1").lower())
            at += packet[at] + 1
        self.type = struct.unpack_from("!H", packet, at + 1)[0]
        self.question = packet[12:at + 5]
        self.parts, self.name = parts, ".".join(parts)

    def answer(self, records, flags=0x8580, count=None, question=None, id=None):
        """Records: bytes of an owner, type, and data."""
        body = b"".join(owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data for owner, kind, data in records)
        return ((id or self.id) + struct.pack("!HHHHH", flags, 1, len(records) if count is None else count, 0, 0) +
                (question or self.question) + body)


HERE = b"\xc0\x0c"  # the name that was asked


def good(q, kind=None):
    """An honest answer to anything but a question for MX."""
    data = {A: NOBODY, TXT: b"\4fine", PTR: name("good.test")}.get(kind or q.type)
    return q.answer([(HERE, kind or q.type, data)] if data else [])


def mx(q, *targets):
    return q.answer([(HERE, MX, b"\0\x0a" + t) for t in targets]) if q.type == MX else good(q)


def pack_mx(q, count, target):
    return q.answer([(HERE, MX, b"\0\x0a" + target(n)) for n in range(count)]) if q.type == MX else good(q)


def cname_chain(q, length, end):
    names = [HERE] + [name("c%d.%s" % (n, q.name)) for n in range(length)]
    return q.answer([(a, CNAME, b) for a, b in zip(names, names[1:])] + ([(names[-1], q.type, end)] if end else []))


rng = random.Random(11)
ANSWERS = {  # what a server of that name does with a question
    "garbage": lambda q: q.id + bytes(rng.randrange(256) for _ in range(300)),
    "short": lambda q: q.id + b"\x85",
    "empty": lambda q: b"",
    "counts": lambda q: q.answer([], count=65535),
    "halved": lambda q: mx(q, name("mx.test"))[:-7],
    "otherid": lambda q: mx(q, name("good.test")).replace(q.id, bytes([q.id[0] ^ 1, q.id[1]]), 1),
    "otherquestion": lambda q: q.answer([(name("x.test"), MX, b"\0\x0a" + name("good.test"))], question=name("x.test") + b"\0\x0f\0\1"),
    "othertype": lambda q: q.answer([(HERE, TXT, b"\4text")]),
    "otherowner": lambda q: q.answer([(name("x.test"), MX, b"\0\x0a" + name("good.test"))]),
    "loop": lambda q: mx(q, struct.pack("!H", 0xc000 + 12 + len(q.question) + 14)),
    "mutual": lambda q: mx(q, struct.pack("!H", 0xc000 + 12 + len(q.question) + 30), struct.pack("!H", 0xc000 + 12 + len(q.question) + 14)),
    "beyond": lambda q: mx(q, b"\xff\xff"),
    "badlabel": lambda q: mx(q, b"\x80abc\0", b"\x40abc\0"),
    "rdlength": lambda q: q.answer([(HERE, MX, b"\0\x0a" + name("mx.test"))])[:-20] + b"\xff\xff" * 10,
    "baremx": lambda q: q.answer([(HERE, MX, b"\0")]),
    "shorta": lambda q: q.answer([(HERE, A, b"\x7f\0\0")]) if q.type == A else q.answer([]),
    "longa": lambda q: q.answer([(HERE, A, b"\x7f\0\0\1\1\1")]) if q.type == A else q.answer([]),
    "selfalias": lambda q: q.answer([(HERE, CNAME, HERE)]),
    "aliasloop": lambda q: q.answer([(HERE, CNAME, name("b.test")), (name("b.test"), CNAME, HERE)]),
    "aliasnowhere": lambda q: q.answer([(HERE, CNAME, name("nowhere.test"))]),
    "aliaschain": lambda q: cname_chain(q, 500, None),
    "nasty": lambda q: mx(q, *(labels(n, b"test") for n in NASTY)),
    "manynasty": lambda q: pack_mx(q, 2000, lambda n: labels(b"a b\n%d" % n)),
    "longname": lambda q: mx(q, labels(*[b"x" * 63] * 4), labels(*[b"\n" * 63] * 3)),
    "overlong": lambda q: pack_mx(q, 15, lambda n: labels(*[b"y" * 63] * 60)),
    "manymx": lambda q: pack_mx(q, 3000, lambda n: b"\2mx" + HERE) if len(q.parts) == 2 else q.answer([]),
    "numeric": lambda q: pack_mx(q, 2000, lambda n: name("192.0.2.1")),
    "root": lambda q: mx(q, b"\0"),
    "servfail": lambda q: q.answer([], flags=0x8582),
    "yxdomain": lambda q: q.answer([], flags=0x8586),
    "refused": lambda q: q.answer([], flags=0x8585),
    "formerr": lambda q: q.answer([], flags=0x8581),
    "notimp": lambda q: q.answer([], flags=0x8584),
    "rcode15": lambda q: q.answer([], flags=0x858f),
    "nxwithdata": lambda q: q.answer([(HERE, MX, b"\0\x0a" + name("good.test"))], flags=0x8583),
    "nothing": lambda q: q.answer([]),
    "silent": lambda q: None,
    "query": lambda q: q.answer([], flags=0x0100),  # a question, not an answer
}
TRUNCATED = {"tcpdrip", "tcpclose", "tcpsilent", "tcpendless", "tcpjunk"}
# Mail that is not delivered is deferred, except for these, which say for ever that there is no such host.
FOR_EVER = {"othertype", "selfalias", "aliasloop", "aliasnowhere", "aliaschain", "root", "nxwithdata", "nothing", "manynasty", "longname", "manymx",
            "overlong", "shorta", "longa"}


class Rogue:
    """Answers for NAME.test, and for addresses and lists, as the tables say."""

    def __init__(self):
        self.txt, self.ptr = [b"fine"], {}
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for s in (self.udp, self.tcp):
            s.bind(("127.0.0.1", 53))
        self.tcp.listen(50)
        for f in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=f, daemon=True).start()

    def kind(self, q):
        return next((p for p in reversed(q.parts) if p in KINDS), None)

    def make(self, q):
        if "arpa" in q.parts:
            targets = self.ptr.get(int(q.parts[0]), [])
            return q.answer([(HERE, PTR, t) for t in targets])
        if "list" in q.parts:
            if q.type == TXT:
                return q.answer([(HERE, TXT, b"".join(bytes([len(t)]) + t for t in self.txt))])
            return q.answer([(HERE, A, b"\x7f\0\0\x02")]) if q.type == A else q.answer([])
        kind = self.kind(q)
        return ANSWERS[kind](q) if kind in ANSWERS else good(q)

    def serve_udp(self):
        while True:
            packet, client = self.udp.recvfrom(4096)
            q = Query(packet)
            answer = self.make(q)
            if self.kind(q) in TRUNCATED or (answer and len(answer) > UDP_ROOM):
                answer = q.answer([], flags=0x8780)
            if answer is not None:
                self.udp.sendto(answer, client)

    def serve_tcp(self):
        while True:
            s = self.tcp.accept()[0]
            threading.Thread(target=self.talk, args=(s,), daemon=True).start()

    def talk(self, s):
        with contextlib.suppress(OSError, IndexError, struct.error), s:
            f = s.makefile("rb")
            while True:
                q = Query(f.read(struct.unpack("!H", f.read(2))[0]))
                self.misbehave(s, q)

    def misbehave(self, s, q):
        kind, answer = self.kind(q), self.make(q) or b""
        whole = struct.pack("!H", len(answer)) + answer
        if kind == "tcpclose":
            raise OSError
        if kind == "tcpsilent":
            time.sleep(100)
        elif kind == "tcpdrip":
            for b in whole:
                s.sendall(bytes([b]))
                time.sleep(0.3)
        elif kind == "tcpendless":
            while True:
                s.sendall(b"\xff\xff" + b"x" * 65535)
        elif kind == "tcpjunk":
            s.sendall(b"\0\0\0\1x\0\4" + q.id + b"\0\0")
        else:
            s.sendall(whole)


KINDS = set(ANSWERS) | TRUNCATED


# ---------------------------------------------------------------- mail to such domains

def greeted(source="127.0.0.1"):
    c = Smtp.__new__(Smtp)
    c.sock = socket.socket()
    c.sock.settimeout(90)
    c.sock.bind((source, 0))
    c.sock.connect(("127.0.0.1", 25))
    c.file = c.sock.makefile("rb")
    c.banner = c.reply()
    c.expect("EHLO client.test", 250)
    return c


def statuses(log):
    """{domain: status line} of recipients whose domain is one of ours."""
    return {m[1]: m[0] for m in re.finditer(r"to=<x@(\w+)\.test>.*status=.*", log, re.M)}


@test
def mail_to_a_hostile_domain_waits_or_returns(host):
    mark = len(host.log())
    with attack(host, 100000):
        c = greeted()
        for kind in sorted(KINDS):
            assert c.mail("ana@" + DOMAIN, ["x@%s.test" % kind], "Subject: %s\n\nx" % kind).startswith("250"), kind
        c.close()
        until("all statuses", lambda: len(statuses(host.log()[mark:])) == len(KINDS))
        found = statuses(host.log()[mark:])
        returned = {kind for kind, line in found.items() if "status=bounced" in line}
        assert not any("status=sent" in line for line in found.values()), found
        assert returned == FOR_EVER, (returned - FOR_EVER, FOR_EVER - returned)
    host.run("postsuper", "-d", "ALL")


@test
def a_client_has_the_name_that_leads_back_to_it_or_none(host):
    """The name that its name server tells, whatever it is made of, is not the client's until it is verified."""
    with attack(host, 100000):
        for n, label in enumerate(NASTY, 10):
            ROGUE.ptr[n] = [labels(label, b"test")]
        ROGUE.ptr[2] = [b"\3foo"] * 3000
        ROGUE.ptr[3] = [labels(b"a b%d" % n) for n in range(3000)]
        ROGUE.ptr[4] = [struct.pack("!H", 0xc000 + 12)]
        ROGUE.ptr[5] = [labels(*[b"x" * 63] * 3)]
        ROGUE.ptr[6] = [b"\0"]
        for n in sorted(ROGUE.ptr):
            mark = len(host.log())
            c = greeted("127.0.1.%d" % n)
            reply = c.mail("ana@" + DOMAIN, ["paco@" + DOMAIN], "Subject: from %d\n\nx" % n)
            assert reply.startswith("250"), reply
            c.close()
            text = host.wait_mail("paco", "Subject: from %d\n" % n)
            assert "Received: from client.test (unknown [127.0.1.%d])\n" % n in text, text[-1000:]
            host.wait_log(r"connect from unknown\[127\.0\.1\.%d\]$" % n, mark)
        assert "X-Evil" not in host.mailbox("paco")


def printable(reply):
    return all(" " <= c <= "~" or c == "\n" for c in reply)


@test
def texts_of_lists_are_masked_in_replies_and_log(host):
    with attack(host, 100000):
        for texts in [[t] for t in TEXTS] + [TEXTS * 20, [b"x" * 255] * 200]:
            ROGUE.txt = texts
            for sender in ("ana@listed.test", "ana@" + DOMAIN):
                c = greeted("127.0.9.1")
                c.expect("MAIL FROM:<%s>" % sender, 250)
                reply = c("RCPT TO:<paco@%s>" % DOMAIN)
                assert reply.startswith("554 5.7.1 ") and printable(reply) and "\n" not in reply, reply
                assert len(reply) < 3000, len(reply)
                c.expect("NOOP", 250)
                c.close()


@test
def checks_of_hostile_senders_defer_or_reject(host):
    with attack(host, 200000):
        said = {}
        for kind in sorted(KINDS):
            c = greeted("127.0.8.1")
            c.expect("MAIL FROM:<x@%s.test>" % kind, 250)
            said[kind] = c("RCPT TO:<paco@%s>" % DOMAIN)
            c.close()
        assert all(r[:3] in ("450", "550", "250") and printable(r) for r in said.values()), said


@test
def servers_of_hostile_domains_are_looked_up_within_bounds(host):
    """check_*_mx_access looks at every server of a name, again for every recipient."""
    with attack(host, 50000):
        for kind in ("nasty", "manynasty", "manymx", "numeric", "overlong"):
            c = greeted("127.0.7.1")
            c.expect("MAIL FROM:<x@%s.test>" % kind, 250)
            for _ in range(10):
                c("RCPT TO:<paco@%s>" % DOMAIN)
            c.close()


def prepare(tree, work):
    global ROGUE
    furnish(tree, work)
    ROGUE = Rogue()
    host = Host()
    host.configure(main={"mynetworks": "127.0.0.1/32", "smtp_host_lookup": "dns", "smtp_connect_timeout": "2s",
                         "smtpd_error_sleep_time": "0", "smtpd_recipient_restrictions": RESTRICTIONS, **CLASSES})
    host.start()
    return host


main(prepare)
