"""Clients and servers at the ends of a mail system.  What they cost is not counted as its cost."""
import contextlib
import multiprocessing
import os
import re
import selectors
import socket
import ssl
import subprocess
import tempfile
import time

from suite import Failure, wait_for

TEXT = b"Subject: bench\r\n\r\n" + (b"X" * 62 + b"\r\n") * 64 + b".\r\n"
SENDER, REMOTE = "sender@origin.example", "user@remote.example"


class Tools:
    """smtp-source and smtp-sink of one tree, for all sides."""

    def __init__(self, tree):
        self.tree = str(tree)
        self.env = dict(os.environ, LD_LIBRARY_PATH=self.tree + "/usr/lib/postfix")

    def words(self, name, *words):
        return [self.tree + "/usr/sbin/" + name, *map(str, words)]

    def source(self, port, count, size=4096, sessions=20, recipient=REMOTE, options=()):
        """Send, and wait for the end; seconds."""
        begin = time.monotonic()
        subprocess.run(self.words("smtp-source", *options, "-s", min(sessions, count), "-l", size, "-m", count, "-f", SENDER, "-t",
                                  recipient, "127.0.0.1:%d" % port), env=self.env, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - begin

    @contextlib.contextmanager
    def sink(self, port, *options):
        """A server that takes everything; yields a function that tells how many messages it has."""
        shm = "/dev/shm" if os.path.isdir("/dev/shm") else None
        with tempfile.TemporaryFile(dir=shm) as out:
            p = subprocess.Popen(self.words("smtp-sink", "-u", "postfix", "-c", *options, "-m", 2000, "127.0.0.1:%d" % port, 2000),
                                 stdout=out, stderr=subprocess.DEVNULL, env=self.env)

            def count():
                size = os.fstat(out.fileno()).st_size
                found = re.findall(rb"mesg=\s*(\d+)", os.pread(out.fileno(), 400, max(0, size - 400)))
                return int(found[-1]) if found else 0
            try:
                wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "smtp-sink", 10)
                yield count
            finally:
                p.kill()
                p.wait()


# ---- by TLS ----

def make_certificate(directory):
    """KEY and CERT in `directory`."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=bench.example", "-keyout", directory + "/key", "-out", directory + "/cert"], check=True, stderr=subprocess.DEVNULL)


def talk(s, data, code):
    if data:
        s.sendall(data)
    reply = b""
    while not re.search(rb"^\d{3} .*\r\n\Z", reply, re.M):
        more = s.recv(4096)
        if not more:
            raise Failure("the server has closed the connection")
        reply += more
    if not reply.startswith(code):
        raise Failure("the server says %r" % reply)


def transaction(port, people):
    """One message to all of them, spoken by hand."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        talk(s, b"", b"220")
        talk(s, b"EHLO client.example\r\n", b"250")
        talk(s, b"MAIL FROM:<%s>\r\n" % SENDER.encode(), b"250")
        for person in people:
            talk(s, b"RCPT TO:<%s>\r\n" % person.encode(), b"250")
        talk(s, b"DATA\r\n", b"354")
        talk(s, TEXT, b"250")


def deliver_by_tls(port, count):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", port))
        talk(s, b"", b"220")
        talk(s, b"EHLO client.example\r\n", b"250")
        talk(s, b"STARTTLS\r\n", b"220")
        with context.wrap_socket(s) as s:
            talk(s, b"EHLO client.example\r\n", b"250")
            talk(s, b"MAIL FROM:<%s>\r\n" % SENDER.encode(), b"250")
            talk(s, b"RCPT TO:<%s>\r\n" % REMOTE.encode(), b"250")
            talk(s, b"DATA\r\n", b"354")
            talk(s, TEXT, b"250")
            talk(s, b"QUIT\r\n", b"221")


def in_parallel(function, port, count, workers=4):
    """`count` messages by `workers` processes; seconds."""
    begin = time.monotonic()
    share = [count // workers + (i < count % workers) for i in range(workers)]
    crew = [multiprocessing.Process(target=function, args=(port, n)) for n in share if n]
    for p in crew:
        p.start()
    for p in crew:
        p.join()
    if any(p.exitcode for p in crew):
        raise Failure("a client has failed")
    return time.monotonic() - begin


@contextlib.contextmanager
def tls_sink(port, certificates, workers=20):
    """A server that takes everything by STARTTLS; yields a function that tells how many messages it has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates + "/cert", certificates + "/key")
    taken = multiprocessing.Value("l", 0)
    with socket.create_server(("127.0.0.1", port), backlog=200) as listener:
        crew = [multiprocessing.Process(target=serve_lines, args=(listener, context, taken), daemon=True) for _ in range(workers)]
        for p in crew:
            p.start()
        try:
            yield lambda: taken.value
        finally:
            for p in crew:
                p.kill()
                p.join()


def serve_lines(listener, context, taken):
    """makefile() reads ahead, so after STARTTLS a new one is made: the loop over lines begins again."""
    while True:
        s, _ = listener.accept()
        with contextlib.suppress(OSError, ValueError):
            s.sendall(b"220 sink.example ESMTP\r\n")
            while converse(s, taken):
                s = context.wrap_socket(s, server_side=True)
        with contextlib.suppress(OSError):
            s.close()


def converse(s, taken):
    """True: the client wants TLS now."""
    offer = b"" if isinstance(s, ssl.SSLSocket) else b"250-STARTTLS\r\n"
    answers = {b"EHLO": b"250-sink.example\r\n250-PIPELINING\r\n" + offer + b"250 8BITMIME\r\n", b"DATA": b"354 go\r\n",
               b"STAR": b"220 go\r\n", b"QUIT": b"221 bye\r\n"}
    lines = s.makefile("rb")
    for line in lines:
        word = line[:4].upper()
        s.sendall(answers.get(word, b"250 ok\r\n"))
        if word == b"STAR":
            return True
        if word == b"QUIT":
            return False
        if word == b"DATA":
            while lines.readline() not in (b".\r\n", b""):
                pass
            with taken.get_lock():
                taken.value += 1
            s.sendall(b"250 kept\r\n")
    return False


# ---- many connections ----

def connect_all(port, count):
    """`count` connections at once, all greeted; (seconds, sockets)."""
    selector, sockets, begin = selectors.DefaultSelector(), [], time.monotonic()
    for _ in range(count):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", port))
        selector.register(s, selectors.EVENT_READ)
        sockets.append(s)
    greeted = 0
    while greeted < count:
        ready = selector.select(60)
        if not ready:
            raise Failure("only %d of %d clients are greeted" % (greeted, count))
        for key, _ in ready:
            if not key.fileobj.recv(200).startswith(b"220"):
                raise Failure("a client is not greeted")
            selector.unregister(key.fileobj)
            greeted += 1
    return time.monotonic() - begin, sockets


def knock(port, count, code, at_once=20):
    """`count` clients, `at_once` at a time, that wait for the first reply (`code`) and go; seconds."""
    selector, begin, started, done = selectors.DefaultSelector(), time.monotonic(), 0, 0
    while done < count:
        while started < count and started - done < at_once:
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
            selector.register(s, selectors.EVENT_READ)
            started += 1
        for key, _ in selector.select(60) or [(None, 0)]:
            if key is None:
                raise Failure("a client waits in vain")
            reply = key.fileobj.recv(400)
            if reply and not reply.startswith(code):
                raise Failure("a client hears %r" % reply)
            if not reply:
                raise Failure("a client hears nothing")
            selector.unregister(key.fileobj)
            key.fileobj.close()
            done += 1
    return time.monotonic() - begin
