#!/usr/bin/env python3
"""What users of this host cannot do by their own files, commands and mailboxes, and by what others mail to them."""
import contextlib
import os
import re
import signal
import socket
import stat
import subprocess

from harness import contents, DOMAIN, HOMES, main, mount, proc_status, QUEUE, send, test, until, USERS, write
from trespass import ANA, BOX, HOME, LUIS, prepare, SECRET, works


class Home:
    """Ana's home and mailbox; everything is gone afterwards."""

    def __enter__(self):
        write(HOMES + "/luis/private", SECRET + "\n", 0o600, LUIS)
        return self

    def file(self, name, text, mode=0o600):
        write(HOME + "/" + name, text, mode, ANA)
        os.chmod(HOME + "/" + name, mode)

    def forward(self, text):
        self.file(".forward", text)

    def __exit__(self, *_):
        subprocess.run("rm -rf %s/* %s/.[a-z]* %s*" % (HOME, HOME, BOX), shell=True, check=True)


def attempt(host, recipient="ana@" + DOMAIN, sender="enrique@" + DOMAIN, subject="attack"):
    """Send one message; returns its own delivery lines, once the queue is empty again."""
    mark = len(host.log())
    host.run("sendmail", "-f", sender, recipient, text="Subject: %s\n\nfrom the attack\n" % subject, user="enrique")
    qid = host.wait_log(r"postfix/qmgr\[\d+\]: (\w+): from=<.*nrcpt=", mark)[1]
    host.wait_log(r"%s: to=<.*status=" % qid, mark)
    until("an empty queue", lambda: host.run("postsuper", "-d", "ALL", "deferred") and not host.queue())
    return "\n".join(re.findall(r"^.*%s: to=<.*$" % qid, host.log()[mark:], re.M))


def no_secret(host):
    for text in (host.log(), *(contents("/var/mail/" + u) for u in ("ana", "enrique", "paco"))):
        assert SECRET not in text and "root:x:" not in text and "root:*:" not in text


@test
def a_forward_of_any_kind_keeps_the_mail(host):
    def directory():
        os.mkdir(HOME + "/.forward")
    kinds = {"a directory": directory, "null": lambda: os.mknod(HOME + "/.forward", stat.S_IFCHR | 0o666, os.makedev(1, 3)),
             "zero": lambda: os.mknod(HOME + "/.forward", stat.S_IFCHR | 0o666, os.makedev(1, 5)), "a circle": lambda: os.symlink(".forward", HOME + "/.forward"),
             "a socket": lambda: socket.socket(socket.AF_UNIX).bind(HOME + "/.forward"),
             "a sparse giant": lambda: (open(HOME + "/.forward", "w").close(), os.truncate(HOME + "/.forward", 1 << 40)),
             "unreadable": lambda: write(HOME + "/.forward", "luis\n", 0, ANA)}
    for what, make in kinds.items():
        with Home():
            make()
            os.lchown(HOME + "/.forward", ANA, ANA)
            lines = attempt(host)
            assert ("status=sent" in lines) == ("from the attack" in contents(BOX)), (what, lines)
            assert "status=bounced" not in lines, (what, lines)
    no_secret(host)


@test
def huge_forwards_and_deep_lists_come_to_an_end(host):
    with Home() as home:
        home.forward("".join("paco+%d@%s\n" % (n, DOMAIN) for n in range(10000)))
        before = contents("/var/mail/paco").count("from the attack")
        assert "status=sent" in attempt(host)
        assert contents("/var/mail/paco").count("from the attack") - before <= 10000
        home.forward("\\ana\n" * 10000 + "ana\n" * 10000)
        attempt(host)
        assert contents(BOX).count("from the attack") == 1
    with Home() as home:
        for n in range(500):
            home.file("list%d" % n, ":include:%s/list%d\n" % (HOME, (n + 1) % 500))
        home.forward(":include:%s/list0\n\\ana\n" % HOME)
        attempt(host)
        home.file("list0", "\n".join(":include:%s/list%d" % (HOME, n) for n in range(500)) * 3)
        attempt(host)
        home.forward('"' * 100001 + "(" * 100000 + "<" * 100000 + "," * 100000)
        attempt(host)
    works(host, "after the lists")


@test
def includes_read_with_the_rights_of_the_user(host):
    for path in ("/etc/shadow", HOMES + "/luis/private", "/proc/1/environ", "/dev/zero", "/dev/stdin", HOME, HOME + "/fifo", "relative", ""):
        with Home() as home:
            os.mkfifo(HOME + "/fifo", 0o666)
            os.chown(HOME + "/fifo", ANA, ANA)
            home.forward(":include:%s\n" % path)
            assert "status=sent (delivered" not in attempt(host), path
    for target in ("/etc/shadow", HOMES + "/luis/private"):
        with Home() as home:
            os.symlink(target, HOME + "/list")
            os.lchown(HOME + "/list", ANA, ANA)
            home.forward(":include:%s/list\n" % HOME)
            assert "status=sent (delivered" not in attempt(host)
    no_secret(host)


@test
def text_of_the_message_does_not_reach_the_shell(host):
    attack = "$(touch${IFS}%s/hit)`touch %s/hit`;touch %s/hit|touch %s/hit&'\"\\" % ((HOME,) * 4)
    quoted = '"ana+%s"@%s' % (attack.replace("\\", "\\\\").replace('"', '\\"'), DOMAIN)
    with Home() as home:
        home.forward('"|env > %s/env; sh -c \\"echo $EXTENSION $SENDER $LOCAL $RECIPIENT $ORIGINAL_RECIPIENT\\" > %s/echo"\n' % (HOME, HOME))
        lines = attempt(host, recipient=quoted, sender='"%s"@%s' % (attack.replace("\\", "\\\\").replace('"', '\\"'), DOMAIN))
        assert "status=sent (delivered to command" in lines, lines
        assert not os.path.exists(HOME + "/hit")
        env = contents(HOME + "/env")
        allowed = set("1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\n")
        assert set(env) <= allowed, (set(env) - allowed, env)
        names = {line.partition("=")[0] for line in env.splitlines()}
        assert names <= set("DOMAIN LOCAL EXTENSION SENDER RECIPIENT ORIGINAL_RECIPIENT CLIENT_ADDRESS CLIENT_HELO CLIENT_HOSTNAME CLIENT_PROTOCOL HOME SHELL LOGNAME "
                            "USER PATH TZ MAIL_CONFIG LANG PWD SHLVL OLDPWD _ MAIL_LOGTAG".split()), names
    for recipient in ("|touch %s/hit" % HOME, "/%s/hit" % HOME, ":include:/etc/shadow", "~/hit", "\\|touch %s/hit" % HOME, "../luis", "ana/../luis", "ana+/../../luis/.forward"):
        with Home() as home:
            attempt(host, recipient='"%s"@%s' % (recipient.replace("\\", "\\\\"), DOMAIN))
            assert not os.path.exists(HOME + "/hit"), recipient
    no_secret(host)


MISBEHAVIOUR = {  # a command in .forward: what must not be said of its delivery
    "output without end": ("yes 'x y z' ", "status=sent"),
    "zeros without end": ("cat /dev/zero", "status=sent"),
    "control characters": ("printf 'a\\033[31m\\r\\n\\001b\\nNov 26 00:00:00 mail postfix/smtpd[1]: forged\\n'; exit 1", "status=sent"),
    "deaf to signals": ("trap '' TERM HUP INT PIPE ALRM; while :; do sleep 1; done", "status=sent"),
    "closed descriptors": ("exec <&- >&- 2>&-; sleep 1000", "status=sent"),
    "a child that stays": ("(trap '' TERM HUP; sleep 1000) & exit 0", None),
    "a child that hides": ("setsid sh -c 'sleep 1000' >/dev/null 2>&1 </dev/null & exit 0", None),
    "stopped": ("kill -STOP $$", "status=sent"),
    "murder": ("kill -9 $PPID; kill -STOP $PPID; kill -9 -1; exit 0", None),
    "curiosity": ("cat /proc/$PPID/environ /proc/$PPID/mem /proc/$PPID/maps; ls -l /proc/$PPID/fd/; cat /proc/$PPID/fd/*; exit 1", None),
    "tracing": ("strace -o %s/trace -p $PPID & gdb -p $PPID -batch; exit 1" % HOME, None),
    "many descriptors": ("i=3; while [ $i -lt 10 ]; do eval \"exec $i>/dev/null\"; i=$((i+1)); done; cat /proc/self/fd/[3-9] > %s/fds; exit 0" % HOME, None),
    "no reading": ("exit 0", None),
    "other rights": ("id -u > %s/id; cat /etc/shadow %s/luis/private %s/active/* %s/maildrop/*; exit 1" % (HOME, HOMES, QUEUE, QUEUE), None),
    "a huge file": ("cat /dev/zero > %s/zero; exit 1" % HOME, None),
}


def end_processes_of(uid):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if (proc_status(pid, "Uid") or "").split()[:1] == [str(uid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


@test
def commands_that_misbehave_are_stopped_and_take_nobody_along(host):
    for what, (command, never) in MISBEHAVIOUR.items():
        with Home() as home:
            mark = len(host.log())
            home.file("command", "#!/bin/sh\n" + command + "\n", 0o700)
            home.forward('"|%s/command"\n' % HOME)
            lines = attempt(host, subject=what)
            assert never is None or never not in lines, (what, lines)
            ours = [line for line in host.log()[mark:].splitlines() if " postfix/" in line]
            assert not [l for l in ours if "warning: process" in l or "killed by signal" in l], (what, ours)
            assert not re.search(r"[\0-\x09\x0b-\x1f\x7f]", host.log()[mark:]) and "\nNov 26 00:00:00" not in host.log()[mark:], what
            assert contents(HOME + "/id") in ("", "%d\n" % ANA) and SECRET not in host.log()
            works(host, "after " + what)
        end_processes_of(ANA)
    no_secret(host)


@test
def a_command_cannot_make_its_input_larger(host):
    with Home():
        home = Home()
        home.file("grow", "#!/bin/sh\n(head -c 5000 /dev/zero >>/proc/self/fd/0) 2>/dev/null && echo grown >%s/grown\nwc -c >%s/size\n" % (HOME, HOME), 0o700)
        home.forward("|%s/grow\n" % HOME)
        assert "status=sent" in attempt(host)
        assert not os.path.exists(HOME + "/grown")
        assert 100 < int(contents(HOME + "/size")) < 4000


@test
def a_link_of_root_counts_only_where_root_put_it(host):
    """Links can have other names, too, where fs.protected_hardlinks is off."""
    write("/var/other/victim", SECRET, 0o600)
    os.symlink("/var/other/victim", "/var/other/link")
    os.link("/var/other/link", "/var/mail/root", follow_symlinks=False)
    assert "status=sent" not in attempt(host, recipient="root@" + DOMAIN) and contents("/var/other/victim") == SECRET
    os.unlink("/var/other/link")
    assert "status=sent" in attempt(host, recipient="root@" + DOMAIN) and "from the attack" in contents("/var/other/victim")
    os.unlink("/var/mail/root")


@test
def a_disk_that_ends_in_a_mailbox_leaves_no_half_of_a_mail(host):
    os.makedirs(HOME + "/small")
    mount("-t", "tmpfs", "-o", "size=64k,mode=700,uid=%d,gid=%d" % (ANA, ANA), "tmpfs", HOME + "/small")
    try:
        for name in ("file", "dir/"):
            write(HOME + "/.forward", "%s/small/%s\n" % (HOME, name), 0o600, ANA)
            write(HOME + "/small/filler", "x" * 40000, 0o600, ANA)
            mark = len(host.log())
            before = contents(HOME + "/small/file")
            qid = send("ana@" + DOMAIN, "Subject: disk %s\n\n%s" % (name, "0123456789\n" * 3000))
            assert host.wait_log(r"%s: to=<ana@.*status=(\w+)" % qid, mark)[1] == "deferred"
            assert contents(HOME + "/small/file") == before
            assert not [f for _, _, files in os.walk(HOME + "/small/dir") for f in files]
            os.unlink(HOME + "/small/filler")
            host.run("postqueue", "-f")
            host.wait_log(r"%s: to=<ana@.*status=sent" % qid, mark)
            found = [p for p in [HOME + "/small/file"] + [w + "/" + f for w, _, fs in os.walk(HOME + "/small/dir") for f in fs]
                     if contents(p).count("0123456789\n") == 3000]
            assert len(found) == 1, found
            subprocess.run("rm -rf %s/small/*" % HOME, shell=True, check=True)
    finally:
        subprocess.run(["umount", HOME + "/small"], check=True)
        os.rmdir(HOME + "/small")
        os.unlink(HOME + "/.forward")


@test
def a_home_of_somebody_else_gives_nothing(host):
    for owner, mode in ((LUIS, 0o700), (0, 0o700), (0, 0o755), (LUIS, 0o777)):
        with Home():
            os.chown(HOME, owner, owner)
            os.chmod(HOME, mode)
            write(HOME + "/.forward", "luis\n", 0o644, LUIS)
            try:
                lines = attempt(host)
            finally:
                os.chown(HOME, ANA, ANA)
                os.chmod(HOME, 0o755)
            assert "status=bounced" not in lines and "luis" not in lines, lines


@test
def a_maildir_top_is_given_to_its_owner_only_if_it_is_the_new_one(host):
    """Where a group may rename in the spool directory, somebody can exchange what has just been made."""
    spool, roots = "/var/spool/dirs", "/var/spool/dirs/root"
    os.makedirs(spool)
    os.chmod(spool, 0o775)
    for d in ("", "/new", "/cur", "/tmp"):
        os.mkdir(roots + d, 0o700)
    write(roots + "/new/1", SECRET)
    host.run("postconf", "-e", "mail_spool_directory=%s/" % spool, "default_process_limit=1")
    host.restart_with_edits()
    try:
        send("paco@" + DOMAIN)
        until("a Maildir", lambda: os.path.isdir(spool + "/paco/new"))
        assert os.stat(spool + "/paco").st_uid == USERS["paco"]
        pid = host.pid_of("local")
        # local(8) sleeps between its mkdir(2) and what it does next, and there the exchange is made
        trace = subprocess.Popen(["strace", "-f", "-p", str(pid), "-e", "trace=mkdir,mkdirat", "-e", "inject=mkdir,mkdirat:delay_exit=1500000", "-o", "/dev/null"],
                                 stderr=subprocess.DEVNULL)
        until("strace", lambda: not re.search(r"^TracerPid:\s+0$", contents("/proc/%d/status" % pid), re.M))
        mark = len(host.log())
        qid = send("ana@" + DOMAIN)
        until("the new directory", lambda: os.path.isdir(spool + "/ana"))
        os.rename(spool + "/ana", spool + "/aside")
        os.rename(roots, spool + "/ana")
        status = host.wait_log(r"%s: to=<ana@.*status=(\w+)" % qid, mark)[1]
        trace.terminate()
        trace.wait()
        assert os.stat(spool + "/ana").st_uid == 0 and status == "deferred", (os.stat(spool + "/ana"), status)
    finally:
        host.run("postsuper", "-d", "ALL")
        host.run("postconf", "-X", "mail_spool_directory", "default_process_limit")
        host.restart_with_edits()


main(prepare)
