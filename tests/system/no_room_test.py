#!/usr/bin/env python3
"""A queue without inodes or without space: clients hear 452 at once, local mail waits or is refused, nothing is lost, and all
goes on when there is room again."""
import os
import re
import subprocess
import time

from harness import DOMAIN, QUEUE, Host, Sink, Smtp, contents, furnish, main, mount, send, test, until

INODES, BYTES = 400, 24 << 20
PORT = 2599
HANG_S = 20  # an answer that takes longer counts as none


def fill_inodes():
    made = []
    try:
        while True:
            path = QUEUE + "/saved/i%d" % len(made)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            made.append(path)
    except OSError:
        return made


def fill_space():
    path = QUEUE + "/saved/full"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        while True:
            os.write(fd, b"x" * 4096)
    except OSError:
        return [path]
    finally:
        os.close(fd)


def free(paths):
    for path in paths:
        os.unlink(path)


def attempt(parameters=""):
    """What a client that wants to send a message is told in the end."""
    c = Smtp(timeout=HANG_S)
    for line in ("EHLO client.test", "MAIL FROM:<ana@%s>%s" % (DOMAIN, parameters), "RCPT TO:<paco@%s>" % DOMAIN, "DATA"):
        reply = c(line)
        if not reply.startswith(("250", "354")):
            c.expect("QUIT", 221)
            c.close()
            return reply
    c.raw("Subject: no room\r\n\r\nx\r\n.\r\n")
    reply = c.reply()
    c.close()
    return reply


def peace(host, mark):
    """A program that never ran before cannot make its lock file: only that one waits."""
    bad = re.findall(r"^.*(?:panic|killed by signal|(?<!postlogd: bad command startup -- )throttling|malformed response).*$",
                     host.log()[mark:], re.M)
    assert not bad, bad[:5]


def without_room(host, waiting, mark):
    started = time.monotonic()
    replies = [attempt() for _ in range(5)]
    print("  answers after %.2f s: %s" % (time.monotonic() - started, sorted(set(replies))))
    assert all(re.match(r"4(52 4\.3\.1|51 4\.3\.0)", r) for r in replies), replies
    assert any(r.startswith("452 4.3.1 Insufficient system storage") for r in replies), replies
    assert attempt(" SIZE=1000").startswith("452 4.3.1"), "with a size"
    p = host.run("sendmail", "-f", "ana@" + DOMAIN, "paco@" + DOMAIN, text="Subject: by sendmail\n\nx\n", check=False)
    assert p.returncode in (0, 75), p
    host.run("postqueue", "-f")  # a bounce that cannot be written keeps the message
    host.wait_log(r"%s: to=<x@away.test>.* dsn=[45]\.1\.1" % waiting, mark)
    host.run("postqueue", "-p")
    return p.returncode == 0


def besieged(host, fill):
    """Everything that wants to write while there is no room."""
    mark = len(host.log())
    SINK.refuse = {"x@away.test": "450 4.2.0 later"}
    waiting = send("x@away.test", "Subject: waits\n\nx", sender="luis@" + DOMAIN)
    host.wait_in("deferred", waiting)
    SINK.refuse = {"x@away.test": "550 5.1.1 nobody"}
    taken = fill()
    try:
        by_sendmail = without_room(host, waiting, mark)
    finally:
        free(taken)
    host.run("postqueue", "-f")
    send("paco@" + DOMAIN, "Subject: room again\n\nx")
    host.wait_mail("paco", "Subject: room again\n")
    until("the report", lambda: host.run("postqueue", "-f") and "x@away.test" in host.mailbox("luis"))
    host.wait_empty()
    assert "no room" not in host.mailbox("paco"), "what was refused is delivered"
    assert ("by sendmail" in host.mailbox("paco")) == by_sendmail
    peace(host, mark)
    host.run("rm", "-f", "/var/mail/paco", "/var/mail/luis")


@test
def a_queue_without_inodes_is_452_and_no_hang(host):
    besieged(host, fill_inodes)


@test
def a_full_queue_is_452_and_no_hang(host):
    besieged(host, fill_space)


@test
def space_that_ends_in_the_middle_of_a_message_is_a_temporary_error(host):
    mark = len(host.log())
    c = Smtp(timeout=HANG_S)
    for line, code in (("EHLO client.test", 250), ("MAIL FROM:<ana@%s>" % DOMAIN, 250), ("RCPT TO:<paco@%s>" % DOMAIN, 250), ("DATA", 354)):
        c.expect(line, code)
    taken = fill_space()
    c.raw("Subject: cut\r\n\r\n" + ("y" * 70 + "\r\n") * 10000 + ".\r\n")
    reply = c.reply()
    assert re.match("45[12] 4.3.", reply), reply
    c.expect("QUIT", 221)
    free(taken)
    send("paco@" + DOMAIN, "Subject: uncut\n\nx")
    host.wait_mail("paco", "Subject: uncut\n")
    assert "Subject: cut" not in host.mailbox("paco")
    host.wait_empty()
    peace(host, mark)


@test
def a_full_mailbox_disk_defers(host):
    mark = len(host.log())
    mount("-t", "tmpfs", "-o", "mode=1777,size=64k", "tmpfs", "/var/mail")
    with open("/var/mail/filler", "wb") as f:
        f.write(b"x" * (60 << 10))
    qid = send("paco@" + DOMAIN, "Subject: big\n\n" + ("y" * 70 + "\n") * 300)
    found = host.wait_log(r"%s: to=<paco@.* dsn=(\S+), status=(\w+) \((.*)\)$" % qid, mark)
    assert found[2] == "deferred" and found[1] in ("4.3.1", "4.2.0") and "No space left on device" in found[3], found[0]
    assert contents("/var/mail/paco") == "", "half a message was left in the mailbox"
    os.unlink("/var/mail/filler")
    host.run("postqueue", "-f")
    host.wait_mail("paco", "Subject: big\n")
    subprocess.run(["umount", "/var/mail"], check=True)
    peace(host, mark)


def prepare(tree, work):
    global SINK
    os.makedirs(work + "/small")
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "mode=755,size=%d,nr_inodes=%d" % (BYTES, INODES), "tmpfs", work + "/small")
    furnish(tree, work, queue=work + "/small")
    host = Host()
    host.configure(main={"transport_maps": "inline:{ away.test=smtp:[127.0.0.1]:%d }" % PORT, "minimal_backoff_time": "1s",
                         "maximal_backoff_time": "1s", "queue_run_delay": "1h", "transport_retry_time": "1s",
                         "message_size_limit": "5000000", "mailbox_size_limit": "50000000"})
    host.start()
    SINK = Sink(PORT)
    return host


main(prepare)
