"""What a mail system costs: CPU, memory and context switches of all its processes, also of those that have ended."""
import os
import pathlib
import re
import signal
import time


def cgroup_mount():
    for line in open("/proc/self/mounts"):
        _, place, kind = line.split()[:3]
        if kind == "cgroup2":
            return pathlib.Path(place)
    return None


class Cgroup:
    """A leaf of its own in the cgroup v2 tree.  Without such a tree (`place` None) figures of CPU are missing."""

    def __init__(self):
        mount = cgroup_mount()
        self.place = mount and mount / ("relevo-bench-%d-%d" % (os.getpid(), time.monotonic_ns()))
        try:
            self.place and self.place.mkdir()
        except OSError:
            self.place = None

    def enter(self):
        """Called in a child before it execs."""
        if self.place:
            (self.place / "cgroup.procs").write_text(str(os.getpid()))

    def pids(self):
        return [int(pid) for pid in (self.place / "cgroup.procs").read_text().split()] if self.place else []

    def cpu(self):
        """Seconds so far: (user, system)."""
        if not self.place:
            return 0.0, 0.0
        stat = dict(line.split() for line in (self.place / "cpu.stat").read_text().splitlines())
        return int(stat["user_usec"]) / 1e6, int(stat["system_usec"]) / 1e6

    def memory(self, pids=None):
        """KiB: every page divided by how many map it (PSS)."""
        total = 0
        for pid in self.pids() if pids is None else pids:
            found = re.search(r"^Pss:\s+(\d+)", read("/proc/%d/smaps_rollup" % pid), re.M)
            total += int(found[1]) if found else 0
        return total

    def named(self, program):
        """The processes of a daemon."""
        return [pid for pid in self.pids() if read("/proc/%d/comm" % pid).strip() == program]

    def remove(self):
        for _ in range(500):
            if not self.pids():
                break
            for pid in self.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)
        if self.place:
            self.place.rmdir()


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def machine_seconds():
    """CPU seconds that the whole machine has spent."""
    user, nice, system, _, _, irq, softirq = map(int, open("/proc/stat").readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
