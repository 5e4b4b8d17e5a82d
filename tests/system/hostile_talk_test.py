#!/usr/bin/env python3
"""Clients and servers that are slow, forge who they are, or try to fill the log."""
import contextlib
import re
import socket
import struct
import threading
import time

from harness import DOMAIN, furnish, Host, main, NAME, send, Smtp, test, until
from siege import attack

SLOW, PROXY, SERVER, PATIENT = 2601, 2602, 2603, 2604
STRANGER = "127.0.9.9"  # not in mynetworks
PAUSE = 0.3
MASTER = """
%d inet n - n - - smtpd
  -o smtpd_timeout=5s -o smtpd_per_request_deadline=yes -o smtpd_min_data_rate=1000
%d inet n - n - - smtpd
  -o smtpd_upstream_proxy_protocol=haproxy -o smtpd_upstream_proxy_timeout=5s
%d inet n - n - - smtpd
  -o smtpd_forbid_unauth_pipelining=no
slow unix - - n - - smtp
  -o smtp_data_xfer_timeout=5s -o smtp_per_request_deadline=yes -o smtp_min_data_rate=100000
""" % (SLOW, PROXY, PATIENT)
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def connect(port=25, source="127.0.0.1"):
    s = socket.socket()
    s.settimeout(90)
    s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    return s


def client(port=25, source="127.0.0.1"):
    c = Smtp.__new__(Smtp)
    c.sock = connect(port, source)
    c.file = c.sock.makefile("rb")
    c.banner = c.reply()
    return c


def all_of(s):
    """What the server says until it closes the connection."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while True:
            data = s.recv(65536)
            if not data:
                break
            said += data
    s.close()
    return said.decode("latin-1")


# ---------------------------------------------------------------- slow ones

def drip(c, text):
    """A byte now and then, for as long as the server wants it; True when it had enough."""
    c.sock.setblocking(False)
    for n in range(600):
        with contextlib.suppress(BlockingIOError):
            if b"timeout exceeded" in c.sock.recv(65536):
                return True
        try:
            c.raw(text[n % len(text)])
        except OSError:
            return True
        time.sleep(PAUSE)
    return False


@test
def a_client_that_drips_is_timed_out_wherever_it_is(host):
    before = {"command": [], "content": ["EHLO x", "MAIL FROM:<a@client.test>", "RCPT TO:<luis@%s>" % DOMAIN, "DATA"],
              "chunk": ["EHLO x", "MAIL FROM:<a@client.test>", "RCPT TO:<luis@%s>" % DOMAIN]}
    ended = {}

    def attempt(what):
        c = client(SLOW)
        for line in before[what]:
            c(line)
        if what == "chunk":
            c.raw("BDAT 100000\r\n")
        ended[what] = drip(c, "x" if what == "command" else "line\r\n")
        c.close()
    with attack(host):
        threads = [threading.Thread(target=attempt, args=(what,)) for what in before]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert ended == dict.fromkeys(before, True), ended
        for what in ("CONNECT", "DATA", "BDAT"):
            host.wait_log(r"timeout after %s.* from localhost" % what)
    assert not host.queue(), host.queue()


def miser(listener):
    """A server that is polite until the content, and then takes a byte at a time."""
    while True:
        s = listener.accept()[0]
        with contextlib.suppress(OSError), s:
            f = s.makefile("rb", buffering=0)
            s.sendall(b"220 miser ESMTP\r\n")
            while True:
                verb = f.readline()[:4].upper()
                s.sendall(b"354 slowly\r\n" if verb == b"DATA" else b"250 ok\r\n")
                if verb == b"DATA":
                    while s.recv(1):
                        time.sleep(PAUSE)


@test
def a_server_that_takes_a_byte_at_a_time_is_left(host):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", SERVER))
    listener.listen(5)
    threading.Thread(target=miser, args=(listener,), daemon=True).start()
    with attack(host):
        qid = send("x@miser.test", "Subject: large\n\n" + "0123456789\n" * 600000)
        line = host.wait_log(r"%s: to=<x@miser\.test>.*status=(.*)" % qid)[1]
        assert line.startswith("deferred (conversation with 127.0.0.1[127.0.0.1] timed out while sending message body"), line
    host.run("postsuper", "-d", "ALL")


# ---------------------------------------------------------------- forged ones

@test
def nobody_else_says_who_a_client_is(host):
    with attack(host):
        for line in ("XCLIENT NAME=localhost ADDR=127.0.0.1", "XCLIENT ADDR=127.0.0.1 LOGIN=root", "XFORWARD NAME=localhost ADDR=127.0.0.1",
                     "PROXY TCP4 127.0.0.1 127.0.0.1 4000 25"):
            mark = len(host.log())
            c = client(25, STRANGER)
            assert "XCLIENT" not in c("EHLO x")
            reply = c(line)
            assert reply[0] == "5", (line, reply)
            c.expect("MAIL FROM:<a@client.test>", 250)
            assert c("RCPT TO:<x@away.test>") == "454 4.7.1 <x@away.test>: Relay access denied", line
            reply = c.mail("a@client.test", ["paco@" + DOMAIN], "Subject: forged\n\nx") if c("RSET") else ""
            assert reply.startswith("250"), reply
            c.close()
            log = host.wait_log(r": client=(.*)$", mark)[1]
            assert log == "unknown[%s]" % STRANGER, log


@test
def headers_of_a_proxy_that_are_none_end_the_connection(host):
    mail = b"EHLO x\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<paco@%s>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\nQUIT\r\n" % DOMAIN.encode()
    bad = [b"", b"EHLO x\r\n", b"PROXY\r\n", b"PROXY TCP4\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.5 1 99999\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.5 -1 25\r\n",
           b"PROXY TCP4 1.2.3.4\n1.2.3.5 1 25\r\n", b"PROXY UNKNOWN\r\n", b"PROXY TCP4 ::1 ::1 1 25\r\n", b"PROXY TCP6 1.2.3.4 1.2.3.5 1 25\r\n",
           b"PROXY TCP4 1.2.3.4\0 1.2.3.5 1 25\r\n", b"PROXY TCP4 localhost 1.2.3.5 1 25\r\n", b"PROXY TCP9 1.2.3.4 1.2.3.5 1 25\r\n",
           b"PROXY " + b"x" * 5000, b"proxy TCP4 1.2.3.4 1.2.3.5 1 25\r\n", V2, V2 + b"\x21\x11\xff\xff" + b"x" * 70000, V2 + b"\x31\x11\0\x0c" + b"x" * 12,
           V2 + b"\x21\x11\0\x04abcd", V2 + b"\x21\x99\0\x0c" + b"x" * 12, V2 + b"\x2f\x11\0\x0c" + b"x" * 12, V2 + b"\x21\x21\0\x0c" + b"x" * 12]
    with attack(host, 20000):
        sockets = []
        for header in bad:
            s = connect(PROXY)
            with contextlib.suppress(OSError):
                s.sendall(header)
                if header[:1] not in (b"", b"E") and header != V2:
                    s.sendall(mail)
            sockets.append((header, s))
        for header, s in sockets:
            said = all_of(s)
            assert said in ("", "421 4.3.0 %s Server local error\r\n" % NAME), (header[:60], said)
        log = until("a line for each", lambda: len(re.findall(r"haproxy read: ", host.log())) == len(bad) and host.log())
        assert "smuggled" not in host.mailbox("paco") and "unknown[1.2.3.4]" not in log
        for header, shown in ((b"PROXY TCP4 192.0.2.7 192.0.2.8 1 25\r\n", "192.0.2.7"),
                              (V2 + b"\x21\x11\0\x10" + bytes([192, 0, 2, 9, 192, 0, 2, 8]) + struct.pack(">HH", 1, 25) + b"TLV!", "192.0.2.9")):
            s = connect(PROXY)
            s.sendall(header)
            assert s.recv(4) == b"220 ", header
            s.sendall(b"QUIT\r\n")
            assert all_of(s).endswith("\r\n221 2.0.0 Bye\r\n"), header
            host.wait_log(r"disconnect from unknown\[%s\]" % shown)


# ---------------------------------------------------------------- those who fill the log

@test
def the_log_grows_no_faster_than_a_client_talks(host):
    count = 3000
    begin = "EHLO %s\r\nMAIL FROM:<a@client.test>\r\n" % ("h" * 500)
    for start, line in (("", "EHLO \x80"), ("", "NOOP"), ("", "RSET"), ("", "VRFY x"), ("", "ETRN x"), ("", "Subject: x"), ("", "XCLIENT ADDR=x"),
                        ("EHLO x", "XFORWARD ADDR=x"), ("EHLO x", "MAIL FROM:<a@b> ENVID=+"), (begin, "RCPT TO:<\xff@x>"), (begin, "RCPT TO:<x@away.test>"),
                        (begin, "RCPT TO:<-x>"), (begin, "RCPT TO:<x@a..b>"), (begin, "BDAT 0"), (begin, "BDAT x"), (begin, "RCPT TO:<luis> NOTIFY=X")):
        mark = len(host.log())
        data = (start + "\r\n" if start else "") + (line + "\r\n") * count + "QUIT\r\n"
        s = connect(PATIENT, STRANGER)
        with contextlib.suppress(OSError):
            s.sendall(data.encode("latin-1"))
            s.shutdown(socket.SHUT_WR)
        all_of(s)
        host.wait_log(r"disconnect from unknown\[127\.0\.9\.9\]", mark)
        grown = len(host.log()) - mark
        assert grown < 30000 + len(data), (line, grown, len(data))


@test
def the_log_grows_no_faster_than_a_message_does(host):
    for line in ("Message-ID: <a@b>\n", "Resent-Message-ID: <a@b>\n", "X-Warn: w\n", "Message-ID:\n"):
        with attack(host, 60000):
            send("luis@" + DOMAIN, line * 20000 + "\nbody\n")
            host.wait_empty()


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.configure(main={"mynetworks": "127.0.0.1/32", "smtpd_error_sleep_time": "0", "header_checks": "inline:{x=DUNNO}, regexp:{{/^X-Warn:/ WARN look}}",
                         "transport_maps": "inline:{ miser.test=slow:[127.0.0.1]:%d }" % SERVER}, master=MASTER)
    host.start()
    return host


main(prepare)
