#!/usr/bin/env python3
"""cleanup(8) as its submitters and the queue see it.  Usage: cleanup_test.py PROGRAM [NAME...]"""
import inspect, os, re, stat, sys, time, traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import *

ALIASES = ("inline:{{v1@virt.test=r1@out.test,r2@out.test} {v2@virt.test=v1@virt.test} {self@virt.test=self@virt.test} "
           "{plus@virt.test=tgt@out.test} {grp@virt.test=g1,g2@out.test,\"q r\"@out.test} {@cat.test=@dog.test} "
           "{la@virt.test=lb@virt.test,x@out.test} {lb@virt.test=la@virt.test} {big@virt.test=1@o,2@o,3@o,4@o,5@o,6@o}}")
BASE = {"virtual_alias_maps": ALIASES, "recipient_delimiter": "+", "delay_warning_time": "4h"}
PLAIN = "Message-Id: <i@d>\nDate: d\nFrom: f@out.test\n\nhi\n"


def only(recs, kinds):
    return [r for r in recs if r[0] in kinds]


def rcpt(address, orig=None, orcpt=None, notify=None):
    """The records of one recipient in a queue file."""
    out = [("A", "notify_flags=%d" % notify)] if notify else []
    if orcpt != "":
        out.append(("A", "dsn_orig_rcpt=" + (orcpt or "rfc822;" + (orig or address))))
    return out + [("O", orig or address), ("R", address)]


def the_file_is_the_one_that_other_releases_write(c):
    client = [attr("log_message_origin", "localhost[127.0.0.1]"), attr("client_name", "localhost")]
    to = [rec("R", "p@out.test"),
          attr("notify_flags", 6) + attr("dsn_orig_rcpt", "rfc822;or+ig@x.test") + rec("R", "v2@virt.test"),
          rec("R", "P@OUT.test"), rec("R", "v1@virt.test"), rec("R", "self@virt.test"), rec("R", "plus+ext@virt.test")]
    v = c.message(envelope("a@x.test", *to, extra=client), "Subject: a\n\nhi\n")
    assert v.status == "OK", v.status
    got = c.records(v.qid)
    size = got[0][1]
    assert re.fullmatch(r"( *\d+ ){5} *\d+", size) and len(size) == 95, size
    raw = records(c.file(v.qid))
    x = [at for k, _, at in raw if k == "X"][0]
    data = [raw[i + 1][2] for i, r in enumerate(raw) if r[0] == "M"][0]
    assert [int(n) for n in size.split()] == [x - data, data, 7, 12, x - data, 0], size
    assert re.fullmatch(r"relevo_seal=[0-9a-f]{16} " + v.qid, raw[3][1].decode()) and int(raw[3][1][12:28], 16), raw[3]
    assert got[1] == ("T", "1795290872 727590")
    assert re.fullmatch(r"create_time=\d{10}", got[2][1]) and got[2][0] == "A"
    assert got[3:] == [
        ("A", "rewrite_context=local"), ("S", "a@x.test"), ("A", "log_message_origin=localhost[127.0.0.1]"), ("A", "client_name=localhost"),
        ("W", "%15d" % (1795290872 + 4 * 3600)),
        *rcpt("p@out.test"),
        *rcpt("r1@out.test", "v2@virt.test", "rfc822;or+ig@x.test", 4), *rcpt("r2@out.test", "v2@virt.test", "rfc822;or+ig@x.test", 4),
        *rcpt("r1@out.test", "v1@virt.test"), *rcpt("r2@out.test", "v1@virt.test"),
        *rcpt("self@virt.test"), *rcpt("tgt+ext@out.test", "plus+ext@virt.test"),
        ("M", ""), ("N", "Subject: a"),
        ("N", "Message-Id: <%s.%s@mx.example.com>" % (time.strftime("%Y%m%d%H%M%S", time.gmtime(int(got[2][1][12:]))), v.qid)),
        ("N", "Date: Sat, 21 Nov 2026 19:54:32 +0000 (UTC)"), ("N", "From: a@x.test"), ("N", ""), ("N", "hi"), ("X", ""), ("E", "")]


def the_file_is_ready_and_the_queue_manager_knows(c):
    v = c.message(envelope("a@x.test", "b@out.test"), PLAIN)
    st = os.stat(c.path(v.qid))
    assert stat.S_IMODE(st.st_mode) == 0o700
    assert int(v.qid[5:], 16) == st.st_ino
    c.message(envelope("a@x.test", "b@out.test"), PLAIN)
    assert c.notified()[0] == v.qid


def many_messages_share_a_connection(c):
    ids = [c.message(envelope("a@x.test", "b@out.test"), PLAIN + "%d\n" % i).qid for i in range(20)]
    assert len(set(ids)) == 20 and sorted(ids) == c.files()
    assert all(c.text(q).endswith("hi\n%d\n" % i) for i, q in enumerate(ids))


def frames_may_end_behind_any_record(c):
    data = envelope("a@x.test", "b@out.test", "v1@virt.test") + content("From: joe\nTo: a,\n b\n\nhello\n\nworld\n") + rec("E")
    for piece in (1, 2, 3, 5):
        v = c.submit(data, piece=piece)
        assert c.text(v.qid).startswith("From: joe@mx.example.com\nTo: a@mx.example.com, b@mx.example.com\nMessage-Id:"), c.text(v.qid)
        assert c.text(v.qid).endswith("(UTC)\n\nhello\n\nworld\n")


def long_ids_when_asked_for(c):
    v = c.message(envelope("a@x.test", "b@out.test"), "Subject: s\n\nhi\n")
    assert re.fullmatch(r"[0-9B-Zb-z]{10,}z[0-9B-Zb-y]+", v.qid), v.qid
    assert "Message-Id: <%s@mx.example.com>\n" % v.qid in c.text(v.qid)


def recipients_can_follow_the_content(c):
    v = c.message(envelope("a@x.test"), PLAIN, rec("R", "a@b.c") + rec("R", "v1@virt.test"))
    got = c.records(v.qid)
    assert got[got.index(("X", "")):] == [("X", ""), *rcpt("a@b.c"), *rcpt("r1@out.test", "v1@virt.test"),
                                         *rcpt("r2@out.test", "v1@virt.test"), ("E", "")]


def addresses_are_completed(c):
    v = c.message(envelope("joe", "c1", "\"a b\"@out.test", rec("O", "old") + rec("R", "new"), "", "grp@virt.test"), PLAIN)
    got = c.records(v.qid)
    assert ("S", "joe@mx.example.com") in got
    assert only(got, "OR") == [
        ("O", "c1"), ("R", "c1@mx.example.com"), ("O", "\"a b\"@out.test"), ("R", "\"a b\"@out.test"), ("O", "old"), ("R", "new@mx.example.com"),
        ("O", ""), ("R", "MAILER-DAEMON@mx.example.com"), ("O", "grp@virt.test"), ("R", "g1@mx.example.com"),
        ("O", "grp@virt.test"), ("R", "g2@out.test"), ("O", "grp@virt.test"), ("R", "q r@out.test")], only(got, "OR")


def a_catch_all_keeps_the_user(c):
    v = c.message(envelope("a@x.test", "joe@cat.test"), PLAIN)
    assert ("R", "joe@dog.test") in c.records(v.qid)


def without_original_recipients_duplicates_are_found_across_aliases(c):
    v = c.message(envelope("a@x.test", "v1@virt.test", "v2@virt.test", "R1@out.test"), PLAIN)
    assert [p for k, p in c.records(v.qid) if k == "R"] == ["r1@out.test", "r2@out.test"]


def mapping_and_copies_only_when_allowed(c):
    v = c.message(envelope("boss@x.test", "v1@virt.test"), "From: c1@out.test\n\nx\n", flags=0)
    got = c.records(v.qid)
    assert [p for k, p in got if k == "R"] == ["v1@virt.test"] and ("N", "From: c1@out.test") in got


def copies_go_to_those_who_watch(c):
    v = c.message(envelope("boss@x.test", "rb@out.test", "rb2@out.test", extra=[attr("log_message_origin", "x")]), PLAIN)
    got = c.records(v.qid)
    s = got.index(("S", "boss@x.test"))
    assert got[s:s + 12] == [("S", "boss@x.test"), *rcpt("sbcc@out.test", notify=1), ("A", "log_message_origin=x"),
                             ("W", "%15d" % (1795290872 + 4 * 3600)), *rcpt("rb@out.test"), *rcpt("rbcc@out.test", notify=1)][:12]
    assert got[got.index(("X", "")) + 1:] == [*rcpt("abcc@out.test", notify=1), ("E", "")]
    assert int(got[0][1].split()[2]) == 5


def canonical_maps_are_applied_until_nothing_changes(c):
    v = c.message(envelope("c1@out.test", "c1@out.test"), "From: c1@out.test\nTo: joe@gone.test\nX-To: c1@out.test\n\nx\n")
    got = c.records(v.qid)
    assert ("S", "c3@out.test") in got and ("R", "c3@out.test") in got and ("A", "dsn_orig_rcpt=rfc822;c1@out.test") in got
    assert c.text(v.qid).startswith("From: c3@out.test\nTo: joe@here.test\nX-To: c1@out.test\n")


def masquerading_hides_hosts(c):
    v = c.message(envelope("a@host.m.test", "b@host.m.test"), "From: a@host.m.test\nTo: root@host.m.test, b@x.keep.m.test\n\nx\n")
    got = c.records(v.qid)
    assert ("S", "a@m.test") in got and ("R", "b@host.m.test") in got
    assert c.text(v.qid).startswith("From: a@m.test\nTo: root@host.m.test, b@x.keep.m.test\n")


def expansions_without_bounds_are_refused(c):
    for address, words in (("la@virt.test", "map nesting for la@virt.test"), ("big@virt.test", "map expansion size for big@virt.test")):
        v = c.message(envelope("a@x.test", address), PLAIN)
        assert (v.status, v.reason) == ("REPLY", "451 4.6.0 Alias expansion error")
        assert "warning: %s: unreasonable virtual_alias_maps %s -- message not accepted, try again later" % (v.qid, words) in c.log_text()
    assert c.files() == []


def a_table_that_fails_makes_the_client_try_again(c):
    v = c.message(envelope("a@x.test", "q@virt.test"), PLAIN)
    assert v.status == "WRITE" and c.files() == []
    assert "warning: %s: virtual_alias_maps map lookup problem for q@virt.test -- message not accepted, try again later" % v.qid in c.log_text()


FACT, ATTR = 16 * 1024, 32 * 1024 # lib/queue/record.h


def long(n, domain="@out.test"):
    return "x" * (n - len(domain)) + domain


def what_fits_into_a_record_is_stored(c):
    who, more = long(FACT), attr("envelope_id", "e" * (ATTR - 12))
    v = c.message(envelope(who, who, rec("O", "o" * FACT) + rec("R", "p@out.test"), extra=[more, rec("F", "f" * FACT), rec("L", "l" * FACT)]), PLAIN)
    assert v.status == "OK", (v.status, v.reason, c.log_text()[-500:])
    got = c.records(v.qid)
    for want in (("S", who), ("R", who), ("O", who), ("A", "dsn_orig_rcpt=rfc822;" + who), ("A", "envelope_id=" + "e" * (ATTR - 12)),
                 ("O", "o" * FACT), ("F", "f" * FACT), ("L", "l" * FACT)):
        assert want in got, (want[0], want[1][:20])


def what_fits_into_no_record_is_refused(c):
    """A byte more, of every kind, before and behind the content; and what completing the address adds."""
    too_long = long(FACT + 1)
    for sender, to, extra, extracted in ((too_long, "p@out.test", b"", b""), ("a@x.test", too_long, b"", b""), ("a@x.test", "x" * FACT, b"", b""),
                                         ("x" * FACT, "p@out.test", b"", b""), ("a@x.test", rec("O", too_long) + rec("R", "p@out.test"), b"", b""),
                                         ("a@x.test", "p@out.test", b"", rec("R", too_long)), ("a@x.test", "p@out.test", rec("R", "x" * 1000000), b"")):
        v = c.message(envelope(sender, to, extra), PLAIN, extracted=extracted)
        assert (v.status, v.reason) in (("CONTENT", "5.1.3 Address too long"), ("BAD", "")), (v.status, v.reason)
        assert (v.status == "BAD") == (b"O" in (to[:1] if isinstance(to, bytes) else b"")), (v.status, v.reason)
    for extra in (attr("envelope_id", "e" * (ATTR - 11)), rec("F", "f" * (FACT + 1)), rec("L", "l" * (FACT + 1)), rec("i", "e" * (FACT + 1)),
                  rec("o", "e" * (FACT + 1)), rec("V", "v" * (FACT + 1)), rec(">", "v" * (FACT + 1)), rec("W", " " * (FACT + 1))):
        assert c.message(envelope("a@x.test", "p@out.test", extra=[extra]), PLAIN).status == "BAD", extra[:1]
    assert c.files() == [] and c.log_text().count("is too long -- message not accepted\n") == 6 + 0


def long_lines_of_any_length_are_stored(c):
    v = c.submit(envelope("a@x.test", "p@out.test") + rec("M") + rec("N", b"n" * 1024 * 1024) + rec("X") + rec("E"))
    assert v.status == "OK" and c.text(v.qid).endswith("\n" + "n" * 1024 * 1024 + "\n")
    v = c.submit(envelope("a@x.test", "p@out.test") + rec("M") + rec("N", b"n" * (1024 * 1024 + 1)) + rec("X") + rec("E"))
    assert v.status == "BAD"


def maps_that_lengthen_an_address_too_much_make_the_client_try_again(c):
    for sender, to in (("c@x.test", "p@out.test"), ("a@x.test", "c@x.test"), ("s@x.test", "p@out.test"), ("a@x.test", "b@x.test"), ("a@x.test", "v@x.test")):
        v = c.message(envelope(sender, to), PLAIN)
        assert (v.status, v.reason[:4]) == ("REPLY", "451 "), (sender, to, v.status, v.reason, c.log_text()[-300:])
    for what in ("filt", "redir", "bcc"):
        v = c.message(envelope("a@x.test", "p@out.test"), "Subject: %s\n" % what + PLAIN)
        assert (v.status, v.reason[:4]) == ("REPLY", "451 "), (what, v.status, v.reason, c.log_text()[-300:])
    assert c.files() == []
    for what in ("pre", "rep"):
        v = c.message(envelope("a@x.test", "p@out.test"), "Subject: %s\n" % what + PLAIN)
        assert v.status == "OK" and "X-Long: " + "y" * 60000 + "\n" in c.text(v.qid)
    v = c.message(envelope("a@x.test", "p@out.test"), "Subject: huge\n" + PLAIN)
    assert (v.status, v.reason[:4]) == ("REPLY", "451 "), (v.status, v.reason)


def local_mail_to_an_overlong_address_is_bounced(c):
    v = c.message(envelope("q@x.test", "p@out.test", long(FACT + 1)), PLAIN, flags=EXTERNAL | BOUNCE)
    assert v.status == "OK" and c.files() == []
    assert (c.bounce.requests[0][1]["status"], c.bounce.requests[0][1]["reason"]) == ("5.1.3", "Address too long")
    v = c.message(envelope(long(FACT + 1), "p@out.test"), PLAIN, flags=EXTERNAL | BOUNCE)
    assert v.status == "BAD" and c.files() == [] # set aside by pickup(8): no report could be sent


def success_of_an_alias_is_reported_here(c):
    v = c.message(envelope("a@x.test", attr("notify_flags", 2) + rec("R", "plus+x@virt.test"), attr("notify_flags", 2) + rec("R", "p@out.test")), PLAIN)
    got = c.records(v.qid)
    assert only(got, "OR")[1] == ("R", "tgt+x@out.test") and ("A", "notify_flags=1") in got and ("A", "notify_flags=2") in got
    assert int(got[0][1].split()[3]) == 4
    kinds = [k for k, _ in c.trace.requests]
    assert kinds == ["A", "F"], kinds
    entry = c.trace.requests[0][1]
    assert (entry["recipient"], entry["action"], entry["status"], entry["reason"]) == ("plus+x@virt.test", "expanded", "2.0.0", "alias expanded")
    assert c.trace.requests[1][1]["sender"] == "a@x.test"


# ---- headers ----

def headers_of_local_mail_are_rewritten(c):
    v = c.message(envelope("a@x.test", "b@out.test"),
                  'From: Joe (c) <joe>, "Q P" <a.b@c>\nTo: a, b@c (comment), very.long.address.number.one@example.com, very.long.address.number.two@example.com,\n'
                  ' three@example.com\nCc: grp: x, y;, <@r1,@r2:u@c>\nReply-To: <>\nBcc: secret@out.test\nReturn-Path: <foo@bar>\nContent-Length: 5\n'
                  'Sender: ok@fine.test (x)\nErrors-To: "a b"@c\nsubject:nospace\nX-empty:\nApparently-To: zz\nReceived: x\nMESSAGE-ID: <A@B>\n\nhi\n')
    assert c.text(v.qid) == (
        'From: Joe (c) <joe@example.test>, "Q P" <a.b@c>\nTo: a@example.test, b@c (comment),\n\tvery.long.address.number.one@example.com,\n'
        '\tvery.long.address.number.two@example.com, three@example.com\nCc: grp: x@example.test, y@example.test;, <u@c>\nReply-To: <>\n'
        'Sender: ok@fine.test (x)\nErrors-To: "a b"@c\nsubject:nospace\nX-empty:\nApparently-To: zz@example.test\nReceived: x\nMESSAGE-ID: <A@B>\n'
        'Date: Sat, 21 Nov 2026 19:54:32 +0000 (UTC)\n\nhi\n').replace("example.test", "mx.example.com"), c.text(v.qid)
    assert "%s: message-id=<A@B>\n" % v.qid in c.log_text()


def address_headers_are_folded_at_column_69(c):
    for n, folded in ((40, False), (41, True)):
        v = c.message(envelope("a@x.test", "b@out.test"), "To: %s@b.test, joe@ho\n\nx\n" % ("x" * (n + 6)))
        v = c.message(envelope("a@x.test", "b@out.test"), "To: %s@b.test, j\n\nx\n" % ("x" * n))
        line = "To: %s@b.test," % ("x" * n)
        assert c.text(v.qid).startswith(line + ("\n\tj@mx.example.com\n" if folded else " j@mx.example.com\n")) or len(line + " j@mx.example.com") < 69


def what_the_sender_wants_of_tls_is_kept(c):
    def sendopts(text, **kw):
        return int(c.records(c.message(envelope("s@x.test", "r@out.test"), text, **kw).qid)[0][1].split()[5])
    assert sendopts("TLS-Required: No\n" + PLAIN) == 16
    assert sendopts("TLS-Required: yes\n" + PLAIN) == 0
    assert sendopts("Require-TLS-ESMTP: yes\n" + PLAIN) == 32
    assert sendopts("Require-TLS-ESMTP: no\n" + PLAIN) == 0
    v = c.message(envelope("s@x.test", "r@out.test"), PLAIN, sendopts=32)
    assert ("N", "Require-TLS-ESMTP: yes") in c.records(v.qid), c.records(v.qid)


def headers_of_strangers_are_left_alone(c):
    env = rec("T", "1795290872 1") + attr("rewrite_context", "remote") + rec("S", "a@x.test") + rec("R", "b@out.test")
    text = "From: joe\nTo: c1@out.test\n b\nBcc: x\nX: y\n\nhi\n"
    v = c.message(env, text)
    assert c.text(v.qid) == "From: joe\nTo: c1@out.test\n b\nX: y\n\nhi\n", c.text(v.qid)
    assert "%s: message-id=<>\n" % v.qid in c.log_text()


def headers_of_strangers_get_their_domain(c):
    env = rec("T", "1795290872 1") + attr("rewrite_context", "remote") + rec("S", "a@x.test") + rec("R", "b@out.test")
    v = c.message(env, "From: joe\n\nhi\n")
    assert re.match("From: joe@domain.invalid\nMessage-Id: <.*>\nDate: .*\n\nhi\n$", c.text(v.qid)), c.text(v.qid)


def a_header_may_end_in_strange_ways(c):
    added = "Message-Id: <%s>\nDate: Sat, 21 Nov 2026 19:54:32 +0000 (UTC)\n"
    for text, before, after in (("From: a@b.test\nthis is no header\nmore\n", "From: a@b.test\n", "\nthis is no header\nmore\n"),
                                ("From: a@b.test\n", "From: a@b.test\n", ""),
                                ("\nhi\n", "", "From: a@x.test\n\nhi\n"),
                                ("\n leading\nFrom: a\n", "", "From: a@x.test\n\n leading\nFrom: a\n"),
                                ("", "", "From: a@x.test\n"),
                                (" leading\n", "", "From: a@x.test\n\n leading\n")):
        v = c.message(envelope("a@x.test", "b@out.test"), text)
        got = re.sub(r"Message-Id: <.*>", "Message-Id: <%s>", c.text(v.qid))
        assert got == before + added + after, (text, got)


def resent_mail_has_its_own_fields(c):
    v = c.message(envelope("a@x.test", "b@out.test", extra=[rec("F", "Joe")]), "From: f@out.test\nResent-To: rt@b.test\n\nx\n")
    mid = re.search(r"Resent-Message-Id: (<.*>)\n", c.text(v.qid)).group(1)
    assert c.text(v.qid) == ("From: f@out.test\nResent-To: rt@b.test\nResent-Message-Id: %s\nResent-Date: Sat, 21 Nov 2026 19:54:32 +0000 (UTC)\n"
                             "Resent-From: Joe <a@x.test>\n\nx\n" % mid)
    assert re.search(r"%s: resent-message-id=%s\n.*%s: message-id=<>\n" % (v.qid, re.escape(mid), v.qid), c.log_text(), re.S)


def the_full_name_is_quoted_or_encoded(c):
    for name, want in (("Joe", "Joe <a@x.test>"), ('F "x" (y)', '"F \\"x\\" (y)" <a@x.test>'), ("F\u00f6\u00f6 B".encode(), "=?utf-8?Q?F=C3=B6=C3=B6_B?= <a@x.test>"),
                       ("", "a@x.test")):
        v = c.message(envelope("a@x.test", "b@out.test", extra=[rec("F", name)]), "Subject: x\n\nx\n")
        assert "\nFrom: %s\n" % want in c.text(v.qid), c.text(v.qid)
    v = c.message(envelope("", "b@out.test", extra=[rec("F", "Joe")]), "Subject: x\n\nx\n")
    assert "\nFrom: MAILER-DAEMON\n" in c.text(v.qid)


def recipients_can_be_called_undisclosed(c):
    v = c.message(envelope("a@x.test", "b@out.test", extra=[rec("F", 'Foo "x"')]), "Subject: x\n\nx\n")
    assert c.text(v.qid).endswith('From: a@x.test (Foo "x")\nTo: undisclosed-recipients:;\n\nx\n'), c.text(v.qid)
    v = c.message(envelope("a@x.test", "b@out.test"), "Cc: q@out.test\n\nx\n")
    assert "undisclosed" not in c.text(v.qid)


def long_headers_are_cut_and_the_body_is_not(c):
    for name in ("Subject", "From", "X-Other"):
        for text in ("%s: " % name + "L" * 5000, "%s: a@b.c\n" % name + " (c)\n" * 1000 + " end"):
            v = c.message(envelope("a@x.test", "b@out.test"), text + "\n\nbody " + "z" * 3000 + "\n")
            head, body = c.text(v.qid).split("\n\n")
            field = re.match(r".*?\n(?![ \t])", head, re.S).group(0)
            assert 900 < len(field) <= 1100, (name, len(field))
            assert body == "body " + "z" * 3000 + "\n"


def mail_that_goes_in_circles_is_refused(c):
    v = c.message(envelope("a@x.test", "b@out.test"), "Received: a\n b\n" * 49 + PLAIN)
    assert v.status == "OK"
    v = c.message(envelope("a@x.test", "b@out.test"), "Received: a\n b\n" * 50 + PLAIN)
    assert v.status == "HOPS"
    assert c.log_text().count("warning: %s: message rejected: hopcount exceeded\n" % v.qid) == 1


def encodings_are_told_to_the_delivery_agents(c):
    for head, said in (("Content-Transfer-Encoding: 8bit\n", True), ("Content-Transfer-Encoding: binary \n", True), ("", False),
                       ("Content-Transfer-Encoding: 7bit\n", False),
                       ("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: 8bit\n", True),
                       ("Content-Type: text/plain\n\n--b\nContent-Transfer-Encoding: 8bit\n", False)):
        v = c.message(envelope("a@x.test", "b@out.test"), "From: f@out.test\n" + head + "\nx\n")
        assert (("A", "encoding=8bit") in c.records(v.qid)) == said, head
    v = c.message(envelope("a@x.test", "b@out.test", extra=[attr("encoding", "8bit")]), "Content-Transfer-Encoding: 8bit\n\nx\n")
    assert c.records(v.qid).count(("A", "encoding=8bit")) == 1


def utf8_is_noticed_for_programs_that_cannot_say_so(c):
    utf8 = "Subject: \u00e4\n\nx\n".encode()
    for flags, sendopts, text, to, want in ((EXTERNAL, 0, utf8, "b@out.test", 2), (EXTERNAL | UTF8_AUTO, 0, utf8, "b@out.test", 3),
                                            (EXTERNAL, 1, utf8, "b@out.test", 3), (EXTERNAL | UTF8_AUTO, 0, b"X: a\n\n\xc3\xa4\n", "b@out.test", 0),
                                            (EXTERNAL | UTF8_AUTO, 0, b"X: \xe4\n\nx\n", "b@out.test", 0),
                                            (EXTERNAL | UTF8_AUTO, 0, b"X: a\n \xc3\xa4\n\nx\n", "b@out.test", 3),
                                            (EXTERNAL | UTF8_AUTO, 0, b"X: a\n\nx\n", "\u00fc@out.test".encode(), 9),
                                            (EXTERNAL, 0, b"X: a\n\nx\n", "\u00fc@out.test".encode(), 0)):
        v = c.message(envelope("a@x.test", rec("R", to)), text, flags=flags, sendopts=sendopts)
        assert int(c.records(v.qid)[0][1].split()[5]) == want, (flags, sendopts, text, c.records(v.qid)[0])


# ---- content ----

def bodies_pass_unchanged(c):
    for body in ("a\n", "\n\n\n", "x" * 2048 + "\n", ".\n..\n", "tab\there  \n \n", "\0nul\n", "\xff\xfe\n", "N\n" * 3000, ("y" * 200 + "\n") * 5000,
                 "\r"[:0] + "a" * 13 + "\n" + "b" * 10 + "\n"):
        v = c.message(envelope("a@x.test", "b@out.test"), "From: f@out.test\nMessage-Id: <a@b>\nDate: d\n\n" + body)
        assert c.text(v.qid) == "From: f@out.test\nMessage-Id: <a@b>\nDate: d\n\n" + body
        assert v.size == len(c.text(v.qid))


def long_lines_are_cut_into_records(c):
    line = "abc" * 3000
    v = c.message(envelope("a@x.test", "b@out.test"), PLAIN + line + "\nshort\n")
    assert all(len(p) <= 2048 for _, p in c.records(v.qid))
    assert c.text(v.qid) == PLAIN + line + "\nshort\n"
    assert [k for k, p in c.records(v.qid) if len(p) == 2048] == ["L"] * 4


def continued_lines_stay_continued(c):
    data = envelope("a@x.test", "b@out.test") + rec("M") + rec("L", "From: f@out.") + rec("N", "test") + rec("L", "X-Y: ") + rec("N", "z") + \
        rec("N") + rec("L", "part") + rec("N", "end") + rec("L", "unfinished") + rec("X") + rec("E")
    v = c.submit(data)
    assert c.text(v.qid).startswith("From: f@out.test\nX-Y: z\nMessage-Id:") and c.text(v.qid).endswith("\n\npartend\nunfinished")


def stray_line_ends_become_blanks(c):
    data = envelope("a@x.test", "b@out.test") + rec("M") + rec("N", "X: a\rb") + rec("N") + rec("N", "a\rb") + rec("N", "ok") + rec("N", "c\nd") + rec("X") + rec("E")
    v = c.submit(data)
    assert c.text(v.qid).endswith("\n\na b\nok\nc d\n") and c.text(v.qid).startswith("X: a b\n")


def characters_can_be_stripped_or_refused(c):
    v = c.message(envelope("a@x.test", "b@out.test"), "X: a\0b\n\nn\0ul\0\n")
    assert c.text(v.qid).startswith("X: ab\n") and c.text(v.qid).endswith("\n\nnul\n")
    v = c.message(envelope("a@x.test", "b@out.test"), "X: a\n\nbe\x07ll\n")
    assert v.status == "CONTENT", v.status


def large_messages_are_refused(c):
    assert c.message(envelope("a@x.test", "b@out.test"), PLAIN + "x" * 70 + "\n").status == "OK"
    for text in (PLAIN + ("x" * 70 + "\n") * 100, PLAIN + "x" * 7000 + "\n", "X: " + "y" * 3000 + "\n\n"):
        v = c.message(envelope("a@x.test", "b@out.test"), text)
        assert v.status == "SIZE"
        assert c.log_text().count("warning: %s: queue file size limit exceeded\n" % v.qid) == 1
    assert len(c.files()) == 1


# ---- checks ----

FROM = "from localhost[127.0.0.1]; from=<a@x.test> to=<b@out.test> proto=ESMTP helo=<cl.test>"


def checked(c, text, flags=EXTERNAL):
    """Submit as an SMTP client; the verdict, the text in the queue, and the lines logged about it."""
    client = [attr("log_message_origin", "localhost[127.0.0.1]"), attr("log_protocol_name", "ESMTP"), attr("log_helo_name", "cl.test")]
    v = c.message(envelope("a@x.test", "b@out.test", extra=client), text, flags=flags)
    log = [line[9:].replace(v.qid + ": ", "") for line in c.log_text().split("\n") if v.qid in line]
    queue = "hold" if v.qid in c.files("hold") else "incoming"
    stored = c.text(v.qid, queue) if v.qid in c.files(queue) else None
    return v, stored, log


def header_checks_refuse(c):
    for subject, reason in (("rej", "5.7.1 message content rejected"), ("rejtext", "5.7.1 bad subject"), ("rejcode", "5.6.9 coded")):
        v, stored, log = checked(c, "Subject: %s\n\nx\n" % subject)
        assert (v.status, v.reason, stored) == ("CONTENT", reason, None), (v.status, v.reason)
        assert log == ["reject: header Subject: %s %s: %s" % (subject, FROM, reason)], log
    assert c.files() == []


def header_checks_edit(c):
    v, stored, log = checked(c, "X-Ign: a\nX-Rep: val\nX-Rep: a\n b\nX-RepBad: q\nX-Pre: p\nX-Strip: z\nX-Warn: w\nX-Info: i\nX-Bogus: b\nSubject: a\n  fold\n" + PLAIN)
    assert stored == ("X-New: got val\nX-New: got a\n b\nX-RepBad: q\nX-Before: yes\nX-Pre: p\nX-Warn: w\nX-Info: i\nX-Bogus: b\nSubject: unfolded\n" + PLAIN), stored
    assert log == ["replace: header X-Rep: val %s: X-New: got val" % FROM, "replace: header X-Rep: a? b %s: X-New: got a? b" % FROM,
                   "prepend: header X-Pre: p %s: X-Before: yes" % FROM, "strip: header X-Strip: z %s: why" % FROM, "warning: header X-Warn: w %s: look" % FROM,
                   "info: header X-Info: i %s" % FROM, "replace: header Subject: a?  fold %s: Subject: unfolded" % FROM, "message-id=<i@d>"], log
    assert 'warning: bad REPLACE header text "nothing here" in header_checks map -- need "headername: headervalue"\n' in c.log_text()
    assert "warning: unknown command in header_checks map: FOO bar\n" in c.log_text()


def one_message_does_not_fill_the_log(c):
    """100 lines about its headers and its body, and one that says so; what decides its fate is logged all the same."""
    for line in ("X-Warn: w\n", "X-Rep: val\n", "X-Strip: z\n", "X-Pre: p\n", "Message-ID: <a@b>\n", "X-Bogus: b\n"):
        before = len(c.log_text())
        v, stored, log = checked(c, line * 5000 + "Subject: rej\n" + PLAIN)
        said = c.log_text()[before:].splitlines()
        assert v.status == "CONTENT" and log[-1].startswith("reject: header Subject: rej "), log[-1]
        assert len(said) == 102, (line, len(said), said[-3:])
        assert "no more than 100 lines about one message; the rest is not logged" in said[-2], said[-2:]


def errors_of_mime_do_not_fill_the_log(c):
    before = len(c.log_text())
    assert checked(c, "X-Eight: \xe9\n" * 5000 + PLAIN)[0].status == "CONTENT"
    assert c.log_text()[before:].count("reject: mime-error improper use of 8-bit data") == 1  # once for each kind


def header_checks_route(c):
    v, stored, log = checked(c, "Subject: hold\n" + PLAIN)
    assert c.files("hold") == [v.qid] and log[0] == "hold: header Subject: hold %s: held" % FROM
    v, stored, log = checked(c, "Subject: disc\n" + PLAIN)
    assert (v.status, stored, log) == ("OK", None, ["discard: header Subject: disc %s" % FROM, "removed (discarded)"])
    v, stored, log = checked(c, "Subject: redir\n" + PLAIN)
    assert c.records(v.qid)[-3:] == [("X", ""), (">", "other@sink.test"), ("E", "")]
    v, stored, log = checked(c, "Subject: filt\n" + PLAIN)
    assert c.records(v.qid)[-3:] == [("X", ""), ("L", "error:by header"), ("E", "")] and log[0] == "filter: header Subject: filt %s: error:by header" % FROM
    v, stored, log = checked(c, "Subject: bcc\n" + PLAIN)
    got = c.records(v.qid)
    assert got[-6:] == [("X", ""), ("A", "notify_flags=1"), ("A", "dsn_orig_rcpt=rfc822;bccd@sink.test"), ("O", "bccd@sink.test"),
                        ("R", "bccd@sink.test"), ("E", "")] and int(got[0][1].split()[2]) == 2
    assert checked(c, "Subject: pass\nX-Ign: stays\n" + PLAIN)[1] == "Subject: pass\nX-Ign: stays\n" + PLAIN


def actions_that_make_no_sense_are_ignored(c):
    for what, said in (("B", 'bad REDIRECT target "nobody" in header_checks map -- need user@domain'), ("C", 'bad BCC address "foo" in header_checks map -- need user@domain'),
                       ("D", "bad FILTER command foo in header_checks -- need transport:destination"), ("F", "REPLACE action without text in header_checks map"),
                       ("E", 'bad PREPEND header text "bad text" in header_checks map -- need "headername: headervalue"')):
        v, stored, log = checked(c, "X-%s: a\n" % what + PLAIN)
        assert stored == "X-%s: a\n" % what + PLAIN and "warning: %s\n" % said in c.log_text(), (what, stored, c.log_text())
    v, stored, log = checked(c, "X-A: a\n" + PLAIN)
    assert (v.status, v.reason) == ("CONTENT", "4.7.9 try")


def checks_apply_to_what_comes_from_outside(c):
    assert checked(c, "Subject: rej\n" + PLAIN, flags=MAP_OK)[0].status == "OK"


def local_mail_that_checks_refuse_is_bounced_whole(c):
    v = c.message(envelope("q@x.test", "b@out.test"), "Subject: rejcode\n" + PLAIN + "more\n", flags=EXTERNAL | BOUNCE)
    assert v.status == "OK" and c.files() == []
    report = c.bounce.requests[-1][1]
    assert [p for k, p, _ in report["file"] if k == "N"][-1] == b"more"
    assert c.bounce.requests[0][1]["status"] == "5.6.9" and c.bounce.requests[0][1]["reason"] == "coded"
    assert ": reject: header Subject: rejcode from local; from=<q@x.test> to=<b@out.test>: 5.6.9 coded\n" in c.log_text()


def body_checks_see_lines(c):
    v, stored, log = checked(c, PLAIN + "bprep\nbrep this\nbign\nok\n")
    assert stored == PLAIN + "before line\nbprep\nreplaced this\nok\n", stored
    assert log[1:] == ["prepend: body bprep %s: before line" % FROM, "replace: body brep this %s: replaced this" % FROM], log
    v, stored, log = checked(c, PLAIN + "breject " + "z" * 300 + "\n")
    assert v.status == "CONTENT" and log[-1] == "reject: body breject %s %s: 5.7.1 no" % ("z" * 192, FROM), log
    assert checked(c, PLAIN + "filler " * 100 + "\nbreject\n")[0].status == "OK" # beyond body_checks_size_limit


MIME = ("Subject: mime\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b1\"\nMessage-Id: <i@d>\nDate: d\nFrom: f@out.test\n\n--b1\n"
        "Content-Type: application/x;\n  name=\"evil.exe\"\n\ndata\n--b1\nContent-Type: message/rfc822\n\nX-Nested: yes\nSubject: inner\n\ninner body\n--b1--\n")


def parts_have_checks_of_their_own(c):
    v, stored, log = checked(c, MIME)
    assert v.status == "CONTENT" and v.reason == "5.7.1 no exe", v.reason
    v, stored, log = checked(c, MIME.replace("evil.exe", "ok.txt"))
    assert stored == MIME.replace("evil.exe", "ok.txt").replace("X-Nested: yes\n", ""), stored


def strict_mime_refuses(c):
    v, stored, log = checked(c, b"Subject: \xe1\n\nx\n")
    assert v.status == "CONTENT" and v.reason.startswith("5.6.0 improper use of 8-bit data in message header"), v.reason
    assert log[0].startswith("reject: mime-error improper use of 8-bit data in message header: Subject: ? from localhost[127.0.0.1]; from=<a@x.test> to=<b@out.test>"), log
    assert checked(c, b"Subject: a\n\n\xe1\n")[0].status == "CONTENT"
    assert checked(c, "Subject: a\n\nx\n")[0].status == "OK"


def eight_bit_text_can_be_converted(c):
    v, stored, log = checked(c, b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n" + PLAIN.encode() + b"caf\xc3\xa9\n")
    assert "Content-Transfer-Encoding: quoted-printable\n" in stored and stored.endswith("caf=C3=A9\n"), stored
    assert ("A", "encoding=8bit") not in c.records(v.qid)


def both_ways_through_the_content_agree(c):
    """The thorough way (some check is configured) and the fast way give the same file."""
    fast = Cleanup(c.program, **BASE)
    try:
        for text in (PLAIN, "From: joe\nTo: a,\n b\nBcc: x\n\nhello\n", "X: y\n", "\nbody\n", "", " leading\n", "X: y\nno header\nmore\n", MIME, "Subject: " + "s" * 5000 + "\n\nx\n",
                     PLAIN + "l" * 5000 + "\n\n\n", "Resent-To: a\n\n", "Content-Transfer-Encoding: 8bit\n\nx\n", "x" * 3000, "X-\xe4: \xff\n\n\xff\n"):
            both = []
            for one in (c, fast):
                v, stored, log = checked(one, text)
                both.append([x if isinstance(x, str) else [x] for x in (re.sub(r"<\d+\.\w+@", "<", stored or ""), [r for r in one.records(v.qid) if r[0] in "AXE" and "create" not in r[1]])])
            assert both[0] == both[1], (text, both)
    finally:
        fast.close()


# ---- what may go wrong ----

def envelopes_break_no_lines(c):
    """What is passed on in headers and log lines is on one line there."""
    v = c.message(envelope("a\r\nX-Evil: 1@x.test", attr("dsn_orig_rcpt", "rfc822;o\nX-Evil: 4"), rec("O", "o\nX-Evil: 3@out.test"),
                           "b\nX-Evil: 2@out.test", "n\0@out.test",
                           extra=[attr("helo_name", "x\nX-Evil: 5")]), PLAIN)
    assert v.status == "OK", v.status
    envelope_of = [p for k, p in c.records(v.qid) if k in "SROA"]
    assert envelope_of and not any(b in p for p in envelope_of for b in "\r\n\0"), envelope_of


def nonsense_is_refused_and_leaves_nothing(c):
    good = envelope("a@x.test", "b@out.test")
    for data in (rec("S", "a@b") + rec("S", "a@b") + rec("R", "b@c") + content("x\n") + rec("E"), rec("R", "b@c") + content("x\n") + rec("E"), content("x\n") + rec("E"),
                 good + rec("Q") + content("x\n") + rec("E"), good + rec("p", "0") + content("x\n") + rec("E"), good + rec("M") + rec("R", "x") + rec("X") + rec("E"),
                 good + rec("M") + rec("p", "9") + rec("X") + rec("E"), good + content("x\n") + rec("N", "x") + rec("E"), good + content("x\n") + rec("E") + rec("E"),
                 good + content("x\n"), good, good + rec("A", "noequals") + content("x\n") + rec("E"), good + b"N\xff\xff\xff\xff\xff", good + b"R\x20short",
                 rec("T", "x") + good + content("x\n") + rec("E"), good + b"".join(attr("x%d" % i, "y") for i in range(101)) + content("x\n") + rec("E"),
                 b"\xff\x00" + good, attr("notify_flags", 99) + good + content("x\n") + rec("E")):
        v = c.submit(data)
        assert v.status == "BAD", (v.status, data[:300])
    assert c.files() == []
    assert c.message(good, PLAIN).status == "OK"


def no_recipients_no_message(c):
    assert c.message(envelope("a@x.test"), PLAIN).status == "NO_RCPT"
    assert c.message(envelope("a@x.test", rec("D", "done@x.test"), rec("/", "gone@x.test")), PLAIN).status == "NO_RCPT"
    assert c.files() == []


def cancelled_messages_leave_nothing(c):
    qid = c.open()
    assert c.files() == [qid] and stat.S_IMODE(os.stat(c.path(qid)).st_mode) == 0o600
    c.channel.send(frame("R", envelope("a@x.test", "b@out.test")), frame("X"))
    v = c.message(envelope("a@x.test", "b@out.test"), PLAIN)
    assert c.files() == [v.qid] and "%s: removed (canceled)\n" % qid in c.log_text()
    c.open()
    c.channel.sock.close()
    c.connect()
    assert c.files() == [v.qid] or c.message(envelope("a@x.test", "b@out.test"), PLAIN).qid and len(c.files()) == 2


def held_and_discarded_messages(c):
    v = c.message(envelope("a@x.test", "b@out.test"), PLAIN, flags=EXTERNAL | HOLD)
    assert c.files() == [] and c.files("hold") == [v.qid] and stat.S_IMODE(os.stat(c.path(v.qid, "hold")).st_mode) == 0o700
    late = rec("f", str(HOLD)) + envelope("a@x.test", "b@out.test")
    assert c.message(late, PLAIN).qid in c.files("hold")
    v = c.message(envelope("a@x.test", "b@out.test"), PLAIN, flags=EXTERNAL | DISCARD)
    assert v.status == "OK" and c.files() == [] and "%s: removed (discarded)\n" % v.qid in c.log_text()
    assert c.notified() == []


def local_mail_that_is_refused_is_bounced(c):
    v = c.message(envelope("q@x.test", "hop@out.test", attr("notify_flags", 1) + rec("R", "quiet@out.test"), "v1@virt.test"),
                  "Received: x\n" * 51 + "\nhi\n", flags=EXTERNAL | BOUNCE)
    assert v.status == "OK" and c.files() == []
    log = c.log_text()
    for to in ("hop@out.test>", "quiet@out.test>", "r1@out.test>, orig_to=<v1@virt.test>"):
        assert re.search(r"%s: to=<%s, relay=none, delay=\S+, delays=\S+, dsn=5\.4\.0, status=bounced \(too many hops\)\n" % (v.qid, re.escape(to)), log), log
    assert [(k, r.get("recipient")) for k, r in c.bounce.requests] == [("A", "hop@out.test"), ("A", "r1@out.test"), ("A", "r2@out.test"), ("F", None)]
    entry, report = c.bounce.requests[0][1], c.bounce.requests[-1][1]
    assert (entry["status"], entry["action"], entry["reason"]) == ("5.4.0", "failed", "too many hops")
    assert (report["sender"], report["queue_name"]) == ("q@x.test", "incoming")
    recs = report["file"]
    at = int(entry["offset"])
    assert [(k, p) for k, p, o in recs if o == at] == [("R", b"hop@out.test")] and recs[-1][0] == "E"


def local_mail_without_recipients_is_bounced(c):
    v = c.message(envelope("q@x.test"), PLAIN, flags=EXTERNAL | BOUNCE)
    assert v.status == "OK" and c.files() == []
    assert "%s: to=<unknown>, relay=none" % v.qid in c.log_text() and [k for k, _ in c.bounce.requests] == ["A", "F"]


def mail_that_cannot_be_bounced_is_not_accepted(c):
    c.bounce.status = 1
    v = c.message(envelope("q@x.test"), PLAIN, flags=EXTERNAL | BOUNCE)
    assert v.status == "DEFER" and c.files() == []


def mail_that_milters_should_see_waits(c):
    v = c.message(envelope("a@x.test", "q@out.test"), PLAIN, flags=EXTERNAL | MILTER)
    assert v.status == "DEFER" and c.files() == []
    assert "warning: connect to Milter service inet:127.0.0.1:1: Connection refused" in c.log_text()
    v = c.message(envelope("a@x.test", "q@out.test"), PLAIN, flags=EXTERNAL)
    assert v.status == "OK"


HEADER_CHECKS = {"header_checks": "regexp:DIR/hc", "files": {"hc": r"""
/^Subject: hold/ HOLD held
/^Subject: redir/ REDIRECT other@sink.test
/^Subject: bcc/ BCC bccd@sink.test
/^Subject: filt/ FILTER error:by header
/^Subject: disc/ DISCARD
/^Subject: pass/ PASS
/^Subject: rej$/ REJECT
/^Subject: rejtext/ REJECT bad subject
/^Subject: rejcode/ REJECT 5.6.9 coded
/^Subject: (.*)fold/ REPLACE Subject: unfolded
/^X-Ign/ IGNORE
/^X-Strip/ STRIP why
/^X-Pre/ PREPEND X-Before: yes
/^X-Rep: (.*)/ REPLACE X-New: got $1
/^X-RepBad: (.*)/ REPLACE nothing here
/^X-Warn/ WARN look
/^X-Info/ INFO
/^X-Bogus/ FOO bar
"""}}
BODY_CHECKS = {"body_checks": "regexp:DIR/bc", "body_checks_size_limit": "500",
               "files": {"bc": "/^breject/ REJECT no\n/^bprep/ PREPEND before line\n/^brep (.*)/ REPLACE replaced $1\n/^bign/ IGNORE\n"}}
PART_CHECKS = {"mime_header_checks": "regexp:DIR/mhc", "nested_header_checks": "regexp:DIR/nhc",
               "files": {"mhc": "/name=\"[^\"]*\\.exe\"/ REJECT no exe\n", "nhc": "/^X-Nested:/ IGNORE\n"}}
COPIES = {"sender_bcc_maps": "inline:{{boss@x.test=sbcc@out.test}}", "recipient_bcc_maps": "inline:{{rb@out.test=rbcc@out.test}}", "always_bcc": "abcc@out.test"}
CANONICAL = {"canonical_maps": "inline:{{c1@out.test=c2@out.test} {c2@out.test=c3@out.test} {@gone.test=@here.test}}"}
VERY_LONG = long(FACT + 1)
LENGTHENING = {"canonical_maps": "inline:{{c@x.test=%s}}" % VERY_LONG, "sender_bcc_maps": "inline:{{s@x.test=%s}}" % VERY_LONG,
               "recipient_bcc_maps": "inline:{{b@x.test=%s}}" % VERY_LONG, "virtual_alias_maps": "inline:{{v@x.test=%s}}" % VERY_LONG,
               "virtual_alias_address_length_limit": "100000", "header_checks": "regexp:DIR/hc", "files": {"hc":
               "/^Subject: filt/ FILTER smtp:%s\n/^Subject: redir/ REDIRECT %s\n/^Subject: bcc/ BCC %s\n" % (VERY_LONG, VERY_LONG, VERY_LONG) +
               "/^Subject: pre/ PREPEND X-Long: %s\n/^Subject: rep/ REPLACE X-Long: %s\n/^Subject: huge/ REPLACE X-Long: %s\n" %
               ("y" * 60000, "y" * 60000, "y" * 70000)}}
SETTINGS = {
    maps_that_lengthen_an_address_too_much_make_the_client_try_again: LENGTHENING,
    long_ids_when_asked_for: {"enable_long_queue_ids": "yes"},
    without_original_recipients_duplicates_are_found_across_aliases: {"enable_original_recipient": "no"},
    mapping_and_copies_only_when_allowed: {**COPIES, **CANONICAL},
    copies_go_to_those_who_watch: COPIES,
    canonical_maps_are_applied_until_nothing_changes: CANONICAL,
    masquerading_hides_hosts: {"masquerade_domains": "!keep.m.test m.test", "masquerade_exceptions": "root"},
    expansions_without_bounds_are_refused: {"virtual_alias_expansion_limit": "5", "virtual_alias_recursion_limit": "3"},
    a_table_that_fails_makes_the_client_try_again: {"virtual_alias_maps": "fail:x"},
    headers_of_strangers_are_left_alone: CANONICAL,
    headers_of_strangers_get_their_domain: {"remote_header_rewrite_domain": "domain.invalid"},
    recipients_can_be_called_undisclosed: {"undisclosed_recipients_header": "To: undisclosed-recipients:;", "header_from_format": "obsolete"},
    long_headers_are_cut_and_the_body_is_not: {"header_size_limit": "1000"},
    mail_that_milters_should_see_waits: {"non_smtpd_milters": "inet:127.0.0.1:1"},
    characters_can_be_stripped_or_refused: {"message_strip_characters": "\\0", "message_reject_characters": "\\a"},
    header_checks_refuse: HEADER_CHECKS,
    header_checks_edit: HEADER_CHECKS,
    one_message_does_not_fill_the_log: HEADER_CHECKS,
    header_checks_route: HEADER_CHECKS,
    checks_apply_to_what_comes_from_outside: HEADER_CHECKS,
    actions_that_make_no_sense_are_ignored: {"header_checks": "regexp:DIR/hc", "files": {"hc":
        "/^X-A/ REJECT 4.7.9 try\n/^X-B/ REDIRECT nobody\n/^X-C/ BCC foo\n/^X-D/ FILTER foo\n/^X-E/ PREPEND bad text\n/^X-F/ REPLACE\n"}},
    local_mail_that_checks_refuse_is_bounced_whole: HEADER_CHECKS,
    body_checks_see_lines: BODY_CHECKS,
    parts_have_checks_of_their_own: PART_CHECKS,
    errors_of_mime_do_not_fill_the_log: {"strict_7bit_headers": "yes"},
    strict_mime_refuses: {"strict_8bitmime": "yes", "strict_7bit_headers": "yes"},
    eight_bit_text_can_be_converted: {"force_mime_input_conversion": "yes"},
    both_ways_through_the_content_agree: {"header_checks": "regexp:DIR/none", "files": {"none": "/^NoSuchHeader: at all/ REJECT\n"}},
    large_messages_are_refused: {"message_size_limit": "2000"},
}


def main():
    program, names = sys.argv[1], sys.argv[2:]
    tests = [f for n, f in globals().items() if inspect.isfunction(f) and f.__module__ == "__main__" and list(inspect.signature(f).parameters) == ["c"]]
    failed = 0
    for test in tests:
        if names and test.__name__ not in names:
            continue
        c = Cleanup(program, **{**BASE, **SETTINGS.get(test, {})})
        try:
            test(c)
            assert c.process.poll() is None, "cleanup ended"
        except Exception:
            failed += 1
            print("FAILED: %s\n%s" % (test.__name__, traceback.format_exc()), file=sys.stderr)
            print(c.log_text()[-3000:], file=sys.stderr)
        finally:
            c.close()
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
