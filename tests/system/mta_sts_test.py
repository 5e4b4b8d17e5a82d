#!/usr/bin/env python3
"""MTA-STS: records, policies, the cache, and which servers get mail."""
import http.server
import os
import sys
import threading

from harness import ETC, Dns, Host, contents, furnish, main, send, test, write

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "smtp-client"))
from servers import Server  # noqa: E402
from tls_test import Pki  # noqa: E402

CACHE = "/var/lib/postfix/mta_sts_cache.lmdb"
DOMAINS = ("good.test", "wrong.test", "trial.test", "off.test", "away.test", "html.test", "moved.test", "plain.test", "kept.test")
RECORDS = {}


class Names(Pki):
    NAMES = {"web": ("web", ",".join("DNS:mta-sts." + d for d in DOMAINS), "ca"), "mx": ("mx.test", "DNS:mx.test", "ca")}


class Web(http.server.ThreadingHTTPServer):
    """pages: {host: (status, type, text)}"""
    daemon_threads = True

    def __init__(self, pki):
        self.pages, self.asked = {}, []
        super().__init__(("127.0.0.1", 443), Page)
        self.socket = pki.context("web").wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.headers["Host"] + self.path)
        status, kind, text = self.server.pages.get(self.headers["Host"], (404, "text/plain", "nothing"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Location", "https://mta-sts.good.test/.well-known/mta-sts.txt")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def policy(mode="enforce", mx="mx.test", age=86400):
    return 200, "text/plain; charset=utf-8", "version: STSv1\r\nmode: %s\r\nmx: %s\r\nmax_age: %d\r\n" % (mode, mx, age)


def publish(web, domain, page, txt="v=STSv1; id=1;"):
    RECORDS.update({("mta-sts." + domain, "A"): ["127.0.0.1"], ("_mta-sts." + domain, "TXT"): [txt], (domain, "MX"): ["10 mx.test"]})
    web.pages["mta-sts." + domain] = page


def deliver(site, domain, how):
    return site.host.wait_log(r"%s: to=<.*>, .*%s" % (send("x@" + domain), how))


def asked(site, domain):
    return site.web.asked.count("mta-sts.%s/.well-known/mta-sts.txt" % domain)


@test
def a_policy_that_is_met_verifies_the_server(site):
    publish(site.web, "good.test", policy())
    mark = len(site.host.log())
    deliver(site, "good.test", r"tls=secure, .*status=sent")
    site.host.wait_log("Verified TLS connection established to mx.test", mark)
    deliver(site, "good.test", "status=sent")
    assert asked(site, "good.test") == 1, site.web.asked


@test
def a_server_that_the_policy_does_not_name_gets_no_mail(site):
    publish(site.web, "wrong.test", policy(mx="*.other.test"))
    deliver(site, "wrong.test", "status=deferred")
    site.host.wait_log("warning: MX name 'mx.test' does not match STS MX pattern for 'wrong.test'")


@test
def testing_and_none_keep_no_mail(site):
    publish(site.web, "trial.test", policy("testing", "*.other.test"))
    publish(site.web, "off.test", policy("none"))
    for domain in ("trial.test", "off.test"):
        deliver(site, domain, r"tls=may, .*status=sent")
        assert asked(site, domain) == 1


@test
def without_a_policy_mail_goes_as_ever(site):
    publish(site.web, "away.test", policy())
    del site.web.pages["mta-sts.away.test"]
    publish(site.web, "html.test", (200, "text/html", policy()[2]))
    publish(site.web, "moved.test", (301, "text/plain", policy()[2]))
    for domain in ("away.test", "html.test", "moved.test"):
        for _ in range(2):
            deliver(site, domain, r"tls=may, .*status=sent")
        assert asked(site, domain) == 1, "it is left alone for a while"
        site.host.wait_log("warning: https://mta-sts.%s/.well-known/mta-sts.txt: answer " % domain)
    RECORDS[("plain.test", "MX")] = ["10 mx.test"]
    deliver(site, "plain.test", r"tls=may, .*status=sent")
    assert asked(site, "plain.test") == 0


@test
def a_policy_stays_in_force_when_it_cannot_be_fetched_any_more(site):
    publish(site.web, "kept.test", policy(mx="*.other.test"))
    deliver(site, "kept.test", "status=deferred")
    del site.web.pages["mta-sts.kept.test"], RECORDS[("_mta-sts.kept.test", "TXT")]
    site.host.run("postfix", "reload")
    deliver(site, "kept.test", "status=deferred")
    assert asked(site, "kept.test") == 1 and os.path.exists(CACHE)


@test
def the_site_says_it_first(site):
    publish(site.web, "wrong.test", policy(mx="*.other.test"))
    site.host.restart(main={**MAIN, "smtp_tls_policy_maps": "inline:{ wrong.test=may }"})
    deliver(site, "wrong.test", "status=sent")
    site.host.restart(main={**MAIN, "relevo_mta_sts": "no"})
    deliver(site, "wrong.test", "status=sent")


MAIN = {"relevo_mta_sts": "yes", "smtp_tls_security_level": "may", "smtp_tls_CAfile": ETC + "/ca.crt", "relevo_https_CAfile": ETC + "/ca.crt",
        "smtp_tls_loglevel": "1", "inet_protocols": "ipv4", "inet_interfaces": "127.0.0.1", "smtp_log_tls_feature_status": "yes",
        "smtp_tcp_port": "2525", "default_destination_concurrency_failed_cohort_limit": "0", "minimal_backoff_time": "1h", "maximal_backoff_time": "2h"}


class Site:
    pass


def prepare(tree, work):
    site = Site()
    furnish(tree, work)
    RECORDS[("mx.test", "A")] = ["127.0.0.1"]
    site.dns = Dns("127.0.0.1", RECORDS)
    site.host, site.pki = Host(), Names(work)
    site.host.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n")
    site.web = Web(site.pki)
    site.mx = Server(ehlo=("STARTTLS",), tls=site.pki.context("mx"), port=2525)
    site.host.configure(main=MAIN)
    write(ETC + "/ca.crt", contents(site.pki.ca))
    site.host.start()
    return site


if __name__ == "__main__":
    main(prepare)
