#!/usr/bin/env python3
"""Each daemon of the message path is killed at each system call that it makes for a message: the message arrives all
the same, whole, and the other mail too.  strace(1) does the killing.  (crash/cleanup_crash.py looks closer at
cleanup(8) and at the states it leaves.)"""
import os
import re
import shutil
import signal
import subprocess

from harness import Host, Sink, Skip, Smtp, contents, contents_of_proc, furnish, main, test, until

PORT = 2599
MAIN = {"queue_run_delay": "1s", "minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "transport_retry_time": "1s",
        "service_throttle_time": "1s", "stale_lock_time": "1s", "default_process_limit": "1", "smtpd_error_sleep_time": "0", "max_use": "1000",
        "transport_maps": "inline:{ away.test=smtp:[127.0.0.1]:%d }" % PORT}
CALLS = ("read", "recvfrom", "recvmsg", "write", "writev", "sendto", "sendmsg", "pwrite64", "openat", "newfstatat", "fstat", "close", "rename", "renameat",
         "renameat2", "link", "unlink", "fchmod", "fchown", "fsync", "ftruncate", "utimensat", "flock", "fcntl", "lseek", "connect", "accept4", "socket",
         "setresuid", "clone", "wait4", "epoll_wait", "getdents64")
MOST = 5  # calls of one kind


def by_smtp(recipient):
    def submit(host, subject):
        def attempt():
            try:
                c = Smtp()
                c.expect("EHLO client.test", 250)
                reply = c.mail("", [recipient], "Subject: %s\n\nend of %s" % (subject, subject))
                c.close()
                return reply.startswith("250")
            except (OSError, EOFError, AssertionError):
                return False
        until("a 250", attempt)
    return submit


def by_sendmail(sender, recipient):
    def submit(host, subject):
        host.run("sendmail", "-f", sender, recipient, text="Subject: %s\n\nend of %s\n" % (subject, subject))
    return submit


def in_mailbox(user):
    return lambda subject: len(re.findall(r"^end of %s$" % subject, contents("/var/mail/" + user), re.M))


def at_sink(subject):
    return sum(b"\r\nend of " + subject.encode() + b"\r\n" in m[2] for m in list(SINK.messages))


PATHS = {  # program: how to make it work, and how many copies have arrived
    "smtpd": (by_smtp("paco@example.test"), in_mailbox("paco")),
    "cleanup": (by_smtp("paco@example.test"), in_mailbox("paco")),
    "qmgr": (by_smtp("paco@example.test"), in_mailbox("paco")),
    "local": (by_smtp("paco@example.test"), in_mailbox("paco")),
    "smtp": (by_smtp("x@away.test"), at_sink),
    "bounce": (by_sendmail("luis@example.test", "nobody-here@example.test"), in_mailbox("luis")),
    "pickup": (by_sendmail("enrique@example.test", "paco@example.test"), in_mailbox("paco")),
}


def attach(pids, call, n):
    """strace on daemons; None when one has just gone."""
    p = subprocess.Popen(["strace", "-f", *("--attach=%d" % pid for pid in pids), "-e", "trace=" + call, "-e", "inject=%s:signal=KILL:when=%d" % (call, n), "-o", "/dev/null"],
                         stderr=subprocess.PIPE, text=True)
    for line in (p.stderr.readline() for _ in pids):
        if "attached" in line:
            continue
        detach(p)
        if "not permitted" in line:
            raise Skip("strace may not attach: " + line.strip())
        return None
    return p


def service_of(pid, program):
    words = contents_of_proc(pid, "cmdline").split("\0")
    return words[words.index("-n") + 1] if "-n" in words else program


def pids_of_service(host, program):
    """The processes of the service that mail goes through, whichever of them takes the message; defer, trace and relay
    run the same programs."""
    wanted = "smtp" if program == "smtpd" else program
    return [p for p, name in host.daemons().items() if name == program and service_of(p, name) == wanted]


def attach_to(host, program, call, n, subject):
    """(pids, strace) of idle processes, which a message before may have to start."""
    submit, copies = PATHS[program]

    def attempt():
        attempt.count += 1
        warm = "warm%d%s" % (attempt.count, subject)
        submit(host, warm)
        until("the message before", lambda: copies(warm))
        pids = pids_of_service(host, program)
        tracer = pids and attach(pids, call, n)
        return (pids, tracer) if tracer else None
    attempt.count = 0
    return until("strace on " + program, attempt)


def all_live(pids, program):
    return all(program in contents_of_proc(pid, "comm") for pid in pids)


def kill_at(host, program, call, n):
    """False when the program makes fewer calls of this kind."""
    submit, copies = PATHS[program]
    kill_at.count += 1
    subject = "m%04d" % kill_at.count
    pids, tracer = attach_to(host, program, call, n, subject)
    try:
        submit(host, subject)

        def has_arrived():
            if not all_live(pids, program):
                host.run("postqueue", "-f", check=False)
            return copies(subject)
        until("%s, killed at %s %d: message %s" % (program, call, n, subject), has_arrived)
        kill_at.second_copies += copies(subject) - 1
    finally:
        detach(tracer)
    return not all_live(pids, program)


def detach(tracer):
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    tracer.stderr.close()


kill_at.count = kill_at.second_copies = 0


def check_program(program):
    def check(host):
        kills = []
        before = kill_at.second_copies
        for call in CALLS:
            for n in range(1, MOST + 1):
                if not kill_at(host, program, call, n):
                    break
                kills.append(call)
        host.wait_empty()
        assert len(kills) >= 5, kills
        print("  %s: %d kills (%s), %d second copies" % (program, len(kills), " ".join(sorted(set(kills))), kill_at.second_copies - before))
        assert not os.listdir("/var/spool/postfix/corrupt"), os.listdir("/var/spool/postfix/corrupt")
    check.__name__ = "a_%s_killed_at_any_system_call_loses_nothing" % program
    return check


for name in PATHS:
    test(check_program(name))


def prepare(tree, work):
    global SINK
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    furnish(tree, work)
    SINK = Sink(PORT)
    host = Host()
    host.configure(main=MAIN)
    host.run("postconf", "-F", "pickup/unix/wakeup=1", "qmgr/unix/wakeup=1")
    host.start()
    return host


main(prepare)
