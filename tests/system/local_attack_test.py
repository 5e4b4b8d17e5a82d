#!/usr/bin/env python3
"""What users of this host, and a daemon that belongs to an intruder, cannot do: users attack the commands that have the
group postdrop, the local delivery agent and each other; user postfix attacks its siblings and whatever root runs."""
import contextlib
import ctypes
import hashlib
import os
import random
import re
import resource
import signal
import socket
import stat
import struct
import subprocess
import time

from harness import (DOMAIN, DROP_GID, ETC, HOMES, LOG, MAIL_UID, NAME, QUEUE, USERS, Host, contents, furnish, main, mount, proc_status, record,
                     send, size_record, Smtp, test, until, write)

ANA, LUIS = USERS["ana"], USERS["luis"]
HOME = HOMES + "/ana"
BOX = "/var/mail/ana"
SECRET = "the private text of luis"
TIME_LIMIT_S = 3
LIBC = ctypes.CDLL(None, use_errno=True)
MESSAGE = "From: ana\nSubject: %s\n\nx\n"


# ---------------------------------------------------------------- as a user

def become(uid, gid=None, groups=()):
    os.setgroups(groups)
    os.setresgid(*[uid if gid is None else gid] * 3)
    os.setresuid(uid, uid, uid)


def child(act, uid=ANA, gid=None, text=b"", limit=60):
    """Run act() as the user, in a process of its own whose stdin is `text`; returns (status, output); a negative status
    is a signal.  No pipes: whatever the attack leaves behind may keep them."""
    with contextlib.ExitStack() as stack:
        feed = stack.enter_context(open("/var/tmp/feed-%d" % os.getpid(), "wb+"))
        out = stack.enter_context(open("/var/tmp/out-%d" % os.getpid(), "wb+"))
        feed.write(text.encode("latin-1") if isinstance(text, str) else text)
        feed.seek(0)
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                os.setsid()
                for fd, file in ((0, feed), (1, out), (2, out)):
                    os.dup2(file.fileno(), fd)
                os.closerange(3, 1000)
                os.chdir("/")
                become(uid, gid)
                act()
            os._exit(126)
        status = until("the end of a command", lambda: ended(pid), limit)
        out.seek(0)
        return status[0], out.read().decode("latin-1")


def ended(pid):
    got, raw = os.waitpid(pid, os.WNOHANG)
    return (os.waitstatus_to_exitcode(raw),) if got else None


def execute(*words, env=None, name=None):
    """An act: become this program."""
    path = ("/usr/bin/" if words[0] == "mailq" else "/usr/sbin/") + words[0]
    return lambda: os.execve(path, [name or words[0], *words[1:]], env or {"PATH": "/usr/sbin:/usr/bin:/bin"})


def after(prepare, act):
    def both():
        prepare()
        act()
    return both


def in_maildrop():
    return os.listdir(QUEUE + "/maildrop")


def sweep_maildrop():
    for name in in_maildrop():
        os.unlink(QUEUE + "/maildrop/" + name)


def arrived(user, subject):
    return contents("/var/mail/" + user).count("\nSubject: %s\n" % subject)


def works(host, subject):
    """Mail of others gets through, from here and from the network."""
    host.run("sendmail", "-f", "enrique@" + DOMAIN, "paco@" + DOMAIN, text=MESSAGE % (subject + " here"), user="enrique")
    send("paco@" + DOMAIN, "Subject: %s there\n\nx" % subject)
    for where in ("here", "there"):
        host.wait_mail("paco", "Subject: %s %s\n" % (subject, where))


def in_peace(host, mark):
    bad = re.findall(r"^.*(?:panic:|killed by signal|bad command startup|exit status).*$", host.log()[mark:], re.M)
    assert not bad, bad[:5]


def sane(status, output, what):
    """No program of ours dies of a signal, whatever it is started with."""
    assert status >= 0 or -status in (signal.SIGKILL, signal.SIGXCPU, signal.SIGXFSZ, signal.SIGPIPE), (what, status, output[-500:])


SET_GID = (("postdrop",), ("postdrop", "-r"), ("postqueue", "-p"), ("postqueue", "-f"), ("postlog", "text"))


@test
def a_configuration_of_ones_own_is_refused(host):
    evil = HOME + "/etc"
    write(evil + "/main.cf", contents(ETC + "/main.cf") + "queue_directory = %s/q\nmaillog_file = %s/log\n" % (HOME, HOME), owner=ANA)
    os.makedirs(HOME + "/q/maildrop", exist_ok=True)
    for name in (evil, evil + "/", ETC + "/../.." + evil, ".", "", "/", ETC + "\n", ETC + " " + evil, "/proc/self/cwd" + evil):
        for words in SET_GID + (("sendmail", "paco@" + DOMAIN), ("mailq",)):
            ways = [execute(*words, env={"MAIL_CONFIG": name, "PATH": "/bin"})]
            if words[0] not in ("mailq",):
                ways.append(execute(words[0], "-C" if words[0] == "sendmail" else "-c", name, *words[1:]))
            for act in ways:
                status, output = child(act, text=MESSAGE % "evil")
                assert status > 0 and "unauthorized configuration directory name" in output, (name, words, status, output)
    assert not os.listdir(HOME + "/q/maildrop") and not os.path.exists(HOME + "/log") and not in_maildrop()


@test
def the_environment_of_the_caller_changes_nothing(host):
    env = {"MAIL_LOGTAG": "x\ny", "MAIL_DEBUG": "1", "MAIL_VERBOSE": "1", "queue_directory": HOME, "mail_owner": "ana", "TZ": "/../%s/tz" % HOME,
           "TZDIR": HOME, "LD_PRELOAD": HOME + "/evil.so", "LD_LIBRARY_PATH": HOME, "LD_AUDIT": HOME + "/evil.so", "LOCALDOMAIN": "x",
           "GCONV_PATH": HOME, "LOCPATH": HOME, "NLSPATH": HOME, "TMPDIR": HOME, "OPENSSL_CONF": HOME + "/x", "GLIBC_TUNABLES": "glibc.malloc.check=3",
           "MALLOC_TRACE": HOME + "/trace", "LD_DEBUG": "all", "LD_DEBUG_OUTPUT": HOME + "/debug", "PATH": HOME, "IFS": "/", "ENV": HOME + "/x",
           "RELEVO_SLOT": "999999", "HOSTALIASES": HOME + "/x", "RES_OPTIONS": "debug", "RESOLV_HOST_CONF": "/etc/shadow"}
    write(HOME + "/evil.so", "no library\n", owner=ANA)
    before = sorted(os.listdir(HOME))
    for words in (("postdrop", "-r"), ("postqueue", "-p"), ("postlog", "of the environment")):
        status, output = child(execute(*words, env=env), text=b"")
        assert status == 0 and "Segm" not in output, (words, status, output)
    assert sorted(os.listdir(HOME)) == before
    host.wait_log(r"^[A-Z][a-z]{2} .* mail postfix/postlog\[\d+\]: of the environment$")


@test
def closed_descriptors_lose_no_mail(host):
    """Every combination of the three: the command fails and says so, or the mail arrives."""
    for closed in range(8):
        gone = [fd for fd in range(3) if closed >> fd & 1]

        def close():
            for fd in gone:
                os.close(fd)
        for options in ((), ("-bv",), ("-v",)):
            subject = "closed %d %s" % (closed, options)
            status, output = child(after(close, execute("sendmail", *options, "-f", "ana@" + DOMAIN, "luis@" + DOMAIN)), text=MESSAGE % subject)
            # what -v prints is missed by its reader
            assert (status == 0) == (0 not in gone) or options == ("-bv",) or (options == ("-v",) and 1 in gone), (gone, options, status, output)
            if status == 0 and options != ("-bv",):
                host.wait_mail("luis", "Subject: %s\n" % subject)
        for words in SET_GID:
            status, output = child(after(close, execute(*words)), text=b"")
            sane(status, output, (words, gone))
    assert not re.search("closed", "".join(contents(QUEUE + "/maildrop/" + n) for n in in_maildrop()))
    sweep_maildrop()


LIMITS = [(resource.RLIMIT_FSIZE, n) for n in (0, 1, 100, 4096)] + [(resource.RLIMIT_NOFILE, n) for n in range(3, 9)] + \
    [(resource.RLIMIT_AS, n << 20) for n in (2, 4, 6, 8, 10, 12, 16)] + [(resource.RLIMIT_DATA, n << 10) for n in (0, 100, 300, 1000)] + \
    [(resource.RLIMIT_STACK, n << 10) for n in (16, 64, 200)] + [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_NPROC, 0), (resource.RLIMIT_NPROC, 1)]


@test
def tiny_limits_lose_no_mail(host):
    text = MESSAGE + "line of a message\n" * 1000
    for which, value in LIMITS:
        subject = "limit %d %d" % (which, value)
        status, output = child(after(lambda: resource.setrlimit(which, (value, value)), execute("sendmail", "-f", "ana@" + DOMAIN, "luis@" + DOMAIN)),
                               text=text % subject)
        if status == 0:
            host.wait_mail("luis", "Subject: %s\n" % subject)
        for words in SET_GID[1:]:
            status, output = child(after(lambda: resource.setrlimit(which, (value, value)), execute(*words)), text=b"")
            assert status >= 0 or which in (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_STACK, resource.RLIMIT_FSIZE), (words, which, value, status, output)
    assert not [n for n in in_maildrop() if os.stat(QUEUE + "/maildrop/" + n).st_mode & stat.S_IXUSR], "complete, and yet not taken"
    sweep_maildrop()


@test
def an_odd_umask_and_blocked_signals_are_no_matter(host):
    def block():
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
    for mask in (0, 0o777, 0o077):
        subject = "umask %o" % mask
        status, output = child(after(lambda: (os.umask(mask), block()), execute("sendmail", "luis@" + DOMAIN)), text=MESSAGE % subject)
        assert status == 0, output
        host.wait_mail("luis", "Subject: %s\n" % subject)


def argument_lists():
    big = "x" * 100000
    return {"none": [], "an empty name": [""], "a line": ["a\nb"], "an escape": ["\x1b[31m%s%n"], "a path": ["../../mailq"], "long": [big],
            "thousands": ["sendmail"] + ["a@" + DOMAIN] * 20000, "large": ["sendmail"] + [big] * 10,
            "-f of lines": ["sendmail", "-f", "a\nRCPT TO:<x>\n", "luis@" + DOMAIN], "-F of lines": ["sendmail", "-F", "a\nBcc: paco\n\n", "luis@" + DOMAIN],
            "options of root": ["sendmail", "-oQ/etc", "-oLx", "-O", "x=y", "-q1h", "-bd"]}


@test
def any_list_of_arguments_ends_well(host):
    mark = len(host.log())

    def execve(program, words):
        argv = (ctypes.c_char_p * (len(words) + 1))(*[w.encode("latin-1") for w in words], None)
        return lambda: LIBC.execve(program.encode(), argv, (ctypes.c_char_p * 1)(None))
    for what, words in argument_lists().items():
        for program in ("sendmail", "postdrop", "postqueue", "postlog", "postcat", "postsuper", "postkick", "postlock", "postmap", "postconf", "postfix"):
            status, output = child(execve("/usr/sbin/" + program, words), text=MESSAGE % "arguments")
            assert status >= 0, (program, what, status, output[-300:])
    for line in host.log()[mark:].splitlines():
        assert re.match(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d mail ", line), line
    sweep_maildrop()


@test
def names_lead_nowhere(host):
    ids = ("../../etc/passwd", "../active/x", "/etc/passwd", "a;b", "$(id)", "", ".", "..", "x\ny", "A" * 300, "-", "%s%n", "deferred/A")
    for name in ids:
        for words in (("postqueue", "-i", name), ("postqueue", "-s", name), ("sendmail", "-qI" + name), ("sendmail", "-qR" + name)):
            status, output = child(execute(*words))
            assert status > 0, (words, status, output)
        for words in (("postcat", "-q", name), ("postsuper", "-d", name), ("postsuper", "-h", name)):
            status, output = child(execute(*words))
            assert status > 0 and "root" not in output.replace("superuser", ""), (words, status, output)
    waiting = send("x@away.test")
    for name in ids:
        if name != "-":
            host.run("postsuper", "-d", name, "-h", name, "-r", name, "-e", name, check=False)
            assert host.run("postcat", "-q", name, check=False).returncode != 0, name
    assert waiting in host.queue() and os.path.exists("/etc/passwd")
    host.run("postsuper", "-d", waiting)


@test
def what_belongs_to_root_is_of_no_use_to_users(host):
    """Daemons and scripts that users start themselves have nothing but the rights of users."""
    mark, programs = len(host.log()), "/usr/lib/postfix/sbin/"
    before = picture(ETC), host.master()
    options = (("-S",), ("-S", "-o", "queue_directory=" + HOME, "-o", "mail_owner=ana"), ("-n", "x", "-t", "unix", "-u", "-c"), ("-w",), ("-t",), ("-d",), ("-x\n",),
               ("set-permissions",), ("create-missing",), ("stop",), ("abort",))
    for program in sorted(os.listdir(programs)):
        for words in options:
            def act():
                signal.alarm(1)
                os.execve(programs + program, [program, *words], {"PATH": "/usr/sbin:/usr/bin:/bin", "queue_directory": QUEUE, "config_directory": ETC,
                          "command_directory": "/usr/sbin", "daemon_directory": programs[:-1], "data_directory": "/var/lib/postfix", "mail_owner": "postfix",
                          "setgid_group": "postdrop", "MAIL_LOGTAG": "postfix"})
            status, output = child(act)
            assert status >= 0 or status == -signal.SIGALRM, (program, words, status, output[-300:])
    assert before == (picture(ETC), host.master()) and host.is_running()
    in_peace(host, mark)
    works(host, "after the daemons of users")


# ---------------------------------------------------------------- records

HEAD = record("S", "ana@" + DOMAIN)
TO = record("R", "luis@" + DOMAIN)


def submission(subject, envelope=b"", content=b"", extracted=b"", sender=HEAD):
    return sender + envelope + TO + record("M") + record("N", "Subject: " + subject) + content + record("N") + record("N", "x") + \
        record("X") + extracted + record("E")


REFUSED = {
    "a pointer": dict(envelope=record("p", "%15d" % 0)), "a redirect": dict(envelope=record(">", "paco@" + DOMAIN)),
    "a filter": dict(envelope=record("f", "smtp:[127.0.0.1]:1")), "a warning time": dict(envelope=record("W", "1")),
    "a done recipient": dict(envelope=record("D", "paco@" + DOMAIN)), "an original recipient": dict(envelope=record("O", "root@" + DOMAIN)),
    "a second sender": dict(envelope=HEAD), "a pointer in the content": dict(content=record("p", "%15d" % 0)),
    "a recipient in the content": dict(content=TO), "a redirect behind it": dict(extracted=record(">", "paco@" + DOMAIN)),
    "a receipt": dict(extracted=record("r", "paco@" + DOMAIN)), "two markers": dict(content=record("M")),
    "a line break in the sender": dict(sender=record("S", "a\nb@" + DOMAIN)), "a line break in a line": dict(content=record("N", "a\n.\nMAIL")),
    "a NUL in the recipient": dict(envelope=record("R", "a\0b@" + DOMAIN)), "size of letters": dict(sender=record("C", "x" * 95) + HEAD),
    "no sender": dict(sender=b""), "text in a marker": dict(content=record("X", "x")), "an unknown one": dict(envelope=record("Q", "x")),
    "a line break in an attribute": dict(envelope=record("A", "notify_flags=1\nx")), "a long address": dict(envelope=record("R", "x" * 90000)),
}
BROKEN = {"nothing but a type": b"S", "an endless length": HEAD + b"R" + b"\xff" * 50, "a length beyond all": HEAD + b"R\xff\xff\xff\xff\x7f" + b"x" * 1000,
          "no end": submission("x")[:-2], "garbage": bytes(random.Random(1).randrange(256) for _ in range(100000)), "zeros": bytes(100000)}


@test
def records_that_users_may_not_set_are_refused(host):
    for what, parts in REFUSED.items():
        status, output = child(execute("postdrop"), text=submission("refused", **parts))
        assert status > 0, what
    for what, data in BROKEN.items():
        status, output = child(execute("postdrop", "-r"), text=data)
        assert status > 0, what
    assert not in_maildrop()


@test
def what_users_say_about_themselves_is_not_believed(host):
    lies = b"".join(record("A", "%s=%s" % kv) for kv in {
        "sasl_username": "root", "sasl_method": "plain", "sasl_sender": "root", "client_name": "trusted.test", "client_address": "127.0.0.1",
        "log_client_name": "trusted.test", "protocol_name": "SMTP", "helo_name": "trusted.test", "queue_id": "X", "create_time": "1", "log_ident": "forged",
        "log_message_origin": "forged"}.items())
    size = size_record(-1, 999999999, -7, -1, 99999999999, 65535)
    for time_text in ("1 0", "99999999999 0", "-5 x", "%s%n"):
        data = submission("believed " + time_text, sender=size + record("T", time_text) + lies + HEAD)
        status, output = child(execute("postdrop"), text=data)
        assert status == 0, output
        box = host.wait_mail("luis", "Subject: believed %s\n" % time_text)
        mail = box[box.rindex("From ana@"):]
        assert "(Postfix, from userid %d)" % ANA in mail and "root" not in mail and "trusted" not in mail and "forged" not in mail, mail
    assert not re.search(r"(client=|sasl_username=root|trusted\.test|forged)", re.sub("client=localhost.*", "", host.log()))


@test
def the_log_gets_one_honest_line_for_each(host):
    mark = len(host.log())
    forged = "Nov 26 00:00:00 mail postfix/smtpd[1]: forged"
    tries = [("postlog", "a\n" + forged), ("postlog", "-t", "a\n" + forged, "tag"), ("postlog", "-t", "\x1b]0;x\x07\r" + forged, "escape"),
             ("postlog", "-p", "info\n" + forged, "x"), ("postlog", "%s%n%x" * 10), ("postlog", "x" * 100000), ("postlog", "-t", "t" * 5000, "x"),
             ("sendmail", "-f", "a\n" + forged + "@x", "luis@" + DOMAIN), ("postqueue", "-i", "x\n" + forged), ("postdrop", "-c", "/x\n" + forged)]
    for words in tries:
        sane(*child(execute(*words), text=b""), words)
    status, output = child(execute("postlog"), text="one\r" + forged + "\nnul\0byte\n" + "y" * 70000 + "\nend of it\n\n\n")
    sane(status, output, "stdin")
    host.wait_log(r"end of it$", mark)
    lines = host.log()[mark:].splitlines()
    assert not [l for l in lines if re.match(r"Nov 26 00:00:00 mail postfix/smtpd\[1\]", l)], lines
    for line in lines:
        assert len(line) < 8300 and not re.search(r"[\0-\x1f\x7f]", line) and re.match(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d mail ", line), line
    sweep_maildrop()


# ---------------------------------------------------------------- signals and floods

@test
def signals_at_any_moment_lose_nothing_and_double_nothing(host):
    rng, mark, accepted = random.Random(7), len(host.log()), []
    for n in range(120):
        subject = "signal %03d" % n
        with open("/var/tmp/message", "w") as f:
            f.write(MESSAGE % subject + "line\n" * 20000)
        p = subprocess.Popen(["/usr/sbin/sendmail", "luis@" + DOMAIN], stdin=open("/var/tmp/message"), user=ANA, group=ANA, extra_groups=[],
                             start_new_session=True, stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * 0.02)
        number = rng.choice((signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGINT, signal.SIGALRM, signal.SIGUSR1, signal.SIGXCPU, signal.SIGABRT))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(p.pid, number)
        if p.wait() == 0:
            accepted.append(subject)
    for subject in accepted:
        host.wait_mail("luis", "Subject: %s\n" % subject)
    works(host, "after the signals")
    until("no complete file", lambda: not [n for n in in_maildrop() if os.stat(QUEUE + "/maildrop/" + n).st_mode & stat.S_IXUSR])
    host.wait_empty()
    for n in range(120):
        assert arrived("luis", "signal %03d" % n) <= 1, n
    for mail in re.split(r"^From ", contents("/var/mail/luis"), flags=re.M):
        assert "\nSubject: signal" not in mail or mail.count("line\n") == 20000, mail[:300]
    sweep_maildrop()
    in_peace(host, mark)


@test
def what_killed_submissions_leave_is_cleared_away_after_a_week(host):
    for age in (0, 6, 8):
        p = subprocess.Popen(["/usr/sbin/postdrop", "-r"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=ANA, group=ANA, extra_groups=[])
        p.stdout.read(10)
        p.kill()
        p.wait()
        p.stdin.close()
        p.stdout.close()
        [path] = [QUEUE + "/maildrop/" + n for n in in_maildrop() if os.stat(QUEUE + "/maildrop/" + n).st_mtime > time.time() - 3600]
        os.utime(path, (time.time() - age * 86400 - 3600,) * 2)
    held = send("x@away.test")
    host.wait_in("deferred", held)
    host.run("postsuper", "-h", held)
    os.utime(QUEUE + "/hold/" + held, (time.time() - 86400 * 30,) * 2)
    assert len(in_maildrop()) == 3
    host.run("postsuper")
    assert len(in_maildrop()) == 2 and held in host.queue(), in_maildrop()
    host.run("postsuper", "-d", held)
    sweep_maildrop()


@test
def users_who_keep_postdrop_waiting_stop_nobody(host):
    held = [subprocess.Popen(["/usr/sbin/postdrop", "-r"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, user=ANA, group=ANA, extra_groups=[]) for _ in range(60)]
    try:
        for p in held:
            p.stdin.write(HEAD)
            p.stdin.flush()
        for p in held[:20]:
            os.kill(p.pid, signal.SIGSTOP)
        works(host, "beside sleepers")
    finally:
        for p in held:
            p.kill()
            p.stdin.close()
            p.wait()
    sweep_maildrop()


def junk_of_postdrop():
    """What somebody with the group postdrop can put into maildrop."""
    os.umask(0)
    os.chdir(QUEUE + "/maildrop")
    rng = random.Random(3)
    for n in range(400):
        name = "%05X" % rng.randrange(1 << 20) + "%04X" % n
        for kind, make in enumerate((
                lambda p: os.close(os.open(p, os.O_CREAT | os.O_WRONLY, 0o700)), lambda p: os.close(os.open(p, os.O_CREAT | os.O_WRONLY, 0)),
                lambda p: os.symlink("/etc/passwd", p), lambda p: os.symlink(p, p), lambda p: os.mkfifo(p, 0o777), lambda p: os.mkdir(p, 0o777),
                lambda p: os.mkdir(p, 0), lambda p: write(p, "junk" * 50, 0o777), lambda p: os.link("../maildrop/" + name + "0", p))):
            with contextlib.suppress(OSError):
                make("./" + name + str(kind))
    for n in range(50):
        os.makedirs("./" + "/".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:24]) + "/%d" % n, exist_ok=True)
    os._exit(0)


@test
def a_maildrop_full_of_junk_stops_nobody(host):
    mark = len(host.log())
    status, output = child(junk_of_postdrop, gid=DROP_GID)
    assert status == 0 and len(in_maildrop()) > 3000, (status, output, len(in_maildrop()))
    for i in range(3):
        works(host, "beside junk %d" % i)
    host.run("postqueue", "-p")
    host.run("postqueue", "-p", user="paco")
    assert "root:" not in host.log()[mark:]
    host.stop()
    host.start()
    works(host, "beside junk after a start")
    in_peace(host, mark)
    subprocess.run("rm -rf %s/maildrop/* %s/corrupt/*" % (QUEUE, QUEUE), shell=True, check=True)



# ---------------------------------------------------------------- local delivery

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


# ---------------------------------------------------------------- as user postfix

def sockets():
    return [os.path.join(where, name) for d in ("private", "public") for where, _, names in os.walk(QUEUE + "/" + d) for name in names]


def frame(kind, body):
    return struct.pack("<I", len(body) + 1) + kind + body


def attrs(**pairs):
    return b"".join(k.encode() + b"\0" + str(v).encode("latin-1") + b"\0" for k, v in pairs.items()) + b"\0"


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
    mark, before = len(host.log()), host.daemons()
    status, output = child(poke_everybody, uid=MAIL_UID, limit=200)
    assert status == 0, output
    works(host, "after the nonsense")
    until("an empty queue", lambda: host.run("postsuper", "-d", "ALL") and not host.queue())
    in_peace(host, mark)
    qmgr = [pid for pid, name in before.items() if name == "qmgr"]
    assert qmgr == [pid for pid, name in host.daemons().items() if name == "qmgr"], "the queue manager was another one"


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


def ask_to_deliver(transport, *request):
    def act():
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect("%s/private/%s" % (QUEUE, transport))
            s.sendall(delivery_request(*request))
            print(s.recv(4096), flush=True)
        os._exit(0)
    return child(act, uid=MAIL_UID)


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
        for queue, qid in (("deferred", "secret"), ("hold", "linked"), ("hold", "../pid/linked"), ("../../var/rootonly", "secret"), ("pid", "linked")):
            status, output = ask_to_deliver(agent, queue, qid, start, mark, recipient)
            assert status == 0 and ("result\\x001" in output or output == "b''\n"), (agent, queue, qid, output)
            with open("/var/rootonly/secret", "rb") as f, open(QUEUE + "/pid/linked", "rb") as g:
                assert f.read() == whole and g.read() == whole_too, (agent, queue, qid)
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
        status, output = ask_to_deliver("local", "hold", "AAAAA9", start, mark, recipient)
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

def picture(*tops):
    """Owner, mode and contents of everything below."""
    seen = {}
    for top in tops:
        for where, dirs, files in os.walk(top):
            for name in [""] + dirs + files:
                path = os.path.join(where, name)
                st = os.lstat(path)
                data = hashlib.sha256(open(path, "rb").read()).hexdigest() if stat.S_ISREG(st.st_mode) and st.st_size < 1 << 20 else ""
                seen[path.rstrip("/")] = (st.st_uid, st.st_gid, st.st_mode, data)
    return seen


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


class Machine(Host):
    def restart_with_edits(self):
        """The configuration as it stands now."""
        self.stop()
        self.start()


def prepare(tree, work):
    furnish(tree, work)
    write("/etc/shadow", "root:*:19000::::::\n", 0o640)
    host = Machine()
    host.configure(main={
        "transport_maps": "inline:{ away.test=smtp:[127.0.0.1]:2599 hook.test=hook: }", "virtual_mailbox_domains": "virtual.test",
        "virtual_mailbox_maps": "inline:{ v@virtual.test=v/ }", "virtual_mailbox_base": "/var/vmail", "virtual_uid_maps": "static:21900",
        "virtual_gid_maps": "static:21900", "default_privs": "nobody", "queue_run_delay": "1h", "command_time_limit": "%ds" % TIME_LIMIT_S,
        "recipient_delimiter": "+", "deliver_lock_attempts": "2", "minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "transport_retry_time": "1s",
        "authorized_verp_clients": "", "mailbox_size_limit": "60000000"},
        master="hook unix - n n - - pipe\n  flags=R user=luis argv=/bin/sh -c {cat >> %s/luis/hooked}\n" % HOMES,
        aliases="postmaster: paco\n")
    host.start()
    return host


main(prepare)
