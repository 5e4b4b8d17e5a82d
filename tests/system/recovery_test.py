#!/usr/bin/env python3
"""Programs that crash in the middle of their work are there again at once, and nobody outlives master."""
import contextlib
import glob
import os
import re
import signal
import time

from harness import DOMAIN, Smtp, contents_of_proc, main, proc_status, send, test, until

FIGURE_S, BUSY_MACHINE = 1, 5
ROUNDS = 10


def begin_message():
    """A session with a message half sent: smtpd and cleanup are both at work on it."""
    c = Smtp()
    c.expect("EHLO client.test", 250)
    c.expect("MAIL FROM:<ana@%s>" % DOMAIN, 250)
    c.expect("RCPT TO:<luis@%s>" % DOMAIN, 250)
    c.expect("DATA", 354)
    c.raw("Subject: never\r\n\r\nhalf")
    return c


def working(host, program):
    """The processes of a program that hold a connection or an unfinished queue file."""
    return [pid for pid, name in host.daemons().items() if name == program
            and any("socket" in t or "incoming" in t for t in targets(pid)[8:])]


def targets(pid):
    with contextlib.suppress(OSError):
        return [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in sorted(os.listdir("/proc/%d/fd" % pid), key=int)]
    return []


def crash(host, program, signal_number):
    """Ends the program in the middle of a message; returns the seconds until one from somebody else is taken, and who was ended."""
    session = begin_message()
    victims = until("%s at work" % program, lambda: working(host, program))
    victims = [pid for pid in victims if killed(pid, signal_number)]
    started = time.monotonic()
    until("a message to be taken", lambda: is_taken("after " + program))
    session.close()
    return time.monotonic() - started, victims


def killed(pid, signal_number):
    """False: it was about to end by itself.  A process that stands still is not."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        state = until("a process that stands still or is gone", lambda: re.match("[TZX]|$", proc_status(pid, "State") or ""))
        os.kill(pid, signal_number)
        os.kill(pid, signal.SIGCONT)
        return state[0] == "T"


def is_taken(subject):
    with contextlib.suppress(OSError, EOFError, AssertionError):
        return send("paco@" + DOMAIN, "Subject: %s\n\nx" % subject)


def is_back_at_once(host, program):
    mark = len(host.log())
    crashes = [crash(host, program, signal.SIGKILL if n % 2 else signal.SIGSEGV) for n in range(ROUNDS)]
    times = sorted(seconds for seconds, _ in crashes)
    print("  %s is back after %s s" % (program, ", ".join("%.2f" % t for t in times)))
    assert times[ROUNDS // 2] < FIGURE_S and times[-1] < FIGURE_S * BUSY_MACHINE, times
    assert "throttling" not in host.log()[mark:], "a program that works is not slowed down for a crash"
    for pid in [pid for _, pids in crashes for pid in pids]:  # master knows each of them, also those that were just being made
        host.wait_log(r"pid %d killed by signal" % pid, mark)
    host.wait_empty()
    assert "never" not in host.mailbox("luis")


@test
def a_crashed_smtpd_is_back_within_a_second(host):
    is_back_at_once(host, "smtpd")


@test
def a_crashed_cleanup_is_back_within_a_second(host):
    is_back_at_once(host, "cleanup")


def crash_idle(host, program):
    """Ends an idle process of the program, and waits until master has seen it."""
    pid = host.pid_of(program)
    mark = len(host.log())
    os.kill(pid, signal.SIGKILL)
    host.wait_log("pid %d killed by signal 9" % pid, mark)


@test
def what_a_crashed_program_had_stored_is_found_at_once(host):
    """It may have died between the sync of a message and the note to the queue manager."""
    send("eva@nowhere.invalid")
    qid = until("a deferred message", lambda: next((q for q, m in host.queue().items() if m["queue_name"] == "deferred"), None))
    host.run("postsuper", "-h", qid)
    spool = host.path("/var/spool/postfix/")
    for _ in range(2):  # the second time too: one look for many crashes is none for the last
        mark = len(host.log())
        path = until("a file on hold", lambda: next(iter(glob.glob(spool + "hold/**/" + qid, recursive=True)), None))
        os.utime(path)  # not the time of the next attempt
        os.rename(path, spool + "incoming/" + qid)
        send("paco@" + DOMAIN)  # so that a cleanup is there
        crash_idle(host, "cleanup")
        host.wait_log("%s: from=" % qid, mark)
        host.wait_in("deferred", qid)
        host.run("postsuper", "-h", qid)
    host.run("postsuper", "-d", qid)


def alive(pid):
    return contents_of_proc(pid, "stat") != "" and (proc_status(pid, "State") or "Z")[0] != "Z"


def everybody_at_work(host):
    """Daemons with clients, and a delivery to a command that takes long."""
    host.write("/var/home/ana/.forward", '"|sleep 20"\n', owner=21003)
    sessions = [Smtp(), begin_message()]
    send("ana@" + DOMAIN)
    until("the command", lambda: "local" in host.daemons().values() and working(host, "local"))
    return sessions


@test
def nobody_outlives_master(host):
    sessions = everybody_at_work(host)
    master, orphans = host.master(), host.daemons()
    os.kill(master, signal.SIGKILL)
    started = time.monotonic()
    until("the orphans to go", lambda: not any(alive(pid) for pid in orphans), 20)
    print("  the last one left after %.2f s" % (time.monotonic() - started))
    host.run("rm", "/var/home/ana/.forward")
    host.start()
    for s in sessions:
        s.close()
    send("paco@" + DOMAIN, "Subject: after master\n\nx")
    host.wait_mail("paco", "after master")
    host.wait_mail("ana", "Subject: test")  # what was cut short is delivered anew


@test
def master_can_be_started_again_while_clients_are_connected(host):
    c = Smtp()
    master = host.master()
    os.kill(master, signal.SIGKILL)
    until("master to be gone", lambda: not alive(master))
    host.start()
    c.close()
    send("paco@" + DOMAIN, "Subject: started again\n\nx")
    host.wait_mail("paco", "started again")


@test
def stop_has_ended_when_all_have(host):
    pid = host.pid_of("pickup")
    os.kill(pid, signal.SIGSTOP)
    host.stop()
    assert not alive(pid), "a process was left behind"
    host.start()
    host.stop()
    assert host.run("postqueue", "-p", check=False).returncode == 0  # nobody holds the socket any more
    host.start()


@test
def a_drained_system_finishes_its_clients(host):
    c = begin_message()
    master = host.master()
    host.run("postfix", "drain")
    until("master to be gone", lambda: not alive(master))
    time.sleep(3)  # longer than orphans have
    c.raw("\r\n.\r\n")
    assert c.reply().startswith("250 "), "a client was cut off by postfix drain"
    c.close()
    host.start()
    host.wait_mail("luis", "Subject: never")


main()
