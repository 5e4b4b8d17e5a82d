#!/usr/bin/env python3
"""Clients that mean no good: smuggled messages, endless input, absurd sizes.  The server stays up and small, and
other clients are served meanwhile."""
import contextlib
import random
import socket

from harness import DOMAIN, Host, Sink, Smtp, furnish, main, test, until
from siege import attack, serve_others

PORT = 2599
EVIL = "MAIL FROM:<evil@away.test>%sRCPT TO:<smuggled@away.test>%sDATA%sSubject: smuggled%s%ssmuggled%s.%s"


def greeted():
    c = Smtp()
    c.expect("EHLO evil.test", 250)
    return c


def pour(c, data):
    """Send until the server has had enough; True when all of it went out."""
    try:
        c.raw(data)
        return True
    except OSError:
        return False


def rest(c):
    """All that the server still says; the connection is closed afterwards."""
    said = b""
    with contextlib.suppress(OSError):
        c.sock.settimeout(20)
        while True:
            data = c.sock.recv(65536)
            if not data:
                break
            said += data
    c.close()
    return said.decode("latin-1")


def quit_after(c):
    with contextlib.suppress(OSError):
        c.raw("QUIT\r\n")
        c.sock.shutdown(socket.SHUT_WR)
    return rest(c)


@test
def no_line_end_but_the_standard_one_ends_a_message(host):
    for number, (before, after) in enumerate((("\n", "\n"), ("\r\n", "\n"), ("\n", "\r\n"), ("\r", "\r"), ("\r\n", "\r"), ("\r", "\r\n"),
                                              ("\r\r\n", "\r\n"), ("\n\r\n", "\r\r\n"), ("\r\n\0", "\r\n"), ("\r\n", "\0\r\n"))):
        with attack(host):
            SINK.messages.clear()
            c = greeted()
            c.expect("MAIL FROM:<a@client.test>", 250)
            c.expect("RCPT TO:<honest@away.test>", 250)
            c.expect("DATA", 354)
            eol = after if after.strip("\0") != after else "\r\n"
            c.raw("Subject: variant %d\r\n\r\nhonest%s.%s" % (number, before, after) + EVIL % ((eol,) * 7) + "\r\n.\r\n")
            said = quit_after(c)
            assert said.count("queued as") <= 1, (before, after, said)
            host.wait_empty()
            assert all(m[1] == ["honest@away.test"] for m in SINK.messages), (before, after, SINK.messages)
            assert len(SINK.messages) == said.count("queued as"), (before, after, said)


@test
def a_message_from_this_host_smuggles_nothing_either(host):
    for line_end in ("\n", "\r\n", "\r"):
        with attack(host):
            SINK.messages.clear()
            text = "Subject: local\n\nhonest%s.%s" % (line_end, line_end) + EVIL % ((line_end,) * 7)
            host.run("sendmail", "-i", "-f", "a@client.test", "honest@away.test", text=text)
            until("the message", lambda: SINK.messages)
            host.wait_empty()
            assert [m[1] for m in SINK.messages] == [["honest@away.test"]], SINK.messages


@test
def an_endless_command_is_cut_off(host):
    for start in ("", "EHLO ", "MAIL FROM:<", "RCPT TO:<a@b> ", "NOOP ", "X" * 600 + ":"):
        with attack(host):
            c = greeted()
            for _ in range(200):
                if not pour(c, start + "a" * 100000):
                    break
                start = ""
            quit_after(c)


@test
def endless_content_is_refused(host):
    for line in ("a" * 100000, "\0" * 100000, "\r" * 100000, "." * 100000, "\r\n" * 50000, "X: y\r\n" * 20000, "a: " + "b" * 1000 + "\r\n "):
        with attack(host):
            c = greeted()
            c.expect("MAIL FROM:<a@client.test>", 250)
            c.expect("RCPT TO:<luis@%s>" % DOMAIN, 250)
            c.expect("DATA", 354)
            sent = 0
            while sent < 14000000 and pour(c, line):
                sent += len(line)
            pour(c, "\r\n.\r\n")
            said = quit_after(c)
            assert "queued as" not in said, (line[:20], sent, said)


@test
def many_recipients_are_limited(host):
    with attack(host):
        c = greeted()
        c.expect("MAIL FROM:<a@client.test>", 250)
        pour(c, "".join("RCPT TO:<luis+%d@%s>\r\n" % (n, DOMAIN) for n in range(1010)))
        said = quit_after(c)
        assert said.count("250 2.1.5 Ok") == 1000 and said.count("452 4.5.3 Error: too many recipients") == 10, said[-300:]
        # One that does not listen is hung up on; what it had not read by then is gone.
        c = greeted()
        c.expect("MAIL FROM:<a@client.test>", 250)
        pour(c, "".join("RCPT TO:<luis+%d@%s>\r\n" % (n, DOMAIN) for n in range(10000)))
        assert quit_after(c).count("250 2.1.5 Ok") <= 1000


@test
def odd_bytes_in_commands_are_ordinary_errors(host):
    rng = random.Random(7)
    with attack(host):
        for line in ("\0", "EHLO \0\0\0", "MAIL FROM:<\0@x>", "RCPT TO:<a\0b@c>", "\x80\xff\xfe", "EHLO " + "\xe9" * 500, "MAIL FROM:<" + "a" * 900 + "@x.test>",
                     "MAIL FROM:<" + "@a," * 250 + ":b@c>", "MAIL FROM:<" + "\"" * 333 + "@x>", "RCPT TO:<" + "(" * 500 + "@x>", "MAIL FROM:<a@" + "b." * 400 + "c>",
                     "VRFY " + "%" * 800, "EXPN x", "\r\r\r", "HELO " + "." * 500, "MAIL FROM:<a@b> SIZE=99999999999999999999999", "ETRN " + "x" * 500,
                     "MAIL FROM:<a@b> ENVID=" + "+" * 500, "XCLIENT " + "ADDR=" * 100, "XFORWARD NAME=\0"):
            c = greeted()
            reply = c(line)
            assert reply[0] in "245", (line, reply)
            quit_after(c)
        for _ in range(30):
            c = Smtp()
            pour(c, bytes(rng.randrange(256) for _ in range(20000)))
            quit_after(c)


@test
def absurd_chunk_sizes_are_refused_or_bounded(host):
    with attack(host):
        for size in ("99999999999999999999", "18446744073709551615", "9223372036854775807", "4294967295", "2147483648", "-1", "-9223372036854775808", "", "abc",
                     "0x10", "1e9", "5 LAST LAST", "00000000000000000000000000005"):
            c = greeted()
            c.expect("MAIL FROM:<a@client.test>", 250)
            c.expect("RCPT TO:<luis@%s>" % DOMAIN, 250)
            pour(c, "BDAT %s\r\n" % size)
            for _ in range(120):
                if not pour(c, "a" * 100000):
                    break
            assert "queued as" not in quit_after(c), size
        c = greeted()
        c.expect("MAIL FROM:<a@client.test>", 250)
        c.expect("RCPT TO:<luis@%s>" % DOMAIN, 250)
        pour(c, "BDAT 0\r\n" * 20000)
        quit_after(c)


@test
def a_client_that_never_reads_holds_nobody_up(host):
    with attack(host):
        deaf = [greeted() for _ in range(5)]
        for c in deaf:
            c.sock.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                for _ in range(400):
                    c.sock.send(b"EHLO x\r\n" * 5000)
        serve_others(host)
        for c in deaf:
            c.close()


@test
def slow_and_silent_clients_do_not_keep_others_out(host):
    with attack(host):
        silent = [socket.create_connection(("127.0.0.1", 25)) for _ in range(30)]
        slow = [greeted() for _ in range(15)]
        started = [greeted() for _ in range(15)]
        for c in started:
            c.expect("MAIL FROM:<a@client.test>", 250)
            c.expect("RCPT TO:<luis@%s>" % DOMAIN, 250)
            c.expect("DATA", 354)
        for letter in "MAIL FROM:<x@y.te":
            for c in slow + started:
                c.raw(letter)
            serve_others(host)
        for c in silent + slow + started:
            c.close()
        until("the processes to be idle again", lambda: greeted().close() is None)


@test
def a_crowd_of_broken_connections_is_survived(host):
    with attack(host):
        for n in range(300):
            s = socket.create_connection(("127.0.0.1", 25))
            if n % 3:
                s.sendall(b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<luis@%s>\r\nDATA\r\nx\r\n" % DOMAIN.encode())
            if n % 2:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0") # a reset, not an end
            s.close()
        until("no message half received", lambda: not host.queue())


@test
def deep_and_wide_messages_are_received_or_refused(host):
    nested = "Subject: nested\n" + "".join("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(20000))
    wide = "Subject: wide\nTo: " + ", ".join("user%d@away.test" % n for n in range(60000)) + "\n\nx"
    brackets = "Subject: brackets\nTo: " + "(" * 90000 + "\nFrom: " + "<" * 90000 + "\nCc: " + "\"\\" * 40000 + "\n\nx"
    folded = "Subject: folded\nX: a\n" + " b\n" * 300000 + "\nx"
    boundary = "Subject: b\nMime-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"" + "b" * 90000 + "\"\n\n--" + "b" * 90000 + "\n\nx"
    for text in (nested, wide, brackets, folded, boundary):
        with attack(host):
            c = greeted()
            reply = c.mail("a@client.test", ["luis@" + DOMAIN], text)
            assert reply[0] in "25", reply
            c.close()
            host.wait_empty()


def prepare(tree, work):
    global SINK
    furnish(tree, work)
    SINK = Sink(PORT)
    host = Host()
    host.configure(main={"transport_maps": "inline:{ away.test=smtp:[127.0.0.1]:%d }" % PORT, "recipient_delimiter": "+",
                         "smtpd_error_sleep_time": "0"})
    host.start()
    return host


main(prepare)
