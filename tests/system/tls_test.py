#!/usr/bin/env python3
"""TLS as a server: STARTTLS and the port that speaks TLS at once, in smtpd processes that are in their jail."""
import base64
import contextlib
import os
import re
import socket
import ssl
import subprocess

from harness import DOMAIN, ETC, PATIENCE, Smtp, contents, main, send, test, write
from secure import AtOnce, NAMED, PKI, SERVICES, SETTINGS, Secure, TLS12, context, der, key_fingerprint, make_identity, openssl, prepare


def fails(make):
    try:
        make().expect("NOOP", 250)
    except (ssl.SSLError, OSError, EOFError):
        return
    raise AssertionError("the session went on")


@test
def mail_comes_in_and_the_header_says_how(host):
    c = Secure(ctx=context("client"))
    assert c.mail("a@client.test", ["ana@" + DOMAIN], "Subject: first\n\nx\n").startswith("250")
    mail = host.wait_mail("ana", "Subject: first")
    assert re.search(r'\n\t\(using TLSv1\.3 with cipher TLS_AES_256_GCM_SHA384 \(256/256 bits\)\n'
                     r'\t key-exchange x25519 server-signature ECDSA \(prime256v1\) server-digest SHA256\n'
                     r'\t client-signature ECDSA \(prime256v1\) client-digest SHA256\)\n'
                     r'\t\(Client CN "client \?test\?", Issuer "Test CA" \(verified OK\)\)\n\tby .* with ESMTPS id ', mail, re.I), mail
    host.wait_log(r"Trusted TLS connection established from %s: TLSv1\.3 with cipher TLS_AES_256_GCM_SHA384 \(256/256 bits\) "
                  r"key-exchange x25519 " % NAMED)


@test
def each_kind_of_key_has_its_certificate(host):
    for kind, name in (("ECDSA", "ec"), ("RSA", "rsa")):
        c = Secure(ctx=context(ciphers="ECDHE-%s-AES256-GCM-SHA384" % kind, highest=TLS12))
        assert c.sock.getpeercert(True) == der(name), kind


@test
def what_was_said_before_is_forgotten(host):
    c = Smtp()
    c.expect("EHLO client.test", 250)
    c.expect("MAIL FROM:<a@client.test>", 250)
    c.expect("STARTTLS", 220)
    Secure.secure(c, context())
    c.expect("RCPT TO:<ana@%s>" % DOMAIN, 503)
    c.expect("STARTTLS", 554)
    assert "STARTTLS" not in c.expect("EHLO client.test", 250)


@test
def plaintext_behind_starttls_is_never_a_command(host):
    c = Smtp()
    c.expect("EHLO client.test", 250)
    c.raw("STARTTLS\r\nMAIL FROM:<injected@client.test>\r\n")
    if c.reply().startswith("220"):
        with contextlib.suppress(ssl.SSLError, OSError, EOFError):
            Secure.secure(c, context())
            assert c("RCPT TO:<ana@%s>" % DOMAIN)[:3] == "503"


@test
def a_mandatory_session_is_refused_until_it_is_one(host):
    c = Smtp(2525)
    assert "STARTTLS" in c.expect("EHLO client.test", 250)
    for command in ("MAIL FROM:<a@b.test>", "RCPT TO:<ana@%s>" % DOMAIN, "DATA", "BDAT 3 LAST", "RSET", "VRFY ana", "ETRN a.test",
                    "AUTH PLAIN", "XFORWARD NAME=x"):
        assert c(command) == "530 5.7.0 Must issue a STARTTLS command first", command
    for command in ("NOOP", "HELO x", "EHLO x"):
        c.expect(command, 250)
    c.expect("STARTTLS", 220)
    Secure.secure(c, context())
    c.expect("EHLO x", 250)
    c.expect("MAIL FROM:<a@b.test>", 250)


@test
def who_lacks_the_certificate_hears_so_and_has_to_go(host):
    for identity, why in ((None, "No client certificate presented"), ("rogue", "Client certificate not trusted")):
        c = Secure(2526, context(identity), ehlo=False)
        assert c("EHLO x") == "421 4.7.1 mail.example.test Error: " + why
        host.wait_log(r"NOQUEUE: abort: TLS from %s: %s$" % (NAMED, why))
    host.wait_log(r"certificate verification failed for %s: self-signed certificate$" % NAMED)
    Secure(2526, context("client")).expect("MAIL FROM:<a@b.test>", 250)


@test
def what_is_wrong_with_the_settings_is_said_and_plain_mail_goes_on(host):
    for port, said in ((2528, r"warning: RSA private key in %s/rsa\.key does not match public key in %s/ec\.crt: disabling TLS support$" % (PKI, PKI)),
                       (2529, r'warning: Invalid TLS protocol list "bogus": disabling TLS support$'),
                       (2534, r'warning: Digest algorithm "nosuch" not found$')):
        c = Smtp(port)
        assert "STARTTLS" in c.expect("EHLO x", 250)
        assert c("STARTTLS") == "454 4.7.0 TLS not available due to local problem", port
        c.expect("MAIL FROM:<a@b.test>", 250)
        host.wait_log(said)


@test
def a_missing_chain_fails_in_the_handshake(host):
    fails(lambda: Secure(2527))
    host.wait_log(r"warning: error opening chain file: %s/nosuch\.pem: No such file or directory$" % PKI)
    host.wait_log(r"SSL_accept error from %s: -1$" % NAMED)
    Smtp(2527).expect("EHLO x", 250)


@test
def a_wrong_grade_ends_the_connection(host):
    fails(lambda: Secure(2532))
    host.wait_log(r'warning: %s: invalid cipher grade: "bogus"$' % NAMED)
    host.wait_log(r"lost connection after STARTTLS from %s$" % NAMED)


@test
def a_name_has_its_own_certificate(host):
    assert Secure(2530, name="x.example.test").sock.getpeercert(True) == der("other")
    host.wait_log(r"TLS connection established from %s to x\.example\.test: TLSv1\.3 " % NAMED)
    assert Secure(2530, name="elsewhere.test").sock.getpeercert(True) == der("ec")
    host.wait_log(r"TLS SNI elsewhere\.test from %s not matched, using default chain$" % NAMED)


@test
def names_of_main_cf_are_looked_up_by_tlsmgr(host):
    for _ in range(2):
        assert Secure(name="named.example.test").sock.getpeercert(True) == der("named")
        assert Secure(name="elsewhere.test").sock.getpeercert(True) == der("ec")
    make_identity("named", "/CN=named.example.test", ["-newkey", "rsa:2048"])
    host.run("postmap", "-F", "hash:" + PKI + "/named")
    for _ in range(3):
        assert Secure(name="named.example.test").sock.getpeercert(True) == der("named")


@test
def a_client_has_a_certificate_and_not_its_key(host):
    mark = len(host.log())
    send(["x@certified.test"])
    host.wait_log(r"smtp\[\d+\]: \w+: to=<x@certified\.test>, .*, status=sent ", mark)
    host.wait_log(r"Trusted TLS connection established from %s: .* client-signature ECDSA" % NAMED, mark)
    assert keyless(host, "smtp", "client") > 0


@test
def indexed_maps_of_names_hold_the_files(host):
    write(PKI + "/names", "other.example.test %s/other.chain\n" % PKI)
    host.run("postmap", "-F", "hash:" + PKI + "/names")
    text = host.run("postmap", "-q", "other.example.test", "hash:" + PKI + "/names").stdout
    assert base64.b64decode(text).decode() == contents(PKI + "/other.chain")
    assert host.run("postmap", "-F", "-q", "other.example.test", "hash:" + PKI + "/names").stdout.strip() == contents(PKI + "/other.chain").strip()


@test
def a_port_may_speak_tls_at_once(host):
    c = AtOnce(2531)
    assert c.banner.startswith("220 ")
    assert "STARTTLS" not in c.expect("EHLO x", 250)
    c.expect("STARTTLS", 554)
    c.expect("MAIL FROM:<a@b.test>", 250)
    mark = len(host.log())
    with socket.create_connection(("127.0.0.1", 2531)) as s:
        s.sendall(b"EHLO x\r\n")
        assert not s.recv(100).startswith(b"2")
    host.wait_log(r"SSL_accept error from %s: -1$" % NAMED, mark)
    host.wait_log(r"warning: TLS library problem: error:.*:wrong version number:", mark)
    host.wait_log(r"lost connection after CONNECT from %s$" % NAMED, mark)


@test
def submission_services_work_as_they_stand(host):
    assert "STARTTLS" in Smtp(587).expect("EHLO x", 250)
    Secure(587)
    assert AtOnce(465).expect("EHLO x", 250)


@test
def sessions_are_resumed_by_another_process(host):
    for ctx in (context("client", highest=TLS12), context("client")):
        first = Secure(ctx=ctx)
        first.expect("NOOP", 250)
        second = Secure(ctx=ctx, session=first.sock.session)  # the first one still has its process
        assert second.sock.session_reused
        assert second.mail("a@client.test", ["paco@" + DOMAIN], "Subject: resumed\n\nx\n").startswith("250")
        assert 'Issuer "Test CA" (verified OK)' in host.wait_mail("paco", "Subject: resumed")


@test
def a_session_of_one_service_is_none_of_another(host):
    ctx = context(highest=TLS12)
    first = Secure(ctx=ctx)
    assert not Secure(2525, ctx=ctx, session=first.sock.session).sock.session_reused


@test
def new_sessions_are_counted(host):
    for _ in range(2):
        Secure(2533)
    c = Secure(2533, ehlo=False)
    assert c.reply() == "421 4.7.0 mail.example.test Error: too many new TLS sessions from localhost[127.0.0.1]"
    host.wait_log(r"warning: New TLS session rate limit exceeded: 3 from %s for service 2533$" % NAMED)
    c = Smtp(2533)
    c.expect("EHLO x", 250)
    assert c("STARTTLS") == "454 4.7.0 Error: too many new TLS sessions from localhost[127.0.0.1]"


@test
def keys_open_doors(host):
    c = Secure(2535, context("client"))
    c.expect("MAIL FROM:<a@b.test>", 250)
    c.expect("RCPT TO:<x@far.test>", 250)
    c = Secure(2535, context("rogue"))
    c.expect("MAIL FROM:<a@b.test>", 250)
    c.expect("RCPT TO:<x@far.test>", 554)
    c = Secure(2536, context("rogue"))
    c.expect("MAIL FROM:<a@b.test>", 250)
    assert c("RCPT TO:<ana@%s>" % DOMAIN) == "554 5.7.1 <rogue.test>: Client certificate rejected: no keys of this kind"
    c = Secure(2537, context("client"))
    c.expect("MAIL FROM:<a@b.test>", 250)
    c.expect("RCPT TO:<ana@%s>" % DOMAIN, 451)
    host.wait_log(r"warning: unknown search type 'bogus' in ")


def resident(pid):
    return int(re.search(r"^RssAnon:\s+(\d+)", contents("/proc/%d/status" % pid), re.M)[1])


@test
def what_is_no_handshake_costs_a_session_and_nothing_else(host):
    hello = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"
    for junk in (b"EHLO x\r\n", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", os.urandom(4096), hello, b"\x15\x03\x01\x00\x02\x02\x28",
                 b"\x17\x03\x03\xff\xff" + b"A" * 70000, b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + b"B" * 16380, b""):
        mark = len(host.log())
        c = Smtp()
        c.expect("EHLO client.test", 250)
        c.expect("STARTTLS", 220)
        with contextlib.suppress(OSError):
            c.raw(junk)
        host.wait_log(r"SSL_accept error from %s: " % NAMED, mark)
        host.wait_log(r"lost connection after STARTTLS from %s$" % NAMED, mark)
    Secure().expect("NOOP", 250)
    assert "/smtpd pid" not in host.log()  # master speaks of those that die


@test
def renegotiation_is_refused(host):
    p = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-connect", "127.0.0.1:25", "-tls1_2"], input=b"R\n" * 3,
                       capture_output=True, timeout=PATIENCE)
    assert b"no renegotiation" in p.stdout + p.stderr, p.stdout + p.stderr
    Secure().expect("NOOP", 250)


@test
def a_session_of_tiny_records_stays_small(host):
    c = Secure()
    c.expect("MAIL FROM:<a@b.test>", 250)
    before = {pid: resident(pid) for pid, name in host.daemons().items() if name == "smtpd"}
    for _ in range(50):
        for byte in b"NOOP\r\n":
            c.sock.send(bytes([byte]))
        c.reply()
    for pid, size in before.items():
        if pid in host.daemons():
            assert resident(pid) - size < 1024, (size, resident(pid))


@test
def the_end_of_a_failed_handshake_is_counted(host):
    mark = len(host.log())
    fails(lambda: Secure(ctx=context(ciphers="PSK", highest=TLS12)))
    host.wait_log(r"disconnect from %s ehlo=1 starttls=0/1 commands=1/2$" % NAMED, mark)


@test
def a_renewed_certificate_is_that_of_the_next_session(host):
    Secure(2538).expect("NOOP", 250)
    renew = PKI + "/renewed.chain"
    os.symlink("rsa.chain", renew + ".new")
    os.rename(renew + ".new", renew)
    assert Secure(2538).sock.getpeercert(True) == der("rsa")
    host.wait_log(r"table %s has changed -- restarting$" % renew)
    write(PKI + "/rsa.chain.new", "spoiled\n")
    old = contents(PKI + "/rsa.chain")
    os.rename(PKI + "/rsa.chain.new", PKI + "/rsa.chain")
    c = Smtp(2538)
    c.expect("EHLO x", 250)
    c.expect("STARTTLS", 454)
    host.wait_log(r"warning: No PEM data in %s$" % renew)
    write(PKI + "/rsa.chain", old)
    Secure(2538).expect("NOOP", 250)


def memory(pid):
    """What a process has in its writable memory."""
    text = b""
    with open("/proc/%d/mem" % pid, "rb") as f:
        for start, end in re.findall(r"^(\w+)-(\w+) rw", contents("/proc/%d/maps" % pid), re.M):
            with contextlib.suppress(OSError, ValueError, OverflowError, MemoryError):
                f.seek(int(start, 16))
                text += f.read(int(end, 16) - int(start, 16))
    return text


def keyless(host, program, identity):
    """How many processes of that program there are, none of which has the key."""
    key = openssl("pkey", "-in", identity + ".key", "-text", "-noout").decode()
    number = re.search(r"priv:\n([ 0-9a-f:\n]+)pub|privateExponent:\n([ 0-9a-f:\n]+)prime1", key)
    secret = bytes.fromhex("".join((number[1] or number[2]).split()).replace(":", ""))[-32:]
    base64_of_file = contents("%s/%s.key" % (PKI, identity)).splitlines()[1].encode()
    pids = [pid for pid, name in host.daemons().items() if name == program]
    for pid in pids:
        text = memory(pid)
        assert b"_tls_" in text or len(text) > 100000, "this is not its memory"
        for form in (secret, secret[::-1], base64_of_file):
            assert form not in text, "%s has the key of %s" % (program, identity)
    return len(pids)


def signature_of(port, algorithm, *words):
    p = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-connect", "127.0.0.1:%d" % port, "-sigalgs", algorithm, *words],
                       input=b"QUIT\r\n", capture_output=True, timeout=PATIENCE)
    found = re.search(rb"Peer signature type: (.*)", p.stdout)
    return found[1].decode() if found else p.stdout.decode() + p.stderr.decode()


@test
def keys_of_every_kind_sign(host):
    for version in ("-tls1_3", "-tls1_2"):
        for algorithm, kind in (("ed25519", "ed25519"), ("rsa_pss_pss_sha256", "rsa-pss")):
            got = signature_of(2539, algorithm, version)
            assert got.lower() == kind, (version, got)


@test
def no_smtpd_has_a_key(host):
    sessions = [Secure(name="named.example.test"), Secure(2539), Secure(2530, name="else.example.test")]
    assert sessions[2].sock.getpeercert(True) == der("other")
    for identity in ("ec", "named", "edwards", "pss", "other"):
        assert keyless(host, "smtpd", identity) > 0
    for session in sessions:
        session.expect("NOOP", 250)


@test
def without_its_keys_a_process_gives_way(host):
    first = Secure()
    first.expect("QUIT", 221)
    mark = len(host.log())
    os.kill(host.pid_of("tlsmgr"), 9)
    host.wait_log("tlsmgr pid .* killed by signal 9", mark)
    for _ in range(3):
        Secure().expect("NOOP", 250)


@test
def openssl_finds_nothing_to_complain_of(host):
    p = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-connect", "127.0.0.1:25", "-CAfile", PKI + "/ca.crt",
                        "-verify_return_error", "-verify_hostname", "mail.example.test"], input=b"QUIT\r\n", capture_output=True, timeout=PATIENCE)
    assert b"Verify return code: 0 (ok)" in p.stdout, p.stdout


main(prepare)
