"""TLS of the SMTP client: levels, what a server must prove, and what is done when TLS fails."""
import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent_client import Client, enter, resolver  # noqa: E402
from dialogue_test import equal, sent  # noqa: E402
from servers import EHLO, HANG, Dns, Server  # noqa: E402

OFFER = EHLO + ("STARTTLS",)
NOT_STARTED = "4.7.5", "deferred (Cannot start TLS: handshake failure)"
NOT_VERIFIED = "4.7.5", "deferred (Server certificate not verified)"
OLD = dict(arrival_sec=int(time.time()) - 1000)
TLS_OPTIONAL = 16  # of sendopts: TLS-Required: no
ZONE, cases, dns, pki = {}, [], None, None


def case(f):
    cases.append(f)
    return f


# ---- certificates ----

class Pki:
    """name: (common name, alternative names, signed by)."""
    NAMES = {"good": ("mx.test", "DNS:mx.test,DNS:*.wild.test", "ca"), "other": ("other.test", "DNS:other.test", "ca"),
             "self": ("mx.test", "DNS:mx.test", None), "expired": ("mx.test", "DNS:mx.test", "expired"),
             "address": ("127.0.0.1", "IP:127.0.0.1", "ca"), "named": ("mx.test", "", "ca")}

    def __init__(self, directory):
        self.d = directory + "/pki"
        os.mkdir(self.d)
        self.ca = self.d + "/ca.crt"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key", "-out",
                     "ca.crt", "-days", "30", "-subj", "/CN=Test CA")
        for name in self.NAMES:
            self.make(name)

    def openssl(self, *args):
        return subprocess.run(("openssl",) + args, cwd=self.d, check=True, capture_output=True).stdout

    def make(self, name):
        cn, alternatives, by = self.NAMES[name]
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", name + ".key", "-subj", "/CN=" + cn)
        extension = ("-addext", "subjectAltName=" + alternatives) if alternatives else ()
        if by is None:
            self.openssl("req", "-x509", "-days", "30", "-out", name + ".crt", *key, *extension)
        else:
            self.openssl("req", "-new", "-out", name + ".csr", *key, *extension)
            self.openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-copy_extensions", "copy",
                         "-out", name + ".crt", "-days", "-1" if by == "expired" else "20")
        with open(self.d + "/%s.pem" % name, "wb") as f:
            for part in (name + ".key", name + ".crt", "ca.crt"):
                f.write(open(self.d + "/" + part, "rb").read())

    def context(self, name, high=None, ask=False):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(self.d + "/%s.pem" % name)
        if high:
            c.maximum_version = high
        if ask:
            c.verify_mode = ssl.CERT_REQUIRED
            c.load_verify_locations(self.ca)
        c.asked = []
        c.sni_callback = lambda s, sni, context: c.asked.append(sni)
        return c

    def der(self, name):
        return self.openssl("x509", "-in", name + ".crt", "-outform", "DER")

    def key(self, name):
        self.openssl("x509", "-in", name + ".crt", "-noout", "-pubkey", "-out", name + ".pub")
        return self.openssl("pkey", "-pubin", "-in", name + ".pub", "-outform", "DER")

    def digest(self, name):
        raw = hashlib.sha256(self.der(name)).hexdigest().upper()
        return ":".join(raw[i:i + 2] for i in range(0, 64, 2))


def server(name="good", script=None, **kw):
    return Server(script, ehlo=OFFER, tls=pki.context(name), **kw)


def there(s, host="mx.test"):
    return "[%s]:%d" % (host, s.port)


def settings(level, **more):
    return dict({"smtp_tls_security_level": level, "smtp_tls_loglevel": "1", "smtp_tls_CAfile": pki.ca, "smtp_log_tls_feature_status": "yes"}, **more)


def ends(lines, dsn, how):
    assert ", dsn=%s, status=%s" % (dsn, how) in lines[-1], lines


def established(lines, what):
    assert any(x.startswith("%s TLS connection established to " % what) for x in lines), (what, lines)


def shows(lines, summary):
    assert ", tls=%s, " % summary in lines[-1], (summary, lines)


# ---- levels ----

# level, certificate, status of the session (None: no match, nothing sent)
PROOFS = [("may", "good", "Trusted"), ("may", "self", "Untrusted"), ("may", "expired", "Untrusted"), ("encrypt", "other", "Trusted"),
          ("encrypt", "self", "Untrusted"), ("verify", "good", "Verified"), ("verify", "other", None), ("verify", "self", None),
          ("verify", "expired", None), ("verify", "named", "Verified"), ("secure", "good", "Verified"), ("secure", "address", None)]


def until(what, condition):
    """The agent may have answered before the server has read its last command."""
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("timeout: " + what)


@case
def the_level_says_what_a_server_must_prove(t):
    for level, name, status in PROOFS:
        s = server(name)
        lines = t.send(there(s), **settings(level))[2]
        equal(len(s.messages), 1 if status else 0, (level, name))
        if status:
            sent(lines)
            established(lines, status)
            shows(lines, level)
        else:
            ends(lines, *NOT_VERIFIED)
            shows(lines, "!" + level)
            until("QUIT", lambda: s.commands[-1] == "QUIT")


REMARKS = [("self", "certificate verification failed for %s: self-signed certificate"),
           ("expired", "server certificate verification failed for %s: certificate has expired"),
           ("other", "server certificate verification failed for %s: num=62:hostname mismatch")]


@case
def the_log_says_what_is_wrong_with_a_certificate(t):
    for name, remark in REMARKS:
        s = server(name)
        lines = t.send(there(s), **settings("verify"))[2]
        assert remark % ("mx.test[127.0.0.1]:%d" % s.port) in lines, lines
    s = server("good")
    lines = t.send(there(s), **settings("verify", smtp_tls_CAfile=""))[2]
    assert any(x.endswith("untrusted issuer /CN=Test CA") for x in lines), lines


@case
def an_address_is_a_name_of_its_own_kind(t):
    s = server("address")
    lines = t.send(there(s, "127.0.0.1"), **settings("verify"))[2]
    sent(lines)
    lines = t.send(there(server("good"), "127.0.0.1"), **settings("verify"))[2]
    ends(lines, *NOT_VERIFIED)
    assert any(x.endswith("num=64:IP address mismatch") for x in lines), lines


NAMES = [("mx.test", True), ("a.wild.test", True), ("a.b.wild.test", False), (".test", True), (".other.test", False), ("other.test:MX.test", True),
         ("hostname", True), ("nexthop", True), ("dot-nexthop", False), ("mx.test.", False)]


@case
def names_are_matched_as_written(t):
    for pattern, good in NAMES:
        s = server("good")
        lines = t.send(there(s), **settings("secure", smtp_tls_secure_cert_match=pattern))[2]
        equal(len(s.messages), int(good), (pattern, lines))


@case
def tls_that_is_not_offered_or_refused(t):
    plain, refusing = Server(ehlo=EHLO), server(script={"STARTTLS": "454 4.3.0 not today"})
    for s in (plain, refusing, Server({"EHLO": "502 5.5.1 what"})):
        lines = t.send(there(s), **settings("may"))[2]
        sent(lines)
        shows(lines, "may:none")
    lines = t.send(there(plain), **settings("encrypt"))[2]
    ends(lines, "4.7.4", "deferred (TLS is required, but was not offered by host mx.test[127.0.0.1])")
    shows(lines, "!encrypt")
    for reply, dsn, how in (("454 4.3.0 later", "4.3.0", "deferred"), ("554 5.7.0 never", "5.7.0", "bounced")):
        lines = t.send(there(server(script={"STARTTLS": reply})), **settings("encrypt"))[2]
        ends(lines, dsn, "%s (TLS is required, but host mx.test[127.0.0.1] refused to start TLS: %s)" % (how, reply))
        shows(lines, "!encrypt")


@case
def a_discarded_keyword_was_not_offered(t):
    s = server()
    sent(t.send(there(s), **settings("may", smtp_discard_ehlo_keywords="starttls"))[2])
    assert "STARTTLS" not in s.commands, s.commands


@case
def nobody_is_asked_for_tls_at_level_none(t):
    s = server()
    lines = t.send(there(s), **settings("none", smtp_tls_note_starttls_offer="yes"))[2]
    sent(lines)
    shows(lines, "none")
    assert "Host offered STARTTLS: [mx.test]" in lines and "STARTTLS" not in s.commands, (lines, s.commands)


# ---- what is wrong with a handshake ----

def slam(c):
    c.sendall(b"220 2.0.0 ready\r\n")
    c.recv(10)


def garble(c):
    c.sendall(b"220 2.0.0 ready\r\n")
    c.recv(10)
    c.sendall(b"\0\xff nonsense instead of a handshake" * 300)
    c.recv(4096)


def fragment(c):
    """A record that never ends, a byte at a time."""
    c.sendall(b"220 2.0.0 ready\r\n\x16\x03\x03\x40\x00")
    for _ in range(100):
        c.sendall(b"\2")
        time.sleep(0.05)


def stall(c):
    c.sendall(b"220 2.0.0 ready\r\n")
    while c.recv(4096):
        pass


SHORT = dict(smtp_starttls_timeout="1s")


@case
def a_handshake_that_fails_puts_mail_off(t):
    for fault in (slam, garble, fragment, stall):
        for level in ("may", "encrypt"):
            s = server(script={"STARTTLS": fault})
            reply, lines = t.send(there(s), **settings(level, **SHORT))[1:]
            ends(lines, *NOT_STARTED)
            shows(lines, level + "?")
            assert any(x.startswith("SSL_connect error to mx.test[127.0.0.1]:%d: " % s.port) for x in lines), lines
            equal((len(s.messages), s.sessions, reply["site_failed"]), (0, 1, "0" if level == "may" else "1"), (fault, level))


@case
def mail_that_has_waited_does_without_what_is_optional(t):
    s = server(script={"STARTTLS": slam})
    lines = t.send(there(s), request=OLD, **settings("may"))[2]
    sent(lines)
    shows(lines, "may:none")
    assert "Cannot start TLS: handshake failure" in lines, lines
    equal((s.sessions, s.commands.count("STARTTLS")), (2, 1))
    ends(t.send(there(server(script={"STARTTLS": slam})), request=OLD, **settings("encrypt"))[2], *NOT_STARTED)


@case
def a_session_that_dies_under_tls_is_tried_in_plain(t):
    def die_once(c):
        if isinstance(c, ssl.SSLSocket):
            raise OSError("gone")
        c.sendall(b"250 2.1.0 ok\r\n")
        return "250"

    s = server(script={"MAIL": die_once})
    sent(t.send(there(s), request=OLD, **settings("may"))[2])
    equal((s.sessions, len(s.secured)), (2, 1))
    s = server(script={"MAIL": die_once})
    ends(t.send(there(s), request=OLD, **settings("encrypt"))[2], "4.4.2", "deferred (lost connection with mx.test[127.0.0.1] while sending MAIL FROM)")


@case
def what_comes_before_the_handshake_is_thrown_away(t):
    s = server(script={"STARTTLS": b"220 2.0.0 ready\r\n250-evil.test\r\n250 SIZE 1\r\n"})
    real = s.say
    s.say = lambda c, key, *rest: (real(c, key, *rest), "220")[1] if key == "STARTTLS" else real(c, key, *rest)
    lines = t.send(there(s), **settings("may"))[2]
    equal(len(s.messages), 1 if "status=sent" in lines[-1] else 0)
    assert "size" not in lines[-1], lines


@case
def wrong_settings_end_one_handshake(t):
    for setting, remark in ((dict(smtp_tls_protocols="TLSv9"), 'warning: mx.test[127.0.0.1]:%d: Invalid TLS protocol list "TLSv9": aborting TLS session'),
                            (dict(smtp_tls_ciphers="best"), 'warning: mx.test[127.0.0.1]:%d: invalid cipher grade: "best"')):
        s = server()
        lines = t.send(there(s), **settings("may", **setting))[2]
        ends(lines, *NOT_STARTED)
        assert remark % s.port in lines, (remark % s.port, lines)


@case
def without_an_engine_only_optional_tls_is_left_out(t):
    missing = dict(smtp_tls_CAfile="/nonexistent/ca.pem")
    s = server()
    lines = t.send(there(s), **settings("may", **missing))[2]
    sent(lines)
    assert "STARTTLS" not in s.commands, s.commands
    ends(t.send(there(server()), **settings("encrypt", **missing))[2], "4.7.5", "deferred (TLS is required, but our TLS engine is unavailable)")


# ---- who else may vouch for a server ----

@case
def fingerprints_stand_for_themselves(t):
    for name, match, good in (("self", pki.digest("self"), True), ("expired", pki.digest("expired").replace(":", "").lower(), True),
                              ("self", hashlib.sha256(pki.key("self")).hexdigest(), True), ("self", pki.digest("good"), False),
                              ("self", pki.digest("good") + "," + pki.digest("self"), True)):
        s = server(name)
        lines = t.send(there(s), **settings("fingerprint", smtp_tls_fingerprint_cert_match=match))[2]
        equal(len(s.messages), int(good), (name, match, lines))
        established(lines, "Verified" if good else "Untrusted")
    lines = t.send(there(server("self")), **settings("fingerprint", smtp_tls_fingerprint_cert_match="aabb"))[2]
    ends(lines, *NOT_VERIFIED)
    assert any(x.endswith("unusable TLSA RR: 3 0 255 AABB") for x in lines) and any(x.endswith("all fingerprints unusable") for x in lines), lines


@case
def trust_anchors_replace_the_authorities(t):
    pub = pki.d + "/ca.pub.pem"
    pki.openssl("x509", "-in", "ca.crt", "-noout", "-pubkey", "-out", pub)
    for anchor, name, good in ((pki.ca, "good", True), (pub, "good", True), (pki.d + "/self.crt", "self", True), (pki.d + "/self.crt", "good", False),
                               (pki.ca, "other", False)):
        s = server(name)
        lines = t.send(there(s), **settings("secure", smtp_tls_trust_anchor_file=anchor))[2]
        equal(len(s.messages), int(good), (anchor, name, lines))
    lines = t.send(there(server()), **settings("secure", smtp_tls_trust_anchor_file="/nonexistent"))[2]
    ends(lines, "4.7.5", "deferred (client TLS configuration problem)")
    assert "relay=none" in lines[-1] and any("error opening trust anchor file: /nonexistent: " in x for x in lines), lines
    shows(lines, "unknown?")


@case
def a_server_may_want_a_certificate_of_ours(t):
    """How one is shown is seen in system.tls; here nobody holds the key, so there is none to show."""
    for own in ("", pki.d + "/good.pem"):
        s = Server(ehlo=OFFER, tls=pki.context("good", ssl.TLSVersion.TLSv1_2, ask=True))
        lines = t.send(there(s), **settings("encrypt", smtp_tls_chain_files=own))[2]
        equal(len(s.messages), 0, lines)
        equal(any("could not be handed over" in line for line in lines), own != "", lines)


@case
def the_name_that_is_sent(t):
    for setting, name in (("", None), ("hostname", "mx.test"), ("nexthop", "mx.test"), ("front.test", "front.test")):
        s = server()
        sent(t.send(there(s), **settings("may", smtp_tls_servername=setting))[2])
        equal(s.tls.asked, [name])


# ---- policies ----

@case
def a_policy_is_for_a_destination(t):
    s = server("self")
    policy = settings("may", smtp_tls_policy_maps="inline:{ { [mx.test]:%d = secure }, { [mx.test] = none } }" % s.port)
    ends(t.send(there(s), **policy)[2], *NOT_VERIFIED)
    lines = t.send("[mx.test]", **dict(policy, smtp_tcp_port=str(s.port)))[2]
    sent(lines)
    shows(lines, "none")


@case
def a_message_for_which_tls_does_not_matter(t):
    s = server("self")
    lines = t.send(there(s), request=dict(sendopts=TLS_OPTIONAL), **settings("secure"))[2]
    sent(lines)
    shows(lines, "may")
    established(lines, "Untrusted")


@case
def tls_from_the_first_byte(t):
    s = server(wrapper=True)
    sent(t.send(there(s), **settings("verify", smtp_tls_wrappermode="yes"))[2])
    equal(s.commands[:2], ["EHLO " + s.commands[0].split()[1], "MAIL FROM:<s@here.test>" + s.commands[1][23:]])
    lines = t.send(there(s), **settings("may", smtp_tls_wrappermode="yes"))[2]
    ends(lines, "4.3.0", "deferred (server unavailable or unable to receive mail)")
    lines = t.send(there(server("self", wrapper=True)), **settings("secure", smtp_tls_wrappermode="yes"))[2]
    ends(lines, *NOT_VERIFIED)


@case
def a_session_is_kept_for_the_next_message(t):
    s = server()
    name = t.agent(**settings("verify", smtp_connection_cache_destinations="[mx.test]:%d" % s.port))
    channel = t.connect(name)
    more = dict(channel=channel)
    sent(t.send(there(s), **more)[2])
    lines = t.send(there(s), **more)[2]
    sent(lines)
    assert "conn_use=2" in lines[-1], lines
    assert any(x.startswith("Verified TLS connection reused to mx.test[127.0.0.1]:%d: TLSv1.3 with cipher " % s.port) for x in lines), lines
    shows(lines, "verify")
    equal((s.sessions, len(s.messages), len(s.secured)), (1, 2, 1))
    lines = t.send(there(s), request=dict(sendopts=TLS_OPTIONAL), **more)[2]
    sent(lines)
    equal(s.sessions, 2)
    channel.close()


@case
def some_servers_have_a_log_level_of_their_own(t):
    s = server()
    lines = t.send(there(s), **settings("may", smtp_tls_loglevel="0", smtp_tls_loglevel_maps="inline:{ { .test = routine } }"))[2]
    established(lines, "Trusted")
    lines = t.send(there(s), **settings("may", smtp_tls_loglevel_maps="inline:{ { mx.test = 0 } }"))[2]
    assert not any("TLS connection" in x for x in lines), lines


# ---- REQUIRETLS ----

REQUIRETLS = 32  # of sendopts
WANTED = "Sender requested REQUIRETLS, but "


def required(t, s, level, to=None, **more):
    return t.send(to or there(s), request=dict(sendopts=REQUIRETLS, ret_flags=1), **settings(level, **more))[2]


def taking(name="good", **kw):
    return Server(ehlo=OFFER + ("REQUIRETLS",), tls=pki.context(name), **kw)


@case
def a_hop_passes_the_requirement_on_or_has_no_part_in_it(t):
    where = "The last attempted server was mx.test"
    shown = where + "[127.0.0.1]"
    # server, level, dsn, text, tls=
    cases = [(taking(), "may", "5.7.10", "my configured TLS security level 'may' disables certificate matching. " + where, "may?/!requiretls:nocertmatch"),
             (server(), "verify", "5.7.30", "no server was found that supports REQUIRETLS. " + shown, "verify/!requiretls:none"),
             (taking("other"), "verify", "5.7.10", "no matching server certificate was found. " + shown, "!verify/!requiretls:nocertmatch"),
             (taking("self"), "verify", "5.7.10", "no trusted server certificate was found. " + shown, "!verify/!requiretls:nocertmatch"),
             (Server(ehlo=EHLO), "verify", "5.7.30", "TLS service was not offered by host mx.test[127.0.0.1]", "!verify/!requiretls:nostarttls"),
             (server(script={"STARTTLS": "454 4.3.0 later"}), "verify", "5.7.10", "host mx.test[127.0.0.1] refused to start TLS: 454 4.3.0 later",
              "!verify/!requiretls:nostarttls")]
    for s, level, dsn, text, summary in cases:
        lines = required(t, s, level)
        ends(lines, dsn, "bounced (%s%s)" % (WANTED, text))
        shows(lines, summary)
        equal(len(s.messages), 0)
    s = taking()
    lines = required(t, s, "verify")
    sent(lines)
    shows(lines, "verify/requiretls")
    assert s.commands[-4].endswith(" REQUIRETLS") or any(c.startswith("MAIL") and " REQUIRETLS" in c for c in s.commands), s.commands


@case
def a_site_may_ask_for_less(t):
    for policy, s, level, summary, said in (("opportunistic", taking("self"), "may", "may/requiretls:nocertmatch", True),
                                            ("opportunistic", taking(), "verify", "verify/requiretls", True),
                                            ("opportunistic", Server(ehlo=EHLO), "may", "may:none/requiretls:none", False),
                                            ("opportunistic+starttls", server(), "may", "may/requiretls:none", False),
                                            ("disable", taking(), "may", "may", False)):
        lines = required(t, s, level, smtp_requiretls_policy=policy)
        sent(lines)
        shows(lines, summary)
        mail = [c for c in s.commands if c.startswith("MAIL")][0]
        equal(" REQUIRETLS" in mail, said, mail)
        equal("RET=HDRS" in mail, not said and policy != "disable", mail)
    lines = required(t, Server(ehlo=EHLO), "may", smtp_requiretls_policy="opportunistic+starttls")
    ends(lines, "5.7.30", "bounced (%sTLS service was not offered by host mx.test[127.0.0.1])" % WANTED)
    lines = required(t, server(), "none", smtp_requiretls_policy="opportunistic+starttls")
    ends(lines, "5.7.10", "bounced (%smy configured TLS security level 'none' disables encryption. The last attempted server was mx.test)" % WANTED)
    shows(lines, "none/!requiretls:noencryption")
    for policy in ("sometimes", "inline:{ { .test = hash:/x } }", "inline:{ { mx.test = try hard } }"):
        lines = required(t, server(), "verify", smtp_requiretls_policy=policy)
        ends(lines, "4.7.10", "deferred (REQUIRETLS policy configuration error. The last attempted server was mx.test)")
    lines = required(t, taking("self"), "may", smtp_requiretls_policy="inline:{ { .test = opportunistic } }, enforce")
    sent(lines)


@case
def the_requirement_is_for_the_last_server_to_break(t):
    port = 2526
    one, two = Server(ehlo=EHLO, address="127.0.0.61", port=port), taking(address="127.0.0.62", port=port)
    ZONE[("two.test", "MX")] = [(10, "a.two.test"), (20, "mx.test")]
    ZONE[("a.two.test", "A")], ZONE[("mx.test", "A")] = ["127.0.0.61"], ["127.0.0.62"]
    lines = required(t, two, "verify", to="two.test:%d" % port)
    ZONE[("mx.test", "A")] = ["127.0.0.1"]
    sent(lines)
    equal((one.sessions, len(two.messages)), (1, 1))


# ---- TLSRPT ----

@case
def a_collector_hears_how_tls_went(t):
    path = t.root + "/collector"
    collector = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    collector.bind(path)
    collector.settimeout(20)
    record = "v=TLSRPTv1; rua=mailto:tls@there.test"
    port = 2527
    ZONE[("rpt.test", "MX")], ZONE[("_smtp._tls.rpt.test", "TXT")] = [(10, "mx.test")], [record, "something else"]
    ZONE[("quiet.test", "MX")] = [(10, "mx.test")]
    on = dict(smtp_tlsrpt_enable="yes", smtp_tlsrpt_socket_name=path)
    one = dict(port=port, address="127.0.0.1")

    def report(s, level, to="rpt.test", **more):
        lines = t.send("%s:%d" % (to, port), **settings(level, **dict(on, **more)))[2]
        s.close()
        return lines

    lines = report(server("good", **one), "may")
    sent(lines)
    assert "TLSRPT: status=success, domain=rpt.test, receiving_mx=mx.test[127.0.0.1]" in lines, lines
    equal(json.loads(collector.recv(65536)), {"d": "rpt.test", "pr": record, "policies": [{"policy-type": 9, "policy-domain": "rpt.test", "t": 0, "f": 0}]})
    for make, level, code, name, reason in ((lambda: server("expired", **one), "verify", 204, "certificate_expired", ""),
                                            (lambda: server("other", **one), "verify", 202, "certificate_host_mismatch", ""),
                                            (lambda: server("self", **one), "verify", 205, "validation_failure", "self-signed_certificate"),
                                            (lambda: server("good", script={"STARTTLS": slam}, **one), "may", 205, "validation_failure",
                                             "tls-handshake-failure"),
                                            (lambda: Server(ehlo=EHLO, **one), "encrypt", 201, "starttls_not_supported", "")):
        lines = report(make(), level)
        line = "TLSRPT: status=failure, domain=rpt.test, receiving_mx=mx.test[127.0.0.1], failure_type=" + name
        assert line + (", failure_reason=" + reason if reason else "") in lines, (line, lines)
        details = {"c": code, "s": "127.0.0.1", "n": "mx.test", "r": "127.0.0.1"}
        equal(json.loads(collector.recv(65536))["policies"],
              [{"policy-type": 9, "policy-domain": "rpt.test", "failure-details": [dict(details, f=reason) if reason else details], "t": 1, "f": 1}])
    lines = report(server("good", **one), "may", to="quiet.test")
    sent(lines)
    assert not any("TLSRPT" in x for x in lines), lines
    lines = report(server("good", **one), "may", smtp_tlsrpt_socket_name="/nonexistent/collector")
    sent(lines)
    assert "warning: Could not report TLS handshake result to tlsrpt library: No such file or directory (errno 2)" in lines, lines


# ---- DANE ----

class Zone:
    """A domain of its own with an exchanger; what is signed is said."""
    count = 0

    def __init__(self, port, records, unsigned=()):
        Zone.count += 1
        self.domain = "d%d.dane.test" % Zone.count
        self.host, self.key = "mx." + self.domain, "_%d._tcp.mx.%s" % (port, self.domain)
        ZONE[(self.domain, "MX")] = [(10, self.host)]
        ZONE[(self.host, "A")] = ["127.0.0.1"]
        if records:
            ZONE[(self.key, "TLSA")] = records
        dns.secure.update({self.domain, self.host, self.key} - {getattr(self, x) for x in unsigned})


def dane(level="dane", **more):
    return settings(level, **dict({"smtp_dns_support_level": "dnssec", "smtp_tls_CAfile": ""}, **more))


def sha(raw, how=1):
    return (hashlib.sha256 if how == 1 else hashlib.sha512)(raw).digest()


def go_dane(t, name, records, unsigned=(), **more):
    s = server(name)
    z = Zone(s.port, records, unsigned)
    lines = t.send("%s:%d" % (z.domain, s.port), **dane(**more))[2]
    return s, z, lines


@case
def records_say_who_a_server_is(t):
    key, cert, ca, ca_key = pki.key("self"), pki.der("self"), pki.der("ca"), pki.key("ca")
    bad = b"\0" * 32
    # certificate, records, taken
    for name, records, good in (("self", [(3, 1, 1, sha(key))], True), ("self", [(3, 0, 0, cert)], True), ("self", [(3, 1, 2, sha(key, 2))], True),
                                ("self", [(3, 1, 1, bad)], False), ("self", [(3, 1, 1, bad), (3, 1, 1, sha(key))], True),
                                ("self", [(3, 1, 2, bad * 2), (3, 1, 1, sha(key))], False), ("self", [(3, 0, 2, bad * 2), (3, 1, 1, sha(key))], True),
                                ("expired", [(3, 1, 1, sha(pki.key("expired")))], True), ("good", [(2, 0, 1, sha(ca))], False)):
        s, z, lines = go_dane(t, name, records)
        equal(len(s.messages), int(good), (name, records, lines))
        equal(s.tls.asked, [z.host])
        shows(lines, "dane" if good else "!dane")
        established(lines, "Verified" if good else "Trusted" if name == "good" else "Untrusted")
    for records in ([(2, 0, 1, sha(ca))], [(2, 1, 1, sha(ca_key))], [(2, 0, 0, ca)]):
        s = server("good")
        ZONE[("good.test", "MX")], ZONE[("_%d._tcp.mx.test" % s.port, "TLSA")] = [(10, "mx.test")], records
        ZONE[("mx.test", "A")] = ["127.0.0.1"]
        dns.secure.update({"good.test", "mx.test", "_%d._tcp.mx.test" % s.port})
        lines = t.send("good.test:%d" % s.port, **dane())[2]
        sent(lines)
        established(lines, "Verified")


@case
def records_that_nobody_can_use(t):
    s, z, lines = go_dane(t, "self", [(3, 1, 1, b"short")])
    sent(lines)
    shows(lines, "dane:encrypt")
    assert any(x.endswith("all TLSA records unusable, fallback to unauthenticated TLS") for x in lines), lines
    s, z, lines = go_dane(t, "self", [(3, 1, 1, b"short")], level="dane-only")
    ends(lines, *NOT_VERIFIED)
    s, z, lines = go_dane(t, "self", [(1, 0, 1, b"\0" * 32)])
    sent(lines)
    shows(lines, "encrypt")
    s, z, lines = go_dane(t, "self", [(1, 0, 1, b"\0" * 32)], level="dane-only")
    ends(lines, "4.7.5", "deferred (TLSA records unusable)")


@case
def what_is_not_signed_counts_for_less(t):
    records = [(3, 1, 1, sha(pki.key("self")))]
    s, z, lines = go_dane(t, "self", records, unsigned=("domain",))
    sent(lines)
    shows(lines, "halfdane")
    established(lines, "Trusted")
    for unsigned in (("host",), ("key",)):
        lines = go_dane(t, "self", [(3, 1, 1, b"\0" * 32)], unsigned=unsigned)[2]
        sent(lines)
        shows(lines, "may")
        ends(go_dane(t, "self", records, unsigned=unsigned, level="dane-only")[2], "4.7.5", "deferred (no TLSA records found)")


@case
def a_lookup_that_fails_puts_mail_off(t):
    s, z, lines = go_dane(t, "self", "SERVFAIL")
    ends(lines, "4.7.5", "deferred (TLSA lookup error for %s:%d)" % (z.host, s.port))
    assert "warning: TLS policy lookup for %s:%d/%s: TLSA lookup error for %s:%d" % (z.domain, s.port, z.host, z.host, s.port) in lines, lines
    equal(s.sessions, 0)


def main(binary, only):
    global dns, pki
    enter()
    t, bad = Client(os.path.realpath(binary)), 0
    try:
        pki = Pki(t.root)
        os.chmod(t.root, 0o755)
        resolver(t)
        ZONE[("mx.test", "A")] = ["127.0.0.1"]
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
    finally:
        t.stop()
    return bad > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
