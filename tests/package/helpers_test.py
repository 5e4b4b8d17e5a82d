#!/usr/bin/env python3
"""The small commands of Debian's package: postfix-add-filter, postfix-add-policy, postfix-collate."""
import glob
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
        assert "10025 is in" in run(host, "postfix-add-filter", "other", "10025", status=1)
        lines = subprocess.run([tools + "/postconf", "-c", host.root + "/etc/postfix", "-M"], capture_output=True, text=True).stdout
        assert len(lines.splitlines()) == 4 and "user=nobody argv=/usr/bin/policy -v" in lines, lines
        assert "smtp_send_xforward_command=yes" in lines and "content_filter=" in lines
        assert before in [open(f, encoding="ascii").read() for f in glob.glob(host.root + "/etc/postfix/master.cf.*")]


@test
def lines_of_a_message_come_together(tools):
    log = ["Nov 30 10:00:0%d h postfix/%s" % row for row in (
        (1, "smtpd[1]: connect from a[192.0.2.1]"), (1, "smtpd[1]: AAAAAA1111: client=a"), (2, "smtpd[1]: 4BxYz9W2kQz1bq: client=a"),
        (3, "qmgr[2]: AAAAAA1111: from=<a>"), (4, "qmgr[2]: 4BxYz9W2kQz1bq: removed"), (5, "qmgr[2]: AAAAAA1111: to=<b>"))]
    with Scratch(tools) as host:
        said = run(host, "postfix-collate", said="\n".join(log) + "\n")
    assert said == "\n".join([log[2], log[4], "", log[1], log[3], log[5], "", ""]), said


main()
