"""A host that speaks TLS, its certificates, and clients for it."""
import os
import re
import socket
import ssl
import subprocess

from harness import ETC, Host, PATIENCE, Smtp, contents, furnish, write

PKI = ETC + "/pki"
NAMED = r"localhost\[127\.0\.0\.1\]"
SETTINGS = {
    "smtpd_tls_security_level": "may", "smtpd_tls_chain_files": PKI + "/ec.chain, " + PKI + "/rsa.chain", "smtpd_tls_loglevel": "1",
    "smtpd_tls_received_header": "yes", "smtpd_tls_CAfile": PKI + "/ca.crt", "smtpd_tls_ask_ccert": "yes",
    "smtpd_starttls_timeout": "2s", "smtpd_client_event_limit_exceptions": "", "smtpd_recipient_restrictions": "",
    "tls_server_sni_maps": "hash:" + PKI + "/named", "transport_maps": "inline:{ certified.test=certified:[127.0.0.1]:2526 }",
}
CERTIFIED = ("certified unix - - y - - smtp -o smtp_tls_chain_files=%s/client.chain -o smtp_tls_security_level=encrypt"
             " -o myhostname=certified.test\n" % PKI)
# Services of their own for what differs, by port.
SERVICES = {
    2525: "-o smtpd_tls_security_level=encrypt",
    2526: "-o smtpd_tls_security_level=encrypt -o smtpd_tls_req_ccert=yes -o content_filter=discard:",
    2527: "-o smtpd_tls_chain_files=" + PKI + "/nosuch.pem",
    2528: "-o smtpd_tls_chain_files= -o smtpd_tls_cert_file=%s/ec.crt -o smtpd_tls_key_file=%s/rsa.key" % (PKI, PKI),
    2529: "-o smtpd_tls_protocols=bogus",
    2530: "-o tls_server_sni_maps=texthash:%s/sni" % PKI,
    2531: "-o smtpd_tls_wrappermode=yes -o smtpd_tls_ask_ccert=no",
    2532: "-o smtpd_tls_ciphers=bogus",
    2533: "-o smtpd_client_new_tls_session_rate_limit=2",
    2534: "-o smtpd_tls_fingerprint_digest=nosuch",
    2535: "-o { smtpd_relay_restrictions = permit_tls_clientcerts, reject } -o relay_clientcerts=texthash:%s/clients" % PKI,
    2536: "-o { smtpd_client_restrictions = check_ccert_access { texthash:%s/access, { search_order = pubkey_fingerprint } } }" % PKI,
    2538: "-o smtpd_tls_chain_files=%s/renewed.chain" % PKI,
    2539: "-o smtpd_tls_chain_files=%s/edwards.chain,%s/pss.chain" % (PKI, PKI),
    2537: "-o { smtpd_client_restrictions = check_ccert_access { texthash:%s/access, { search_order = bogus } } }" % PKI,
}


def openssl(*words, **how):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=PKI, **how).stdout


def make_identity(name, subject, key, issuer="ca", extra=""):
    openssl("req", "-new", *key, "-nodes", "-keyout", name + ".key", "-out", name + ".csr", "-subj", subject)
    signer = ["-CA", issuer + ".crt", "-CAkey", issuer + ".key", "-CAcreateserial"] if issuer else ["-signkey", name + ".key"]
    write(PKI + "/" + name + ".ext", extra or "subjectAltName=DNS:" + subject.split("=")[1])
    openssl("x509", "-req", "-in", name + ".csr", *signer, "-days", "30", "-out", name + ".crt", "-extfile", name + ".ext")
    write("%s/%s.chain" % (PKI, name), contents("%s/%s.key" % (PKI, name)) + contents("%s/%s.crt" % (PKI, name)), mode=0o600)


def make_pki():
    os.makedirs(PKI)
    ec, rsa = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], ["-newkey", "rsa:2048"]
    make_identity("ca", "/CN=Test CA", ec, issuer=None, extra="basicConstraints=critical,CA:true")
    make_identity("ec", "/CN=mail.example.test", ec)
    make_identity("rsa", "/CN=mail.example.test", rsa)
    make_identity("edwards", "/CN=mail.example.test", ["-newkey", "ed25519"])
    make_identity("pss", "/CN=mail.example.test", ["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"])
    make_identity("other", "/CN=other.example.test", ec)
    make_identity("named", "/CN=named.example.test", ec)
    make_identity("client", "/CN=client (test)", ec)
    make_identity("rogue", "/CN=rogue.test", ec, issuer=None)
    os.symlink("ec.chain", PKI + "/renewed.chain")
    write(PKI + "/named", "named.example.test %s/named.chain\n" % PKI)
    write(PKI + "/sni", ".example.test %s/other.chain\n" % PKI)
    write(PKI + "/clients", "%s x\n" % key_fingerprint("client"))
    write(PKI + "/access", "%s REJECT no keys of this kind\n" % key_fingerprint("rogue"))


def der(name):
    return ssl.PEM_cert_to_DER_cert(contents("%s/%s.crt" % (PKI, name)))


def key_fingerprint(name):
    key = openssl("pkey", "-pubin", "-outform", "DER", input=openssl("x509", "-in", name + ".crt", "-noout", "-pubkey"))
    text = openssl("dgst", "-sha256", "-hex", input=key).decode().split()[-1].upper()
    return ":".join(re.findall("..", text))


def context(identity=None, ciphers=None, highest=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    if identity:
        c.load_cert_chain("%s/%s.crt" % (PKI, identity), "%s/%s.key" % (PKI, identity))
    if ciphers:
        c.set_ciphers(ciphers)
    if highest:
        c.maximum_version = highest
    return c


TLS12 = ssl.TLSVersion.TLSv1_2


class Secure(Smtp):
    """A client that has begun TLS; `banner` is what it heard before."""

    def __init__(self, port=25, ctx=None, name=None, session=None, ehlo=True):
        super().__init__(port)
        self.expect("EHLO client.test", 250)
        self.expect("STARTTLS", 220)
        self.secure(ctx or context(), name, session)
        if ehlo:
            self.expect("EHLO client.test", 250)

    def secure(self, ctx, name=None, session=None):
        self.file.close()
        self.sock = ctx.wrap_socket(self.sock, server_hostname=name, session=session)
        self.file = self.sock.makefile("rb")


class AtOnce(Secure):
    def __init__(self, port, ctx=None):
        self.sock = (ctx or context()).wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE))
        self.file = self.sock.makefile("rb")
        self.banner = self.reply()


def uncommented(text, service):
    """master.cf with the lines of a service that the stock file has as comments."""
    return re.sub(r"^#(%s +inet.*\n(?:#  .*\n)*)" % service, lambda m: m[1].replace("\n#", "\n"), text, flags=re.M)


def prepare(tree, work):
    furnish(tree, work)
    make_pki()
    host = Host()
    host.configure(main=SETTINGS, master="".join("%d inet n - y - - smtpd %s\n" % row for row in SERVICES.items()) + CERTIFIED)
    text = contents(ETC + "/master.cf")
    for service in ("submission", "submissions"):
        text = uncommented(text, service)
    host.write(ETC + "/master.cf", text.replace("smtpd_sasl_auth_enable=yes", "smtpd_sasl_auth_enable=no"))  # nobody has passwords here
    host.run("postmap", "-F", "hash:" + PKI + "/named")
    os.chmod(PKI + "/named.lmdb", 0o600)
    host.start()
    return host
