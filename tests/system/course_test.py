#!/usr/bin/env python3
"""The steps of an introductory course on mail servers, as its readers do them at a terminal."""
import glob
import os
import re
import shutil

from harness import DOMAIN, HOMES, NAME, QUEUE, USERS, Sink, Skip, Smtp, main, send, test, until

CLOSED = {"transport_maps": "inline:{ away.test=smtp:[127.0.0.1]:2599 }", "minimal_backoff_time": "1h", "maximal_backoff_time": "1h",
          "queue_run_delay": "1h"}


@test
def the_telnet_session_gets_the_replies_of_the_manuals(host):
    c = Smtp()
    assert c.banner == "220 %s ESMTP Postfix" % NAME
    for line, reply in (("helo localhost", "250 " + NAME), ("mail from: enrique", "250 2.1.0 Ok"), ("rcpt to: paco", "250 2.1.5 Ok"),
                        ("data", "354 End data with <CR><LF>.<CR><LF>")):
        assert c(line) == reply, line
    c.raw("subject: prueba de envio de correo\r\nfrom: enrique\r\nto: paco\r\n\r\nHola Paco que tal est\xe1s? Hasta otra.\r\n.\r\n")
    queued = re.fullmatch(r"250 2\.0\.0 Ok: queued as ([0-9A-F]+)", c.reply())
    assert queued and c("quit") == "221 2.0.0 Bye"
    qid = queued[1]
    box = host.wait_mail("paco", "prueba")
    assert re.fullmatch(
        r"From enrique@example\.test  \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n"
        r"Return-Path: <enrique@example\.test>\nX-Original-To: paco\nDelivered-To: paco@example\.test\n"
        r"Received: from localhost \(localhost \[127\.0\.0\.1\]\)\n\tby mail\.example\.test \(Postfix\) with SMTP id %s\n"
        r"\tfor <paco>; \w{3}, [ \d]?\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4} \(\w+\)\n"
        r"subject: prueba de envio de correo\nfrom: enrique@example\.test\nto: paco@example\.test\n"
        r"Message-Id: <\d{14}\.%s@mail\.example\.test>\nDate: \w{3}, [^\n]+ \(\w+\)\n"
        r"\nHola Paco que tal est\xe1s\? Hasta otra\.\n\n" % (qid, qid), box), box
    st = os.stat("/var/mail/paco")
    assert (st.st_uid, st.st_mode & 0o777) == (21002, 0o600)
    host.wait_log(r"postfix/local\[\d+\]: %s: to=<paco@example\.test>, orig_to=<paco>, relay=local, delay=[\d.]+, "
                  r"delays=[\d./]+, dsn=2\.0\.0, status=sent \(delivered to mailbox\)$" % qid)
    host.wait_log(r"postfix/qmgr\[\d+\]: %s: removed$" % qid)


@test
def the_log_tells_of_the_start(host):
    assert re.search(r"^\w{3} [ \d]\d \d\d:\d\d:\d\d mail postfix/master\[\d+\]: daemon started -- version \d", host.log(), re.M)


@test
def a_user_sends_with_sendmail(host):
    host.run("sendmail", "-F", "Ana Ruiz", "paco", text="Subject: desde sendmail\n\nHola\n.\nnot sent\n", user="ana")
    box = host.wait_mail("paco", "desde sendmail")
    message = box[box.rindex("\nFrom ana@") + 1:]
    assert re.match(r"From ana@example\.test  [^\n]+\nReturn-Path: <ana@example\.test>\nX-Original-To: paco\nDelivered-To: paco@example\.test\n"
                    r"Received: by mail\.example\.test \(Postfix, from userid 21003\)\n\tid [0-9A-F]+; ", message), message
    assert "\nFrom: Ana Ruiz <ana@example.test>\n" in message and "not sent" not in message
    host.wait_log(r"postfix/pickup\[\d+\]: [0-9A-F]+: uid=21003 from=<ana>$")


@test
def a_user_speaks_smtp_to_sendmail(host):
    session = "EHLO here\r\n" + "".join(
        "MAIL FROM:<ana@%s>%s\r\nRCPT TO:<paco@%s>\r\n%s" % (DOMAIN, options, DOMAIN, end)
        for options, end in (("", "RSET\r\n"), (" SMTPUTF8", "DATA\r\nSubject: by hand\r\n\r\nx\r\n.\r\n"),
                             ("", "BDAT 18 LAST\r\nSubject: chunk\r\n\r\n")))
    said = host.run("sendmail", "-bs", text=session + "QUIT\r\n", user="ana").stdout
    assert said.count("queued as") == 2 and "221 2.0.0 Bye" in said, said
    for subject in ("by hand", "chunk"):
        host.wait_mail("paco", "Subject: %s\n" % subject)
    until("an empty maildrop", lambda: not os.listdir(QUEUE + "/maildrop"))
    assert len(re.findall(r"pickup\[\d+\]: \w+: uid=%d from=<ana@" % USERS["ana"], host.log())) >= 2


@test
def an_alias_for_root_takes_effect_with_newaliases(host):
    host.write("/etc/aliases", "postmaster: root\nroot: enrique\n")
    host.run("newaliases")
    send("root@" + DOMAIN, "Subject: para root\n\nx")
    assert "X-Original-To: root@example.test\n" in host.wait_mail("enrique", "para root")
    host.write("/etc/aliases", "postmaster: root\nroot: luis\n")
    host.run("sendmail", "-bi")
    send("postmaster", "Subject: para postmaster\n\nx")
    assert "X-Original-To: postmaster\nDelivered-To: postmaster@example.test\n" in host.wait_mail("luis", "para postmaster")


@test
def mail_clients_of_the_system_read_and_send(host):
    ran = []
    if shutil.which("mail"):
        host.run("mail", "-s", "con mail", "paco@" + DOMAIN, text="Hola\n", user="enrique")
        host.wait_mail("paco", "con mail")
        read = host.run("mail", "-H", user="paco", check=False)
        assert "con mail" in read.stdout, read
        ran.append("mail")
    if shutil.which("mutt"):
        host.run("mutt", "-n", "-s", "con mutt", "paco@" + DOMAIN, text="Hola\n", user="enrique")
        host.wait_mail("paco", "con mutt")
        ran.append("mutt")
    if not ran:
        raise Skip("neither mail(1) nor mutt(1) is installed")


@test
def home_mailbox_makes_a_maildir(host):
    host.run("postconf", "-e", "home_mailbox = Maildir/")
    host.run("postfix", "reload")
    host.wait_log("reload -- version")
    send("ana@" + DOMAIN, "Subject: maildir\n\nx")
    new = until("a file in Maildir/new", lambda: glob.glob(HOMES + "/ana/Maildir/new/*"))
    with open(new[0]) as f:
        text = f.read()
    assert text.startswith("Return-Path: <enrique@example.test>\nX-Original-To: ana@example.test\nDelivered-To: ana@example.test\n"), text
    assert os.stat(new[0]).st_uid == 21003 and not os.listdir(HOMES + "/ana/Maildir/tmp")


@test
def a_second_port_in_master_cf_is_served_after_reload(host):
    with open("/etc/postfix/master.cf", "a") as f:
        f.write("2525 inet n - n - - smtpd\n  -o smtpd_banner=otro.example.test\n")
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log("reload -- version", mark)
    c = until("port 2525", lambda: connect(2525))
    assert c.banner == "220 otro.example.test", c.banner
    c.close()


def connect(port):
    try:
        return Smtp(port)
    except (ConnectionRefusedError, EOFError):
        return None


@test
def a_deferred_message_is_listed_shown_flushed_and_deleted(host):
    host.restart(main=CLOSED)
    qid = send("x@away.test", "Subject: espera\n\ncuerpo del mensaje", sender="ana@" + DOMAIN)
    host.wait_in("deferred", qid)
    listing = host.run("mailq").stdout
    assert re.fullmatch(
        r"-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n"
        r"%s +\d+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d  ana@example\.test\n"
        r" *\(connect to 127\.0\.0\.1\[127\.0\.0\.1\]:2599: Connection refused\)\n {41}x@away\.test\n\n-- 0 Kbytes in 1 Request\.\n" % qid,
        listing), listing
    assert host.run("postqueue", "-p").stdout == listing
    shown = host.run("postcat", "-q", qid).stdout
    for text in ("*** ENVELOPE RECORDS deferred/%s/%s ***\n" % (qid[0], qid), "sender: ana@example.test\n", "Subject: espera\n",
                 "\ncuerpo del mensaje\n", "recipient: x@away.test\n", "*** MESSAGE FILE END deferred/%s/%s ***\n" % (qid[0], qid)):
        assert text in shown, (text, shown)
    sink = Sink(2599)
    host.run("postqueue", "-f")
    until("the message at the other side", lambda: sink.received("x@away.test"))
    host.wait_empty()
    sink.close()
    other = send("y@away.test")
    host.wait_in("deferred", other)
    p = host.run("postsuper", "-d", other)
    assert "postsuper: %s: removed\n" % other in p.stderr and "postsuper: Deleted: 1 message\n" in p.stderr, p
    assert host.run("mailq").stdout == "Mail queue is empty\n"


main()
