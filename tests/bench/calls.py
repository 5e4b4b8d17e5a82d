"""System calls a message, by daemon: counted by strace in a round of its own, whose times mean nothing."""
import collections
import re
import signal
import subprocess
import tempfile
import time

from cost import read
from suite import Suite, free_port

SHOWN = 0.04  # calls a message, at least


def counted(suite, action):
    """{pid: Counter of calls} while `action` runs."""
    with tempfile.NamedTemporaryFile() as out:
        words = [w for pid in suite.cgroup.pids() for w in ("-p", str(pid))]
        p = subprocess.Popen(["strace", "-f", "-qq", "-o", out.name, *words], stderr=subprocess.DEVNULL)
        time.sleep(2)
        action()
        time.sleep(0.5)
        p.send_signal(signal.SIGINT)
        p.wait()
        found = collections.defaultdict(collections.Counter)
        for line in read(out.name).split("\n"):
            call = re.match(r"(\d+) +(\w+)\(", line)
            if call:
                found[int(call[1])][call[2]] += 1
        return found


def names(suite):
    """{pid: daemon}, also of those that have ended: their log lines tell."""
    known = {int(pid): name for name, pid in re.findall(r" postfix/([\w-]+)\[(\d+)\]", suite.log())}
    known.update({pid: read("/proc/%d/comm" % pid).strip() for pid in suite.cgroup.pids()})
    return known


def of_relay(tree, run):
    port, count = free_port(), run.messages // 4
    with run.tools.sink(port) as sink, Suite(tree, run.place, {"relayhost": "[127.0.0.1]:%d" % port}) as suite:
        run.tools.source(suite.port, 100)
        suite.drain()

        def action():
            run.tools.source(suite.port, count)
            suite.drain()
        found = counted(suite, action)
        by_daemon = collections.defaultdict(collections.Counter)
        for pid, calls in found.items():
            by_daemon[names(suite).get(pid, "?")] += calls
        assert sink() == count + 100
        return {daemon: {call: n / count for call, n in calls.most_common()} for daemon, calls in by_daemon.items()}


def report(trees, run):
    for tree in trees:
        daemons = of_relay(tree, run)
        print("\n%s: %.1f system calls a message" % (tree, sum(sum(c.values()) for c in daemons.values())))
        for daemon, calls in sorted(daemons.items(), key=lambda d: -sum(d[1].values())):
            print("  %-16s %6.2f  " % (daemon, sum(calls.values())) +
                  " ".join("%s=%.2f" % (call, n) for call, n in calls.items() if n > SHOWN))
    return 0
