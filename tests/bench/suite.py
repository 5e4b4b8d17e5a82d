"""A private instance of a Postfix-compatible install tree: its own configuration, queue, log and ports on loopback."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from cost import Cgroup, read

QUEUES = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")
PATIENCE = 180

MAIN = {
    "compatibility_level": "3.6", "mail_owner": "postfix", "setgid_group": "postdrop", "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4", "myhostname": "bench.example", "mydestination": "bench.example", "mynetworks": "127.0.0.0/8",
    "alias_maps": "", "alias_database": "", "biff": "no", "smtp_host_lookup": "native", "smtp_dns_support_level": "disabled",
    "default_destination_concurrency_limit": "20", "smtpd_recipient_limit": "100000",
    "import_environment": "MAIL_CONFIG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH",
}
SERVICES = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Failure(Exception):
    """A round that does not count."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure("waited in vain for " + what)
        time.sleep(0.005)
    return time.monotonic()


def expect(what, got, wanted):
    if got != wanted:
        raise Failure("%s: %s, and not %s" % (what, got, wanted))


class Suite:
    """`main`: settings on top of MAIN, DIR stands for the instance's directory; `door`: the master.cf line that listens, with
    %d for the port; `master`: further lines."""

    def __init__(self, tree, place, main=(), door="127.0.0.1:%d inet n - n - {processes} smtpd\n", master="", processes=200, start=True):
        self.tree, self.cgroup, self.running, self.peak = pathlib.Path(tree), Cgroup(), False, 0
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="relevo-bench-", dir=place))
        self.queue, self.port = self.dir / "queue", free_port()
        self.make_directories()
        self.write_configuration(dict(main), door % self.port, master, processes)
        if start:
            self.start()

    def make_directories(self):
        self.dir.chmod(0o755)
        for name in ("etc", "log", "queue", "spool", "data", "meta"):
            (self.dir / name).mkdir()
        shutil.chown(self.dir / "data", "postfix")
        (self.dir / "spool").chmod(0o1777)

    def write_configuration(self, main, door, master, processes):
        libraries, programs = self.tree / "usr/lib/postfix", self.tree / "usr/sbin"
        shared, meta = any(libraries.glob("libpostfix-*.so")), self.tree / "etc/postfix"
        settings = {**MAIN, "queue_directory": self.queue, "data_directory": self.dir / "data", "command_directory": programs,
                    "daemon_directory": libraries / "sbin", "shlib_directory": libraries if shared else "no",
                    "meta_directory": meta if meta.exists() else self.dir / "meta", "sendmail_path": programs / "sendmail",
                    "mailq_path": programs / "sendmail", "newaliases_path": programs / "sendmail",
                    "maillog_file": self.dir / "log/mail.log", "maillog_file_prefixes": self.dir / "log", **main}
        self.write("etc/main.cf", "".join("%s = %s\n" % (k, str(v).replace("DIR", str(self.dir))) for k, v in settings.items()))
        self.write("etc/master.cf", door.replace("{processes}", str(processes)) + SERVICES + master)
        self.env = dict(os.environ, MAIL_CONFIG=str(self.dir / "etc"), LD_LIBRARY_PATH=str(libraries))

    def write(self, name, text):
        (self.dir / name).write_text(text)

    def command(self, name, *words, **how):
        return subprocess.run([str(self.tree / "usr/sbin" / name), *map(str, words)], env=self.env, preexec_fn=self.cgroup.enter,
                              check=how.pop("check", True), **how)

    def start(self):
        p = self.command("postfix", "start", check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        if p.returncode:
            raise Failure("postfix start: %s%s" % (p.stdout.decode(), self.log()[-2000:]))
        self.running = True
        wait_for(self.listens, "the SMTP port", 20)

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.running:
            self.running = False
            self.command("postfix", "stop", check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def log(self):
        return read(self.dir / "log/mail.log")

    def sent(self):
        return len(re.findall(r" status=sent ", self.log()))

    def count(self, queue):
        return sum(len(files) for _, _, files in os.walk(self.queue / queue))

    def drain(self):
        """Until nothing is in any queue; the time."""
        return wait_for(lambda: not any(map(self.count, QUEUES)), "an empty queue")

    def note_memory(self):
        self.peak = max(self.peak, self.cgroup.memory())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.cgroup.remove()
        shutil.rmtree(self.dir, ignore_errors=True)


class Meter:
    """CPU per thousand of something, from here to `figures`."""

    def __init__(self, suite):
        self.suite, self.before = suite, suite.cgroup.cpu()

    def figures(self, count, what="messages"):
        if not self.suite.cgroup.place:
            return {}
        user, system = (after - before for after, before in zip(self.suite.cgroup.cpu(), self.before))
        return {"CPU (s per 1000 %s)" % what: (user + system) * 1000 / count, "of that in the kernel": system * 1000 / count}
