#!/usr/bin/env python3
"""A hundred hosts, with failing, slow, greylisting and lying servers among them: all mail ends in delivery, report or hold,
and the log tells why.

    hundred_hosts_test.py BUILD [--long] [name of a test]

--long sends ten times as much and takes twenty minutes.  SEED chooses other traffic; KEEP_LOG=FILE keeps the log."""
import collections
import contextlib
import os
import random
import re
import signal
import sys
import threading
import time

import harness
from harness import DOMAIN, Host, Smtp, contents, furnish, main, test, until
from hundred.audit import Audit, queue_files, waiting
from hundred.servers import KINDS
from hundred.world import NAME_SERVER, Stage, World

LONG = "--long" in sys.argv
if LONG:
    sys.argv.remove("--long")
    os.environ["LONG"] = "1"
LONG = bool(os.environ.get("LONG"))
SEED = int(os.environ.get("SEED", "1965"))
MESSAGES = int(os.environ.get("MESSAGES", "10000" if LONG else "900"))
CLIENTS = 4
STORM_SECONDS = 300 if LONG else 12
LIFETIME, BACKOFF, BACKOFF_MAX, LIMIT, INITIAL = (60, 4, 10, 4, 2) if LONG else (15, 2, 4, 4, 2)
MAIN = {
    "inet_interfaces": "127.0.0.1", "recipient_delimiter": "+", "notify_classes": "2bounce",
    "smtpd_client_connection_count_limit": "0", "smtpd_recipient_limit": "1000",
    "queue_run_delay": "1s", "minimal_backoff_time": "%ds" % BACKOFF, "maximal_backoff_time": "%ds" % BACKOFF_MAX,
    "maximal_queue_lifetime": "%ds" % LIFETIME, "bounce_queue_lifetime": "%ds" % (LIFETIME // 3),
    "transport_retry_time": "1s", "service_throttle_time": "1s", "max_use": "15",
    "default_destination_concurrency_limit": str(LIMIT), "initial_destination_concurrency": str(INITIAL),
    "smtp_connect_timeout": "2s", "smtp_helo_timeout": "3s", "smtp_mail_timeout": "3s", "smtp_rcpt_timeout": "3s",
    "smtp_data_init_timeout": "3s", "smtp_data_xfer_timeout": "3s", "smtp_data_done_timeout": "3s", "smtp_quit_timeout": "3s",
    "smtp_rset_timeout": "3s", "smtp_per_request_deadline": "yes",
}
ALIASES = "postmaster: root\nroot: paco\n"
FILLER = "0123456789" * 6 + "\n"
PEOPLE = ("enrique", "paco", "ana", "luis")
# Weighted kinds of senders; what is reported to them must arrive somewhere, in the end at the postmaster's.
SENDERS = {"local": 55, "remote": 15, "nobody": 10, "dead": 8, "unknown": 6, "postmaster": 4, "refusing": 2}
Sent = collections.namedtuple("Sent", "number sender recipients qid")


class Traffic:
    """Messages from SMTP clients and from sendmail.  What was not acknowledged is not counted."""

    def __init__(self, host, world, rng, first, count, seconds):
        self.pause = seconds * CLIENTS / count
        self.host, self.world, self.sent, self.doubtful, self.refusals = host, world, {}, set(), []
        self.weights = [d.weight for d in world.domains]
        self.todo = collections.deque(self.plan(rng, n) for n in range(first, first + count))
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(CLIENTS)]
        for t in self.threads:
            t.start()

    def plan(self, rng, n):
        """(number, sender, recipients, by sendmail, 8-bit)"""
        count = min(50, int(rng.paretovariate(0.9)))
        by_sendmail = rng.random() < 0.08
        recipients = []
        for i in range(count):
            if rng.random() < 0.06:
                recipients.append("%s+r%dx%d@%s" % (rng.choice(PEOPLE), n, i, DOMAIN))
            elif by_sendmail and rng.random() < 0.1:
                recipients.append("nobody-r%dx%d@%s" % (n, i, DOMAIN))
            else:
                recipients.append("r%dx%d@%s" % (n, i, rng.choices(self.world.domains, self.weights)[0].name))
        kind = rng.choices(list(SENDERS), SENDERS.values())[0]
        sender = {"local": rng.choice(PEOPLE) + "@" + DOMAIN, "remote": "s%d@at-good%d.test" % (n, n % 30), "nobody": "",
                  "dead": "s%d@no-such-domain.test" % n, "unknown": "s%d@%s" % (n, DOMAIN), "postmaster": "double-bounce@mail." + DOMAIN,
                  "refusing": "s%d@at-refusing%d.test" % (n, n % 4)}[kind]
        return n, sender, recipients, by_sendmail, rng.random() < 0.1

    @staticmethod
    def text(n, eight_bit):
        return "From: test@%s\nMessage-ID: <number-%d@client.test>\nSubject: number %d\n\n.%s\n%send of %d.\n" % (
            DOMAIN, n, n, "\xe9" if eight_bit else "e", FILLER * (n * 37 % 100), n)

    def work(self):
        session = None
        while self.todo:
            try:
                n, sender, recipients, by_sendmail, eight_bit = self.todo.popleft()
            except IndexError:
                break
            time.sleep(self.pause)
            text = self.text(n, eight_bit)
            if by_sendmail:
                self.by_sendmail(n, sender, recipients, text)
                continue
            try:
                if session is None:
                    session = Smtp()
                    session.expect("EHLO client.test", 250)
                self.by_smtp(session, n, sender, recipients, text, " BODY=8BITMIME" if eight_bit else "")
                if n % 10 == 0:
                    session.close()
                    session = None
            except (OSError, EOFError):
                self.doubtful.add(n)
                with contextlib.suppress(OSError, AttributeError):
                    session.close()
                session = None
                time.sleep(0.05)

    def by_smtp(self, session, n, sender, recipients, text, parameters):
        session.raw("".join(["MAIL FROM:<%s>%s\r\n" % (sender, parameters), *("RCPT TO:<%s>\r\n" % r for r in recipients), "DATA\r\n"]))
        mail = session.reply()
        answers = [session.reply() for _ in recipients]
        data = session.reply()
        taken = [r for r, a in zip(recipients, answers) if a.startswith("250")]
        self.refusals += [a for a in [mail, *answers] if not a.startswith("250")]
        if not data.startswith("354"):
            return
        session.raw(re.sub("^\\.", "..", text, flags=re.M).replace("\n", "\r\n") + ".\r\n")
        reply = session.reply()
        found = re.fullmatch(r"250 2\.0\.0 Ok: queued as (\w+)", reply)
        if found:
            self.sent[n] = Sent(n, sender, taken, found[1])
        else:
            self.refusals.append(reply)

    def by_sendmail(self, n, sender, recipients, text):
        p = self.host.run("sendmail", "-f", sender or "<>", *recipients, text=text, check=False)
        if p.returncode == 0:
            self.sent[n] = Sent(n, sender, recipients, None)
        else:
            self.doubtful.add(n)
            self.refusals.append("sendmail: " + p.stderr)

    def done(self):
        return not any(t.is_alive() for t in self.threads)


class Storm:
    """An operator with shaking hands: kills, holds, deletes, requeues, flushes and reloads while mail flows."""

    def __init__(self, host, rng):
        self.host, self.rng, self.killed, self.done, self.moments = host, rng, {}, collections.Counter(), []

    def kill(self):
        victims = self.host.daemons()
        # Each kind of program as often as any other: there are many of some and one of others.
        name = self.rng.choice(sorted(set(victims.values()) - {"postlogd"}))
        pid = self.rng.choice(sorted(p for p, n in victims.items() if n == name))
        if name == "qmgr":
            self.moments.append(time.time())
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.killed[pid] = name

    def some(self, *queues):
        ids = sorted(i for q in queues for i in queue_files(q) if re.fullmatch(r"\w+", i))
        return self.rng.sample(ids, min(2, len(ids)))

    def super(self, option, *queues):
        for i in self.some(*queues):
            self.host.run("postsuper", option, i, check=False)

    def requeue(self):
        self.super("-r", "active", "deferred", "hold")
        self.host.run("postkick", "public", "pickup", "W", check=False)

    def reload(self):
        self.moments.append(time.time())
        self.host.run("postfix", "reload")

    def act(self):
        acts = {"kill": (50, self.kill), "hold": (10, lambda: self.super("-h", "incoming", "active", "deferred")),
                "release": (7, lambda: self.super("-H", "hold")), "delete": (6, lambda: self.super("-d", "active", "deferred", "hold")),
                "requeue": (8, self.requeue),
                "flush": (12, lambda: self.host.run("postqueue", "-f", check=False)), "reload": (4, self.reload)}
        name = self.rng.choices(list(acts), [w for w, _ in acts.values()])[0]
        acts[name][1]()
        self.done[name] += 1


# ---------------------------------------------------------------- the end

def mailboxes(host):
    """Messages in local mailboxes: {user: [texts]}."""
    return {u: re.split(r"(?m)^From .*\d\d:\d\d:\d\d \d{4}\n", host.mailbox(u))[1:] for u in PEOPLE}


def audit_of(host, world, stage, traffic, mark):
    boxes = mailboxes(host)
    log = host.log()[mark:]
    deleted = re.findall(r"postfix/postsuper\[\d+\]: (\w+): removed$", log, re.M)
    a = Audit(log, traffic.sent, world, stage.census(), [t for b in boxes.values() for t in b], deleted)
    for texts in boxes.values():
        for text in texts:
            to = re.search(r"^X-Original-To: (\S+\+r\S+)$", text, re.M)
            number = re.search(r"^Subject: number (\d+)$", text, re.M)
            if to and number:
                a.arrived[to[1], int(number[1])] += 1
                if "end of %s." % number[1] not in text:
                    a.broken.append(("local", to[1], int(number[1])))
    return a


def short(things, n=8):
    things = list(things)
    return "%d: %s" % (len(things), "\n    ".join(str(t) for t in things[:n]))


# What a name server or a host that gets no time from a busy machine looks like.
BAD_LUCK = r"Host not found, try again|timed out"


def check(problems, title, things):
    if things:
        problems.append("%s: %s" % (title, short(things)))


def contacts(a, qid, recipient):
    """How often its host has heard of it; a greylisting one wants it more than once."""
    return sum(t.qid == qid and t.relay != "none" for t in a.log.attempts.get(recipient, []))


def check_recipients(a, traffic, problems, exact):
    """Each recipient has come to an end that its domain allows, and the log and a report say why."""
    domains = {d.name: d for d in a.world.domains}
    tally, lost, twice, wrong, unexplained, unreported, liar = collections.Counter(), [], [], [], [], [], []
    unlucky = 0  # expired by bad luck, or because other recipients of the message took a lifetime
    for s in traffic.sent.values():
        for r in s.recipients:
            ends = a.ends_of(r, s.number)
            tally["+".join(sorted(ends)) or "LOST"] += 1
            if not ends:
                lost.append((s.number, r, s.qid, a.log.attempts.get(r, [])[-2:]))
                continue
            copies = a.arrived[r, s.number]
            if len(ends) > 1 or copies > 1:
                twice.append((s.number, r, ends, copies))
            if ("sent" in ends and not copies) or (exact and copies and "sent" not in ends):
                liar.append((s.number, r, ends, copies))
            domain = domains.get(r.split("@")[1])
            allowed = domain.ends if domain else "bounced" if r.startswith("nobody-") else "sent"
            why = domain.why if domain and domain.why else "unknown user"
            if "expired" in ends and "sent" in ends and not exact:
                del ends["expired"]  # a new queue manager did not know of the delivery that was under way
            for word, attempt in ends.items():
                if word in ("held", "deleted"):
                    continue
                reason = why
                if word == "expired" and word not in allowed and (contacts(a, attempt.qid, r) < 3 or domain and domain.moody):
                    unlucky += 1
                    reason += "|" + BAD_LUCK
                elif word not in allowed and (exact or not (word == "expired" or attempt.relay == "none")):
                    wrong.append((s.number, r, word, attempt))
                if word != "sent":
                    if exact and not re.search(reason, attempt.why):
                        unexplained.append((r, reason, attempt))
                    if not a.told(attempt.qid, r):
                        unreported.append((s.number, s.sender, r, word, attempt))
    print("  ends: " + ", ".join("%s %d" % e for e in tally.most_common()) + ("; %d without luck" % unlucky if unlucky else ""))
    if exact and unlucky > sum(tally.values()) / 20:
        problems.append("%d recipients expired without a reason" % unlucky)
    check(problems, "neither delivered nor reported nor held", lost)
    check(problems, "failed without a report", unreported)
    problems += ["\n".join(a.log.about(attempt.qid)) for *_, attempt in unreported[:2]]
    check(problems, "ended in a way that the destination does not explain", wrong)
    check(problems, "the log does not say why", unexplained)
    check(problems, "the log and the server do not agree", liar)
    if exact:
        check(problems, "ended twice", twice)
    else:
        print("  %d recipients have more than one end or copy" % len(twice))
    check(problems, "broken content", a.broken)


def check_queue(a, problems, exact):
    for name in ("maildrop", "incoming", "active", "deferred", "corrupt"):
        check(problems, "left in " + name, [p for f, p in queue_files(name).items() if f in set(waiting()) or name == "corrupt" or exact])
    for name in ("bounce", "defer", "trace"):
        rest = set(queue_files(name)) - a.held
        if exact:
            check(problems, "log without a message in " + name, rest)
        elif rest:
            print("  %d logs without a message in %s: %s" % (len(rest), name, " ".join(sorted(rest)[:5])))


USUAL = [r"smtp: warning: .*(greeted me with my own hostname|no MX host for .* has a valid address record|host name|MX|address literal|numeric|name server)",
         r"bounce: warning: \w+: undeliverable postmaster notification discarded", r"qmgr: warning: \w+: to=.*undeliverable postmaster notification discarded",
         r"smtp: warning: \S+: (multi-line )?response longer than ",
         r"smtp: warning: (valid_hostname|valid_ipv4|malformed|illegal|unexpected)"]
AFTER_KILLS = [r"qmgr: warning: (private/|transport |connect to transport|premature|unexpected|.*(service failure|bounce|defer))", r"(smtp|local|error|bounce): warning: ",
               r"(smtpd|pickup|cleanup|postqueue|sendmail|postdrop|showq|master|qmgr|proxymap|anvil|tlsmgr|retry|discard): warning: ", r"postqueue: (warning|fatal): ", r"postsuper: (warning|fatal): "]


def check_log(a, problems, storm=None):
    ours = set(storm.killed) if storm else set()
    check(problems, "processes that died by themselves", [k for k in a.log.killed if k[0] not in ours or k[1] != signal.SIGKILL] + a.log.failed)
    usual = USUAL + (AFTER_KILLS if storm else [])
    check(problems, "fatal, panic or unexpected", [w for w in a.log.warnings if re.match(r"\S+ (fatal|panic|error):", w) and not any(re.match(u, w) for u in usual)])
    odd = [w for w in a.log.warnings if not any(re.match(u, w) for u in usual)]
    if not storm:
        check(problems, "unexpected warnings", odd)
    shapes = collections.Counter(re.sub(r"[0-9A-F]{6,}|\d+", "N", re.sub(r"[\w.-]+\.test", "T", w))[:110] for w in a.log.warnings)
    for shape, n in shapes.most_common(12):
        print("    %5d %s" % (n, shape))


def check_concurrency(a, problems, moments=()):
    """Never more connections than allowed.  When the queue manager is new, deliveries of the old one may still be under way."""
    excess = []
    for c in a.census.values():
        limit = a.world.limit_of(c.name, LIMIT)
        excess += [(c.name, n, limit) for when, n in c.peaks if n > limit and not any(0 <= when - m < 5 for m in moments)]
    check(problems, "more connections at once than allowed", excess)


def check_attempts(a, problems, seconds):
    """A dead destination is left alone for a while after a failed attempt."""
    bound = INITIAL * (seconds / BACKOFF + 2)
    too_many = []
    tried = collections.Counter(a.log.connect_failures)
    handled = collections.Counter(r.split("@")[-1] for r, attempts in a.log.attempts.items() for _ in attempts)
    for c in a.census.values():
        tried[c.name] += c.connections
    for host in a.world.hosts:
        if not KINDS[host.kind][1].starves:
            continue
        # Mail that another exchanger takes says nothing against its destination: all of it may try here first.
        most = sum(bound if d.starves else handled[d.name] for d in a.world.domains if host.name in d.hosts)
        if tried[host.name] > most:
            too_many.append((host.name, tried[host.name], most))
    check(problems, "too many attempts at dead hosts", too_many)


def check_resources(host):
    for name in ("qmgr", "master"):
        pid = host.pid_of(name) if name == "qmgr" else host.master()
        print("  %s: %s, %d descriptors" % (name, harness.proc_status(pid, "VmRSS"), len(os.listdir("/proc/%d/fd" % pid))))


def wait_for_the_end(host, storm, problems):
    """The storm lasts a while longer than the traffic; then all mail has the time that the rules give it.  A queue manager
    that was killed comes back when somebody has something to tell it."""
    calm, flushed = time.monotonic() + (LIFETIME / 2 if storm else 0), None
    end = calm + 3 * LIFETIME + 12 * BACKOFF_MAX
    while waiting() and time.monotonic() < end:
        if time.monotonic() < calm:
            storm.act()
        elif storm and not flushed:
            flushed = host.run("postqueue", "-f")
        time.sleep(0.2)
    check(problems, "still waiting", waiting())


def run(host, stage, world, first, storm=None):
    rng = random.Random(SEED + first)
    mark, started, problems = len(host.log()), time.monotonic(), []
    stage.clear()
    traffic = Traffic(host, world, rng, first, MESSAGES, STORM_SECONDS if storm else 0)
    while not traffic.done():
        if storm:
            storm.act()
        time.sleep(rng.random() * 0.3 if storm else 0.1)
    flowing = time.monotonic() - started
    wait_for_the_end(host, storm, problems)
    seconds = time.monotonic() - started
    time.sleep(0.5)
    a = audit_of(host, world, stage, traffic, mark)
    recipients = sum(len(s.recipients) for s in traffic.sent.values())
    print("  %d messages with %d recipients in %.0f s, at the end after %.0f s; %d deliveries taken by %d hosts, %d attempts logged"
          % (len(traffic.sent), recipients, flowing, seconds, sum(len(c.taken) for c in a.census.values()),
             sum(c.connections > 0 for c in a.census.values()), sum(map(len, a.log.attempts.values()))))
    if storm:
        print("  %s; killed %s; clients in doubt about %d" % (dict(storm.done), dict(collections.Counter(storm.killed.values())), len(traffic.doubtful)))
    else:
        check(problems, "clients were refused", traffic.refusals)
    check_recipients(a, traffic, problems, exact=not storm)
    check_queue(a, problems, exact=not storm)
    check_log(a, problems, storm)
    check_concurrency(a, problems, storm.moments if storm else ())
    if not storm:
        check_attempts(a, problems, seconds)
    check_resources(host)
    if os.environ.get("KEEP_LOG"):
        with open(os.environ["KEEP_LOG"] + "-%d" % first, "w", encoding="latin-1") as f:
            f.write(host.log()[mark:])
    assert not problems, "\n".join(problems)


@test
def all_mail_ends_and_the_log_tells_why(everything):
    run(*everything, first=100000)


@test
def all_mail_ends_in_a_storm_too(everything):
    host, stage, world = everything
    storm = Storm(host, random.Random(SEED))
    run(host, stage, world, first=200000, storm=storm)
    assert len(storm.killed) > 10, storm.killed


def prepare(tree, work):
    furnish(tree, work)
    world = World()
    stage = Stage(world)
    host = Host()
    host.write("/etc/resolv.conf", "nameserver %s\noptions timeout:2 attempts:1\n" % NAME_SERVER)
    host.configure(main=MAIN, aliases=ALIASES)
    assert contents("/etc/resolv.conf")
    host.start()
    return host, stage, world


main(prepare)
