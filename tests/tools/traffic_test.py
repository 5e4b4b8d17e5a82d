"""smtp-source, smtp-sink, qmqp-source and qmqp-sink: what they say to each other and to others.
Usage: traffic_test.py DIRECTORY-OF-THE-FOUR [NAME...]"""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BIN = os.path.realpath(sys.argv[1])
USER = ["-u", "nobody"] if os.getuid() == 0 else []
PATIENCE = 60
os.environ["ASAN_OPTIONS"] = "detect_leaks=0"  # sessions live as long as the process
cases = []


def case(f):
    cases.append(f)
    return f


def equal(got, want, what=""):
    assert got == want, "%s: %r, not %r" % (what, got, want)


def connect(path):
    """To one that has its name already, but perhaps does not listen yet."""
    end = time.monotonic() + PATIENCE
    while True:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        try:
            s.connect(path)
            return s
        except ConnectionRefusedError:
            assert time.monotonic() < end, "nobody listens"
            time.sleep(0.01)


class Sink:
    """A sink on a UNIX socket in a directory of its own."""

    def __init__(self, *options, program="smtp-sink"):
        self.dir = tempfile.mkdtemp(prefix="relevo-traffic-")
        os.chmod(self.dir, 0o777)
        self.path = self.dir + "/socket"
        user = USER if program == "smtp-sink" else []
        self.process = subprocess.Popen([BIN + "/" + program, *user, *options, "unix:" + self.path, "100"], cwd=self.dir,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + PATIENCE
        while not os.path.exists(self.path) and self.process.poll() is None:
            assert time.monotonic() < end, "no socket"
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        shutil.rmtree(self.dir)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.communicate(timeout=PATIENCE)

    def wait(self):
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def talk(self, *lines):
        """The answers to each of `lines`; the first one is the greeting."""
        s = connect(self.path)
        f = s.makefile("rwb")
        answers = [self.answer(f)]
        for line in lines:
            f.write(line.encode() + b"\r\n")
            f.flush()
            answers.append(self.answer(f))
        s.close()
        return answers

    @staticmethod
    def answer(f):
        lines = []
        while True:
            line = f.readline().decode().rstrip("\r\n")
            lines.append(line)
            if line[3:4] != "-":
                return "\n".join(lines)


def source(sink, *options, program="smtp-source"):
    return subprocess.run([BIN + "/" + program, "-C", "1000", *options, "unix:" + sink.path], capture_output=True, text=True, timeout=PATIENCE)


@case
def all_messages_of_all_sessions_arrive():
    for options, sessions in ((("-s", "7"), 50), (("-s", "7", "-d"), 7), (("-L", "-s", "3", "-r", "4"), 50)):
        lmtp = ["-L"] if "-L" in options else []
        with Sink("-c", "-M", "50", *lmtp) as sink:
            done = source(sink, "-m", "50", "-l", "5000", "-c", *options)
            status, out, _ = sink.wait()
            equal((done.returncode, done.stderr, status), (0, "", 0), options)
            equal(out.split("\n")[-2].split()[-1], "mesg=50", options)
            equal(done.stdout.split("\n")[-2], "50", options)
            assert int(re.search(r"sess=(\d+)", out.split("\n")[-2]).group(1)) <= sessions


@case
def the_words_of_the_sink():
    ehlo = "250-k.test\n250-PIPELINING\n250-8BITMIME\n250-AUTH PLAIN LOGIN\n250-XCLIENT NAME HELO\n" \
        "250-XFORWARD NAME ADDR PROTO HELO\n250-ENHANCEDSTATUSCODES\n250-DSN\n250 "
    with Sink("-h", "k.test") as sink:
        equal(sink.talk("EHLO a", "helo b", "LHLO c", "BOGUS", "", "RCPT TO:<a>", "DATA", "MAIL FROM:<a>", "MAIL FROM:<b>", "RCPT TO:<a>",
                        "VRFY x", "NOOP", "RSET", "AUTH PLAIN x", "XCLIENT x", "XFORWARD y", "MAIL FROM:<a>", "RCPT TO:<b>", "DATA",
                        "x\r\n..\r\n.", "QUIT"),
              ["220 k.test ESMTP", ehlo, "250 k.test", "500 5.5.1 Error: unknown command", "500 5.5.1 Error: unknown command",
               "500 5.5.2 Error: unknown command", "503 5.5.1 Error: need MAIL command", "503 5.5.1 Error: need RCPT command",
               "250 2.1.0 Ok", "503 5.5.1 Error: nested MAIL command", "250 2.1.5 Ok", "250 2.0.0 Ok", "250 2.0.0 Ok", "250 2.1.0 Ok",
               "250 2.0.0 Ok", "250 2.0.0 Ok", "250 2.0.0 Ok", "250 2.1.0 Ok", "250 2.1.5 Ok", "354 End data with <CR><LF>.<CR><LF>",
               "250 2.0.0 Ok", "221 Bye"])
    with Sink("-8aCEFNp", "-h", "k.test") as sink:
        equal(sink.talk("EHLO a", "XCLIENT x"), ["220 k.test ESMTP", "250-k.test\n250 ", "500 5.5.1 Error: unknown command"])
    for option, greeting in (("-e", "220 k.test"), ("-P", "220 ********")):
        with Sink(option, "-h", "k.test") as sink:
            equal(sink.talk("EHLO a", "HELO a"), [greeting, "500 5.5.1 Error: unknown command", "250 k.test"])
    with Sink("-L", "-h", "k.test") as sink:
        equal(sink.talk("HELO a", "LHLO a", "MAIL FROM:<>", "RCPT TO:<a>", "DATA", ".")[1:],
              ["500 5.5.1 Error: unknown command", ehlo, "250 2.1.0 Ok", "250 2.1.5 Ok", "354 End data with <CR><LF>.<CR><LF>", "250 2.2.0 Ok"])


@case
def the_sink_refuses_what_it_is_told_to():
    hard, soft = "500 5.3.0 Error: command failed", "450 4.3.0 Error: command failed"
    mail = ("MAIL FROM:<a>", "RCPT TO:<b>", "DATA", ".")
    with Sink("-f", "rcpt", "-r", "VRFY, noop") as sink:
        answers = sink.talk("EHLO a", "MAIL FROM:<>", "RCPT TO:<a>", "VRFY", "NOOP")
        assert "PIPELINING" not in answers[1], answers
        equal(answers[2:], ["250 2.1.0 Ok", hard, soft, soft])
    with Sink("-f", "MAIL", "-r", "RCPT", "-b", "451 b", "-B", "551 c") as sink:
        equal(sink.talk("MAIL FROM:<>", "RCPT TO:<>")[1:], ["551 c", "451 b"])
    with Sink("-f", ".") as sink:
        equal(sink.talk(*mail, "RCPT TO:<a>")[4:], [hard, "503 5.5.1 Error: need MAIL command"])
    for option, want in (("-q", ""), ("-Q", "421 4.0.0 Server closing connection")):
        with Sink(option, "MAIL") as sink:
            equal(sink.talk("MAIL FROM:<a>")[1:], [want], option)
        with Sink(option, "CONNECT") as sink:
            equal(sink.talk(), [want], option)
    with Sink("-A", "0") as sink:
        equal(sink.talk(*mail[:3])[-1], "354 End data with <CR><LF>.<CR><LF>")
    with Sink("-f", "BOGUS") as sink:
        equal(sink.wait(), (1, "", "smtp-sink: fatal: unknown command: BOGUS\n"))


@case
def a_delay_keeps_the_order_of_what_follows():
    with Sink("-W", "NOOP:1", "-w", "1", "-H", "1") as sink:
        s = connect(sink.path)
        f = s.makefile("rwb")
        f.write(b"NOOP\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n")
        f.flush()
        equal([line[:3] for line in f.read().decode().split("\r\n")], ["220", "250", "250", "250", "354", "250", "221", ""])


@case
def messages_are_kept_with_what_is_known_of_them():
    for option, protocol in (("-d", "ESMTP"), ("-D", "LMTP")):
        lmtp = ["-L"] if protocol == "LMTP" else []
        with Sink(option, "box/%Y/m", "-S", r"From x\n", "-h", "k.test", "-n", "2", *lmtp) as sink:
            for _ in range(2):
                sink.talk("LHLO me" if lmtp else "EHLO me", "MAIL FROM:<x> SIZE=1", "RCPT TO:<y>", "RCPT TO:<z> NOTIFY=NEVER", "DATA",
                          "Subject: hi\r\n\r\n..dot\r\n.", "QUIT")
            sink.wait()
            files = [os.path.join(d, n) for d, _, names in os.walk(sink.dir + "/box") for n in names]
            equal(len(files), 1 if lmtp else 2, option)
            text = "".join(open(f).read() for f in files)
            want = r"(From x\nX-Client-Addr: 127.0.0.1\nX-Client-Proto: %s\nX-Helo-Args: me\nX-Mail-Args: <x> SIZE=1\n" \
                r"X-Rcpt-Args: <y>\nX-Rcpt-Args: <z> NOTIFY=NEVER\nReceived: from me \(\[127.0.0.1\]\)\n" \
                r"\tby k.test \(smtp-sink\) with %s id [0-9a-f]{8};\n\t\w+, +\d+ \w+ \d{4} [\d:]+ [+-]\d{4} \(.*\)\n" \
                r"Subject: hi\n\n\.dot\n\n){2}" % (protocol, protocol)
            assert re.fullmatch(want, text), text


class Server:
    """Answers what it is told to, and keeps what it heard."""

    def __init__(self, **answers):
        self.dir = tempfile.mkdtemp(prefix="relevo-traffic-")
        self.path = self.dir + "/socket"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(5)
        self.listener.settimeout(PATIENCE)
        self.answers = answers

    def source(self, *options, sessions=1):
        """(exit status, standard error, what was heard)"""
        p = subprocess.Popen([BIN + "/smtp-source", "-M", "me.test", *options, "unix:" + self.path],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        heard = [self.serve() for _ in range(sessions)]
        _, err = p.communicate(timeout=PATIENCE)
        self.listener.close()
        shutil.rmtree(self.dir)
        return p.returncode, err, heard

    def serve(self):
        s, _ = self.listener.accept()
        s.settimeout(PATIENCE)
        f = s.makefile("rwb")
        heard, content = [], False
        f.write(self.answers.get("CONNECT", "220 x").encode() + b"\r\n")
        f.flush()
        try:
            for line in f:
                text = line.decode()
                heard.append(text)
                if content and text != ".\r\n":
                    continue
                verb = text.split()[0]
                answer = self.answers.get("DOT" if content else verb, "354 go" if verb == "DATA" else "250 ok")
                content = verb == "DATA" and answer.startswith("354")
                f.write(answer.encode() + b"\r\n")
                f.flush()
                if verb == "QUIT":
                    break
        except ConnectionResetError:
            pass
        s.close()
        return "".join(heard)


@case
def the_words_of_the_source():
    status, err, heard = Server().source("-m", "2", "-d", "-N", "-r", "2", "-S", "subj", "-l", "100", "-f", "a@b", "-t", "c@d")
    equal((status, err), (0, ""))
    message = r"MAIL FROM:<a@b>\r\nRCPT TO:<%dc@d>\r\nRCPT TO:<%dc@d>\r\nDATA\r\nFrom: <a@b>\r\nTo: <c@d>\r\nDate: .*\r\n" \
        r"Message-Id: <.*@me.test>\r\nSubject: subj\r\n\r\nX{78}\r\nX{20}\r\n\.\r\n"
    assert re.fullmatch(r"HELO me.test\r\n" + message % (1, 2) + message % (3, 4) + r"QUIT\r\n", heard[0]), heard
    _, _, heard = Server().source("-o", "-l", "4", "-r", "3", "-f", "a", "-t", "b")
    equal(heard, ["MAIL FROM:<a>\r\nRCPT TO:<3b>\r\nRCPT TO:<2b>\r\nRCPT TO:<b>\r\nDATA\r\nXXXX\r\n.\r\nQUIT\r\n"])
    with tempfile.NamedTemporaryFile("w") as f:
        f.write("Subject: x\n\n.dot\nend")
        f.flush()
        _, _, heard = Server().source("-F", f.name)
        assert heard[0].endswith("DATA\r\nSubject: x\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n"), heard


@case
def a_refusal_stops_the_source_unless_it_may_go_on():
    for answers, words in (({"CONNECT": "554 no"}, "rejected at server banner: 554 no"), ({"HELO": "550-a\r\n550 no"}, "HELO rejected: 550 no"),
                           ({"MAIL": "550 no"}, "sender rejected: 550 no"), ({"RCPT": "450 no"}, "recipient rejected: 450 no"),
                           ({"DATA": "250 no"}, "data rejected: 250 no"), ({"DOT": "550 no"}, "end of data rejected: 550 no")):
        status, err, _ = Server(**answers).source()
        equal((status, err), (1, "smtp-source: fatal: %s\n" % words))
    status, err, heard = Server(MAIL="550 no").source("-A", "-m", "2", sessions=2)
    equal((status, err), (0, 2 * "smtp-source: warning: sender rejected: 550 no\n"))
    equal(heard, 2 * ["HELO me.test\r\nMAIL FROM:<foo@me.test>\r\nRSET\r\nQUIT\r\n"])
    equal(Server(QUIT="500 no").source()[:2], (0, ""))


@case
def nobody_there_is_told():
    for program in ("smtp-source", "qmqp-source"):
        done = subprocess.run([BIN + "/" + program, "-C", "3", "unix:/nosuch/socket"], capture_output=True, text=True, timeout=PATIENCE)
        equal((done.returncode, done.stderr), (1, program + ": fatal: connect: No such file or directory\n"))
    for option, what in (("-m", "message count"), ("-l", "message length"), ("-s", "session count"), ("-r", "recipient count")):
        done = subprocess.run([BIN + "/smtp-source", option, "0", "x"], capture_output=True, text=True, timeout=PATIENCE)
        equal(done.stderr, "smtp-source: fatal: bad %s: 0\n" % what)


@case
def addresses_of_all_kinds_are_understood():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    for where in ("127.0.0.1:%d", "inet:127.0.0.1:%d", "localhost:%d", "[127.0.0.1]:%d"):
        p = subprocess.Popen([BIN + "/smtp-sink", *USER, "-4", "-M", "1", where % port, "5"])
        source = subprocess.run([BIN + "/smtp-source", "-4", "-C", "1000", where % port], capture_output=True, text=True, timeout=PATIENCE)
        equal((source.returncode, source.stderr, p.wait(PATIENCE)), (0, "", 0), where)


@case
def qmqp_comes_and_goes():
    with Sink("-c", program="qmqp-sink") as sink:
        done = source(sink, "-m", "20", "-s", "3", "-r", "2", "-l", "3000", "-c", program="qmqp-source")
        equal((done.returncode, done.stderr, done.stdout.split("\n")[-2]), (0, "", "20"))
        for data, want in ((b"17:2:hi,3:a@b,3:c@d,,", b"3:KOk,"), (b"x", b"")):
            s = connect(sink.path)
            for byte in data:
                s.sendall(bytes([byte]))
            equal(s.recv(100), want, data)
            s.close()
        out, err = sink.end()
        equal((out.split("\n")[-2], err), ("21", "qmqp-sink: warning: netstring format error\n"))


wanted = sys.argv[2:]
for f in cases:
    if not wanted or f.__name__ in wanted:
        print(f.__name__, flush=True)
        f()
