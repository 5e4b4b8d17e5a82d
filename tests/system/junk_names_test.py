#!/usr/bin/env python3
"""Whatever has been left in the directories of the queue, the mail system starts, works and stops.

Every kind of entry under every kind of name in every directory, put there while it runs and while it does not."""
import os
import re
import socket
import stat

from harness import DOMAIN, MAIL_UID, QUEUE, USERS, main, send, test, until

DIRECTORIES = ("", "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid",
               "private", "public", "saved", "trace", "deferred/A", "defer/A", "deferred/A/B", "etc", "lib", "usr", "dev")
NAMES = (b".hidden", b"..two", b"with space", b"core.123", b"new\nline", b"\xe9\xe8", b"semi;colon", b"-rf", b"$(reboot)", b"*", b"a'b\"c",
         b"x" * 255, b"A" * 255, b"tab\there", b"\x1b[31m", b"AAAAA1", b"3Pt2mN2VXxznjll", b"4xQ0b11jXYz~", b"0")
MAKE = {"file": lambda path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o700)),
            "directory": lambda path: os.mkdir(path, 0o700),
            "symlink": lambda path: os.symlink("/etc/passwd", path),
            "dangling": lambda path: os.symlink("/nonexistent/x", path),
            "circle": lambda path: os.symlink(os.path.basename(path), path),
            "pipe": lambda path: os.mkfifo(path, 0o700),
            "socket": lambda path: bind(path),
            "device": lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3)),
            "block device": lambda path: os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(7, 0))}


def bind(path):
    """A socket's name must be short; where it lies is not."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(os.path.dirname(path))
        with socket.socket(socket.AF_UNIX) as s:
            if len(os.path.basename(path)) < 100:
                s.bind(os.path.basename(path))
    finally:
        os.fchdir(here)
        os.close(here)


def litter(kind, owner):
    """One kind of entry everywhere; returns the paths."""
    paths = []
    for directory in DIRECTORIES:
        where = os.path.join(QUEUE, directory).encode()
        if not os.path.exists(where):
            os.makedirs(where, 0o700)
            os.chown(where, MAIL_UID, MAIL_UID)
        for name in NAMES:
            path = os.path.join(where, name)
            if os.path.lexists(path):
                continue
            MAKE[kind](path)
            if os.path.lexists(path):
                os.lchown(path, owner, owner)
                paths.append(path)
    return paths


def sweep(paths):
    """What the mail system has moved or removed is its own business."""
    for name in {os.path.basename(p) for p in paths}:
        for where, directories, files in os.walk(QUEUE.encode(), topdown=False):
            if name in directories and not os.path.islink(os.path.join(where, name)):
                os.rmdir(os.path.join(where, name)) if not os.listdir(os.path.join(where, name)) else None
            elif name in files or name in directories:
                os.unlink(os.path.join(where, name))


def works(host, subject):
    """Mail from here and from the network arrives, and the tools look at all that lies there."""
    host.run("postqueue", "-f")
    send("paco@" + DOMAIN, "Subject: %s\n\nx" % subject)
    host.run("sendmail", "-f", "ana@" + DOMAIN, "luis@" + DOMAIN, text="Subject: %s\n\nx\n" % subject)
    waiting = send("x@away.test", "Subject: %s\n\nx" % subject)
    host.wait_mail("paco", "Subject: %s\n" % subject)
    host.wait_mail("luis", "Subject: %s\n" % subject)
    host.wait_in("deferred", waiting)
    for tool in (("postqueue", "-p"), ("postqueue", "-j"), ("mailq",), ("postfix", "status")):
        host.run(*tool)
    host.run("postsuper", check=False)  # names that cannot be mended are its result
    host.run("postfix", "check", check=False)  # it may complain
    host.run("postsuper", "-d", waiting)


def in_order(host, mark):
    bad = re.findall(r"^.*(?:panic|killed by signal|exit status|bad command startup|fatal).*$", host.log()[mark:], re.M)
    assert not bad, bad[:5]


def check(host, kind, owner, subject):
    mark = len(host.log())
    paths = litter(kind, owner)
    assert len(paths) > 150, len(paths)
    works(host, subject + " while it runs")
    host.stop()
    host.start()
    works(host, subject + " after a start")
    host.run("postfix", "reload")
    works(host, subject + " after a reload")
    in_order(host, mark)
    host.stop()
    sweep(paths)
    host.start()


def kinds(*names):
    def check_kinds(host):
        for kind in names:
            for owner in (MAIL_UID, 0, USERS["luis"]) if kind in ("file", "directory") else (MAIL_UID,):
                check(host, kind, owner, "%s of %d" % (kind, owner))
    return check_kinds


for group in (("file",), ("directory",), ("symlink", "dangling", "circle"), ("pipe", "socket"), ("device", "block device")):
    fn = kinds(*group)
    fn.__name__ = "%s_anywhere_in_the_queue_stop_nothing" % "_and_".join(group).replace(" ", "_")
    test(fn)

main()
