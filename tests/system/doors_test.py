#!/usr/bin/env python3
"""Nobody reaches a sibling by the path of its socket: a daemon has the doors that it was handed, and no others."""
import os
import re
import socket
import subprocess

from harness import contents, DOMAIN, furnish, Host, MAIL_UID, main, QUEUE, send, test, until, write
from trespass import child

HERE = os.path.dirname(os.path.abspath(__file__))
PLACE = "/var/tmp/doors"
EXPECTED = {"smtpd", "cleanup", "qmgr", "pickup", "smtp", "lmtp", "anvil", "bounce", "showq", "flush", "error", "discard", "trivial-rewrite", "proxymap", "connector"}
BY_PATH = {"lmtp", "proxymap", "tablemgr", "connector"}  # they may make UNIX sockets, for servers of others


def sockets():
    return sorted(d + "/" + name for d in ("private", "public") for name in os.listdir(QUEUE + "/" + d)
                  if name not in ("postlog",))


def said():
    """{program: {socket: what happened}} of all processes that have tried everything."""
    found = {}
    for name in os.listdir(PLACE):
        program, text = name.removeprefix("said-"), contents(PLACE + "/" + name)
        if name.startswith("said-") and text.endswith("done\n"):
            found[program] = dict(line.split(": ") for line in text.splitlines()[:-1])
    return found


def wake_everybody(host):
    for address in ("x@away.test", "x@mailbox.test", "x@nowhere.test", "x@lists.test"):
        host.run("sendmail", address, text="Subject: 1\n\nx\n", user="ana")
    send("paco@" + DOMAIN, "Subject: 1\n\nx")
    host.run("postqueue", "-p")
    host.run("postqueue", "-s", "away.test", check=False)
    for service in ("private/rewrite", "private/proxymap", "private/discard", "private/connector"):
        host.connect_as_root(service)


class Machine(Host):
    def connect_as_root(self, service):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(QUEUE + "/" + service)


@test
def no_daemon_connects_by_path(host):
    write(PLACE + "/sockets", "\n".join(sockets()) + "\n", 0o644)
    host.stop()
    host.start()

    def all_said():
        wake_everybody(host)
        return not EXPECTED - set(said())
    until("all daemons", all_said, 120)
    for program, answers in said().items():
        assert program in BY_PATH or set(answers.values()) == {"refused"}, (program, answers)
    write(PLACE + "/sockets", "")


def try_all():
    """As a daemon that may make UNIX sockets: who has no right to be there hears at once that it is over."""
    for path in sockets():
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(QUEUE + "/" + path)
            print(path, s.recv(10))
    os._exit(0)


@test
def who_comes_by_path_as_the_mail_owner_is_turned_away(host):
    host.stop()
    host.start()
    status, output = child(try_all, uid=MAIL_UID)
    assert status == 0 and len(output.splitlines()) == len(sockets()), (status, output)
    assert {line.split()[1] for line in output.splitlines()} == {"b''"}, output


@test
def what_reads_strangers_has_a_user_of_its_own(host):
    host.stop()
    host.start()
    send("paco@" + DOMAIN, "Subject: own user\n\nx")
    host.wait_mail("paco", "Subject: own user\n")
    owners = {}
    for pid, name in host.daemons().items():
        owners[name] = int(re.search(r"^Uid:\s+(\d+)", contents("/proc/%d/status" % pid), re.M).group(1))
    assert owners["smtpd"] >= 65520, owners
    assert owners["cleanup"] < 65520 and owners["cleanup"] != 0, owners


def prepare(tree, work):
    furnish(tree, work)
    os.makedirs(PLACE)
    os.chmod(PLACE, 0o777)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-w", "-o", "/usr/lib/doors-probe.so", HERE + "/doors_probe.c"], check=True)
    host = Machine()
    host.configure(main={
        "import_environment": "MAIL_CONFIG TZ LANG=C LD_PRELOAD=/usr/lib/doors-probe.so", "queue_run_delay": "1h",
        "transport_maps": "inline:{ away.test=smtp:[127.0.0.1]:2597 mailbox.test=lmtp:[127.0.0.1]:2598 nowhere.test=error:no lists.test=discard:}",
        "relay_domains": "away.test mailbox.test nowhere.test lists.test", "fast_flush_domains": "away.test"},
        master="discard unix - - n - - discard\nlmtp unix - - n - - lmtp\n")
    host.start()
    return host


main(prepare)
