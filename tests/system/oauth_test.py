#!/usr/bin/env python3
"""Access tokens that are made fresh: files, token server, cache, and what mail does without."""
import http.server
import json
import os
import re
import ssl
import sys
import threading
import urllib.parse

from harness import ETC, Host, contents, furnish, main, send, test, until, write

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "smtp-client"))
from servers import Server  # noqa: E402
from tls_test import Pki  # noqa: E402

URL = "https://localhost:4443/token"
CACHE = "/var/lib/postfix/token_cache.lmdb"


class Names(Pki):
    NAMES = {"web": ("localhost", "DNS:localhost", "ca"), "other": ("other.test", "DNS:other.test", "ca")}


class TokenServer(http.server.ThreadingHTTPServer):
    """Answers each form with what `answers` says next, (status, object); the last answer stays."""
    daemon_threads = True

    def __init__(self, pki, certificate="web"):
        self.forms, self.answers = [], [(200, {"access_token": "first", "expires_in": 3600})]
        super().__init__(("127.0.0.1", 4443), Form)
        self.socket = pki.context(certificate).wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Form(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.forms.append({k: v[0] for k, v in urllib.parse.parse_qs(text).items()})
        answers = self.server.answers
        status, value = answers.pop(0) if len(answers) > 1 else answers[0]
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def account(name="work", mode=0o600, **more):
    values = {"client_id": "id", "client_secret": "s&cret", "refresh_token": "r-" + name, "token_url": URL, **more}
    write(ETC + "/oauth/" + name, "# an account\n" + "".join("%s = %s\n" % kv for kv in values.items()), mode)


def begin(host, password="oauth:work"):
    """Fresh processes, no cache."""
    host.stop()
    for name in (CACHE, CACHE + "-lock"):
        if os.path.exists(name):
            os.remove(name)
    write(ETC + "/sasl_passwd", "[127.0.0.1]:2587 ana@x.test:%s\n" % password)
    host.run("postmap", ETC + "/sasl_passwd")
    host.start()


def smarthost():
    s = Server({"AUTH": "235 2.7.0 ok"}, ehlo=("AUTH XOAUTH2",), port=2587)
    return s


def bearers(s):
    import base64
    return [re.search(r"auth=Bearer ([^\1]*)\1\1$".replace(r"\1", "\x01"), base64.b64decode(x.split()[2]).decode())[1] for x in s.commands
            if x.startswith("AUTH ")]


def deliver(host, how, seen=None):
    return host.wait_log(r"%s: to=<.*>, .*status=%s" % (send("x@oauth.test"), how))


@test
def a_token_is_fetched_once_and_used_until_it_ends(site):
    host, pki = site
    account(scope="mail offline")
    begin(host)
    s = smarthost()
    with TokenServer(pki) as web:
        web.answers[:] = [(200, {"access_token": "first", "expires_in": 3600}), (200, {"access_token": "second", "expires_in": 60})]
        for _ in range(2):
            deliver(host, "sent")
        until("two messages", lambda: len(s.messages) == 2)
        assert set(bearers(s)) == {"first"}, s.commands
        assert web.forms == [{"grant_type": "refresh_token", "client_id": "id", "client_secret": "s&cret", "refresh_token": "r-work",
                              "scope": "mail offline"}], web.forms
        assert oct(os.stat(CACHE).st_mode & 0o77) == "0o0"
        host.restart(main=MAIN)
        deliver(host, "sent")
        assert len(web.forms) == 1, "the token outlives a restart"
    s.close()


@test
def a_refresh_token_that_was_replaced_is_used_from_then_on(site):
    host, pki = site
    account()
    begin(host)
    s = smarthost()
    with TokenServer(pki) as web:
        web.answers[:] = [(200, {"access_token": "one", "expires_in": 1, "refresh_token": "newer"}), (200, {"access_token": "two", "expires_in": "1"})]
        for _ in range(2):
            deliver(host, "sent")
            host.run("postfix", "reload")
        assert [f["refresh_token"] for f in web.forms] == ["r-work", "newer"], web.forms
        account(refresh_token="of-the-site")
        host.run("postfix", "reload")
        deliver(host, "sent")
        assert web.forms[-1]["refresh_token"] == "of-the-site", web.forms
    s.close()


def why(host):
    return deliver(host, r"deferred \((.*)\)$")[1]


@test
def mail_waits_for_a_token_server_that_is_away_or_says_no(site):
    host, pki = site
    account()
    begin(host)
    s = smarthost()
    start = "SASL authentication failed; cannot authenticate to server 127.0.0.1[127.0.0.1]: access token work: token server %s: " % URL
    assert why(host).startswith(start + "Failed to connect"), host.log()[-600:]
    begin(host)
    with TokenServer(pki) as web:
        web.answers[:] = [(400, {"error": "invalid_grant", "error_description": "Token has been\nrevoked."})]
        assert why(host) == start + "answer 400: invalid_grant: Token has been?revoked."
        assert why(host) == start + "answer 400: invalid_grant: Token has been?revoked."
        assert len(web.forms) == 1, "it is left alone for a while"
    for answer in ((200, b"<html>"), (200, {"access_token": "a b"}), (302, {"access_token": "x"}), (200, {"error": "x", "access_token": 5})):
        begin(host)
        with TokenServer(pki) as web:
            web.answers[:] = [answer]
            assert why(host).startswith(start + "answer %d: " % answer[0])
    begin(host)
    with TokenServer(pki, "other"):
        assert "localhost" in why(host), "another server's certificate will not do"
    assert not s.messages
    s.close()


@test
def secrets_that_others_can_read_are_not_used(site):
    host, pki = site
    s = smarthost()
    with TokenServer(pki) as web:
        for mode in (0o640, 0o604):
            os.remove(ETC + "/oauth/work")
            account(mode=mode)
            begin(host)
            mark = len(host.log())
            assert why(host).endswith("access token work: relevo_oauth_directory has no such account that can be used")
            host.wait_log("warning: %s/oauth/work: others than its owner have rights: the account is not used; chmod 600 it" % ETC, mark - 2000)
        account(token_url="http://localhost/")
        os.chmod(ETC + "/oauth/work", 0o600)
        begin(host)
        assert "no such account" in why(host)
        host.wait_log("oauth/work: token_url must begin with https://: the account is not used")
        begin(host, "oauth:../../etc/passwd")
        assert "no such account" in why(host)
        assert not web.forms
    s.close()


MAIN = {"smtp_sasl_auth_enable": "yes", "smtp_sasl_password_maps": "hash:%s/sasl_passwd" % ETC, "smtp_sasl_mechanism_filter": "xoauth2",
        "smtp_sasl_security_options": "", "transport_maps": "inline:{ oauth.test=smtp:[127.0.0.1]:2587 }",
        "relevo_https_CAfile": ETC + "/ca.crt", "inet_protocols": "ipv4"}


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    pki = Names(work)
    os.makedirs(ETC + "/oauth", mode=0o700)
    write(ETC + "/ca.crt", contents(pki.ca))
    host.configure(main=MAIN)
    write(ETC + "/sasl_passwd", "")
    host.run("postmap", ETC + "/sasl_passwd")
    host.start()
    return host, pki


if __name__ == "__main__":
    main(prepare)
