"""What the tests of attacks from inside share: acting as somebody else, and a host to attack."""
import contextlib
import ctypes
import hashlib
import os
import re
import signal
import stat

from harness import contents, DOMAIN, furnish, HOMES, Host, QUEUE, send, until, USERS, write

ANA, LUIS = USERS["ana"], USERS["luis"]
HOME = HOMES + "/ana"
BOX = "/var/mail/ana"
SECRET = "the private text of luis"
TIME_LIMIT_S = 3
LIBC = ctypes.CDLL(None, use_errno=True)
MESSAGE = "From: ana\nSubject: %s\n\nx\n"


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
