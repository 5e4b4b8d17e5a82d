#!/usr/bin/env python3
"""What the real smtpd does when clients or other services misbehave."""
import os, socket, struct, sys, time, traceback

sys.path.insert(0, os.path.dirname(__file__))
from harness import Smtpd

BINARY = sys.argv[1]
COMMANDS = int(os.environ.get("COMMANDS", "12000"))
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def eq(got, want):
    assert got == want, "%r != %r" % (got, want)


def has(text, part):
    assert part in text, "%r not in %r" % (part, text)


def wait_log(server, part):
    for _ in range(200):
        if part in server.log():
            return
        time.sleep(0.05)
    raise AssertionError("not in the log: %r\n%s" % (part, server.log()))


def rss(pid):
    for line in open("/proc/%d/status" % pid):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])


def envelope(c):
    eq(c("MAIL FROM:<a@far.test>"), "250 2.1.0 Ok")
    eq(c("RCPT TO:<joe@local.test>"), "250 2.1.5 Ok")


def message(c, text="Subject: x\r\n\r\ny\r\n"):
    envelope(c)
    eq(c("DATA"), "354 End data with <CR><LF>.<CR><LF>")
    c.send(text + ".\r\n")
    return c.reply()


@test
def memory_does_not_grow_with_commands():
    with Smtpd(BINARY, smtpd_junk_command_limit="100000000", smtpd_hard_error_limit="100000000", smtpd_soft_error_limit="100000000",
               smtpd_authorized_xclient_hosts="static:all", smtpd_authorized_xforward_hosts="static:all",
               smtpd_sender_restrictions="check_sender_access inline:{{bad@far.test=PREPEND X-Long: header}}",
               smtpd_etrn_restrictions="reject") as d:
        c = d.client()
        c.reply()
        words = ["HELO a%d.example" % i for i in range(7)] + [
            "EHLO " + "x" * 400, "NOOP", "RSET", "VRFY joe@local.test", "VRFY nobody@local.test", "ETRN d.test", "HELP", "BOGUS",
            "XCLIENT NAME=n.test ADDR=192.0.2.7 HELO=h.test LOGIN=u", "XFORWARD NAME=" + "n" * 200 + " ADDR=192.0.2.8", "MAIL FROM:<bad@far.test>",
            "RCPT TO:<nobody@local.test>", "RSET"]
        batch = ("\r\n".join(words) + "\r\n").encode()

        def run(times):
            for _ in range(times):
                c.send(batch)
                for _ in words:
                    assert c.reply() is not None
        run(COMMANDS // 10 // len(words))
        before = rss(d.proc.pid)
        run(COMMANDS // len(words))
        after = rss(d.proc.pid)
        print("%d commands: %d kB, then %d kB" % (COMMANDS, before, after))
        assert after - before < 200


@test
def a_network_that_is_none_is_a_temporary_fault_of_the_list():
    for networks, why in (("127.0.0/8", 'bad network value in "127.0.0/8"'), ("127.0.0.0/33", 'bad mask length in "127.0.0.0/33"'),
                          ("127.0.0.1/8", 'non-null host address bits in "127.0.0.1/8", perhaps you should use "127.0.0.0/8" instead')):
        with Smtpd(BINARY, mynetworks=networks) as d:
            c = d.client()
            c.reply()
            c("EHLO x")
            eq(c("MAIL FROM:<a@far.test>"), "250 2.1.0 Ok")
            eq(c("RCPT TO:<x@out.test>"), "451 4.3.0 <x@out.test>: Temporary lookup failure")
            wait_log(d, "warning: mynetworks: " + why)


@test
def an_extension_for_nobody_knows_whom_ends_the_session():
    for list_of, extension in (("xclient_hosts", "XCLIENT"), ("xforward_hosts", "XFORWARD"), ("verp_clients", "XVERP")):
        with Smtpd(BINARY, **{"smtpd_authorized_" + list_of: "127.0.0/8"}) as d:
            c = d.client()
            c.reply()
            eq(c("HELO x"), "250 mx.test")
            eq(c("EHLO x"), "421 4.3.0 mx.test Server local data error")
            eq(c.reply(), None)
            wait_log(d, "warning: don't know if EHLO feature %s should be announced to " % extension)
            wait_log(d, "reject: EHLO from ")


@test
def a_table_of_commands_that_cannot_be_asked_ends_the_session():
    for table, said in (("smtpd_command_filter", "NOOP"), ("smtpd_discard_ehlo_keyword_address_maps", "EHLO x")):
        with Smtpd(BINARY, **{table: "texthash:/nonexistent"}) as d:
            c = d.client()
            c.reply()
            eq(c(said), "421 4.3.0 mx.test Server local data error")
            eq(c.reply(), None)
            wait_log(d, "NOQUEUE: reject: %s from " % ("EHLO" if said != "NOOP" else "CONNECT"))


@test
def discarded_keywords_are_not_offered_and_named_in_the_order_of_the_table():
    words = "starttls, SIZE, nonsense, verp, requiretls, 8bitmime, XVERP, pipelining"
    with Smtpd(BINARY, smtpd_discard_ehlo_keywords=words, smtpd_authorized_verp_clients="127.0.0.0/8") as d:
        c = d.client()
        c.reply()
        eq(c("EHLO x"), "250-mx.test\n250-VRFY\n250-ETRN\n250-ENHANCEDSTATUSCODES\n250-DSN\n250-SMTPUTF8\n250 CHUNKING")
        wait_log(d, "discarding EHLO keywords: 8BITMIME PIPELINING SIZE VERP STARTTLS REQUIRETLS")
    with Smtpd(BINARY, smtpd_discard_ehlo_keywords="dsn, silent-discard, etrn") as d:
        c = d.client()
        c.reply()
        offer = c("EHLO x")
        assert "DSN" not in offer and "ETRN" not in offer and "VRFY" in offer, offer
        assert "discarding" not in d.log(), d.log()


@test
def a_restriction_class_without_restrictions_is_fatal():
    with Smtpd(BINARY, smtpd_restriction_classes="here, gone", here="permit") as d:
        try:
            d.client().reply()
        except OSError:
            pass
        wait_log(d, "fatal: restriction class `gone' needs a definition")


@test
def routing_to_what_is_no_address_is_refused_at_once():
    with Smtpd(BINARY, mydestination="local.test, mx.test") as d:
        c = d.client()
        c.reply()
        c("EHLO x")
        for sender in ("u%bad..test@local.test", "bad..test!u@local.test", "@x.test:u%bad..test@local.test", "u%-bad.test@local.test"):
            eq(c("MAIL FROM:<%s>" % sender), "501 5.1.7 Bad sender address syntax")
            wait_log(d, "Illegal address syntax from localhost[127.0.0.1] in MAIL command: <%s>" % sender)
        eq(c("VRFY u%bad..test@local.test"), "501 5.1.3 Bad recipient address syntax")
        wait_log(d, "in VRFY command: u%bad..test@local.test")
        eq(c("MAIL FROM:<u%bad..test@far.test>"), "250 2.1.0 Ok")  # for far.test to judge
        for rcpt in ("u%bad..test@local.test", '"u%bad..test"@local.test', "u%a%b..c@local.test", "u%[999.2.3.4]@local.test"):
            eq(c("RCPT TO:<%s>" % rcpt), "501 5.1.3 Bad recipient address syntax")
        eq(c("RCPT TO:<u%bad..test@far.test>")[:3], "250")


@test
def a_dying_cleanup_gives_451_and_the_session_goes_on():
    with Smtpd(BINARY) as d:
        d.cleanup.die_after = 1
        c = d.client()
        c.reply()
        c("EHLO x")
        eq(message(c, "x" * 70 + "\r\n" + ("y" * 900 + "\r\n") * 200), "451 4.3.0 Error: queue file write error")
        d.cleanup.die_after = None
        eq(message(c), "250 2.0.0 Ok: queued as 7A1B2C3D")
        eq(len(d.cleanup.messages), 1)


@test
def without_cleanup_mail_is_deferred():
    with Smtpd(BINARY) as d:
        os.unlink(d.dir + "/public/cleanup")
        c = d.client()
        c.reply()
        c("EHLO x")
        eq(c("MAIL FROM:<a@far.test>"), "250 2.1.0 Ok")
        eq(c("RCPT TO:<joe@local.test>"), "451 4.3.0 Error: queue file write error")


@test
def a_refusal_of_cleanup_is_passed_on():
    for status, reason, want in ((4, "4.2.1 later", "451 4.2.1 later"), (4, "nasty", "550 5.7.1 nasty"), (4, "5.6.0 odd", "550 5.6.0 odd"),
                                 (8, "554 5.7.9 whole", "554 5.7.9 whole"), (5, "", "554 5.4.0 Error: too many hops"),
                                 (99, "", "451 4.3.0 Error: internal error 1")):
        with Smtpd(BINARY) as d:
            d.cleanup.verdict = dict(status=status, reason=reason, size=1, broken=0)
            c = d.client()
            c.reply()
            c("EHLO x")
            eq(message(c), want)


@test
def without_anvil_nobody_is_limited():
    with Smtpd(BINARY, smtpd_client_message_rate_limit="1", smtpd_client_event_limit_exceptions="") as d:
        d.listen()
        c = d.connect()
        c.reply()
        c("EHLO x")
        for _ in range(3):
            eq(message(c), "250 2.0.0 Ok: queued as 7A1B2C3D")
        has(d.log(), "connect to private/anvil")


@test
def a_dripping_client_cannot_outlast_the_deadline():
    with Smtpd(BINARY, smtpd_per_request_deadline="yes", smtpd_timeout="2s") as d:
        c = d.client()
        c.reply()
        for i in range(2000):
            try:
                c.send(b"x")
            except OSError:
                break
            time.sleep(0.02)
        else:
            raise AssertionError("it was heard for 40 seconds")
        has(d.log(), "timeout after CONNECT from localhost[127.0.0.1]")


@test
def content_must_come_at_the_least_rate():
    with Smtpd(BINARY, smtpd_per_request_deadline="yes", smtpd_timeout="2s", smtpd_min_data_rate="100000") as d:
        c = d.client()
        c.reply()
        c("EHLO x")
        envelope(c)
        c("DATA")
        for i in range(2000):
            try:
                c.send(b"line\r\n")
            except OSError:
                break
            time.sleep(0.02)
        else:
            raise AssertionError("it was heard for 40 seconds")
        wait_log(d, "timeout after DATA (")
        eq(d.cleanup.messages, [])


@test
def lost_connections_are_logged_where_they_happen():
    """With the queue id since 3.10; a site that keeps an older compatibility_level has tools that do not know that."""
    for said, want in ((["EHLO x"], "NOQUEUE: lost connection after EHLO from localhost[127.0.0.1]"),
                       (["EHLO x", "MAIL FROM:<a@far.test>"], "NOQUEUE: lost connection after MAIL from localhost[127.0.0.1]"),
                       (["EHLO x", "MAIL FROM:<a@far.test>", "RCPT TO:<joe@local.test>"],
                        "7A1B2C3D: lost connection after RCPT from localhost[127.0.0.1]"),
                       (["EHLO x", "MAIL FROM:<a@far.test>", "RCPT TO:<joe@local.test>", "DATA", "half"],
                        "7A1B2C3D: lost connection after DATA (6 bytes) from localhost[127.0.0.1]")):
        for level, line in (("3.10", want), ("3.9", want.split(": ", 1)[1])):
            with Smtpd(BINARY, compatibility_level=level) as d:
                c = d.client()
                c.reply()
                for word in said:
                    c.send(word + "\r\n")
                    if word != "half":
                        c.reply()
                c.close()
                d.proc.wait(20)
                has(d.log(), "smtpd: %s\n" % line)
                eq(d.cleanup.messages, [])


@test
def a_proxy_tells_who_the_client_is():
    v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", 12) + bytes([198, 51, 100, 7, 192, 0, 2, 1]) + struct.pack(">HH", 4000, 25)
    for header, shown in ((b"PROXY TCP4 198.51.100.7 192.0.2.1 4000 25\r\n", "unknown[198.51.100.7]"),
                          (b"PROXY TCP6 2001:db8::7 2001:db8::1 4000 25\r\n", "unknown[2001:db8::7]"), (v2, "unknown[198.51.100.7]"),
                          (v2[:12] + b"\x20\0\0\0", "unknown[127.0.0.1]")):
        with Smtpd(BINARY, smtpd_upstream_proxy_protocol="haproxy", inet_protocols="all") as d:
            d.listen()
            c = d.connect()
            for i in range(0, len(header), 5):
                c.send(header[i:i + 5])
                time.sleep(0.005)
            has(c.reply(), "220 mx.test")
            c("QUIT")
            wait_log(d, "disconnect from " + shown)


@test
def who_comes_without_the_proxy_is_not_served():
    with Smtpd(BINARY, smtpd_upstream_proxy_protocol="haproxy", smtpd_upstream_proxy_timeout="1s") as d:
        d.listen()
        c = d.connect()
        c.send(b"EHLO x\r\n")
        eq(c.reply(), "421 4.3.0 mx.test Server local error")
        eq(c.reply(), None)
        for line in ("warning: haproxy read: short protocol header: EHLO x\\r\\n", " connect from localhost[127.0.0.1]",
                     "disconnect from localhost[127.0.0.1] commands=0/0"):
            has(d.log(), line)
        c = d.connect()
        c.send(b"PROXY TCP4 198.51.100.7 ")  # and no more
        eq(c.reply(), "421 4.3.0 mx.test Server local error")
        wait_log(d, "haproxy read: missing protocol header terminator: PROXY TCP4 198.51.100.7 ")
        c = d.connect()  # says nothing
        eq(c.reply(), "421 4.3.0 mx.test Server local error")
        wait_log(d, "haproxy read: timeout error")


@test
def talking_too_early_ends_the_session():
    with Smtpd(BINARY, smtpd_forbid_unauth_pipelining="yes") as d:
        d.listen()
        c = d.connect()
        c.reply()
        c("EHLO x")
        c.send("MAIL FROM:<a@far.test>\r\nRCPT TO:<joe@local.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n")
        eq([c.reply() for _ in range(4)], ["250 2.1.0 Ok", "250 2.1.5 Ok", "554 5.5.0 Error: SMTP protocol synchronization", None])
        eq(d.cleanup.messages, [])
        wait_log(d, "data=0/1 commands=3/4")


@test
def who_talks_before_the_greeting_is_told_of():
    """A client of TLS on the wrong port, a client of HTTP, a spammer; the log shows what they said in escapes."""
    for said, shown in ((b"\x16\x03\x01\0\xa5\t\\", r"\026\003\001\000\245\t\\"), (b"EHLO x\r\n", r"EHLO x\r\n")):
        with Smtpd(BINARY, smtpd_forbid_unauth_pipelining="no") as d:
            c = d.hasty(said)
            assert c.reply().startswith("220 ")
            wait_log(d, "improper command pipelining after CONNECT from unknown[127.0.0.1]: " + shown)


@test
def who_talks_before_the_greeting_gets_none():
    for said in b"EHLO x\r\n", b"EHLO x\r\nMAIL FROM:<a@far.test>\r\n", b"QUIT\r\n", b"x":
        with Smtpd(BINARY, smtpd_forbid_unauth_pipelining="yes") as d:
            eq(d.hasty(said).reply(), "554 5.5.0 Error: SMTP protocol synchronization")
            wait_log(d, "improper command pipelining after CONNECT from unknown[127.0.0.1]: ")
            wait_log(d, "disconnect from unknown[127.0.0.1] commands=0/0")


@test
def a_goodbye_need_not_wait():
    with Smtpd(BINARY, smtpd_forbid_unauth_pipelining="yes") as d:
        d.listen()
        c = d.connect()
        c.reply()
        c.send("EHLO x\r\nquit\r\n")
        assert c.reply().startswith("250")
        eq([c.reply(), c.reply()], ["221 2.0.0 Bye", None])
        wait_log(d, "improper command pipelining after EHLO from unknown[127.0.0.1]: quit")


@test
def hold_is_possible_to_the_last():
    with Smtpd(BINARY, smtpd_end_of_data_restrictions="check_sender_access inline:{{a@far.test=HOLD}}") as d:
        c = d.client()
        c.reply()
        c("EHLO x")
        eq(message(c), "250 2.0.0 Ok: queued as 7A1B2C3D")
        kinds = [k for k, _ in d.cleanup.messages[0]]
        assert kinds.index("f") > kinds.index("X"), kinds
        has(d.log(), "7A1B2C3D: hold: END-OF-MESSAGE from localhost[127.0.0.1]: <a@far.test>: Sender address triggers HOLD action; "
                     "from=<a@far.test> to=<joe@local.test> proto=ESMTP helo=<x>")


@test
def the_postmaster_hears_of_what_he_asked_for():
    with Smtpd(BINARY, notify_classes="protocol", error_notice_recipient="ops") as d:
        c = d.client()
        c.reply()
        c("EHLO x")
        c("XYZZY \x01")
        c("BOGUS " + "word " * 20 + "y" * 100)
        c("QUIT")
        d.proc.wait(20)
        records = d.cleanup.messages[0]
        text = b"\n".join(p for k, p in records if k == "N").decode()
        assert (("R", b"ops") in records) and (("S", b"double-bounce@mx.test") in records), records
        for part in ("Subject: Postfix SMTP server: errors from localhost[127.0.0.1]\n", "To: Postmaster <ops>\n",
                     "\nTranscript of session follows.\n\n Out: 220 mx.test ESMTP Postfix\n In:  EHLO x\n Out: 250-mx.test\n",
                     " In:  XYZZY ?\n Out: 500 5.5.2 Error: command not recognized\n",
                     "\n In:  BOGUS" + " word" * 13 + "\n     word" + " word" * 6 + "\n     " + "y" * 100 + "\n", " In:  QUIT\n Out: 221 2.0.0 Bye\n"):
            has(text, part)
        eq(text.split("\n")[0], "Received: by mx.test (Postfix)")
        has(text, "\n\tid 7A1B2C3D; ")
        has(text, "\nDate: ")
    with Smtpd(BINARY, notify_classes="policy") as d:
        c = d.client()
        c.reply()
        c("XYZZY")
        c("QUIT")
        d.proc.wait(20)
        eq(d.cleanup.messages, [])


@test
def clients_refused_at_once_get_nothing_else():
    with Smtpd(BINARY, smtpd_delay_reject="no", smtpd_client_restrictions="check_client_access inline:{{127.0.0.1=REJECT go}}") as d:
        c = d.client()
        eq(c.reply(), "554 5.7.1 <localhost[127.0.0.1]>: Client host rejected: go")
        eq(c("EHLO x"), "503 5.7.0 Error: access denied for localhost[127.0.0.1]")
        eq(c("QUIT"), "221 2.0.0 Bye")
        has(d.log(), "NOQUEUE: reject: CONNECT from localhost[127.0.0.1]: 554 5.7.1 <localhost[127.0.0.1]>: Client host rejected: go; proto=SMTP\n")


FACT_MAX, ATTR_MAX, VALUE_MAX, HELO_MAX = 16 * 1024, 32 * 1024, 255, 512  # lib/queue/record.h, lib/smtp/xattr.c, smtpd/commands.c


@test
def what_no_queue_record_holds_is_refused_and_what_one_holds_is_kept():
    def address(size):
        return "x" * (size - len("@local.test")) + "@local.test"

    orcpt = ATTR_MAX - len("dsn_orig_rcpt=")
    with Smtpd(BINARY, line_length_limit="70000", smtpd_authorized_xforward_hosts="127.0.0.1", local_recipient_maps="") as d:
        c = d.client()
        c.reply()
        c("EHLO " + "h" * (HELO_MAX + 1))
        eq(c("XFORWARD HELO=" + "f" * (VALUE_MAX + 1)), "501 5.5.4 Error: attribute value too long")
        eq(c("XFORWARD HELO=" + "f" * VALUE_MAX), "250 2.0.0 Ok")
        eq(c("MAIL FROM:<%s>" % address(FACT_MAX + 1)), "501 5.1.7 Bad sender address syntax")
        eq(c("MAIL FROM:<%s> ENVID=%s" % (address(FACT_MAX), "e" * (orcpt + 1))), "501 5.5.4 Bad ENVID parameter syntax")
        eq(c("MAIL FROM:<%s> ENVID=%s" % (address(FACT_MAX), "e" * orcpt)), "250 2.1.0 Ok")
        eq(c("RCPT TO:<%s>" % address(FACT_MAX + 1)), "501 5.1.3 Bad recipient address syntax")
        eq(c("RCPT TO:<%s> ORCPT=x;%s" % (address(FACT_MAX), "o" * (orcpt - 1))), "501 5.5.4 Error: Bad ORCPT parameter syntax")
        eq(c("RCPT TO:<%s> ORCPT=x;%s" % (address(FACT_MAX), "o" * (orcpt - 2))), "250 2.1.5 Ok")
        eq(c("RCPT TO:<%s>" % address(FACT_MAX)), "250 2.1.5 Ok")
        eq(c("DATA")[:3], "354")
        eq(c("x\r\n.")[:3], "250")
        records = d.cleanup.messages[0]
        for record in (("S", address(FACT_MAX)), ("R", address(FACT_MAX)), ("A", "envelope_id=" + "e" * orcpt),
                       ("A", "dsn_orig_rcpt=x;" + "o" * (orcpt - 2)), ("A", "dsn_orig_rcpt=rfc822;" + address(FACT_MAX)),
                       ("A", "helo_name=" + "h" * HELO_MAX), ("A", "log_helo_name=" + "f" * VALUE_MAX)):
            assert (record[0], record[1].encode()) in records, "%s %s... (%d) is not among %s" % (
                record[0], record[1][:30], len(record[1]), [(k, v[:30], len(v)) for k, v in records])


@test
def everything_said_to_it_leaves_it_running():
    """Bytes that make no sense, in many sessions of one process."""
    with Smtpd(BINARY, smtpd_hard_error_limit="1000", smtpd_forbid_unauth_pipelining="no") as d:
        d.listen()
        noise = [bytes((i * k + k) % 256 for i in range(3000)) for k in (1, 3, 7, 31, 101)]
        noise += [b"MAIL FROM:<" + b"a" * 5000 + b"\r\n", b"BDAT 99999999999999999999\r\n", b"BDAT 5\r\n", b"\0\r\n" * 50, b"EHLO " + b"\xff" * 600 + b"\r\n",
                  b"MAIL FROM:<" + b"<" * 900 + b">\r\n", b"RCPT TO:<\"" + b"\\" * 700 + b"\r\n", b"HELO \r\n" * 20, b"XCLIENT " + b"A=B " * 400 + b"\r\n"]
        for said in noise:
            c = d.connect()
            c.reply()
            try:
                c.send(said + b"\r\nQUIT\r\n")
                c.s.shutdown(socket.SHUT_WR)
                c.rest()
            except OSError:
                pass
            c.close()
            assert d.proc.poll() is None, "it ended: %s" % d.log()[-300:]
        c = d.connect()
        has(c.reply(), "220 mx.test")


def main():
    failed = 0
    for fn in TESTS:
        try:
            fn()
            print("ok   " + fn.__name__)
        except Exception:
            failed += 1
            print("FAIL " + fn.__name__)
            traceback.print_exc(limit=2)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
