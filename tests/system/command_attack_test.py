#!/usr/bin/env python3
"""What users of this host cannot do with the commands that have the group postdrop, and with all others."""
import contextlib
import ctypes
import os
import random
import re
import resource
import signal
import stat
import subprocess
import time

from harness import contents, DOMAIN, DROP_GID, ETC, main, QUEUE, SANITIZED, send, test, until, write
from trespass import (after, ANA, arrived, child, execute, HOME, in_maildrop, in_peace, LIBC, MESSAGE, picture, prepare, sane,
                      sweep_maildrop, works)
from wire import record, size_record

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
if SANITIZED:  # a sanitizer reserves terabytes and reports a stack that is at its end
    LIMITS = [(which, value) for which, value in LIMITS if which not in (resource.RLIMIT_AS, resource.RLIMIT_STACK)]


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


@contextlib.contextmanager
def swapping(directory, target):
    """Ana puts a link to `target` into the place of every new file that she finds there."""
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(ANA)
        os.setuid(ANA)
        os.chdir(directory)
        while True:
            for name in os.listdir("."):
                with contextlib.suppress(OSError):
                    if name.endswith(".tmp") and not os.path.islink(name):
                        os.rename(name, name + ".taken")
                        os.symlink(target, name)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@test
def root_makes_tables_where_others_swap_names(host):
    """In a directory for all and in her own, tables of hers and of root's: no file but the index is made or changed."""
    text = "".join("key%d: value\n" % i for i in range(20000))
    target, old = "/etc/made-by-root", "/etc/was-there"
    write(old, "precious\n", 0o600)
    for directory, mode, owner in (("/var/all", 0o1777, 0), ("/var/hers", 0o755, ANA)):
        os.makedirs(directory)
        os.chown(directory, owner, owner)
        os.chmod(directory, mode)
        for whose in (ANA, 0):
            table = "%s/table-of-%d" % (directory, whose)
            write(table, text, owner=whose)
            for there in (target, old):
                with swapping(directory, there):
                    for command in (("postalias", "hash:" + table), ("postmap", "-i", "hash:" + table), ("postmap", "-o", "hash:" + table)):
                        subprocess.run(command, input="new value\n", text=True, capture_output=True)
                assert not os.path.exists(target), (directory, whose)
                state = os.stat(old)
                assert (contents(old), state.st_uid, stat.S_IMODE(state.st_mode)) == ("precious\n", 0, 0o600)


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


main(prepare)
