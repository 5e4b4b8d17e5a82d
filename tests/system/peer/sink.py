"""A scripted SMTP or LMTP server that remembers what it was told.

A script is a list of lines "WHEN: REPLY"; WHEN is greeting, ehlo, helo, lhlo, mail, rcpt, data, dot, rset, quit, or a
verb and an argument to look for ("rcpt paco").  REPLY may hold "\\n" between lines; "close" closes the connection
without a reply, "REPLY close" after it.  What no line speaks of is accepted."""
import contextlib
import re
import socketserver
import threading

EHLO = "250-sink.test\\n250-PIPELINING\\n250-SIZE 10240000\\n250-8BITMIME\\n250-ENHANCEDSTATUSCODES\\n250-DSN\\n250 SMTPUTF8"
DEFAULT = {"greeting": "220 sink.test ESMTP", "ehlo": EHLO, "lhlo": EHLO, "helo": "250 sink.test", "mail": "250 2.1.0 ok",
           "rcpt": "250 2.1.5 ok", "data": "354 go on", "dot": "250 2.0.0 kept", "rset": "250 2.0.0 ok", "quit": "221 2.0.0 bye"}


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port):
        self.script, self.sessions, self.lock, self.lmtp = [], [], threading.Lock(), False
        super().__init__(("127.0.0.1", port), Talk)
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
        text = re.sub("(^| )close$", "", reply)
        if text:
            self.wfile.write(text.replace("\\n", "\r\n").encode("latin-1") + b"\r\n")
        if text != reply:
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
            elif verb == "data" and reply.startswith("354"):
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
