#!/usr/bin/env python3
"""Send a first message by SMTP and show where it went: the last step of install.sh."""
import os
import pwd
import re
import socket
import subprocess
import sys
import time


def ask(name):
    return subprocess.run(["postconf", "-hx", name], capture_output=True, text=True).stdout.strip()


def local_user():
    """The first ordinary user; root's mail is delivered to nobody's command line otherwise."""
    for p in sorted(pwd.getpwall(), key=lambda p: p.pw_uid):
        if 1000 <= p.pw_uid < 60000 and os.path.isdir(p.pw_dir):
            return p.pw_name
    return "root"


def say(sock, f, line):
    if line is not None:
        print("C: " + line)
        sock.sendall(line.encode() + b"\r\n")
    while True:
        reply = f.readline().decode("latin-1").rstrip()
        print("S: " + reply)
        if len(reply) < 4 or reply[3] != "-":
            return reply


def send(user):
    with socket.create_connection(("127.0.0.1", 25), 30) as s:
        f = s.makefile("rb")
        say(s, f, None)
        for line in ("HELO localhost", "MAIL FROM:<root>", "RCPT TO:<%s>" % user, "DATA"):
            if not say(s, f, line)[:1] in "23":
                sys.exit("the mail system refused the first message; see the reply above and the log")
        s.sendall(b"Subject: First message\r\n\r\nThe mail system works.\r\n")
        reply = say(s, f, ".")
        say(s, f, "QUIT")
        return re.search(r"queued as (\w+)", reply)


def journal_lines():
    try:
        found = subprocess.run(["journalctl", "-q", "--no-pager", "--since", "-5min", "-o", "short", "--facility=mail"],
                               capture_output=True, text=True)
    except FileNotFoundError:
        return []
    return found.stdout.splitlines()


def log_lines(qid):
    path = ask("maillog_file") or "/var/log/mail.log"
    lines = []
    if os.path.exists(path):
        with open(path, errors="replace") as f:
            lines = f.read().splitlines()
    return [line for line in lines if qid in line] or [line for line in journal_lines() if qid in line]


def wait_delivery(qid):
    lines = []
    for _ in range(150):
        lines = log_lines(qid)
        if any("removed" in line for line in lines):
            break
        time.sleep(0.1)
    return lines


def show_mailbox(user):
    path = os.path.join(ask("mail_spool_directory") or "/var/mail", user)
    home = ask("home_mailbox")
    if home:
        print("\n%s is delivered to %s in the home directory" % (user, home))
    elif os.path.exists(path):
        with open(path, errors="replace") as f:
            text = f.read()
        print("\n%s now ends with:\n" % path)
        print(text[text.rfind("\nFrom ") + 1:])


def main():
    user = local_user()
    found = send(user)
    if not found:
        sys.exit("the first message was not accepted")
    lines = wait_delivery(found.group(1))
    print("\nlog:")
    print("\n".join(lines) or "(no log lines found; where does syslog write mail.*?)")
    show_mailbox(user)
    print("What next: edit /etc/postfix/main.cf (README.md, five minutes), then `postfix reload`;\n"
          "`mailq` shows what waits, `postconf -n` what you changed, `postfix stop` ends it.")


main()
