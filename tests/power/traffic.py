"""Mail that proves what was accepted: messages with a number that is in every line, and the look for them in mailboxes."""
import os
import random
import re
import smtplib
import subprocess
import threading
import time

DOMAIN = "box.example"
BOXES = {"maildir": "maildir/", "mbox": "mbox", "sender": "sender/"}
RECIPIENTS = (["maildir"], ["maildir"], ["mbox"], ["maildir", "mbox"], ["nobody"])
LINES = (1, 5, 40, 200, 1000, 2500)  # the last makes more than a spare file may have, and than sendmail hands over by itself
MAIN = {
    "virtual_mailbox_domains": DOMAIN, "virtual_mailbox_base": "DIR/spool", "virtual_minimum_uid": "1",
    "virtual_mailbox_maps": "inline:{%s}" % ", ".join("%s@%s=%s" % (k, DOMAIN, v) for k, v in BOXES.items()),
    "virtual_mailbox_lock": "fcntl",  # a lock file that survives is another matter
    "smtpd_reject_unlisted_recipient": "no", "bounce_size_limit": "1000000",
}


def body(number):
    lines = random.Random(number).choice(LINES)
    return "".join("%d: line %d of a message\n" % (number, i) for i in range(lines)) + "%d: end\n" % number


def message(number):
    return "From: sender@%s\nSubject: power\nX-Number: %d\n\n%s" % (DOMAIN, number, body(number))


class Traffic:
    """Clients that send until they are stopped.  `accepted`: (time of the answer, number, recipients)."""

    def __init__(self, suite, clients, seed):
        self.suite, self.accepted, self.stopped = suite, [], threading.Event()
        self.next = seed * 1000000
        self.lock = threading.Lock()
        jobs = [self.by_smtp] * clients + [self.by_sendmail]
        self.threads = [threading.Thread(target=job, daemon=True) for job in jobs]

    def take_number(self):
        with self.lock:
            self.next += 1
            return self.next

    def rounds(self):
        while not self.stopped.is_set():
            number = self.take_number()
            yield number, random.Random(-number).choice(RECIPIENTS)

    def note(self, number, recipients):
        self.accepted.append((time.monotonic(), number, recipients))

    def by_smtp(self):
        with smtplib.SMTP("127.0.0.1", self.suite.port) as s:
            for number, recipients in self.rounds():
                s.sendmail("sender@" + DOMAIN, ["%s@%s" % (r, DOMAIN) for r in recipients], message(number))
                self.note(number, recipients)

    def by_sendmail(self):
        for number, recipients in self.rounds():
            self.suite.command("sendmail", "-i", "-f", "sender@" + DOMAIN, *["%s@%s" % (r, DOMAIN) for r in recipients],
                               input=message(number).encode(), stderr=subprocess.DEVNULL)
            self.note(number, recipients)
            time.sleep(0.05)

    def run(self, seconds):
        for t in self.threads:
            t.start()
        time.sleep(seconds)
        self.stopped.set()
        for t in self.threads:
            t.join()


# ---- afterwards ----

START = re.compile(r"^X-Number: (\d+)\n(?:\S.*\n)*\n", re.M)  # to the end of the header


def contents(directory):
    found = {}
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), errors="replace") as f:
            found[name] = f.read()
    return found


def numbers(text):
    """The messages that a text holds, each from its number to its end."""
    for start in START.finditer(text):
        number = int(start[1])
        if text.startswith(body(number), start.end()):
            yield number


def is_whole(text):
    """One file of a Maildir: one message and nothing else."""
    found = START.search(text)
    return found is not None and text[found.end():] == body(int(found[1]))


def look(spool):
    """({(box, number): copies}, complaints)"""
    copies, wrong = {}, []
    for box, place in BOXES.items():
        path = os.path.join(spool, place)
        if not os.path.exists(path):
            continue
        texts = contents(path + "new") if place.endswith("/") else {place: open(path, errors="replace").read()}
        for name, text in texts.items():
            for number in numbers(text):
                copies[box, number] = copies.get((box, number), 0) + 1
            if box == "maildir" and not is_whole(text):
                wrong.append("%s%s is not one whole message" % (place, name))
    return copies, wrong


def lost(accepted, copies):
    """What somebody was told is accepted, and nobody has: (number, box).  A bounce goes to the sender, with the headers."""
    wanted = [(n, "sender" if r == "nobody" else r) for n, recipients in accepted for r in recipients]
    return [(n, box) for n, box in wanted if (box, n) not in copies]
