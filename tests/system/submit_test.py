#!/usr/bin/env python3
"""sendmail hands mail straight to pickup(8), which knows its callers from the kernel.  Whatever goes wrong there, postdrop(1) and
maildrop/ are the way."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess

from harness import DOMAIN, QUEUE, USERS, main, one_host, test, until
from siege import attack

POSTDROP, DOOR = "/usr/sbin/postdrop", QUEUE + "/submit/pickup"
AWAY = {"defer_transports": "smtp", "minimal_backoff_time": "1h", "queue_run_delay": "1h"}


def record(kind, text=""):
    return kind.encode() + bytes([len(text)]) + text.encode()


def message(subject, *more):
    return b"".join((*more, record("S", "ana"), record("R", "paco"), record("M"), record("N", "Subject: " + subject), record("N"), record("N", "x"),
                     record("X"), record("E")))


def call(packet=None):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(30)
    s.connect(DOOR)
    if packet is not None:
        s.send(packet)
    return s


def answer(packet):
    """What pickup says; nothing when it hangs up."""
    try:
        with call(packet) as s:
            return s.recv(10).decode()
    except (ConnectionError, BrokenPipeError):
        return ""


def as_user(user, work):
    """Run `work` in a process of that user; its result."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        with contextlib.suppress(BaseException):
            os.setgroups([])
            os.setresgid(USERS[user], USERS[user], USERS[user])
            os.setresuid(USERS[user], USERS[user], USERS[user])
            os.write(write, json.dumps(work()).encode())
            status = 0
        os._exit(status)
    os.close(write)
    with open(read, "rb") as f:
        said = f.read()
    assert os.waitpid(pid, 0)[1] == 0, "the work of %s" % user
    return json.loads(said)


@contextlib.contextmanager
def without_rights(path):
    mode = os.stat(path).st_mode
    os.chmod(path, 0o755)
    try:
        yield
    finally:
        os.chmod(path, mode)


def submit(host, subject, body="x", user="ana", to="paco", check=True):
    return host.run("sendmail", to, text="Subject: %s\n\n%s\n" % (subject, body), user=user, check=check)


@test
def a_user_needs_no_set_group_id_program(host):
    with without_rights(POSTDROP):
        submit(host, "no rights")
        host.run("sendmail", "-bv", "paco@" + DOMAIN, user="ana")
    box = host.wait_mail("paco", "Subject: no rights\n")
    assert "(Postfix, from userid %d)" % USERS["ana"] in box and "\nFrom: " in box and "\nMessage-Id: " in box
    qid = host.wait_log(r"postfix/pickup\[\d+\]: ([0-9A-F]+): uid=%d from=<ana>$" % USERS["ana"])[1]
    host.wait_log(r"postfix/cleanup\[\d+\]: %s: message-id=<" % qid)
    assert not os.listdir(QUEUE + "/maildrop")


@test
def the_message_is_in_the_queue_when_sendmail_ends(host):
    submit(host, "away", to="x@away.test")
    assert re.search(r"^[0-9A-F]+[*!]? .* ana@", host.run("postqueue", "-p").stdout, re.M)
    host.run("postsuper", "-d", "ALL")


@test
def nobody_is_who_he_says_he_is(host):
    claims = message("claims", record("T", "1 2"), record("A", "client_address=192.0.2.1"), record("A", "sasl_username=root"))
    assert as_user("luis", lambda: answer(claims)) == "Q"
    host.wait_mail("paco", "Subject: claims\n")
    host.wait_log(r"pickup\[\d+\]: [0-9A-F]+: uid=%d from=<ana>$" % USERS["luis"])
    assert not re.search(r"192\.0\.2\.1|queued for \d+ days", host.log())


@test
def what_is_not_in_order_is_not_taken(host):
    bad = (message("cut")[:-2], message("filter", record("L", "smtp:[192.0.2.1]")), message("redirect", record(">", "luis")), b"", b"\0" * 70000, b"x",
           message("two lines").replace(b"x", b"\n"))
    for packet in bad:
        assert as_user("luis", lambda p=packet: answer(p)) == "", packet[:50]
    assert not re.search(r"Subject: (cut|filter|redirect|two lines)", host.mailbox("paco"))
    assert not [name for d in ("incoming", "active", "deferred", "corrupt") for name in os.listdir(QUEUE + "/" + d) if len(name) > 1]


@test
def silent_callers_and_idle_talkers_keep_nobody_waiting(host):
    def crowd():
        callers = []
        with contextlib.suppress(OSError):
            while len(callers) < 300:
                s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                s.setblocking(False)
                s.connect(DOOR)
                callers.append(s)
        subprocess.run(["/usr/sbin/sendmail", "paco"], input=b"Subject: of the crowd\n\nx\n", check=True)
        for s in callers:
            s.settimeout(60)
            with contextlib.suppress(ConnectionError):
                assert not s.recv(1)  # each of them is sent away in the end
        return len(callers)

    with attack(host):
        assert as_user("luis", crowd) >= 16
        submit(host, "beside the crowd")
        host.wait_mail("paco", "Subject: beside the crowd\n")
        host.wait_mail("paco", "Subject: of the crowd\n")


@test
def a_pickup_that_does_not_answer_is_done_without(host):
    pid = host.pid_of("pickup")
    os.kill(pid, signal.SIGSTOP)
    try:
        submit(host, "stopped")
        assert len(os.listdir(QUEUE + "/maildrop")) == 1
    finally:
        os.kill(pid, signal.SIGCONT)
    host.wait_mail("paco", "Subject: stopped\n")
    submit(host, "after that")
    host.wait_mail("paco", "Subject: after that\n")
    assert host.mailbox("paco").count("Subject: stopped\n") == 1


@test
def a_long_message_goes_the_old_way(host):
    submit(host, "long", "line of text\n" * 20000)
    host.wait_mail("paco", "Subject: long\n")


@test
def a_message_over_the_limit_is_refused_in_words(host):
    host.run("postconf", "-e", "message_size_limit=2000")
    host.run("postfix", "reload")
    said = submit(host, "too big", "line of text\n" * 300, check=False)
    assert said.returncode and "message file too big" in said.stderr, said.stderr
    host.run("postconf", "-X", "message_size_limit")


@test
def a_site_that_names_its_users_is_asked(host):
    host.run("postconf", "-e", "authorized_submit_users=luis", "local_login_sender_maps=inline:{ luis=luis }")
    host.run("postfix", "reload")
    assert "not allowed to submit" in submit(host, "ana's", check=False).stderr
    until("pickup to know the list", lambda: as_user("ana", lambda: answer(message("by force"))) == "")
    assert "not authorized to use sender" in host.run("sendmail", "-f", "ana", "paco", text="Subject: forged\n\nx\n", user="luis", check=False).stderr
    submit(host, "luis's", user="luis")
    host.wait_mail("paco", "Subject: luis's\n")
    host.run("postconf", "-X", "authorized_submit_users", "local_login_sender_maps")
    host.run("postfix", "reload")


@test
def mail_waits_while_the_system_is_down(host):
    host.stop()
    submit(host, "down")
    assert len(os.listdir(QUEUE + "/maildrop")) == 1
    host.run("postconf", "-F", "pickup/unix/wakeup=60")  # the first comes at the start
    host.start()
    host.wait_mail("paco", "Subject: down\n")


def two_say_why(host, service, why):
    """Both wait in vain: who is let in and hears nothing, and who finds the queue at the door full."""
    path = QUEUE + "/public/" + service
    os.rename(path, path + ".own")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        os.chmod(path, 0o666)
        s.listen(0)
        try:
            for words, said in why:
                p = host.run(*words, check=False)
                assert p.returncode == 69 and said in p.stderr, (words, p.returncode, p.stderr)
        finally:
            os.rename(path + ".own", path)


@test
def a_service_that_is_silent_is_given_up(host):
    host.run("postconf", "-e", "ipc_timeout=1", "fast_flush_domains=away.test")
    two_say_why(host, "showq", [(("postqueue", "-p"), "Read from the Postfix showq service: nothing came for 1 seconds"),
                                (("postqueue", "-j"), "Connect to the Postfix showq service: Connection timed out")])
    two_say_why(host, "flush", [(("postqueue", "-s", "away.test"), "Cannot flush mail queue"),
                                (("postqueue", "-i", "4ABCDE"), "Cannot flush mail queue")])
    host.run("postconf", "-X", "ipc_timeout", "fast_flush_domains")
    host.run("postqueue", "-p")


def prepare(tree, work):
    host = one_host(tree, work)
    host.stop()
    host.configure(main=AWAY)
    host.run("postconf", "-F", "pickup/unix/wakeup=0")  # whatever is not noticed at once stays where it is
    host.start()
    return host


main(prepare)
