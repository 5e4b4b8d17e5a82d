"""A small auth server that speaks Dovecot's protocol at private/auth, where smtpd asks it."""
import base64
import contextlib
import os
import socket
import socketserver
import threading

from harness import MAIL_UID, QUEUE

SOCKET = QUEUE + "/private/auth"
HELLO = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nMECH\tCRAM-MD5\tdictionary\tactive\nMECH\tSECRET\tprivate\nSPID\t7\nCUID\t1\nDONE\n"
PASSWORDS = {"ana": "secreto", "paco": "clave", "jo(e\\x": "x"}


def b64(text):
    return base64.b64encode(text.encode("latin-1")).decode()


class Dovecot(socketserver.ThreadingUnixStreamServer):
    """An auth server; `answer` may replace what it says to a request."""
    daemon_threads = True

    def __init__(self, hello=HELLO, answer=None):
        self.hello, self.answer, self.requests, self.connections = hello, answer, [], []
        if os.path.exists(SOCKET):
            os.unlink(SOCKET)
        super().__init__(SOCKET, DovecotSession)
        os.chmod(SOCKET, 0o660)
        os.chown(SOCKET, MAIL_UID, MAIL_UID)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()
        os.unlink(SOCKET)
        for s in self.connections:
            with contextlib.suppress(OSError):  # closed already
                s.shutdown(socket.SHUT_RDWR)


class DovecotSession(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            self.talk()

    def talk(self):
        self.server.connections.append(self.request)
        self.wfile.write(self.server.hello.encode())
        names = {}
        for line in self.rfile:
            words = line.decode().rstrip("\n").split("\t")
            if words[0] not in ("AUTH", "CONT"):
                continue
            self.server.requests.append(words)
            if self.server.answer:
                said = self.server.answer(words)
                if said is None:
                    return
                self.wfile.write(said.encode())
                continue
            number = words[1]
            given = words[2] if words[0] == "CONT" else dict(w.partition("=")[::2] for w in words[3:]).get("resp")
            if given is None:
                names[number] = None
                self.wfile.write(("CONT\t%s\t%s\n" % (number, b64("Username:"))).encode())
            elif number in names and names[number] is None:
                names[number] = base64.b64decode(given).decode("latin-1")
                self.wfile.write(("CONT\t%s\t%s\n" % (number, b64("Password:"))).encode())
            else:
                text = base64.b64decode(given).decode("latin-1")
                user, password = (names[number], text) if number in names else text.split("\0")[1:]
                good = PASSWORDS.get(user) == password
                self.wfile.write(("%s\t%s\tuser=%s\n" % ("OK" if good else "FAIL", number, user)).encode("latin-1"))


class with_dovecot:
    def __init__(self, **how):
        self.how = how

    def __enter__(self):
        self.server = Dovecot(**self.how)
        return self.server

    def __exit__(self, *_):
        self.server.close()
