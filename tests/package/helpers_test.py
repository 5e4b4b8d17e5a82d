#!/usr/bin/env python3
"""Small commands: Debian's postfix-add-filter, postfix-add-policy and postfix-collate; the indexes that the package makes."""
import glob
import os
import subprocess

from scratch import SOURCE, Scratch, main, test


def run(host, command, *words, status=0, said=None):
    p = subprocess.run(["sh", "%s/tools/%s" % (SOURCE, command), *words], env=dict(host.env, MAIL_CONFIG=host.root + "/etc/postfix"),
                       capture_output=True, text=True, input=said)
    assert p.returncode == status, p.stdout + p.stderr
    return p.stdout + p.stderr


@test
def services_are_added_once_and_the_file_before_is_kept(tools):
    with Scratch(tools) as host:
        before = "smtp       inet  n       -       n       -       -       smtpd\n"
        host.write("/etc/postfix/main.cf", "config_directory = %s/etc/postfix\n" % host.root)
        host.write("/etc/postfix/master.cf", before)
        for command, words in (("postfix-add-filter", ("scan", "10025")), ("postfix-add-policy", ("greylist", "nobody", "/usr/bin/policy", "-v"))):
            run(host, command, *words)
            assert "already" in run(host, command, *words, status=1)
            assert "usage: " + command in run(host, command, status=1)
            assert "usage: " + command in run(host, command, "--help")
        assert "10025 is in" in run(host, "postfix-add-filter", "other", "10025", status=1)
        lines = subprocess.run([tools + "/postconf", "-c", host.root + "/etc/postfix", "-M"], capture_output=True, text=True).stdout
        assert len(lines.splitlines()) == 4 and "user=nobody argv=/usr/bin/policy -v" in lines, lines
        assert "smtp_send_xforward_command=yes" in lines and "content_filter=" in lines
        assert before in [open(f, encoding="ascii").read() for f in glob.glob(host.root + "/etc/postfix/master.cf.*")]


@test
def who_asks_for_the_usage_gets_it_without_an_error(tools):
    with Scratch(tools) as host:
        for word in ("-h", "--help"):
            assert run(host, "postfix-takeover", word) == run(host, "postfix-takeover", "--nonsense", status=2)


@test
def lines_of_a_message_come_together(tools):
    log = ["Nov 30 10:00:0%d h postfix/%s" % row for row in (
        (1, "smtpd[1]: connect from a[192.0.2.1]"), (1, "smtpd[1]: AAAAAA1111: client=a"), (2, "smtpd[1]: 4BxYz9W2kQz1bq: client=a"),
        (3, "qmgr[2]: AAAAAA1111: from=<a>"), (4, "qmgr[2]: 4BxYz9W2kQz1bq: removed"), (5, "qmgr[2]: AAAAAA1111: to=<b>"))]
    with Scratch(tools) as host:
        said = run(host, "postfix-collate", said="\n".join(log) + "\n")
    assert said == "\n".join([log[2], log[4], "", log[1], log[3], log[5], "", ""]), said


@test
def indexes_are_made_where_none_are_and_links_to_them_go_before_another_suite_comes(tools):
    def index_tables(*words):
        p = subprocess.run(["sh", SOURCE + "/cmake/index-tables.sh", *words], env=dict(host.env, MAIL_CONFIG=etc), capture_output=True, text=True)
        assert p.returncode == 0, p.stderr
        return sorted(p.stdout.replace(etc + "/", "").splitlines()), p.stderr

    with Scratch(tools) as host:
        etc = host.root + "/etc/postfix"
        host.write("/etc/postfix/main.cf", "meta_directory = %s\nvirtual_alias_maps = hash:%s/v, lmdb:%s/l\ntransport_maps = btree:%s/only\n"
                                           "alias_maps = hash:%s/a\nalias_database = hash:%s/a\n" % ((etc,) * 6))
        for name, text in (("master.cf", ""), ("v", "x y\n"), ("l", "x y\n"), ("a", "x: y\n"), ("only.db", "an old index")):
            host.write("/etc/postfix/" + name, text)
        made, warnings = index_tables()
        assert made == ["made an index of %s" % t for t in ("hash:a", "hash:v", "lmdb:l")] and "no source to make ours of" in warnings
        assert index_tables()[0] == [] and os.readlink(etc + "/a.db") == "a.lmdb"
        host.write("/etc/postfix/v.lmdb", "what Postfix wrote through the link")
        assert index_tables()[0] == ["made an index of hash:v"]
        index_tables("unlink")
        assert sorted(os.listdir(etc)) == ["a", "a.lmdb", "l", "l.lmdb", "main.cf", "master.cf", "only.db", "v", "v.lmdb"]


main()
