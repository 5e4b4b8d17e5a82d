"""Scripted SMTP, LMTP and DNS servers on loopback addresses."""
import socket
import struct
import threading

DROP, HANG = object(), object()
GREETING = "220 sink.example.test ESMTP"
EHLO = ("PIPELINING", "SIZE 102400000", "8BITMIME", "DSN", "SMTPUTF8", "ENHANCEDSTATUSCODES")


class Close(Exception):
    pass


class Server:
    """tls: a context, for STARTTLS or (wrapper) from the first byte on.
    script: what to answer to greeting, EHLO, MAIL, RCPT, DATA, DOT, RSET, QUIT ...: a reply, bytes to send as they are,
    DROP, HANG, a function of the connection, a dictionary by recipient, or a list of these, one for each time."""

    def __init__(self, script=None, ehlo=EHLO, address="127.0.0.1", port=0, path=None, lmtp=False, content=None, tls=None, wrapper=False):
        self.script, self.ehlo, self.lmtp, self.content = dict(script or {}), ehlo, lmtp or bool(path), content
        self.tls, self.wrapper, self.secured, self.resumed = tls, wrapper, [], []
        self.commands, self.messages, self.sessions, self.ended = [], [], 0, threading.Semaphore(0)
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        if not path:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(path or (address, port))
        self.port = None if path else self.socket.getsockname()[1]
        self.socket.listen(20)
        threading.Thread(target=self.loop, daemon=True).start()

    @property
    def nexthop(self):
        return "[127.0.0.1]:%d" % self.port

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def loop(self):
        while True:
            try:
                c = self.socket.accept()[0]
            except OSError:
                return
            self.sessions += 1
            threading.Thread(target=self.client, args=(c,), daemon=True).start()

    def client(self, c):
        try:
            with c:
                self.talk(c)
        except (Close, OSError):
            pass
        self.ended.release()

    def say(self, c, key, default, which=None):
        value = self.script.get(key, default)
        if isinstance(value, list):
            value = value.pop(0) if len(value) > 1 else value[0]
        if isinstance(value, dict):
            value = value.get(which, default)
        if value is DROP:
            raise Close
        if value is HANG:
            while c.recv(4096):
                pass
            raise Close
        if callable(value):
            return value(c)
        c.sendall(value if isinstance(value, bytes) else value.replace("\n", "\r\n").encode() + b"\r\n")
        return str(value)

    def secure(self, c):
        c = self.tls.wrap_socket(c, server_side=True)
        self.secured.append(c.version())
        self.resumed.append(c.session_reused)
        return c

    def talk(self, c):
        if self.wrapper:
            c = self.secure(c)
        f = c.makefile("rb")
        rcpts = []
        self.say(c, "greeting", GREETING)
        while True:
            line = f.readline()
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.commands.append(text)
            verb = text.split(" ")[0].split(":")[0].upper()
            if verb in ("EHLO", "LHLO"):
                words = ("sink.example.test",) + tuple(self.ehlo)
                self.say(c, verb, "\n".join("250%s%s" % (" " if i == len(words) - 1 else "-", w) for i, w in enumerate(words)))
            elif verb == "RCPT":
                who = text[text.index("<") + 1:text.index(">")]
                if (self.say(c, "RCPT", "250 2.1.5 ok", who) or "").startswith("25"):
                    rcpts.append(who)
            elif verb == "DATA":
                if (self.say(c, "DATA", "354 go ahead") or "").startswith("354"):
                    self.read_content(c, f, rcpts)
                rcpts = []
            elif verb == "STARTTLS" and self.tls:
                if (self.say(c, "STARTTLS", "220 2.0.0 ready") or "").startswith("220"):
                    c = self.secure(c)
                    f = c.makefile("rb")
            elif verb == "QUIT":
                self.say(c, "QUIT", "221 2.0.0 bye")
                return
            else:
                if verb == "RSET":
                    rcpts = []
                self.say(c, verb, "250 2.0.0 ok")

    def read_content(self, c, f, rcpts):
        if self.content:
            return self.content(c, f)
        data = b""
        while True:
            line = f.readline()
            if not line:
                raise Close
            if line == b".\r\n":
                break
            data += line
        self.messages.append(data.decode("latin-1"))
        for who in rcpts if self.lmtp else rcpts[:1] or [None]:
            self.say(c, "DOT", "250 2.0.0 queued as X1", who)


TYPES = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "TLSA": 52}


def name(text):
    out = b""
    for label in text.rstrip(".").split("."):
        if label:
            raw = label.encode("latin-1")
            out += bytes([len(raw)]) + raw
    return out + b"\0"


def rdata(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        return struct.pack(">H", value[0]) + name(value[1])
    if kind == "TXT":
        return bytes([len(value)]) + value.encode()
    if kind == "TLSA":
        return bytes(value[:3]) + value[3]
    if kind == "SRV":
        return struct.pack(">HHH", *value[:3]) + name(value[3])
    return name(value)


class Dns:
    """zone: {(name, type): [values], or "NXDOMAIN", "SERVFAIL", "REFUSED", "SILENT", bytes: the answer section}.
    A name whose records are in `big` is answered completely by TCP only.  `secure`: names whose answers the resolver vouches for."""
    CODES = {"SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}

    def __init__(self, zone, big=(), address="127.0.0.1"):
        self.zone, self.big, self.queries, self.secure = zone, big, [], set()
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        udp.bind((address, 53))
        tcp.bind((address, 53))
        tcp.listen(5)
        threading.Thread(target=self.serve_udp, args=(udp,), daemon=True).start()
        threading.Thread(target=self.serve_tcp, args=(tcp,), daemon=True).start()

    def serve_udp(self, s):
        while True:
            packet, peer = s.recvfrom(4096)
            out = self.answer(packet, False)
            if out:
                s.sendto(out, peer)

    def serve_tcp(self, s):
        while True:
            c = s.accept()[0]
            with c:
                head = c.recv(2)
                out = self.answer(c.recv(struct.unpack(">H", head)[0]), True)
                c.sendall(struct.pack(">H", len(out)) + out)

    def answer(self, packet, tcp):
        at, labels = 12, []
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
            at += 1 + packet[at]
        host, number = ".".join(labels).lower(), struct.unpack(">H", packet[at + 1:at + 3])[0]
        kind = [k for k, v in TYPES.items() if v == number][0]
        question = packet[12:at + 5]
        asked = host
        self.queries.append((host, kind, "tcp" if tcp else "udp"))
        found, chain, code = self.zone.get((host, kind)), [], 0
        while found is None and (host, "CNAME") in self.zone and len(chain) < 20:
            target = self.zone[(host, "CNAME")]
            chain.append((host, "CNAME", target))
            host = target
            found = self.zone.get((host, kind))
        if found == "SILENT":
            return None
        if isinstance(found, str):
            code, found = self.CODES[found], []
        if found is None:
            code, found = (0 if any(k[0] == host for k in self.zone) else 3), []
        if isinstance(found, bytes):
            return packet[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + question + found
        truncated = host in self.big and not tcp
        records = chain + [(host, kind, v) for v in ([] if truncated else found)]
        body = b"".join(name(h) + struct.pack(">HHIH", TYPES[k], 1, 60, len(rdata(k, v))) + rdata(k, v) for h, k, v in records)
        opt = packet[at + 5:] if packet[at + 5:at + 8] == b"\0\0\x29" else b""
        vouched = asked in self.secure and (packet[3] & 0x20 or opt[7:8] == b"\x80")
        flags = 0x8180 | code | (0x200 if truncated else 0) | (0x20 if vouched else 0)
        return packet[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 1 if opt else 0) + question + body + opt
