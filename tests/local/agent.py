"""A delivery agent under test: scripted queue manager, bounce and cleanup services, users of its own.

enter() puts the test into private mount and network namespaces, where /etc/passwd has the test's users."""
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from wire import attrs, frame, record  # noqa: E402

USERS = ["enrique", "paco", "ana", "luis"]
FIRST_UID = 4000
SKIP = 77
REQUEST = """flags queue_name queue_id offset size nexthop encoding sendopts sender envelope_id ret_flags arrival_sec
arrival_usec active_sec active_usec client_name client_address client_port protocol_name helo_name log_client_name
log_client_address log_client_port log_protocol_name log_helo_name log_ident sasl_method sasl_username sasl_sender
rewrite_context""".split()
NUMBERS = set("flags offset size sendopts ret_flags arrival_sec arrival_usec active_sec active_usec".split())


def enter():
    if os.environ.get("AGENT_TEST_INSIDE"):
        return
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        sys.exit(SKIP)
    script = """mount --make-rprivate / && ip link set lo up && mount -t tmpfs -o mode=755 tmpfs /home || exit 77
grep -v '^postfix:' /etc/passwd >/home/.p; grep -Ev '^(postfix|postdrop):' /etc/group >/home/.g
echo 'postfix:x:990:990::/:/bin/false' >>/home/.p; printf 'postfix:x:990:\\npostdrop:x:991:\\n' >>/home/.g
i=%d; for u in %s; do echo "$u:x:$i:$i::/home/$u:/bin/sh" >>/home/.p; echo "$u:x:$i:" >>/home/.g
mkdir /home/$u; chown $i:$i /home/$u; i=$((i+1)); done
mount --bind /home/.p /etc/passwd && mount --bind /home/.g /etc/group || exit 77
exec "$@\"""" % (FIRST_UID, " ".join(USERS))
    env = dict(os.environ, AGENT_TEST_INSIDE="1")
    sys.exit(subprocess.call(["unshare", "-n", "-m", "bash", "-c", script, "bash", sys.executable] + sys.argv, env=env))


def ask(s, request, path):
    """A delivery request brings the queue file with it."""
    fd = os.open(path, os.O_RDWR)
    try:
        sent = socket.send_fds(s, [request], [fd])
        s.sendall(request[sent:])
    finally:
        os.close(fd)


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            return None
        data += piece
    return data


def receive(s):
    head = read_exactly(s, 4)
    if head is None:
        return None
    body = read_exactly(s, struct.unpack("<I", head)[0])
    return body[:1], body[1:]


def parse(body):
    words = body.split(b"\0")
    out = {}
    for k, v in zip(words[0::2], words[1::2]):
        if not k:
            break
        out[k.decode()] = v.decode("latin-1")
    return out


def write(path, text, owner=None, mode=None):
    with open(path, "w") as f:
        f.write(text)
    if owner:
        os.chown(path, pwd.getpwnam(owner).pw_uid, pwd.getpwnam(owner).pw_gid)
    if mode is not None:
        os.chmod(path, mode)
    return path


def read(path):
    with open(path, encoding="latin-1") as f:
        return f.read()


class Agent:
    """One queue directory with its services; start() adds agents."""

    def __init__(self, main, aliases=""):
        self.root = tempfile.mkdtemp(prefix="agent-test.")
        os.chmod(self.root, 0o755)
        self.queue, self.mail, self.log = self.root + "/q", self.root + "/mail", self.root + "/log"
        for d in ("active", "private", "public"):
            os.makedirs(self.queue + "/" + d)
        os.makedirs(self.root + "/etc")
        os.mkdir(self.mail)
        os.chmod(self.mail, 0o1777)
        self.records, self.messages, self.processes, self.named, self.count = [], [], [], {}, 0
        for service in ("bounce", "defer", "trace"):
            self.serve("private/" + service, self.log_service(service))
        self.serve("public/cleanup", self.cleanup)
        conf = dict(queue_directory=self.queue, myhostname="mail.example.test", mydomain="example.test", myorigin="$mydomain",
                    mydestination="$myhostname, localhost, $mydomain", mail_spool_directory=self.mail, biff="no",
                    alias_maps="texthash:" + write(self.root + "/aliases", aliases), compatibility_level="3.6",
                    maillog_file=self.log, maillog_file_prefixes="/tmp", default_database_type="texthash",
                    inet_interfaces="127.0.0.1", mynetworks="127.0.0.1/32", transport_maps="", deliver_lock_attempts="1")
        conf.update(main)
        write(self.root + "/etc/main.cf", "".join("%s = %s\n" % kv for kv in conf.items()))

    def serve(self, path, answer):
        s = socket.socket(socket.AF_UNIX)
        s.bind(self.queue + "/" + path)
        s.listen(10)

        def client(c):
            with c:
                answer(c)

        def loop():
            while True:
                threading.Thread(target=client, args=(s.accept()[0],), daemon=True).start()
        threading.Thread(target=loop, daemon=True).start()

    def log_service(self, name):
        def answer(c):
            while True:
                got = receive(c)
                if got is None:
                    return
                self.records.append((name, parse(got[1])))
                c.sendall(frame(b"S", attrs([("status", 0)])))
        return answer

    def cleanup(self, c):
        text = b""
        while True:
            got = receive(c)
            if got is None:
                return
            if got[0] == b"O":
                text = b""
                c.sendall(frame(b"I", attrs([("queue_id", "NEW%d" % len(self.messages))])))
            elif got[0] == b"R":
                text += got[1]
            elif got[0] == b"E":
                self.messages.append(text)
                c.sendall(frame(b"V", attrs([("status", 0), ("reason", ""), ("size", 1), ("broken", 0)])))

    def start(self, binary, name, args=()):
        s = socket.socket(socket.AF_UNIX)
        s.bind(self.queue + "/private/" + name)
        s.listen(10)
        env = dict(os.environ, MAIL_CONFIG=self.root + "/etc")
        self.named[name] = subprocess.Popen([binary, "-S", "-n", name, "-t", "unix"] + list(args), stdin=s,
                                            stdout=subprocess.DEVNULL, cwd=self.queue, env=env)
        self.processes.append(self.named[name])
        s.close()
        return self

    def stop(self):
        for p in self.processes:
            p.terminate()
            p.wait()
        shutil.rmtree(self.root)

    def deliver(self, name, rcpts, body="Subject: x\n\nhello\n", sender="s@remote.test", nexthop="mail.example.test", flags=1,
                notify=0, shift=0, leave=False, **more):
        """(marks in the queue file, reply, log lines without time, queue id and delays).  `leave`: who asks is gone when the agent
        comes to the request, and another message follows."""
        self.count += 1
        qid = "ABC%03d" % self.count
        data, offsets = record("C", " " * 95) + record("S", sender), []
        for r in rcpts:
            offsets.append(len(data))
            data += record("R", r)
        data += record("M")
        start = len(data)
        data += b"".join(record("N", line) for line in body.split("\n")[:-1]) + record("X") + record("E")
        path = self.queue + "/active/" + qid
        with open(path, "wb") as f:
            f.write(data)
        os.chown(path, 990, 990)
        os.chmod(path, 0o700)
        now = int(time.time())
        values = dict(flags=flags, queue_name="active", queue_id=qid, offset=start, size=len(body), nexthop=nexthop, sender=sender,
                      arrival_sec=now, active_sec=now, **more)
        msg = attrs([(k, values.get(k, 0 if k in NUMBERS else "")) for k in REQUEST])
        for r, o in zip(rcpts, offsets):
            msg += attrs([("recipient", r), ("original_recipient", r), ("dsn_orig_rcpt", ""), ("notify_flags", notify), ("offset", o + shift)])
        before = len(read(self.log)) if os.path.exists(self.log) else 0
        with socket.socket(socket.AF_UNIX) as c:
            c.settimeout(60)
            c.connect(self.queue + "/private/" + name)
            if leave:
                self.named[name].send_signal(signal.SIGSTOP)
            ask(c, frame(b"D", msg), path)
            got = None if leave else receive(c)
        if leave:
            self.named[name].send_signal(signal.SIGCONT)
            self.deliver(name, rcpts)
        with open(path, "rb") as f:
            after = f.read()
        os.unlink(path)
        self.altered = [i for i in range(max(len(data), len(after))) if data[i:i + 1] != after[i:i + 1]]
        return "".join(chr(after[o]) for o in offsets), parse(got[1]) if got else None, self.lines(before, qid)

    def lines(self, start, qid):
        out = []
        for line in read(self.log)[start:].splitlines():
            text = line.split("]: ", 1)[-1]
            text = text.replace(qid + ": ", "")
            if ", delay=" in text:
                head, tail = text.split(", delay=", 1)
                head += "".join(", " + x for x in tail.split(", dsn=")[0].split(", ") if x.startswith("tls="))
                text = head + ", dsn=" + tail.split(", dsn=")[1]
            out.append(text)
        return out
