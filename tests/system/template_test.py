#!/usr/bin/env python3
"""Processes that are clones of a template: what they share, what they have of their own, and when the template goes."""
import os
import re
import signal
import socket

from harness import DOMAIN, ETC, PATIENCE, contents, main, Smtp, test, until, write
from secure import PKI, Secure, der, prepare

HELD = 12


def templates(host, program="smtpd"):
    return [pid for pid, name in host.daemons().items() if name == program + "+"]


def workers(host, program="smtpd"):
    return [pid for pid, name in host.daemons().items() if name == program]


def crowd(count=HELD, port=25):
    return [Secure(port) for _ in range(count)]


def the_template(host):
    return until("a template", lambda: templates(host))[0]


def begin(host, port=25):
    """A new generation, whose processes are all busy; there is one template."""
    old = set(host.daemons())
    host.run("postfix", "reload")
    until("the old processes to leave", lambda: not old & {pid for pid, name in host.daemons().items() if "smtpd" in name})
    return crowd(4, port), the_template(host)


@test
def clients_at_once_are_served_by_clones(host):
    sessions = crowd()
    the_template(host)
    assert len(workers(host)) >= HELD, host.daemons()
    for n, session in enumerate(sessions):
        answer = session.mail("a@client.test", ["ana@" + DOMAIN], "Subject: clone %d\n\nx\n" % n)
        assert answer.startswith("250"), answer
    for n in range(HELD):
        host.wait_mail("ana", "Subject: clone %d\n" % n)
    users = {re.search(r"^Uid:\s+(\d+)", contents("/proc/%d/status" % pid), re.M)[1] for pid in workers(host)}
    assert "0" not in users, users


@test
def a_template_that_dies_is_missed_by_nobody(host):
    held, template = begin(host)
    os.kill(template, signal.SIGKILL)
    for session in held + crowd(HELD):
        session.expect("NOOP", 250)
    the_template(host)


@test
def who_is_cloned_while_the_template_dies_comes_all_the_same(host):
    held, template = begin(host)
    os.kill(template, signal.SIGSTOP)  # what it is asked for now it will never do
    clients = [socket.create_connection(("127.0.0.1", 25), PATIENCE) for _ in range(HELD)]
    os.kill(template, signal.SIGKILL)
    for c in clients:
        assert c.makefile().readline().startswith("220 ")
    for session in held:
        session.expect("NOOP", 250)


@test
def a_main_cf_that_has_changed_is_read_by_the_next_process(host):
    held, _ = begin(host)
    old = contents(ETC + "/main.cf")
    try:
        host.run("postconf", "-e", "smtpd_banner=$myhostname a fresh one")
        banners = [Smtp() for _ in range(3 * HELD)]  # the first meet those that were waiting
        assert all("a fresh one" in b.banner for b in banners[2 * HELD:]), [b.banner for b in banners]
    finally:
        with open(ETC + "/main.cf", "w") as f:
            f.write(old)
    for session in held:
        session.expect("NOOP", 250)


@test
def a_renewed_certificate_is_that_of_the_next_clone(host):
    held, _ = begin(host, 2538)
    os.symlink("rsa.chain", PKI + "/renewed.chain.new")
    os.rename(PKI + "/renewed.chain.new", PKI + "/renewed.chain")
    seen = [Secure(2538) for _ in range(HELD)]
    assert all(s.sock.getpeercert(True) == der("rsa") for s in seen)
    for session in held:
        session.expect("NOOP", 250)


@test
def without_a_certificate_clones_serve_all_the_same(host):
    """And no process is made that leaves at once."""
    old = contents(PKI + "/rsa.chain")
    write(PKI + "/rsa.chain", "spoiled\n")
    try:
        mark, last = len(host.log()), max(host.daemons())
        clients = [Smtp(2538) for _ in range(HELD)]
        for c in clients:
            c.expect("EHLO x", 250)
            c.expect("STARTTLS", 454)
        host.wait_log(r"No PEM data in", mark)
        assert max(host.daemons()) - last < 10 * HELD, (last, host.daemons())
    finally:
        write(PKI + "/rsa.chain", old)
    Secure(2538).expect("NOOP", 250)


@test
def a_reload_ends_the_template(host):
    held, template = begin(host)
    host.run("postfix", "reload")
    until("the old template to leave", lambda: template not in host.daemons())
    for session in held:
        session.expect("NOOP", 250)
    crowd(2)


@test
def a_stop_ends_all(host):
    held, _ = begin(host)
    before = set(host.daemons())
    host.stop()
    until("nobody", lambda: not any(os.path.exists("/proc/%d" % pid) for pid in before))
    del held
    host.start()
    assert "exit status" not in host.log() and "killed by signal 6" not in host.log()


main(prepare)
