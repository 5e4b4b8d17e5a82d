#!/usr/bin/env python3
"""Kill cleanup(8) at every system call that changes something, and make those calls fail: only the states of
docs/QUEUE_STATES.md may remain, and what was acknowledged must be there.  Usage: cleanup_crash.py PROGRAM

strace(1) is attached to a running daemon and kills it on entry to the N-th call of one kind.  Exit status 77:
this system has no strace or does not let us trace."""
import os, re, shutil, stat, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cleanup"))
from harness import *

TEXT = "From: f@out.test\nMessage-Id: <i@d>\nDate: d\n\n"
LARGE = TEXT + ("0123456789" * 7 + "\n") * 9000 # more than one write, and the size record patched on disk
ENVELOPE = envelope("a@x.test", "b@out.test", "c@out.test")
CALLS = ["openat", "newfstatat", "renameat2", "rename", "write", "pwrite64", "fchmod", "fsync", "close", "unlink", "sendto", "read"]
MOST = 12 # calls of one kind in one message
ERRORS = [("openat", "EMFILE"), ("openat", "ENOSPC"), ("renameat2", "ENOSPC"), ("write", "ENOSPC"), ("write", "EIO"), ("pwrite64", "EIO"), ("fchmod", "EIO"),
          ("fsync", "EIO"), ("fsync", "ENOSPC"), ("rename", "EIO")]
problems = []


class Scenario:
    def __init__(self, name, text, flags=EXTERNAL, env=ENVELOPE, status="OK", stored=True, **settings):
        self.name, self.flags, self.status, self.stored, self.settings = name, flags, status, stored, settings
        self.data = env + content(text) + rec("E")


SCENARIOS = [Scenario("small", TEXT + "hi\n"), Scenario("large", LARGE), Scenario("held", TEXT + "hi\n", EXTERNAL | HOLD),
             Scenario("refused", "Received: x\n" * 60 + TEXT, status="HOPS", stored=False),
             Scenario("discarded", TEXT + "hi\n", EXTERNAL | DISCARD, stored=False),
             Scenario("bounced", TEXT + "hi\n", EXTERNAL | BOUNCE, env=envelope("a@x.test"), stored=False),
             Scenario("hashed", TEXT + "hi\n", hash_queue_names="incoming hold", hash_queue_depth="2")]


def attach(c, inject):
    """strace on the daemon; returns when it is attached."""
    p = subprocess.Popen(["strace", "-p", str(c.process.pid), "-e", "trace=" + inject.split(":")[0], "-e", "inject=" + inject, "-o", "/dev/null"],
                         stderr=subprocess.PIPE)
    line = p.stderr.readline()
    if b"attached" not in line:
        print("cannot trace: %r" % line)
        sys.exit(77)
    return p


def is_complete(data):
    try:
        recs = records(data)
    except (AssertionError, IndexError):
        return False
    if not recs or recs[-1][0] != "E" or recs[0][0] != "C":
        return False
    size = [int(n) for n in recs[0][1].split()]
    x = [at for k, _, at in recs if k == "X"]
    m = [at + 2 for k, _, at in recs if k == "M"]
    return x and m and size[0] == x[0] - m[0] and size[1] == m[0] and size[2] == sum(k == "R" for k, _, _ in recs)


def check_states(c, what):
    """Every file that lies around is in one of the states.  Returns the ids of the messages that are safe."""
    safe = []
    for queue in ("incoming", "hold", "active", "deferred"):
        for where, _, names in os.walk(os.path.join(c.queue, queue)):
            for name in names:
                path = os.path.join(where, name)
                mode, data = stat.S_IMODE(os.stat(path).st_mode), open(path, "rb").read()
                if mode == 0o600 and (queue == "incoming" or (queue == "hold" and is_complete(data))):
                    continue # being written: nobody looks at it
                if mode == 0o700 and re.fullmatch(r"\w+", name) and is_complete(data):
                    safe.append(name)
                else:
                    problems.append("%s: %s has mode %o and is %scomplete" % (what, path, mode, "" if is_complete(data) else "in"))
    return safe


def submit(c, s):
    try:
        return c.submit(s.data, flags=s.flags, piece=400 if len(s.data) > 100000 else None)
    except (EOFError, OSError):
        return None


def kill_at(program, s, call, n):
    """False when the message needs fewer calls of this kind."""
    c = Cleanup(program, **s.settings)
    try:
        first = c.message(ENVELOPE, TEXT)
        tracer = attach(c, "%s:signal=KILL:when=%d" % (call, n))
        v = submit(c, s)
        what = "%s, killed at %s %d" % (s.name, call, n)
        killed = v is None
        if not killed:
            tracer.terminate()
        tracer.wait()
        safe = check_states(c, what)
        if first.qid not in safe:
            problems.append("%s: another message is gone" % what)
        if v and (v.status != s.status or (v.qid in safe) != s.stored):
            problems.append("%s: verdict %s, %s" % (what, v.status, "stored" if v.qid in safe else "not stored"))
        return killed or c.process.poll() is not None
    finally:
        c.close()


def fail_at(program, s, call, error):
    c = Cleanup(program, **s.settings)
    try:
        first = c.message(ENVELOPE, TEXT)
        tracer = attach(c, "%s:error=%s:when=1" % (call, error))
        v = submit(c, s)
        what = "%s, %s of the first %s" % (s.name, error, call)
        tracer.terminate()
        tracer.wait()
        safe = check_states(c, what)
        if c.process.poll() is not None:
            problems.append("%s: the daemon ended" % what)
        if v and v.status == "OK" and s.stored and v.qid not in safe:
            problems.append("%s: OK for a message that is not stored" % what)
        if (v is None or v.status != "OK") and safe != [first.qid]:
            problems.append("%s: not accepted, but stored: %r" % (what, safe))
        c.channel.sock.close()
        c.connect()
        if c.message(ENVELOPE, TEXT).status != "OK":
            problems.append("%s: the next message is not accepted" % what)
    finally:
        c.close()


def main():
    program = sys.argv[1]
    if not shutil.which("strace"):
        sys.exit(77)
    kills = 0
    for s in SCENARIOS:
        for call in CALLS:
            for n in range(1, MOST + 1):
                if not kill_at(program, s, call, n):
                    break
                kills += 1
        for call, error in ERRORS:
            fail_at(program, s, call, error)
    print("%d kills" % kills)
    print("\n".join(problems))
    sys.exit(bool(problems) or kills < 60)


if __name__ == "__main__":
    main()
