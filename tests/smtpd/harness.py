"""smtpd by hand: the real binary with a client on a socket pair or on a listening socket, in a queue directory of its
own, with a cleanup service played by a thread."""
import os, pwd, shutil, socket, struct, subprocess, sys, tempfile, threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from wire import attrs, frame  # noqa: E402

FRAME_ID = "7A1B2C3D"
MAIN = dict(myhostname="mx.test", mydomain="test", mydestination="local.test", mynetworks="127.0.0.0/8", relay_domains="",
            inet_interfaces="loopback-only", inet_protocols="ipv4", compatibility_level="3.6", alias_maps="", alias_database="",
            local_recipient_maps="inline:{joe=x ann=x}", notify_classes="", smtpd_error_sleep_time="0", smtpd_peername_lookup="no",
            ipc_timeout="5s")


def take_records(data):
    """[(type, payload)]"""
    out, at = [], 0
    while at < len(data):
        kind, n, shift = chr(data[at]), 0, 0
        while True:
            at += 1
            n |= (data[at] & 0x7F) << shift
            shift += 7
            if not data[at] & 0x80:
                break
        out.append((kind, data[at + 1:at + 1 + n]))
        at += 1 + n
    return out


class Cleanup(threading.Thread):
    """Keeps each finished message as its list of records.  `die_after`: hang up after that many frames of records."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.messages, self.aborted, self.die_after, self.verdict = [], 0, None, dict(status=0, reason="", size=1, broken=0)
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind(path)
        self.s.listen(50)
        self.start()

    def run(self):
        while True:
            c, _ = self.s.accept()
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        f, data, frames = c.makefile("rwb"), b"", 0
        while len(head := f.read(4)) == 4:
            body = f.read(struct.unpack("<I", head)[0])
            kind, body = chr(body[0]), body[1:]
            if kind == "O":
                data, frames = b"", 0
                f.write(frame("I", attrs([("queue_id", FRAME_ID)])))
            elif kind == "R":
                data, frames = data + body, frames + 1
                if self.die_after is not None and frames >= self.die_after:
                    f.close()
                    c.shutdown(socket.SHUT_RDWR)
                    c.close()
                    return
            elif kind == "X":
                self.aborted += 1
            elif kind == "E":
                if self.verdict["status"] == 0:
                    self.messages.append(take_records(data))
                f.write(frame("V", attrs(self.verdict.items())))
            f.flush()


class Smtpd:
    """with Smtpd(binary, parameter=value...) as d: d.client() ..."""

    def __init__(self, binary, **main):
        self.binary, self.main = binary, dict(MAIN, **main)

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="smtpd-test-")
        os.chmod(self.dir, 0o755)
        for d in ("public", "private", "pid", "incoming", "conf"):
            os.mkdir(self.dir + "/" + d)
        with open(self.dir + "/conf/main.cf", "w") as f:
            f.write("queue_directory = %s\ndata_directory = %s\n" % (self.dir, self.dir))
            f.write("mail_owner = %s\n" % pwd.getpwuid(os.getuid()).pw_name)  # others would speak to postdrop
            f.writelines("%s = %s\n" % kv for kv in self.main.items())
        self.cleanup = Cleanup(self.dir + "/public/cleanup")
        self.procs = []
        return self

    def __exit__(self, *exc):
        for p in self.procs:
            if p.poll() is None:
                p.kill()
            p.wait()
        self.cleanup.s.close()
        shutil.rmtree(self.dir)

    def run(self, stdin, stdout, *options):
        err = open(self.dir + "/log", "ab")
        p = subprocess.Popen([self.binary, "-S", "-V", *options], stdin=stdin, stdout=stdout, stderr=err, cwd=self.dir,
                             env={"MAIL_CONFIG": self.dir + "/conf", "PATH": "/usr/bin:/bin", "TZ": "UTC",
                                  "ASAN_OPTIONS": "quarantine_size_mb=0:thread_local_quarantine_size_kb=0"})
        err.close()
        self.procs.append(p)
        return p

    def client(self, *options):
        """A client on a socket pair; self.proc is its server."""
        ours, theirs = socket.socketpair()
        self.proc = self.run(theirs, theirs, *options)
        theirs.close()
        ours.settimeout(20)
        return Client(ours)

    def listen(self, *options):
        """A server on a port of 127.0.0.1; connect() makes clients."""
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        s.listen(20)
        self.port = s.getsockname()[1]
        self.proc = self.run(s, subprocess.DEVNULL, *options)
        s.close()

    def hasty(self, said):
        """A client that has spoken before there is anybody to greet it."""
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        s.listen(20)
        client = Client(socket.create_connection(s.getsockname(), 20))
        client.send(said)
        self.proc = self.run(s, subprocess.DEVNULL)
        s.close()
        return client

    def connect(self):
        return Client(socket.create_connection(("127.0.0.1", self.port), 20))

    def log(self):
        return open(self.dir + "/log", errors="replace").read()


class Client:
    def __init__(self, s):
        self.s, self.f = s, s.makefile("rb")

    def reply(self):
        """The next reply, lines joined by LF; None at the end."""
        lines = []
        while True:
            line = self.f.readline()
            if not line:
                return None
            lines.append(line.decode("latin-1").rstrip("\r\n"))
            if line[3:4] != b"-":
                return "\n".join(lines)

    def send(self, text):
        self.s.sendall(text if isinstance(text, bytes) else text.encode("latin-1"))

    def __call__(self, command):
        self.send(command + "\r\n")
        return self.reply()

    def rest(self):
        """All that is still said.  A server that leaves before it has read all resets the connection; that is told once, and
        what it said can be read behind it."""
        said = b""
        while True:
            try:
                data = self.f.read1(65536)
            except ConnectionResetError:
                continue
            if not data:
                return said.decode("latin-1")
            said += data

    def close(self):
        self.f.close()
        self.s.close()
