#!/usr/bin/env python3
"""Debian's Postfix leaves a queue and ours delivers it; ours leaves one and Debian's Postfix delivers that.

The package is downloaded once into the build directory and unpacked beside the system, never installed."""
import glob
import os
import re
import subprocess

from harness import ETC, LOG, QUEUE, Host, Sink, Skip, contents, main, other_host, send, test, tmpfs, until

INDEX_TABLES = os.path.dirname(os.path.abspath(__file__)) + "/../../cmake/index-tables.sh"
PROBE = "/usr/lib/postfix/sbin/smtpd"
PORT = 2599
MAIN = {"compatibility_level": "3.6", "transport_maps": "inline:{ away.test=smtp:[127.0.0.1]:%d }" % PORT,
        "minimal_backoff_time": "1h", "maximal_backoff_time": "1h", "queue_run_delay": "1h",
        "virtual_alias_maps": "inline:{ todos@example.test=v1@away.test }"}
ALIASES = "postmaster: root\nlista: l1@away.test, l2@away.test, luis\n"
EIGHT_BIT = "Subject: eight\nMime-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nma\xc3\xb1ana\n.dot"
LARGE = "Subject: large\n\n" + "\n".join("%06d %s" % (n, "x" * 60) for n in range(6000))
ENVELOPE = {  # subject: recipients at the sink
    "several": {"a@away.test", "b@away.test"}, "list": {"l1@away.test", "l2@away.test"}, "eight": {"e@away.test"}, "large": {"g@away.test"},
    "from sendmail": {"s@away.test", "blind@away.test"}, "virtual": {"v1@away.test"}, "waits": {"w@away.test"}, "held": {"h@away.test"}}


def fetch(build):
    """The unpacked package, from the cache when it is there."""
    cache = os.path.join(os.path.abspath(build), "system-peer")
    tree = cache + "/tree"
    os.makedirs(cache, exist_ok=True)
    if not os.path.exists(tree + PROBE):
        if not glob.glob(cache + "/postfix_*.deb"):
            p = subprocess.run(["apt-get", "-q", "download", "postfix"], cwd=cache, capture_output=True, text=True)
            if p.returncode:
                raise Skip("cannot download Debian's postfix package: " + p.stderr.strip())
        subprocess.run(["dpkg", "-x", glob.glob(cache + "/postfix_*.deb")[0], tree], check=True)
    libraries = subprocess.run(["ldd", tree + PROBE], env={**os.environ, "LD_LIBRARY_PATH": tree + "/usr/lib/postfix"},
                               capture_output=True, text=True).stdout
    missing = re.findall(r"(\S+) => not found", libraries)
    if missing:
        raise Skip("Debian's postfix needs libraries that are not here: " + " ".join(missing))
    return tree


class Peer(Host):
    """Debian's package; what its installation script would do is done here."""

    def start(self):
        self.write(LOG, "", mode=0o666)  # its postsuper, as postfix, cannot open a log that is root's alone
        super().start()

    def set_permissions(self):
        self.write(ETC + "/dynamicmaps.cf", "")
        self.run("chown", "postfix:postfix", "/var/lib/postfix")
        self.run("chgrp", "postdrop", "/usr/sbin/postdrop", "/usr/sbin/postqueue")
        self.run("chmod", "2755", "/usr/sbin/postdrop", "/usr/sbin/postqueue")
        self.run("sh", "/usr/lib/postfix/sbin/post-install", "create-missing", *(
            "%s=%s" % kv for kv in (("config_directory", ETC), ("queue_directory", QUEUE), ("daemon_directory", "/usr/lib/postfix/sbin"),
                                    ("command_directory", "/usr/sbin"), ("data_directory", "/var/lib/postfix"), ("mail_owner", "postfix"),
                                    ("setgid_group", "postdrop"))), check=False)


def prepare(tree, work):
    queue = work + "/queue"
    tmpfs(queue)
    hosts = {}
    for name, where in (("ours", tree), ("peer", os.environ["FETCHED"])):
        beside = other_host(where, work, "mail.example.test", queue, own_network=False)
        hosts[name] = Peer(beside.root, beside.enter) if name == "peer" else beside
    for name in ("ours", "peer"):  # its own stock file has services in a chroot
        hosts[name].write("/usr/share/postfix/master.cf.proto", contents(tree + "/usr/share/postfix/master.cf.proto"))
    assert "3.7" in hosts["peer"].run("postconf", "-dh", "mail_version").stdout
    assert hosts["ours"].run("postconf", "-dh", "relevo_version").stdout.strip()
    return hosts


def leave_mail(host):
    """Every kind of message that can wait, in the queue of a host that is stopped afterwards."""
    host.configure(main=MAIN, aliases=ALIASES)
    host.start()
    send(["a@away.test", "paco@example.test", "b@away.test"], "Subject: several\n\nx", parameters=" RET=HDRS ENVID=several")
    send("lista@example.test", "Subject: list\n\nx")
    send("e@away.test", EIGHT_BIT, parameters=" BODY=8BITMIME")
    held = send("h@away.test", "Subject: held\n\nx")
    host.wait_in("deferred", held)
    host.run("postsuper", "-h", held)
    host.run("postconf", "-e", "enable_long_queue_ids = yes")
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log("reload -- version", mark)
    until("long queue ids", lambda: len(send("g@away.test", LARGE)) > 12)
    send("todos@example.test", "Subject: virtual\n\nx")
    refused = send("refused@away.test", "Subject: refused\n\nx", sender="ana@example.test")
    host.run("sendmail", "-t", "-f", "enrique@example.test", text="To: s@away.test\nBcc: blind@away.test\nSubject: from sendmail\n\nx\n")
    host.wait_mail("paco", "several")
    host.wait_mail("luis", "list")
    until("everything to be deferred", lambda: sorted(m["queue_name"] for m in host.queue().values())[:-1] == ["deferred"] * (len(host.queue()) - 1)
          and sum(len(m["recipients"]) for m in host.queue().values()) >= 11)
    assert len(refused) > 12 and len(held) < 12
    host.stop()
    host.run("sendmail", "-f", "enrique@example.test", "w@away.test", text="Subject: waits\n\nx\n")
    return held


def subject(message):
    return re.search(rb"^Subject: ?(.*?)\r$", message[2], re.M)[1].decode()


def take_over(host, held, sink):
    host.configure(main=MAIN, aliases=ALIASES)
    host.start()
    waiting = host.queue()
    assert waiting[held]["queue_name"] == "hold", waiting
    host.run("postsuper", "-H", held)
    host.run("postqueue", "-f")
    host.wait_empty()
    got = {}
    for m in sink.messages:
        got.setdefault(subject(m), []).extend(m[1])
    assert {s: sorted(r) for s, r in got.items()} == {s: sorted(r) for s, r in ENVELOPE.items()}, got
    bodies = {subject(m): m[2] for m in sink.messages}
    assert bodies["eight"].endswith(b"\r\n\r\nma\xc3\xb1ana\r\n.dot\r\n")
    assert bodies["large"].endswith(LARGE.split("\n\n")[1].replace("\n", "\r\n").encode() + b"\r\n")
    assert b"blind" not in bodies["from sendmail"]
    report = host.wait_mail("ana", "multipart/report")
    assert "refused@away.test" in report and "Status: 5.1.1" in report, report
    assert not host.mailbox("paco"), "a recipient that was done got the message again"
    host.stop()


def clean(hosts):
    for host in hosts.values():
        for user in ("paco", "luis", "ana"):
            host.run("rm", "-f", "/var/mail/" + user)


def hand_over(hosts, giver, taker):
    clean(hosts)
    sink = None
    try:
        held = leave_mail(hosts[giver])
        sink = Sink(PORT, refuse={"refused@away.test": "550 5.1.1 nobody here"})
        take_over(hosts[taker], held, sink)
    except AssertionError:
        for name, host in hosts.items():
            print("--- %s:\n%s" % (name, host.log()[-5000:]))
        raise
    finally:
        if sink:
            sink.close()


@test
def tables_of_postfix_get_our_indexes(hosts):
    host, table = hosts["ours"], ETC + "/%s"
    host.configure({"virtual_alias_domains": "v.test", "virtual_alias_maps": "hash:%s proxy:btree:%s" % (table % "virtual", table % "more"),
                    "alias_maps": "hash:/etc/aliases, hash:%s" % (table % "team"), "transport_maps": "hash:%s" % (table % "lost")},
                   "\n2562 inet n - n - - smtpd\n  -o smtpd_sender_restrictions=check_sender_access,hash:%s\n" % (table % "senders"))
    for name, text in {"virtual": "a@v.test ana\n", "more": "b@v.test paco\n", "team": "team: ana, paco\n", "senders": "x.test REJECT\n"}.items():
        host.write(table % name, text)
        host.write(table % name + ".db", "an index of Postfix's")
    host.write(table % "lost.db", "an index without a source")

    def made():
        p = host.run("sh", "-s", text=contents(INDEX_TABLES))
        assert "hash:%s: there is an index of Postfix's but no source" % (table % "lost") in p.stderr, p.stderr
        return sorted(line.rpartition("/")[2] for line in p.stdout.splitlines())

    first = made()
    assert first == ["more", "senders", "team", "virtual"], first
    for query, answer in (("hash:" + table % "virtual", "a@v.test"), "ana"), (("btree:" + table % "more", "b@v.test"), "paco"), \
                         (("hash:" + table % "senders", "x.test"), "REJECT"), (("hash:" + table % "team", "team"), "ana, paco"):
        assert host.run("postmap" if query[1] != "team" else "postalias", "-q", query[1], query[0]).stdout.strip() == answer, query
    assert made() == []
    later = os.stat(host.path(table % "virtual.lmdb")).st_mtime + 5
    os.utime(host.path(table % "virtual.db"), (later, later))  # the site went back to Postfix for a while
    assert made() == ["virtual"]
    for name in ("virtual", "more", "team", "senders", "lost"):
        host.run("sh", "-c", "rm -f %s*" % (table % name))


@test
def ours_delivers_what_debians_postfix_left(hosts):
    hand_over(hosts, "peer", "ours")


@test
def debians_postfix_delivers_what_ours_left(hosts):
    hand_over(hosts, "ours", "peer")


main(prepare, fetch)
