"""Run cleanup(8) by itself on a queue directory under /tmp and submit messages to it.

The client side of lib/ipc/messages/cleanup.h in a few lines, a reader of queue files, and stand-ins for the
services that cleanup talks to (qmgr's notification socket, bounce, trace)."""
import os, shutil, socket, struct, subprocess, sys, tempfile, threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from wire import attrs, frame, record  # noqa: E402

HOST = "mx.example.com"
VERDICTS = ["OK", "BAD", "WRITE", "SIZE", "CONTENT", "HOPS", "NO_RCPT", "DEFER", "REPLY", "SPACE"]
BOUNCE, FILTER, HOLD, DISCARD, BCC_OK, MAP_OK, UTF8_AUTO, MILTER = (1 << i for i in range(8))
EXTERNAL = FILTER | BCC_OK | MAP_OK


def rec(kind, payload=b""):
    return record(kind, payload.encode() if isinstance(payload, str) else payload)


def attr(name, value):
    return rec("A", "%s=%s" % (name, value))


def records(data):
    """[(type, payload, offset)] of a queue file without pointers."""
    out, i = [], 0
    while i < len(data):
        at, kind, n, shift = i, chr(data[i]), 0, 0
        i += 1
        while True:
            byte = data[i]
            i += 1
            n |= (byte & 0x7F) << shift
            shift += 7
            if byte < 128:
                break
        assert i + n <= len(data), "truncated record at %d" % at
        out.append((kind, data[i:i + n], at))
        i += n
    return out


def envelope(sender, *recipients, extra=()):
    """What a front end sends: T, attributes, S, recipients (a string, or records in front of one)."""
    out = rec("T", "1795290872 727590") + attr("rewrite_context", "local") + rec("S", sender)
    out += b"".join(extra)
    for r in recipients:
        out += r if isinstance(r, bytes) else rec("R", r)
    return out


def content(text):
    """Message text (LF line ends) as records, with the markers around it."""
    text = text.encode("latin-1") if isinstance(text, str) else text
    lines = text.split(b"\n")
    if lines and lines[-1] == b"":
        lines.pop()
    return rec("M") + b"".join(rec("N", line) for line in lines) + rec("X")


def parse_attrs(body):
    parts = body.split(b"\0")
    return {parts[i].decode(): parts[i + 1].decode("latin-1") for i in range(0, len(parts) - 2, 2)}


class Channel:
    def __init__(self, sock):
        self.sock, self.data = sock, b""

    def send(self, *frames):
        self.sock.sendall(b"".join(frames))

    def receive(self):
        while True:
            if len(self.data) >= 4:
                n = struct.unpack("<I", self.data[:4])[0]
                if len(self.data) >= 4 + n:
                    kind, body = chr(self.data[4]), self.data[5:4 + n]
                    self.data = self.data[4 + n:]
                    return kind, body
            more = self.sock.recv(65536)
            if not more:
                raise EOFError("cleanup closed the connection")
            self.data += more


class Verdict:
    def __init__(self, qid, body):
        v = parse_attrs(body)
        self.qid, self.status = qid, VERDICTS[int(v["status"])]
        self.reason, self.size = v["reason"], int(v["size"])


class Peer(threading.Thread):
    """A bounce or trace service that remembers what it was told."""

    def __init__(self, path, queue, status=0):
        super().__init__(daemon=True)
        self.queue, self.status, self.requests = queue, status, []
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(path)
        self.sock.listen(5)
        os.chmod(path, 0o666)
        self.start()

    def run(self):
        while True:
            ch = Channel(self.sock.accept()[0])
            try:
                while True:
                    kind, body = ch.receive()
                    request = parse_attrs(body)
                    if "queue_name" in request: # the file must be readable now
                        path = os.path.join(self.queue, request["queue_name"], request["queue_id"])
                        request["file"] = records(open(path, "rb").read())
                    self.requests.append((kind, request))
                    ch.send(frame("S", attrs(status=self.status)))
            except (EOFError, OSError):
                pass


class Cleanup:
    def __init__(self, program, files=None, **settings):
        self.dir = tempfile.mkdtemp(prefix="relevo-cleanup-", dir="/tmp")
        self.queue = os.path.join(self.dir, "queue")
        for name in ("incoming", "active", "deferred", "hold", "corrupt", "trace", "public", "private"):
            os.makedirs(os.path.join(self.queue, name))
        conf = {"queue_directory": self.queue, "myhostname": HOST, "mydomain": "example.com", "mydestination": HOST,
                "compatibility_level": "3.11", "mail_owner": "nobody", "inet_interfaces": "127.0.0.1",
                "inet_protocols": "ipv4", "local_recipient_maps": "", "alias_maps": "", "relevo_sandbox": "no", "max_use": "1000000"}
        conf.update(settings)
        for name, text in (files or {}).items(): # tables; a setting names them as DIR/name
            with open(os.path.join(self.dir, name), "w") as f:
                f.write(text)
        conf = {k: v.replace("DIR", self.dir) for k, v in conf.items()}
        with open(os.path.join(self.dir, "main.cf"), "w") as f:
            f.write("".join("%s = %s\n" % kv for kv in conf.items()))
        self.program = program
        self.notices = socket.socket(socket.AF_UNIX)
        self.notices.bind(self.queue + "/public/qmgr")
        self.notices.listen(1000)
        self.notices.setblocking(False)
        self.bounce = Peer(self.queue + "/private/bounce", self.queue)
        self.trace = Peer(self.queue + "/private/trace", self.queue)
        self.channel = None
        self.start()

    def start(self, wrapper=(), env=None):
        self.listener = socket.socket(socket.AF_UNIX)
        self.address = self.queue + "/public/cleanup"
        if os.path.exists(self.address):
            os.unlink(self.address)
        self.listener.bind(self.address)
        self.listener.listen(50)
        self.log = open(os.path.join(self.dir, "log"), "a+b")
        self.process = subprocess.Popen(
            [*wrapper, self.program, "-n", "cleanup", "-t", "unix", "-S", "-V"], stdin=self.listener, stdout=subprocess.DEVNULL,
            stderr=self.log, cwd=self.queue, env={**os.environ, "MAIL_CONFIG": self.dir, "TZ": "UTC", **(env or {})})
        self.listener.close()

    def connect(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(20)
        sock.connect(self.address)
        self.channel = Channel(sock)
        return self.channel

    def open(self, flags=EXTERNAL, sendopts=0):
        ch = self.channel or self.connect()
        ch.send(frame("O", attrs(flags=flags, sendopts=sendopts)))
        kind, body = ch.receive()
        assert kind == "I", kind
        return parse_attrs(body)["queue_id"]

    def submit(self, data, flags=EXTERNAL, sendopts=0, piece=None):
        """Records (bytes) as one frame, or in frames of `piece` records."""
        qid = self.open(flags, sendopts)
        if piece:
            whole = records(data)
            ends = [at for _, _, at in whole[piece::piece]] + [len(data)]
            start = 0
            for end in ends:
                self.channel.send(frame("R", data[start:end]))
                start = end
        else:
            self.channel.send(frame("R", data))
        self.channel.send(frame("E"))
        kind, body = self.channel.receive()
        assert kind == "V", kind
        return Verdict(qid, body)

    def message(self, env, text, extracted=b"", **kw):
        return self.submit(env + content(text) + extracted + rec("E"), **kw)

    def path(self, qid, queue="incoming"):
        return os.path.join(self.queue, queue, qid)

    def file(self, qid, queue="incoming"):
        with open(self.path(qid, queue), "rb") as f:
            return f.read()

    def records(self, qid, queue="incoming"):
        """Without the seal, which every file has."""
        return [(k, p.decode("latin-1")) for k, p, _ in records(self.file(qid, queue)) if not p.startswith(b"relevo_seal=")]

    def text(self, qid, queue="incoming"):
        """Message content as text."""
        out, on = "", False
        for kind, payload in self.records(qid, queue):
            if kind == "X":
                break
            if on and kind in "NL":
                out += payload + ("\n" if kind == "N" else "")
            on = on or kind == "M"
        return out

    def files(self, queue="incoming"):
        return sorted(os.listdir(os.path.join(self.queue, queue)))

    def log_text(self):
        self.log.flush()
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def notified(self):
        out = []
        while True:
            try:
                sock, _ = self.notices.accept()
                with sock:
                    out.append(sock.recv(300).decode().removeprefix("N"))
            except BlockingIOError:
                return out

    def close(self):
        if self.channel:
            self.channel.sock.close()
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.notices.close()
        shutil.rmtree(self.dir)
