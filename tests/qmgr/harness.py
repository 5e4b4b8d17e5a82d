"""A queue manager in a directory of its own, with delivery agents and log services played by threads.

Used by daemon_test.py: Qmgr(binary) starts the daemon on a listening socket (stand-alone mode) with a queue
directory below a temporary one; agents answer as the test says; everything they were asked is kept.
"""
import contextlib, os, shutil, socket, struct, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from wire import attrs, frame, record, size_record  # noqa: E402

QUEUES = "incoming active deferred hold corrupt bounce defer trace private public pid".split()


def split_lists(body):
    """The attribute lists in a frame: a list of dicts."""
    out, cur, words = [], {}, body.split(b"\0")
    i = 0
    while i < len(words) - 1:
        if words[i] == b"":
            out.append(cur)
            cur = {}
            i += 1
        else:
            cur[words[i].decode()] = words[i + 1].decode("latin-1")
            i += 2
    return out


def queue_file(sender="s@x.test", rcpts=("r@y.test",), extra=b"", before=b"", created=None, arrival=None, tail=b"",
               nrcpt=None, opts=0, warn=None, body="Subject: t\n\nhello"):
    """Bytes of a complete queue file."""
    arrival = int(arrival or time.time())
    env = record("T", "%d 250000" % arrival) + record("A", "create_time=%d" % (created or arrival))
    env += record("A", "log_ident=ID") + record("A", "rewrite_context=local") + record("S", sender)
    env += record("A", "client_name=host.test")
    if warn is not None:
        env += record("W", "%15d" % warn)
    env += before
    env += b"".join(record("O", r) + record("R", r) if isinstance(r, str) else b"".join(record(*x) for x in r) for r in rcpts)
    env += extra + record("M", "")
    content = b"".join(record("N", line) for line in body.split("\n"))
    size = size_record(len(content), 97 + len(env), nrcpt or len(rcpts), opts, len(body) + 1, 0)
    return size + env + content + record("X", "") + tail + record("E", "")


class Service(threading.Thread):
    """Listens on private/NAME.  `answer(request, recipients)` gives reply attributes, or a string:
    "close" (before the reply), "reset" (unread request).  For log services answer() gives the status."""

    def __init__(self, q, name, answer, kind="agent"):
        super().__init__(daemon=True)
        self.q, self.name_, self.answer, self.kind = q, name, answer, kind
        self.requests, self.connections, self.busy, self.peak = [], 0, 0, 0
        self.lock = threading.Lock()
        path = q.dir + "/private/" + name
        with contextlib.suppress(OSError):
            os.unlink(path)
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind(path)
        self.s.listen(200)
        self.start()

    def stop(self):
        self.s.close()
        os.unlink(self.q.dir + "/private/" + self.name_)

    def run(self):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def read(self, c, n):
        b = bytearray()
        while len(b) < n:
            d = c.recv(n - len(b))
            if not d:
                return None
            b += d
        return bytes(b)

    def serve(self, c):
        with c, contextlib.suppress(BrokenPipeError):  # who is too late is not waited for
            while True:
                head = self.read(c, 4)
                if head is None:
                    return
                body = self.read(c, struct.unpack("<I", head)[0])
                if body is None or not self.one(c, chr(body[0]), split_lists(body[1:])):
                    return

    def one(self, c, kind, lists):
        with self.lock:
            self.requests.append((kind, lists))
            self.busy += 1
            self.peak = max(self.peak, self.busy)
        try:
            if self.kind == "log":
                c.sendall(frame("S", attrs([("status", self.answer(kind, lists))])))
                return True
            got = self.answer(lists[0], lists[1:])
        finally:
            with self.lock:
                self.busy -= 1
        if got == "close":
            return False
        if isinstance(got, bytes):
            c.sendall(got)
            return True
        r = dict(result=0, site_reached=1, site_failed=0, dsn="", reason="", bounced=0, traced=0, unrecorded=0, keep=1, session=0)
        r.update(got or {})
        for rcpt in lists[1:] if not r["result"] else r.pop("mark", []):
            self.q.mark(lists[0]["queue_id"], int(rcpt["offset"]))
        r.pop("mark", None)
        c.sendall(frame("S", attrs(r.items())))
        return bool(r["keep"])


class Qmgr:
    def __init__(self, binary, **main):
        self.binary, self.main = binary, main
        self.dir = tempfile.mkdtemp(prefix="qmgr")
        self.conf = self.dir + "/etc"
        for d in QUEUES + ["etc", "data"]:
            os.makedirs(self.dir + "/" + d)
        self.proc, self.n = None, 0
        self.log = self.dir + "/log"

    def configure(self):
        main = dict(compatibility_level="3.6", queue_directory=self.dir, data_directory=self.dir + "/data",
                    mail_owner=self.user(), maillog_file=self.log, maillog_file_prefixes="/", myhostname="mx.home.test",
                    mydestination="home.test", transport_maps="inline:{}", alias_maps="", inet_interfaces="127.0.0.1",
                    relevo_sandbox="no", minimal_backoff_time="60", transport_retry_time="60", mynetworks="127.0.0.1/32")
        main["transport_maps"] = ""
        main.update(self.main)
        with open(self.conf + "/main.cf", "w") as f:
            f.writelines("%s = %s\n" % kv for kv in main.items())
        with open(self.conf + "/master.cf", "w") as f:
            f.write(self.main.get("_master", "smtp unix - - n - 30 smtp\n"))

    def user(self):
        import pwd
        return pwd.getpwuid(os.getuid()).pw_name

    def start(self):
        self.configure()
        self.listen = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):
            os.unlink(self.dir + "/public/qmgr")
        self.listen.bind(self.dir + "/public/qmgr")
        self.listen.listen(10)
        self.out = open(self.log, "ab")
        self.proc = subprocess.Popen([self.binary, "-S", "-n", "qmgr", "-t", "unix"], stdin=self.listen, stdout=self.out,
                                     stderr=self.out, env={"MAIL_CONFIG": self.conf, "PATH": "/usr/bin:/bin"}, cwd=self.dir)
        return self

    def stop(self):
        if self.proc:
            self.proc.terminate()
            self.proc.wait()
            self.proc = None
            self.listen.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()

    # ---- messages

    def put(self, data, queue="incoming", mode=0o700, name=None, mtime=None):
        self.n += 1
        name = name or "%05XABC" % self.n
        path = "%s/%s/%s%s" % (self.dir, queue, name[0] + "/" if queue == "deferred" else "", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".tmp", "wb") as f:
            f.write(data)
        os.chmod(path + ".tmp", mode)
        if mtime:
            os.utime(path + ".tmp", (mtime, mtime))
        os.rename(path + ".tmp", path)
        return name

    def notify(self, name):
        self.trigger("N" + name)

    def send(self, **kw):
        name = self.put(queue_file(**kw))
        self.notify(name)
        return name

    def trigger(self, what):
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.dir + "/public/qmgr")
        s.sendall(what.encode())
        s.close()

    def find(self, name):
        path = self.path(name)
        return os.path.relpath(path, self.dir).split("/")[0] if path else None

    def path(self, name):
        """None when it is nowhere: what moves back, from deferred to incoming, can escape one look, not a second."""
        for queue in ("incoming", "active", "deferred", "corrupt", "hold") * 2:
            for root, _, files in os.walk(self.dir + "/" + queue):
                if name in files:
                    return root + "/" + name
        return None

    def mark(self, name, offset):
        with open(self.dir + "/active/" + name, "r+b") as f:
            f.seek(offset)
            assert f.read(1) in b"RD", "offset %d of %s is no recipient" % (offset, name)
            f.seek(offset)
            f.write(b"D")

    # ---- looking

    def bytes_read(self):
        """By all system calls of the process."""
        with open("/proc/%d/io" % self.proc.pid) as f:
            return int(f.readline().split()[1])

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def wait(self, what, why="condition", timeout=60):
        end = time.time() + timeout
        while True:
            v = what()
            if v:
                return v
            if time.time() > end:
                raise AssertionError("timeout waiting for %s\n%s" % (why, self.text() if os.path.exists(self.log) else ""))
            if self.proc and self.proc.poll() is not None:
                raise AssertionError("qmgr ended with %s\n%s" % (self.proc.returncode, self.text()))
            time.sleep(0.01)

    def wait_log(self, text, count=1):
        return self.wait(lambda: self.text().count(text) >= count, "log line " + text)

    def wait_gone(self, *names):
        return self.wait(lambda: all(self.find(n) is None for n in names), "removal of %s" % (names,))
