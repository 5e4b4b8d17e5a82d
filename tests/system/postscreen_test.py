#!/usr/bin/env python3
"""postscreen in front of smtpd: who has to wait, who is let in, who hears what, and what the log says of it.

Each test has a service of its own on a port of its own, with its settings and its cache; clients come from addresses of 127/8."""
import contextlib
import itertools
import re
import socket
import struct
import threading

from harness import DOMAIN, NAME, Host, Smtp, furnish, main, test, until
from secure import PKI, context, der, make_pki

LISTS = {}     # "4.3.2.127.list.test": addresses, or None for a name server that fails
QUESTIONS = []  # names that were asked for
PORTS, SOURCES = itertools.count(3000), itertools.count(1)
SERVICES = """
smtpd     pass  -       -       n       -       -       smtpd
dnsblog   unix  -       -       n       -       0       dnsblog
tlsproxy  unix  -       -       n       -       0       tlsproxy
"""
DEEP = {"postscreen_pipelining_enable": "yes", "postscreen_non_smtp_command_enable": "yes", "postscreen_bare_newline_enable": "yes"}
TLS = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": PKI + "/ec.chain", "smtpd_tls_loglevel": "1", "smtpd_tls_received_header": "yes",
       "smtpd_starttls_timeout": "2s"}
LATER = "450 4.3.2 Service currently unavailable"


class NameServer(threading.Thread):
    """Answers for LISTS; what is not there does not exist, for 90 seconds."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.start()

    def run(self):
        while True:
            packet, client = self.socket.recvfrom(4096)
            self.socket.sendto(self.answer(packet), client)

    def answer(self, q):
        at, parts = 12, []
        while q[at]:
            parts.append(q[at + 1:at + 1 + q[at]].decode("latin-1").lower())
            at += q[at] + 1
        name, question = ".".join(parts), q[12:at + 5]
        QUESTIONS.append(name)
        found = LISTS.get(name, [])
        if found is None:
            return q[:2] + struct.pack("!HHHHH", 0x8182, 1, 0, 0, 0) + question
        if found:
            body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 500, 4) + socket.inet_aton(a) for a in found)
            return q[:2] + struct.pack("!HHHHH", 0x8580, 1, len(found), 0, 0) + question + body
        soa = b"\1x\0\1y\0" + struct.pack("!IIIII", 1, 1, 1, 1, 90)
        return q[:2] + struct.pack("!HHHHH", 0x8583, 1, 0, 1, 0) + question + b"\xc0\x0c" + struct.pack("!HHIH", 6, 1, 600, len(soa)) + soa


def listed(address, zone, *answers):
    LISTS[".".join(reversed(address.split("."))) + "." + zone] = list(answers) if answers != (None,) else None


class Screen:
    """A postscreen service; the configuration is replaced by one that has it."""

    def __init__(self, host, master="", main=None, **settings):
        self.host, self.port = host, next(PORTS)
        self.cache = "btree:/var/lib/postfix/screen%d" % self.port
        settings = {"postscreen_greet_wait": "1s", "postscreen_access_list": "", "postscreen_cache_map": self.cache,
                    "postscreen_tls_security_level": "none", **settings}
        options = "".join("\n  -o { %s = %s }" % kv for kv in settings.items())
        self.line = "%d inet n - n - 1 postscreen%s\n" % (self.port, options)
        host.restart(main=main, master=SERVICES + self.line + master)
        self.mark = len(host.log())

    def connect(self, address=None, banner=True, early=b""):
        return Client(self, address or "127.1.%d.%d" % divmod(next(SOURCES), 250), banner, early)

    def log(self):
        return self.host.log()[self.mark:]

    def wait(self, what, service="postscreen"):
        """Wait for a line whose text is `what`."""
        return self.host.wait_log(r"postfix/%s\[\d+\]: %s$" % (service, re.escape(what)), self.mark)


class Client(Smtp):
    def __init__(self, screen, address, banner, early):
        self.sock = socket.create_connection(("127.0.0.1", screen.port), 60, (address, 0))
        self.screen, self.address = screen, address
        self.shown = "[%s]:%d" % self.sock.getsockname()
        self.file = self.sock.makefile("rb")
        if early:
            self.raw(early)
        if banner:
            self.banner = self.reply()

    def secure(self, name=None):
        eq(self("STARTTLS"), "220 2.0.0 Ready to start TLS")
        self.file.close()
        self.sock = context().wrap_socket(self.sock, server_hostname=name)
        self.file = self.sock.makefile("rb")

    def line(self):
        return self.file.readline().decode("latin-1").rstrip("\r\n")

    def says(self, what):
        """The log says `what` of this client: `CONNECT from %s` and the like."""
        return self.screen.wait(what % self.shown)

    def rest(self):
        with contextlib.suppress(OSError):
            return self.file.read().decode("latin-1")
        return ""


def eq(got, want):
    assert got == want, (got, want)


def rcpt(c):
    c("EHLO client.test")
    c("MAIL FROM:<a@far.test>")
    return c("RCPT TO:<paco@%s>" % DOMAIN)


GREETING = "220 %s ESMTP Postfix" % NAME


@test
def who_waits_is_let_in_and_known_afterwards(host):
    s = Screen(host)
    c = s.connect()
    eq(c.banner, "220-%s ESMTP Postfix\n%s" % (NAME, GREETING))
    c.says("CONNECT from %%s to [127.0.0.1]:%d" % s.port)
    c.says("PASS NEW %s")
    c.expect("EHLO x", 250)
    assert c.mail("a@far.test", ["paco@" + DOMAIN], "Subject: screened\n\nx").startswith("250 ")
    assert "[%s]" % c.address in host.wait_mail("paco", "screened")
    c("QUIT")
    assert "DISCONNECT " + c.shown not in s.log()
    host.wait_log(r"postfix/smtpd\[\d+\]: connect from unknown\[%s\]" % re.escape(c.address), s.mark)
    again = s.connect(c.address)
    eq(again.banner, GREETING)
    again.says("PASS OLD %s")
    value = host.run("postmap", "-s", "lmdb:/var/lib/postfix/screen%d" % s.port).stdout
    assert re.search(r"^%s\s+\d{10};1;1;1;1$" % re.escape(c.address), value, re.M), value


@test
def the_cache_outlives_the_process_and_a_reload(host):
    s = Screen(host)
    c = s.connect()
    c.says("PASS NEW %s")
    c.close()
    waiting = s.connect(banner=False)  # is served to its end by the old process
    host.run("postfix", "reload")
    until("a successor", lambda: s.connect(c.address).banner == GREETING)
    eq(waiting.reply().split("\n")[-1], GREETING)
    assert "unable to get exclusive lock" not in s.log()
    assert re.search(r"cache %s full cleanup: retained=\d+ dropped=0 entries" % re.escape(s.cache), s.log())


@test
def talking_too_early(host):
    for action, first, later in (("ignore", "250 ", GREETING), ("enforce", "250-", None), ("drop", "521 5.5.1 Protocol error", None)):
        s = Screen(host, postscreen_greet_action=action)
        c = s.connect(banner=False, early=b"HELO early\r\n" if action != "enforce" else b"EHLO early\r\n")
        eq(c.line(), "220-%s ESMTP Postfix" % NAME)
        if later:
            eq(c.line(), later)
        said = c.line()
        assert said.startswith(first), (action, said)
        line = re.search(r"PREGREET 12 after [\d.]+ from %s: [EH]\w+ early\\r\\n$" % re.escape(c.shown), s.log(), re.M)
        assert line, s.log()
        if action == "enforce":
            while said[3] == "-":
                said = c.line()
            c("MAIL FROM:<a@far.test>")
            eq(c("RCPT TO:<paco@%s>" % DOMAIN), "550 5.5.1 Protocol error")
            c.says("NOQUEUE: reject: RCPT from %%s: 550 5.5.1 Protocol error; from=<a@far.test>, to=<paco@%s>, proto=ESMTP, helo=<early>" % DOMAIN)
        c.close()
        assert "PASS" not in s.log()


@test
def who_hangs_up_while_it_waits_is_not_remembered(host):
    s = Screen(host, postscreen_greet_wait="5s")
    c = s.connect(banner=False)
    c.line()
    c.sock.shutdown(socket.SHUT_RDWR)
    c.close()
    host.wait_log(r"HANGUP after [\d.]+ from %s in tests before SMTP handshake" % re.escape(c.shown), s.mark)
    c.says("DISCONNECT %s")
    assert "PASS" not in s.log()


@test
def lists_add_up(host):
    s = Screen(host, postscreen_dnsbl_sites="bad.test=127.0.0.[2;4..9]*2, bad.test=127.0.0.3 good.test*-3", postscreen_dnsbl_threshold="2",
               postscreen_dnsbl_action="enforce", postscreen_greet_banner="", postscreen_dnsbl_reply_map="inline:{bad.test=shown.test}")
    listed("127.2.0.1", "bad.test", "127.0.0.2")
    listed("127.2.0.2", "bad.test", "127.0.0.3")
    listed("127.2.0.3", "bad.test", "127.0.0.9", "127.0.0.3")
    listed("127.2.0.3", "good.test", "127.0.0.2")
    listed("127.2.0.4", "bad.test", None)
    c = s.connect("127.2.0.1")
    eq(c.banner, GREETING)
    eq(rcpt(c), "550 5.7.1 Service unavailable; client [127.2.0.1] blocked using shown.test")
    c.says("DNSBL rank 2 for %s")
    s.wait("addr 127.2.0.1 listed by domain bad.test as 127.0.0.2", "dnsblog")
    for address in ("127.2.0.2", "127.2.0.3", "127.2.0.4", "127.2.0.5"):
        c = s.connect(address)
        assert rcpt(c).startswith("250 "), address
        c.says("PASS NEW %s")
    host.wait_log(r"postfix/dnsblog\[\d+\]: warning: dnsblog_query: lookup error for DNS query 4\.0\.2\.127\.bad\.test: ", s.mark)
    values = dict(line.split("\t") for line in host.run("postmap", "-s", "lmdb:/var/lib/postfix/screen%d" % s.port).stdout.splitlines())
    assert "127.2.0.1" not in values
    now = int(values["127.2.0.5"].split(";")[1])
    assert values["127.2.0.5"].startswith("1;") and now > 0


@test
def who_is_well_known_takes_no_other_test(host):
    s = Screen(host, postscreen_dnsbl_sites="good.test*-3", postscreen_dnsbl_allowlist_threshold="-3", postscreen_greet_wait="60s", **DEEP)
    listed("127.2.1.1", "good.test", "127.0.0.2")
    c = s.connect("127.2.1.1")
    eq(c.banner.split("\n")[-1], GREETING)
    c.says("PASS NEW %s")
    assert rcpt(c).startswith("250 ")
    value = host.run("postmap", "-s", "lmdb:/var/lib/postfix/screen%d" % s.port).stdout
    times = re.search(r"^127\.2\.1\.1\s+(.*)$", value, re.M)[1].split(";")
    assert len(times) == 5 and len(set(times)) == 1, value


@test
def clients_of_one_address_share_questions_and_one_is_new(host):
    s = Screen(host, postscreen_dnsbl_sites="shared.test")
    del QUESTIONS[:]
    clients = [s.connect("127.2.2.1", banner=False) for _ in range(3)]
    for c in clients:
        eq(c.reply().split("\n")[-1], GREETING)
    until("three passes", lambda: len(re.findall(r"PASS (NEW|OLD) \[127\.2\.2\.1\]", s.log())) == 3)
    eq(sorted(re.findall(r"PASS (NEW|OLD) \[127\.2\.2\.1\]", s.log())), ["NEW", "OLD", "OLD"])
    eq(QUESTIONS.count("1.2.2.127.shared.test"), 1)


@test
def the_site_has_a_list_of_its_own(host):
    s = Screen(host, postscreen_access_list="permit_mynetworks cidr:{{127.3.0.1 permit} {127.3.0.2 reject} {127.3.0.3 dunno} {127.3.0.4 sure} {127.3.0.5 hash:/x} {127.3.0.0/16 permit}}, reject",
               postscreen_denylist_action="drop", main={"mynetworks": "127.0.0.9"})
    for address in ("127.0.0.9", "127.3.0.1", "127.3.9.9"):
        c = s.connect(address)
        eq(c.banner, GREETING)
        c.says("ALLOWLISTED %s")
    for address in ("127.3.0.2", "127.4.0.1"):
        c = s.connect(address)
        eq(c.banner, "521 5.3.2 Service currently unavailable")
        c.says("DENYLISTED %s")
        c.says("DISCONNECT %s")
    for address, complaint in (("127.3.0.3", None), ("127.3.0.4", ": unknown command: sure -- ignoring the remainder of this access list"),
                               ("127.3.0.5", ': lookup result "hash:/x" is not allowed -- ignoring remainder of access list')):
        c = s.connect(address)
        assert c.banner.startswith("220-"), address
        assert complaint is None or complaint in s.log()
        c.says("PASS NEW %s")


@test
def who_is_denied_by_enforcement_can_talk_but_not_write(host):
    s = Screen(host, postscreen_access_list="reject", postscreen_denylist_action="enforce", soft_bounce="no", postscreen_greet_banner="")
    c = s.connect()
    eq(c.banner, GREETING)
    c.raw("EHLO x\r\nMAIL FROM:<a@far.test>\r\n")
    c.reply()
    c.says("COMMAND PIPELINING from %s after EHLO: MAIL FROM:<a@far.test>\\r\\n")  # all are watched who have failed
    c.reply()
    eq(c("RCPT TO:<paco@%s>" % DOMAIN), "550 5.5.1 Protocol error")
    c = s.connect()
    eq(rcpt(c), "550 5.3.2 Service currently unavailable")
    c.close()
    c.says("DISCONNECT %s")
    assert "PASS" not in s.log()


@test
def on_a_secondary_address_nobody_earns_anything(host):
    for tests in ({}, {"postscreen_greet_banner": ""}):
        s = Screen(host, postscreen_allowlist_interfaces="!127.0.0.1 static:all", **tests)
        c = s.connect()
        c.says("ALLOWLIST VETO %s")
        eq(rcpt(c), LATER)
        c.close()
        c.says("DISCONNECT %s")
        assert "PASS" not in s.log()


@test
def where_nothing_is_tested_nobody_passes_anything(host):
    s = Screen(host, postscreen_greet_banner="")
    for _ in range(2):
        c = s.connect()
        eq(c.banner, GREETING)
        c.close()
        host.wait_log(r"postfix/smtpd\[\d+\]: disconnect from unknown\[%s\]" % re.escape(c.address), s.mark)
    assert "PASS" not in s.log()


@test
def limits(host):
    s = Screen(host, postscreen_client_connection_count_limit="2", postscreen_pre_queue_limit="10", postscreen_greet_wait="${stress?{30}:{40}}s",
               postscreen_cache_map="")
    two = [s.connect("127.5.0.1", banner=False) for _ in range(2)]
    c = s.connect("127.5.0.1")
    eq(c.banner, "421 4.7.0 Error: too many connections")
    c.says("NOQUEUE: reject: CONNECT from %s: too many connections")
    others = [s.connect(banner=False) for _ in range(7)]
    s.wait("entering STRESS mode with 9 connections")
    c = s.connect()
    eq(c.banner, "421 4.3.2 All screening ports are busy")
    c.says("reject: connect from %s: all screening ports busy")
    for c in others[:4]:
        c.sock.shutdown(socket.SHUT_RDWR)
        c.close()
    s.wait("leaving STRESS mode with 7 connections")
    for c in two:
        c.close()


@test
def a_good_client_shows_itself_and_comes_again(host):
    s = Screen(host, **DEEP)
    c = s.connect()
    assert "PIPELINING" not in c("EHLO x")
    eq(c("MAIL FROM:<@r.test:a@far.test> SIZE=3"), "250 2.1.0 Ok")
    eq(c("RCPT TO:<paco@%s>" % DOMAIN), LATER)
    c.says("NOQUEUE: reject: RCPT from %%s: %s; from=<a@far.test>, to=<paco@%s>, proto=ESMTP, helo=<x>" % (LATER, DOMAIN))
    eq(c("QUIT"), "221 2.0.0 Bye")
    c.says("PASS NEW %s")
    c.says("DISCONNECT %s")
    c = s.connect(c.address)
    eq(c.banner, GREETING)
    assert rcpt(c).startswith("250 ")


@test
def bad_clients_show_themselves_too(host):
    s = Screen(host, postscreen_bare_newline_action="enforce", **DEEP)
    c = s.connect()
    c.raw("EHLO x\n")
    c.reply()
    c.says("BARE NEWLINE from %s after EHLO x")
    c("MAIL FROM:<a@far.test>")
    eq(c("RCPT TO:<paco@%s>" % DOMAIN), "550 5.5.1 Protocol error")
    for said in ("GET / HTTP/1.0", "Subject: x"):
        c = s.connect()
        eq(c(said), "521 5.7.0 Error: I can break rules, too. Goodbye.")
        c.says("NON-SMTP COMMAND from %s after CONNECT: " + said)
    c = s.connect()
    c.raw("NOOP\r\nNOOP\r\n")
    eq([c.reply(), c.reply()], ["250 2.0.0 Ok"] * 2)
    c.says(r"COMMAND PIPELINING from %s after NOOP: NOOP\r\n")
    c = s.connect()
    eq(c("DATA"), "503 5.5.1 Error: need RCPT command")
    c.says("DATA without valid RCPT from %s")
    eq(c.rest(), "")
    c = s.connect()
    c.sock.shutdown(socket.SHUT_RDWR)
    host.wait_log(r"HANGUP after [\d.]+ from %s in tests after SMTP handshake" % re.escape(c.shown), s.mark)
    assert "PASS" not in s.log()


@test
def tls_is_the_proxys_affair(host):
    s = Screen(host, main=TLS, postscreen_tls_security_level="may", **DEEP)
    c = s.connect()
    assert "STARTTLS" in c("EHLO x")
    c.secure()
    assert c.sock.getpeercert(True) == der("ec")
    s.wait("CONNECT from " + c.shown, "tlsproxy")
    host.wait_log(r"postfix/tlsproxy\[\d+\]: Anonymous TLS connection established from %s: TLSv1\.3 with cipher " % re.escape(c.shown), s.mark)
    assert c("RCPT TO:<b@c>").startswith("503 ")
    assert "STARTTLS" not in c("EHLO x")
    eq(c("STARTTLS"), "554 5.5.1 Error: TLS already active")
    eq(rcpt(c), LATER)
    for size in (1, 1500):  # a line in records of this size
        c.raw("NOOP " + "x" * size + "\r\n")
        eq(c.reply(), "250 2.0.0 Ok")
    eq(c("QUIT"), "221 2.0.0 Bye")
    c.says("PASS NEW %s")
    s.wait("DISCONNECT " + c.shown, "tlsproxy")
    c = s.connect(c.address)  # smtpd does it itself
    c("EHLO x")
    c.secure()
    c("EHLO x")
    assert c.mail("a@far.test", ["paco@" + DOMAIN], "Subject: both\n\nx").startswith("250 ")
    assert "using TLSv1.3" in host.wait_mail("paco", "both")


@test
def each_service_has_tls_as_its_line_says(host):
    levels = "cidr:{ { 127.9.9.0/24 1 } }"
    host.write(PKI + "/sni2", "named.test %s/ec.chain\n" % PKI)
    s = Screen(host, "2999 inet n - n - 1 postscreen -o postscreen_greet_wait=1s -o postscreen_pipelining_enable=yes\n", {**TLS, "smtpd_tls_loglevel": "0"},
               postscreen_tls_security_level="may", postscreen_tls_chain_files=PKI + "/other.chain",
               tls_server_sni_maps="texthash:%s/sni2" % PKI, postscreen_tls_loglevel_maps=levels, **DEEP)
    for address, name, certificate in (("127.9.9.1", None, "other"), ("127.9.8.1", "named.test", "ec")):
        c = s.connect(address)
        c("EHLO x")
        c.secure(name)
        assert c.sock.getpeercert(True) == der(certificate), name
        c("QUIT")
        s.wait("DISCONNECT " + c.shown, "tlsproxy")
    said = re.findall(r"tlsproxy\[\d+\]: \w+ TLS connection established from \[([\d.]+)\]", s.log())
    eq(said, ["127.9.9.1"])
    s.port = 2999
    c = s.connect()
    assert "STARTTLS" in c("EHLO x")
    c.secure()
    assert c.sock.getpeercert(True) == der("ec")


@test
def what_is_no_handshake_ends_the_session_and_nothing_else(host):
    s = Screen(host, main=TLS, postscreen_tls_security_level="encrypt", **DEEP)
    c = s.connect()
    c("EHLO x")
    eq(c("MAIL FROM:<a@far.test>"), "530 5.7.0 Must issue a STARTTLS command first")
    for junk in (b"garbage garbage garbage\r\n", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", b"\x17\x03\x03\xff\xff" + b"A" * 70000, b""):
        c = s.connect()
        eq(c("STARTTLS"), "220 2.0.0 Ready to start TLS")
        with contextlib.suppress(OSError):
            c.raw(junk)
        s.wait("TLS handshake failed for service=smtpd peer=" + c.shown, "tlsproxy")
        host.wait_log(r"HANGUP after [\d.]+ from %s in tests after SMTP handshake" % re.escape(c.shown), s.mark)
        c.says("DISCONNECT %s")
    c = s.connect()
    c.raw("STARTTLS\r\nMAIL FROM:<smuggled@far.test>\r\n")  # what is not secure is not heard afterwards
    eq(c.reply(), "220 2.0.0 Ready to start TLS")
    c.file.close()
    c.sock = context().wrap_socket(c.sock)
    c.file = c.sock.makefile("rb")
    assert c("RCPT TO:<b@c>").startswith("503 5.5.1 Error: need MAIL")
    host.wait_log(r"COMMAND PIPELINING from %s after STARTTLS: MAIL" % re.escape(c.shown), s.mark)
    many = [s.connect(banner=False) for _ in range(20)]
    for c in many:
        c.reply()
        c.secure()
    for c in many:
        eq(c("NOOP"), "250 2.0.0 Ok")


@test
def without_tls_the_session_goes_on_in_plain(host):
    s = Screen(host, main={**TLS, "tlsproxy_service_name": "nowhere"}, postscreen_tls_security_level="may", **DEEP)
    c = s.connect()
    c("EHLO x")
    eq(c("STARTTLS"), "454 4.7.0 TLS not available due to local problem")
    s.wait("warning: connect to private/nowhere service: No such file or directory")
    eq(rcpt(c), LATER)
    s = Screen(host, main={**TLS, "smtpd_tls_chain_files": ""}, postscreen_tls_security_level="may", **DEEP)
    c = s.connect()
    assert "STARTTLS" not in c("EHLO x")
    s.wait("warning: No server certs available. TLS won't be enabled")
    eq(c("STARTTLS"), "502 5.5.1 Error: command not implemented")
    s = Screen(host, main={**TLS, "smtpd_tls_chain_files": PKI + "/nosuch.pem"}, postscreen_tls_security_level="may", **DEEP)
    c = s.connect()
    c("EHLO x")
    c("STARTTLS")  # 220 or 454: whatever tlsproxy says, it is there afterwards
    c.close()
    assert s.connect()("EHLO x")


@test
def words_of_the_site(host):
    s = Screen(host, postscreen_reject_footer=r"\c; ask $client_address:$client_port $server_name $$x\nor not", postscreen_discard_ehlo_keywords="dsn",
               postscreen_discard_ehlo_keyword_address_maps="inline:{{127.6.0.1 = etrn, vrfy}}", soft_bounce="yes", postscreen_non_smtp_command_action="enforce",
               postscreen_command_filter="pcre:{{/^HELP/ NOOP}}", postscreen_greet_banner="teaser", **DEEP)
    c = s.connect("127.6.0.1")
    eq(c.banner, "220-teaser\n" + GREETING)
    said = c("EHLO x")
    assert "DSN" in said and "ETRN" not in said and "VRFY" not in said, said
    host.wait_log(r"\[127\.6\.0\.1\]\d+: discarding EHLO keywords: ETRN VRFY$", s.mark)
    eq(c("HELP me"), "250 2.0.0 Ok")
    c.says('%s: replacing command "HELP me" with "NOOP"')
    c("MAIL FROM:<a@far.test>")
    port = c.shown.split(":")[1]
    eq(c("RCPT TO:<b@c>"), "450-4.3.2 Service currently unavailable; ask 127.6.0.1:%s %s $x\n450 4.3.2 or not" % (port, NAME))
    c = s.connect()
    eq(c("GET /").split("\n")[0][:4], "402-")
    c("MAIL FROM:<a@far.test>")
    assert c("RCPT TO:<b@c>").startswith("450-4.5.1 Protocol error; ask ")


@test
def a_balancer_in_front(host):
    s = Screen(host, postscreen_upstream_proxy_protocol="haproxy", postscreen_upstream_proxy_timeout="1s", postscreen_greet_action="drop")
    c = s.connect(banner=False, early=b"PROXY TCP4 198.51.100.7 203.0.113.9 4000 25\r\n")
    eq(c.reply().split("\n")[-1], GREETING)
    s.wait("CONNECT from [198.51.100.7]:4000 to [203.0.113.9]:25")
    host.wait_log(r"postfix/smtpd\[\d+\]: connect from unknown\[198\.51\.100\.7\]", s.mark)
    c = s.connect(banner=False, early=b"PROXY TCP4 198.51.100.8 203.0.113.9 4000 25\r\nEHLO early\r\n")
    eq(c.reply(), "220-%s ESMTP Postfix\n521 5.5.1 Protocol error" % NAME)
    for early, line in ((b"EHLO x\r\n", r"short protocol header: EHLO x\r\n"), (b"PROXY TCP4 1.2.3.4", "missing protocol header terminator: PROXY TCP4 1.2.3.4"),
                        (b"", "time limit exceeded")):
        c = s.connect(early=early)
        eq(c.banner, "421 4.3.2 No system resources")
        s.wait("warning: haproxy read: " + line)


@test
def without_an_smtpd_clients_are_told_so(host):
    s = Screen(host, smtpd_service_name="nowhere", postscreen_access_list="cidr:{{127.7.0.1 permit}}")
    c = s.connect("127.7.0.1")
    eq(c.banner, "421 4.3.2 All server ports are busy")
    s.wait("warning: cannot connect to service private/nowhere: No such file or directory")
    c = s.connect("127.7.0.2")
    eq(c.banner.split("\n")[-1], GREETING)
    eq(c("EHLO x"), "421 4.3.2 No system resources")


@test
def a_table_that_changes_calls_for_a_successor(host):
    host.write("/etc/postfix/screen_access", "127.8.0.1 reject\n")
    s = Screen(host, postscreen_access_list="cidr:/etc/postfix/screen_access", postscreen_denylist_action="drop")
    eq(s.connect("127.8.0.1").banner, "521 5.3.2 Service currently unavailable")
    host.write("/etc/postfix/screen_access", "127.8.0.1 permit\n")
    until("the new list", lambda: s.connect("127.8.0.1").banner == GREETING)
    assert re.search(r"table cidr:/etc/postfix/screen_access\S* has changed - finishing in the background", s.log())


@test
def it_takes_one_process(host):
    port = next(PORTS)
    host.restart(master=SERVICES + "%d inet n - n - 2 postscreen\n" % port)
    mark = len(host.log())
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 5)
    host.wait_log("fatal: service %d requires a process limit of 1" % port, mark)


def prepare(tree, work):
    furnish(tree, work)
    make_pki()
    NameServer()
    host = Host()
    host.configure()
    host.start()
    return host


main(prepare)
