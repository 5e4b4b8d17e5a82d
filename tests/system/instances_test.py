#!/usr/bin/env python3
"""Several instances on one machine: postmulti(1), postfix(1) with its wrapper, and mail through two of them."""
import json
import os
import re
import shutil
import stat

from harness import DOMAIN, ETC, LOG, Smtp, contents, furnish, Host, main, send, test, until

TWO = "/etc/postfix-two"
LOG_TWO = "/var/log/two.log"
FIRST_ROW = "-               -               y         /etc/postfix\n"


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.configure()
    return host


def multi(host, *words, **how):
    return host.run("postmulti", *words, **how)


def refused(host, *words):
    """The reason, from the log: whichever program says it, it stands there under its name."""
    mark = len(host.log())
    p = multi(host, *words, check=False)
    found = re.search(r" mx (\S+)\[\d+\]: fatal: (.*)", host.log()[mark:].replace(" mail ", " mx "))
    assert p.returncode == 1 and found, (words, p.returncode, p.stdout, p.stderr)
    return found[2]


def setting(host, name, directory=ETC):
    return host.run("postconf", "-c", directory, "-h", name).stdout.rstrip("\n")


@test
def one_mail_system_is_a_list_of_one(host):
    assert multi(host, "-l").stdout == FIRST_ROW
    assert multi(host, "-l", "-i", "-").stdout == FIRST_ROW
    assert multi(host, "-l", user="ana").stdout == FIRST_ROW
    assert multi(host, "-l", "-g", "none").stdout == ""
    assert setting(host, "multi_instance_wrapper") == ""


@test
def nothing_is_added_before_there_is_a_wrapper(host):
    init = "run 'postmulti -e init' first."
    assert refused(host, "-e", "create", "-I", "postfix-two") == "multi_instance_wrapper is empty, " + init
    assert not os.path.exists(TWO)
    multi(host, "-e", "init")
    assert setting(host, "multi_instance_wrapper") == "${command_directory}/postmulti -p --"
    assert setting(host, "multi_instance_enable") == "yes"
    host.run("postconf", "-e", "multi_instance_enable = no")
    assert refused(host, "-e", "create", "-I", "postfix-two") == "multi_instance_enable!=yes, " + init
    multi(host, "-e", "init")


@test
def an_instance_is_made_from_the_prototypes(host):
    missing = refused(host, "-e", "create", "-I", "postfix-two")
    assert missing == "Missing main.cf prototype: /etc/postfix/main.cf.proto", missing
    for name in ("main.cf", "master.cf"):
        shutil.copy("/usr/share/postfix/%s.proto" % name, "%s/%s.proto" % (ETC, name))
    host.run("postconf", "-e", "mail_owner = postfix")
    multi(host, "-e", "create", "-I", "postfix-two", "-G", "edge")
    assert multi(host, "-l").stdout == FIRST_ROW + "postfix-two     edge            n         /etc/postfix-two\n"
    for name, value in (("queue_directory", "/var/spool/postfix-two"), ("data_directory", "/var/lib/postfix-two"),
                        ("authorized_submit_users", ""), ("master_service_disable", "inet"),
                        ("multi_instance_name", "postfix-two"), ("multi_instance_group", "edge")):
        assert setting(host, name, TWO) == value, name
    assert "mail_owner = postfix" in host.run("postconf", "-c", TWO, "-n").stdout
    # Not set by the first one, so not by this one.
    text = contents(TWO + "/main.cf")
    assert "\n#setgid_group = postdrop\n" in text and "\nsetgid_group" not in text, text
    assert contents(TWO + "/master.cf") == contents(ETC + "/master.cf.proto")
    for path, mode in ((TWO, 0o755), ("/var/spool/postfix-two", 0o755), ("/var/lib/postfix-two", 0o700),
                       ("/var/spool/postfix-two/maildrop", 0o730), ("/var/spool/postfix-two/public", 0o710)):
        assert stat.S_IMODE(os.stat(path).st_mode) == mode, path
    assert setting(host, "multi_instance_directories") == TWO


@test
def new_ones_stand_where_they_are_wanted(host):
    multi(host, "-e", "create", "-I", "postfix-last", "-G", "out")
    multi(host, "-e", "create", "-a", "-I", "postfix-first")
    multi(host, "-e", "create", "-g", "out", "-I", "postfix-beforelast", "config_directory=/etc/bl/")
    assert refused(host, "-e", "create", "-g", "none", "-I", "postfix-x") == "No matching secondary instances"
    expected = "/etc/postfix-first /etc/postfix-two /etc/bl /etc/postfix-last"
    assert setting(host, "multi_instance_directories") == expected
    walk = multi(host, "-x", "sh", "-c", 'echo "$config_directory"').stdout.split()
    assert walk == [ETC, *expected.split()], walk
    assert multi(host, "-R", "-x", "sh", "-c", 'echo "$config_directory"').stdout.split() == walk[::-1]
    assert multi(host, "-RR", "-x", "sh", "-c", 'echo "$config_directory"').stdout.split() == walk
    told = [json.loads(line) for line in multi(host, "-lj").stdout.splitlines()]
    assert [i["config_directory"] for i in told] == walk
    assert multi(host, "-l", "-j", "-i", "last").stdout == (
        '{"name": "postfix-last","group": "out","enabled": "n","config_directory": "/etc/postfix-last"}\n')


@test
def what_is_not_clear_is_refused(host):
    once = "Specify exactly one of '-e', '-l', '-p', '-x'"
    given = "Parameter setting 'queue_directory' is "
    for reason, *words in (
            (once,), (once, "-l", "-p"), ("Specity no more than one of '-a', '-g', '-i'", "-l", "-a", "-i", "two"),
            ("Command not allowed with '-l'", "-l", "x"), ("Command required with '-p' or '-x' option", "-p"),
            ("The '-p' and '-e' options preclude the use of '-R'", "-R", "-p", "status"),
            ("Cannot assign instance name or group without '-e assign'", "-l", "-I", "x"),
            ("Cannot assign instance name or group with '-e enable'", "-e", "enable", "-I", "x"),
            ("Specify new instance name or group with '-e assign'", "-e", "assign", "-i", "two"),
            ("Parameter overrides not valid with '-e enable'", "-e", "enable", "-i", "two", "x=y"),
            ("Specify at most one '-I' option", "-e", "create", "-I", "postfix-a", "-I", "postfix-b"),
            ("Specify at most one '-G' option", "-e", "create", "-G", "a", "-G", "b"),
            ("JSON output available only with '-l'", "-j", "-x", "true"),
            ("Select an instance via '-i name'", "-e", "enable", "-a"), ("No instance named x", "-e", "enable", "-i", "x"),
            ("Cannot remove the primary instance", "-e", "deport", "-i", "-"),
            ("New instance name must start with 'postfix-'", "-e", "create", "-I", "x"),
            ("Illegal '/' character in new instance name: 'postfix-a/b'", "-e", "create", "-I", "postfix-a/b"),
            ("Unsafe characters in new instance name: 'postfix-a b'", "-e", "create", "-I", "postfix-a b"),
            ("Unsafe characters in '-G a$b'", "-e", "create", "-I", "postfix-a", "-G", "a$b"),
            ("Missing config_directory parameter value", "-e", "create"),
            ("Missing queue_directory parameter value", "-e", "create", "config_directory=/etc/x"),
            ("Malformed parameter setting 'foo'", "-e", "create", "-I", "postfix-x", "foo"),
            ("Parameter 'foo' not valid with action create", "-e", "create", "-I", "postfix-x", "foo=/"),
            ("Parameter 'queue_directory' not valid with action import", "-e", "import", "queue_directory=/x"),
            (given + "not an absolute path", "-e", "create", "-I", "postfix-x", "queue_directory=x"),
            (given + "the root directory", "-e", "create", "-I", "postfix-x", "queue_directory=//"),
            ("new config_directory=/etc/bl is already in use by instance /etc/bl, config_directory=/etc/bl",
             "-e", "import", "config_directory=/etc/bl"),
            ("instance /etc/x, multi_instance_name=postfix-two conflicts with instance /etc/postfix-two, "
             "multi_instance_name=postfix-two", "-e", "create", "-I", "postfix-two", "config_directory=/etc/x"),
            ("instance /etc/postfix-x, data_directory=/var/spool/postfix conflicts with instance /etc/postfix, "
             "queue_directory=/var/spool/postfix", "-e", "create", "-I", "postfix-x", "data_directory=/var/spool/postfix"),
            ("instance /etc/postfix-x, data_directory=/usr/sbin conflicts with instance /etc/postfix, "
             "command_directory=/usr/sbin", "-e", "create", "-I", "postfix-x", "data_directory=/usr/sbin"),
            ("Failed to obtain all required /etc/x/main.cf parameters", "-e", "import", "config_directory=/etc/x"),
            ("No matching instances", "-p", "-i", "x", "status"), ("execvp nosuch: No such file or directory", "-x", "nosuch")):
        told = refused(host, *words)
        assert told == reason, (words, told)
    assert "Invalid '-e' edit action 'foo'. Specify 'create'" in refused(host, "-e", "foo")
    assert refused(host, "-q").startswith("Usage:postmulti -l [-v]")
    os.environ["MAIL_CONFIG"] = TWO
    p = multi(host, "-l", check=False)
    del os.environ["MAIL_CONFIG"]
    assert (p.returncode, "Non-default configuration directory: MAIL_CONFIG=" + TWO in p.stderr) == (1, True), p.stderr
    assert not os.path.exists("/etc/x") and not os.path.exists("/etc/postfix-x")


@test
def a_command_finds_its_instance_in_the_environment(host):
    host.run("postconf", "-c", TWO, "-e", "maillog_file = " + LOG_TWO)
    shown = dict(line.split("=", 1) for line in multi(host, "-i", "two", "-x", "env").stdout.splitlines() if "=" in line)
    for name, value in (("MAIL_CONFIG", TWO), ("config_directory", TWO), ("command_directory", "/usr/sbin"),
                        ("daemon_directory", "/usr/lib/postfix/sbin"), ("queue_directory", "/var/spool/postfix-two"),
                        ("data_directory", "/var/lib/postfix-two"), ("multi_instance_name", "postfix-two"),
                        ("multi_instance_group", "edge"), ("multi_instance_enable", "no"),
                        ("POSTLOG_SERVICE", "/var/spool/postfix-two/public/postlog"), ("POSTLOG_HOSTNAME", setting(host, "myhostname", TWO))):
        assert shown[name] == value, name
    assert shown["PATH"].startswith("/usr/sbin:")
    assert multi(host, "-i", "-", "-x", "--", "sh", "-c", "exit 5", check=False).returncode == 1


@test
def names_and_groups_are_assigned(host):
    multi(host, "-i", "last", "-e", "assign", "-I", "postfix-end", "-G", "edge")
    assert multi(host, "-l", "-g", "edge").stdout.split("\n")[1].split() == ["postfix-end", "edge", "n", "/etc/postfix-last"]
    before = os.stat("/etc/postfix-last/main.cf").st_mtime_ns
    multi(host, "-i", "end", "-e", "assign", "-I", "postfix-end")
    assert os.stat("/etc/postfix-last/main.cf").st_mtime_ns == before
    multi(host, "-i", "end", "-e", "assign", "-I", "-", "-G", "-")
    assert multi(host, "-l", "-i", "/etc/postfix-last").stdout.split() == ["-", "-", "n", "/etc/postfix-last"]


@test
def who_is_let_go_may_still_be_named_and_comes_back(host):
    multi(host, "-i", "/etc/bl", "-e", "deport")
    assert setting(host, "alternate_config_directories") == "/etc/bl"
    assert "/etc/bl" not in setting(host, "multi_instance_directories") and os.path.exists("/etc/bl/main.cf")
    multi(host, "-e", "import", "-G", "back", "config_directory=/etc/bl")
    assert setting(host, "alternate_config_directories") == ""
    assert multi(host, "-l").stdout.splitlines()[-1].split() == ["postfix-beforelast", "back", "n", "/etc/bl"]
    multi(host, "-i", "beforelast", "-e", "enable")
    assert refused(host, "-i", "beforelast", "-e", "destroy") == "Cannot remove enabled instances"
    multi(host, "-i", "beforelast", "-e", "disable")
    for name in ("beforelast", "/etc/postfix-last"):
        multi(host, "-i", name, "-e", "destroy")
    for path in ("/etc/bl", "/etc/postfix-last", "/var/spool/postfix-last", "/var/lib/postfix-beforelast"):
        assert not os.path.exists(path), path
    assert setting(host, "multi_instance_directories") == "/etc/postfix-first /etc/postfix-two"


@test
def two_instances_deliver_side_by_side(host):
    host.run("postconf", "-c", TWO, "-e", "maillog_file = " + LOG_TWO, "myhostname = two." + DOMAIN, "master_service_disable =",
             "authorized_submit_users = static:anyone", "inet_protocols = ipv4", "mydomain = " + DOMAIN, "in_flow_delay = 0",
             "mydestination = $myhostname, localhost", "alias_maps =", "mynetworks = 127.0.0.0/8", "smtpd_tls_security_level =",
             "smtp_tls_security_level =")
    text = contents(TWO + "/master.cf")
    host.write(TWO + "/master.cf", re.sub(r"(?m)^smtp( +inet)", r"2525\1", text))
    multi(host, "-i", "two", "-e", "enable")
    host.run("postfix", "start")
    until("both to start", lambda: "daemon started" in host.log() and "daemon started" in contents(LOG_TWO))
    send("luis@" + DOMAIN, "Subject: by the first\n\nx")
    send("luis@two." + DOMAIN, "Subject: by the second\n\nx", port=2525)
    host.run("sendmail", "-C", TWO, "-i", "ana@two." + DOMAIN, text="Subject: handed to the second\n\nx\n", user="paco")
    host.wait_mail("luis", "Subject: by the first")
    host.wait_mail("luis", "Subject: by the second")
    host.wait_mail("ana", "Subject: handed to the second")
    assert re.search(r" postfix-two/local\[\d+\]: \w+: to=<luis@two\.", contents(LOG_TWO)), contents(LOG_TWO)
    assert " postfix/local[" in host.log() and "postfix-two/" not in host.log()
    assert "two." not in Smtp().banner and Smtp(2525).banner.startswith("220 two.")


@test
def each_has_a_queue_of_its_own(host):
    host.run("postconf", "-c", TWO, "-e", "defer_transports = smtp", "default_transport = smtp")
    host.run("postfix", "-c", TWO, "reload")
    host.run("sendmail", "-C", TWO, "-i", "x@waits.test", text="Subject: waits\n\nx\n", user="paco")
    until("the queue", lambda: "x@waits.test" in host.run("mailq", "-C", TWO).stdout)
    assert host.run("mailq").stdout == "Mail queue is empty\n"
    assert "x@waits.test" in host.run("postqueue", "-c", TWO, "-p").stdout
    host.run("postsuper", "-c", TWO, "-d", "ALL")
    assert host.run("mailq", "-C", TWO).stdout == "Mail queue is empty\n"


def said(path, mark, text):
    return text in contents(path)[mark:]


@test
def start_checks_who_takes_no_part_and_the_others_skip_him(host):
    first = "/var/log/first.log"
    host.run("postconf", "-c", "/etc/postfix-first", "-e", "maillog_file = " + first)
    os.rmdir("/var/spool/postfix-first/hold")
    marks = {path: len(contents(path)) for path in (LOG, LOG_TWO)}
    host.run("postfix", "reload")
    for path, mark in marks.items():
        until("reload", lambda path=path, mark=mark: said(path, mark, "reload -- version"))
    assert contents(first) == "" and not os.path.exists("/var/spool/postfix-first/hold")
    assert host.run("postfix", "status", check=False).returncode == 1
    until("its status", lambda: "is not running" in contents(first))
    host.run("postfix", "stop")
    for path, mark in marks.items():
        assert said(path, mark, "stopping the Postfix mail system"), path
    assert "stopping" not in contents(first)
    host.run("postfix", "start")
    assert os.path.isdir("/var/spool/postfix-first/hold") and "starting" not in contents(first)


@test
def a_stop_goes_backwards(host):
    host.write("/usr/local/bin2/postfix", "#!/bin/sh\necho \"$MAIL_CONFIG $*\" >>/var/log/order\n", mode=0o755)
    for directory in (ETC, TWO, "/etc/postfix-first"):
        host.run("postconf", "-c", directory, "-e", "command_directory = /usr/local/bin2")
    for words, expected in ((("start", "now"), ["start now", "check", "start now"]), (("stop",), ["stop", "", "stop"]),
                            (("flush",), ["flush", "", "flush"]), (("frob", "-v", "x"), ["frob -v x"] * 3)):
        host.write("/var/log/order", "")
        multi(host, "-p", "--", *words)
        order = [TWO, "/etc/postfix-first", ETC] if words[0] == "stop" else [ETC, "/etc/postfix-first", TWO]
        wanted = ["%s -- %s" % pair for pair in zip(order, expected) if pair[1]]
        assert contents("/var/log/order").splitlines() == wanted, (words, contents("/var/log/order"))
    for directory in (ETC, TWO, "/etc/postfix-first"):
        host.run("postconf", "-c", directory, "-e", "command_directory = /usr/sbin")


@test
def a_running_instance_is_not_taken_away(host):
    multi(host, "-i", "two", "-e", "disable")
    for action in ("deport", "destroy"):
        assert refused(host, "-i", "two", "-e", action) == "Instance '/etc/postfix-two' is not stopped"
    multi(host, "-i", "two", "-p", "status")
    host.run("postfix", "-c", TWO, "stop")
    p = multi(host, "-i", "two", "-e", "destroy")
    assert "rmdir: failed to remove" in p.stderr and not os.path.exists(TWO)
    assert "warning: /var/spool/postfix-two: please verify contents and remove by hand" in host.log()
    assert setting(host, "multi_instance_directories") == "/etc/postfix-first"


@test
def postfix_wants_a_wrapper_and_one_foreground(host):
    p = host.run("postfix", "start-fg", check=False)
    assert (p.returncode, "start-fg does not support multi_instance_directories" in p.stderr) == (1, True), p.stderr
    host.run("postconf", "-e", "multi_instance_wrapper =")
    p = host.run("postfix", "status", check=False)
    reason = "multi-instance support is requested, but multi_instance_wrapper is empty"
    assert (p.returncode, reason in p.stderr) == (1, True), p.stderr
    assert host.run("postfix", "-c", ETC, "status").returncode == 0
    p = host.run("postfix", "-c", "etc", "status", check=False)
    assert (p.returncode, "-c requires absolute pathname" in p.stderr) == (1, True), p.stderr
    host.run("postconf", "-e", "multi_instance_wrapper = ${daemon_directory}/postfix-wrapper")
    assert host.run("postfix", "status", check=False).returncode == 1
    host.run("postfix", "stop")
    assert host.run("postfix", "-c", ETC, "status", check=False).returncode == 1


main(prepare)
