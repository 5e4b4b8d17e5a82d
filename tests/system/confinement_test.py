#!/usr/bin/env python3
"""What the running daemons may do, and what users with bad intentions cannot make them do."""
import glob
import os
import re
import shutil
import socket
import struct
import threading

from harness import (DOMAIN, ETC, HOMES, LOG, MAIL_UID, QUEUE, USERS, Host, contents, furnish, main, proc_status,
                     send, test, until, write)

HOME = HOMES + "/ana"
BOX = "/var/mail/ana"
VICTIM = HOMES + "/luis/private"
SECRET = "the private text of luis\n"
NOBODY = 65534
ROOT_AGENTS = {"local", "virtual", "pipe", "spawn"}
STORE_CAPABILITIES = 1 << 1 | 1 << 6 | 1 << 7 # DAC_OVERRIDE, SETGID, SETUID
KERNEL_CAPABILITIES = 1 << 16 | 1 << 17 | 1 << 20 | 1 << 22 | 1 << 25 | 1 << 38 | 1 << 39 # module, rawio, pacct, boot, time, perfmon, bpf
MASTER = """hook unix - n n - - pipe
  flags=R user=luis argv=/bin/sh -c {cat /proc/self/status > %s/luis/pipe-status}
""" % HOMES


class Ana:
    """Things that user ana can do to her own files; everything is gone afterwards."""

    def __enter__(self):
        write(VICTIM, SECRET, mode=0o600, owner=USERS["luis"])
        return self

    def file(self, path, text, mode=0o600):
        write(path, text, mode, USERS["ana"])

    def link(self, target, path):
        os.symlink(target, path)
        os.lchown(path, USERS["ana"], USERS["ana"])

    def __exit__(self, *_):
        for path in glob.glob(HOME + "/*") + glob.glob(HOME + "/.f*") + glob.glob(BOX + "*"):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)

# What reads strangers has a user of its own (lib/service/trust.def).
STRANGERS = {"smtpd": 65520, "qmqpd": 65521}
# A server keeps its socket in a directory for this group, of which the site has made mail_owner a member.
GUESTS = 21950
GUEST_SOCKET = QUEUE + "/guests/lmtp"
KEEP_GROUPS = {"lmtp", "proxymap", "tablemgr", "connector", "cyrus"}


def deliver(host, to="ana@" + DOMAIN):
    """Send one message; returns the delivery lines of its first attempt."""
    qid = send(to, "Subject: attack\n\nfrom the attack")
    host.wait_log(r"%s: to=<.*status=" % qid)
    until("an empty queue", lambda: host.run("postsuper", "-d", "ALL", "deferred") and not host.queue())
    return "\n".join(re.findall(r"^.*%s: to=<.*$" % qid, host.log(), re.M))


def victim_is_untouched():
    st = os.stat(VICTIM)
    return contents(VICTIM) == SECRET and (st.st_uid, st.st_mode & 0o777) == (USERS["luis"], 0o600)


def start_everybody(host):
    """One message to each agent, so that all daemons of the message path are there."""
    for to in ("paco@" + DOMAIN, "x@refused.test", "v@virtual.test", "h@hook.test", "x@discard.test"):
        send(to)
    host.run("sendmail", "-f", "paco@" + DOMAIN, "nobody-here@" + DOMAIN, "x@error.test", text="Subject: x\n\nx\n")
    host.run("postqueue", "-p")
    host.wait_log("sender non-delivery notification")
    host.wait_log("to=<v@virtual.test>.*status=sent")
    host.wait_log("to=<h@hook.test>.*status=sent")


def too_much(pid):
    """What a daemon may do and should not, as /proc tells."""
    name, *facts = [proc_status(pid, f) for f in ("Name", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")]
    if name is None or None in facts:
        return [] # it has just ended
    uid, gid, groups, no_new_privs, seccomp, *capabilities = facts
    effective, permitted, bounding, inheritable, ambient = (int(c, 16) for c in capabilities)
    wrong = {"a capability for its children": inheritable or ambient, "any system call": seccomp != "2",
             "power over the kernel": (effective | permitted | bounding) & KERNEL_CAPABILITIES}
    if name == "virtual":
        wrong.update({"new privileges": no_new_privs != "1", "more than it takes to become others": (permitted | bounding) & ~STORE_CAPABILITIES})
    if name not in ROOT_AGENTS:
        wrong.update({
            "another uid": set(uid.split()) != {str(STRANGERS.get(name, MAIL_UID))},
            "another gid": set(gid.split()) != {str(STRANGERS.get(name, MAIL_UID))},
            "other groups": set(gid.split() + groups.split()) - set(gid.split()) != ({str(GUESTS)} if name in KEEP_GROUPS else set()),
            "new privileges": no_new_privs != "1", "a capability": effective or permitted,
            "being read by its siblings": owner_of_memory(pid) != 0})
    return [what for what, is_so in wrong.items() if is_so]


def owner_of_memory(pid):
    try:
        return os.stat("/proc/%d/mem" % pid).st_uid
    except FileNotFoundError:
        return 0


@test
def every_daemon_has_no_more_rights_than_it_needs(host):
    start_everybody(host)
    wanted = {"anvil", "bounce", "cleanup", "discard", "error", "local", "pickup", "pipe", "qmgr", "showq", "smtp", "smtpd", "virtual"}
    until("all of %s" % wanted, lambda: wanted <= set(host.daemons().values()))
    for pid, name in host.daemons().items():
        # a process that has just been started is not in its jail yet
        until("%s (%d) to be confined: %s" % (name, pid, too_much(pid)), lambda: not too_much(pid))
    assert "sandbox" not in host.log(), "the log speaks of confinement that is missing"


@test
def proxymap_opens_tables_in_its_jail(host):
    body = b"table\0texthash:%s/proxied\0flags\x003\0key\0name\0value\0\0\0" % ETC.encode()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(QUEUE + "/private/proxymap")
        s.sendall(struct.pack("<I", len(body) + 1) + b"L" + body)
        assert b"value\0of table\0" in s.recv(4096)
    pid = host.pid_of("proxymap")
    assert not too_much(pid), too_much(pid)


@test
def lmtp_comes_to_a_socket_that_a_group_of_mail_owner_may_reach(host):
    with socket.socket(socket.AF_UNIX) as listener:
        os.mkdir(os.path.dirname(GUEST_SOCKET), 0o750)
        os.chown(os.path.dirname(GUEST_SOCKET), 0, GUESTS)
        listener.bind(GUEST_SOCKET)
        os.chmod(GUEST_SOCKET, 0o666)
        listener.listen()
        listener.settimeout(20)
        qid = send("x@guests.test", "Subject: for the group\n\nx")
        s, _ = listener.accept()
        with s:
            pid = host.pid_of("lmtp")
            assert not too_much(pid), too_much(pid)
            s.sendall(b"521 5.3.2 no mail here\r\n")
        host.wait_log(r"%s: to=<x@guests.test>.*no mail here" % qid)
    host.run("postsuper", "-d", qid)


@test
def a_pipe_command_runs_with_the_rights_of_its_user(host):
    status = until("the command", lambda: contents(HOMES + "/luis/pipe-status"))
    assert re.search(r"^Uid:\s+21004\s+21004\s+21004\s+21004$", status, re.M) and re.search(r"^CapEff:\s+0+$", status, re.M), status
    assert re.search(r"^Groups:\s*(21004)? *$", status, re.M), status


@test
def a_forward_command_runs_with_the_rights_of_the_user(host):
    with Ana() as ana:
        ana.file(HOME + "/.forward", '"|/bin/sh -c \'cat /proc/self/status > %s/status; ls -l /proc/self/fd > %s/fds; env > %s/env\'"\n' % (HOME, HOME, HOME))
        assert "status=sent (delivered to command: " in deliver(host)
        status = contents(HOME + "/status")
        assert re.search(r"^Uid:\s+21003\s+21003\s+21003\s+21003$", status, re.M), status
        assert re.search(r"^Gid:\s+21003\s+21003\s+21003\s+21003$", status, re.M), status
        assert re.search(r"^Groups:\s*(21003)? *$", status, re.M) and re.search(r"^CapEff:\s+0+$", status, re.M), status
        assert re.search(r"^CapPrm:\s+0+$", status, re.M), status
        open_fds = re.findall(r" (\d+) -> (.*)$", contents(HOME + "/fds"), re.M)
        assert all(int(fd) <= 2 or "/proc/" in what or what.endswith("/fds") for fd, what in open_fds), open_fds
        assert "RELEVO" not in contents(HOME + "/env")


@test
def commands_for_root_run_as_nobody(host):
    os.makedirs("/var/open", exist_ok=True)
    os.chmod("/var/open", 0o1777)
    write(HOMES + "/root/.forward", '"|id -u >> /var/open/root-forward"\n', owner=0)
    send("root@" + DOMAIN, "Subject: for root\n\nx")
    send("command@" + DOMAIN, "Subject: for the alias\n\nx")
    send("file@" + DOMAIN, "Subject: for the file\n\nx")
    host.wait_empty()
    for name in ("root-forward", "alias-command"):
        ran_as = contents("/var/open/" + name).split()
        assert ran_as in ([], [str(NOBODY)]), (name, ran_as)
    assert contents("/var/open/alias-command"), "the command in /etc/aliases did not run"
    assert os.stat("/var/open/alias-file").st_uid == NOBODY
    os.unlink(HOMES + "/root/.forward")


@test
def a_mailbox_that_is_a_link_is_not_followed(host):
    for target in (VICTIM, "/etc/passwd", ETC + "/new", HOMES + "/luis/new"):
        before = contents("/etc/passwd")
        with Ana() as ana:
            ana.link(target, BOX)
            lines = deliver(host)
            assert "status=sent" not in lines, lines
            assert victim_is_untouched() and contents("/etc/passwd") == before and os.path.islink(BOX)
            assert not os.path.exists(ETC + "/new") and not os.path.exists(HOMES + "/luis/new")


@test
def a_mailbox_with_a_second_name_or_of_another_kind_is_refused(host):
    with Ana() as ana:
        os.link(VICTIM, BOX)
        assert "status=sent" not in deliver(host) and victim_is_untouched()
    with Ana() as ana:
        os.mkfifo(BOX)
        os.chown(BOX, USERS["ana"], USERS["ana"])
        assert "status=sent" not in deliver(host)
    with Ana() as ana:
        write(BOX, SECRET, mode=0o600, owner=USERS["luis"])
        assert "status=sent" not in deliver(host) and contents(BOX) == SECRET
    with Ana() as ana:
        ana.link(VICTIM, BOX + ".lock")
        deliver(host)
        assert victim_is_untouched()


@test
def a_mailbox_that_is_exchanged_all_the_time_never_leads_elsewhere(host):
    with Ana() as ana:
        stop = threading.Event()
        ana.file(HOME + "/box", "")
        ana.link(VICTIM, HOME + "/link")

        def exchange():
            while not stop.is_set():
                for kind in ("box", "link"):
                    os.link(HOME + "/" + kind, BOX + ".new", follow_symlinks=False)
                    os.rename(BOX + ".new", BOX)
                    if kind == "box":
                        os.unlink(BOX)
                    ana.link(VICTIM, BOX + ".new") if kind == "box" else write(BOX + ".new", "", mode=0o600, owner=USERS["ana"])
                    os.rename(BOX + ".new", BOX)

        thread = threading.Thread(target=exchange)
        thread.start()
        try:
            for _ in range(60):
                send("ana@" + DOMAIN, "Subject: race\n\nx")
            until("an attempt for each", lambda: len(re.findall(r"to=<ana@.*status=", host.log())) >= 60)
        finally:
            stop.set()
            thread.join()
        until("an empty queue", lambda: host.run("postsuper", "-d", "ALL") and not host.queue())
        assert victim_is_untouched()


@test
def files_of_others_cannot_be_named_in_forward(host):
    write("/var/mail/luis", "", mode=0o600, owner=USERS["luis"])
    for text in (VICTIM, "/etc/passwd", HOMES + "/luis/Maildir/", "/var/mail/luis", QUEUE + "/active/x", LOG):
        before = contents("/etc/passwd"), contents("/var/mail/luis")
        with Ana() as ana:
            ana.file(HOME + "/.forward", text + "\n")
            lines = deliver(host)
            assert "status=sent" not in lines, (text, lines)
            assert victim_is_untouched() and (contents("/etc/passwd"), contents("/var/mail/luis")) == before
            assert not os.path.exists(HOMES + "/luis/Maildir")


@test
def a_maildir_that_leads_to_others_gets_nothing(host):
    os.makedirs(HOMES + "/luis/.box/new")
    os.makedirs(HOMES + "/luis/.box/tmp")
    for d in ("", "/new", "/tmp"):
        os.chown(HOMES + "/luis/.box" + d, USERS["luis"], USERS["luis"])
    for attack in ("dir", "new"):
        with Ana() as ana:
            ana.file(HOME + "/.forward", HOME + "/Maildir/\n")
            if attack == "dir":
                ana.link(HOMES + "/luis/.box", HOME + "/Maildir")
            else:
                for d in ("Maildir", "Maildir/tmp", "Maildir/cur"):
                    os.makedirs(HOME + "/" + d)
                    os.chown(HOME + "/" + d, USERS["ana"], USERS["ana"])
                ana.link(HOMES + "/luis/.box/new", HOME + "/Maildir/new")
            assert "status=sent" not in deliver(host)
            assert not os.listdir(HOMES + "/luis/.box/new") and not os.listdir(HOMES + "/luis/.box/tmp")


@test
def a_forward_file_of_somebody_else_is_not_read(host):
    with Ana() as ana:
        write(HOME + "/.forward", "luis\n", mode=0o644, owner=USERS["luis"])
        assert "relay=local" in deliver(host) and "from the attack" in contents(BOX)
    with Ana() as ana:
        ana.file(HOME + "/.forward", "luis\n", mode=0o666)
        deliver(host)
        assert "from the attack" in contents(BOX)
    with Ana() as ana:
        ana.link(VICTIM, HOME + "/.forward")
        deliver(host)
        assert victim_is_untouched()
    with Ana() as ana:
        os.mkfifo(HOME + "/.forward")
        os.chown(HOME + "/.forward", USERS["ana"], USERS["ana"])
        deliver(host)
    with Ana() as ana:
        ana.file(HOME + "/.forward", ":include:%s\n" % VICTIM)
        lines = deliver(host)
        assert "private text" not in host.log() and "private text" not in contents(BOX), lines


@test
def users_cannot_read_or_change_the_queue(host):
    for path in ("incoming", "active", "deferred", "private", "maildrop", "corrupt", "hold"):
        assert host.run("ls", "%s/%s" % (QUEUE, path), user="ana", check=False).returncode != 0, path
    assert host.run("postsuper", "-d", "ALL", user="ana", check=False).returncode != 0
    assert host.run("postcat", "-q", "AAAAAA", user="ana", check=False).returncode != 0
    junk = host.run("postdrop", text="T\x05garbage" * 50, user="ana", check=False)
    assert junk.returncode != 0 and not os.listdir(QUEUE + "/maildrop"), junk


def prepare(tree, work):
    furnish(tree, work)
    write("/etc/group", contents("/etc/group") + "guests:x:%d:postfix\n" % GUESTS)
    write(ETC + "/proxied", "name of table\n")
    host = Host()
    host.configure(main={
        "transport_maps": "inline:{ hook.test=hook: error.test=error:5.0.0 discard.test=discard: refused.test=smtp:[127.0.0.1]:2599 "
                          "guests.test=lmtp:unix:guests/lmtp }",
        "proxy_read_maps": "$local_recipient_maps proxy:texthash:%s/proxied" % ETC, "virtual_mailbox_domains": "virtual.test", "virtual_mailbox_maps": "inline:{ v@virtual.test=v/ }",
        "virtual_mailbox_base": "/var/vmail", "virtual_uid_maps": "static:21900", "virtual_gid_maps": "static:21900",
        "default_privs": "nobody", "queue_run_delay": "1h", "deliver_lock_attempts": "2",
        "smtpd_client_event_limit_exceptions": ""}, master=MASTER,
        aliases='postmaster: paco\ncommand: "|id -u >> /var/open/alias-command"\nfile: /var/open/alias-file\n')
    host.start()
    return host


main(prepare)
