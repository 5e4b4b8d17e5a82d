#!/usr/bin/env python3
"""master(8) with a toy daemon: start, stop, reload, kill -9 storms, orphans, throttling, limits.

Runs in private mount, network and process namespaces; nothing outside is touched.
"""
import argparse
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = "/run/relevo-master-test"
ETC, QUEUE, DAEMONS, DATA, LOG = (ROOT + "/" + d for d in ("etc", "queue", "sbin", "data", "mail.log"))
UID, GID = 4711, 4712

MASTER_CF = """\
toy unix - - n - - toyd
pub unix n - n - 3 toyd
127.0.0.1:2525 inet n - n - 2 toyd
10.99.0.1:2526 inet n - n - 2 toyd
10.99.0.1:2527 inet n - n - 1 toyd
trig unix n - n 1 1 toytrigger
cond unix n - n 1? 1 toytrigger
multi unix - - n - 1 toymulti
pass pass - - n - - toyd
gone unix - - n - - nosuchprogram
postlog unix-dgram n - n - 1 postlogd
"""


def until(what, condition, timeout=10):
    end = time.time() + timeout
    while time.time() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("timeout: %s\n%s" % (what, log()[-3000:]))


def log():
    with contextlib.suppress(FileNotFoundError), open(LOG, encoding="latin-1") as f:
        return f.read()
    return ""


def connect(where):
    if isinstance(where, int):
        return socket.create_connection(("127.0.0.1", where), timeout=5)
    if isinstance(where, tuple):
        return socket.create_connection(where, timeout=5)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(QUEUE + "/" + where)
    return s


def ask(s, text):
    s.sendall(text.encode() + b"\n")
    return s.recv(1000).decode().split()


def who(where):
    with connect(where) as s:
        return ask(s, "who")


def state(pid):
    """As ps(1) shows it; "" when there is no such process."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(pid):
    return state(pid) not in ("", "Z")


def workers(with_master=False):
    found = []
    for d in os.listdir("/proc"):
        if d.isdigit():
            with contextlib.suppress(OSError):
                exe = os.readlink("/proc/%s/exe" % d)
                if exe.startswith(DAEMONS) and (with_master or not exe.endswith("/master")):
                    found.append(int(d))
    return found


class System:
    def __init__(self, args):
        self.args = args

    def configure(self, main="", master=MASTER_CF):
        with open(ETC + "/main.cf", "w") as f:
            f.write("compatibility_level = 3.6\nqueue_directory = %s\ndaemon_directory = %s\ndata_directory = %s\n"
                    "maillog_file = %s\nmaillog_file_prefixes = /run\nmyhostname = mx.example.test\n"
                    "inet_interfaces = 127.0.0.1\nservice_throttle_time = 2s\n%s\n" % (QUEUE, DAEMONS, DATA, LOG, main))
        with open(ETC + "/master.cf", "w") as f:
            f.write(master)

    def prepare(self):
        shutil.rmtree(ROOT, ignore_errors=True)
        for d in (ETC, QUEUE, DAEMONS, DATA, QUEUE + "/pid", QUEUE + "/private", QUEUE + "/public"):
            os.makedirs(d)
        os.chmod(ROOT, 0o755)
        for d in (DATA, QUEUE + "/private", QUEUE + "/public"):
            os.chown(d, UID, GID)
            os.chmod(d, 0o700)
        shutil.copy(self.args.master, DAEMONS + "/master")
        shutil.copy(self.args.postlogd, DAEMONS + "/postlogd")
        for name in ("toyd", "toymulti", "toytrigger"):
            shutil.copy(self.args.toy, DAEMONS + "/" + name)
        self.configure()

    def run(self, *options):
        return subprocess.run([DAEMONS + "/master", *options], env={"MAIL_CONFIG": ETC, "SECRET": "x"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)

    def start(self):
        p = self.run("-w")
        assert p.returncode == 0, (p, log())

    def pid(self):
        with open(QUEUE + "/pid/master.pid") as f:
            return int(f.read())

    def stop(self, sig=signal.SIGTERM):
        pid = self.pid()
        os.kill(pid, sig)
        until("master to end", lambda: not alive(pid))
        until("workers to end", lambda: not workers())

    def reload(self):
        n = log().count(": reload -- ")
        os.kill(self.pid(), signal.SIGHUP)
        until("reload in the log", lambda: log().count(": reload -- ") > n)
        until("master to have done it", lambda: state(self.pid()) == "S")


TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


@test
def services_run_as_mail_owner(sys_):
    for where in ("private/toy", "public/pub", 2525, ("10.99.0.1", 2526)):
        pid, _, uid, stress = who(where)[:4]
        assert (int(uid), stress) == (UID, "0"), where
        with open("/proc/%s/environ" % pid, "rb") as f:
            env = f.read()
        assert b"SECRET" not in env and b"MAIL_CONFIG=" in env and b"PATH=/usr/bin" in env, env


@test
def pid_file_and_locks_have_the_known_form(sys_):
    with open(QUEUE + "/pid/master.pid") as f:
        assert re.fullmatch(r" *\d+\n", (text := f.read())) and len(text) == 33, text
    assert os.stat(DATA + "/master.lock").st_uid == UID
    st = os.stat(QUEUE + "/private/toy")
    assert st.st_mode & 0o777 == 0o666 and st.st_uid == UID, oct(st.st_mode)
    p = sys_.run("-w")
    assert p.returncode == 1 and "unable to set exclusive lock: Resource temporarily unavailable" in p.stderr, p
    assert sys_.run("-t").returncode == 1


@test
def log_lines_have_the_known_form(sys_):
    assert re.search(r"^\w{3} [ \d]\d \d\d:\d\d:\d\d mx postfix/master\[%d\]: daemon started -- version \S+, "
                     r"configuration %s$" % (sys_.pid(), ETC), log(), re.M), log()
    with connect("private/toy") as s:
        ask(s, "who")
        s.sendall(b"log\n")
    until("worker's line", lambda: re.search(r" mx postfix/toyd\[\d+\]: a line for the log$", log(), re.M))


@test
def command_line_is_as_ps_shows_it(sys_):
    pid = who(2525)[0]
    with open("/proc/%s/cmdline" % pid, "rb") as f:
        line = f.read().rstrip(b"\0").replace(b"\0", b" ").decode()
    assert line == "toyd -n 127.0.0.1:2525 -t inet -u -o stress=", line


@test
def confined_daemon_gets_nothing(sys_):
    with connect("private/toy") as s:
        got = dict(x.split("=") for x in ask(s, "powers"))
    assert got["socket"] == "1" and got["fork"] == "1", got         # EPERM
    if os.path.exists("/sys/kernel/security/landlock") or got["open"] != "0":
        assert got["open"] == "13", got                             # EACCES by Landlock
    with connect("private/toy") as s:
        pid = int(ask(s, "who")[0])
        s.sendall(b"exec\n")
        assert s.recv(10) == b""
    until("killed by SIGSYS", lambda: "pid %d killed by signal 31" % pid in log())
    with connect("private/toy") as s:
        pid = int(ask(s, "who")[0])
        with open("/proc/%d/status" % pid) as f:
            status = f.read()
        for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert re.search(r"%s:\s+0+$" % field, status, re.M), status
        assert re.search(r"NoNewPrivs:\s+1", status) and re.search(r"Seccomp:\s+2", status), status


@test
def a_warm_service_leaves_master_asleep(sys_):
    for i in range(30):         # warm: there are spare workers now
        who("private/toy")
    time.sleep(0.3)

    def switches():
        with open("/proc/%d/status" % sys_.pid()) as f:
            return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M).group(1))
    def woken():
        before = switches()
        for i in range(60):     # below max_use, so that no worker retires
            who("private/toy")
        return switches() - before
    # The wakeup timers of trig and cond tick.  On a machine that is busy otherwise a worker may not be idle again in
    # time for the next client, and then master must be asked: the best of a few rounds tells.
    used = min(woken() for i in range(5))
    assert used <= 12, "master woke %d times for 60 clients" % used


@test
def max_use_and_reuse(sys_):
    pids = [who("private/toy")[0] for i in range(250)]
    assert 2 < len(set(pids)) < 9, set(pids)


@test
def process_limit_warns_and_stresses_public_services_only(sys_):
    a, b = connect(("10.99.0.1", 2526)), connect(("10.99.0.1", 2526))
    ask(a, "who"), ask(b, "who")
    until("limit warning", lambda: 'service "10.99.0.1:2526" (10.99.0.1:2526) has reached its process limit "2": new '
          "clients may experience noticeable delays" in log())
    c = connect(("10.99.0.1", 2526))
    c.settimeout(0.5)
    with contextlib.suppress(socket.timeout):
        raise AssertionError(ask(c, "who"))
    a.close()
    c.settimeout(5)
    assert c.recv(100).split()[3] == b"1", "the process learns that it is under stress"
    b.close(), c.close()
    x, y = connect(2525), connect(2525)
    ask(x, "who"), ask(y, "who")
    time.sleep(0.2)
    assert '"127.0.0.1:2525" (127.0.0.1:2525) has reached' not in log()
    x.close(), y.close()
    one = connect(("10.99.0.1", 2527))
    ask(one, "who")
    time.sleep(0.2)
    assert "(10.99.0.1:2527) has reached" not in log(), "one process is what it is meant to have"
    one.close()


@test
def a_killed_worker_is_replaced(sys_):
    with connect("private/toy") as s:
        pid = int(ask(s, "who")[0])
        os.kill(pid, signal.SIGKILL)
        until("log line", lambda: re.search(r"postfix/master\[\d+\]: warning: process %s/toyd pid %d killed by signal "
                                            r"9$" % (DAEMONS, pid), log(), re.M))
    assert int(who("private/toy")[0]) != pid


@test
def kill_storm_never_leaves_a_service_dead(sys_):
    end = time.time() + 4
    served = lost = 0
    while time.time() < end:
        for pid in workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for where in ("private/toy", "public/pub", 2525, "private/multi"):
            try:
                assert who(where)[2] == str(UID)
                served += 1
            except (ConnectionError, IndexError):
                lost += 1        # the killed worker had accepted this one
            except socket.timeout:
                raise AssertionError("no process for %s\n%s" % (where, log()[-2000:]))
    for where in ("private/toy", "public/pub", 2525, "private/multi"):
        who(where)
    assert "throttling" not in log() and served > 50, (served, lost)


@test
def crashes_while_serving_do_not_throttle(sys_):
    for i in range(10):
        with connect("private/toy") as s:
            ask(s, "who")
            s.sendall(b"crash\n")
            s.recv(1)
    assert "killed by signal 6" in log() and "throttling" not in log()
    who("private/toy")


@test
def a_daemon_that_fails_at_start_is_throttled_alone(sys_):
    open(QUEUE + "/toy-must-fail", "w").close()
    sys_.reload()
    with connect("private/toy"):
        until("throttling", lambda: "%s/toyd: bad command startup -- throttling" % DAEMONS in log())
        count = log().count("told to fail")
        time.sleep(1)
        assert log().count("told to fail") == count <= 4, count
        who("private/multi")
    os.unlink(QUEUE + "/toy-must-fail")
    until("service to come back", lambda: who("private/toy"), 6)


@test
def a_missing_program_turns_clients_away(sys_):
    for i in range(50):
        with connect("private/gone") as s:
            assert s.recv(1) == b""
    assert log().count('service "gone" (private/gone): program %s/nosuchprogram is not installed' % DAEMONS) == 1
    shutil.copy(sys_.args.toy, DAEMONS + "/nosuchprogram")
    try:
        until("the program to be used", lambda: who("private/gone"))
    finally:
        os.unlink(DAEMONS + "/nosuchprogram")


@test
def triggers_arrive_and_wakeups_come(sys_):
    until("wakeup", lambda: "postfix/trig/toytrigger" in log() or re.search(r"toytrigger\[\d+\]: trigger W", log()))
    with connect("public/trig") as s:
        s.sendall(b"FADI")
        assert s.recv(1) == b""
    until("trigger", lambda: re.search(r"toytrigger\[\d+\]: trigger FADI$", log(), re.M))
    assert "cond" not in "".join(open("/proc/%d/cmdline" % p).read() for p in workers())
    with connect("public/cond") as s:
        s.sendall(b"X")
    until("conditional wakeup after first use", lambda: log().count("trigger W") >= 2)


@test
def other_kinds_of_services_work(sys_):
    sys_.configure(master=MASTER_CF + "jail unix - - y - - toyd -o { queue_directory = %s }\nfif fifo n - n - 1 toytrigger\n"
                   "sub/dir/toy unix - - n - - toyd\n" % QUEUE)
    sys_.reload()
    pid = who("private/jail")[0]
    assert os.readlink("/proc/%s/root" % pid) == QUEUE
    with open(QUEUE + "/public/fif", "wb") as f:
        f.write(b"FIFO")
    until("request by fifo", lambda: re.search(r"toytrigger\[\d+\]: trigger FIFO$", log(), re.M))
    who("private/sub/dir/toy")


@test
def all_interfaces_means_both_families(sys_):
    sys_.configure(main="inet_interfaces = all\n", master="2727 inet n - n - - toyd\n")
    sys_.reload()
    pid = who(2727)[0]
    who(("::1", 2727)), who(("10.99.0.1", 2727))
    with open("/proc/%s/cmdline" % pid) as f:
        assert f.read().split("\0")[-3:-1] == ["-s", "2"]


@test
def the_window_of_new_ports_is_as_configured(sys_):
    sys_.configure(main="tcp_windowsize = 6000\n", master="2728 inet n - n - - toyd\n")
    sys_.reload()
    who(2728)
    got = subprocess.check_output(["ss", "-Hltmn", "sport = :2728"], text=True)
    assert ",rb12000,t0,tb12000," in got, got  # the kernel doubles it


@test
def wrong_limits_and_rights_are_refused(sys_):
    sys_.configure(master="m unix - - n - 5 toymulti\n" + "postlog unix-dgram n - n - 1 postlogd\n")
    sys_.reload()
    with connect("private/m"):
        until("fatal", lambda: "fatal: service m requires a process limit of 1" in log())


@test
def passed_descriptors_are_served(sys_):
    mine, theirs = socket.socketpair()
    mine.settimeout(5)
    with connect("private/pass") as s:
        socket.send_fds(s, [b"addr=192.0.2.1\0an attribute\0\0"], [theirs.fileno()])
    theirs.close()
    answer = ask(mine, "who")
    assert answer[1] == "pass" and answer[4] == "addr=192.0.2.1", answer


@test
def reload_loses_no_connection(sys_):
    stop = time.time() + 4
    lines, last, errors, pids = 0, time.time(), [], set()
    held = connect("private/toy")
    old = ask(held, "who")[0]
    while time.time() < stop:
        if time.time() - last > 0.3:
            os.kill(sys_.pid(), signal.SIGHUP)
            last = time.time()
        for where in ("private/toy", 2525, "public/pub"):
            try:
                pids.add(who(where)[0])
                lines += 1
            except (OSError, IndexError) as e:
                errors.append((where, repr(e)))
    assert not errors and lines > 100 and len(pids) > 5, (errors[:5], lines, len(pids))
    assert ask(held, "who")[0] == old, "a client that is being served stays with its process"
    held.close()
    until("old process to leave", lambda: not alive(int(old)))


@test
def reload_follows_master_cf(sys_):
    ino = os.stat(QUEUE + "/private/toy").st_ino
    sys_.configure(master=MASTER_CF.replace("127.0.0.1:2525", "127.0.0.1:2626").replace("pub unix", "new unix"))
    sys_.reload()
    who(2626), who("public/new")
    assert os.stat(QUEUE + "/private/toy").st_ino == ino
    assert not os.path.exists(QUEUE + "/public/pub")
    try:
        connect(2525)
        raise AssertionError("the old port is still open")
    except ConnectionRefusedError:
        pass
    sys_.configure()
    sys_.reload()
    who(2525), who("public/pub")


@test
def a_bad_master_cf_does_not_take_the_system_down(sys_):
    sys_.configure(master=MASTER_CF + "bad inot - - - - - toyd\n")
    os.kill(sys_.pid(), signal.SIGHUP)
    until("error", lambda: "going on with the one before" in log())
    assert "bad transport type: inot" in log()
    who("private/toy")
    sys_.configure()
    sys_.reload()
    who("private/toy")


@test
def a_port_that_is_taken_at_reload_does_not_take_the_system_down(sys_):
    with socket.create_server(("127.0.0.1", 2626)):
        sys_.configure(master=MASTER_CF + "127.0.0.1:2626 inet n - n - - toyd\n")
        sys_.reload()
        until("error", lambda: "error: bind 127.0.0.1 port 2626: Address already in use" in log())
        who("private/toy"), who(2525)
    sys_.reload()
    who(2626)
    sys_.configure()
    sys_.reload()


@test
def a_draining_daemon_finishes_beside_its_successor(sys_):
    held = connect("private/multi")
    old = ask(held, "who")[0]
    sys_.reload()
    new = who("private/multi")[0]
    assert new != old
    assert ask(held, "who")[0] == old
    held.close()
    until("old process to leave", lambda: not alive(int(old)))


@test
def log_rotation_loses_no_line(sys_):
    held = connect("private/toy")
    ask(held, "who")
    os.rename(LOG, LOG + ".1")
    sys_.reload()
    held.sendall(b"log\n")
    until("a line of the old process in the new file", lambda: "a line for the log" in log())
    held.close()
    who("public/pub")
    assert oct(os.stat(LOG).st_mode & 0o777) == "0o600"


@test
def postlog_takes_datagrams(sys_):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect(QUEUE + "/public/postlog")
    s.send(b"Sep  1 01:02:03 mail postfix/other[99]: said by datagram")
    until("line", lambda: re.search(r"^Sep  1 01:02:03 mail postfix/other\[99\]: said by datagram$", log(), re.M))


@test
def drain_lets_clients_finish(sys_):
    held = connect("private/toy")
    pid = int(ask(held, "who")[0])
    who(2525)
    os.kill(sys_.pid(), signal.SIGUSR1)
    until("idle orphans to leave", lambda: workers() == [pid])
    time.sleep(1.5)
    assert int(ask(held, "who")[0]) == pid
    held.close()
    until("the last one to leave", lambda: not workers())
    assert sys_.run("-t").returncode == 0
    sys_.start()
    who("private/toy")


@test
def orphans_of_a_dead_master_leave_with_their_clients(sys_):
    held = [connect("private/toy"), connect(2525), connect("private/multi")]
    for s in held:
        ask(s, "who")
    master, orphans = sys_.pid(), workers()
    os.kill(master, signal.SIGKILL)
    until("master to be gone", lambda: not alive(master))
    sys_.start()    # their sockets are free at once
    until("orphans to leave", lambda: not any(alive(pid) for pid in orphans))
    who("private/toy"), who(2525)
    assert "warning: master(8) has died: giving up the present client" in log()


@test
def term_ends_everything(sys_):
    held = connect("private/toy")
    ask(held, "who")
    sys_.stop()
    assert "terminating on signal 15" in log()
    assert sys_.run("-t").returncode == 0
    held.close()
    sys_.start()


@test
def failing_start_is_reported(sys_):
    sys_.stop()
    sys_.configure(master=MASTER_CF + "192.0.2.77:25 inet n - n - - toyd\n")
    p = sys_.run("-w")
    assert p.returncode == 1 and "fatal: bind 192.0.2.77 port 25: Cannot assign requested address" in p.stderr, p
    assert "fatal: mail system startup failed" in p.stderr, p
    sys_.configure(master="toy unix - - n - -\n")
    assert sys_.run("-w").returncode == 1
    sys_.configure()
    sys_.start()


@test
def a_daemon_can_be_run_by_hand(sys_):
    env = {"MAIL_CONFIG": ETC}
    p = subprocess.run([DAEMONS + "/toyd", "-S"], env=env, input=b"who\n", capture_output=True, timeout=10)
    assert p.returncode == 0 and p.stdout.split()[1] == b"toyd", p
    for program in ("toyd", "toymulti"):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 2929))
            listener.listen(5)
            daemon = subprocess.Popen([DAEMONS + "/" + program, "-S", "-n", "byhand"], env=env, stdin=listener)
            try:
                for i in range(3):
                    assert who(2929)[1] == "byhand"
            finally:
                daemon.kill()
                daemon.wait()
    p = subprocess.run([DAEMONS + "/toyd"], env=env, capture_output=True, timeout=10)
    assert p.returncode == 1, p


@test
def exit_time_is_kept(sys_):
    sys_.stop()
    until("the lock to be free", lambda: sys_.run("-t").returncode == 0)
    p = sys_.run("-e", "1")
    assert p.returncode == 0 and "master exit time has arrived" in log(), p
    sys_.start()


def inside(args, system_class, tests):
    subprocess.run("mount --make-rprivate / && mount -t tmpfs tmpfs /run && mount -t proc proc /proc && "
                   "ip link set lo up && ip addr add 10.99.0.1/32 dev lo", shell=True, check=True)
    for path, line in (("/etc/passwd", "postfix:x:%d:%d::/nonexistent:/bin/false\n" % (UID, GID)),
                       ("/etc/group", "postfix:x:%d:\npostdrop:x:%d:\n" % (GID, GID + 1))):
        with open(path) as f:
            text = f.read()
        copy = "/run/" + os.path.basename(path)
        with open(copy, "w") as f:
            f.write("".join(x for x in text.splitlines(True) if not x.startswith(("postfix:", "postdrop:"))) + line)
        subprocess.run(["mount", "--bind", copy, path], check=True)
    system = system_class(args)
    failed = 0
    for fn in tests:
        if args.only and not re.search(args.only, fn.__name__):
            continue
        system.prepare()
        system.start()
        begin = time.time()
        try:
            fn(system)
            print("ok   %s (%.1f s)" % (fn.__name__, time.time() - begin), flush=True)
        except Exception as e:
            failed += 1
            import traceback
            print("FAIL %s: %s: %s\n%s" % (fn.__name__, type(e).__name__, e, traceback.format_exc()), flush=True)
            print(log()[-args.log:] if args.log else "", flush=True)
        with contextlib.suppress(Exception):
            os.kill(system.pid(), signal.SIGKILL)
        for pid in workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until("clean up", lambda: not workers(with_master=True))
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--master", required=True)
    parser.add_argument("--toy", required=True)
    parser.add_argument("--postlogd", required=True)
    parser.add_argument("--only")
    parser.add_argument("--log", type=int, default=0, help="bytes of mail.log to show after a failure")
    parser.add_argument("--inside", action="store_true")
    return run(parser.parse_args(), System, TESTS)


def run(args, system_class, tests):
    if args.inside:
        return inside(args, system_class, tests)
    if os.getuid() != 0 or subprocess.run(["unshare", "-n", "-m", "-p", "-f", "true"], stderr=subprocess.DEVNULL).returncode:
        print("skipped: needs root and namespaces")
        return 0
    return subprocess.run(["unshare", "-n", "-m", "-p", "-f", sys.executable, *sys.argv, "--inside"]).returncode


if __name__ == "__main__":
    sys.exit(main())
