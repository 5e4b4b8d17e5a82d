#!/usr/bin/env python3
"""Programs of the mail system are killed at random moments while mail flows: what got 250 arrives, once or twice."""
import collections
import contextlib
import glob
import os
import random
import re
import signal
import threading
import time

from harness import HOMES, USERS, Host, Sink, Smtp, contents, furnish, main, send, test, until, write

MESSAGES, CLIENTS = 1000, 6
PORT = 2599
SEED = int(os.environ.get("SEED", "20260"))
MAIN = {"queue_run_delay": "1s", "minimal_backoff_time": "1s", "maximal_backoff_time": "2s", "transport_retry_time": "1s",
        "service_throttle_time": "1s", "stale_lock_time": "1s", "transport_maps": "inline:{ away.test=smtp:[127.0.0.1]:%d }" % PORT,
        "virtual_alias_maps": "inline:{ {ambos@example.test = x@away.test, ana@example.test} }",
        "smtpd_client_connection_count_limit": "0"}
MAILDIR = HOMES + "/ana/Maildir/new/*"
RECIPIENTS = ("paco@example.test", "x@away.test", "ana@example.test", "ambos@example.test")
FILLER = "0123456789" * 6 + "\n"


def text_of(n):
    """Between few bytes and many, with a mark at its end that shows a whole copy."""
    return "Subject: number %d\n\n%send of %d." % (n, FILLER * (n * 37 % 200), n)


class Clients:
    """Send each message until it got 250; whoever is cut off tries again, as every client must."""

    def __init__(self, count):
        self.todo = collections.deque(range(count))
        self.accepted, self.attempts, self.failures = {}, 0, collections.Counter()
        self.stop = False
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(CLIENTS)]
        for t in self.threads:
            t.start()

    def work(self):
        session = None
        while self.todo and not self.stop:
            try:
                n = self.todo.popleft()
            except IndexError:
                break
            while n not in self.accepted and not self.stop:
                self.attempts += 1
                try:
                    if session is None:
                        session = Smtp()
                        session.expect("EHLO client.test", 250)
                    reply = session.mail("", [RECIPIENTS[n % len(RECIPIENTS)]], text_of(n))
                    if reply.startswith("250"):
                        self.accepted[n] = reply
                    else:
                        self.failures[reply[:3]] += 1
                    time.sleep(0.03)
                    if n % 10 == 0:
                        raise EOFError("new session")
                except (OSError, EOFError, AssertionError) as e:
                    self.failures[type(e).__name__] += 1
                    with contextlib.suppress(OSError, AttributeError):
                        session.close()
                    session = None
                    if not isinstance(e, EOFError):
                        time.sleep(0.05)

    def done(self):
        return not any(t.is_alive() for t in self.threads)


def arrived():
    """{place: {number of the message: whole copies}}."""
    places = {"paco": [contents("/var/mail/paco")], "ana": [contents(f) for f in glob.glob(MAILDIR)],
              "sink": [m[2].decode("latin-1") for m in list(SINK.messages)]}
    return {name: collections.Counter(int(n) for text in texts for n in re.findall(r"^end of (\d+)\.\r?$", text, re.M))
            for name, texts in places.items()}


def wanted(n):
    return (("paco",), ("sink",), ("ana",), ("sink", "ana"))[n % len(RECIPIENTS)]


def check_arrival(host, clients):
    until("an empty queue", lambda: not list_queue(host), 120)
    copies = arrived()
    lost = [(n, place) for n in clients.accepted for place in wanted(n) if not copies[place][n]]
    assert not lost, (len(lost), lost[:10])
    strange = [(n, place) for place in copies for n in copies[place] if place not in wanted(n)]
    assert not strange, strange
    twice = sum(c - 1 for place in copies.values() for c in place.values() if c > 1)
    print("  %d accepted in %d attempts, %d second copies, clients saw %s"
          % (len(clients.accepted), clients.attempts, twice, dict(clients.failures)))


def list_queue(host):
    """The queue directories themselves, because the lister may just have been killed."""
    return [f for d in ("maildrop", "incoming", "active", "deferred", "corrupt") for where, _, names in os.walk("/var/spool/postfix/" + d)
            for f in names if re.fullmatch(r"\w+", f) and os.path.exists(os.path.join(where, f))
            and (d != "incoming" or os.stat(os.path.join(where, f)).st_mode & 0o100)]


def check_services(host):
    """Everybody works again without help."""
    mark = len(host.log())
    send("paco@example.test", "Subject: after\n\nx")
    send("x@away.test", "Subject: after\n\nx")
    host.run("sendmail", "-f", "luis@example.test", "nobody-here@example.test", text="Subject: bounces\n\nx\n")
    host.wait_log(r"sender non-delivery notification", mark)
    host.wait_mail("luis", "bounces")
    host.wait_mail("paco", "Subject: after")
    until("the sink", lambda: any(b"Subject: after" in m[2] for m in SINK.messages))
    host.wait_empty()
    assert host.run("postqueue", "-p").stdout == "Mail queue is empty\n"


def clean(host):
    SINK.messages.clear()
    for f in glob.glob(MAILDIR) + glob.glob("/var/mail/paco") + glob.glob("/var/mail/luis"):
        os.unlink(f)


@test
def killed_daemons_lose_nothing(host):
    rng = random.Random(SEED)
    clients, killed = Clients(MESSAGES), collections.Counter()
    try:
        while not clients.done():
            victims = host.daemons()
            if victims:
                pid = rng.choice(sorted(victims))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed[victims[pid]] += 1
            time.sleep(rng.random() * 0.05)
    finally:
        clients.stop = True
    print("  killed: " + ", ".join("%s %d" % k for k in killed.most_common()))
    assert len(clients.accepted) == MESSAGES and sum(killed.values()) >= 20 and len(killed) >= 5, killed
    check_arrival(host, clients)
    check_services(host)
    clean(host)


@test
def a_killed_master_is_started_again_and_nothing_is_lost(host):
    rng = random.Random(SEED + 1)
    clients = Clients(MESSAGES // 2)
    try:
        for _ in range(4):
            time.sleep(0.2 + rng.random() * 0.5)
            os.kill(host.master(), signal.SIGKILL)
            until("a start", lambda: host.run("postfix", "start", check=False).returncode == 0)
        until("the clients", clients.done, 120)
    finally:
        clients.stop = True
    assert len(clients.accepted) == MESSAGES // 2
    check_arrival(host, clients)
    check_services(host)


def prepare(tree, work):
    global SINK
    furnish(tree, work)
    write(HOMES + "/ana/.forward", HOMES + "/ana/Maildir/\n", owner=USERS["ana"])
    SINK = Sink(PORT)
    host = Host()
    host.configure(main=MAIN)
    host.start()
    return host


main(prepare)
