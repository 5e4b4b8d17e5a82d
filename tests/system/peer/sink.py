"""A scripted SMTP or LMTP server that remembers what it was told.

A script is a list of lines "WHEN: REPLY"; WHEN is greeting, ehlo, helo, lhlo, mail, rcpt, data, dot, rset, quit, or a
verb and an argument to look for ("rcpt paco").  REPLY may hold "\\n" between lines and "\\xNN" for any byte; "close"
closes the connection without a reply, "REPLY close" after it; "hang" says nothing and waits until the client gives
up, "REPLY hang" after it.  What no line speaks of is accepted."""
import contextlib
import os
import re
import socket
import socketserver
import threading

EHLO = "250-sink.test\\n250-PIPELINING\\n250-SIZE 10240000\\n250-8BITMIME\\n250-ENHANCEDSTATUSCODES\\n250-DSN\\n250 SMTPUTF8"
DEFAULT = {"greeting": "220 sink.test ESMTP", "ehlo": EHLO, "lhlo": EHLO, "helo": "250 sink.test", "mail": "250 2.1.0 ok",
           "rcpt": "250 2.1.5 ok", "data": "354 go on", "dot": "250 2.0.0 kept", "rset": "250 2.0.0 ok", "quit": "221 2.0.0 bye"}


class Sink(socketserver.ThreadingTCPServer):
    """Listens on PORT of 127.0.0.1, on ADDRESS:PORT, or on the UNIX socket /PATH."""
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, where):
        self.script, self.sessions, self.lock, self.lmtp = [], [], threading.Lock(), False
        address, _, port = where.rpartition(":")
        if where.startswith("/"):
            self.address_family = socket.AF_UNIX
        elif ":" in address:
            self.address_family = socket.AF_INET6
        super().__init__(where if where.startswith("/") else (address or "127.0.0.1", int(port)), Talk)
        if where.startswith("/"):
            os.chmod(where, 0o666)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def play(self, lines, lmtp=False):
        self.script = [tuple(line.split(": ", 1)) for line in lines]
        self.lmtp = lmtp

    def reply(self, verb, argument=""):
        for when, reply in self.script:
            words = when.lower().split(" ", 1)
            if words[0] == verb and (len(words) == 1 or words[1] in argument.lower()):
                return reply
        return DEFAULT.get(verb, "500 5.5.2 what?")

    def take(self):
        """What was heard since the last time, one list of lines for each connection."""
        with self.lock:
            heard, self.sessions = self.sessions, []
        return heard


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        self.heard = []
        with self.server.lock:
            self.server.sessions.append(self.heard)
        with contextlib.suppress(OSError, EOFError):
            self.talk()

    def say(self, verb, argument=""):
        reply = self.server.reply(verb, argument)
        text, end = re.fullmatch("(.*?)(?:(?:^| )(close|hang))?", reply).groups()
        if text:
            text = re.sub(r"\\x(..)", lambda m: chr(int(m[1], 16)), text.replace("\\n", "\r\n"))
            self.wfile.write(text.encode("latin-1") + b"\r\n")
        if end == "hang":
            while self.rfile.read1(4096):
                pass
        if end:
            raise EOFError
        return text

    def talk(self):
        accepted = []
        self.say("greeting")
        for line in self.rfile:
            line = line.decode("latin-1").rstrip("\r\n")
            self.heard.append(line)
            verb, _, argument = line.partition(" ")
            verb = verb.lower()
            reply = self.say(verb, argument)
            if verb in ("mail", "rset"):
                accepted = []
            elif verb == "rcpt" and reply.startswith("2"):
                accepted.append(argument)
            elif verb == "data" and reply.startswith("3"):
                self.content()
                for recipient in accepted if self.server.lmtp else [""]:
                    self.say("dot", recipient)
            elif verb == "quit":
                return

    def content(self):
        for line in self.rfile:
            self.heard.append("  " + line.decode("latin-1").rstrip("\r\n"))
            if line == b".\r\n":
                return
        self.heard.append("  (the connection ended here)")
