#!/usr/bin/env python3
"""The pages of docs/guides do what they say: their settings, services, files and commands, on a system of this suite.

docs/guides/README.md says how a page is written for this."""
import contextlib
import glob
import itertools
import os
import re
import shutil

from dovecot import Dovecot
from harness import contents, Dns, ETC, furnish, HOMES, Host, main, Smtp, TESTS, until

GUIDES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/guides")
BASE = {"smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"}
STOCK = {}  # what each page begins with
LISTED = ("2.0.0.127", "9.113.0.203")  # the test entry that every block list has, and a robot; last number first
DNS = {(address + ".zen.spamhaus.org", "A"): ["127.0.0.2"] for address in LISTED}
ELSEWHERE = {"apt-get", "doveadm", "doveconf", "dpkg-reconfigure", "./install.sh", "systemctl"}  # commands for a machine of one's own
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)
TURN = re.compile(r"((?:^(?!\d{3}[ -]).*\n)*)((?:^\d{3}[ -].*\n)+)", re.M)  # what one side says, what the server answers
COMMENT = re.compile(r"^<!-- (run|smtp)([^:\n]*): (.*?) => (.*?) -->$", re.M)


class Guide:
    def __init__(self, host, path):
        self.host, self.page = host, contents(path)
        self.has_packages = "apt-get install" in self.page
        self.seen, self.taken_over = 0, None

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
            if line == "postfix reload":
                self.reload()
            elif self.is_there(line.split()[0]):
                self.host.run("sh", "-c", line)

    def is_there(self, command):
        if command in ELSEWHERE:
            return False
        found = shutil.which(command) is not None
        assert found or self.has_packages, "no such command: " + command
        return found

    # ------------------------------------------------------------ what has to be seen

    def dialogue(self, text, words):
        with contextlib.closing(until("port " + "".join(words), lambda: connect(*map(int, words)))) as c:
            for typed, answer in TURN.findall(text):
                if typed:
                    c.raw(typed.replace("\n", "\r\n"))
                said = c.reply() if typed else c.banner
                assert nameless(said) == nameless(answer.rstrip("\n")), (typed, said)
        self.seen += 1

    def settle(self):
        """Let the daemons have what was written since the last reload."""
        if written() != self.taken_over:
            self.reload()

    def reload(self):
        self.taken_over = written()
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

    KINDS = {"main.cf": settings, "master.cf": services, "file": file, "sh": commands, "smtp": dialogue}

    def do(self, info, text):
        kind, *words = info.split()
        self.KINDS[kind](self, text, words)

    def play(self):
        for found in steps(self.page):
            if found.re is COMMENT or found[1].startswith("smtp"):
                self.settle()
            (self.do if found.re is BLOCK else self.see)(*found.groups())
        self.settle()
        complaints = self.host.run("postfix", "check")
        assert complaints.stdout + complaints.stderr == "", complaints.stdout + complaints.stderr
        assert self.seen, "nothing is to be seen"


def steps(page):
    """What a page does and sees, in its order: matches of BLOCK and COMMENT."""
    blocks = [m for m in BLOCK.finditer(page) if m[1]]
    return sorted([*blocks, *COMMENT.finditer(page)], key=lambda m: m.start())


def written():
    """When each file of the configuration was written."""
    return {path: os.stat(path).st_mtime_ns for path in glob.glob(ETC + "/*")}


def connect(port=25):
    try:
        return Smtp(port)
    except ConnectionRefusedError:
        return None


def nameless(reply):
    return re.sub(r"(queued as )\w+", r"\1ID", reply)


def entries(text):
    """Lines with those behind them that begin with a blank; without comments."""
    text = "\n".join(line for line in text.split("\n") if line.strip() and not line.startswith("#"))
    return re.split(r"\n(?=[^ \t])", text) if text else []


def page_test(path):
    def test(host):
        for file, text in STOCK.items():
            host.write(file, text)
        host.run("newaliases")
        Guide(host, path).play()
        fatal = [line for line in host.log().split("\n") if ": fatal: " in line or ": panic: " in line]
        assert not fatal, fatal
    test.__name__ = name_of(path)
    return test


def translation_test(path, original):
    """What a translation does is what the original does, which is played."""
    def test(_):
        here, there = ([m[0] for m in steps(contents(page))] for page in (path, original))
        for step, wanted in itertools.zip_longest(here, there):
            assert step == wanted, (step, wanted)
    test.__name__ = name_of(path) + " says the same"
    return test


def the_index_names_every_page(_):
    named = set(re.findall(r"\]\(([\w/-]+\.md)\)", contents(GUIDES + "/README.md")))
    there = {os.path.relpath(page, GUIDES) for page in PAGES}
    assert named == there, named ^ there


def links_lead_somewhere(_):
    dead = [(page, link) for page in [GUIDES + "/README.md", *PAGES] for link in re.findall(r"\]\(([^)#:]+)", contents(page))
            if not os.path.exists(os.path.join(os.path.dirname(page), link))]
    assert not dead, dead


def name_of(path):
    return os.path.relpath(path, GUIDES)[:-3].replace("/", " ").replace("-", "_")


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.write("/etc/default/useradd", "HOME=%s\n" % HOMES)
    host.configure(main=BASE)
    for file in (ETC + "/main.cf", ETC + "/master.cf", "/etc/aliases"):
        STOCK[file] = contents(file)
    Dns("127.0.0.1", DNS)
    host.start()
    Dovecot()
    return host


PAGES = [p for p in sorted(glob.glob(GUIDES + "/**/*.md", recursive=True)) if os.path.basename(p) != "README.md"]
for page in PAGES:
    original = os.path.join(GUIDES, os.path.basename(page))
    TESTS.append(page_test(page) if page == original or original not in PAGES else translation_test(page, original))
TESTS.extend([the_index_names_every_page, links_lead_somewhere])
main(prepare)
