"""Plays one session file on one mail system, inside namespaces of its own, and writes down what happened (JSON).

    player.py TREE WORK SESSION-FILE RESULT [ONLY]

Started by peer_test.py under unshare; TREE is laid over /usr and /etc."""
import glob
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import harness  # noqa: E402
import script  # noqa: E402
import secure  # noqa: E402
from sink import Sink, server_context  # noqa: E402

STOCK_MASTER = os.path.join(HERE, "../../../etc/master.cf")
QUEUES = ("incoming", "active", "maildrop", "deferred", "hold", "corrupt", "defer", "bounce", "trace", "flush")
PLACES = ("/var/mail", harness.HOMES, "/var/vmail", "/var/out")


def unchrooted(text):
    """Both sides serve from the host's own files: what fills Debian's chroot is no part of the peer's package."""
    return re.sub(r"^([^#\s]\S*(?:\s+\S+){3}\s+)y(?=\s)", r"\1n", text, flags=re.M)

# Both systems are told the same.  What 3.12 does by default and 3.7 only when asked is asked for here.
MAIN_CF = {
    **harness.MAIN_CF, "compatibility_level": "3.6", "inet_interfaces": "127.0.0.1", "queue_run_delay": "1h",
    "minimal_backoff_time": "1s", "maximal_backoff_time": "1h", "transport_retry_time": "1s",
    "service_throttle_time": "1s", "smtpd_error_sleep_time": "0",
    "smtpd_authorized_xclient_hosts": "127.0.0.1", "smtp_connection_cache_on_demand": "no", "smtpd_timeout": "20s",
    "smtpd_forbid_unauth_pipelining": "yes", "smtpd_client_connection_rate_limit": "0", "notify_classes": "",
    "virtual_mailbox_base": "/var/vmail", "virtual_uid_maps": "static:21900", "virtual_gid_maps": "static:21900",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination", "max_idle": "60s",
    "recipient_delimiter": "+", "smtpd_client_message_rate_limit": "0",
    "bounce_template_file": "/etc/postfix/bounce.cf", "lmtp_connection_cache_on_demand": "no", "alias_maps": "hash:/etc/aliases",
    "transport_maps": "texthash:/etc/postfix/transport.ports, texthash:/etc/postfix/transport", "relay_domains": "relay.test",
}
PORTS = range(2500, 2700)  # s2501.test is a server by SMTP on port 2501, l2501.test one by LMTP
TRANSPORT = "".join("s%d.test smtp:[127.0.0.1]:%d\nl%d.test lmtp:inet:127.0.0.1:%d\n" % (p, p, p, p) for p in PORTS)
BOUNCE_CF = "".join("""%s_template = <<EOF
Charset: us-ascii
From: MAILER-DAEMON (Mail Delivery System)
Subject: %s report
%s
This is the %s report of $myhostname; $maximal_queue_lifetime_days days.

EOF
""" % (kind, kind, copy and "Postmaster-Subject: %s copy\n" % kind, kind)
                    for kind, copy in (("failure", True), ("delay", True), ("success", ""), ("verify", "")))


def burn_inodes(directory):
    """Queue ids contain inode numbers; give them as many digits on both systems, so that messages are equally long."""
    for i in range(4200):
        os.close(os.open(directory + "/%d" % i, os.O_CREAT | os.O_WRONLY))
        os.unlink(directory + "/%d" % i)


class Player:
    def __init__(self, plan):
        self.plan, self.host, self.sinks = plan, harness.Host(), {}
        self.smtp, self.out, self.mark = None, [], 0

    # ------------------------------------------------------------ configuration

    def configure(self):
        for directory in ("/var/out", "/var/vmail"):
            os.makedirs(directory, exist_ok=True)
        os.chmod("/var/out", 0o1777)
        harness.write("/etc/postfix/transport.ports", TRANSPORT)
        harness.write("/etc/postfix/transport", "")
        harness.write("/etc/postfix/bounce.cf", BOUNCE_CF)
        if self.plan.pki:
            secure.make_pki()
        for head, lines in self.plan.files:
            self.put(head, lines)
        main = "".join("%s = %s\n" % kv for kv in MAIN_CF.items()) + "\n".join(self.plan.main) + "\n"
        harness.write("/etc/postfix/main.cf", without_overridden(main))
        harness.write("/etc/postfix/master.cf", unchrooted(harness.contents(STOCK_MASTER)) + "\n".join(self.plan.master) + "\n")
        if not any(head.startswith("/etc/aliases") for head, _ in self.plan.files):
            harness.write("/etc/aliases", "postmaster: root\n")
        self.host.run("postfix", "set-permissions", check=False)
        for name in ("postdrop", "postqueue"):  # what a package's installation does
            os.chown("/usr/sbin/" + name, 0, harness.DROP_GID)
            os.chmod("/usr/sbin/" + name, 0o2755)
        self.host.run("newaliases", check=False)
        for command in self.plan.commands:
            self.host.run("sh", "-c", command)
        records = {}
        for line in self.plan.dns:
            if line:
                name, kind, value = line.split(" ", 2)
                records.setdefault((name.lower(), kind), []).append(value)
        harness.Dns("127.0.0.1", records)
        burn_inodes(harness.QUEUE)
        self.host.start()

    def put(self, head, lines):
        path, owner, mode = (head.split() + ["root", "644"])[:3] if len(head.split()) > 1 else (head, "root", "644")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        harness.write(path, "".join(line + "\n" for line in lines), int(mode, 8), pwd.getpwnam(owner).pw_uid)

    # ------------------------------------------------------------ quiet

    def log(self):
        return self.host.log()[self.mark:]

    def settle(self):
        """Wait until the queue is at rest and the log has said what there is to say."""
        end, last = time.monotonic() + 15, None
        while time.monotonic() < end:
            log = self.log()
            if log == last and self.at_rest(log):
                return
            last = log
            time.sleep(0.03)
        self.out.append("!!! the mail system did not come to rest")

    def at_rest(self, log):
        if any(os.listdir(harness.QUEUE + "/" + q) for q in ("incoming", "active", "maildrop")):
            return False
        if self.smtp is None and len(re.findall(r"\]: connect from ", log)) > len(re.findall(r"\]: disconnect from ", log)):
            return False
        if "postsuper" in log and "]: Deleted: " in log:  # which messages is not said
            return True
        left = set(self.queue_files("deferred", "hold", "corrupt"))
        for qid in set(re.findall(r"\]: ([0-9A-F]{6,}): from=", log)):
            if qid not in left and not re.search(r"\]: %s: (removed|requeued)" % qid, log):
                return False
        return True

    def queue_files(self, *queues):
        return [f for q in queues for _, _, files in os.walk(harness.QUEUE + "/" + q) for f in files]

    # ------------------------------------------------------------ steps

    def say(self, line):
        self.out.append(line)

    def reply(self):
        try:
            for line in self.smtp.reply().split("\n"):
                self.say("S: " + line)
                last = line
            return last
        except (EOFError, OSError):
            self.say("S: (closed)")
            self.smtp = None
            return ""

    def connect(self, port=25):
        self.open(port)
        return self.reply()

    def encrypt(self, rest):
        """The handshake of a client that takes any certificate; words of `rest` are what it does otherwise."""
        wish = dict(word.split("=", 1) for word in rest.split())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = getattr(ssl.TLSVersion, "TLSv" + wish.get("least", "1.2").replace(".", "_"))
        if "most" in wish:
            context.maximum_version = getattr(ssl.TLSVersion, "TLSv" + wish["most"].replace(".", "_"))
        if "cert" in wish:
            context.load_cert_chain(wish["cert"])
        if "ciphers" in wish:
            context.set_ciphers(wish["ciphers"])
        try:
            self.smtp.sock = context.wrap_socket(self.smtp.sock, server_hostname=wish.get("sni"))
        except OSError:
            self.say("(no handshake)")
            self.smtp = None
            return
        self.smtp.file = self.smtp.sock.makefile("rb")
        subject = re.search(r"CN ?= ?(.*)", subprocess.run(
            ["openssl", "x509", "-noout", "-subject", "-inform", "DER"], input=self.smtp.sock.getpeercert(True),
            capture_output=True).stdout.decode())
        self.say("(%s %s %s)" % (self.smtp.sock.version(), self.smtp.sock.cipher()[0], subject and subject[1]))

    def starttls(self, rest):
        if self.command("STARTTLS").startswith("220"):
            self.encrypt(rest)

    def connect_encrypted(self, rest):
        port, _, wish = rest.partition(" ")
        self.smtp = harness.Smtp.__new__(harness.Smtp)
        self.smtp.sock = socket.create_connection(("127.0.0.1", int(port)), 20)
        self.encrypt(wish)
        if self.smtp:
            self.reply()

    def open(self, port):
        self.smtp = harness.Smtp.__new__(harness.Smtp)
        self.smtp.sock = socket.create_connection(("127.0.0.1", port), 20)
        self.smtp.file = self.smtp.sock.makefile("rb")

    def send(self, line):
        try:
            self.smtp.raw(line + "\r\n")
        except OSError:
            self.say("S: (closed)")
            self.smtp = None

    def command(self, line):
        if self.smtp is None:
            self.connect()
        if self.smtp is None:
            return ""
        self.say("C: " + line)
        self.send(line)
        reply = self.reply() if self.smtp else ""
        if line.upper() == "QUIT":
            self.smtp = None
        return reply

    def content(self, lines):
        """Message text in one write, then the reply."""
        self.smtp.raw("".join(line + "\r\n" for line in lines))
        self.reply()

    def mail(self, rest, lines):
        sender, *recipients = rest.split()
        self.command("EHLO client.example")
        self.command("MAIL FROM:<%s>" % sender.strip("<>"))
        for r in recipients:
            self.command("RCPT TO:<%s>" % r)
        if self.command("DATA").startswith("354"):
            self.content([("." if line.startswith(".") else "") + line for line in lines] + ["."])
        self.command("QUIT")

    def run(self, rest, lines):
        user = None
        if rest.startswith("@"):
            user, rest = rest[1:].split(" ", 1)
        ids = re.findall(r"\]: ([0-9A-F]{6,}): ", self.log())
        rest = rest.replace("$QID", ids[-1] if ids else "NOID")
        p = self.host.run("sh", "-c", rest, text="".join(line + "\n" for line in lines), check=False, user=user)
        self.say("$ " + rest)
        for mark, text in (("  ", p.stdout), ("2 ", p.stderr)):
            for line in text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else []:
                self.say(mark + line)
        self.say("status %d" % p.returncode)

    def sink(self, rest, lines):
        where, *kind = rest.split()
        if where not in self.sinks:
            self.sinks[where] = Sink(where)
        wish = dict(word.split("=", 1) for word in kind if "=" in word)
        context = server_context(wish["cert"], wish.get("most", "")) if "cert" in wish else None
        self.sinks[where].play(lines, "lmtp" in kind, context, "wrapped" in kind)

    def step(self, step):
        v, rest = step.verb, step.rest
        if v == "!connect":
            self.connect(int(rest or 25))
        elif v == "!open":
            self.open(int(rest))
        elif v == "!starttls":
            self.starttls(rest)
        elif v == "!tls":
            self.connect_encrypted(rest)
        elif v == "!close":
            self.smtp.close()
            self.smtp = None
        elif v == "!eof":
            while self.smtp:
                self.reply()
        elif v == "!mail":
            self.mail(rest, step.text)
        elif v == "!run":
            self.run(rest, step.text)
        elif v == "!file":
            self.put(rest, step.text)
        elif v == "!sink":
            self.sink(rest, step.text)
        elif v == "!wait":
            self.settle()
        elif v == ">":
            self.smtp or self.connect()
            self.say("C: " + rest)
            self.send(rest)
        elif v == "<":
            for _ in range(int(rest or 1)):
                if self.smtp:
                    self.reply()
        else:
            raise ValueError("unknown step: " + v)

    def play(self, steps):
        at = 0
        while at < len(steps):
            if steps[at].verb:
                self.step(steps[at])
                at += 1
                continue
            reply = self.command(steps[at].rest)
            at += 1
            if reply.startswith("354"):
                lines = []
                while at < len(steps) and (not lines or lines[-1] != "."):
                    lines.append(steps[at].rest)
                    at += 1
                self.content(lines)
            elif at < len(steps) and not steps[at].verb and steps[at - 1].rest.upper() == "DATA" and re.match(r"[\w-]+:|\.?$", steps[at].rest):
                while steps[at].rest != ".":  # refused: the content is not sent
                    at += 1
                at += 1
        if self.smtp:
            self.command("QUIT")

    # ------------------------------------------------------------ what came of it

    def session(self, steps):
        self.out, self.smtp, self.mark = [], None, len(self.host.log())
        started = time.monotonic()
        try:
            self.play(steps)
        except OSError as e:
            self.say("!!! %s" % e)
            self.smtp = None
        self.settle()
        result = {"talk": self.out, "log": [line for line in self.log().split("\n") if line], "mail": self.take_mail(),
                  "sink": [["port " + port, *s] for port, sink in sorted(self.sinks.items()) for s in sink.take()],
                  "queue": self.take_queue(), "seconds": time.monotonic() - started}
        for sink in self.sinks.values():
            sink.play([])
        return result

    def take_mail(self):
        """Everything in the places mail is delivered to; the places are empty afterwards."""
        found = []
        for place in PLACES:
            for directory, _, files in os.walk(place):
                for name in files:
                    path = os.path.join(directory, name)
                    if name.endswith((".db", ".lmdb")):  # indexes
                        continue
                    st = os.lstat(path)
                    found.append(["%s %s %d:%d" % (path, stat.filemode(st.st_mode), st.st_uid, st.st_gid), harness.contents(path)])
            for entry in glob.glob(place + "/*") if place != harness.HOMES else glob.glob(place + "/*/*") + glob.glob(place + "/*/.*"):
                shutil.rmtree(entry) if os.path.isdir(entry) else os.unlink(entry)
        return sorted(found)

    def take_queue(self):
        left = []
        for q in QUEUES:
            for directory, _, files in os.walk(harness.QUEUE + "/" + q):
                for name in files:
                    path = os.path.join(directory, name)
                    left.append("%s %s" % (q, stat.filemode(os.stat(path).st_mode)))
                    os.unlink(path)
        return sorted(left)


def without_overridden(text):
    """Logical lines of main.cf; of several for one name the last one."""
    settings, name = {}, ""
    for line in text.split("\n"):
        if line[:1].isspace():
            settings[name] += "\n" + line
        elif line and not line.startswith("#"):
            name = line.split("=")[0].strip()
            settings[name] = line
    return "".join(v + "\n" for v in settings.values())


def main():
    tree, work, file, result, *only = sys.argv[1:]
    harness.furnish(tree, work)
    harness.loopback()
    plan = script.parse(file, os.path.basename(file)[:-4])
    player = Player(plan)
    results = {"error": None, "sessions": {}}
    try:
        player.configure()
        for name, steps in plan.sessions:
            if not only or only[0] in name:
                results["sessions"][name] = player.session(steps)
    except Exception as e:
        results["error"] = "%s: %s\n%s" % (type(e).__name__, e, harness.contents(harness.LOG)[-3000:])
    with open(result, "w") as f:
        json.dump(results, f)
    subprocess.run(["postfix", "abort"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if os.getpid() == 1:
    child = os.fork()
    if child:
        harness.act_as_init(child)
main()
os._exit(0)
