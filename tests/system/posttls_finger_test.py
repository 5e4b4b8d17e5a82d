#!/usr/bin/env python3
"""posttls-finger: what it prints of a server.

    posttls_finger_test.py BUILD_DIR [case...]"""
import hashlib
import os
import subprocess
import sys
import tempfile
import types

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "smtp-client"))
import tls_test  # noqa: E402
from agent_client import enter, resolver, write  # noqa: E402
from servers import DROP, HANG, Dns, Server  # noqa: E402

OFFER = ("8BITMIME", "STARTTLS")
ZONE, cases = {}, []
pki = dns = tree = command = None


def case(f):
    cases.append(f)
    return f


def server(certificate="good", script=None, **more):
    return Server(script, ehlo=OFFER, tls=pki.context(certificate), **more)


def finger(*arguments, status=0):
    """The lines, without the name of the program in front of them."""
    p = subprocess.run([command, *arguments], capture_output=True, text=True, env={"MAIL_CONFIG": tree}, timeout=60)
    assert p.returncode == status, (arguments, p)
    return [line.removeprefix("posttls-finger: ") for line in p.stdout.splitlines()] + p.stderr.splitlines()


def there(s):
    return "[127.0.0.1]:%d" % s.port


def shown(s, host="127.0.0.1"):
    return "%s[127.0.0.1]:%d" % (host, s.port)


def established(lines, s, status, host="127.0.0.1"):
    start = "%s TLS connection established to %s: TLSv1." % (status, shown(s, host))
    assert sum(x.startswith(start) for x in lines) == 1, (start, lines)


def equal(a, b):
    assert a == b, (a, b)


@case
def a_session_is_shown_line_by_line(t):
    s = server()
    lines = finger("-l", "may", there(s))
    chat = [x for x in lines if not x.startswith(("Untrusted", shown(s)))]
    ehlo = ["> EHLO my.test", "< 250-sink.example.test", "< 250-8BITMIME", "< 250 STARTTLS"]
    equal(chat, ["Connected to " + shown(s), "< 220 sink.example.test ESMTP", *ehlo, "> STARTTLS", "< 220 2.0.0 ready", *ehlo, "> QUIT", "< 221 2.0.0 bye"])
    established(lines, s, "Untrusted")
    assert any(x.startswith(shown(s) + ": subject_CN=mx.test, issuer=Test CA, cert fingerprint=" + pki.digest("good")) for x in lines), lines


@case
def only_tls_is_shown_with_c(t):
    s = server()
    lines = finger("-c", "-l", "may", there(s))
    equal(len(lines), 2)
    equal(finger("-c", "-l", "may", "-L", "none", there(s)), [])
    equal(finger("-c", "-l", "none", there(s)), [])


@case
def certificates_are_printed_with_C(t):
    lines = finger("-c", "-C", "-L", "none", "-l", "may", there(server()))
    equal(lines[:4], ["", "---", "Certificate chain", " 0 subject: /CN=mx.test"])
    equal(lines[4:6], ["    issuer: /CN=Test CA", "   cert digest=" + pki.digest("good")])
    equal(lines.count("-----BEGIN CERTIFICATE-----"), 2)
    assert " 1 subject: /CN=Test CA" in lines
    equal(finger("-c", "-C", "-l", "may", there(Server())), [])


@case
def the_level_says_what_is_checked(t):
    s = server()
    for arguments, status in ((["-l", "encrypt"], "Trusted"), (["-l", "secure", there(s), "mx.test"], "Verified"),
                              (["-l", "secure", there(s), "other.test", ".wild.test"], "Verified"), (["-l", "secure", there(s), "other.test"], "Trusted"),
                              (["-l", "verify"], "Trusted"), (["-l", "fingerprint", there(s), "AA:BB", pki.digest("good")], "Verified"),
                              (["-l", "fingerprint"], "Trusted"), ([], "Trusted"), (["-l", "dane-only"], "Trusted")):
        where = [] if there(s) in arguments else [there(s)]
        established(finger("-c", "-F", pki.ca, *arguments, *where), s, status)
    lines = finger("-c", "-A", pki.ca, "-l", "secure", there(s), "mx.test")
    assert shown(s) + ": Matched trust anchor at depth 1" in lines and shown(s) + ": matched peername: mx.test" in lines, lines
    assert 'no TLSA records found, resorting to "secure"' in finger("-l", "dane-only", there(s))
    established(finger("-h", "native", "-l", "verify", "-F", pki.ca, "[mx.test]:%d" % s.port), s, "Verified", "mx.test")


@case
def signed_records_are_used_where_there_are_some(t):
    s = server("self")
    digest = hashlib.sha256(pki.key("self")).digest()
    records = "_%d._tcp.mx.dane.test" % s.port
    ZONE[("mx.dane.test", "A")], ZONE[("dane.test", "MX")] = ["127.0.0.1"], [(10, "mx.dane.test")]
    ZONE[(records, "TLSA")] = [(3, 1, 1, digest)]
    dns.secure.update({"mx.dane.test", "dane.test", records})
    for level in ([], ["-l", "dane"], ["-l", "dane-only"]):
        lines = finger(*level, "dane.test:%d" % s.port)
        established(lines, s, "Verified", "mx.dane.test")
        assert any("Matched DANE EE certificate at depth 0: 3 1 1 " in x for x in lines), lines
    ZONE[(records, "TLSA")] = [(3, 1, 1, b"\0" * 32)]
    established(finger("dane.test:%d" % s.port), s, "Untrusted", "mx.dane.test")


@case
def what_a_server_refuses_is_said(t):
    for script, last in (({"greeting": "554 go away"}, "SMTP service not available: 554 go away"), ({"EHLO": "502 no"}, "EHLO rejected: 502 no"),
                         ({"STARTTLS": "454 later"}, "STARTTLS rejected: 454 later"), ({"greeting": DROP}, "lost connection while reading server greeting"),
                         ({"EHLO": DROP}, "lost connection while sending EHLO"), ({"QUIT": DROP}, "lost connection while sending QUIT")):
        equal(finger("-l", "may", there(server(script=script)))[-1], last)
    equal(finger("-t", "1", there(server(script={"greeting": HANG})))[-1], "timeout while reading server greeting")
    s = server(script={"STARTTLS": b"220 go\r\n"})
    assert any(x.startswith("SSL_connect error to " + shown(s)) for x in finger("-c", "-T", "1", there(s)))


@case
def who_cannot_be_reached_is_named(t):
    equal(finger("[127.0.0.1]:1"), ["Failed to establish session to [127.0.0.1]:1 via 127.0.0.1:1: connect to 127.0.0.1[127.0.0.1]:1: Connection refused"])
    equal(finger("-S", "-l", "may", "unix:/nowhere")[-1],
          "Failed to establish session to unix:/nowhere: connect to my.test[/nowhere]: No such file or directory")
    lines = finger("-l", "may", "nowhere.test")
    equal(lines[-1], "Destination address lookup failed: Host or domain name not found. Name service error for name=nowhere.test type=A: Host not found")


@case
def wrapper_mode_and_lmtp(t):
    s = server(wrapper=True)
    lines = finger("-w", "-l", "may", there(s))
    established(lines, s, "Untrusted")
    assert "> STARTTLS" not in lines and lines.count("> EHLO my.test") == 1, lines
    lmtp = server(lmtp=True)
    assert "> LHLO my.test" in finger("-S", "-l", "may", "inet:" + there(lmtp))
    path = tree + "/lmtp"
    Server(path=path)
    assert "Connected to my.test[%s]" % path in finger("-S", "-l", "none", "unix:" + path)


@case
def a_session_is_resumed(t):
    s = server()
    lines = finger("-c", "-l", "may", "-r", "1", there(s))
    equal(lines[-1], "Found a previously used server.  Done reconnecting.")
    assert "Reconnecting after 1 seconds" in lines and shown(s) + ": Reusing old session" in lines, lines
    assert any(x.startswith("reloaded session [127.0.0.1]:%d&" % s.port) and x.endswith(" from memory cache") for x in lines), lines
    equal(s.resumed, [False, True])
    equal(finger("-c", "-l", "may", "-r", "1", "-m", "0", there(server()))[-1], "Maximum reconnect count reached.")


@case
def options_of_no_use_end_it(t):
    for arguments, line in ((["-l", "bogus"], 'fatal: Invalid TLS level "bogus"'), (["-M", "bogus"], "fatal: bad '-M' option value: bogus"),
                            (["-a", "bogus"], "fatal: bad '-a' option value: bogus"), (["-t", "x"], "fatal: bad '-t' option value: x"),
                            (["-h", "bogus"], 'fatal: unknown -h option value "bogus" in "bogus"'),
                            (["-w", "-l", "none"], "fatal: SSL wrapper mode requires that TLS not be disabled")):
        equal(finger(*arguments, "[127.0.0.1]:1", status=1), [line])
    equal(finger("[127.0.0.1]:nothing", status=1), ["fatal: unknown service: nothing/tcp"])
    for arguments in ([], ["-Z", "x"], ["-o", "x", "x"]):
        assert any(x.startswith("usage: posttls-finger ") for x in finger(*arguments, status=1))
    equal(finger("-L", "bogus", "-l", "none", "[127.0.0.1]:1")[0], 'warning: unknown -L option value "bogus" in "bogus"')
    assert "> EHLO other.test" in finger("-o", "myhostname=other.test", "-l", "none", there(server()))


def main(build, only):
    global pki, dns, tree, command
    enter()
    command, bad = os.path.join(os.path.realpath(build), "tools/posttls-finger"), 0
    with tempfile.TemporaryDirectory() as tree:
        write(tree + "/main.cf", "compatibility_level = 3.11\nmyhostname = my.test\ninet_protocols = ipv4\n")
        t = types.SimpleNamespace(root=tree)
        pki = tls_test.Pki(tree)
        resolver(t, hosts="127.0.0.1 localhost mx.test\n")
        dns = Dns(ZONE)
        for f in cases:
            if only and f.__name__ not in only:
                continue
            try:
                f(t)
            except Exception as e:
                bad += 1
                print("FAILED %s: %s: %s" % (f.__name__, type(e).__name__, e), flush=True)
        print("%d cases, %d failed" % (len(cases), bad))
    return bad > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
