"""postfix tls: keys and certificates in the configuration directory, and main.cf that names them.
Usage: tls_command_test.py SCRIPT POSTCONF POSTLOG [NAME...]"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

SCRIPT, POSTCONF, POSTLOG = (os.path.realpath(p) for p in sys.argv[1:4])
cases = []


def case(f):
    cases.append(f)
    return f


class Site:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="relevo-tls-")
        os.mkdir(self.dir + "/bin")
        for name, program in (("postconf", POSTCONF), ("postlog", POSTLOG)):
            os.symlink(program, self.dir + "/bin/" + name)
        with open(self.dir + "/main.cf", "w") as f:
            f.write("compatibility_level = 3.11\nmyhostname = mail.cmd.test\n")
        open(self.dir + "/master.cf", "w").close()
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def run(self, *args):
        env = {"PATH": os.environ["PATH"], "MAIL_CONFIG": self.dir, "config_directory": self.dir, "command_directory": self.dir + "/bin",
               "daemon_directory": self.dir, "MAIL_LOGTAG": "postfix"}
        return subprocess.run(["sh", SCRIPT] + list(args), env=env, capture_output=True, text=True, timeout=120)

    def value(self, name):
        return subprocess.run([POSTCONF, "-c", self.dir, "-h", name], capture_output=True, text=True, check=True).stdout.strip()


def openssl(*args, **kw):
    return subprocess.run(("openssl",) + args, capture_output=True, check=True, **kw).stdout


def equal(got, want, what=""):
    assert got == want, "%s: %r, not %r" % (what, got, want)


@case
def defaults_are_told_from_settings():
    with Site() as s:
        equal([s.run("all-default-" + x).returncode for x in ("client", "server")], [0, 0])
        equal(s.run("enable-client").returncode, 0)
        equal([s.run("all-default-" + x).returncode for x in ("client", "server")], [1, 0])
        equal((s.value("smtp_tls_security_level"), s.value("smtp_tls_loglevel"), s.value("smtp_tls_session_cache_database")),
              ("may", "1", "lmdb:${data_directory}/smtp_scache"))


@case
def a_server_gets_a_key_and_a_certificate():
    for algorithm, prefix, names in ((None, "", []), ("ecdsa", "ec", ["a.test", "b.test"])):
        with Site() as s:
            equal(s.run("enable-server", *(["-a", algorithm] if algorithm else []), *names).returncode, 0)
            cert, key = s.value("smtpd_tls_%scert_file" % prefix), s.value("smtpd_tls_%skey_file" % prefix)
            assert re.fullmatch(re.escape(s.dir) + r"/%scert-\d{8}-\d{6}\.pem" % prefix, cert), cert
            equal((os.stat(key).st_mode & 0o777, os.stat(cert).st_mode & 0o777), (0o600, 0o644))
            text = openssl("x509", "-in", cert, "-noout", "-text").decode()
            names = names or ["mail.cmd.test"]
            assert "Subject: CN = " + names[0] in text and ", ".join("DNS:" + n for n in names) in text and "CA:FALSE" in text, text
            assert "TLS Web Server Authentication, TLS Web Client Authentication" in text, text
            equal(openssl("x509", "-in", cert, "-noout", "-pubkey"), openssl("pkey", "-in", key, "-pubout"))
            equal((s.value("smtpd_tls_security_level"), s.value("smtpd_tls_received_header")), ("may", "yes"))
            before = set(os.listdir(s.dir))
            s.run("enable-server")
            equal(set(os.listdir(s.dir)), before, "settings that are there stay")


@case
def requests_and_records_are_for_the_key():
    with Site() as s:
        s.run("enable-server")
        key = s.value("smtpd_tls_key_file")
        request = s.run("output-server-csr", "x.test").stdout
        text = openssl("req", "-noout", "-text", "-verify", input=request.encode()).decode()
        assert "DNS:x.test" in text and re.search(r"Subject: *\n", text), text
        digest = hashlib.sha256(openssl("pkey", "-in", key, "-pubout", "-outform", "DER")).hexdigest()
        equal(s.run("output-server-tlsa", "-h", "mx.test").stdout, "; %s\n_25._tcp.mx.test. IN TLSA 3 1 1 %s\n" % (key, digest))


@case
def only_pairs_are_deployed():
    with Site() as s:
        s.run("new-server-key", "-a", "ecdsa")
        equal(s.value("smtpd_tls_eccert_file"), "")
        cert, key = sorted(f for f in os.listdir(s.dir) if f.startswith("ec"))
        equal(s.run("deploy-server-cert", cert, key).returncode, 0)
        equal(s.value("smtpd_tls_eckey_file"), s.dir + "/" + key)
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", s.dir + "/other.pem")
        for args in ((cert, "other.pem"), (cert, "main.cf"), (cert,)):
            equal(s.run("deploy-server-cert", *args).returncode, 1, args)
        equal(s.value("smtpd_tls_eckey_file"), s.dir + "/" + key)


@case
def what_is_no_command_is_refused():
    with Site() as s:
        equal((s.run("bogus").returncode, s.run().returncode, s.run("output-server-tlsa").returncode), (1, 1, 1))


def main(only):
    if shutil.which("openssl") is None:
        return 77
    bad = 0
    for f in cases:
        if only and f.__name__ not in only:
            continue
        try:
            f()
        except Exception as e:
            bad += 1
            print("FAILED %s: %s: %s" % (f.__name__, type(e).__name__, e), flush=True)
    print("%d cases, %d failed" % (len(cases), bad))
    return bad > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[4:]))
