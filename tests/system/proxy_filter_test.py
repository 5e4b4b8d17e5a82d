#!/usr/bin/env python3
"""smtpd_proxy_filter: a filter that hears each message before it is accepted, at once or (speed_adjust) when it is complete."""
import contextlib
import os
import re
import socketserver
import threading

from harness import contents, DOMAIN, furnish, Host, main, Smtp, test

PORT = 10025
BOX = "paco@" + DOMAIN
TROUBLE = "451 4.3.0 Error: queue file write error"


class Talk(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode("latin-1") + b"\r\n")

    def answer(self, line):
        """What the test wants said to this line; None: the usual; "" hangs up."""
        for begin, text in self.server.answers.items():
            if line.upper().startswith(begin):
                return text
        return None

    def handle(self):
        with contextlib.suppress(OSError):
            self.talk()

    def talk(self):
        self.server.connections += 1
        greeting = self.answer("GREETING")
        self.say("220 filter.test ESMTP" if greeting is None else greeting)
        for raw in self.rfile:
            line = raw.decode("latin-1").rstrip("\r\n")
            self.server.heard.append(line)
            said = self.answer(line)
            if said == "":
                return
            if said is not None:
                self.say(said)
            elif line.startswith("EHLO"):
                self.say("250-filter.test\r\n250-SIZE\r\n250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE")
            elif line == "DATA":
                self.say("354 go")
                content = b""
                while not content.endswith(b"\r\n.\r\n"):
                    more = self.rfile.readline()
                    if not more:
                        self.server.cut += 1
                        return
                    content += more
                self.server.content.append(content)
                said = self.answer("DOT")
                if said == "":
                    return
                self.say(said or "250 2.0.0 Ok from filter")
            else:
                self.say("250 2.0.0 Ok")
            if line == "QUIT":
                return


class Filter(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self, **answers):
        super().__init__(("127.0.0.1", PORT), Talk)
        self.answers = {k.replace("_", " "): v for k, v in answers.items()}
        self.heard, self.content, self.connections, self.cut = [], [], 0, 0
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def eq(a, b):
    assert a == b, (a, b)


def use(host, **settings):
    host.run("postconf", "-e", *("%s = %s" % item for item in settings.items()))
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log(r": reload -- version", mark)
    return mark


def begin(parameters="", sender="a@far.test"):
    c = Smtp()
    c("EHLO client.test")
    eq(c("MAIL FROM:<%s>%s" % (sender, parameters)), "250 2.1.0 Ok")
    return c


def mail(text="Subject: x\n\n.dot\ntext", parameters="", recipients=(BOX,)):
    with contextlib.closing(begin(parameters)) as c:
        for r in recipients:
            said = c("RCPT TO:<%s>" % r)
            if not said.startswith("2"):
                return said
        said = c("DATA")
        if not said.startswith("3"):
            return said
        c.raw(re.sub("^\\.", "..", text, flags=re.M).replace("\n", "\r\n") + "\r\n.\r\n")
        return c.reply()


@test
def the_filter_hears_what_the_client_says(host):
    for options in ("", "speed_adjust"):
        mark = use(host, smtpd_proxy_options=options)
        with Filter() as f:
            eq(mail(parameters=" SIZE=100 BODY=8BITMIME"), "250 2.0.0 Ok from filter")
            host.wait_log(r"disconnect from localhost", mark)
            heard = [line for line in f.heard]
        eq(heard[0], "EHLO mail.example.test")
        assert re.fullmatch(r"XFORWARD NAME=localhost ADDR=127\.0\.0\.1 PORT=\d+ HELO=client\.test IDENT=\[UNAVAILABLE\] PROTO=ESMTP "
                            r"SOURCE=LOCAL", heard[1]), heard[1]
        eq(heard[2:5], ["MAIL FROM:<a@far.test> SIZE=100 BODY=8BITMIME", "RCPT TO:<%s>" % BOX, "DATA"])
        [content] = f.content
        assert re.match(rb"Received: from client\.test \(localhost \[127\.0\.0\.1\]\)\r\n\tby mail\.example\.test \(Postfix\) with ESMTP\r\n"
                        rb"\tfor <paco@example\.test>; [^\r]*\r\nSubject: x\r\n\r\n\.\.dot\r\ntext\r\n\.\r\n$", content), content
        log = host.log()[mark:]
        assert re.search(r"smtpd\[\d+\]: NOQUEUE: client=localhost\[127\.0\.0\.1\]\n", log), log
        assert re.search(r"smtpd\[\d+\]: proxy-accept: END-OF-MESSAGE: 250 2\.0\.0 Ok from filter; from=<a@far\.test> to=<paco@example\.test> "
                         r"proto=ESMTP helo=<client\.test>\n", log), log


@test
def a_refusal_is_the_clients(host):
    mark = use(host, smtpd_proxy_options="")
    with Filter(MAIL="550 5.1.0 bad from") as f:
        with contextlib.closing(begin()) as c:
            eq(c("RCPT TO:<%s>" % BOX), "550 5.1.0 bad from")
            f.answers = {}
            eq(c("RCPT TO:<%s>" % BOX), "250 2.1.5 Ok")
        eq(f.connections, 2)
    host.wait_log(r'warning: proxy 127\.0\.0\.1:%d rejected "MAIL FROM:<a@far\.test>": "550 5\.1\.0 bad from"$' % PORT, mark)
    with Filter(RCPT="450-4.2.0 not\r\n450 4.2.0 now") as f:
        with contextlib.closing(begin()) as c:
            eq(c("RCPT TO:<%s>" % BOX), "450-4.2.0 not\n450 4.2.0 now")
            eq(c("DATA"), "554 5.5.1 Error: no valid recipients")
            f.answers = {"RCPT TO:<LUIS": "550 5.1.1 no"}
            eq(c("RCPT TO:<%s>" % BOX), "250 2.1.5 Ok")
            eq(c("RCPT TO:<luis@%s>" % DOMAIN), "550 5.1.1 no")
        eq(f.connections, 1)
    with Filter(DATA="552 5.3.4 no room"):
        eq(mail(), "552 5.3.4 no room")
    mark = len(host.log())
    with Filter(DOT="550-5.7.1 bad\r\n550 5.7.1 content"):
        eq(mail(), "550-5.7.1 bad\n550 5.7.1 content")
    host.wait_log(r"proxy-reject: END-OF-MESSAGE: 550-5\.7\.1 bad\?\?550 5\.7\.1 content; from=<a@far\.test> to=<%s> proto=ESMTP helo=<client\.test>$"
                  % re.escape(BOX), mark)


@test
def a_filter_that_does_not_do_its_part_defers(host):
    use(host, smtpd_proxy_options="")
    where = "127.0.0.1:%d" % PORT
    mark = len(host.log())
    eq(mail(), TROUBLE)
    host.wait_log("warning: connect to proxy filter %s: Connection refused" % where, mark)
    for answers, complaint in (
            ({"GREETING": "554 no"}, 'proxy %s rejected "connection request": "554 no"' % where),
            ({"EHLO": "502 no"}, 'proxy %s rejected "EHLO mail.example.test": "502 no"' % where),
            ({"XFORWARD": "550 no"}, 'proxy %s rejected "XFORWARD NAME=' % where),
            ({"DATA": "250 what"}, 'proxy %s rejected "DATA": "250 what"' % where),
            ({"RCPT": "354 what"}, 'proxy %s rejected "RCPT TO:<%s>": "354 what"' % (where, BOX)),
            ({"RCPT": ""}, "lost connection with proxy " + where)):
        mark = len(host.log())
        with Filter(**answers):
            eq(mail(), TROUBLE)
        assert complaint in host.log()[mark:], (complaint, host.log()[mark:])
    mark = len(host.log())
    with Filter(DOT=""):
        eq(mail(), TROUBLE)
    host.wait_log(r"proxy-reject: END-OF-MESSAGE: 451 4\.3\.0 Error: queue file write error; from=", mark)
    mark = len(host.log())
    with Filter(DOT="what\r\n250 fine"):
        eq(mail(), "250-what\n250 fine")
    host.wait_log("received garbage from proxy %s: what" % where, mark)


@test
def a_message_that_is_cut_short_never_ends_at_the_filter(host):
    use(host, smtpd_proxy_options="")
    with Filter() as f:
        mark = len(host.log())
        c = begin()
        c("RCPT TO:<%s>" % BOX)
        c("DATA")
        c.raw("Subject: half\r\n")
        c.close()
        host.wait_log(r"lost connection after DATA \(\d+ bytes\)", mark)
        host.wait_log("disconnect from", mark)
        use(host, smtpd_end_of_data_restrictions="check_client_access static:reject")
        assert mail().startswith("554 5.7.1 ")
        use(host, smtpd_end_of_data_restrictions="")
        eq(f.content, [])


@test
def with_speed_adjust_the_first_refusal_is_everybodys(host):
    mark = use(host, smtpd_proxy_options="speed_adjust")
    with Filter(RCPT_TO_LUIS="x") as f:
        f.answers = {"RCPT TO:<LUIS": "550 5.1.1 no luis"}
        eq(mail(recipients=(BOX, "luis@" + DOMAIN)), "550 5.1.1 no luis")
    host.wait_log(r"proxy-reject: END-OF-MESSAGE: 550 5\.1\.1 no luis; from=<a@far\.test> to=<%s>" % re.escape(BOX), mark)
    mark = len(host.log())
    eq(mail(), TROUBLE)
    host.wait_log(r"proxy-reject: END-OF-MESSAGE: 451 4\.3\.0 Error: queue file write error;", mark)
    big = "Subject: big\n\n" + ".a line of some length, again and again\n" * 20000
    with Filter() as f:
        eq(mail(big), "250 2.0.0 Ok from filter")
        eq(mail("Subject: small\n\nx"), "250 2.0.0 Ok from filter")
        assert f.content[0].count(b"\r\n..a line") == 20000 and f.content[1].endswith(b"\r\nx\r\n.\r\n"), f.content[1]


@test
def processes_do_not_share_the_file_of_speed_adjust(host):
    use(host, smtpd_proxy_options="speed_adjust")
    with Filter() as f, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(contextlib.closing(begin())) for _ in range(5)]
        for c in clients:
            c("RCPT TO:<%s>" % BOX)
            c("DATA")
        for n, c in enumerate(clients):
            c.raw("Subject: x\r\n\r\n" + ("%d" % n * 60 + "\r\n") * 2000)
        for c in clients:
            c.raw(".\r\n")
        eq([c.reply() for c in clients], ["250 2.0.0 Ok from filter"] * 5)
        bodies = sorted(x.split(b"\r\n\r\n", 1)[1] for x in f.content)
        eq(bodies, [(b"%d" % n * 60 + b"\r\n") * 2000 + b".\r\n" for n in range(5)])


@test
def what_needs_a_queue_file_is_passed_over(host):
    mark = use(host, smtpd_proxy_options="", smtpd_sender_restrictions="check_sender_access inline:{{a@far.test=hold}, {b@far.test=prepend X-Site: yes}}")
    with Filter() as f:
        eq(mail(), "250 2.0.0 Ok from filter")
        host.wait_log("warning: access table inline:.*: with smtpd_proxy_filter specified, action HOLD is unavailable", mark)
        with contextlib.closing(begin(sender="b@far.test")) as c:
            c("RCPT TO:<%s>" % BOX)
            c("DATA")
            c.raw("Subject: x\r\n\r\nx\r\n.\r\n")
            c.reply()
        assert f.content[1].startswith(b"X-Site: yes\r\nReceived: "), f.content[1]
    use(host, smtpd_sender_restrictions="")


@test
def chunks_become_lines(host):
    use(host, smtpd_proxy_options="")
    with Filter() as f:
        with contextlib.closing(begin()) as c:
            c("RCPT TO:<%s>" % BOX)
            c.raw("BDAT 14\r\nSubject: x\r\n\r\n")
            c.reply()
            c.raw("BDAT 6 LAST\r\n.dot\r\n")
            eq(c.reply(), "250 2.0.0 Ok from filter")
        assert f.content[0].endswith(b"\r\nSubject: x\r\n\r\n..dot\r\n.\r\n"), f.content[0]


LMTP = """#!/bin/sh
cr=$(printf '\\r')
printf '220 spawned\\r\\n'
while read -r line; do
    case $line in
    DATA*)
        printf '354 go\\r\\n'
        while read -r line && test "$line" != ".$cr"; do printf '%s\\n' "$line"; done >/var/out/spawned
        printf '250 2.0.0 kept\\r\\n' ;;
    QUIT*) exit ;;
    *) printf '250 2.0.0 ok\\r\\n' ;;
    esac
done
"""


@test
def private_sockets_of_the_mail_system_itself_are_filters_too(host):
    host.write("/usr/local/bin/lmtpd", LMTP, mode=0o755)
    os.makedirs(host.path("/var/out"), exist_ok=True)
    os.chmod(host.path("/var/out"), 0o1777)
    host.configure(main={"smtpd_proxy_filter": "unix:private/behind", "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
                         "transport_maps": "inline:{spawned.test=lmtp:unix:private/lmtpd}"},
                   master="lmtpd unix - n n - 0 spawn\n  user=paco argv=/usr/local/bin/lmtpd\n"
                          "behind unix - - n - - smtpd\n  -o smtpd_proxy_filter=\n  -o relay_domains=spawned.test\n")
    mark = use(host, smtpd_proxy_options="")
    assert mail("Subject: two servers\n\nx").startswith("250 2.0.0 Ok: queued as ")
    assert mail("Subject: a command\n\nx", recipients=("x@spawned.test",)).startswith("250 2.0.0 Ok: queued as ")
    host.wait_mail("paco", "Subject: two servers")
    host.wait_log(r"to=<x@spawned\.test>, relay=\S+\[private/lmtpd\],.* status=sent \(250 2\.0\.0 kept\)", mark)
    assert "\nSubject: a command\r\n" in contents(host.path("/var/out/spawned"))


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.configure(main={"smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination", "smtpd_proxy_filter": "127.0.0.1:%d" % PORT,
                         "smtpd_proxy_timeout": "20s"})
    host.start()
    return host


main(prepare)
