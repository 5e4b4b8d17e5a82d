#!/usr/bin/env python3
"""bounce, defer and trace as processes, with a cleanup service played by a thread; reports are read by Python's
email package."""
import email, email.policy, os, re, socket, subprocess, sys, threading, time, traceback

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "qmgr"))
from harness import *

BINARY = sys.argv[1]
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def eq(a, b):
    assert a == b, "%r != %r" % (a, b)


class Cleanup(threading.Thread):
    """Keeps (flags, sendopts, sender, recipients, text) of each message."""

    def __init__(self, dir):
        super().__init__(daemon=True)
        self.status, self.messages = 0, []
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind(dir + "/public/cleanup")
        self.s.listen(10)
        self.start()

    def run(self):
        while True:
            c, _ = self.s.accept()
            with c:
                self.serve(c.makefile("rwb"))

    def serve(self, f):
        while True:
            head = f.read(4)
            if len(head) < 4:
                return
            body = f.read(struct.unpack("<I", head)[0])
            kind, body = chr(body[0]), body[1:]
            if kind == "O":
                self.open, self.records = split_lists(body)[0], b""
                f.write(frame("I", attrs([("queue_id", "NEW%d" % len(self.messages))])))
            elif kind == "R":
                self.records += body
            elif kind == "E":
                self.messages.append(self.parse())
                f.write(frame("V", attrs([("status", self.status), ("reason", ""), ("size", 1), ("broken", 0)])))
            f.flush()

    def parse(self):
        sender, rcpts, text, at, b = None, [], [], 0, self.records
        while at < len(b):
            kind, n, shift = chr(b[at]), 0, 0
            while True:
                at += 1
                n |= (b[at] & 0x7F) << shift
                shift += 7
                if not b[at] & 0x80:
                    break
            payload = b[at + 1:at + 1 + n]
            at += 1 + n
            if kind == "S":
                sender = payload.decode()
            elif kind == "R":
                rcpts.append(payload.decode())
            elif kind == "N":
                text.append(payload + b"\n")
            elif kind == "L":
                text.append(payload)
        return dict(open=self.open, sender=sender, rcpts=rcpts, text=b"".join(text))


class Bounce(Qmgr):
    def __init__(self, service="bounce", **main):
        super().__init__(BINARY, **main)
        self.service = service

    def start(self):
        self.configure()
        self.cleanup = Cleanup(self.dir)
        self.listen = socket.socket(socket.AF_UNIX)
        self.listen.bind(self.dir + "/private/" + self.service)
        self.listen.listen(10)
        self.out = open(self.log, "ab")
        self.proc = subprocess.Popen([self.binary, "-S", "-n", self.service, "-t", "unix"], stdin=self.listen, stdout=self.out,
                                     stderr=self.out, env={"MAIL_CONFIG": self.conf, "PATH": "/usr/bin:/bin", "TZ": "UTC"}, cwd=self.dir)
        return self

    def ask(self, kind, body):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(self.dir + "/private/" + self.service)
        f = s.makefile("rwb")
        f.write(frame(kind, body))
        f.flush()
        n = struct.unpack("<I", f.read(4))[0]
        b = f.read(n)
        s.close()
        eq(b[:1], b"S")
        return int(split_lists(b[1:])[0]["status"])

    def append(self, **kw):
        d = dict(queue_id="ABC", recipient="r@far.test", original_recipient="", dsn_orig_rcpt="", notify_flags=0, offset=100, status="5.1.1",
                 action="failed", diag_type="", diag_text="", mta_type="", mta_mname="", reason="no such user")
        d.update(kw)
        return attrs(d.items())

    def report(self, **kw):
        d = dict(queue_name="active", queue_id="ABC", encoding="", sendopts=0, sender="ana@home.test", envelope_id="", ret_flags=0,
                 verp_delimiters="", arrival_sec=1795290872, owner="")
        d.update(kw)
        return attrs(d.items())

    def mails(self):
        return [email.message_from_bytes(m["text"], policy=email.policy.default) for m in self.cleanup.messages]


def message(q, **kw):
    q.put(queue_file(sender="ana@home.test", **kw), queue="active", name="ABC")


def status_fields(part):
    return [dict(b.items()) for b in part.get_payload()]


@test
def entries_are_appended_byte_for_byte():
    with Bounce("defer").start() as q:
        eq(q.ask("A", q.append(recipient="other@sink.example", original_recipient="alice@example.com", dsn_orig_rcpt="rfc822;alice@example.com", offset=782,
                               status="4.4.1", action="delayed", reason="connect to 127.0.0.1[127.0.0.1]:13101: Connection refused")), 0)
        want = ("\n<other@sink.example>: connect to 127.0.0.1[127.0.0.1]:13101: Connection refused\nrecipient=other@sink.example\n"
                "original_recipient=alice@example.com\noffset=782\ndsn_orig_rcpt=rfc822;alice@example.com\nstatus=4.4.1\naction=delayed\n"
                "reason=connect to 127.0.0.1[127.0.0.1]:13101: Connection refused\n\n")
        eq(open(q.dir + "/defer/A/ABC").read(), want)
        eq(os.stat(q.dir + "/defer/A/ABC").st_mode & 0o777, 0o600)
        eq(q.ask("A", q.append(recipient="odd name@x.test", notify_flags=4)), 0)
        t = open(q.dir + "/defer/A/ABC").read()
        assert t.startswith(want) and 'recipient="odd name"@x.test\n' in t and "notify_flags=4\n" in t, t


@test
def a_log_removed_while_somebody_waits_for_its_lock_is_begun_anew():
    import fcntl
    with Bounce().start() as q:
        log = q.dir + "/bounce/ABC"
        q.ask("A", q.append(recipient="first@far.test"))
        f = open(log)
        fcntl.flock(f, fcntl.LOCK_EX)
        answers = []
        t = threading.Thread(target=lambda: answers.append(q.ask("A", q.append(recipient="second@far.test"))))
        t.start()
        q.wait(lambda: re.search(r"-> FLOCK +ADVISORY +WRITE %d " % q.proc.pid, open("/proc/locks").read()), "a waiting append")
        os.unlink(log)
        f.close()
        t.join()
        eq((answers, re.findall("^recipient=(.*)$", open(log).read(), re.M)), ([0], ["second@far.test"]))


@test
def bad_queue_ids_are_refused():
    with Bounce().start() as q:
        for bad in ("", "../x", "a/b", "x" * 300):
            eq(q.ask("A", q.append(queue_id=bad)), 1)


@test
def a_failure_is_reported_to_the_sender():
    with Bounce().start() as q:
        message(q, body="Subject: lost\nMessage-Id: <m@x>\n\nsecret\n.dot\n--OLD")
        q.ask("A", q.append(original_recipient="list@home.test", diag_type="smtp", diag_text="550 5.1.1 who", mta_type="dns", mta_mname="mx.far.test"))
        q.ask("A", q.append(recipient="quiet@far.test", notify_flags=1))
        eq(q.ask("F", q.report(envelope_id="e+1")), 0)
        m, = q.cleanup.messages
        eq((m["sender"], m["rcpts"]), ("", ["ana@home.test"]))
        r, = q.mails()
        eq((r["Subject"], r["To"], r["From"], r["Auto-Submitted"]), ("Undelivered Mail Returned to Sender", "ana@home.test", "Mail Delivery System <MAILER-DAEMON>", "auto-replied"))
        eq((r.get_content_type(), r.get_param("report-type")), ("multipart/report", "delivery-status"))
        note, status, back = r.get_payload()
        eq((note["Content-Description"], status["Content-Description"], back["Content-Description"]), ("Notification", "Delivery report", "Undelivered Message"))
        assert "<r@far.test> (expanded from <list@home.test>): no such user\n" in note.get_content()
        head, rcpt = status_fields(status)
        eq((head["Reporting-MTA"], head["Original-Envelope-Id"], head["X-Postfix-Queue-ID"]), ("dns; mx.home.test", "e+1", "ABC"))
        eq((rcpt["Final-Recipient"], rcpt["Original-Recipient"], rcpt["Action"], rcpt["Status"], rcpt["Remote-MTA"], rcpt["Diagnostic-Code"]),
           ("rfc822; r@far.test", "rfc822; list@home.test", "failed", "5.1.1", "dns; mx.far.test", "smtp; 550 5.1.1 who"))
        inner = back.get_payload(0)
        eq((inner["Return-Path"], inner["Subject"], inner.get_payload()), ("<ana@home.test>", "lost", "secret\n.dot\n--OLD\n"))
        assert not os.path.exists(q.dir + "/bounce/ABC")
        q.wait_log("ABC: sender non-delivery notification: NEW0")


@test
def headers_suffice_when_the_sender_says_so_or_the_message_is_large():
    with Bounce(bounce_size_limit="100").start() as q:
        message(q, body="Subject: x\n\nbody")
        q.ask("A", q.append())
        q.ask("F", q.report(ret_flags=2))
        message(q, body="Subject: x\n\n" + "body\n" * 100)
        q.ask("A", q.append())
        q.ask("F", q.report())
        for r in q.mails():
            back = r.get_payload()[2]
            eq((back["Content-Description"], back.get_content_type()), ("Undelivered Message Headers", "text/rfc822-headers"))
            assert "Subject: x" in back.as_string() and "body" not in back.as_string()


@test
def the_log_stays_when_cleanup_refuses():
    with Bounce().start() as q:
        message(q)
        q.ask("A", q.append())
        q.cleanup.status = 7
        eq(q.ask("F", q.report()), 1)
        assert os.path.exists(q.dir + "/bounce/ABC")
        q.cleanup.status = 0
        eq(q.ask("F", q.report()), 0)
        eq(q.ask("F", q.report()), 0)
        eq(len(q.cleanup.messages), 2)


@test
def a_delay_notice_keeps_the_log():
    with Bounce("defer", delay_warning_time="2h").start() as q:
        message(q)
        q.ask("A", q.append(status="4.4.1", action="delayed", reason="connection refused"))
        q.ask("A", q.append(recipient="failonly@far.test", notify_flags=4))
        eq(q.ask("W", q.report()), 0)
        r, = q.mails()
        note, status, back = r.get_payload()
        eq(r["Subject"], "Delayed Mail (still being retried)")
        assert "waiting for 2 hour(s)" in note.get_content() and "failonly" not in note.get_content()
        f = status_fields(status)[1]
        eq((f["Action"], f["Status"], "Will-Retry-Until" in f), ("delayed", "4.4.1", True))
        eq(back["Content-Description"], "Undelivered Message Headers")
        assert os.path.exists(q.dir + "/defer/A/ABC")
        q.wait_log("ABC: sender delay notification: NEW0")


@test
def an_expired_message_is_returned_from_its_defer_log():
    with Bounce("defer").start() as q:
        message(q)
        eq(q.ask("F", q.report()), 1)
        q.ask("A", q.append(status="4.2.0", action="delayed", reason="later"))
        eq(q.ask("F", q.report()), 0)
        f = status_fields(q.mails()[0].get_payload()[1])[1]
        eq((f["Action"], f["Status"]), ("failed", "4.2.0"))


@test
def a_bounce_that_bounces_goes_to_the_postmaster_or_nowhere():
    for classes, count in (("", 0), ("2bounce", 1)):
        with Bounce(notify_classes=classes).start() as q:
            message(q)
            q.ask("A", q.append())
            eq(q.ask("F", q.report(sender="")), 0)
            eq(len(q.cleanup.messages), count)
            if count:
                m = q.cleanup.messages[0]
                eq((m["sender"], m["rcpts"]), ("double-bounce@mx.home.test", ["postmaster"]))
                eq(q.mails()[0]["Subject"], "Postmaster Copy: Undelivered Mail")


@test
def a_notice_to_the_postmaster_that_bounces_is_discarded():
    with Bounce(notify_classes="2bounce, bounce").start() as q:
        message(q)
        q.ask("A", q.append())
        eq(q.ask("F", q.report(sender="double-bounce@mx.home.test")), 0)
        eq(q.cleanup.messages, [])
        q.wait_log("ABC: undeliverable postmaster notification discarded")


@test
def the_postmaster_gets_a_copy_without_the_body():
    with Bounce(notify_classes="bounce", bounce_notice_recipient="boss").start() as q:
        message(q, body="Subject: x\n\nsecret body")
        q.ask("A", q.append())
        q.ask("F", q.report())
        eq([m["rcpts"] for m in q.cleanup.messages], [["ana@home.test"], ["boss"]])
        copy = q.cleanup.messages[1]["text"]
        assert b"secret body" not in copy and b"Auto-Submitted: auto-generated\n" in copy and b"<r@far.test>: no such user" in copy
        q.wait_log("ABC: postmaster non-delivery notification: NEW1")


@test
def success_and_probe_reports_differ():
    for notify, action, subject in ((2, "delivered", "Successful Mail Delivery Report"), (0, "delivered", "Mail Delivery Status Report"), (0, "undeliverable", "Mail Delivery Status Report")):
        with Bounce("trace").start() as q:
            message(q)
            q.ask("A", q.append(status="2.0.0", action=action, notify_flags=notify, reason="delivery via local: delivered to mailbox"))
            eq(q.ask("F", q.report()), 0)
            r, = q.mails()
            eq((r["Subject"], status_fields(r.get_payload()[1])[1]["Action"]), (subject, action))
            eq(r.get_payload()[2]["Content-Description"], "Message Headers")
            q.wait_log("ABC: sender delivery status notification: NEW0")


@test
def verp_senders_get_one_report_each():
    with Bounce().start() as q:
        message(q)
        q.ask("A", q.append(recipient="a@far.test"))
        q.ask("A", q.append(recipient="b@far.test"))
        eq(q.ask("V", q.report(sender="list@home.test", verp_delimiters="+=")), 0)
        eq([m["rcpts"] for m in q.cleanup.messages], [["list+a=far.test@home.test"], ["list+b=far.test@home.test"]])
        assert b"b@far.test" not in q.cleanup.messages[0]["text"]


@test
def one_recipient_can_be_reported_without_a_log():
    with Bounce().start() as q:
        message(q)
        eq(q.ask("O", q.report() + q.append(recipient="odd name@far.test")), 0)
        assert b'<"odd name"@far.test>: no such user' in q.cleanup.messages[0]["text"]


@test
def the_owner_of_a_list_hears_of_a_failure_instead_of_the_sender():
    with Bounce().start() as q:
        message(q)
        eq(q.ask("O", q.report(owner="owner-list@home.test") + q.append()), 0)
        eq(q.cleanup.messages[0]["rcpts"], ["owner-list@home.test"])
        assert b"X-Postfix-Sender: rfc822; ana@home.test" in q.cleanup.messages[0]["text"]


@test
def replies_can_be_threaded():
    with Bounce(enable_threaded_bounces="yes").start() as q:
        message(q, body="Subject: x\nReferences: <a@x>\n <b@x>\nMessage-Id: <c@x>\n\nbody")
        q.ask("A", q.append())
        q.ask("F", q.report())
        r, = q.mails()
        eq((r["References"], r["In-Reply-To"]), ("<a@x> <b@x> <c@x>", "<c@x>"))


@test
def internationalised_and_secret_messages_are_marked():
    with Bounce().start() as q:
        message(q, body="Subject: x\n\nbody")
        q.ask("A", q.append())
        q.ask("F", q.report(sendopts=1))
        q.ask("A", q.append())
        q.ask("F", q.report(sendopts=32))
        q.ask("A", q.append())
        q.ask("F", q.report(sendopts=16))
        utf8, secret, optional = q.cleanup.messages
        eq([x["open"]["sendopts"] for x in (utf8, secret, optional)], ["1", "0", "16"])
        assert b"message/global-delivery-status" in utf8["text"] and b"message/global\n" in utf8["text"]
        assert b"\nTLS-Required:" not in secret["text"] and b"\nbody\n" not in secret["text"]
        assert b"\nTLS-Required: no\n" in optional["text"] and b"\nbody\n" in optional["text"]
    with Bounce(requiretls_redact_dsn="no").start() as q:
        message(q, body="Subject: x\n\nbody")
        q.ask("A", q.append())
        q.ask("F", q.report(sendopts=32))
        eq(q.cleanup.messages[0]["open"]["sendopts"], "32")
        assert b"\nbody\n" in q.cleanup.messages[0]["text"]


@test
def a_template_file_is_used_or_complained_about():
    with Bounce() as q:
        t = q.dir + "/tpl"
        open(t, "w").write("failure_template = <<EOF\nCharset: utf-8\nFrom: robot (Robot)\nSubject: Sorry from $myhostname\n\nTill $maximal_queue_lifetime_hours h at $myhostname.\nEOF\n")
        q.main["bounce_template_file"] = t
        q.start()
        message(q)
        q.ask("A", q.append())
        q.ask("F", q.report())
        r, = q.mails()
        assert b"\nFrom: robot (Robot)\n" in b"\n" + q.cleanup.messages[0]["text"]  # as the template has it
        assert r.get_payload()[0].get_content().startswith("Till 120 h at mx.home.test.\n")
    with Bounce() as q:
        open(q.dir + "/tpl", "w").write("rubbish\n")
        q.main["bounce_template_file"] = q.dir + "/tpl"
        q.start()
        message(q)
        q.ask("A", q.append())
        q.ask("F", q.report())
        eq(q.mails()[0]["Subject"], "Undelivered Mail Returned to Sender")
        q.wait_log("tpl, line 2: missing '=' after attribute name: \"rubbish\" -- using built-in templates")


@test
def damaged_logs_and_messages_still_make_a_report():
    with Bounce().start() as q:
        q.put(b"C\x05junk!rest", queue="active", name="ABC")
        open(q.dir + "/bounce/ABC", "wb").write(b"\n\n<old@style.test>: ancient reason\n\ngarbage\xff\nx=y\n\nrecipient=<>\nstatus=5.0.0\nreason=null\n")
        eq(q.ask("F", q.report()), 0)
        text = q.cleanup.messages[0]["text"]
        assert b"<old@style.test>: ancient reason" in text and b"<>: null" in text, text


@test
def rubbish_requests_are_refused():
    with Bounce().start() as q:
        for kind, body in (("A", b"x"), ("F", b""), ("W", b"a\0b\0\0"), ("?", b""), ("O", q.report())):
            eq(q.ask(kind, body), 1)


def main():
    failed = 0
    for fn in TESTS:
        if sys.argv[2:] and fn.__name__ not in sys.argv[2:]:
            continue
        t = time.time()
        try:
            fn()
            print("ok   %s (%.2fs)" % (fn.__name__, time.time() - t), flush=True)
        except Exception:
            failed += 1
            print("FAIL %s" % fn.__name__)
            traceback.print_exc(file=sys.stdout)
    sys.exit(failed > 0)


main()
