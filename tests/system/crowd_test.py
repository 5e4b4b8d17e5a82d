#!/usr/bin/env python3
"""A thousand clients from twenty addresses that connect and keep silent do not keep others out."""
import contextlib
import os
import resource
import socket
import subprocess
import time

from harness import DOMAIN, USERS, Host, Smtp, furnish, main, test, until

CLIENTS, ADDRESSES = 1000, 20
LISTINGS = 100  # showq processes: default_process_limit
FIGURE_S = 2  # how long a legitimate client may have to wait; the limits below leave a busy machine more


def connect_from(source, timeout=60):
    s = socket.socket()
    s.settimeout(timeout)
    s.bind((source, 0))
    s.connect(("127.0.0.1", 25))
    return s


class Crowd:
    """Clients that never say a word, or (`says`) begin a session first."""

    def __init__(self, says=b""):
        self.sockets = []
        for n in range(CLIENTS):
            s = connect_from("127.0.1.%d" % (n % ADDRESSES + 1))
            s.setblocking(False)
            if says:
                s.send(says)
            self.sockets.append(s)

    def close(self):
        for s in self.sockets:
            s.close()


def mail_from(source):
    """One message of an honest client; returns how long it waited for the greeting, and for the end."""
    started = time.monotonic()
    c = Smtp.__new__(Smtp)
    c.sock = connect_from(source)
    c.file = c.sock.makefile("rb")
    banner = c.reply()
    greeted = time.monotonic() - started
    assert banner.startswith("220 "), banner
    c.expect("EHLO honest.test", 250)
    reply = c.mail("a@honest.test", ["paco@" + DOMAIN], "Subject: honest\n\nx")
    assert reply.startswith("250 "), reply
    c.expect("QUIT", 221)
    c.close()
    return greeted, time.monotonic() - started


def besieged(host, says, patience=FIGURE_S):
    crowd = Crowd(says)
    try:
        times = [mail_from("127.0.2.%d" % (n + 1)) for n in range(5)]
        print("  greeted after %s s, served after %s s" % tuple(", ".join("%.2f" % t[i] for t in times) for i in (0, 1)))
        assert max(t[0] for t in times) < patience * 5 and min(t[0] for t in times) < patience, times
    finally:
        crowd.close()


@test
def silent_clients_do_not_keep_others_out(host):
    besieged(host, b"")
    host.wait_log("has reached its process limit")


@test
def clients_that_stop_after_a_greeting_do_not_keep_others_out(host):
    besieged(host, b"EHLO crowd.test\r\nMAIL FROM:<a@crowd.test>\r\n")


def limit_processes(host, *change):
    host.run("postconf", *change)
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log(r": reload -- version", mark)


@test
def few_processes_are_not_held_by_many_addresses(host):
    """Nobody has more than his share: those who have been silent longest go, but not out of a transaction."""
    limit_processes(host, "-e", "default_process_limit = 20")
    engaged = Smtp()
    engaged.expect("EHLO slow.test", 250)
    engaged.expect("MAIL FROM:<a@slow.test>", 250)
    besieged(host, b"", patience=5)
    engaged.expect("RCPT TO:<paco@%s>" % DOMAIN, 250)
    engaged.close()
    limit_processes(host, "-X", "default_process_limit")


@test
def who_works_is_left_alone_in_a_crowd(host):
    """A busy client may have many connections: it is not idle between its commands."""
    busy = [connect_from("127.0.3.1") for _ in range(10)]
    files = [s.makefile("rb") for s in busy]
    for f in files:
        assert f.readline().startswith(b"220 ")
    crowd = Crowd()
    try:
        for _ in range(20):
            for s, f in zip(busy, files):
                s.sendall(b"NOOP\r\n")
                assert f.readline().startswith(b"250 "), "a client at work was turned away"
            time.sleep(0.1)
    finally:
        crowd.close()
    for s in busy:
        s.close()


@test
def without_a_crowd_nobody_is_hurried(host):
    def free():
        with contextlib.suppress(EOFError, OSError):
            return Smtp().banner.startswith("220 ")
    until("the service to be free", free)
    idle = [Smtp() for _ in range(20)]
    time.sleep(2)
    for c in idle:
        c.expect("NOOP", 250)
        c.close()


@test
def users_who_do_not_read_do_not_keep_the_queue_from_others(host):
    host.run("postconf", "-e", "defer_transports = local")
    host.run("postfix", "reload")
    host.run("sendmail", "-f", "ana@" + DOMAIN, *("u%d@%s" % (n, DOMAIN) for n in range(9000)), text="Subject: many\n\nx\n")
    until("the message to be deferred", lambda: any(m["queue_name"] == "deferred" for m in host.queue().values()))
    stuck = []
    for _ in range(LISTINGS + 20):
        r, w = os.pipe()
        p = subprocess.Popen(["/usr/sbin/postqueue", "-p"], stdout=w, stderr=subprocess.DEVNULL, user=USERS["ana"], group=USERS["ana"], extra_groups=[])
        os.close(w)
        stuck.append((p, r))
    until("all processes to be taken", lambda: len(subprocess.run(["pgrep", "-x", "showq"], capture_output=True, text=True).stdout.split()) >= LISTINGS)
    for user in ("paco", "luis"):
        assert "u8999@" in host.run("postqueue", "-p", user=user).stdout
    assert "u8999@" in host.run("mailq").stdout
    for p, r in stuck:
        os.close(r)
        p.kill()
        p.wait()
    host.run("postsuper", "-d", "ALL")


def prepare(tree, work):
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    furnish(tree, work)
    host = Host()
    # Otherwise all addresses of this machine are exempt from every limit.
    host.configure(main={"mynetworks": "127.0.0.1/32", "smtpd_junk_command_limit": "1000"})
    host.start()
    return host


main(prepare)
