#!/usr/bin/env python3
"""Address verification: verify(8), its probes, its cache, and the restrictions that ask it."""
import contextlib
import os
import re
import socket

from harness import DOMAIN, furnish, Host, main, QUEUE, Sink, Smtp, test, until

PORT = 10026
CACHE = "/var/lib/postfix/verify_cache.lmdb"
WAYS = {"far.test": "smtp:[127.0.0.1]:%d" % PORT, "void.test": "discard:gone", "no.test": "error:5.1.2 no such place", "box.test": "virtual:",
        "down.test": "smtp:[127.0.0.1]:9"}
CHECK = {"smtpd_recipient_restrictions": "reject_unverified_recipient", "transport_maps": "inline:{ %s }" % ", ".join("{ %s = %s }" % x for x in WAYS.items()),
         "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination", "smtpd_reject_unlisted_recipient": "no",
         "address_verify_poll_delay": "1s", "virtual_mailbox_domains": "box.test", "virtual_mailbox_base": "/var/vmail",
         "virtual_mailbox_maps": "inline:{a@box.test=a/}", "virtual_uid_maps": "static:21900", "virtual_gid_maps": "static:21900"}
USED = set()


def eq(a, b):
    assert a == b, (a, b)


def use(host, keep_cache=False, **settings):
    """What CHECK says and this; what the last test said is gone, and so is what verify knows."""
    if USED:
        host.run("postconf", "-X", *USED)
        USED.clear()
    settings = {**CHECK, **settings}
    host.run("postconf", "-e", *("%s = %s" % item for item in settings.items()))
    USED.update(settings)
    if not keep_cache:
        host.stop()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(CACHE)
        host.start()
        return len(host.log())
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log(r": reload -- version", mark)
    return mark


def rcpt(recipient, sender="enrique@" + DOMAIN):
    with contextlib.closing(Smtp()) as c:
        c("EHLO client.test")
        c("MAIL FROM:<%s>" % sender)
        return c("RCPT TO:<%s>" % recipient)


def talk(request):
    """The protocol as anybody may speak it: attributes in, attributes out."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as s:
        s.settimeout(20)
        s.connect(QUEUE + "/private/verify")
        f = s.makefile("rb")
        hello = b"protocol\0address_verification_prrotocol\0\0"
        eq(f.read(len(hello)), hello)
        s.sendall("".join(x + "\0" for x in request).encode() + b"\0")
        answer = b""
        while not answer.endswith(b"\0\0"):
            byte = f.read(1)
            if not byte:
                return None
            answer += byte
        return answer


@test
def an_answer_of_the_server_is_remembered(host):
    mark = use(host)
    sink = Sink(PORT, refuse={"bad@far.test": "550 5.1.1 no such user", "busy@far.test": "450 4.2.0 busy"})
    try:
        eq(rcpt("good@far.test"), "250 2.1.5 Ok")
        eq(rcpt("good@far.test"), "250 2.1.5 Ok")
        said = "host 127.0.0.1[127.0.0.1] said: 550 5.1.1 no such user (in reply to RCPT TO command)"
        eq(rcpt("bad@far.test"), "450 4.1.1 <bad@far.test>: Recipient address rejected: unverified address: " + said)
        assert rcpt("busy@far.test").startswith("450 4.1.1 <busy@far.test>: Recipient address rejected: unverified address: host ")
        host.wait_log(r"to=<good@far\.test>, .*status=deliverable \(", mark)
        host.wait_log(r"to=<busy@far\.test>, .*dsn=4\.2\.0, status=undeliverable \(", mark)
        host.wait_empty()
        eq(sink.messages, [])
        eq(len(re.findall(r"to=<good@far\.test>", host.log()[mark:])), 1)
    finally:
        sink.close()
    # The server is away now; what is known still holds, and survives verify itself.
    use(host, keep_cache=True, unverified_recipient_reject_code="550")
    eq(rcpt("good@far.test"), "250 2.1.5 Ok")
    eq(rcpt("bad@far.test"), "550 5.1.1 <bad@far.test>: Recipient address rejected: undeliverable address: " + said)


@test
def every_agent_answers_without_delivering(host):
    mark = use(host, unverified_recipient_reject_code="550", address_verify_sender_ttl="0")
    for address, reply, line in (
            ("paco@" + DOMAIN, "250 ", "delivers to mailbox"), ("postmaster@" + DOMAIN, "250 ", "aliased to root"),
            ("a@box.test", "250 ", "delivers to maildir"), ("x@void.test", "250 ", "gone"),
            ("x@no.test", "550 5.1.1 <x@no.test>: Recipient address rejected: undeliverable address: no such place", "no such place"),
            ("x@down.test", "450 4.1.1 <x@down.test>: Recipient address rejected: unverified address: connect to ", "connect to "),
            ("nosuchuser@" + DOMAIN, "550 5.1.1 ", 'unknown user: "nosuchuser"')):
        said = rcpt(address)
        assert said.startswith(reply), (address, said)
        host.wait_log(r"to=<%s>, .*status=(un)?deliverable \(%s" % (re.escape(address), line), mark)
    host.wait_empty()
    assert not host.mailbox("paco") and not os.path.exists("/var/vmail/a")


@test
def an_alias_of_several_is_good_in_itself(host):
    mark = use(host, virtual_alias_maps="inline:{ { list@%s = a@down.test, b@down.test }, { one@%s = x@void.test } }" % (DOMAIN, DOMAIN))
    eq(rcpt("list@" + DOMAIN), "250 2.1.5 Ok")
    eq(rcpt("one@" + DOMAIN), "250 2.1.5 Ok")
    host.wait_log(r"cleanup\[\d+\]: \w+: to=<list@.*status=deliverable \(aliased to multiple recipients\)", mark)
    host.wait_log(r"to=<x@void\.test>, orig_to=<one@%s>, .*status=deliverable" % re.escape(DOMAIN), mark)
    host.wait_empty()


@test
def probes_may_go_another_way_and_be_from_somebody_else(host):
    mark = use(host, address_verify_transport_maps="inline:{far.test=discard:asked}", address_verify_sender="prober@" + DOMAIN)
    eq(rcpt("x@far.test"), "250 2.1.5 Ok")
    host.wait_log(r"from=<prober@%s>, .*nrcpt=1 \(queue active\)" % re.escape(DOMAIN), mark)
    host.wait_log(r"to=<x@far\.test>, .*relay=none, .*status=deliverable \(asked\)", mark)
    # He exists, whatever tables say.
    use(host, smtpd_reject_unlisted_sender="yes", smtpd_sender_restrictions="reject_unverified_sender", address_verify_sender="prober@" + DOMAIN)
    eq(rcpt("prober@" + DOMAIN, "prober@" + DOMAIN), "250 2.1.5 Ok")


@test
def a_sender_who_changes_his_name_is_known(host):
    mark = use(host, address_verify_sender_ttl="30000s")
    eq(rcpt("x@void.test"), "250 2.1.5 Ok")
    name = host.wait_log(r"from=<(double-bounce\w+@%s)>" % re.escape(DOMAIN), mark)[1]
    with contextlib.closing(Smtp()) as c:
        c("EHLO client.test")
        assert c.mail("enrique@" + DOMAIN, [name], "Subject: to nobody\n\nx").startswith("250 ")
    host.wait_log(r"to=<double-bounce@%s>, .*status=sent \(undeliverable postmaster notification discarded\)" % re.escape(DOMAIN), mark)


@test
def without_memory_of_failures_each_question_is_a_probe(host):
    mark = use(host, address_verify_negative_cache="no")
    eq(rcpt("x@no.test"), "450 4.1.1 <x@no.test>: Recipient address rejected: unverified address: Address verification in progress")
    host.wait_log(r"status=undeliverable-but-not-cached", mark)
    host.wait_empty()
    eq(len(re.findall(r"to=<x@no\.test>, ", host.log()[mark:])), 3)


@test
def senders_are_verified_too_and_the_null_one_is_not(host):
    use(host, smtpd_recipient_restrictions="", smtpd_sender_restrictions="reject_unverified_sender", unverified_sender_reject_code="554",
        unverified_sender_reject_reason="who are you")
    eq(rcpt("paco@" + DOMAIN, "x@no.test"), "554 5.1.7 <x@no.test>: Sender address rejected: undeliverable address: who are you")
    eq(rcpt("paco@" + DOMAIN, "x@void.test"), "250 2.1.5 Ok")
    eq(rcpt("paco@" + DOMAIN, ""), "250 2.1.5 Ok")


@test
def the_protocol_is_everybodys(host):
    mark = use(host)
    eq(talk(["request", "query", "address", "x:y@void.test"]), b"status\x000\0recipient_status\x003\0reason\0Address verification in progress\0\0")
    until("the probe", lambda: talk(["request", "query", "address", "x:y@void.test"]) == b"status\x000\0recipient_status\x000\0reason\0gone\0\0")
    eq(talk(["request", "update", "address", "z@far.test", "recipient_status", "2", "reason", "told: so"]), b"status\x000\0\0")
    eq(talk(["request", "query", "address", "z@far.test"]), b"status\x000\0recipient_status\x002\0reason\0told: so\0\0")
    eq(talk(["request", "update", "address", "z@far.test", "recipient_status", "9", "reason", "x"]), b"status\x00-2\0\0")
    eq(talk(["request", "foo"]), b"status\x00-2\0\0")
    eq(talk(["request", "query", "adress", "x"]), None)
    for text in ("bad recipient status 9 for recipient z@far.test", 'unrecognized request: "foo", ignored',
                 "unexpected attribute adress from verify socket (expecting: address)"):
        host.wait_log("verify.*warning: " + re.escape(text), mark)


@test
def what_is_too_old_goes(host):
    mark = use(host, address_verify_cache_cleanup_interval="1s", address_verify_positive_expire_time="1s", address_verify_negative_expire_time="3d")
    talk(["request", "update", "address", "old@far.test", "recipient_status", "0", "reason", "x"])
    talk(["request", "update", "address", "bad@far.test", "recipient_status", "2", "reason", "x"])
    host.wait_log(r"verify\[\d+\]: cache btree:/var/lib/postfix/verify_cache full cleanup: retained=1 dropped=1 entries$", mark)
    use(host, address_verify_map="")
    eq(rcpt("x@void.test"), "250 2.1.5 Ok")
    assert not os.path.exists(CACHE)


@test
def a_service_that_is_away_defers(host):
    mark = use(host, address_verify_service_name="nobody")
    eq(rcpt("x@void.test"), "450 4.1.1 <x@void.test>: Recipient address rejected: address verification problem")
    host.wait_log(r"warning: nobody service failure", mark)


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.configure(main={"default_cache_db_type": "btree"})
    host.start()
    return host


main(prepare)
