"""What the system tests share: namespaces, an installed mail system in them, clients and small servers.

A test program is started outside with the build directory as its argument.  It makes an install tree in a temporary
directory and starts itself again in namespaces of its own, where the tree is laid over /usr and users, configuration
and queue are made.  The machine outside stays as it is.  Exit status 77: this system lacks what the tests need."""
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # wire.py

NAME = "mail.example.test"
DOMAIN = "example.test"
ETC = "/etc/postfix"
QUEUE = "/var/spool/postfix"
LOG = "/var/log/mail.log"
HOMES = "/var/home"
REPORTS = "/var/log/sanitizer.log"  # tests/system/sanitizer.c writes there
USERS = {"enrique": 21001, "paco": 21002, "ana": 21003, "luis": 21004}
MAIL_UID, DROP_GID = 20001, 20002
SANITIZED = bool(os.environ.get("SANITIZER_REPORTS"))  # the programs look for faults of memory, and take their time
PATIENCE = 360 if SANITIZED else 90  # seconds: only a failing test waits that long
RELOAD_S = 3
TESTS = []


class Skip(Exception):
    """The test cannot run here; the text says why."""


class OutOfTime(BaseException):
    """ctest would end the test now, and nobody would see the log."""


def test(fn):
    TESTS.append(fn)
    return fn


def until(what, fn, limit=PATIENCE):
    """Wait until fn() is true and return its value."""
    end = time.monotonic() + limit
    while True:
        value = fn()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited in vain for: " + what)
        time.sleep(0.02)


def contents(path):
    """A file's text, "" when there is none; latin-1, so that every byte survives."""
    try:
        with open(path, encoding="latin-1", newline="") as f:
            return f.read()
    except FileNotFoundError:
        return ""


# ---------------------------------------------------------------- namespaces

def mount(*words):
    subprocess.run(["mount", *words], check=True)


def tmpfs(where, mode="755"):
    os.makedirs(where, exist_ok=True)
    mount("-t", "tmpfs", "-o", "mode=" + mode, "tmpfs", where)


def write(path, text, mode=0o644, owner=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="latin-1", newline="") as f:
        f.write(text)
    os.chmod(path, mode)
    if owner is not None:
        os.chown(path, owner, owner)


def make_users():
    """Users and groups in this namespace's /etc; what the machine has under these names is not used."""
    people = {"postfix": (MAIL_UID, QUEUE), "vmail": (21900, "/var/vmail"),
              **{u: (uid, HOMES + "/" + u) for u, uid in USERS.items()}}
    for name in ("passwd", "group"):
        lines = [line for line in contents("/etc/" + name).splitlines(True)
                 if line.split(":")[0] not in (*people, "postdrop", "root")]
        for user, (uid, home) in people.items():
            lines.append("%s:x:%d:%d::%s:/bin/sh\n" % (user, uid, uid, home) if name == "passwd"
                         else "%s:x:%d:\n" % (user, uid))
        lines.append("root:x:0:0::%s/root:/bin/sh\n" % HOMES if name == "passwd"
                     else "postdrop:x:%d:\nroot:x:0:\n" % DROP_GID)
        write("/etc/" + name, "".join(lines))
    for user, (uid, home) in people.items():
        if user != "postfix":
            os.makedirs(home)
            os.chown(home, uid, uid)
    os.makedirs(HOMES + "/root", mode=0o700)


def furnish(tree, work, hostname=NAME, queue=None):
    """Make this mount namespace a machine on which `tree` is installed.  `queue`: a directory to use as the queue."""
    mount("--make-rprivate", "/")
    box = work + "/box"
    tmpfs(box)
    for d in ("usr", "etc"):
        lower = "/" + d
        if os.path.isdir(os.path.join(tree, d)):
            lower = os.path.join(tree, d) + ":" + lower
        for part in ("upper", "work"):
            os.makedirs("%s/%s-%s" % (box, part, d))
        mount("-t", "overlay", "overlay", "-o", "lowerdir=%s,upperdir=%s/upper-%s,workdir=%s/work-%s" % (lower, box, d, box, d),
              "/" + d)
    tmpfs("/var")
    for where, mode in ((HOMES, 0o755), ("/var/mail", 0o1777), ("/var/tmp", 0o1777), ("/var/log", 0o755), ("/var/lib/postfix", 0o700)):
        os.makedirs(where)
        os.chmod(where, mode)
    os.symlink("/run", "/var/run")
    if SANITIZED:
        write(REPORTS, "")
        mount("--bind", os.environ["SANITIZER_REPORTS"], REPORTS)
    if queue is None:
        tmpfs(QUEUE)
    else:
        os.makedirs(QUEUE)
        mount("--bind", queue, QUEUE)
    os.symlink("../mail", "/var/spool/mail")
    make_users()
    write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.0.1 %s\n" % NAME)
    write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\naliases: files\n")
    write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    subprocess.run(["hostname", hostname.split(".")[0]], check=True)


def loopback():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def act_as_init(child=None):
    """Collect dead processes as pid 1 has to; end with the status of `child` when there is one."""
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            time.sleep(0.2)
            continue
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 255)


# ---------------------------------------------------------------- a host with the mail system

MAIN_CF = {
    "compatibility_level": "3.12", "queue_directory": QUEUE, "command_directory": "/usr/sbin",
    "daemon_directory": "/usr/lib/postfix/sbin", "data_directory": "/var/lib/postfix", "maillog_file": LOG,
    "myhostname": NAME, "mydomain": DOMAIN, "myorigin": "$mydomain",
    "mydestination": "$myhostname, localhost, $mydomain", "inet_protocols": "ipv4", "mynetworks": "127.0.0.0/8",
    "alias_maps": "hash:/etc/aliases", "alias_database": "hash:/etc/aliases", "biff": "no",
    "smtp_tls_security_level": "", "in_flow_delay": "0",
}


class Host:
    """The machine the test runs on, or (root, enter) one in namespaces beside it."""

    def __init__(self, root="", enter=()):
        self.root, self.enter = root, list(enter)

    def path(self, name):
        return self.root + name

    def write(self, name, text, **how):
        write(self.path(name), text, **how)

    def run(self, *command, text=None, check=True, user=None):
        """Run a command to its end.  Files, not pipes: a daemon may inherit them."""
        words = self.enter + list(command)
        mark = len(self.log()) if command == ("postfix", "reload") else None
        who = {} if user is None else {"user": USERS[user], "group": USERS[user], "extra_groups": [],
                                       "cwd": "/", "env": {**os.environ, "HOME": HOMES + "/" + user, "USER": user, "LOGNAME": user}}
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as feed:
            feed.write((text or "").encode("latin-1"))
            feed.seek(0)
            p = subprocess.run(words, stdin=feed, stdout=out, stderr=err, timeout=PATIENCE, **who)
            for f, name in ((out, "stdout"), (err, "stderr")):
                f.seek(0)
                setattr(p, name, f.read().decode("latin-1"))
        assert not check or p.returncode == 0, (words, p.returncode, p.stdout[-500:], p.stderr[-500:])
        if mark is not None and p.returncode == 0:
            self.wait_reload(mark)
        return p

    def wait_reload(self, mark):
        """master reads the configuration a moment after the command has ended, and says so (where the log is the usual one)."""
        end = time.monotonic() + RELOAD_S
        while "postfix/master[" not in self.log()[mark:] and time.monotonic() < end:
            time.sleep(0.01)

    def configure(self, main=None, master="", aliases="postmaster: root\n"):
        """Write the configuration: the stock master.cf, what differs, and the queue's directories."""
        settings = {**MAIN_CF, **(main or {})}
        self.write(ETC + "/main.cf", "".join("%s = %s\n" % kv for kv in settings.items() if kv[1] is not None))
        self.write(ETC + "/master.cf", contents(self.path("/usr/share/postfix/master.cf.proto")) + master)
        self.write("/etc/aliases", aliases)
        self.set_permissions()
        self.run("newaliases")

    def set_permissions(self):
        self.run("postfix", "set-permissions")

    def start(self):
        mark = len(self.log())
        self.run("postfix", "start")
        until("master to start", lambda: "daemon started" in self.log()[mark:])

    def stop(self):
        self.run("postfix", "stop")

    def restart(self, **configuration):
        if self.is_running():
            self.stop()
        self.configure(**configuration)
        self.start()

    def is_running(self):
        return self.run("postfix", "status", check=False).returncode == 0

    def log(self):
        return contents(self.path(LOG))

    def wait_log(self, pattern, start=0):
        """Wait for a line (a regular expression); returns the match."""
        return until("log line " + pattern, lambda: re.search(pattern, self.log()[start:], re.M))

    def queue(self):
        """What `postqueue -j` tells, by queue id."""
        return {m["queue_id"]: m for m in map(json.loads, self.run("postqueue", "-j").stdout.splitlines())}

    def wait_in(self, name, qid):
        return until("%s in %s" % (qid, name), lambda: self.queue().get(qid, {}).get("queue_name") == name)

    def wait_empty(self, limit=PATIENCE):
        until("an empty queue", lambda: not self.queue(), limit)

    def mailbox(self, user):
        return contents(self.path("/var/mail/" + user))

    def wait_mail(self, user, text):
        """Wait until the user's mailbox has `text`; returns the whole mailbox."""
        return until("%r for %s" % (text, user), lambda: text in self.mailbox(user) and self.mailbox(user))

    def master(self):
        return int(contents(self.path(QUEUE + "/pid/master.pid")))

    def daemons(self):
        """{pid: program name} of master's children (only on the host the test runs on)."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            stat = re.match(r"\d+ \((.*)\) (\S) (\d+)", contents_of_proc(pid, "stat"))
            if stat and int(stat[3]) == self.master() and stat[2] != "Z":
                found[int(pid)] = stat[1]
        return found

    def pid_of(self, program):
        return until("a process of " + program,
                     lambda: [pid for pid, name in self.daemons().items() if name == program])[0]


def contents_of_proc(pid, name):
    try:
        return contents("/proc/%s/%s" % (pid, name))
    except ProcessLookupError:
        return ""


def proc_status(pid, field):
    found = re.search(r"^%s:[ \t]*(.*?)[ \t]*$" % field, contents_of_proc(pid, "status"), re.M)
    return found[1] if found else None


def other_host(tree, work, hostname, queue=None, own_network=True):
    """A host in namespaces beside this one; its pid 1 ends with the test."""
    spec = json.dumps([tree, work, hostname, queue, own_network])
    p = subprocess.Popen(["unshare", "-m", "-p", "-u", *(["-n"] if own_network else []), "-f", "--mount-proc", "--kill-child",
                          sys.executable, os.path.abspath(__file__), "--host", spec], stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n", "namespaces for %s" % hostname
    pid = contents("/proc/%d/task/%d/children" % (p.pid, p.pid)).split()[0]
    host = Host("/proc/%s/root" % pid, ["nsenter", "-t", pid, "-m", "-p", "-u", *(["-n"] if own_network else []), "--"])
    host.init = int(pid)
    return host


def be_host(spec):
    tree, work, hostname, queue, own_network = json.loads(spec)
    furnish(tree, work, hostname, queue)
    if own_network:
        loopback()
    print("ready", flush=True)
    act_as_init()


# ---------------------------------------------------------------- clients and servers

class Smtp:
    """A client that speaks line by line, as a person with telnet does."""

    def __init__(self, port=25, address="127.0.0.1", timeout=PATIENCE):
        self.sock = socket.create_connection((address, port), timeout)
        self.file = self.sock.makefile("rb")
        self.banner = self.reply()

    def raw(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def reply(self):
        lines = []
        while True:
            line = self.file.readline().decode("latin-1")
            if not line.endswith("\r\n"):
                raise EOFError("the server has closed the connection")
            lines.append(line[:-2])
            if line[3:4] != "-":
                return "\n".join(lines)

    def __call__(self, line):
        self.raw(line + "\r\n")
        return self.reply()

    def expect(self, line, code):
        reply = self(line)
        assert reply.startswith(str(code)), (line, reply)
        return reply

    def mail(self, sender, recipients, text, parameters=""):
        """One message after EHLO; returns the final reply."""
        self.expect("MAIL FROM:<%s>%s" % (sender, parameters), 250)
        for r in recipients:
            self.expect("RCPT TO:<%s>" % r, 250)
        self.expect("DATA", 354)
        self.raw(re.sub("^\\.", "..", text, flags=re.M).replace("\n", "\r\n") + "\r\n.\r\n")
        return self.reply()

    def close(self):
        self.file.close()
        self.sock.close()


def send(recipients, text="Subject: test\n\ntest", sender="enrique@" + DOMAIN, port=25, parameters=""):
    """Send one message by SMTP; returns its queue id."""
    c = Smtp(port)
    c.expect("EHLO client.test", 250)
    reply = c.mail(sender, [recipients] if isinstance(recipients, str) else recipients, text, parameters)
    c.close()
    found = re.fullmatch(r"250 2\.0\.0 Ok: queued as (\w+)", reply)
    assert found, reply
    return found[1]


class Sink(socketserver.ThreadingTCPServer):
    """An SMTP server that keeps what it gets in `messages`: (sender, recipients, data).  `refuse`: recipients' answers."""
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, address="127.0.0.1", refuse=None):
        self.messages, self.refuse, self.lock = [], refuse or {}, threading.Lock()
        super().__init__((address, port), SinkSession)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def received(self, recipient):
        with self.lock:
            return [m for m in self.messages if recipient in m[1]]

    def close(self):
        self.shutdown()
        self.server_close()


class SinkSession(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode("latin-1") + b"\r\n")

    def handle(self):
        with contextlib.suppress(OSError):
            self.talk()

    def talk(self):
        sender, recipients = None, []
        self.say("220 sink.test ESMTP")
        for line in self.rfile:
            verb, argument = line[:4].upper(), line.decode("latin-1").strip()
            address = re.search("<(.*?)>", argument)
            if verb == b"EHLO":
                self.say("250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES")
            elif verb == b"MAIL":
                sender, recipients = address[1], []
                self.say("250 2.1.0 ok")
            elif verb == b"RCPT":
                answer = self.server.refuse.get(address[1], "250 2.1.5 ok")
                if answer.startswith("250"):
                    recipients.append(address[1])
                self.say(answer)
            elif verb == b"DATA":
                if not recipients:
                    self.say("554 5.5.1 no recipients")
                    continue
                self.say("354 go on")
                data = []
                for part in self.rfile:
                    if part == b".\r\n":
                        break
                    data.append(part[1:] if part.startswith(b".") else part)
                else:
                    return
                with self.server.lock:
                    self.server.messages.append((sender, recipients, b"".join(data)))
                self.say("250 2.0.0 kept")
            elif verb == b"QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                self.say("250 2.0.0 ok")


class Dns(threading.Thread):
    """A scripted name server: records {(name, type): [values]}, an MX value is "preference host".  A name with the
    type SERVFAIL gets that answer to every question, with SERVFAIL-MX to questions for that type."""
    TYPES = {1: "A", 2: "NS", 5: "CNAME", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV"}
    NUMBERS = {name: number for number, name in TYPES.items()}

    def __init__(self, address, records):
        super().__init__(daemon=True)
        self.records = records
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, 53))
        self.start()

    def run(self):
        while True:
            query, client = self.sock.recvfrom(2000)
            self.sock.sendto(self.answer(query), client)

    @staticmethod
    def encode(name):
        return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"

    def data(self, kind, value):
        if kind in ("A", "AAAA"):
            return socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, value)
        if kind == "TXT":
            return b"".join(bytes([len(part)]) + part.encode() for part in re.findall(".{1,255}", value))
        *numbers, name = value.split()
        return struct.pack("!%dH" % len(numbers), *map(int, numbers)) + self.encode(name)

    def lookup(self, name, kind):
        """Records of the answer: (name, type, value), aliases first."""
        if (name, "CNAME") in self.records and kind != "CNAME":
            target = self.records[name, "CNAME"][0]
            return [(name, "CNAME", target)] + self.lookup(target, kind)
        return [(name, kind, value) for value in self.records.get((name, kind), [])]

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += query[at] + 1
        name, kind = ".".join(labels), self.TYPES.get(struct.unpack_from("!H", query, at + 1)[0], "")
        known = any(n == name or n.endswith("." + name) for n, _ in self.records)
        failing = (name, "SERVFAIL") in self.records or (name, "SERVFAIL-" + kind) in self.records
        answers = [] if failing else self.lookup(name, kind)
        body = b""
        for owner, kind, value in answers:
            data = self.data(kind, value)
            body += self.encode(owner) + struct.pack("!HHIH", self.NUMBERS[kind], 1, 60, len(data)) + data
        flags = 0x8582 if failing else 0x8580 if known else 0x8583
        return query[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0) + query[12:at + 5] + body


# ---------------------------------------------------------------- sanitizers

def is_sanitized(build):
    return "RELEVO_SANITIZE:BOOL=ON" in contents(build + "/CMakeCache.txt")


def where_in_source(module, offsets):
    """{offset: function and line}, as far as there is a program that knows."""
    program = next(filter(shutil.which, ("addr2line", "llvm-addr2line", "llvm-addr2line-14")), None)
    if program is None or not os.path.exists(module):
        return {}
    told = subprocess.run([program, "-fpe", module, *offsets], capture_output=True, text=True).stdout.splitlines()
    return dict(zip(offsets, told))


def readable(report):
    """A report with functions and lines instead of offsets; the programs could not look them up in their jail."""
    places = {}
    for module, offset in re.findall(r"\((/[^()+]+)\+(0x[0-9a-f]+)\)", report):
        places.setdefault(module, []).append(offset)
    for module, offsets in places.items():
        for offset, where in where_in_source(module, offsets).items():
            report = report.replace("(%s+%s)" % (module, offset), "%s (%s)" % (where, os.path.basename(module)))
    return report


def new_reports():
    """What sanitizers have reported since the last call, by any program on any host of this test."""
    text = ""
    if not SANITIZED:
        return text
    for path in glob.glob(REPORTS + "*"):  # master(8) makes a file of its own beside the common one
        text += contents(path)
        os.truncate(path, 0)
    return readable(text)


# ---------------------------------------------------------------- running

def print_logs():
    print("--- the log's end:\n" + "\n".join(contents(LOG).splitlines()[-40:]))


def run_tests(argument):
    failed = 0
    for fn in TESTS:
        started = time.monotonic()
        try:
            fn(argument)
            result = "ok"
        except Skip as reason:
            result = "skipped: %s" % reason
        except Exception:
            result = "FAILED"
            print(traceback.format_exc())
        reports = new_reports()
        if reports:
            result = "FAILED"
            print("--- reports of sanitizers:\n" + reports)
        if result == "FAILED":
            failed += 1
            print_logs()
        print("%-6s %5.1fs %s" % (result, time.monotonic() - started, fn.__name__.replace("_", " ")), flush=True)
    return 1 if failed else 0


def watch_the_clock():
    def give_up(*_):
        raise OutOfTime("this test program is not done after %s seconds" % os.environ["TEST_SECONDS"])
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(int(os.environ.get("TEST_SECONDS", 0)))


def inside(tree, work, prepare):
    """In the namespaces, as pid 1: a child does the tests."""
    child = os.fork()
    if child:
        act_as_init(child)
    status = 1
    try:
        watch_the_clock()
        mount("--make-rprivate", "/")
        loopback()
        argument = prepare(tree, work)
        status = run_tests(argument)
    except Skip as reason:
        print("skipped: %s" % reason)
        status = 77
    except BaseException:
        traceback.print_exc()
        print_logs()
    late = new_reports()
    if late:
        status = 1
        print("--- reports of sanitizers at the end:\n" + late)
    sys.stdout.flush()
    os._exit(status)


def cannot_run():
    if os.getuid() != 0:
        return "these tests make namespaces and users, which needs root"
    p = subprocess.run(["unshare", "-n", "-m", "-p", "-u", "-f", "--mount-proc", "true"], capture_output=True, text=True)
    if p.returncode:
        return "no namespaces here: " + p.stderr.strip()
    return None


def outside(build):
    work = tempfile.mkdtemp(prefix="relevo-system-", dir="/tmp")
    try:
        p = subprocess.run(["cmake", "--install", build], env={**os.environ, "DESTDIR": work + "/tree"},
                           capture_output=True, text=True)
        assert p.returncode == 0, p.stdout + p.stderr
        os.chmod(work, 0o755)
        if is_sanitized(build):
            os.environ["SANITIZER_REPORTS"] = work + "/sanitizer.log"
            write(os.environ["SANITIZER_REPORTS"], "", 0o666)
        return subprocess.run(["unshare", "-n", "-m", "-p", "-u", "-f", "--mount-proc", "--kill-child", sys.executable,
                               os.path.abspath(sys.argv[0]), "--inside", work + "/tree", work, *sys.argv[2:]]).returncode
    finally:
        shutil.rmtree(work, ignore_errors=True)


def one_host(tree, work):
    furnish(tree, work)
    host = Host()
    host.configure()
    host.start()
    return host


def main(prepare=one_host, fetch=None):
    """prepare(tree, work) makes what each test gets as its argument.  fetch(build) runs outside before, with the
    machine's network; what it returns is in the environment as FETCHED."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if sys.argv[1] == "--inside":
        names = sys.argv[4:]
        TESTS[:] = [t for t in TESTS if not names or t.__name__ in names]
        inside(sys.argv[2], sys.argv[3], prepare)
    reason = cannot_run()
    if reason:
        print("skipped: " + reason)
        sys.exit(77)
    try:
        os.environ["FETCHED"] = fetch(sys.argv[1]) if fetch else ""
    except Skip as reason:
        print("skipped: %s" % reason)
        sys.exit(77)
    sys.exit(outside(sys.argv[1]))


if __name__ == "__main__" and sys.argv[1:2] == ["--host"]:
    be_host(sys.argv[2])
