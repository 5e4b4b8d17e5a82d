#!/usr/bin/env python3
"""Faults of configuration: the message names file and line, a running system goes on as it was, mail that depends on the fault
waits, other mail flows."""
import os
import re
import signal
import socket
import subprocess

from harness import DOMAIN, ETC, HOMES, USERS, Host, Smtp, contents, furnish, main, mount, send, test, until

MAIN_FAULTS = {  # a line behind those of main.cf, and what the log must say besides the place (None: only a warning)
    "no equals sign": ("what is this", r"missing '=' after attribute name"),
    "no name": ("= value", r"missing attribute name"),
    "a parameter that is no number": ("default_process_limit = many", r"default_process_limit"),
    "a number out of bounds": ("default_process_limit = -3", r"default_process_limit"),
    "a time of nonsense": ("service_throttle_time = 5 parsecs", r"service_throttle_time"),
    "a yes or no that is neither": ("helpful_warnings = perhaps", r"helpful_warnings"),
    "a macro that never ends": ("mydestination = ${x", r"mydestination|\$\{x"),
    "a macro of itself": ("mydestination = $mydestination", r"mydestination"),
}
MASTER_FAULTS = {
    "too few fields": ("broken inet n - n", r"missing|too few|field"),
    "an unknown type": ("broken inot n - n - - smtpd", r"inot"),
    "a flag that is none": ("broken inet x - n - - smtpd", r"x"),
    "a limit of letters": ("broken inet n - n - many smtpd", r"many"),
    "a bad wakeup": ("broken unix n - n soon - smtpd", r"soon"),
    "a port of nonsense": ("127.0.0.1:99999999 inet n - n - - smtpd", r"99999999"),
}


def mail_flows(host, commands=True):
    """Commands read main.cf themselves and cannot do without."""
    mail_flows.count += 1
    subject = "flow %d" % mail_flows.count
    send("paco@" + DOMAIN, "Subject: %s\n\nx" % subject)
    host.wait_mail("paco", "Subject: %s\n" % subject)
    if not commands:
        return
    host.run("sendmail", "-f", "ana@" + DOMAIN, "luis@" + DOMAIN, text="Subject: %s\n\nx\n" % subject)
    host.wait_mail("luis", "Subject: %s\n" % subject)


mail_flows.count = 0


def renew(host):
    """Whoever served until now is gone: those who come must cope with the fault as well."""
    old = set(host.daemons())
    for pid in old:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it was leaving anyway
    until("the old processes to be gone", lambda: not old & set(host.daemons()))


def with_fault(host, name, text):
    """Write `text` to a file of the configuration and reload; the log since then."""
    before = contents(ETC + "/" + name)
    mark, master = len(host.log()), host.master()
    host.write(ETC + "/" + name, text)
    host.run("postfix", "reload", check=False)
    if "refreshing the Postfix" not in host.log()[mark:]:  # the command refused it already
        os.kill(master, 1)
    return before, mark, master


def keeps_running(host, name, text, pattern, line):
    before, mark, master = with_fault(host, name, text)
    try:
        place = r"%s/%s(: |, )line %d: " % (ETC, name, line)
        host.wait_log(r"(error|fatal|warning): .*" + place + ".*", mark)
        found = re.findall(r"^.*" + place + ".*$", host.log()[mark:], re.M)
        lines = [m for m in host.log()[mark:].splitlines() if re.search(place, m)]
        assert any(re.search(pattern, m) for m in lines), (pattern, lines, found)
        assert host.master() == master
        os.kill(master, 0)
        renew(host)
        mail_flows(host, commands=name != "main.cf")
    finally:
        host.write(ETC + "/" + name, before)
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log("reload -- version", mark)
    mail_flows(host)


def complaint_about(name, faults):
    def check(host):
        text = contents(ETC + "/" + name)
        failures = []
        for what, (line, pattern) in faults.items():
            try:
                keeps_running(host, name, text + line + "\n", pattern, text.count("\n") + 1)
            except (AssertionError, OSError) as e:
                failures.append((what, str(e)[:400]))
        assert not failures, "\n".join(map(str, failures))
    return check


for file, table in (("main.cf", MAIN_FAULTS), ("master.cf", MASTER_FAULTS)):
    fn = complaint_about(file, table)
    fn.__name__ = "a_faulty_line_of_%s_at_a_reload_changes_nothing" % file.replace(".", "_")
    test(fn)


@test
def an_empty_or_missing_file_at_a_reload_changes_nothing(host):
    for name in ("main.cf", "master.cf"):
        before, mark, master = with_fault(host, name, "")
        host.wait_log(r"(error|fatal|warning): .*%s/%s" % (ETC, name), mark)
        assert host.master() == master
        renew(host)
        mail_flows(host, commands=False)
        os.rename(ETC + "/" + name, ETC + "/gone")
        mark = len(host.log())
        os.kill(master, 1)
        host.wait_log(r"(error|fatal|warning): .*%s/%s" % (ETC, name), mark)
        mail_flows(host, commands=False)
        os.unlink(ETC + "/gone")
        host.write(ETC + "/" + name, before)
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log("reload -- version", mark)
    mail_flows(host)


@test
def a_start_with_a_faulty_line_says_where_it_is(host):
    host.stop()
    for name, faults in (("main.cf", MAIN_FAULTS), ("master.cf", MASTER_FAULTS)):
        before = contents(ETC + "/" + name)
        for line in ("what is this", "broken inot n - n - - smtpd"):
            if name == "master.cf" or "this" in line:
                host.write(ETC + "/" + name, before + line + "\n")
                p = host.run("postfix", "start", check=False)
                assert p.returncode and re.search(r"%s/%s(: |, )line %d" % (ETC, name, before.count("\n") + 1), p.stderr), (name, line, p.stderr)
        host.write(ETC + "/" + name, before)
    host.start()
    mail_flows(host)


UNUSABLE = {  # lines of main.cf; what every program says, with the place
    "message_size_limit =": "bad numerical configuration: message_size_limit =",
    "default_process_limit = many": "bad numerical configuration: default_process_limit = many",
    "hash_queue_depth = -1": "invalid hash_queue_depth parameter value -1 < 1",
    "ipc_timeout = 5 parsecs": "parameter ipc_timeout: bad time value or unit: 5 parsecs",
    "ipc_timeout = 0": "invalid ipc_timeout: 0 (min 1)",
    "helpful_warnings = perhaps": "bad boolean configuration: helpful_warnings = perhaps",
    "inet_protocols = ipv5": 'unknown inet_protocols value "ipv5" in "ipv5"',
    "myhostname =": "bad string length 0 < 1: myhostname =",
    "myhostname = -a-.test": "parameter myhostname: bad parameter value: -a-.test",
    "mydomain = a b": "parameter mydomain: bad parameter value: a b",
    "myorigin =": "bad string length 0 < 1: myorigin =",
    "myorigin = /nonexistent/mailname": "/nonexistent/mailname: cannot open file: No such file or directory",
    "syslog_facility = beacon": "parameter syslog_facility: unrecognized value: beacon",
    "compatibility_level = new": 'malformed compatibility level syntax: "new"',
    "mydomain = $myhostname\nmyhostname = $mydomain": 'unreasonable macro call nesting: "my',
    "mydestination = ${x?{$mydestination}}\nx = 1": 'unreasonable macro call nesting: "mydestination" (used by mydestination)',
    "a = $b\nb = $c\nc = ${a}\nmydestination = $a": 'unreasonable macro call nesting: "a" (used by c, which is used by b, which is used by a)',
    "mydestination = ${x": 'truncated macro reference: "${x"',
}
UNUSABLE_BY_DAEMONS = {  # what only a start and a check say, because commands do not read it
    "smtpd_timeout = soon": "parameter smtpd_timeout: bad time value or unit: soon",
    "qmgr_message_active_limit = x": "bad numerical configuration: qmgr_message_active_limit = x",
    "smtp_destination_concurrency_limit = many": "bad numerical configuration: smtp_destination_concurrency_limit = many",
    "mail_owner = nosuchuser": "parameter mail_owner: unknown user name value: nosuchuser",
    "setgid_group = nosuchgroup": "parameter setgid_group: unknown group name: nosuchgroup",
    "default_privs = root": "parameter default_privs: user root has privileged user ID",
    "default_privs = postfix": "parameters default_privs and mail_owner specify the same user postfix",
    "setgid_group = postfix": "parameters mail_owner and setgid_group: user postfix and group postfix have the same group ID: ",
    "masquerade_classes = everything": 'unknown masquerade_classes value "everything" in "everything"',
    "queue_directory = /nonexistent": "queue_directory: directory /nonexistent: No such file or directory",
}
COMMANDS = (("sendmail", "-i", "ana"), ("postqueue", "-p"), ("postmap", "-q", "x", "static:y"), ("newaliases",), ("postsuper", "-s"),
            ("postkick", "public", "pickup", "W"), ("postlock", "/var/tmp/x", "true"))


def with_lines(text, lines):
    names = [line.split(" =")[0] for line in lines.split("\n")]
    return "".join(line for line in text.splitlines(True) if line.split(" =")[0] not in names) + lines + "\n"


@test
def nobody_starts_with_a_value_that_cannot_be_used(host):
    """The reason and the place, never that the mail system runs already; and no program crashes."""
    host.stop()
    before = contents(ETC + "/main.cf")
    for lines, reason in {**UNUSABLE, **UNUSABLE_BY_DAEMONS}.items():
        host.write(ETC + "/main.cf", with_lines(before, lines))
        for command in (("postfix", "check"), ("postfix", "start"), *(COMMANDS if lines in UNUSABLE else ())):
            p = host.run(*command, check=False, text="Subject: x\n\nx\n")
            assert p.returncode > 0, (lines, command, p.returncode, p.stderr)  # negative: a signal
            assert reason in p.stderr, (lines, command, p.stderr)
            assert re.search(r"%s/main\.cf, line \d+: " % ETC, p.stderr), (lines, command, p.stderr)
            assert "already running" not in p.stderr, (lines, command, p.stderr)
    host.write(ETC + "/main.cf", before)
    host.start()
    mail_flows(host)


@test
def a_running_system_can_be_stopped_whatever_main_cf_says(host):
    before = contents(ETC + "/main.cf")
    host.write(ETC + "/main.cf", with_lines(before, "myhostname =\nmydomain = $mydomain\nsyslog_name =\nipc_timeout = x"))
    assert host.run("postfix", "status", check=False).returncode == 0
    p = host.run("postfix", "reload", check=False)
    assert p.returncode and "main.cf, line" in p.stderr, p.stderr
    mail_flows(host, commands=False)
    host.stop()
    assert host.run("postfix", "status", check=False).returncode == 1
    host.write(ETC + "/main.cf", before)
    host.start()
    mail_flows(host)


@test
def each_command_tells_what_names_nobody_knows(host):
    before = contents(ETC + "/main.cf")
    host.write(ETC + "/main.cf", with_lines(before, "nosuch = x\nrelayhost = $absent"))
    for command in ("check", "reload", "status"):
        said = host.run("postfix", command).stderr
        for what in ("undefined parameter: absent", "unused parameter: nosuch=x"):
            assert said.count("/postconf: warning: %s/main.cf: %s\n" % (ETC, what)) == 1, (command, said)
    host.write(ETC + "/main.cf", before)
    host.run("postfix", "reload")


@test
def a_check_looks_at_the_settings_of_services(host):
    """Other services start even so, as does a reload."""
    before = contents(ETC + "/master.cf")
    line = before.count("\n") + 1
    host.write(ETC + "/master.cf", before + "127.0.0.1:10025 inet n - n - - smtpd\n  -o smtpd_timeout=soon\n")
    p = host.run("postfix", "check", check=False)
    assert p.returncode and "%s/master.cf: line %d: -o smtpd_timeout: parameter smtpd_timeout: bad time value" % (ETC, line) in p.stderr, p.stderr
    host.run("postfix", "reload")
    mail_flows(host)
    host.stop()
    host.start()
    mail_flows(host)
    host.write(ETC + "/master.cf", before)
    host.run("postfix", "reload")
    mail_flows(host)


@test
def a_check_finds_bad_lines_of_master_cf(host):
    before = contents(ETC + "/master.cf")
    for what, (line, pattern) in MASTER_FAULTS.items():
        host.write(ETC + "/master.cf", before + line + "\n")
        p = host.run("postfix", "check", check=False)
        assert p.returncode and re.search(r"%s/master\.cf: line %d: .*(%s)" % (ETC, before.count("\n") + 1, pattern), p.stderr), (what, p.stderr)
    host.write(ETC + "/master.cf", before)


@test
def the_origin_may_stand_in_a_file(host):
    """Debian's main.cf says myorigin = /etc/mailname."""
    before = contents(ETC + "/main.cf")
    host.write("/etc/mailname", "origin.test\nsecond line\n")
    host.write(ETC + "/main.cf", with_lines(before, "myorigin = /etc/mailname\nmydestination = $myhostname, localhost, $mydomain, $myorigin"))
    host.run("postfix", "reload")
    mark = len(host.log())
    host.run("sendmail", "-i", "luis", text="Subject: origin\n\nx\n", user="ana")
    host.wait_log(r"from=<ana@origin\.test>", mark)
    host.wait_log(r"to=<luis@origin\.test>.*status=sent", mark)
    assert "From: ana@origin.test" in host.wait_mail("luis", "Subject: origin\n")
    assert host.run("postconf", "-h", "myorigin").stdout == "/etc/mailname\n"
    c = Smtp()
    c.expect("EHLO client.test", 250)
    c.expect("MAIL FROM:<a@origin.test>", 250)
    c.expect("RCPT TO:<nosuch@origin.test>", 550)
    c.expect("RCPT TO:<ana@origin.test>", 250)
    c.close()
    host.write(ETC + "/main.cf", before)
    host.run("postfix", "reload")
    mail_flows(host)


@test
def a_site_with_an_old_level_is_told(host):
    before = {name: contents(ETC + "/" + name) for name in ("main.cf", "master.cf")}
    host.write(ETC + "/main.cf", "".join(line for line in before["main.cf"].splitlines(True) if "compatibility_level" not in line))
    host.write(ETC + "/master.cf", before["master.cf"] + "127.0.0.1:10025 inet n - - - - smtpd\n")
    line = before["master.cf"].count("\n") + 1
    for command in ("reload", "stop", "start"):
        mark = len(host.log())
        host.run("postfix", command)
        host.wait_log(r"postfix\[\d+\]: Postfix is using backwards-compatible default settings", mark)
        if command != "stop":
            host.wait_log(r"postfix/master\[\d+\]: %s/master\.cf: line %d: using backwards-compatible default setting chroot=y" % (ETC, line), mark)
    for name, text in before.items():
        host.write(ETC + "/" + name, text)
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log("reload -- version", mark)
    assert "backwards-compatible" not in host.log()[mark:]


def change(name, make):
    """Something else in place of a file of the configuration."""
    def act(host):
        os.unlink(ETC + "/" + name)
        make(ETC + "/" + name)
    return act


def edit(*settings):
    return lambda host: host.run("postconf", "-e", *settings)


STRANGE = {  # what an administrator may do to the configuration, and what the log must say at the reload
    "main.cf is a pipe": (change("main.cf", os.mkfifo), r"open %s/main\.cf: " % ETC),
    "master.cf is a pipe": (change("master.cf", os.mkfifo), r"open %s/master\.cf: " % ETC),
    "main.cf is a directory": (change("main.cf", os.mkdir), r"open %s/main\.cf: Is a directory" % ETC),
    "main.cf has no end": (change("main.cf", lambda path: os.symlink("/dev/zero", path)), r"open %s/main\.cf: File too large" % ETC),
    "thousands of services": (lambda host: host.write(ETC + "/master.cf", contents(ETC + "/master.cf") + "".join(
        "s%d unix - - n - - smtpd\n" % n for n in range(1100))), r"%s/master\.cf: line \d+: more than 1024 services" % ETC),
    "no queue": (edit("queue_directory=/nonexistent"), r"main\.cf, line \d+: queue_directory: directory /nonexistent: No such file"),
    "no programs": (edit("daemon_directory=/nonexistent"), r"main\.cf, line \d+: daemon_directory: directory /nonexistent: No such file"),
    "a log in no directory": (edit("maillog_file=/var/log/none/mail.log"), r"error: open logfile '/var/log/none/mail\.log': No such file"),
    "a log elsewhere": (edit("maillog_file=/etc/mail.log"), r"error: maillog_file value '/etc/mail\.log' does not match"),
    "a log that nobody reads": (lambda host: (os.mkfifo("/var/log/pipe"), edit("maillog_file=/var/log/pipe")(host)), r"error: open logfile '/var/log/pipe': "),
    "a mode that is none": (edit("maillog_file_permissions=9"), r"error: .*maillog_file_permissions = 9"),
}


@test
def nothing_in_place_of_the_configuration_takes_a_running_system_down(host):
    master = host.master()
    for what, (act, pattern) in STRANGE.items():
        before = {name: contents(ETC + "/" + name) for name in ("main.cf", "master.cf")}
        mark = len(host.log())
        act(host)
        os.kill(master, signal.SIGHUP)
        host.wait_log(pattern, mark)
        renew(host)
        mail_flows(host, commands=False)
        assert host.master() == master and os.path.exists("/proc/%d" % master), what
        for name, text in before.items():
            subprocess.run(["rm", "-rf", ETC + "/" + name], check=True)
            host.write(ETC + "/" + name, text)
        mark = len(host.log())
        host.run("postfix", "reload")
        host.wait_log("reload -- version", mark)
        mail_flows(host)


@test
def a_configuration_that_takes_long_to_read_does_not_stop_master(host):
    """A name server that does not answer, or a dead disk: others are started meanwhile or soon after."""
    before, mark = contents(ETC + "/master.cf"), len(host.log())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 53))
        host.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
        host.write(ETC + "/master.cf", before + "slow.example:99 inet n - n - - smtpd\n")
        os.kill(host.master(), signal.SIGHUP)
        host.wait_log("error: 10 seconds were not enough to read the configuration", mark)
        renew(host)
        host.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    host.write(ETC + "/master.cf", before)
    host.run("postfix", "reload")
    mail_flows(host)


@test
def a_log_without_room_stops_no_mail(host):
    """The file was rotated away and no new one can be made; mail goes on, and the log comes back with the next reload."""
    os.makedirs("/var/log/small")
    mount("-t", "tmpfs", "-o", "mode=755,nr_inodes=2", "tmpfs", "/var/log/small")
    try:
        before, mark = contents(ETC + "/main.cf"), len(host.log())
        host.write("/var/log/small/mail.log", "")
        host.run("postconf", "-e", "maillog_file=/var/log/small/mail.log")
        host.run("postfix", "reload")
        until("the log", lambda: "reload -- version" in contents("/var/log/small/mail.log"))
        os.rename("/var/log/small/mail.log", "/var/log/small/old")
        os.kill(host.master(), signal.SIGHUP)
        until("a complaint", lambda: re.search("error: open logfile .*No space left", contents("/var/log/small/old")))
        renew(host)
        mail_flows(host)
    finally:
        host.write(ETC + "/main.cf", before)
        host.run("postfix", "reload")
        host.wait_log("reload -- version", mark)
        subprocess.run(["umount", "-l", "/var/log/small"], check=True)
    mail_flows(host)


# ---------------------------------------------------------------- tables

def temporary(host, setting, reply=None, delivery=None):
    """A setting with a table that cannot be read: what it decides is put off, and the log names the table."""
    name, value = setting.split(" = ")
    mark, before = len(host.log()), contents(ETC + "/main.cf")
    host.run("postconf", "-e", setting)
    host.run("postfix", "reload")
    host.wait_log("reload -- version", mark)
    waits = None
    if reply:
        c = Smtp()
        c.expect("EHLO client.test", 250)
        c.expect("MAIL FROM:<a@client.test>", 250)
        said = c("RCPT TO:<luis@%s>" % DOMAIN)
        if said.startswith("250"):
            c.expect("DATA", 354)
            said = c("Subject: put off\r\n\r\nx\r\n.")
        assert re.match(reply, said), (setting, said)
        c.close()
    else:
        waits = send("ana@" + DOMAIN, "Subject: put off %s\n\nx" % name)
        host.wait_log(r"%s: to=<ana@%s>.*status=deferred \(.*%s" % (waits, DOMAIN, delivery or ""), mark)
    host.wait_log(r"(warning|error|fatal): .*(%s|%s)" % (name, re.escape(value.split(":", 1)[1])), mark)
    host.write(ETC + "/main.cf", before)
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log("reload -- version", mark)
    mail_flows(host)
    if waits:
        host.run("postqueue", "-f")
        host.wait_mail("ana", "Subject: put off %s\n" % name)


@test
def mail_waits_for_a_table_that_is_missing_or_unreadable(host):
    host.write("/etc/postfix/broken.lmdb", "this is no table\n" * 1000)
    os.makedirs("/etc/postfix/folder", exist_ok=True)
    failures = []
    for table in ("hash:/etc/postfix/missing", "texthash:/etc/postfix/missing", "regexp:/etc/postfix/missing", "hash:/etc/postfix/broken",
                  "texthash:/etc/postfix/folder", "nosuchtype:/etc/postfix/x", "cidr:/etc/postfix/missing"):
        for setting, how in (("virtual_alias_maps", {"reply": "4"}), ("canonical_maps", {"reply": "4"}), ("header_checks", {"reply": "4"}),
                             ("smtpd_client_restrictions", {"reply": "4"}), ("local_recipient_maps", {"reply": "4"})):
            if setting == "header_checks" and not table.startswith("regexp"):
                continue
            if setting != "header_checks" and table.startswith("regexp"):
                continue
            value = "check_client_access " + table if setting.startswith("smtpd") else table
            try:
                temporary(host, "%s = %s" % (setting, value), **how)
            except AssertionError as e:
                failures.append((setting, table, str(e)[:300]))
                host.run("postconf", "-X", setting)
                host.run("postfix", "reload")
    assert not failures, "\n".join(map(str, failures))


@test
def a_new_alias_is_known_to_the_next_client(host):
    """Whichever of the idle processes he meets: they opened their tables before."""
    before = contents("/etc/aliases")
    for n in range(5):
        for c in [Smtp() for _ in range(8)]:
            c.expect("QUIT", 221)
            c.close()
        host.write("/etc/aliases", before + "new%d: luis\n" % n)
        host.run("newaliases")
        c = Smtp()
        c.expect("EHLO client.test", 250)
        c.expect("MAIL FROM:<a@client.test>", 250)
        c.expect("RCPT TO:<new%d@%s>" % (n, DOMAIN), 250)
        c.close()
    host.write("/etc/aliases", before)
    host.run("newaliases")


@test
def an_alias_file_that_is_missing_defers_local_mail(host):
    temporary(host, "alias_maps = hash:/etc/postfix/missing", delivery="alias|table|temporar")


@test
def a_forward_file_that_cannot_be_read_loses_nothing(host):
    forward = HOMES + "/ana/.forward"
    for what in ("a directory of others", "unreadable", "a circle"):
        mark = len(host.log())
        if what == "unreadable":
            host.write(forward, "paco\n", mode=0o000, owner=USERS["ana"])
        elif what == "a circle":
            os.symlink(forward, forward)
        else:
            os.chmod(HOMES + "/ana", 0o000)
        qid = send("ana@" + DOMAIN, "Subject: forward %s\n\nx" % what)
        found = host.wait_log(r"%s: to=<ana@%s>.*status=(\w+) \((.*)\)" % (qid, DOMAIN), mark)
        print("  %s: %s (%s)" % (what, found[1], found[2]))
        assert found[1] in ("deferred", "sent"), found[0]
        mail_flows(host)
        os.chmod(HOMES + "/ana", 0o755)
        if os.path.lexists(forward):
            os.unlink(forward)
        host.run("postqueue", "-f")
        host.wait_mail("ana", "Subject: forward %s\n" % what)


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.configure(main={"transport_retry_time": "1s", "minimal_backoff_time": "1s", "maximal_backoff_time": "2s", "queue_run_delay": "1h", "service_throttle_time": "1s",
                         "mynetworks": "127.0.0.0/8"})
    host.start()
    until("mail", lambda: mail_flows(host) is None)
    return host


main(prepare)
