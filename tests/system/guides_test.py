#!/usr/bin/env python3
"""The pages of docs/guides do what they say: their settings, services, files and commands, on a system of this suite.

docs/guides/README.md says how a page is written for this."""
import contextlib
import glob
import os
import re
import shutil

from harness import contents, ETC, furnish, Host, main, Smtp, TESTS, until

GUIDES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/guides")
BASE = {"smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"}
STOCK = {}  # what each page begins with
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)
COMMENT = re.compile(r"^<!-- (run|smtp)([^:\n]*): (.*?) => (.*?) -->$", re.M)


class Guide:
    def __init__(self, host, path):
        self.host, self.page = host, contents(path)
        self.has_packages = "apt-get install" in self.page
        self.seen = 0

    # ------------------------------------------------------------ what a block says

    def settings(self, text, _):
        self.host.run("postconf", "-e", *(re.sub(r"\n[ \t]+", " ", line) for line in entries(text)))

    def services(self, text, _):
        lines = [re.sub(r"\n[ \t]+", " ", line) for line in entries(text)]
        names = ["/".join(line.split()[:2]) for line in lines]
        self.host.run("postconf", "-MX", *names, check=False)
        self.host.run("postconf", "-Me", *map("=".join, zip(names, lines)))

    def file(self, text, words):
        self.host.write(words[0], text, mode=int((words[1:] or ["644"])[0], 8))

    def commands(self, text, _):
        for line in entries(text):
            if self.is_there(line.split()[0]):
                self.host.run("sh", "-c", line)

    def is_there(self, command):
        if command == "apt-get":
            return False
        found = shutil.which(command) is not None
        assert found or self.has_packages, "no such command: " + command
        return found

    KINDS = {"main.cf": settings, "master.cf": services, "file": file, "sh": commands}

    def do(self, info, text):
        kind, *words = info.split() or [""]
        if kind:
            self.KINDS[kind](self, text, words)

    # ------------------------------------------------------------ what has to be seen

    def settle(self):
        complaints = self.host.run("postfix", "check")
        assert complaints.stdout + complaints.stderr == "", complaints.stdout + complaints.stderr
        mark = len(self.host.log())
        self.host.run("postfix", "reload")
        self.host.wait_log(r": reload -- version", mark)

    def run(self, command, _):
        return self.host.run("sh", "-c", command, check=False).stdout

    def smtp(self, recipient, helo):
        with contextlib.closing(Smtp()) as c:
            for line in ("EHLO " + (helo or "client.test"), "MAIL FROM:<someone@far.test>", "RCPT TO:<%s>" % recipient):
                reply = c(line)
                if not reply.startswith("2"):
                    break
            return reply

    def see(self, kind, words, what, pattern):
        look = self.run if kind == "run" else self.smtp
        until("%s => %s" % (what, pattern), lambda: re.search(pattern if kind == "run" else "^" + pattern, look(what, words.strip()), re.M))
        self.seen += 1

    def play(self):
        changed = True
        for found in sorted([*BLOCK.finditer(self.page), *COMMENT.finditer(self.page)], key=lambda m: m.start()):
            if found.re is BLOCK:
                self.do(*found.groups())
                changed = True
                continue
            if changed:
                self.settle()
                changed = False
            self.see(*found.groups())
        if changed:
            self.settle()
        assert self.seen, "nothing is to be seen"


def entries(text):
    """Lines with those behind them that begin with a blank; without comments."""
    text = "\n".join(line for line in text.split("\n") if line.strip() and not line.startswith("#"))
    return re.split(r"\n(?=[^ \t])", text) if text else []


def page_test(path):
    def test(host):
        for file, text in STOCK.items():
            host.write(file, text)
        Guide(host, path).play()
        fatal = [line for line in host.log().split("\n") if ": fatal: " in line or ": panic: " in line]
        assert not fatal, fatal
    test.__name__ = os.path.relpath(path, GUIDES)[:-3].replace("/", " ").replace("-", "_")
    return test


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.configure(main=BASE)
    for file in (ETC + "/main.cf", ETC + "/master.cf"):
        STOCK[file] = contents(file)
    host.start()
    return host


pages = [p for p in sorted(glob.glob(GUIDES + "/**/*.md", recursive=True)) if os.path.basename(p) != "README.md"]
TESTS.extend(map(page_test, pages))
main(prepare)
