#!/usr/bin/env python3
"""anvil as a process: what it counts, whom it forgets, what it makes of odd requests."""
import os, socket, subprocess, sys, tempfile, time, traceback, shutil

BINARY = sys.argv[1]


def eq(got, want):
    assert got == want, "%r != %r" % (got, want)


class Anvil:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="anvil-test-")
        os.chmod(self.dir, 0o755)
        for d in ("private", "public", "pid", "conf"):
            os.mkdir(self.dir + "/" + d)
        with open(self.dir + "/conf/main.cf", "w") as f:
            f.write("queue_directory = %s\ndata_directory = %s\nmyhostname = mx.test\nmydomain = test\ninet_interfaces = loopback-only\n"
                    "inet_protocols = ipv4\ncompatibility_level = 3.6\nanvil_rate_time_unit = 2s\n" % (self.dir, self.dir))
        s = socket.socket(socket.AF_UNIX)
        s.bind(self.dir + "/private/anvil")
        s.listen(50)
        with open(self.dir + "/log", "ab") as log:
            self.proc = subprocess.Popen([BINARY, "-S", "-V", "-n", "anvil", "-t", "unix"], stdin=s, stdout=subprocess.DEVNULL, stderr=log,
                                         cwd=self.dir, env={"MAIL_CONFIG": self.dir + "/conf", "PATH": "/usr/bin:/bin"})
        s.close()
        return self

    def __exit__(self, *exc):
        self.proc.kill()
        self.proc.wait()
        shutil.rmtree(self.dir)

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(self.dir + "/private/anvil")
        return Server(s)


class Server:
    """One smtpd as anvil sees it."""

    def __init__(self, s):
        self.s, self.f = s, s.makefile("rb")

    def raw(self, data):
        self.s.sendall(data)

    def answer(self):
        words, word = [], b""
        while True:
            c = self.f.read(1)
            if not c:
                return None
            if c != b"\0":
                word += c
            elif word == b"" and len(words) % 2 == 0:
                return {k: int(v) for k, v in zip(words[::2], words[1::2])}
            else:
                words.append(word.decode())
                word = b""

    def ask(self, request, ident="smtp:192.0.2.1"):
        self.raw(("request\0%s\0ident\0%s\0\0" % (request, ident)).encode())
        return self.answer()

    def close(self):
        self.f.close()
        self.s.close()


def connections_and_rates_are_counted(d):
    a, b = d.connect(), d.connect()
    eq(a.ask("connect"), dict(status=0, count=1, rate=1))
    eq(b.ask("connect"), dict(status=0, count=2, rate=2))
    eq(b.ask("connect", "smtp:192.0.2.2"), dict(status=0, count=1, rate=1))  # the one before is over
    eq(a.ask("message"), dict(status=0, rate=1))
    eq(a.ask("recipient"), dict(status=0, rate=1))
    eq(a.ask("recipient"), dict(status=0, rate=2))
    eq(a.ask("newtls"), dict(status=0, rate=1))
    eq(a.ask("newtls_status"), dict(status=0, rate=1))
    eq(a.ask("auth"), dict(status=0, rate=1))
    eq(b.ask("lookup"), dict(status=0, count=1, rate=2, mail=1, rcpt=2, newtls=1, auth=1))
    eq(a.ask("disconnect"), dict(status=0))
    eq(b.ask("lookup"), dict(status=0, count=0, rate=2, mail=1, rcpt=2, newtls=1, auth=1))


def a_server_that_dies_takes_its_connection_along(d):
    a, b = d.connect(), d.connect()
    eq(a.ask("connect", "x:1")["count"], 1)
    a.close()
    for _ in range(100):
        if b.ask("lookup", "x:1")["count"] == 0:
            return
        time.sleep(0.02)
    raise AssertionError("still counted")


def rates_begin_anew_after_the_time_unit(d):
    a = d.connect()
    eq(a.ask("message", "y:1")["rate"], 1)
    for _ in range(400):
        time.sleep(0.02)
        if a.ask("lookup", "y:1")["mail"] == 0:
            eq(a.ask("message", "y:1")["rate"], 1)
            return
    raise AssertionError("never forgotten")


def odd_requests_are_answered_and_do_no_harm(d):
    a = d.connect()
    eq(a.ask("nonsense")["status"], 1)
    eq(a.ask("connect", "")["status"], 1)
    for n in range(1, 30):  # cut anywhere
        data = b"request\0message\0ident\0z:%d\0\0" % n
        a.raw(data[:n])
        time.sleep(0.002)
        a.raw(data[n:])
        eq(a.answer(), dict(status=0, rate=1))
    a.raw(b"request\0message\0ident\0w:1\0\0" * 20)
    eq([a.answer()["rate"] for _ in range(20)], list(range(1, 21)))
    b = d.connect()
    b.raw(b"x" * 6000)  # no end in sight
    try:
        eq(b.answer(), None)
    except ConnectionError:
        pass
    eq(a.ask("lookup", "w:1")["mail"] in (0, 20), True)


def main():
    failed = 0
    for fn in (connections_and_rates_are_counted, a_server_that_dies_takes_its_connection_along, rates_begin_anew_after_the_time_unit,
               odd_requests_are_answered_and_do_no_harm):
        try:
            with Anvil() as d:
                fn(d)
            print("ok   " + fn.__name__)
        except Exception:
            failed += 1
            print("FAIL " + fn.__name__)
            traceback.print_exc(limit=2)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
