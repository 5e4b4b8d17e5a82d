"""A scripted SMTP or LMTP server that remembers what it was told.

A script is a list of lines "WHEN: REPLY"; WHEN is greeting, ehlo, helo, lhlo, mail, rcpt, data, dot, rset, quit, or a
verb and an argument to look for ("rcpt paco").  REPLY may hold "\\n" between lines and "\\xNN" for any byte; "close"
closes the connection without a reply, "REPLY close" after it; "hang" says nothing and waits until the client gives
up, "REPLY hang" after it.  What no line speaks of is accepted.

A server with a certificate offers STARTTLS and does it; what was agreed is remembered like a line that was heard."""
import contextlib
import os
import re
import socket
import socketserver
import ssl
import threading

EHLO = "250-sink.test\\n250-PIPELINING\\n250-SIZE 10240000\\n250-8BITMIME\\n250-ENHANCEDSTATUSCODES\\n250-DSN\\n250 SMTPUTF8"
DEFAULT = {"greeting": "220 sink.test ESMTP", "ehlo": EHLO, "lhlo": EHLO, "helo": "250 sink.test", "mail": "250 2.1.0 ok",
           "rcpt": "250 2.1.5 ok", "data": "354 go on", "dot": "250 2.0.0 kept", "rset": "250 2.0.0 ok", "quit": "221 2.0.0 bye"}
OFFERS_TLS = EHLO.replace("250-DSN", "250-DSN\\n250-STARTTLS")


def server_context(certificate, latest=""):
    """`certificate`: a PEM file with chain and key; `latest`: the highest protocol, as 1.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if latest:
        context.maximum_version = getattr(ssl.TLSVersion, "TLSv" + latest.replace(".", "_"))
    return context


class Sink(socketserver.ThreadingTCPServer):
    """Listens on PORT of 127.0.0.1, on ADDRESS:PORT, or on the UNIX socket /PATH."""
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, where):
        self.script, self.sessions, self.lock, self.lmtp = [], [], threading.Lock(), False
        self.context, self.wrapped = None, False
        address, _, port = where.rpartition(":")
        if where.startswith("/"):
            self.address_family = socket.AF_UNIX
        elif ":" in address:
            self.address_family = socket.AF_INET6
        super().__init__(where if where.startswith("/") else (address or "127.0.0.1", int(port)), Talk)
        if where.startswith("/"):
            os.chmod(where, 0o666)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def play(self, lines, lmtp=False, context=None, wrapped=False):
        """`context`: how it does TLS, None if it does not; `wrapped`: from the first byte."""
        self.script = [tuple(line.split(": ", 1)) for line in lines]
        self.lmtp, self.context, self.wrapped = lmtp, context, wrapped

    def reply(self, verb, argument, encrypted):
        """A line of the script that begins with "tls " is for encrypted connections."""
        for when, reply in self.script:
            words = when.lower().split(" ", 1)
            if words[0] == "tls":
                if not encrypted:
                    continue
                words = words[1].split(" ", 1)
            if words[0] == verb and (len(words) == 1 or words[1] in argument.lower()):
                return reply
        if self.context and not self.wrapped and not encrypted:
            if verb in ("ehlo", "lhlo"):
                return OFFERS_TLS
            if verb == "starttls":
                return "220 2.0.0 begin"
        return DEFAULT.get(verb, "500 5.5.2 what?")

    def take(self):
        """What was heard since the last time, one list of lines for each connection."""
        with self.lock:
            heard, self.sessions = self.sessions, []
        return heard


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        self.heard, self.encrypted = [], False
        with self.server.lock:
            self.server.sessions.append(self.heard)
        with contextlib.suppress(OSError, EOFError):
            if self.server.wrapped:
                self.encrypt()
            accepted = []
            self.say("greeting")
            while self.talk(accepted):
                self.encrypt()
                accepted = []

    def encrypt(self):
        try:
            self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.heard.append("(no handshake)")
            raise
        self.heard.append("(%s %s)" % (self.connection.version(), self.connection.cipher()[0]))
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.encrypted = True

    def say(self, verb, argument=""):
        reply = self.server.reply(verb, argument, self.encrypted)
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

    def talk(self, accepted):
        """Until the end of the connection (false) or of its plaintext (true)."""
        for line in self.rfile:
            line = line.decode("latin-1").rstrip("\r\n")
            self.heard.append(line)
            verb, _, argument = line.partition(" ")
            verb = verb.lower()
            reply = self.say(verb, argument)
            if verb in ("mail", "rset"):
                accepted.clear()
            elif verb == "rcpt" and reply.startswith("2"):
                accepted.append(argument)
            elif verb == "data" and reply.startswith("3"):
                self.content()
                for recipient in accepted if self.server.lmtp else [""]:
                    self.say("dot", recipient)
            elif verb == "starttls" and reply.startswith("2"):
                return True
            elif verb == "quit":
                return False
        return False

    def content(self):
        for line in self.rfile:
            self.heard.append("  " + line.decode("latin-1").rstrip("\r\n"))
            if line == b".\r\n":
                return
        self.heard.append("  (the connection ended here)")
