#!/usr/bin/env python3
"""Messages that are all structure and no content make no process grow: a budget of one MiB above an ordinary message."""
import re

from harness import DOMAIN, USERS, Smtp, main, proc_status, test, until

BUDGET_KB = 1024
LUIS = "luis@" + DOMAIN


def peaks(host):
    """{(pid, program): largest resident size in kB}; files that are mapped count for all of them."""
    found = {}
    for pid, name in host.daemons().items():
        peak = proc_status(pid, "VmHWM")
        if peak:
            found[pid, name] = int(peak.split()[0])
    return found


def greeted():
    c = Smtp()
    c.expect("EHLO client.test", 250)
    return c


def ordinary(host):
    """Every program has done its work once; returns what it takes, by program."""
    c = greeted()
    for n in range(3):
        text = "Subject: ordinary %d\nMime-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n%s--b--\n" % (n, "line\n" * 3000)
        assert c.mail("ana@" + DOMAIN, [LUIS, "nobody-here@" + DOMAIN][:1], text).startswith("250")
    c.expect("MAIL FROM:<ana@%s>" % DOMAIN, 250)
    c.expect("RCPT TO:<%s>" % LUIS, 250)
    c.raw("BDAT 12 LAST\r\nSubject: x\r\n")
    assert c.reply().startswith("250")
    host.wait_empty()
    usual = {}
    for (_, name), peak in peaks(host).items():
        usual[name] = max(peak, usual.get(name, 0))
    return c, usual


def budget(host, what, send):
    """`send(c)` sends the message on a session that is warm, and returns the last reply."""
    c, usual = ordinary(host)
    reply = send(c)
    assert reply[0] in "245", reply
    c.close()
    host.wait_empty()
    grown = sorted(((peak - usual.get(name, peak), name) for (_, name), peak in peaks(host).items()), reverse=True)
    print("  %s: %s; %s" % (what, reply.split("\n")[0][:60], ", ".join("%s +%d kB" % (n, g) for g, n in grown if g > 100) or "nobody grew"))
    assert grown[0][0] < BUDGET_KB, grown[:3]
    bad = re.findall(r"^.*(?:panic|fatal|killed by signal|exit status).*$", host.log(), re.M)
    assert not bad, bad


def begin(c):
    c.expect("MAIL FROM:<ana@%s>" % DOMAIN, 250)
    c.expect("RCPT TO:<%s>" % LUIS, 250)


def chunks(c):
    """300,000 chunks of one byte; their replies are read meanwhile."""
    begin(c)
    total, window, text = 300000, 1000, ("Subject: chunks\r\n\r\n" + "abcdefgh\r\n" * 30000)
    for start in range(0, total, window):
        c.raw("".join("BDAT 1\r\n" + text[n] for n in range(start, start + window)))
        for _ in range(window):
            reply = c.reply()
            if not reply.startswith("250"):
                return reply
    return c("BDAT 0 LAST")


def content(text):
    def send(c):
        begin(c)
        c.expect("DATA", 354)
        c.raw(text.replace("\n", "\r\n") + "\r\n.\r\n")
        return c.reply()
    return send


def nested(depth):
    return "Subject: nested\nMime-Version: 1.0\n" + "".join(
        "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)) + "\nx\n" + "".join(
        "--b%d--\n" % n for n in reversed(range(depth)))


def embedded(depth):
    return "Subject: embedded\nMime-Version: 1.0\n" + "Content-Type: message/rfc822\n\nSubject: x\nMime-Version: 1.0\n" * depth + "\nx\n"


@test
def three_hundred_thousand_chunks_of_one_byte(host):
    budget(host, "chunks", chunks)


@test
def a_hundred_thousand_header_lines(host):
    budget(host, "headers", content("Subject: headers\n" + "".join("X-%d: v\n" % n for n in range(100000)) + "\nx"))


@test
def a_hundred_thousand_folded_header_lines(host):
    budget(host, "folded", content("Subject: folded\nX: a\n" + " b\n" * 100000 + "\nx"))


@test
def a_hundred_thousand_address_header_lines(host):
    budget(host, "addresses", content("Subject: addresses\n" + "".join("Cc: a%d@b.test, c\n" % n for n in range(100000)) + "\nx"))


@test
def a_hundred_thousand_received_lines(host):
    budget(host, "received", content("Subject: hops\n" + "Received: from a by b\n" * 100000 + "\nx"))


@test
def mime_nested_a_thousand_deep(host):
    budget(host, "nested", content(nested(1000)))


@test
def messages_embedded_a_thousand_deep(host):
    budget(host, "embedded", content(embedded(1000)))


@test
def mime_with_a_hundred_thousand_parts(host):
    budget(host, "parts", content("Subject: parts\nMime-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 100000))


@test
def a_hundred_thousand_empty_lines_and_dots(host):
    budget(host, "dots", content("Subject: dots\n\n" + "..\n\n" * 100000))


def to(recipient):
    def send(c):
        c.expect("RSET", 250)
        return c.mail("ana@" + DOMAIN, [recipient + "@" + DOMAIN], "Subject: list\n\nx")
    return send


@test
def a_file_that_names_somebody_a_hundred_thousand_times(host):
    host.write("/var/home/paco/.forward", ":include:/var/home/paco/list\n", owner=USERS["paco"])
    host.write("/var/home/paco/list", "luis\n" * 100000, owner=USERS["paco"])
    budget(host, "include", to("paco"))


@test
def an_alias_of_ten_thousand_members(host):
    host.write("/etc/aliases", "postmaster: root\nmany: " + ", ".join("luis+%d" % n for n in range(10000)) + "\n")
    host.run("newaliases")
    budget(host, "members", to("many"))


def prepare(tree, work):
    from harness import one_host
    host = one_host(tree, work)
    host.run("postconf", "-e", "recipient_delimiter=+")
    host.run("postfix", "reload")
    until("smtpd", lambda: greeted().close() is None)
    return host


main(prepare)
