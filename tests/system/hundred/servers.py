"""Scripted SMTP servers, one for each row of a table, in one thread: who listens, what it says, what it got.

A Kind is what a server does.  Each hook is a reply ("" is said as it stands, without a line end when it has one already),
one of CLOSE, RESET, NOTHING, a list of these, or a function (session, argument) that returns such a value; None is what
an honest server does."""
import collections
import dataclasses
import email
import heapq
import re
import select
import socket
import struct
import time
import zlib

CLOSE, RESET, NOTHING, STALL, FLOOD, DRIP = (object() for _ in range(6))
PORT = 25


@dataclasses.dataclass
class Kind:
    ends: str                       # what may become of a recipient: some of "sent bounced expired"
    why: str = "."                  # the reason that log and report give when it is not "sent"
    listens: bool = True
    greeting: object = None
    ehlo: object = None
    helo: object = None
    extensions: tuple = ("PIPELINING", "SIZE 20480000", "8BITMIME", "ENHANCEDSTATUSCODES")
    mail: object = None
    rcpt: object = None
    data: object = None
    dot: object = None              # after the content; "250..." means that the server has taken it
    rset: object = None
    quit: object = None
    pause: float = 0                # seconds before each reply
    first_line_only: bool = False   # of what comes in one packet: PIPELINING was a lie
    starves: bool = True            # no attempt reaches the site, so attempts are few
    moody: bool = False             # a recipient without luck expires


class Loop:
    def __init__(self):
        self.poll, self.watched, self.timers, self.serial = select.epoll(), {}, [], 0

    def watch(self, sock, fn):
        self.watched[sock.fileno()] = fn
        self.poll.register(sock.fileno(), select.EPOLLIN)

    def forget(self, sock):
        self.poll.unregister(sock.fileno())
        del self.watched[sock.fileno()]

    def later(self, seconds, fn):
        self.serial += 1
        heapq.heappush(self.timers, (time.monotonic() + seconds, self.serial, fn))

    def turn(self):
        wait = max(0, self.timers[0][0] - time.monotonic()) if self.timers else 1
        events = self.poll.poll(min(wait, 1), 4096)
        # Ends of connections before new ones: who closes one and opens another has never two.
        for listening in (False, True):
            for fd, _ in events:
                fn = self.watched.get(fd)
                if fn is not None and getattr(fn, "listening", False) == listening:
                    fn()
        while self.timers and self.timers[0][0] <= time.monotonic():
            heapq.heappop(self.timers)[2]()


class Server:
    def __init__(self, loop, name, address, kind):
        self.loop, self.name, self.address, self.kind = loop, name, address, kind
        self.open, self.seen = set(), {}
        self.clear()
        if kind.listens:
            self.sock = socket.socket()
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((address, PORT))
            self.sock.listen(512)
            self.sock.setblocking(False)
            accept = lambda: self.accept()  # noqa: E731 (a bound method cannot carry the mark)
            accept.listening = True
            loop.watch(self.sock, accept)

    def clear(self):
        self.connections, self.most, self.peaks = 0, len(self.open), []
        self.taken = []  # (recipients, number of the message, whole, 8-bit bytes in it)
        self.reports = []  # text of messages from <>
        self.seen.clear()

    def accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except BlockingIOError:
                return
            self.connections += 1
            for other in list(self.open):
                other.on_input()
            Session(self, sock)
            self.most = max(self.most, len(self.open))
            self.peaks.append((time.time(), len(self.open)))

    def take(self, sender, recipients, text):
        number = re.search(rb"^Subject: number (\d+)\r?$", text, re.M)
        number = int(number[1]) if number else None
        whole = number is not None and re.search(rb"^end of %d\.\r?$" % number, text, re.M) is not None
        self.taken.append((recipients, number, whole, any(c > 127 for c in text)))
        if sender == "":
            self.reports.append(text.decode("latin-1"))


class Session:
    """One connection."""

    def __init__(self, server, sock):
        self.server, self.kind, self.sock, self.loop = server, server.kind, sock, server.loop
        self.inbox, self.content, self.busy_until, self.ended, self.deaf = b"", None, 0, False, False
        self.sender, self.recipients, self.transactions = None, [], 0
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.loop.watch(sock, self.on_input)
        server.open.add(self)
        self.obey(self.ask("greeting", None, "220 %s ESMTP" % server.name))

    # ---- ends and output

    def end(self, reset=False):
        if self.ended:
            return
        self.ended = True
        self.loop.forget(self.sock)
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        self.server.open.discard(self)

    def send(self, data):
        if self.ended:
            return
        try:
            self.sock.send(data)
        except BlockingIOError:
            pass
        except OSError:
            self.end()

    def act(self, value):
        if self.ended or value is NOTHING:
            return
        if value is CLOSE:
            self.end()
        elif value is RESET:
            self.end(reset=True)
        elif value is STALL:
            self.deaf = True
        elif value is FLOOD:
            self.send(b"250-and more\r\n" * 500)
            self.loop.later(0.01, lambda: self.act(FLOOD))
        elif value is DRIP:
            self.send(b"250-and more\r\n")
            self.loop.later(0.3, lambda: self.act(DRIP))
        elif isinstance(value, list):
            for v in value:
                self.act(v)
        elif isinstance(value, bytes):
            self.send(value)
        else:
            self.send(value.encode("latin-1") + b"\r\n")

    def obey(self, value):
        if not self.kind.pause:
            self.act(value)
            return
        now = time.monotonic()
        self.busy_until = max(self.busy_until, now) + self.kind.pause
        self.loop.later(self.busy_until - now, lambda: self.act(value))

    def ask(self, hook, argument, honest):
        value = getattr(self.kind, hook)
        if callable(value):
            value = value(self, argument)
        return honest if value is None else value

    def count(self, key):
        """How often this was asked before, by whichever connection."""
        self.server.seen[key] = self.server.seen.get(key, 0) + 1
        return self.server.seen[key] - 1

    # ---- input

    def on_input(self):
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.end()
        elif not self.deaf:
            self.inbox += data
            self.take_input()

    def take_input(self):
        while not self.ended and self.inbox and not self.deaf:
            if self.content is not None:
                if not self.take_content():
                    return
                continue
            line, newline, rest = self.inbox.partition(b"\n")
            if not newline:
                return
            self.inbox = b"" if self.kind.first_line_only else rest
            self.command(line.rstrip(b"\r").decode("latin-1"))

    def take_content(self):
        text = b"\r\n" + self.inbox
        at = text.find(b"\r\n.\r\n")
        if at < 0:
            return False
        content, self.inbox, self.content = text[2:at + 2], text[at + 5:], None
        reply = self.ask("dot", content, "250 2.0.0 kept")
        first = reply[0] if isinstance(reply, list) else reply
        if isinstance(first, str) and first.startswith("250"):
            self.server.take(self.sender, self.recipients, re.sub(rb"(?m)^\.", b"", content))
        self.sender, self.recipients = None, []
        self.transactions += 1
        self.obey(reply)
        return True

    def command(self, line):
        verb = line[:4].upper()
        address = re.search("<(.*?)>", line)
        if verb == "EHLO":
            lines = [self.server.name, *self.kind.extensions]
            honest = "\r\n".join("250%s%s" % ("-" if i < len(lines) - 1 else " ", x) for i, x in enumerate(lines))
            self.obey(self.ask("ehlo", line, honest))
        elif verb == "HELO":
            self.obey(self.ask("helo", line, "250 " + self.server.name))
        elif verb == "MAIL":
            self.sender, self.recipients = address[1], []
            self.obey(self.ask("mail", line, "250 2.1.0 ok"))
        elif verb == "RCPT":
            reply = self.ask("rcpt", address[1], "250 2.1.5 ok")
            if isinstance(reply, str) and reply.startswith("250"):
                self.recipients.append(address[1])
            self.obey(reply)
        elif verb == "DATA":
            reply = self.ask("data", line, "354 go on" if self.recipients else "554 5.5.1 no recipients")
            first = reply[0] if isinstance(reply, list) else reply
            if isinstance(first, str) and first.startswith("354"):
                self.content = b""
            self.obey(reply)
        elif verb == "RSET":
            self.sender, self.recipients = None, []
            self.obey(self.ask("rset", line, "250 2.0.0 ok"))
        elif verb == "QUIT":
            self.server.open.discard(self)  # the client is done with it, however slow the goodbye
            self.obey(self.ask("quit", line, ["221 2.0.0 bye", CLOSE]))
        else:
            self.obey("502 5.5.2 what?")


# ---------------------------------------------------------------- what they do

def share(text, out_of):
    return zlib.crc32(text.encode()) % out_of


def some(out_of, reply):
    """The same recipients each time."""
    return lambda session, address: reply if share(address, out_of) == 0 else None


def at_first(times, reply):
    """So often for each recipient."""
    return lambda session, address: reply if session.count(address) < times else None


def every(n, reply):
    return lambda session, argument: reply if session.count("every") % n == n - 1 else None


def greylist(session, address):
    key = (session.sender, address)
    first = session.server.seen.setdefault(key, time.monotonic())
    return "451 4.7.1 greylisted, come back later" if time.monotonic() - first < 3 else None


def only(n, reply):
    return lambda session, address: reply if len(session.recipients) >= n else None


LOST = "lost connection with|conversation with .* timed out|server dropped connection|[Cc]onnection (reset|timed out)|[Ss]erver error|protocol error"
SUSPENDED = "|delivery temporarily suspended"
HONEST = dict(ends="sent", starves=False)
NEVER = dict(ends="expired", starves=False)
DEAD = dict(ends="expired")
REFUSED = dict(ends="bounced", starves=False)

KINDS = {
    "good": (30, Kind(**HONEST)),
    "slow": (4, Kind(pause=0.05, **HONEST)),
    "tardy": (1, Kind(pause=0.4, **HONEST)),
    "plain": (3, Kind(ehlo="502 5.5.2 no such command", **HONEST)),
    "ascii": (2, Kind(extensions=("PIPELINING",), **HONEST)),
    "single": (2, Kind(extensions=("8BITMIME",), **HONEST)),
    "greylisting": (3, Kind(rcpt=greylist, moody=True, **HONEST)),
    "once-busy": (2, Kind(rcpt=at_first(1, "450 4.2.0 busy"), **HONEST)),
    "few": (2, Kind(rcpt=only(3, "452 4.5.3 too many recipients"), **HONEST)),
    "flaky": (2, Kind(greeting=every(3, "421 4.3.2 not now"), moody=True, **HONEST)),
    "shaky": (2, Kind(greeting=every(4, RESET), moody=True, **HONEST)),
    "full-house": (2, Kind(rcpt=every(7, ["421 4.3.2 closing", CLOSE]), moody=True, **HONEST)),
    "once": (2, Kind(dot=["250 2.0.0 kept", CLOSE], **HONEST)),
    "tired": (2, Kind(rset=["421 4.3.2 closing", CLOSE], quit=RESET, mail=lambda s, _: CLOSE if s.transactions else None, **HONEST)),
    "wordy": (1, Kind(greeting="220-a word\r\n" * 50 + "220 more", ehlo="250-x\r\n250-PIPELINING\r\n250-" + "A" * 5000 + "\r\n250 8BITMIME",
                      dot="250-a\r\n250-b\x01\x1b[31m\r\n250 2.0.0 kept", **HONEST)),
    "picky": (4, Kind(rcpt=some(3, "550 5.1.1 nobody of that name"), ends="sent bounced", why="550 5.1.1 nobody", starves=False)),
    "strict": (2, Kind(rcpt=some(2, "450 4.2.2 mailbox full"), ends="sent expired", why="450 4.2.2 mailbox full" + SUSPENDED, starves=False)),
    "closed": (2, Kind(rcpt="550 5.7.1 no relaying", why="550 5.7.1 no relaying", **REFUSED)),
    "full": (2, Kind(rcpt="452 4.2.2 full", why="452 4.2.2 full", **NEVER)),
    "unwilling": (2, Kind(mail="550 5.7.1 not you", why="550 5.7.1 not you", **REFUSED)),
    "sulking": (1, Kind(mail="451 4.3.0 later", why="451 4.3.0 later", **NEVER)),
    "spooked": (2, Kind(data="554 5.7.1 spam", why="554 5.7.1 spam", **REFUSED)),
    "no-data": (1, Kind(data="250 2.0.0 what for", why="what for|" + LOST, **REFUSED)),
    "too-big": (2, Kind(dot="552 5.3.4 too big", why="552 5.3.4 too big", **REFUSED)),
    "undecided": (1, Kind(dot="451 4.3.0 perhaps later", why="perhaps later", **NEVER)),
    "more": (1, Kind(dot="354 and more?", why="and more|" + LOST, **REFUSED)),
    "tiny": (2, Kind(extensions=("PIPELINING", "SIZE 100", "8BITMIME"), why="size limit 100", **REFUSED)),
    "tls-only": (2, Kind(mail="530 5.7.0 Must issue a STARTTLS command first", why="530 5.7.0 Must issue", **REFUSED)),
    "deny": (2, Kind(ehlo="550 5.7.1 not you", helo="550 5.7.1 not you", why="refused to talk to me: 550 5.7.1", **REFUSED)),
    "away": (2, Kind(greeting="554 5.3.2 closed for good", why="refused to talk to me: 554", **DEAD)),
    "busy": (2, Kind(greeting=["421 4.3.2 busy", CLOSE], why="refused to talk to me: 421", **DEAD)),
    "refusing": (4, Kind(listens=False, why="Connection refused", **DEAD)),
    "silent": (2, Kind(greeting=NOTHING, why="timed out while receiving the initial server greeting", **DEAD)),
    "slammed": (2, Kind(greeting=CLOSE, why=LOST, **DEAD)),
    "reset": (1, Kind(greeting=RESET, why=LOST, **DEAD)),
    "wrapped": (1, Kind(greeting=b"\x15\x03\x01\x00\x02\x02\x28" * 3, why=LOST, **DEAD)),
    "gibberish": (1, Kind(greeting=b"\xff\xfe hello\r\n\x00\x00\r\nwho are you\r\n", why=LOST, **DEAD)),
    "odd-code": (1, Kind(greeting="999 hello", why="999 hello", **REFUSED)),
    "torrent": (1, Kind(ehlo=FLOOD, why=LOST, **DEAD)),
    "trickle": (1, Kind(ehlo=DRIP, why=LOST, **DEAD)),
    "pipe-liar": (2, Kind(first_line_only=True, why=LOST, **NEVER)),
    "double": (1, Kind(mail="250 2.1.0 ok\r\n250 2.1.0 ok", why=".", ends="bounced expired", starves=False)),
    "dropper": (2, Kind(dot=CLOSE, why=LOST, **NEVER)),
    "breaker": (1, Kind(data=["354 go on", CLOSE], why=LOST, **NEVER)),
    "deaf": (1, Kind(data=["354 go on", STALL], why=LOST, **NEVER)),
    "asleep": (1, Kind(dot=NOTHING, why=LOST, **NEVER)),
    "mirror": (1, Kind(greeting="220 mail.example.test ESMTP", **HONEST)),
}


class Census(collections.namedtuple("Census", "name kind connections most peaks taken reports")):
    """What a server has seen."""


def census(server, kind_name):
    return Census(server.name, kind_name, server.connections, server.most, server.peaks, server.taken, server.reports)


def report_id(text):
    """The queue id under which the sending host had this message."""
    message = email.message_from_string(text)
    found = re.search(r"\bid (\w+)", (message.get_all("Received") or [""])[0])
    return found[1] if found else None
