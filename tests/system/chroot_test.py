#!/usr/bin/env python3
"""The stock master.cf: which daemons see only the queue directory, what is put there for them, and that mail flows all the same."""
import os
import re
import stat

from harness import DOMAIN, ETC, LOG, QUEUE, Smtp, contents, main, one_host, test, until

OUTSIDE = {"qmgr", "proxymap", "proxywrite", "local", "virtual", "pipe", "postlogd", "spawn"}
COPIES = ("etc/localtime", "etc/services", "etc/resolv.conf", "etc/hosts", "etc/host.conf", "etc/nsswitch.conf", "etc/nss_mdns.config")


def reload(host):
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log("reload -- version", mark)


def inside(path):
    return QUEUE + "/" + path


@test
def the_columns_are_those_of_debian(host):
    for line in contents("/usr/share/postfix/master.cf.proto").splitlines():
        field = line.split()
        if re.match(r"[a-z]", line) and not line.startswith("#"):
            assert field[4] == ("n" if field[7] in OUTSIDE else "y"), line


@test
def a_start_puts_there_what_a_jail_needs(host):
    for path in COPIES:
        assert os.path.exists(inside(path)) == os.path.isfile("/" + path), path
        if os.path.exists(inside(path)):
            assert contents(inside(path)) == contents("/" + path) and not os.path.islink(inside(path)), path
            st = os.stat(inside(path))
            assert (st.st_uid, stat.S_IMODE(st.st_mode)) == (0, 0o644), path
    assert any(name.startswith("libnss_dns") for _, _, names in os.walk(inside("lib")) for name in names)
    assert not os.path.exists(inside("etc/passwd"))
    assert not [name for _, _, names in os.walk(QUEUE) for name in names if name.endswith(".new")]


@test
def daemons_are_where_master_cf_says_and_mail_flows(host):
    c = Smtp()
    c.expect("EHLO client.test", 250)
    assert c.mail("a@client.test", ["luis@" + DOMAIN], "Subject: from outside\n\nx\n").startswith("250")
    c.expect("MAIL FROM:<a@client.test>", 250)
    c.expect("RCPT TO:<nosuch@%s>" % DOMAIN, 550)
    host.wait_mail("luis", "Subject: from outside")
    host.run("sendmail", "-i", "nosuch@" + DOMAIN, text="Subject: returned\n\nx\n", user="ana")
    host.wait_mail("ana", "Undelivered")
    host.run("sendmail", "-i", "x@faraway.test", text="Subject: waits\n\nx\n", user="ana")
    host.wait_log(r"to=<x@faraway\.test>.*status=(deferred|bounced)")
    host.run("mailq")
    seen = {}
    for pid, name in host.daemons().items():
        if not name.endswith("+"):  # templates are where their clones begin
            seen[name] = os.readlink("/proc/%d/root" % pid)
    for name, root in seen.items():
        assert root == ("/" if name in OUTSIDE else QUEUE), (name, root)
    assert {"smtpd", "cleanup", "pickup", "bounce", "smtp", "qmgr", "local"} <= set(seen), seen
    c.close()
    host.run("postsuper", "-d", "ALL")


@test
def a_class_that_only_a_table_names_has_its_tables_open(host):
    host.write(ETC + "/guarded", "luis@%s insiders\n" % DOMAIN)
    host.write(ETC + "/inside", "in@client.test OK\n")
    host.run("postconf", "-e", "smtpd_restriction_classes=insiders", "insiders=check_sender_access texthash:%s/inside, reject" % ETC,
             "smtpd_recipient_restrictions=check_recipient_access texthash:%s/guarded, permit" % ETC)
    reload(host)
    c = Smtp()
    c.expect("EHLO client.test", 250)
    for sender, code in (("in", 250), ("out", 554)):
        c.expect("MAIL FROM:<%s@client.test>" % sender, 250)
        c.expect("RCPT TO:<luis@%s>" % DOMAIN, code)
        c.expect("RSET", 250)
    c.close()
    host.run("postconf", "-X", "smtpd_restriction_classes", "insiders", "smtpd_recipient_restrictions")
    reload(host)


@test
def a_reload_brings_the_copies_up_to_date(host):
    before = contents("/etc/hosts")
    host.write("/etc/hosts", before + "192.0.2.9 new.test\n")
    p = host.run("postfix", "check", check=False)
    host.wait_log(r"warning: %s/etc/hosts and /etc/hosts differ" % QUEUE)
    assert p.returncode == 0, p.stderr
    reload(host)
    assert contents(inside("etc/hosts")) == contents("/etc/hosts")
    host.write("/etc/hosts", before)
    reload(host)
    assert contents(inside("etc/hosts")) == before


@test
def what_the_system_loses_the_jail_loses(host):
    host.write("/etc/nss_mdns.config", "x\n")
    reload(host)
    assert contents(inside("etc/nss_mdns.config")) == "x\n"
    os.unlink("/etc/nss_mdns.config")
    reload(host)
    assert not os.path.exists(inside("etc/nss_mdns.config"))


@test
def users_are_copied_without_passwords_for_who_looks_by_himself(host):
    passwd = contents("/etc/passwd")
    host.write("/etc/passwd", passwd.replace("ana:x:", "ana:secret:"))
    host.run("postconf", "-e", "local_recipient_maps = unix:passwd.byname $alias_maps")
    reload(host)
    copied = contents(inside("etc/passwd"))
    assert "ana:x:" in copied and "secret" not in copied
    c = Smtp()
    c.expect("EHLO client.test", 250)
    c.expect("MAIL FROM:<a@client.test>", 250)
    c.expect("RCPT TO:<nosuch@%s>" % DOMAIN, 550)
    c.expect("RCPT TO:<ana@%s>" % DOMAIN, 250)
    c.close()
    host.write("/etc/passwd", passwd)
    host.run("postconf", "-X", "local_recipient_maps")
    reload(host)
    assert not os.path.exists(inside("etc/passwd"))


@test
def a_site_may_have_its_own_way(host):
    host.write("/etc/default/postfix", "SYNC_CHROOT=n\n")
    os.unlink(inside("etc/hosts"))
    reload(host)
    assert not os.path.exists(inside("etc/hosts"))
    host.write("/etc/extra.conf", "x\n")
    host.write("/etc/default/postfix", "chroot_extra_files='/etc/extra.conf'\n")
    reload(host)
    assert os.path.exists(inside("etc/hosts")) and contents(inside("etc/extra.conf")) == "x\n"
    os.unlink("/etc/default/postfix")


@test
def nothing_is_copied_where_nobody_is_jailed(host):
    before = contents(ETC + "/master.cf")
    host.run("postconf", "-F", "*/*/chroot=n")
    os.unlink(inside("etc/hosts"))
    reload(host)
    assert not os.path.exists(inside("etc/hosts"))
    host.write(ETC + "/master.cf", before)
    reload(host)
    assert os.path.exists(inside("etc/hosts"))


@test
def an_origin_that_an_installer_left_is_refused(host):
    host.stop()
    for origin in ("debian.org", "/etc/mailname"):
        host.write("/etc/mailname", "ubuntu.com\n")
        host.run("postconf", "-e", "myorigin = " + origin)
        p = host.run("postfix", "start", check=False)
        assert p.returncode and "Invalid $myorigin (" in p.stderr and ", refusing to start" in p.stderr, p.stderr
    host.run("postconf", "-e", "myorigin = $mydomain")
    host.start()
    until("the log", lambda: "daemon started" in contents(LOG))


main(one_host)
