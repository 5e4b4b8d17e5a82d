#!/usr/bin/env python3
"""Whatever lies in the queue directories costs one log line and its place; other mail flows and no process ends."""
import os
import re
import stat

from harness import MAIL_UID, QUEUE, USERS, contents, furnish, Host, main, send, test, until, write
from wire import record, size_record

VICTIM = "/var/home/luis/secret"
SETTINGS = {"queue_run_delay": "2s", "minimal_backoff_time": "2s", "maximal_backoff_time": "2s",
            "virtual_alias_expansion_limit": "2", "virtual_alias_maps": "inline:{ {many@example.test = paco, luis, ana, enrique} }"}


def message(recipient="ana@example.test", subject="hand-made", envelope=b"", content=b"", extracted=b""):
    """A queue file as cleanup(8) writes it, with extra records in its segments."""
    head = record("T", "1795290872 727590") + record("A", "create_time=1795290872") + record("A", "rewrite_context=local") + \
        record("S", "enrique@example.test") + envelope + record("R", recipient) + record("M")
    body = record("N", "Subject: " + subject) + record("N") + content + record("N", "x")
    return size_record(len(body), 97 + len(head), 1, 0, 20, 0) + head + body + record("X") + extracted + record("E")


WHOLE = message()
LENGTH = len(WHOLE)
DAMAGED = {  # what a queue file may look like that nobody can deliver
    "empty": b"",
    "one byte": b"C",
    "cut in the envelope": WHOLE[:150],
    "cut in the content": WHOLE[:-12],
    "without its end": WHOLE[:-2],
    "garbage": bytes((n * 7919 + n // 3) % 256 for n in range(5000)),
    "zeros": bytes(4096),
    "text of somebody": b"root:x:0:0::/root:/bin/sh\n" * 20,
    "an endless length": b"C\xff\xff\xff\xff\xff\xff\xff\xff",
    "a length beyond the end": WHOLE[:97] + b"S\xff\xff\x7f" + WHOLE[97:],
    "a pointer to itself": WHOLE[:97] + record("p", "%15d" % 97) + WHOLE[97:],
    "pointers in a circle": WHOLE[:97] + record("p", "%15d" % 114) + record("p", "%15d" % 97) + WHOLE[97:],
    "a pointer behind the end": WHOLE[:97] + record("p", "%15d" % 999999) + WHOLE[97:],
    "a pointer before the start": WHOLE[:97] + record("p", "%15d" % -5) + WHOLE[97:],
    "a size of letters": record("C", "x" * 95) + WHOLE[97:],
    "a negative size": size_record(-5, -7, 1, 0, -9, 0) + WHOLE[97:],
    "an enormous size": size_record(999999999999999, 999999999999999, 1, 0, 1, 0) + WHOLE[97:],
    "unknown flags": size_record(40, 200, 1, 4096, 20, 0) + WHOLE[97:],
    "no sender": WHOLE[:97] + record("T", "1795290872 1") + record("R", "ana@example.test") + record("M") + record("X") + record("E"),
    "an unknown record": message(envelope=record("Q", "what")),
    "a content record in the envelope": message(envelope=record("N", "what")),
}
NOT_IDS = (".hidden", "with space", "core.123", "new-line\n", "\xe9\xe8", "semi;colon", "x" * 240 + ".y")
QUEUES = ("incoming", "deferred", "hold", "maildrop")


def put(queue, name, data, mode=0o700, owner=MAIL_UID):
    path = "%s/%s/%s" % (QUEUE, queue, name)
    with open(path.encode("latin-1", "surrogateescape"), "wb") as f:
        f.write(data)
        os.fchown(f.fileno(), owner, owner)
        os.fchmod(f.fileno(), mode)
    return path


def find(name):
    return [os.path.join(where, name) for where, dirs, names in os.walk(QUEUE) if name in names or name in dirs]


def is_corrupt(name):
    return find(name) == ["%s/corrupt/%s" % (QUEUE, name)]


def log_lines(host, mark, name):
    """Lines that complain; the note where the file went belongs to its complaint."""
    return [line for line in host.log()[mark:].splitlines() if re.search(r"\b%s\b" % name, line) and not re.search("saving (corrupt|damaged) file|postfix-script", line)]


def scan(host):
    """Let everybody look at all of the queue, and wait until a message that came later has passed."""
    host.run("postqueue", "-f")
    host.run("postkick", "public", "pickup", "W")  # sendmail has no need of maildrop
    host.run("sendmail", "-f", "enrique@example.test", "paco@example.test", text="Subject: scan %d\n\nx\n" % scan.count)
    host.wait_mail("paco", "Subject: scan %d\n" % scan.count)
    scan.count += 1


scan.count = 0


def pids(host):
    def both():
        found = {name: pid for pid, name in host.daemons().items() if name in ("qmgr", "pickup")}
        return found if len(found) == 2 else None
    return until("qmgr and pickup", both)


def check_peace(host, mark, before):
    log = host.log()[mark:]
    bad = re.findall(r"^.*(?:fatal|panic|killed by signal|exit status|malformed response).*$", log, re.M)
    assert not bad, bad
    assert pids(host) == before, (pids(host), before)
    assert contents(VICTIM) == "secret\n" and os.stat(VICTIM).st_mode & 0o777 == 0o600
    send("paco@example.test", "Subject: other mail %d\n\nx" % mark)
    host.wait_mail("paco", "Subject: other mail %d\n" % mark)


def names_for(count):
    """Queue ids that no file has."""
    names_for.last += count
    return ["AAAAA%X" % n for n in range(names_for.last - count, names_for.last)]


names_for.last = 0x100


@test
def a_whole_file_made_by_hand_is_delivered(host):
    for queue in ("incoming", "deferred"):
        name = names_for(1)[0]
        put(queue, name, message(subject="whole in " + queue))
        scan(host)
        host.wait_mail("ana", "whole in " + queue)


@test
def damaged_files_in_incoming_and_deferred_are_set_aside(host):
    for queue in ("incoming", "deferred"):
        mark, before = len(host.log()), pids(host)
        names = dict(zip(names_for(len(DAMAGED)), DAMAGED))
        for name, kind in names.items():
            put(queue, name, DAMAGED[kind])
        scan(host)
        for name, kind in names.items():
            until("%s: %s in %s" % (name, kind, queue), lambda: is_corrupt(name), 20)
        scan(host)
        for name, kind in names.items():
            assert len(log_lines(host, mark, name)) == 1, (kind, log_lines(host, mark, name))
        check_peace(host, mark, before)


@test
def files_left_in_active_are_judged_at_the_next_start(host):
    host.stop()
    mark = len(host.log())
    names = dict(zip(names_for(len(DAMAGED)), DAMAGED))
    for name, kind in names.items():
        put("active", name, DAMAGED[kind])
    # postsuper, which postfix start runs, gives files names after their inodes
    numbers = {os.stat("%s/active/%s" % (QUEUE, name)).st_ino: name for name in names}
    host.start()
    before = pids(host)
    scan(host)
    until("all of them in corrupt", lambda: not [f for f in numbers if not in_corrupt(f)], 20)
    check_peace(host, mark, before)


def in_corrupt(inode):
    return any(os.stat("%s/corrupt/%s" % (QUEUE, f)).st_ino == inode for f in os.listdir(QUEUE + "/corrupt"))


@test
def damaged_files_in_maildrop_are_set_aside_or_removed(host):
    mark, before = len(host.log()), pids(host)
    kinds = {k: v for k, v in DAMAGED.items() if k not in ("a size of letters", "a negative size", "an enormous size", "unknown flags")}
    names = dict(zip(names_for(len(kinds)), kinds))
    for name, kind in names.items():
        put("maildrop", name, kinds[kind], mode=0o744, owner=USERS["luis"])
    scan(host)
    for name, kind in names.items():
        until("%s: %s out of maildrop" % (name, kind), lambda: not os.path.exists("%s/maildrop/%s" % (QUEUE, name)), 20)
    scan(host)
    for name, kind in names.items():
        assert len(log_lines(host, mark, name)) == 1, (kind, log_lines(host, mark, name))
    check_peace(host, mark, before)


@test
def a_local_message_that_cannot_be_queued_now_does_not_stop_the_others(host):
    host.stop()
    mark = len(host.log())
    for recipient, subject in (("many", "too many"), ("luis", "between them"), ("many", "too many")): # one of them comes first
        host.run("sendmail", "-f", "enrique@example.test", recipient + "@example.test", text="Subject: %s\n\nx\n" % subject)
    host.start()
    before = pids(host)
    host.wait_mail("luis", "between them")
    host.wait_log("unreasonable virtual_alias_maps map expansion size", mark)
    until("two files in maildrop", lambda: len(os.listdir(QUEUE + "/maildrop")) == 2)
    host.run("postsuper", "-d", "ALL", "maildrop")
    check_peace(host, mark, before)


@test
def damaged_files_on_hold_can_be_listed_and_released(host):
    mark, before = len(host.log()), pids(host)
    names = dict(zip(names_for(len(DAMAGED)), DAMAGED))
    for name, kind in names.items():
        put("hold", name, DAMAGED[kind])
    assert host.run("postqueue", "-p").returncode == 0
    host.run("postqueue", "-j")
    host.run("postsuper", "-H", "ALL", "hold")
    scan(host)
    for name, kind in names.items():
        until("%s: %s released" % (name, kind), lambda: is_corrupt(name), 20)
    check_peace(host, mark, before)


@test
def names_that_are_no_queue_ids_stay_where_they_are(host):
    mark, before = len(host.log()), pids(host)
    paths = [put(queue, name, WHOLE, mode=0o744) for queue in QUEUES for name in NOT_IDS]
    scan(host)
    host.run("postqueue", "-p")
    for path in paths:
        assert os.path.exists(path.encode("latin-1")), path
        os.unlink(path.encode("latin-1"))
    check_peace(host, mark, before)


@test
def entries_that_are_no_plain_files_of_ours_are_not_opened(host):
    """Links, directories, pipes, sockets and other people's files."""
    for queue in ("incoming", "deferred", "maildrop"):
        mark, before = len(host.log()), pids(host)
        symlink, hardlink, directory, pipe, device, foreign, nobody = names_for(7)
        where = "%s/%s/" % (QUEUE, queue)
        os.symlink(VICTIM, where + symlink)
        write(QUEUE + "/saved/other", WHOLE.decode("latin-1"), mode=0o700, owner=MAIL_UID)
        if queue == "maildrop": # elsewhere a second name is a backup's business
            os.link(QUEUE + "/saved/other", where + hardlink)
        os.mkdir(where + directory, 0o700)
        os.chown(where + directory, MAIL_UID, MAIL_UID)
        os.mkfifo(where + pipe, 0o700)
        os.chown(where + pipe, MAIL_UID, MAIL_UID)
        os.mknod(where + device, stat.S_IFCHR | 0o700, os.makedev(1, 3))
        put(queue, foreign, message(subject="of luis in " + queue), owner=USERS["luis"])
        if queue != "maildrop":
            put(queue, nobody, message(subject="of nobody in " + queue), mode=0o755, owner=65534)
        delivered = host.mailbox("ana")
        for _ in range(2):
            scan(host)
        host.run("postqueue", "-p")
        for name in (symlink, directory, pipe, device, foreign, nobody):
            lines = [line for line in log_lines(host, mark, name) if not re.search("showq|postfix-script", line)]
            assert len(lines) <= 1, (queue, name, lines)
        for name in (symlink, hardlink, directory, pipe, device):
            for path in find(name):
                os.rmdir(path) if name == directory else os.unlink(path)
        assert host.mailbox("ana") == delivered, "somebody else's file was delivered from " + queue
        check_peace(host, mark, before)


def prepare(tree, work):
    furnish(tree, work)
    write(VICTIM, "secret\n", mode=0o600, owner=USERS["luis"])
    host = Host()
    host.configure(main=SETTINGS)
    host.start()
    return host


main(prepare)
