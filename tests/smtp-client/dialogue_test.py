"""The SMTP and LMTP clients against scripted servers: every stage, every way to fail."""
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent_client import Client, enter, read, write  # noqa: E402
from servers import DROP, EHLO, GREETING, HANG, Server  # noqa: E402

STAGES = [  # key, "while ...", "(in reply to ...)"
    ("greeting", "receiving the initial server greeting", None),
    ("EHLO", "performing the EHLO handshake", None),
    ("MAIL", "sending MAIL FROM", "MAIL FROM command"),
    ("RCPT", "sending RCPT TO", "RCPT TO command"),
    ("DATA", "sending DATA command", "DATA command"),
    ("DOT", "sending end of data -- message may be sent more than once", "end of DATA command"),
]
SHORT = {"smtp_%s_timeout" % n: "1s" for n in ("helo", "mail", "rcpt", "data_init", "data_done", "data_xfer", "quit", "rset")}
SENT = ("2.0.0", "sent (250 2.0.0 queued as X1)")
LOAD = {"flags": 1 | 1 << 12}
cases = []


def case(f):
    cases.append(f)
    return f


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s\n  got    %r\n  wanted %r" % (what, got, wanted))


def status(lines, wanted):
    """One log line for each recipient, in this order: (dsn, status and text)."""
    found = [(m.group(1), m.group(2)) for m in (re.search(r", dsn=(\S+), status=(.*)$", x) for x in lines) if m]
    equal(found, [(d, s.replace("SINK", "127.0.0.1[127.0.0.1]")) for d, s in wanted], "\n".join(lines))


def sent(lines, count=1):
    equal(sum("status=sent (250 2.0.0 queued as X1)" in x for x in lines), count, "\n".join(lines))


# ---- each stage

@case
def temporary_refusals_defer(t):
    for key, _, command in STAGES:
        if key == "EHLO":
            continue
        s = Server({key: "451-4.7.1 grey\n451 4.7.1 try later"})
        marks, reply, lines = t.send(s.nexthop)
        text = ("host SINK said: 451-4.7.1 grey 451 4.7.1 try later (in reply to %s)" % command if command else
                "host SINK refused to talk to me: 451-4.7.1 grey 451 4.7.1 try later")
        status(lines, [("4.7.1", "deferred (%s)" % text)])
        equal((marks, reply["result"], reply["site_failed"], reply["site_reached"]), ("R", "1", "10"[key != "greeting"], "01"[key != "greeting"]), key)


@case
def permanent_refusals_bounce(t):
    for key, _, command in STAGES[2:]:
        s = Server({key: "550 5.1.1 no such thing"})
        marks, reply, lines = t.send(s.nexthop)
        status(lines, [("5.1.1", "bounced (host SINK said: 550 5.1.1 no such thing (in reply to %s))" % command)])
        equal((marks, reply["result"], reply["bounced"], reply["site_failed"]), ("D", "0", "1", "0"), key)


@case
def lost_connections_defer_and_say_where(t):
    for key, doing, _ in STAGES:
        marks, reply, lines = t.send(Server({key: DROP}).nexthop)
        status(lines, [("4.4.2", "deferred (lost connection with SINK while %s)" % doing)])
        equal(marks, "R")


@case
def a_goodbye_is_no_acceptance(t):
    marks, _, lines = t.send(Server({"DOT": "221 2.0.0 bye"}).nexthop)
    status(lines, [("4.4.2", "deferred (lost connection with SINK while sending end of data -- message may be sent more than once)")])
    equal(marks, "R")


@case
def silent_servers_time_out_and_the_log_says_where(t):
    for key, doing, _ in STAGES:
        marks, reply, lines = t.send(Server({key: HANG}).nexthop, **SHORT)
        status(lines, [("4.4.2", "deferred (conversation with SINK timed out while %s)" % doing)])


def endless(c):
    while True:
        c.sendall(b"250-" + b"x" * 500 + b"\r\n")


def nonsense(c):
    while True:
        c.sendall(b"\0\xff garbage without an end" * 100)


@case
def endless_replies_and_garbage_end_the_session(t):
    for key, doing, _ in STAGES:
        for babble in (endless, nonsense):
            marks, reply, lines = t.send(Server({key: babble}).nexthop, **SHORT)
            equal(marks, "R", key)
            assert any("status=deferred (" in x and "with 127.0.0.1[127.0.0.1]" in x and doing in x for x in lines), (key, lines)


@case
def the_window_is_as_small_as_configured(t):
    seen = []

    def look(c):
        seen.append(subprocess.check_output(["ss", "-Htmn", "dport = :%d" % c.getsockname()[1]], text=True))
        c.sendall(b"421 4.3.0 enough\r\n")

    t.send(Server({"greeting": look}).nexthop, tcp_windowsize="6000")
    assert ",rb12000,t0,tb12000," in seen[0], seen  # the kernel doubles it


@case
def babble_is_logged_within_bounds(t):
    lines = t.send(Server({"RCPT": "x\n" * 5000 + "250 ok"}).nexthop)[2]
    sent(lines)
    equal(sum("non-ESMTP response from 127.0.0.1[127.0.0.1]:" in x for x in lines), 20)


@case
def long_replies_are_cut_and_noted(t):
    for reply, words in (("550-x\n" * 5000 + "550 5.1.1 no", "multi-line response longer than 2048 550-x?550-x?"),
                         ("550 5.1.1 " + "y" * 5000, "response longer than 2048: 550 5.1.1 yyyyyyyyyyyyyyyyyyyy...")):
        lines = t.send(Server({"RCPT": reply}).nexthop)[2]
        assert any("warning: 127.0.0.1[127.0.0.1]:" in x and words in x for x in lines), lines
        assert "dsn=5.1.1, status=bounced" in lines[-1] and len(lines[-1]) < 2500, lines[-1]


@case
def a_server_or_a_message_that_repeats_itself_does_not_fill_the_log(t):
    sent(t.send(Server().nexthop)[2])
    before = len(read(t.log))
    sent(t.send(Server(ehlo=("SIZE x",) * 500).nexthop)[2])
    equal(read(t.log)[before:].count("bad EHLO SIZE limit \"x\" from 127.0.0.1[127.0.0.1]"), 1)
    for check, logged in (("WARN look", "warning: header X-A: b"), ("STRIP", "strip: header X-A: b"), ("BOGUS", "unsupported command in smtp_header_checks map"),
                          ("REPLACE", "REPLACE action without text in smtp_header_checks map")):
        before = len(read(t.log))
        sent(t.send(Server().nexthop, body="X-A: b\n" * 500 + "\nx\n", smtp_header_checks="regexp:{{/^X-A:/ %s}}" % check)[2])
        equal(read(t.log)[before:].count(logged), 100, check)
        equal(read(t.log)[before:].count("no more than 100 lines about one message"), 1, check)


def drip(c):
    for b in b"220 " + b"x" * 1000:
        c.sendall(bytes([b]))
        time.sleep(0.2)


@case
def a_server_that_drips_is_left(t):
    for settings in (SHORT, dict(SHORT, smtp_per_request_deadline="yes")):
        marks, reply, lines = t.send(Server({"greeting": drip}).nexthop, **settings)
        status(lines, [("4.4.2", "deferred (conversation with SINK timed out while receiving the initial server greeting)")])


# ---- greeting and EHLO

@case
def a_5xx_greeting_bounces_when_asked_to(t):
    lines = t.send(Server({"greeting": "554 5.7.1 go away"}).nexthop)[2]
    status(lines, [("4.7.1", "deferred (host SINK refused to talk to me: 554 5.7.1 go away)")])
    lines = t.send(Server({"greeting": "554 5.7.1 go away"}).nexthop, smtp_skip_5xx_greeting="no")[2]
    status(lines, [("5.7.1", "bounced (host SINK refused to talk to me: 554 5.7.1 go away)")])


@case
def helo_follows_a_refused_ehlo(t):
    s = Server({"EHLO": "502 5.5.1 what"})
    sent(t.send(s.nexthop)[2])
    equal([x.split(" ")[0] for x in s.commands[:3]], ["EHLO", "HELO", "MAIL"])
    s = Server({"EHLO": "502 5.5.1 what", "HELO": "550 5.7.1 never"})
    status(t.send(s.nexthop)[2], [("5.7.1", "bounced (host SINK refused to talk to me: 550 5.7.1 never)")])


@case
def helo_is_said_when_configured_or_when_esmtp_is_not_announced(t):
    for settings, greeting, verb in (({"smtp_never_send_ehlo": "yes"}, GREETING, "HELO"),
                                     ({"smtp_always_send_ehlo": "no"}, "220 sink SMTP", "HELO"),
                                     ({"smtp_always_send_ehlo": "no"}, GREETING, "EHLO")):
        s = Server({"greeting": greeting})
        sent(t.send(s.nexthop, **settings)[2])
        equal(s.commands[0], verb + " mail.example.test")


@case
def our_own_name_in_the_ehlo_reply_is_a_loop(t):
    for script, words, result in (
            ({"greeting": "220 mail.example.test ESMTP"}, "greeted me with", ("2.0.0", "sent (250 2.0.0 queued as X1)")),
            ({"EHLO": "250 MAIL.example.test"}, "replied to HELO/EHLO with",
             ("5.4.6", "bounced (mail for [127.0.0.9] loops back to myself)"))):
        s = Server(script, address="127.0.0.9", port=25)
        lines = t.send("[127.0.0.9]")[2]
        s.close()
        status(lines, [result])
        assert any("warning: host 127.0.0.9[127.0.0.9]:25 %s my own hostname mail.example.test" % words in x for x in lines), lines


@case
def pix_firewalls_get_helo_and_a_late_dot(t):
    s = Server({"greeting": "220 ********************0*2**"})
    lines = t.send(s.nexthop, request={"arrival_sec": int(time.time()) - 600}, smtp_pix_workaround_delay_time="1s")[2]
    sent(lines)
    equal(s.commands[0], "HELO mail.example.test")
    assert any("enabling PIX workarounds: disable_esmtp delay_dotcrlf for %s:%d" % ("127.0.0.1[127.0.0.1]", s.port) in x for x in lines), lines
    s = Server({"greeting": "220 *****"})
    lines = t.send(s.nexthop, smtp_pix_workaround_maps="inline:{127.0.0.1=delay_dotcrlf}", smtp_pix_workaround_threshold_time="0",
                   smtp_pix_workaround_delay_time="1s")[2]
    sent(lines)
    equal(s.commands[0], "EHLO mail.example.test")
    assert any("enabling PIX workarounds: delay_dotcrlf for" in x for x in lines), lines


# ---- extensions

@case
def commands_go_out_together_with_pipelining_only(t):
    s = Server()
    sent(t.send(s.nexthop, ["a@t.test", "b@t.test"])[2], 2)
    s.ended.acquire(timeout=30)
    equal([x.split(":")[0] for x in s.commands], ["EHLO mail.example.test", "MAIL FROM", "RCPT TO", "RCPT TO", "DATA", "QUIT"])
    one = []

    def mail(c):
        c.setblocking(False)
        try:
            one.append(c.recv(100, socket.MSG_PEEK))
        except BlockingIOError:
            one.append(b"")
        c.setblocking(True)
        c.sendall(b"250 ok\r\n")
    sent(t.send(Server({"MAIL": mail}, ehlo=()).nexthop)[2])
    equal(one, [b""], "nothing may follow MAIL before its reply")


@case
def size_dsn_and_8bitmime_parameters_are_sent_when_offered(t):
    s = Server()
    sent(t.send(s.nexthop, body="Subject: x\n\nh\xe9llo\n", notify=6, orcpt="rfc822;o@t.test", request={
        "encoding": "8bit", "envelope_id": "id+1", "ret_flags": 2})[2])
    equal(s.commands[1:3], ["MAIL FROM:<s@here.test> SIZE=21 BODY=8BITMIME ENVID=id+2B1 RET=HDRS",
                            "RCPT TO:<a@there.test> ORCPT=rfc822;o@t.test NOTIFY=SUCCESS,FAILURE"])
    s = Server(ehlo=())
    sent(t.send(s.nexthop, notify=6)[2])
    equal(s.commands[1:3], ["MAIL FROM:<s@here.test>", "RCPT TO:<a@there.test>"])


@case
def the_size_is_said_unless_the_text_may_change_on_its_way(t):
    for ehlo, encoding, more, said in ((("SIZE", "8BITMIME"), "", {}, " SIZE=21"), (("SIZE",), "", {}, ""), (("SIZE",), "8bit", {}, ""),
                                       (("SIZE",), "7bit", {}, " SIZE=21"), (("SIZE abc",), "7bit", {}, " SIZE=21"),
                                       (("SIZE",), "8bit", {"disable_mime_output_conversion": "yes"}, " SIZE=21")):
        s = Server(ehlo=ehlo)
        sent(t.send(s.nexthop, request={"encoding": encoding}, **more)[2])
        equal(s.commands[1], "MAIL FROM:<s@here.test>" + said)


@case
def keywords_can_be_ignored_for_all_or_for_one_server(t):
    for settings in ({"smtp_discard_ehlo_keywords": "size, dsn"}, {"smtp_discard_ehlo_keyword_address_maps": "inline:{127.0.0.1=SIZE}"}):
        s = Server()
        sent(t.send(s.nexthop, **settings)[2])
        equal(s.commands[1], "MAIL FROM:<s@here.test>")


@case
def a_message_over_the_size_limit_is_returned(t):
    s = Server(ehlo=("SIZE 10",))
    status(t.send(s.nexthop)[2], [("5.3.4", "bounced (message size 21 exceeds size limit 10 of server SINK)")])
    s.ended.acquire(timeout=30)
    equal([x.split(" ")[0] for x in s.commands], ["EHLO"])


@case
def smtputf8_mail_needs_a_server_that_has_it(t):
    s = Server(ehlo=("8BITMIME",))
    status(t.send(s.nexthop, request={"sendopts": 1 | 2})[2], [("5.6.7", "bounced (message requires SMTPUTF8, but no server was found "
                                                                       "that supports SMTPUTF8. The last attempted server was SINK)")])
    s = Server()
    sent(t.send(s.nexthop, request={"sendopts": 1 | 2})[2])
    assert s.commands[1].endswith(" SMTPUTF8"), s.commands


MIME = ("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nh\xc3\xa9 =\n")


@case
def eight_bits_become_quoted_printable_for_old_servers(t):
    s = Server(ehlo=("PIPELINING",))
    sent(t.send(s.nexthop, body=MIME, request={"encoding": "8bit"})[2])
    assert "Content-Transfer-Encoding: quoted-printable" in s.messages[0] and "h=C3=A9 =3D" in s.messages[0], s.messages
    s = Server(ehlo=("PIPELINING",))
    sent(t.send(s.nexthop, body=MIME, request={"encoding": "8bit"}, disable_mime_output_conversion="yes")[2])
    assert "h\xc3\xa9 =" in s.messages[0]


@case
def xforward_says_where_the_mail_came_from(t):
    s = Server(ehlo=("XFORWARD NAME ADDR PROTO HELO",))
    sent(t.send(s.nexthop, request={"log_client_name": "c.test", "log_client_address": "192.0.2.9", "log_protocol_name": "ESMTP",
                                    "log_helo_name": "hi"}, smtp_send_xforward_command="yes")[2])
    equal(s.commands[1:3], ["XFORWARD NAME=c.test ADDR=192.0.2.9", "XFORWARD PROTO=ESMTP HELO=hi"])
    s = Server({"XFORWARD": "550 5.7.1 no"}, ehlo=("XFORWARD NAME ADDR",))
    sent(t.send(s.nexthop, smtp_send_xforward_command="yes")[2])


@case
def reply_filters_change_what_a_server_said(t):
    lines = t.send(Server({"RCPT": "550 5.2.2 mailbox full"}).nexthop, smtp_reply_filter="regexp:{{/^550 5.2.2 (.*)/ 450 4.2.2 $$1}}")[2]
    status(lines, [("4.2.2", "deferred (host SINK said: 450 4.2.2 mailbox full (in reply to RCPT TO command))")])


@case
def status_filters_change_what_is_reported(t):
    lines = t.send(Server({"RCPT": "550 5.2.2 full"}).nexthop, smtp_delivery_status_filter="regexp:{{/^5(\\.2\\.2 .*)/ 4$$1}}")[2]
    assert "status=deferred (host" in lines[-1] and "dsn=4.2.2" in lines[-1], lines


# ---- content

@case
def checks_and_generic_maps_change_what_leaves(t):
    s = Server()
    body = "From: Boss <boss@in.test>\nX-Secret: 1\nX-Old: a\nX-Warn: w\nSubject: s\n\nkeep\ndrop me\n"
    lines = t.send(s.nexthop, ["c@in.test"], sender="boss@in.test", body=body,
                   smtp_generic_maps="inline:{boss@in.test=info@out.test}",
                   smtp_header_checks="regexp:{{/^X-Secret:/ IGNORE} {/^X-Old:/ REPLACE X-New: b} {/^X-Warn:/ WARN look} {/^Subject:/ PREPEND X-Pre: p}}",
                   smtp_body_checks="regexp:{{/^drop/ IGNORE}}")[2]
    sent(lines)
    assert s.commands[1].startswith("MAIL FROM:<info@out.test>"), s.commands
    equal(s.messages[0].split("\r\n"), ["From: Boss <info@out.test>", "X-New: b", "X-Warn: w", "X-Pre: p", "Subject: s", "", "keep", ""])
    assert any("warning: header X-Warn: w" in x and "look" in x for x in lines), lines


@case
def a_failing_lookup_defers_instead_of_sending_it_as_it_is(t):
    for parameter in ("smtp_generic_maps", "smtp_header_checks"):
        s = Server()
        marks, _, lines = t.send(s.nexthop, **{parameter: "texthash:/nonexistent"})
        status(lines, [("4.3.0", "deferred (local data error while talking to SINK)")])
        equal((marks, s.messages), ("R", []))


@case
def long_lines_are_cut(t):
    s = Server()
    sent(t.send(s.nexthop, body="Subject: x\n\n" + "a" * 2500 + "\n", smtp_line_length_limit="1000")[2])
    equal([len(x) for x in s.messages[0].split("\r\n")], [10, 0, 1000, 1000, 502, 0])


@case
def dots_are_stuffed(t):
    s = Server()
    sent(t.send(s.nexthop, body="Subject: x\n\n.\n..\na.\n")[2])
    equal(s.messages[0], "Subject: x\r\n\r\n..\r\n...\r\na.\r\n")


@case
def a_damaged_queue_file_is_not_sent(t):
    s = Server()
    marks, _, lines = t.send(s.nexthop, damage=True)
    status(lines, [("4.3.0", "deferred (local data error while talking to SINK)")])
    s.ended.acquire(timeout=30)
    equal((marks, s.messages), ("R", []))


BIG = "Subject: big\n\n" + ("x" * 70 + "\n") * 60000


def early(reply):
    def content(c, f):
        f.readline()
        c.sendall(reply)
        c.shutdown(socket.SHUT_WR)
        while c.recv(65536):
            pass
        raise OSError
    return content


@case
def a_refusal_in_the_middle_of_the_content_counts(t):
    lines = t.send(Server(content=early(b"552 5.3.4 too much\r\n")).nexthop, body=BIG)[2]
    status(lines, [("5.3.4", "bounced (host SINK said: 552 5.3.4 too much (in reply to end of DATA command))")])
    lines = t.send(Server(content=early(b"421 4.3.2 shutting down\r\n")).nexthop, body=BIG)[2]
    status(lines, [("4.3.2", "deferred (host SINK said: 421 4.3.2 shutting down (in reply to end of DATA command))")])


@case
def an_early_yes_is_no_acceptance(t):
    marks, _, lines = t.send(Server(content=early(b"250 2.0.0 fine\r\n")).nexthop, body=BIG)
    status(lines, [("4.4.2", "deferred (lost connection with SINK while sending message body)")])
    equal(marks, "R")
    lines = t.send(Server({"DATA": b"354 go\r\n250 2.0.0 fine\r\n"}).nexthop)[2]
    status(lines, [("4.4.2", "deferred (lost connection with SINK while sending message body)")])


def stalls(c, f):
    time.sleep(30)


@case
def a_server_that_takes_no_content_times_out(t):
    lines = t.send(Server(content=stalls).nexthop, body=BIG * 3, **SHORT)[2]
    status(lines, [("4.4.2", "deferred (conversation with SINK timed out while sending message body)")])


# ---- recipients

@case
def each_recipient_has_its_own_result(t):
    s = Server({"RCPT": {"b@t.test": "550 5.1.1 unknown", "c@t.test": "452 4.2.2 full"}})
    marks, reply, lines = t.send(s.nexthop, ["a@t.test", "b@t.test", "c@t.test", "d@t.test"])
    said = "(host SINK said: %s (in reply to RCPT TO command))"
    status(lines, [("5.1.1", "bounced " + said % "550 5.1.1 unknown"), ("4.2.2", "deferred " + said % "452 4.2.2 full"), SENT, SENT])
    equal((marks, reply["result"], len(s.messages)), ("DDRD", "1", 1))


@case
def lmtp_has_one_reply_for_each_recipient(t):
    s = Server({"DOT": {"b@t.test": "550 5.2.0 not me", "c@t.test": "452 4.2.2 full"}}, lmtp=True)
    marks, reply, lines = t.send("inet:" + s.nexthop, ["a@t.test", "b@t.test", "c@t.test"], lmtp=True)
    equal(s.commands[0], "LHLO mail.example.test")
    said = "(host SINK said: %s (in reply to end of DATA command))"
    status(lines, [SENT] + [("5.2.0", "bounced " + said % "550 5.2.0 not me"), ("4.2.2", "deferred " + said % "452 4.2.2 full")])
    equal(marks, "DDR")


@case
def lmtp_recipients_without_a_reply_are_tried_again(t):
    s = Server({"DOT": {"b@t.test": DROP}}, lmtp=True)
    marks, reply, lines = t.send("inet:127.0.0.1:%d" % s.port, ["a@t.test", "b@t.test", "c@t.test"], lmtp=True)
    lost = ("4.4.2", "deferred (lost connection with SINK while sending end of data -- message may be sent more than once)")
    status(lines, [SENT] + [lost, lost])
    equal(marks, "DRR")


@case
def lmtp_over_a_unix_socket(t):
    s = Server(path=t.queue + "/private/store")
    os.chmod(t.queue + "/private/store", 0o777)
    lines = t.send("unix:private/store", lmtp=True)[2]
    sent(lines)
    assert "relay=mail.example.test[private/store]," in lines[-1], lines
    lines = t.send("unix:private/none", lmtp=True)[2]
    status(lines, [("4.4.1", "deferred (connect to mail.example.test[private/none]: No such file or directory)")])


@case
def all_recipients_refused_means_no_content(t):
    s = Server({"RCPT": "550 5.1.1 no"}, ehlo=())
    equal(t.send(s.nexthop, ["a@t.test", "b@t.test"])[0], "DD")
    assert not any(x.startswith("DATA") for x in s.commands), s.commands


@case
def quoted_and_null_addresses(t):
    s = Server()
    sent(t.send(s.nexthop, ["a b@t.test"], sender="")[2])
    equal(s.commands[1:3], ["MAIL FROM:<> SIZE=21", 'RCPT TO:<"a b"@t.test>'])


# ---- probes

@case
def probes_stop_after_rcpt_or_data(t):
    for target, commands in (("rcpt", []), ("data", ["DATA"])):
        s = Server({"RCPT": {"b@t.test": "550 5.1.1 unknown"}})
        lines = t.send(s.nexthop, ["a@t.test", "b@t.test"], request={"flags": 0x200}, smtp_address_verify_target=target)[2]
        words = sorted(re.search(r"to=<(.)@.*status=(\w+)", x).groups() for x in lines if "status=" in x)
        equal(words, [("a", "deliverable"), ("b", "undeliverable")])
        equal((s.messages, [x for x in s.commands if x == "DATA"]), ([], commands))


# ---- more than one server

@case
def the_next_destination_is_tried(t):
    good, bad = Server(), Server({"MAIL": "451 4.3.0 later"})
    lines = t.send("[127.0.0.1]:1, %s %s" % (bad.nexthop, good.nexthop))[2]
    sent(lines)
    assert any("connect to 127.0.0.1[127.0.0.1]:1: Connection refused" in x for x in lines), lines
    assert any("said: 451 4.3.0 later (in reply to MAIL FROM command)" in x for x in lines), lines


@case
def the_fallback_relay_takes_what_the_destination_does_not(t):
    good, bad = Server(), Server({"RCPT": {"b@t.test": "451 4.3.0 later", "c@t.test": "550 5.1.1 no"}})
    marks, _, lines = t.send(bad.nexthop, ["a@t.test", "b@t.test", "c@t.test"], smtp_fallback_relay=good.nexthop)
    equal((marks, len(bad.messages), len(good.messages)), ("DDD", 1, 1))
    equal([x for x in good.commands if x.startswith("RCPT")], ["RCPT TO:<b@t.test>"])


@case
def nothing_reachable_is_a_site_failure(t):
    marks, reply, lines = t.send("[127.0.0.1]:1")
    equal((reply["site_failed"], reply["dsn"], reply["reason"]), ("1", "4.4.1", "connect to 127.0.0.1[127.0.0.1]:1: Connection refused"))
    assert "relay=none," in lines[-1], lines


@case
def bad_destinations_defer(t):
    for nexthop in ("[127.0.0.1]:nosuchservice", "[127.0.0.1", "host.test:99999"):
        marks, reply, lines = t.send(nexthop)
        status(lines, [("4.3.5", "deferred (bad host or service in destination: %s)" % nexthop)])


@case
def a_bind_address_that_cannot_be_used(t):
    s = Server()
    lines = t.send(s.nexthop, smtp_bind_address="192.0.2.77")[2]
    sent(lines)
    assert any("warning: smtp_connect_addr: bind 192.0.2.77: Cannot assign requested address" in x for x in lines), lines
    lines = t.send(s.nexthop, smtp_bind_address="192.0.2.77", smtp_bind_address_enforce="yes")[2]
    status(lines, [("4.4.0", "deferred (server configuration error)")])


@case
def a_host_with_one_address_sends_from_it(t):
    subprocess.check_call(["ip", "addr", "add", "192.0.2.50/32", "dev", "lo"])
    peers = []

    def greet(c):
        peers.append(c.getpeername()[0])
        c.sendall(b"220 hi ESMTP\r\n")
    s = Server({"greeting": greet})
    sent(t.send(s.nexthop, inet_interfaces="192.0.2.50")[2])
    sent(t.send(s.nexthop, inet_interfaces="192.0.2.50", smtp_bind_address="127.0.0.7")[2])
    sent(t.send(s.nexthop, inet_interfaces="192.0.2.50, 127.0.0.1")[2])
    equal(peers, ["192.0.2.50", "127.0.0.7", "127.0.0.1"])


# ---- kept sessions

@case
def a_session_is_used_again_for_a_busy_destination(t):
    s = Server()
    c = t.connect(t.agent())
    sent(t.send(s.nexthop, channel=c, request=LOAD)[2])
    lines = t.send(s.nexthop, channel=c)[2]
    sent(lines)
    assert ", conn_use=2," in read(t.log).splitlines()[-1]
    s.ended.acquire(timeout=30)
    equal((s.sessions, [x for x in s.commands if x in ("QUIT", "RSET")], len(s.messages)), (1, ["QUIT"], 2))
    c.close()


@case
def a_listed_destination_keeps_its_session_without_load(t):
    s = Server()
    for listed, sessions in ((s.nexthop, 1), ("127.0.0.1", 2), ("127.0.0.2", 4)):
        c = t.connect(t.agent(smtp_connection_cache_destinations=listed))
        for _ in range(2):
            sent(t.send(s.nexthop, channel=c)[2])
        equal(s.sessions, sessions, listed)
        c.close()


@case
def a_kept_session_that_died_costs_nothing(t):
    for script in ({"MAIL": ["250 ok", DROP, "250 ok"]}, {"MAIL": ["250 ok", "421 4.4.2 idle too long", "250 ok"]},
                   {"DOT": ["250 2.0.0 queued as X1", DROP, "250 2.0.0 queued as X1"]}):
        s = Server(script)
        c = t.connect(t.agent())
        sent(t.send(s.nexthop, channel=c, request=LOAD)[2])
        sent(t.send(s.nexthop, channel=c, request=LOAD)[2])
        equal(s.sessions, 2)
        c.close()


@case
def another_destination_closes_the_kept_session(t):
    one, two = Server(), Server()
    c = t.connect(t.agent())
    sent(t.send(one.nexthop, channel=c, request=LOAD)[2])
    sent(t.send(two.nexthop, channel=c, request=LOAD)[2])
    assert one.ended.acquire(timeout=30)
    equal(one.commands[-1], "QUIT")
    c.close()


@case
def an_unused_session_ends_when_the_shorter_of_two_limits_has_passed(t):
    for limits in (("1s", "1h"), ("1h", "1s")):
        s = Server()
        c = t.connect(t.agent(smtp_connection_cache_time_limit=limits[0], connection_cache_ttl_limit=limits[1]))
        sent(t.send(s.nexthop, channel=c, request=LOAD)[2])
        assert s.ended.acquire(timeout=30), limits
        equal(s.commands[-1], "QUIT")
        c.close()


@case
def reuse_limits_are_kept(t):
    s = Server()
    c = t.connect(t.agent(smtp_connection_reuse_count_limit="1"))
    for _ in range(3):
        sent(t.send(s.nexthop, channel=c, request=LOAD)[2])
    equal(s.sessions, 2)
    c.close()


@case
def a_session_after_refused_recipients_begins_with_rset(t):
    s = Server({"RCPT": ["550 5.1.1 no", "250 ok"]}, ehlo=())
    c = t.connect(t.agent())
    equal(t.send(s.nexthop, channel=c, request=LOAD)[0], "D")
    sent(t.send(s.nexthop, channel=c)[2])
    equal([x.split(" ")[0] for x in s.commands[:5]], ["EHLO", "MAIL", "RCPT", "RSET", "MAIL"])
    c.close()


# ---- what we cannot do

@case
def mail_that_needs_tls_waits(t):
    marks, _, lines = t.send(Server().nexthop, smtp_tls_security_level="encrypt")
    status(lines, [("4.7.4", "deferred (TLS is required, but was not offered by host SINK)")])
    s = Server()
    lines = t.send(s.nexthop, smtp_tls_policy_maps="inline:{{%s=none}}" % s.nexthop, smtp_tls_security_level="encrypt")[2]
    sent(lines)
    lines = t.send(Server().nexthop, smtp_tls_policy_maps="texthash:/nonexistent")[2]
    status(lines, [("4.7.5", "deferred (client TLS configuration problem)")])


@case
def a_goodbye_is_waited_for_when_asked_to(t):
    sent(t.send(Server({"QUIT": HANG}).nexthop, smtp_skip_quit_response="no", **SHORT)[2])
    sent(t.send(Server({"QUIT": DROP}).nexthop, smtp_skip_quit_response="no")[2])


def main(binary, only):
    enter()
    t, bad = Client(os.path.realpath(binary)), 0
    try:
        for f in cases:
            if only and f.__name__ not in only:
                continue
            try:
                f(t)
            except Exception as e:
                bad += 1
                print("FAILED %s: %s: %s" % (f.__name__, type(e).__name__, e), flush=True)
        print("%d cases, %d failed" % (len(cases), bad))
    finally:
        t.stop()
    return bad > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
