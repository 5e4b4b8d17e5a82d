#!/usr/bin/env python3
"""What a daemon that belongs to an intruder cannot do: user postfix attacks its siblings and whatever root runs."""
import contextlib
import os
import random
import re
import signal
import socket
import struct
import subprocess
import time

from harness import contents, DOMAIN, HOMES, LOG, MAIL_UID, main, NAME, QUEUE, send, Smtp, test, until, write
from trespass import become, BOX, child, in_peace, LUIS, MESSAGE, picture, prepare, SECRET, works
from wire import attrs, frame, record, size_record


def sockets():
    return [os.path.join(where, name) for d in ("private", "public") for where, _, names in os.walk(QUEUE + "/" + d) for name in names]


HOSTILE = {
    "nothing": b"", "one byte": b"\0", "garbage": bytes(random.Random(2).randrange(256) for _ in range(5000)), "zeros": bytes(100000),
    "a length of all": b"\xff\xff\xff\xff" + b"D" + b"x" * 1000, "no length": b"\0\0\0\0" * 1000, "half a frame": struct.pack("<I", 1000) + b"Dx",
    "large frames": frame(b"D", b"x" * 1000000) * 3, "attributes without end": frame(b"D", b"a\0b\0" * 100000),
    "text": b"EHLO x\r\nMAIL FROM:<x>\r\n" * 100, "http": b"GET / HTTP/1.0\r\n\r\n", "negative": frame(b"D", attrs(flags=-1, offset=-1 << 63, size=1 << 63)),
    "many frames": b"".join(frame(bytes([n]), attrs(request="x", status=n)) for n in range(256)), "triggers": b"WFADI" * 1000,
    "lists": attrs(request="send_file", queue_id="../../x") + attrs(request="add", site="../x\n", queue_id="AAAAA") + attrs(table="hash:/etc/shadow", flags=9, key="x"),
}


def poke(path, data, hold):
    """Send to a service and hang up, or stay without reading a word of its answer."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_UNIX, kind)
        s.settimeout(0.3)
        with contextlib.suppress(OSError):
            s.connect(path)
            s.sendall(data[:8000] if kind == socket.SOCK_DGRAM else data)
        if hold is None:
            s.close()
        else:
            hold.append(s)


def poke_everybody(hold_ms=0):
    held = [] if hold_ms else None
    for path in sockets():
        for data in HOSTILE.values():
            poke(path, data, held)
    time.sleep(hold_ms / 1000)
    os._exit(0)


@test
def nonsense_on_the_sockets_of_the_services_harms_none(host):
    mark, qmgr = len(host.log()), host.pid_of("qmgr")
    status, output = child(poke_everybody, uid=MAIL_UID, limit=200)
    assert status == 0, output
    works(host, "after the nonsense")
    until("an empty queue", lambda: host.run("postsuper", "-d", "ALL") and not host.queue())
    in_peace(host, mark)
    assert qmgr == host.pid_of("qmgr"), "the queue manager was another one"


@test
def clients_that_never_read_do_not_stop_the_mail(host):
    mark = len(host.log())
    pid = os.fork()
    if pid == 0:
        become(MAIL_UID)
        poke_everybody(hold_ms=600000)
    try:
        time.sleep(2)
        host.run("postqueue", "-p")
        works(host, "beside the silent")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    works(host, "after the silent")
    until("an empty queue", lambda: host.run("postsuper", "-d", "ALL") and not host.queue())
    in_peace(host, mark)


REQUEST = """flags queue_name queue_id offset size nexthop encoding sendopts sender envelope_id ret_flags arrival_sec
arrival_usec active_sec active_usec client_name client_address client_port protocol_name helo_name log_client_name
log_client_address log_client_port log_protocol_name log_helo_name log_ident sasl_method sasl_username sasl_sender
rewrite_context""".split()
NUMBERS = set("flags offset size sendopts ret_flags arrival_sec arrival_usec active_sec active_usec".split())


def delivery_request(queue, qid, offset, mark, recipient):
    values = dict(flags=1, queue_name=queue, queue_id=qid, offset=offset, size=100, nexthop=NAME, sender="x@" + DOMAIN)
    return frame(b"D", attrs(**{k: values.get(k, 0 if k in NUMBERS else "") for k in REQUEST}) +
                 attrs(recipient=recipient, original_recipient=recipient, dsn_orig_rcpt="", notify_flags=0, offset=mark))


def ask_to_deliver(transport, path, *request, uid=0):
    """As the queue manager would, if it were the intruder's: the agents take nobody else's word, so root stands in for it.
    `path`: the file that comes with the request."""
    def act():
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect("%s/private/%s" % (QUEUE, transport))
            text = delivery_request(*request)
            fds = [os.open(path, os.O_RDWR)] if path else []
            s.sendall(text[socket.send_fds(s, [text], fds):])
            print(s.recv(4096), flush=True)
        os._exit(0)
    return child(act, uid=uid)


@test
def an_intruder_who_is_not_the_queue_manager_is_turned_away_by_agents(host):
    waiting = send("x@away.test", "Subject: precious\n\nx")
    host.wait_in("deferred", waiting)
    send("ana@" + DOMAIN)  # local is there
    mark = len(host.log())
    for agent in ("local", "virtual", "smtp", "error", "hook"):
        status, output = ask_to_deliver(agent, None, "deferred", waiting, 0, 0, "double-bounce@" + NAME, uid=MAIL_UID)
        assert (status, output) in ((0, "b''\n"), (126, "")), (agent, status, output)
    assert "turned away" in host.log()[mark:]
    assert waiting in host.queue()
    host.run("postsuper", "-d", "ALL")


def file_of_root(path):
    """A file that only root may read, which happens to look like one of the queue; returns (contents, offset of the recipient, of the text)."""
    head = size_record(100, 200, 1, 0, 100, 0) + record("T", "1795290872 1") + record("S", "x@" + DOMAIN)
    data = head + record("R", "ana@" + DOMAIN) + record("M")
    start = len(data)
    data += record("N", "Subject: stolen") + record("N") + record("N", SECRET) + record("X") + record("E")
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o700)
    os.chown(path, 0, 0)
    return data, len(head), start


@test
def delivery_agents_open_no_files_of_root_for_an_intruder(host):
    os.makedirs("/var/rootonly", exist_ok=True)
    os.chmod("/var/rootonly", 0o755)
    whole, mark, start = file_of_root("/var/rootonly/secret")
    whole_too, _, _ = file_of_root(QUEUE + "/pid/linked")
    places = ("%s/deferred/s" % QUEUE, "%s/deferred/e" % QUEUE)
    for place in places:
        child(lambda: (os.symlink("/var/rootonly", place), os._exit(0)), uid=MAIL_UID)
    os.makedirs(QUEUE + "/deferred/s_", exist_ok=True)
    os.link(QUEUE + "/pid/linked", QUEUE + "/hold/linked")  # where fs.protected_hardlinks is off
    send("ana@" + DOMAIN)  # local is there
    for agent, recipient in (("local", "ana@" + DOMAIN), ("virtual", "v@virtual.test"), ("hook", "x@hook.test")):
        for path, queue, qid in ((None, "deferred", "secret"), ("/var/rootonly/secret", "deferred", "AAAAA1"), (QUEUE + "/hold/linked", "hold", "AAAAA1"),
                                 ("/var/rootonly/secret", "hold", "../pid/linked"), ("/dev/null", "hold", "AAAAA1")):
            status, output = ask_to_deliver(agent, path, queue, qid, start, mark, recipient)
            assert status == 0 and ("result\\x001" in output or output == "b''\n"), (agent, path, qid, output)
            with open("/var/rootonly/secret", "rb") as f, open(QUEUE + "/pid/linked", "rb") as g:
                assert f.read() == whole and g.read() == whole_too, (agent, path, qid)
    for path in (BOX, HOMES + "/luis/hooked"):
        assert SECRET not in contents(path), path
    assert not [f for w, _, fs in os.walk("/var/vmail") for f in fs if SECRET in contents(w + "/" + f)]
    for path in (*places, QUEUE + "/hold/linked", QUEUE + "/pid/linked"):
        os.unlink(path)
    os.rmdir(QUEUE + "/deferred/s_")


@test
def a_recipient_named_by_an_intruder_is_no_command_and_no_file(host):
    whole, mark, start = file_of_root(QUEUE + "/hold/AAAAA9")
    os.chown(QUEUE + "/hold/AAAAA9", MAIL_UID, MAIL_UID)
    for recipient in ("|touch /var/tmp/hit@" + DOMAIN, "/var/tmp/hit@" + DOMAIN, "/var/tmp/hit", "|touch /var/tmp/hit", ":include:/etc/passwd", "\\|touch /var/tmp/hit",
                      "../../tmp/hit", "root/../../tmp/hit@" + DOMAIN, "\\root/../x", "a\nb", "", "@", "x" * 100000):
        status, output = ask_to_deliver("local", QUEUE + "/hold/AAAAA9", "hold", "AAAAA9", start, mark, recipient)
        assert status == 0, (recipient, output)
        assert not os.path.exists("/var/tmp/hit"), recipient
    os.unlink(QUEUE + "/hold/AAAAA9")
    works(host, "after odd recipients")


@test
def logs_that_are_pipes_or_links_keep_nobody_waiting(host):
    waiting = send("x@away.test")
    host.wait_in("deferred", waiting)
    [log] = [w + "/" + waiting for w, _, fs in os.walk(QUEUE + "/defer") if waiting in fs]
    for make in (lambda: os.mkfifo(log, 0o600), lambda: os.symlink("/dev/zero", log), lambda: os.symlink("/etc/shadow", log), lambda: os.mkdir(log)):
        os.unlink(log)
        make()
        os.lchown(log, MAIL_UID, MAIL_UID)
        assert waiting in host.run("postqueue", "-p").stdout
        host.stop()
        assert waiting in host.run("postqueue", "-p").stdout
        host.run("postsuper")
        host.run("postcat", "-q", waiting)
        host.start()
        host.run("postqueue", "-i", waiting)
        works(host, "beside an odd log")
        assert "root:" not in host.run("postqueue", "-p").stdout
        if os.path.isdir(log) and not os.path.islink(log):
            os.rmdir(log)
            write(log, "")
    host.run("postsuper", "-d", "ALL")


# ---------------------------------------------------------------- what root runs over the queue

def plant(targets):
    """As user postfix: links wherever it may write, under names that root's programs use."""
    rng = random.Random(5)
    for d in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "saved", "spare", "trace", "private", "public"):
        for name in "ABCDEF0123456789" + "z":
            with contextlib.suppress(OSError):
                os.symlink(rng.choice(targets), "%s/%s/%s" % (QUEUE, d, name))
        for name in ("AAAAA%d" % n for n in range(9)):
            with contextlib.suppress(OSError):
                os.symlink(rng.choice(targets), "%s/%s/%s" % (QUEUE, d, name))
            with contextlib.suppress(OSError):
                os.link(rng.choice(targets), "%s/%s/B%s" % (QUEUE, d, name))
    for path in sockets():
        if rng.random() < 0.5:
            os.unlink(path)
            os.symlink(rng.choice(targets), path)
    for name in ("master.lock", "prng_exch", "smtpd_scache.lmdb", "verify_cache.lmdb", "postscreen_cache.lmdb", "x\ny", "-rf", "$(id)"):
        path = "/var/lib/postfix/" + name
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.symlink(rng.choice(targets), path)
    os._exit(0)


@test
def what_root_does_in_the_queue_stays_in_the_queue(host):
    targets = ["/etc/shadow", "/etc/passwd", "/etc/postfix/main.cf", "/etc", "/var/log", LOG, HOMES + "/luis", HOMES + "/luis/private", "/var/new-file", "/usr/sbin/postdrop"]
    write(HOMES + "/luis/private", SECRET, 0o600, LUIS)
    host.run("postfix", "upgrade-configuration")  # what it adds to /etc is there then
    before = picture("/etc", HOMES, "/usr/sbin", "/usr/lib/postfix")
    status, output = child(lambda: plant(targets), uid=MAIL_UID)
    assert status == 0, output
    log = os.stat(LOG)
    for words in (("postfix", "check"), ("postfix", "set-permissions"), ("postfix", "reload"), ("postsuper",), ("postsuper", "-s", "-p", "-S"), ("postqueue", "-p"),
                  ("postfix", "stop"), ("postqueue", "-p"), ("postfix", "check"), ("postfix", "set-permissions"), ("postfix", "upgrade-configuration"),
                  ("postfix", "start"), ("postfix", "stop"), ("postsuper", "-d", "ALL"), ("postsuper", "-r", "ALL"), ("postqueue", "-f")):
        host.run(*words, check=False)
        after_it = picture("/etc", HOMES, "/usr/sbin", "/usr/lib/postfix")
        wrong = {p for p in before.keys() | after_it.keys() if before.get(p) != after_it.get(p)}
        assert not wrong, (words, {p: (before.get(p), after_it.get(p)) for p in wrong})
        now = os.stat(LOG)
        assert (log.st_uid, log.st_mode, log.st_ino) == (now.st_uid, now.st_mode, now.st_ino), words
        assert not os.path.exists("/var/new-file"), words
    subprocess.run("find %s -type l -delete; find /var/lib/postfix -mindepth 1 -delete" % QUEUE, shell=True, check=True)
    if host.is_running():
        host.stop()
    host.start()
    works(host, "after root")


@test
def a_scribbled_scoreboard_ends_nothing_and_a_start_heals_it(host):
    """What an owned daemon shares with master is memory: master and the daemons do not fall over what is in it."""
    mark, pid = len(host.log()), host.master()
    [board] = [fd for fd in os.listdir("/proc/%d/fd" % pid) if "scoreboard" in os.readlink("/proc/%d/fd/%s" % (pid, fd))]
    rng, taken = random.Random(11), []
    with open("/proc/%d/fd/%s" % (pid, board), "r+b", buffering=0) as f:
        size = os.fstat(f.fileno()).st_size
        for n, pattern in enumerate((b"\xff" * 4096, b"\x7f" * 4096, rng.randbytes(4096), b"\x01\0\0\0" * 1024, bytes(4096), rng.randbytes(4001))):
            f.seek(0)
            f.write((pattern * (size // len(pattern) + 1))[:size])
            if host.run("sendmail", "luis@" + DOMAIN, text=MESSAGE % ("scribbled %d" % n), user="ana", check=False).returncode == 0:
                taken.append("scribbled %d" % n)
            with contextlib.suppress(OSError, EOFError, AssertionError):
                c = Smtp(timeout=2)
                c.expect("EHLO client.test", 250)
                if c.mail("ana@" + DOMAIN, ["luis@" + DOMAIN], "Subject: by SMTP %d\n\nx" % n).startswith("250"):
                    taken.append("by SMTP %d" % n)
            host.run("postqueue", "-f", check=False)
            time.sleep(0.3)
            assert host.is_running()
    assert not re.search(r"panic|signal (?:4|6|7|8|11)\b", host.log()[mark:]), host.log()[mark:][-2000:]
    host.stop()
    host.start()
    works(host, "after the scribbling")
    for subject in taken:
        host.wait_mail("luis", "Subject: %s\n" % subject)


main(prepare)
