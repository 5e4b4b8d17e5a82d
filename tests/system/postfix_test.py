#!/usr/bin/env python3
"""postfix(1), postfix-script, post-install and postlog(1), with a toy daemon behind master(8)."""
import argparse
import gzip
import os
import re
import shutil
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import master_test as m                                                                  # noqa: E402
from master_test import DAEMONS, ETC, LOG, QUEUE, UID, alive, log, until, who, workers   # noqa: E402

COMMANDS = m.ROOT + "/commands"
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def call(*command, text=None):
    return subprocess.run([COMMANDS + "/" + command[0], *command[1:]], env={"MAIL_CONFIG": ETC}, input=text,
                          capture_output=True, text=True, timeout=40)


def postfix(*words, rc=0):
    p = call("postfix", *words)
    assert p.returncode == rc, (words, p, log())
    return p


def said(text):
    return re.search(r"^\w{3} [ \d]\d [\d:]{8} mx postfix/postfix-script\[\d+\]: %s$" % text, log(), re.M)


class System(m.System):
    def prepare(self):
        super().prepare()
        os.makedirs(COMMANDS)
        for tool in ("postfix", "postlog", "postconf"):
            shutil.copy(os.path.join(self.args.tools, tool), COMMANDS)
        for script in ("postfix-script", "post-install", "postfix-files", "postfix-non-bdb-script"):
            shutil.copy(os.path.join(self.args.source, "tools", script), DAEMONS)
        for d in os.listdir(QUEUE):
            shutil.rmtree(QUEUE + "/" + d)
        self.configure(main="command_directory = %s\nshlib_directory = no\nmeta_directory = %s\nmaillog_file_compressor = gzip\n" % (COMMANDS, ETC))

    def start(self):
        postfix("start")


@test
def start_makes_the_queue_directories(sys_):
    for name, mode, owner in ((".", 0o755, 0), ("pid", 0o755, 0), ("submit", 0o755, 0), ("maildrop", 0o730, UID), ("public", 0o710, UID),
                              ("private", 0o700, UID), ("incoming", 0o700, UID), ("saved", 0o700, UID)):
        st = os.stat(QUEUE + "/" + name)
        assert (stat.S_IMODE(st.st_mode), st.st_uid) == (mode, owner), name
    assert said("starting the Postfix mail system")
    who("private/toy")


@test
def states_are_told_by_exit_status_and_log(sys_):
    pid = sys_.pid()
    postfix("status")
    until("the log", lambda: said("the Postfix mail system is running: PID: %d" % pid))
    postfix("start", rc=1)
    until("the log", lambda: said("fatal: the Postfix mail system is already running"))
    postfix("stop")
    assert not alive(pid)
    until("the log", lambda: said("stopping the Postfix mail system"))
    until("the workers to leave", lambda: not workers())
    postfix("status", rc=1)
    until("the log", lambda: said("the Postfix mail system is not running"))
    for word in ("stop", "reload", "abort", "drain"):
        postfix(word, rc=1)
    until("the log", lambda: said("fatal: the Postfix mail system is not running"))
    postfix("bogus", rc=1)
    until("the log", lambda: said("fatal: unknown command: 'bogus'. Usage: postfix start \\(or .*\\)"))


@test
def a_stop_does_not_wait_for_what_only_awaits_its_parent(sys_):
    """In many a container process 1 waits for no child: master stays there as a zombie."""
    postfix("stop")
    with open(LOG, "w"):
        pass
    careless = "import ctypes, subprocess, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); [subprocess.run([sys.argv[1], x], check=True) for x in ('start', 'stop')]"
    subprocess.run([sys.executable, "-c", careless, COMMANDS + "/postfix"], env={"MAIL_CONFIG": ETC}, check=True, timeout=40)
    assert said("stopping the Postfix mail system") and not said("warning: stopping the Postfix mail system with force"), log()


@test
def reload_and_check_go_through(sys_):
    pid = who("private/toy")[0]
    postfix("reload")
    until("reload", lambda: ": reload -- version" in log() and said("refreshing the Postfix mail system"))
    assert who("private/toy")[0] != pid
    os.chmod(ETC + "/main.cf", 0o666)
    postfix("check")
    assert said("warning: group or other writable: %s/main.cf" % ETC)


@test
def logrotate_starts_a_new_file_and_packs_the_old_one(sys_):
    postfix("logrotate")
    old = [f for f in os.listdir(m.ROOT) if re.fullmatch(r"mail\.log\.\d{8}-\d{6}\.gz", f)]
    assert len(old) == 1, os.listdir(m.ROOT)
    with gzip.open(m.ROOT + "/" + old[0], "rt") as f:
        assert "daemon started" in f.read()
    assert call("postlog", "-t", "x/y", "after").returncode == 0
    until("new line", lambda: re.search(r" mx x/y\[\d+\]: after$", log(), re.M) and "daemon started" not in log())


@test
def postlog_knows_its_priorities(sys_):
    call("postlog", "-p", "warn", "-t", "a/b", text="one\ntwo\n")
    until("lines", lambda: re.search(r" a/b\[\d+\]: warning: one\n.* a/b\[\d+\]: warning: two\n", log()))
    p = call("postlog", "-p", "bogus", "x")
    assert (p.returncode, p.stderr) == (1, 'postlog: fatal: bad severity: "bogus"\n'), p


@test
def upgrade_adds_services_and_keeps_the_others(sys_):
    p = postfix("upgrade-configuration")
    assert "adding missing entry for proxywrite service" in p.stdout and "postlog" not in p.stdout, p
    with open(ETC + "/master.cf") as f:
        text = f.read()
    assert text.startswith(m.MASTER_CF) and re.search(r"^verify +unix +- - n - 1 verify$", text, re.M), text
    assert postfix("upgrade-configuration").stdout == ""
    postfix("reload")
    until("reload", lambda: ": reload -- version" in log())


def with_main_cf(*lines):
    """The text before; these lines behind it."""
    with open(ETC + "/main.cf") as f:
        before = f.read()
    with open(ETC + "/main.cf", "a") as f:
        f.write("".join(line + "\n" for line in lines))
    return before


def restore_main_cf(text):
    with open(ETC + "/main.cf", "w") as f:
        f.write(text)


@test
def what_is_missing_is_named(sys_):
    for line, want in (("shlib_directory = /nosuch", "no Postfix shared-library directory /nosuch!"),
                       ("meta_directory = /nosuch", "no Postfix meta directory /nosuch!"),
                       ("queue_directory = /nosuch", "no Postfix queue directory /nosuch!")):
        before = with_main_cf(line)
        assert "fatal: " + want in postfix("check", rc=1).stderr, line
        restore_main_cf(before)
    os.rename(ETC + "/master.cf", ETC + "/master.not")
    assert "fatal: no %s/master.cf file found" % ETC in postfix("check", rc=1).stderr
    with open(ETC + "/master.not") as f, open(ETC + "/master.cf", "w") as to:
        to.writelines(line for line in f if not line.startswith("postlog"))
    assert "fatal: missing 'postlog' service in master.cf - run 'postfix upgrade-configuration'" in postfix("check", rc=1).stderr
    os.rename(ETC + "/master.not", ETC + "/master.cf")


@test
def words_of_small_commands(sys_):
    assert (postfix("start_msg").stdout, postfix("stop_msg").stdout) == ("Start postfix\n", "Stop postfix\n")
    assert "fatal: usage postfix logrotate (no arguments)" in postfix("logrotate", "x", rc=1).stderr
    for value, want in (("", "empty 'maillog_file' parameter value - logfile rotation failed"), ("/dev/stdout", "not rotating '/dev/stdout'")):
        before = with_main_cf("maillog_file = " + value)
        p = postfix("logrotate", rc=1)
        assert "fatal: " + want in p.stderr + p.stdout or said("fatal: " + re.escape(want)), (p, log())
        restore_main_cf(before)


@test
def non_bdb_keeps_its_level(sys_):
    assert postfix("non-bdb", "status").stdout == "disable\n"
    assert "parameter default_database_type specifies a Berkeley DB type: 'hash'" in postfix("non-bdb", "enable-redirect", rc=1).stderr
    before = with_main_cf("default_database_type = lmdb", "default_cache_db_type = lmdb")
    postfix("non-bdb", "enable-redirect")
    assert postfix("non-bdb", "status").stdout == "enable-redirect\n"
    postfix("non-bdb", "disable")
    assert postfix("non-bdb", "status").stdout == "disable\n"
    assert "usage: postfix non-bdb status (or enable-redirect, or enable-reindex, or disable)" in postfix("non-bdb", rc=1).stderr
    restore_main_cf(before)


@test
def a_quick_stop_starts_without_a_look_at_the_queue(sys_):
    postfix("quick-stop")
    assert os.path.exists(QUEUE + "/quick-start")
    postfix("start")
    assert not os.path.exists(QUEUE + "/quick-start")


@test
def a_start_that_fails_says_why(sys_):
    postfix("stop")
    with open(ETC + "/master.cf", "a") as f:
        f.write("bad line\n")
    p = postfix("start", rc=1)
    assert "master.cf: line" in p.stderr, p
    assert said("fatal: Postfix integrity check failed!")


@test
def only_root_controls_the_mail_system(sys_):
    os.chmod(COMMANDS + "/postfix", 0o755)
    p = subprocess.run([COMMANDS + "/postfix", "status"], env={"MAIL_CONFIG": ETC}, capture_output=True, text=True, user=UID)
    assert p.returncode == 1 and "superuser" in p.stderr, p


def main():
    parser = argparse.ArgumentParser()
    for name in ("master", "toy", "postlogd", "tools", "source"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--only")
    parser.add_argument("--log", type=int, default=0)
    parser.add_argument("--inside", action="store_true")
    return m.run(parser.parse_args(), System, TESTS)


if __name__ == "__main__":
    sys.exit(main())
