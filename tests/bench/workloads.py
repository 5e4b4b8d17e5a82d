"""What is measured.  A workload takes a tree and the settings of the run, plays one round and returns its figures; a round in which
a message is missing fails."""
import contextlib
import os
import pwd
import re
import socket
import tempfile
import threading
import time

import filters
import load
from suite import Failure, Meter, Suite, expect, free_port, wait_for

DISCARD = {"default_transport": "discard", "relayhost": ""}
ALL = {}


def workload(name, rate=None, cpu=None):
    """`rate`, `cpu`: what the ratio to the peer is to be, at least and at most."""
    def enter(function):
        function.goals = {"rate": rate, "cpu": cpu}
        ALL[name] = function
        return function
    return enter


def warm_up(suite, run, sent):
    run.tools.source(suite.port, 40)
    wait_for(lambda: sent() >= 40, "the first messages")
    suite.drain()


def relay_to(tree, run, sink, port, count, size=4096, sessions=20, main=()):
    """Through the suite to a sink: end to end."""
    with Suite(tree, run.place, {"relayhost": "[127.0.0.1]:%d" % port, **dict(main)}) as suite:
        warm_up(suite, run, sink)
        base, meter, begin = sink(), Meter(suite), time.monotonic()
        run.tools.source(suite.port, count, size, sessions)
        end = wait_for(lambda: sink() - base >= count, "%d messages at the sink" % count)
        suite.drain()
        figures = meter.figures(count)
        suite.note_memory()
        time.sleep(0.2)
        expect("messages at the sink", sink() - base, count)
        return {"rate (messages/s)": count / (end - begin), **figures, "memory (MiB)": suite.peak / 1024}


@workload("relay", 3.0, 0.30)
def relay(tree, run):
    port = free_port()
    with run.tools.sink(port) as sink:
        return relay_to(tree, run, sink, port, run.messages)


@workload("relay-big", 2.0, 0.33)
def relay_big(tree, run):
    port = free_port()
    with run.tools.sink(port) as sink:
        return relay_to(tree, run, sink, port, max(20, run.messages // 10), 1 << 20, 10)


def accept(tree, run, main=(), send=None, count=None):
    """Into the suite, and away: what the way in costs."""
    count = count or run.messages
    with Suite(tree, run.place, {**DISCARD, **dict(main)}) as suite:
        warm_up(suite, run, suite.sent)
        base, meter = suite.sent(), Meter(suite)
        seconds = (send or run.tools.source)(suite.port, count)
        suite.drain()
        figures = meter.figures(count)
        time.sleep(0.2)
        expect("messages", suite.sent() - base, count)
        return {"rate (messages/s)": count / seconds, **figures}


@workload("intake", 3.0, 0.33)
def intake(tree, run):
    return accept(tree, run)


@workload("intake-milter", 1.5, 0.5)
def intake_milter(tree, run):
    with tempfile.TemporaryDirectory() as d, filters.milter(d) as address:
        return accept(tree, run, {"smtpd_milters": address})


@workload("intake-policy", 1.5, 0.5)
def intake_policy(tree, run):
    with filters.policy() as address:
        return accept(tree, run, {"smtpd_recipient_restrictions": "check_policy_service " + address})


@contextlib.contextmanager
def certificates(run):
    with tempfile.TemporaryDirectory(dir=run.place) as d:
        load.make_certificate(d)
        yield d


def server_tls(d):
    return {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": d + "/cert", "smtpd_tls_key_file": d + "/key"}


@workload("tls-in", 1.5)
def tls_in(tree, run):
    with certificates(run) as d:
        return accept(tree, run, server_tls(d), lambda port, n: load.in_parallel(load.deliver_by_tls, port, n), run.messages // 2)


@workload("tls-relay", 2.0, 0.5)
def tls_relay(tree, run):
    port, count = free_port(), run.messages // 2
    with certificates(run) as d, load.tls_sink(port, d) as sink:
        with Suite(tree, run.place, {"relayhost": "[127.0.0.1]:%d" % port, "smtp_tls_security_level": "encrypt", **server_tls(d)}) as suite:
            load.in_parallel(load.deliver_by_tls, suite.port, 40)
            wait_for(lambda: sink() >= 40, "the first messages")
            suite.drain()
            meter, begin = Meter(suite), time.monotonic()
            load.in_parallel(load.deliver_by_tls, suite.port, count)
            end = wait_for(lambda: sink() >= count + 40, "%d messages at the sink" % count)
            suite.drain()
            figures = meter.figures(count)
            expect("messages at the sink", sink(), count + 40)
            return {"rate (messages/s)": count / (end - begin), **figures}


# ---- mailboxes ----

def into_mailboxes(tree, run, maildir, users):
    boxes = ["bench%d" % i for i in range(users)]
    main = {"virtual_mailbox_domains": "box.example", "virtual_mailbox_base": "DIR/spool", "virtual_minimum_uid": "1",
            "virtual_mailbox_maps": "static:x", "virtual_uid_maps": "static:%d" % pwd.getpwnam("nobody").pw_uid} if users > 1 else \
           {"mail_spool_directory": "DIR/spool" + "/" * maildir}
    if users > 1:
        main["virtual_mailbox_maps"] = "inline:{%s}" % ", ".join("%s@box.example=%s%s" % (b, b, "/" * maildir) for b in boxes)
        main["virtual_gid_maps"] = "static:%d" % pwd.getpwnam("nobody").pw_gid
    with Suite(tree, run.place, main) as suite:
        if users > 1:
            (suite.dir / "spool").chmod(0o777)
        to = ["%s@box.example" % b for b in boxes] if users > 1 else [run.user + "@bench.example"]
        for recipient in to:
            run.tools.source(suite.port, 1, recipient=recipient)
        suite.drain()
        meter, begin, each = Meter(suite), time.monotonic(), run.messages // len(to)
        crew = [threading.Thread(target=run.tools.source, args=(suite.port, each, 4096, max(1, 20 // len(to)), r)) for r in to]
        for t in crew:
            t.start()
        for t in crew:
            t.join()
        end = suite.drain()
        figures = meter.figures(each * len(to))
        expect("messages in the mailboxes", sum(count_box(suite.dir / "spool" / (b if users > 1 else run.user), maildir) for b in boxes),
               (each + 1) * len(to))
        return {"rate (messages/s)": each * len(to) / (end - begin), **figures}


def count_box(path, maildir):
    if maildir:
        expect("files left in tmp", len(os.listdir(path / "tmp")), 0)
        return len(os.listdir(path / "new"))
    with open(path, "rb") as f:
        return sum(line.startswith(b"From ") for line in f)


@workload("maildir", 2.5, 0.33)
def maildir(tree, run):
    return into_mailboxes(tree, run, True, 1)


@workload("mbox", 2.5, 0.33)
def mbox(tree, run):
    return into_mailboxes(tree, run, False, 1)


@workload("maildir-fifty", 3.0, 0.33)
def maildir_fifty(tree, run):
    return into_mailboxes(tree, run, True, 50)


@workload("sendmail", 4.0, 0.25)
def sendmail(tree, run, crew=4):
    count = max(crew, run.messages // 4)
    text = b"Subject: bench\n\n" + b"X" * 63 + b"\n"
    with Suite(tree, run.place, DISCARD) as suite:
        def submit(n):
            for _ in range(n):
                suite.command("sendmail", "-i", "-f", load.SENDER, load.REMOTE, input=text)
        meter, begin = Meter(suite), time.monotonic()
        threads = [threading.Thread(target=submit, args=(count // crew,)) for _ in range(crew)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        end, count = time.monotonic(), count // crew * crew
        suite.drain()
        figures = meter.figures(count)
        time.sleep(0.2)
        expect("messages", suite.sent(), count)
        return {"rate (messages/s)": count / (end - begin), **figures}


@workload("fanout", 1.0)
def fanout(tree, run):
    """One message to many recipients of many domains."""
    port, people = free_port(), ["u%d@d%d.example" % (i, i % 500) for i in range(run.recipients)]
    with run.tools.sink(port), Suite(tree, run.place, {"relayhost": "[127.0.0.1]:%d" % port}) as suite:
        meter, begin = Meter(suite), time.monotonic()
        load.transaction(suite.port, people)
        end = suite.drain()
        time.sleep(0.3)
        expect("recipients", len(set(re.findall(r" to=<([^>]*)>.* status=sent ", suite.log()))), len(people))
        return {"rate (recipients/s)": len(people) / (end - begin), **meter.figures(len(people), "recipients")}


# ---- connections ----

def silent(tree, run, main=()):
    with Suite(tree, run.place, main, processes=run.clients + 50) as suite:
        time.sleep(0.5)
        memory, meter = suite.cgroup.memory(), Meter(suite)
        seconds, sockets = load.connect_all(suite.port, run.clients)
        time.sleep(0.5)
        figures = {"rate (connects/s)": run.clients / seconds, **meter.figures(run.clients, "connections"),
                   "memory (KiB a connection)": (suite.cgroup.memory() - memory) / run.clients}
        for s in sockets:
            s.close()
        return figures


@workload("idle", 5.0)
def idle(tree, run):
    return silent(tree, run)


@workload("idle-tls", 3.0)
def idle_tls(tree, run):
    with certificates(run) as d:
        return silent(tree, run, server_tls(d))


SCREENED = """127.0.0.1:%d inet n - n - 1 postscreen
smtpd pass - - n - 100 smtpd
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
"""


def screened(tree, run, main, code):
    with Suite(tree, run.place, {"postscreen_cache_map": "", **main}, door=SCREENED) as suite:
        load.knock(suite.port, 50, code)
        meter = Meter(suite)
        seconds = load.knock(suite.port, run.messages, code)
        return {"rate (connects/s)": run.messages / seconds, **meter.figures(run.messages, "connections")}


@workload("postscreen-pass", 2.0)
def postscreen_pass(tree, run):
    """Clients that postscreen lets through at once, to smtpd."""
    return screened(tree, run, {"postscreen_access_list": "permit_mynetworks"}, b"220")


@workload("postscreen-drop", 2.0)
def postscreen_drop(tree, run):
    deny = {"postscreen_access_list": "cidr:{{0.0.0.0/0 reject}}", "postscreen_blacklist_action": "drop", "postscreen_denylist_action": "drop"}
    return screened(tree, run, deny, b"521")


# ---- the queue ----

def seed(suite, run, message, defer_log):
    """Fill the deferred queue with copies of one real deferred message, due in an hour."""
    due, owner = time.time() + 3600, pwd.getpwnam("postfix").pw_uid
    for i in range(run.queued):
        path = suite.queue / "incoming" / ("seed%d" % i)
        path.write_bytes(message)
        name = "%05X%X" % (i * 49 % 1000000, path.stat().st_ino)
        os.chown(path, owner, -1)
        path.chmod(0o700)
        os.utime(path, (due, due))
        for queue in ("deferred", "defer"):
            place = suite.queue / queue / name[0]
            if not place.exists():
                place.mkdir(mode=0o700)
                os.chown(place, owner, -1)
        path.rename(suite.queue / "deferred" / name[0] / name)
        log = suite.queue / "defer" / name[0] / name
        log.write_bytes(defer_log)
        os.chown(log, owner, -1)
        log.chmod(0o600)


def timed(figures, label, suite, *words):
    begin = time.monotonic()
    p = suite.command(*words, check=False, capture_output=True)
    figures[label + " (s)"] = time.monotonic() - begin
    if p.returncode:
        raise Failure("%s: %s" % (" ".join(words), p.stderr.decode()[-500:]))
    return p.stdout


@workload("queue")
def queue(tree, run):
    figures = {}
    with Suite(tree, run.place, {"defer_transports": "smtp"}) as suite:
        run.tools.source(suite.port, 1)
        wait_for(lambda: suite.count("deferred") == 1 and suite.count("defer") == 1, "one deferred message")
        time.sleep(0.5)
        one = next(p for p in (suite.queue / "deferred").rglob("*") if p.is_file())
        message, log = one.read_bytes(), (suite.queue / "defer" / one.parent.name / one.name).read_bytes()
        suite.command("postsuper", "-d", "ALL", capture_output=True)
        seed(suite, run, message, log)
        expect("messages listed", timed(figures, "postqueue -p", suite, "postqueue", "-p").count(b"user@remote.example"), run.queued)
        expect("lines of JSON", timed(figures, "postqueue -j", suite, "postqueue", "-j").count(b"\n"), run.queued)
        for option, left in (("-h", "hold"), ("-H", "deferred"), ("-r", "maildrop")):
            timed(figures, "postsuper " + option, suite, "postsuper", option, "ALL")
            expect("messages in " + left, suite.count(left), run.queued)
        timed(figures, "postsuper -d", suite, "postsuper", "-d", "ALL")
        expect("messages left", suite.count("maildrop"), 0)
    figures.update(load_queue(tree, run, message, log))
    return figures


def load_queue(tree, run, message, log):
    """How long the queue manager takes to load all of it, and what a message costs it; the only destination never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent_server:
        relayhost = "[127.0.0.1]:%d" % silent_server.getsockname()[1]
        with Suite(tree, run.place, {"relayhost": relayhost, "default_process_limit": "20", "qmgr_message_active_limit": run.queued}) as suite:
            seed(suite, run, message, log)
            time.sleep(1)
            qmgr = suite.cgroup.named("qmgr")
            before, begin = suite.cgroup.memory(qmgr), time.monotonic()
            suite.command("postqueue", "-f")
            end = wait_for(lambda: suite.count("active") >= run.queued - 50, "the active queue to fill")
            time.sleep(0.5)
            return {"qmgr load (s)": end - begin, "qmgr memory (bytes a message)": (suite.cgroup.memory(qmgr) - before) * 1024 / run.queued}


@workload("postmap")
def postmap(tree, run):
    figures, n = {}, run.entries
    with Suite(tree, run.place, start=False) as suite:
        kinds = suite.command("postconf", "-m", capture_output=True).stdout.decode().split()
        table = "%s:%s/etc/table" % (next(k for k in ("lmdb", "hash") if k in kinds), suite.dir)
        suite.write("etc/table", "".join("user%d@d%d.example value%d\n" % (i, i % 1000, i) for i in range(n)))
        suite.write("etc/keys", "".join("user%d@d%d.example\n" % (i, i % 1000) for i in range(0, n, 5)))
        timed(figures, "postmap", suite, "postmap", table)
        begin = time.monotonic()
        with open(suite.dir / "etc/keys") as keys:
            found = suite.command("postmap", "-q", "-", table, stdin=keys, capture_output=True).stdout
        figures["postmap -q (s)"] = time.monotonic() - begin
        expect("answers", found.count(b"\n"), len(range(0, n, 5)))
    return figures
