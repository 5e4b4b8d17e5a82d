#!/usr/bin/env python3
"""Two hosts with a wire and a name server between them exchange mail through their MX records."""
import email
import email.policy
import mailbox
import re
import subprocess

from harness import Dns, loopback, main, other_host, test, until

HOSTS = {"uno": "10.77.0.1", "dos": "10.77.0.2"}
RECORDS = {("uno.test", "MX"): ["10 mx.uno.test"], ("mx.uno.test", "A"): ["10.77.0.1"],
           ("dos.test", "MX"): ["5 away.dos.test", "10 mx.dos.test"], ("mx.dos.test", "A"): ["10.77.0.2"],
           ("away.dos.test", "A"): ["10.77.0.9"],
           ("1.0.77.10.in-addr.arpa", "PTR"): ["mx.uno.test"], ("2.0.77.10.in-addr.arpa", "PTR"): ["mx.dos.test"]}


def ip(*words, host=None):
    subprocess.run([*(host.enter if host else []), "ip", *words], check=True)


def wire(a, b):
    """Two ends of a cable.  A third address on this side answers nothing: the first MX of dos.test."""
    ip("link", "add", "name", "switch", "type", "bridge")
    ip("addr", "add", "10.77.0.53/24", "dev", "switch")
    ip("link", "set", "switch", "up")
    for name, host in ((a, "uno"), (b, "dos")):
        ip("link", "add", "to-" + host, "type", "veth", "peer", "name", "eth0", "netns", str(name.init))
        ip("link", "set", "to-" + host, "master", "switch", "up")
        ip("addr", "add", HOSTS[host] + "/24", "dev", "eth0", host=name)
        ip("link", "set", "eth0", "up", host=name)


def prepare(tree, work):
    loopback()
    hosts = {name: other_host(tree, work, "mx.%s.test" % name) for name in HOSTS}
    wire(hosts["uno"], hosts["dos"])
    Dns("10.77.0.53", RECORDS)
    for name, host in hosts.items():
        host.write("/etc/resolv.conf", "nameserver 10.77.0.53\n")
        host.write("/etc/hosts", "127.0.0.1 localhost\n")
        host.configure(main={
            "myhostname": "mx.%s.test" % name, "mydomain": name + ".test", "mydestination": "$myhostname, $mydomain",
            "inet_interfaces": "all", "smtp_connect_timeout": "2s", "queue_run_delay": "1s", "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s"})
        host.start()
    return hosts


def sendmail(host, sender, recipient, subject, *options):
    host.run("sendmail", "-f", sender, *options, recipient, text="Subject: %s\nTo: %s\n\nHola\n" % (subject, recipient))


@test
def mail_goes_to_the_other_host_and_back(hosts):
    uno, dos = hosts["uno"], hosts["dos"]
    sendmail(uno, "enrique@uno.test", "paco@dos.test", "ida")
    box = dos.wait_mail("paco", "ida")
    assert re.search(r"^Received: from mx\.uno\.test \(mx\.uno\.test \[10\.77\.0\.1\]\)\n\tby mx\.dos\.test \(Postfix\) with ESMTP id", box, re.M), box
    assert "Return-Path: <enrique@uno.test>\n" in box
    sendmail(dos, "paco@dos.test", "enrique@uno.test", "vuelta")
    uno.wait_mail("enrique", "vuelta")
    uno.wait_log(r"to=<paco@dos\.test>, relay=mx\.dos\.test\[10\.77\.0\.2\]:25, .*status=sent \(250 2\.0\.0 Ok: queued as \w+\)$")


@test
def a_host_that_was_away_gets_its_mail_when_it_is_back(hosts):
    uno, dos = hosts["uno"], hosts["dos"]
    dos.stop()
    for n in range(5):
        sendmail(uno, "enrique@uno.test", "luis@dos.test", "espera %d" % n)
    until("five deferred messages", lambda: sum(m["queue_name"] == "deferred" for m in uno.queue().values()) == 5)
    assert all("onnect" in r["delay_reason"] for m in uno.queue().values() for r in m["recipients"] if "delay_reason" in r)
    dos.start()
    for n in range(5):
        dos.wait_mail("luis", "espera %d\n" % n)
    uno.wait_empty()
    assert dos.mailbox("luis").count("\nSubject: espera") == 5


@test
def mail_that_waited_while_the_system_was_down_is_sent_at_its_start(hosts):
    uno, dos = hosts["uno"], hosts["dos"]
    uno.stop()
    sendmail(uno, "enrique@uno.test", "ana@dos.test", "sin sistema")
    uno.start()
    dos.wait_mail("ana", "sin sistema")


@test
def an_unknown_recipient_is_reported_to_the_sender(hosts):
    uno, dos = hosts["uno"], hosts["dos"]
    sendmail(uno, "ana@uno.test", "nadie@dos.test", "a nadie", "-V", "ENV7")
    uno.wait_mail("ana", "a nadie")
    box = mailbox.mbox(uno.path("/var/mail/ana"), factory=lambda f: email.message_from_binary_file(f, policy=email.policy.default))
    report = next(iter(box))
    assert report["From"].addresses[0].addr_spec == "MAILER-DAEMON@uno.test", report["From"]
    assert report["Return-Path"] == "<>" and report["Auto-Submitted"] == "auto-replied" and report["To"] == "ana@uno.test"
    assert report.get_content_type() == "multipart/report" and report.get_param("report-type") == "delivery-status"
    parts = list(report.iter_parts())
    assert [p.get_content_type() for p in parts] == ["text/plain", "message/delivery-status", "message/rfc822"], parts
    assert "<nadie@dos.test>: host mx.dos.test[10.77.0.2] said: 550 5.1.1" in parts[0].get_content()
    message, recipient = parts[1].get_payload()
    assert message["Reporting-MTA"] == "dns; mx.uno.test" and message["Original-Envelope-Id"] == "ENV7", message
    assert recipient["Final-Recipient"] == "rfc822; nadie@dos.test" and recipient["Original-Recipient"] == "rfc822;nadie@dos.test"
    assert recipient["Action"] == "failed" and recipient["Status"] == "5.1.1", recipient
    assert recipient["Remote-MTA"] == "dns; mx.dos.test" and recipient["Diagnostic-Code"].startswith("smtp; 550 5.1.1 <nadie@dos.test>")
    assert parts[2].get_payload(0)["Subject"] == "a nadie" and not report.defects
    uno.wait_log(r"postfix/bounce\[\d+\]: \w+: sender non-delivery notification: \w+$")
    uno.wait_empty()


@test
def a_domain_that_does_not_exist_is_reported_too(hosts):
    uno = hosts["uno"]
    sendmail(uno, "luis@uno.test", "x@nowhere.test", "a ninguna parte")
    box = uno.wait_mail("luis", "a ninguna parte")
    assert "Host or domain name not found" in box and "Status: 5.4.4" in box, box


main(prepare)
