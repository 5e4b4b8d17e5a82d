"""smtp(8) and lmtp(8) as the queue manager sees them."""
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "local"))
from agent import NUMBERS, REQUEST, Agent, ask, attrs, enter, frame, parse, read, receive, record, write  # noqa: E402,F401


class Client(Agent):
    def __init__(self, binary):
        super().__init__({"inet_protocols": "ipv4", "smtp_host_lookup": "dns", "smtp_tls_security_level": "none",
                          "lmtp_tls_security_level": "none",
                          "max_idle": "1h"})  # agents wait for the tests that come later
        self.binary, self.configured = binary, {}
        os.symlink(binary, self.root + "/lmtp")

    def agent(self, lmtp=False, **settings):
        """Name of an agent with these settings; started when new."""
        key = (lmtp,) + tuple(sorted(settings.items()))
        if key not in self.configured:
            name = "smtp%d" % len(self.configured)
            args = [a for k, v in settings.items() for a in ("-o", "%s=%s" % (k, v))]
            self.start(self.root + "/lmtp" if lmtp else self.binary, name, args)
            self.configured[key] = name
        return self.configured[key]

    def connect(self, name):
        c = socket.socket(socket.AF_UNIX)
        c.settimeout(120)
        c.connect(self.queue + "/private/" + name)
        return c

    def queue_file(self, qid, sender, rcpts, body, damage):
        data, offsets = record("C", " " * 95) + record("S", sender), []
        for r in rcpts:
            offsets.append(len(data))
            data += record("R", r)
        data += record("M")
        start = len(data)
        data += b"".join(record("N", line) for line in body.split("\n")[:-1])
        data += b"" if damage else record("X") + record("E")
        path = self.queue + "/active/" + qid
        with open(path, "wb") as f:
            f.write(data)
        os.chown(path, 990, 990)
        os.chmod(path, 0o700)
        return path, start, offsets

    def send(self, nexthop, rcpts=("a@there.test",), body="Subject: x\n\nhello\n", sender="s@here.test", channel=None, lmtp=False,
             notify=0, damage=False, request=None, orcpt="", **settings):
        """(marks, reply of the agent, log lines); `channel` is a connection from connect() to be used again."""
        self.count += 1
        qid = "ABC%03d" % self.count
        path, start, offsets = self.queue_file(qid, sender, rcpts, body, damage)
        now = int(time.time())
        values = dict(flags=1, queue_name="active", queue_id=qid, offset=start, size=len(body) + body.count("\n"), nexthop=nexthop,
                      sender=sender, arrival_sec=now, active_sec=now)
        values.update(request or {})
        msg = attrs([(k, values.get(k, 0 if k in NUMBERS else "")) for k in REQUEST])
        for r, o in zip(rcpts, offsets):
            msg += attrs([("recipient", r), ("original_recipient", r), ("dsn_orig_rcpt", orcpt), ("notify_flags", notify), ("offset", o)])
        before = len(read(self.log)) if os.path.exists(self.log) else 0
        c = channel or self.connect(self.agent(lmtp, **settings))
        ask(c, frame(b"D", msg), path)
        got = receive(c)
        if channel is None:
            c.close()
        with open(path, "rb") as f:
            after = f.read()
        os.unlink(path)
        return "".join(chr(after[o]) for o in offsets), parse(got[1]) if got else None, self.lines(before, qid)


def resolver(client, nameserver="127.0.0.1", hosts="127.0.0.1 localhost\n", search=""):
    """The namespace's own resolv.conf and hosts file."""
    for path, text in (("/etc/resolv.conf", "nameserver %s\n%soptions timeout:1 attempts:2\n" % (nameserver, search)), ("/etc/hosts", hosts)):
        mine = write(client.root + path.replace("/", "."), text)
        subprocess.check_call(["mount", "--bind", mine, os.path.realpath(path)])
