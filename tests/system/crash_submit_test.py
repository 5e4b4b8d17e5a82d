#!/usr/bin/env python3
"""A program that submits mail is killed at each system call that it makes: the message arrives whole or not at all, and always when
the program ended well or said so.  strace(1) does the killing.  (crash_at_syscall_test.py does the same to the daemons.)"""
import re
import shutil
import subprocess

from harness import Host, QUEUE, Skip, contents, furnish, main, test, until

BODY = "".join("%04d 456789012345678901234567890123456789012345678901234567890123\n" % n for n in range(1200))  # beyond what goes straight
SMALL, LARGE = BODY[:200] + "\n", BODY
SENDMAIL = ("sendmail", "-f", "luis@example.test", "paco@example.test")
HEAD = "From: luis@example.test\nTo: paco@example.test\nSubject: %s\n\n"
CALLS = ("read", "recvfrom", "write", "sendto", "openat", "close", "rename", "fchmod", "fsync", "unlink", "connect", "poll", "clone3", "wait4", "exit_group")
LAST = 3  # calls of one kind by one process; those before load it and read its configuration


def traced(command, text, *options):
    words = ["strace", "-f", *options, *command]
    return subprocess.run(words, input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def calls_of(command, text, trace):
    """{(system call, how many of that kind before it in its process, and itself)}"""
    p = traced(command, text, "-o", trace)
    if p.returncode:
        raise Skip("strace does not trace: %r" % p.stderr[-200:]) if b"ptrace" in p.stderr else AssertionError(p)
    made = {}
    for pid, name in re.findall(r"^(\d+) +(\w+)\(", contents(trace), re.M):
        made[pid, name] = made.get((pid, name), 0) + 1
    return sorted({(name, n) for (_, name), count in made.items() if name in CALLS for n in range(max(1, count - LAST + 1), count + 1)})


def name_of(way, number):
    return "%s-%04d." % (way, number)


def has_promised(p, text_of):
    return b" queued as " in p.stdout if text_of is dialogue else p.returncode == 0


def kill_everywhere(way, command, body, text_of):
    """Names of the messages that must arrive, and of those that may."""
    must, may = [name_of(way, 0)], []
    for number, (call, n) in enumerate(calls_of(command, text_of(must[0], body), "/tmp/trace"), 1):
        name = name_of(way, number)
        p = traced(command, text_of(name, body), "-o", "/dev/null", "-e", "trace=" + call, "-e", "inject=%s:signal=KILL:when=%d" % (call, n))
        (must if has_promised(p, text_of) else may).append(name)
    assert len(may) >= 10, (way, len(may))
    return must, may


def message(name, body):
    return HEAD % name + body


def batch(name, body):
    return "From luis Mon Nov 30 12:00:00 2026 remote from there\n" + message(name, body)


def dialogue(name, body):
    return "".join(line + "\r\n" for line in ("HELO x", "MAIL FROM:<luis@example.test>", "RCPT TO:<paco@example.test>", "DATA",
                                              *message(name, body).splitlines(), ".", "QUIT"))


WAYS = (  # name, command, body, what it reads
    ("straight", SENDMAIL, SMALL, message),
    ("large", SENDMAIL, LARGE, message),
    ("rmail", ("rmail", "paco@example.test"), SMALL, batch),
    ("dialogue", ("sendmail", "-bs"), SMALL, dialogue),
)


def check_arrival(host, ways):
    """What must arrive is there once, what may at most once, and each whole."""
    until("an empty queue", lambda: not host.queue())
    host.run(*SENDMAIL, text=HEAD % "last" + "\n")
    host.wait_mail("paco", "Subject: last")
    until("an empty queue", lambda: not host.queue())
    arrived = re.findall(r"^Subject: (\S+)\n(?:\S.*\n)*\n((?:\d{4} \d*\n|\d+\n)*)", host.mailbox("paco"), re.M)
    bodies = {}
    for name, body in arrived:
        bodies.setdefault(name, []).append(body.rstrip("\n"))
    kills = 0
    for (way, _, body, _), (must, may) in ways:
        assert [n for n in must if n not in bodies] == [], ("lost", way, [n for n in must if n not in bodies])
        wrong = [n for n in must + may if bodies.get(n, [body.rstrip("\n")]) != [body.rstrip("\n")]]
        assert wrong == [], ("half or twice", way, wrong)
        kills += len(may)
        print("  %s: %d kills, %d of them after the message was safe" % (way, len(may), sum(n in bodies for n in may)))
    left = [q for q in ("corrupt", "hold", "deferred") if any(c[2] for c in shutil.os.walk("%s/%s" % (QUEUE, q)))]
    assert not left, left


@test
def a_submission_is_whole_or_nothing_wherever_its_program_dies(host):
    check_arrival(host, [(way, kill_everywhere(*way)) for way in WAYS])


@test
def so_it_is_while_the_mail_system_is_down(host):
    host.stop()
    ways = [("down-" + name, *rest) for name, *rest in WAYS if name in ("straight", "rmail")]
    killed = [(way, kill_everywhere(*way)) for way in ways]
    host.start()
    check_arrival(host, killed)


def prepare(tree, work):
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    furnish(tree, work)
    host = Host()
    host.configure()
    host.start()
    return host


main(prepare)
