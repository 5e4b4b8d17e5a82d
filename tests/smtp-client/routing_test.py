"""From a domain to a server: MX, addresses, services, loops, and name servers that do not behave."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent_client import Client, enter, resolver  # noqa: E402
from dialogue_test import equal, sent, status  # noqa: E402
from servers import Dns, Server  # noqa: E402

PORT = 25
ADDRESSES = {"one": "127.0.0.11", "two": "127.0.0.12", "three": "127.0.0.13"}
DOWN = "127.0.0.99"  # nothing listens there
ZONE, servers, cases = {}, {}, []
NOT_FOUND = "Host or domain name not found. Name service error for name=%s type=%s: %s"


def case(f):
    cases.append(f)
    return f


def domain(zone, **records):
    """Records of a domain of its own and of hosts below it."""
    for key, values in records.items():
        host, _, kind = key.rpartition("_")
        ZONE[(host + "." + zone if host else zone, kind)] = values


def go(t, to, **settings):
    settings = dict({"smtp_tcp_port": str(PORT)}, **settings)
    before = {k: v.sessions for k, v in servers.items()}
    lines = t.send(to, **settings)[2]
    return lines, "".join(k + " " for k, v in servers.items() if v.sessions > before[k]).strip()


def fails(lines, dsn, how, text):
    assert ", dsn=%s, status=%s (%s)" % (dsn, how, text) in lines[-1], lines


@case
def the_best_exchanger_gets_the_mail(t):
    domain("best.test", _MX=[(20, "b.best.test"), (10, "a.best.test")], a_A=["127.0.0.11"], b_A=["127.0.0.12"])
    lines, who = go(t, "best.test")
    sent(lines)
    equal(who, "one")
    assert "relay=a.best.test[127.0.0.11]:25," in lines[-1], lines


@case
def the_next_exchanger_is_tried_when_the_best_is_down(t):
    domain("next.test", _MX=[(10, "a.next.test"), (20, "b.next.test")], a_A=[DOWN], b_A=["127.0.0.12"])
    lines, who = go(t, "next.test")
    sent(lines)
    equal(who, "two")
    assert any("connect to a.next.test[127.0.0.99]:25: Connection refused" in x for x in lines), lines


@case
def equal_exchangers_share_the_load(t):
    domain("share.test", _MX=[(10, "a.share.test"), (10, "b.share.test")], a_A=["127.0.0.11"], b_A=["127.0.0.12"])
    seen = {go(t, "share.test")[1] for _ in range(40)}
    equal(seen, {"one", "two"})
    equal({go(t, "share.test", smtp_randomize_addresses="no")[1] for _ in range(8)}, {"one"})


@case
def a_domain_without_mx_is_its_own_exchanger(t):
    domain("plain.test", _A=["127.0.0.13"])
    equal(go(t, "plain.test")[1], "three")
    domain("alias.test", _CNAME="real.test")
    domain("real.test", _A=["127.0.0.12"])
    equal(go(t, "alias.test")[1], "two")


@case
def brackets_mean_no_mx(t):
    domain("direct.test", _MX=[(10, "a.best.test")], _A=["127.0.0.12"])
    equal(go(t, "[direct.test]")[1], "two")
    equal(go(t, "direct.test")[1], "one")
    equal(go(t, "direct.test", smtp_dns_support_level="disabled")[1], "two")
    equal(go(t, "[direct.test]:25", smtp_tcp_port="2525")[1], "two")


@case
def names_that_do_not_exist_bounce(t):
    fails(go(t, "gone.test")[0], "5.4.4", "bounced", NOT_FOUND % ("gone.test", "A", "Host not found"))
    domain("dead.test", _MX=[(10, "a.dead.test")])
    lines = go(t, "dead.test")[0]
    fails(lines, "5.4.4", "bounced", NOT_FOUND % ("a.dead.test", "A", "Host not found"))
    assert any("warning: no MX host for dead.test has a valid address record" in x for x in lines), lines
    fails(go(t, "dead.test", smtp_defer_if_no_mx_address_found="yes")[0], "4.4.4", "deferred",
          NOT_FOUND % ("a.dead.test", "A", "Host not found"))
    fails(go(t, "txt.test")[0], "5.4.4", "bounced", NOT_FOUND % ("txt.test", "A", "Host found but no data record of requested type"))


@case
def a_null_mx_takes_no_mail(t):
    domain("null.test", _MX=[(0, ".")], _A=["127.0.0.11"])
    domain("null2.test", _MX=[(0, "."), (10, "a.best.test")])
    fails(go(t, "null2.test")[0], "5.1.0", "bounced", "Domain null2.test does not accept mail (nullMX)")
    fails(go(t, "null.test")[0], "5.1.0", "bounced", "Domain null.test does not accept mail (nullMX)")


@case
def name_servers_that_fail_defer(t):
    for how in ("SERVFAIL", "SILENT", "REFUSED"):
        domain(how.lower() + ".test", _MX=how)
        fails(go(t, how.lower() + ".test")[0], "4.4.3", "deferred", NOT_FOUND % (how.lower() + ".test", "MX", "Host not found, try again"))
    domain("junk.test", _MX=b"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x3c\xff\xff\x00")
    assert "status=deferred" in go(t, "junk.test")[0][-1]


@case
def mx_failures_can_be_ignored(t):
    domain("lame.test", _MX="SERVFAIL", _A=["127.0.0.11"])
    assert "status=deferred" in go(t, "lame.test")[0][-1]
    equal(go(t, "lame.test", ignore_mx_lookup_error="yes")[1], "one")


@case
def being_the_best_exchanger_is_a_loop(t):
    domain("self.test", _MX=[(10, "me.self.test"), (20, "b.self.test")], me_A=["127.0.0.1"], b_A=["127.0.0.12"])
    lines, who = go(t, "self.test")
    fails(lines, "5.4.6", "bounced", "mail for self.test loops back to myself")
    equal(who, "")
    domain("proxy.test", _MX=[(10, "a.best.test")])
    fails(go(t, "proxy.test", proxy_interfaces="127.0.0.11")[0], "5.4.6", "bounced", "mail for proxy.test loops back to myself")
    domain("me.test", _A=["127.0.0.1"])
    fails(go(t, "me.test")[0], "5.4.6", "bounced", "mail for me.test loops back to myself")


@case
def exchangers_worse_than_ourselves_are_left_out(t):
    domain("backup.test", _MX=[(10, "a.backup.test"), (20, "me.self.test"), (30, "c.backup.test")], a_A=[DOWN], c_A=["127.0.0.13"])
    lines, who = go(t, "backup.test", smtp_fallback_relay="[127.0.0.12]")
    fails(lines, "4.4.1", "deferred", "connect to a.backup.test[127.0.0.99]:25: Connection refused")
    equal(who, "", "neither a worse exchanger nor the fallback relay")


@case
def a_transport_can_take_what_loops(t):
    name = t.agent(smtp_tcp_port=str(PORT))
    lines, who = go(t, "self.test", best_mx_transport="%s:[127.0.0.13]" % name)
    sent(lines)
    equal(who, "three")
    assert any("passing <a@there.test> to transport=%s" % name in x for x in lines), lines


@case
def the_fallback_relay_knows_what_dns_does_not(t):
    equal(go(t, "gone.test", smtp_fallback_relay="[127.0.0.12]")[1], "two")


@case
def at_most_so_many_addresses_and_sessions(t):
    domain("many.test", _MX=[(10, "a.many.test")], a_A=[DOWN, "127.0.0.98", "127.0.0.97", "127.0.0.96", "127.0.0.95", "127.0.0.94", "127.0.0.93"])
    lines = go(t, "many.test")[0]
    equal(sum("connect to a.many.test[" in x and x.startswith("connect") for x in lines), 5)
    grumpy = [Server({"MAIL": "451 4.3.0 later"}, address="127.0.0.%d" % n, port=PORT) for n in (21, 22, 23)]
    domain("grumpy.test", _MX=[(10, "a.grumpy.test"), (20, "b.grumpy.test"), (30, "c.grumpy.test")],
           a_A=["127.0.0.21"], b_A=["127.0.0.22"], c_A=["127.0.0.23"])
    lines = go(t, "grumpy.test")[0]
    fails(lines, "4.3.0", "deferred", "host b.grumpy.test[127.0.0.22] said: 451 4.3.0 later (in reply to MAIL FROM command)")
    equal([s.sessions for s in grumpy], [1, 1, 0])


@case
def names_that_are_no_host_names_are_dropped(t):
    domain("odd.test", _MX=[(10, "bad;name.test"), (20, "a.best.test")])
    lines, who = go(t, "odd.test")
    equal(who, "one")
    assert any("warning: valid_hostname: invalid character 92(decimal): bad\\;name.test" in x for x in lines), lines
    assert any("warning: malformed domain name in resource data of MX record for odd.test: bad\\;name.test" in x for x in lines), lines
    domain("odder.test", _MX=[(10, "a\r\nb\x1b.test")])
    lines = go(t, "odder.test")[0]
    fails(lines, "5.4.4", "bounced", "Name service error for name=odder.test type=MX: Malformed or unexpected name server reply")
    assert not any("\x1b" in x for x in lines), lines


@case
def an_address_as_exchanger_works_with_a_warning(t):
    domain("numeric.test", _MX=[(10, "127.0.0.12")])
    lines, who = go(t, "numeric.test")
    equal(who, "two")
    assert any("warning: numeric domain name in resource data of MX record for numeric.test: 127.0.0.12" in x for x in lines), lines


@case
def large_answers_come_by_tcp_and_are_bounded(t):
    domain("large.test", _MX=[(n, "host%d.large.test" % n) for n in range(1, 400)], host1_A=["127.0.0.11"])
    lines, who = go(t, "large.test")
    equal(who, "one")
    assert ("large.test", "MX", "tcp") in dns.queries
    asked = [q for q in dns.queries if q[0].startswith("host")]
    assert len(asked) <= 100, len(asked)


@case
def names_in_utf8_are_asked_for_in_ascii(t):
    ZONE[("xn--bcher-kva.test", "A")] = ["127.0.0.11"]
    for name in ("bücher.test", "BÜCHER.test", "bu\u0308cher.test"):
        lines, who = go(t, name.encode().decode("latin-1"))
        equal(who, "one")
        assert "relay=xn--bcher-kva.test[127.0.0.11]:25," in lines[-1], lines
    fails(go(t, "g\u00fcne.test".encode().decode("latin-1"))[0], "5.4.4", "bounced", NOT_FOUND % ("xn--gne-hoa.test", "A", "Host not found"))


@case
def impossible_names_are_not_asked_for(t):
    for bad in ("a..test", "a\\032b.test", "x" * 64 + ".test", ".test"):
        n = len(dns.queries)
        fails(go(t, bad)[0], "4.3.5", "deferred", "bad host or service in destination: " + bad)
        equal(len(dns.queries), n, bad)


# ---------------------------------------------------------------- hops that the site names

def waits(lines, parameter, text):
    fails(lines, "4.3.5", "deferred", text)
    equal(sum(x == "warning: %s configuration problem" % parameter for x in lines), 1, lines)


FAULTS = [("gone.test", NOT_FOUND % ("gone.test", "A", "Host not found")),
          ("[gone.test]", NOT_FOUND % ("gone.test", "A", "Host not found")),
          ("gone.test:26", NOT_FOUND % ("gone.test", "A", "Host not found")),
          ("[gone.test]:26", NOT_FOUND % ("gone.test", "A", "Host not found")),
          ("txt.test", NOT_FOUND % ("txt.test", "A", "Host found but no data record of requested type")),
          ("dead2.test", NOT_FOUND % ("a.dead2.test", "A", "Host not found")),
          ("null3.test", "Domain null3.test does not accept mail (nullMX)"),
          ("self2.test", "mail for self2.test loops back to myself"),
          ("[me.self2.test]", "mail for me.self2.test loops back to myself"),
          ("[unclosed.test", "bad host or service in destination: [unclosed.test"),
          ("lmtp:host.test:24", "bad host or service in destination: lmtp:host.test:24"),
          ("best.test:no-such-port", "bad host or service in destination: best.test:no-such-port"),
          ("gone2.test, gone.test", NOT_FOUND % ("gone.test", "A", "Host not found"))]


def faulty_hops():
    domain("null3.test", _MX=[(0, ".")])
    domain("dead2.test", _MX=[(10, "a.dead2.test")])
    domain("self2.test", _MX=[(10, "me.self2.test")], me_A=["127.0.0.1"])


@case
def faults_of_the_relayhost_wait(t):
    faulty_hops()
    for hop, text in FAULTS:
        waits(go(t, hop, relayhost=hop)[0], "relayhost", text)
    waits(go(t, "gone.test", relayhost="gone2.test gone.test")[0], "relayhost", NOT_FOUND % ("gone.test", "A", "Host not found"))
    # A domain that mail is addressed to, and not the site's own hop.
    fails(go(t, "gone.test", relayhost="[best.test]")[0], "5.4.4", "bounced", NOT_FOUND % ("gone.test", "A", "Host not found"))


@case
def faults_of_the_fallback_relay_wait(t):
    faulty_hops()
    domain("down.test", _A=[DOWN])
    for hop, text in FAULTS:
        for to in ("down.test", "null3.test", "gone9.test"):
            waits(go(t, to, smtp_fallback_relay=hop)[0], "smtp_fallback_relay", text)
    waits(go(t, "gone9.test", relayhost="gone9.test", smtp_fallback_relay="gone.test")[0], "smtp_fallback_relay",
          NOT_FOUND % ("gone.test", "A", "Host not found"))


@case
def a_hop_that_works_makes_up_for_one_that_does_not(t):
    for settings in (dict(relayhost="gone.test, best.test"), dict(smtp_fallback_relay="[unclosed [127.0.0.11]"),
                     dict(relayhost="gone.test", smtp_fallback_relay="gone2.test, best.test")):
        lines, who = go(t, settings.get("relayhost", "gone.test"), **settings)
        sent(lines)
        equal(who, "one")
        assert not any("configuration problem" in x for x in lines), lines


@case
def addresses_of_a_family_that_is_not_in_use_lead_nowhere(t):
    for hop in ("[::1]:25", "[IPv6:::1]:25"):
        text = "Name service error for ::1: invalid host or domain name"
        fails(go(t, hop)[0], "5.4.4", "bounced", text)
        waits(go(t, hop, relayhost=hop)[0], "relayhost", text)


@case
def what_may_work_later_is_no_fault_of_the_configuration(t):
    domain("down.test", _A=[DOWN])
    domain("servfail2.test", _MX="SERVFAIL")
    for hop in ("down.test", "servfail2.test"):
        for settings in (dict(relayhost=hop), dict(smtp_fallback_relay=hop)):
            lines = go(t, hop, **settings)[0]
            assert "dsn=4.4." in lines[-1] and not any("configuration problem" in x for x in lines), lines


@case
def a_relayhost_that_turns_out_to_be_ourselves_waits(t):
    mirror = Server({"EHLO": "250-mail.here.test\n250 8BITMIME"}, address="127.0.0.14", port=25)
    text = "mail for [127.0.0.14] loops back to myself"
    settings = dict(myhostname="mail.here.test", smtp_tcp_port="25")
    fails(go(t, "[127.0.0.14]", **settings)[0], "5.4.6", "bounced", text)
    waits(go(t, "[127.0.0.14]", relayhost="[127.0.0.14]", **settings)[0], "relayhost", text)
    waits(go(t, "gone.test", smtp_fallback_relay="[127.0.0.14]", **settings)[0], "smtp_fallback_relay", "mail for gone.test loops back to myself")
    equal(mirror.sessions, 3)


@case
def another_port_is_another_server(t):
    """Of this host, too: loops are made by what listens on port 25."""
    domain("filter.test", _A=["127.0.0.1"])
    there = Server(address="127.0.0.1", port=10026)
    for settings in (dict(smtp_tcp_port="10026"), dict(relayhost="[filter.test]:10026")):
        sent(go(t, settings.get("relayhost", "filter.test"), **settings)[0])
    equal(there.sessions, 2)


@case
def a_hop_in_brackets_may_be_ourselves_too(t):
    domain("me.test", _A=["127.0.0.1"])
    for hop in ("[me.test]", "[me.test]:25", "[127.0.0.1]"):
        lines, who = go(t, hop, smtp_fallback_relay="[127.0.0.12]")
        fails(lines, "5.4.6", "bounced", "mail for %s loops back to myself" % hop[1:].split("]")[0])
        equal(who, "")
    # Another port is another program: a content filter.
    fails(go(t, "[127.0.0.1]:2526")[0], "4.4.1", "deferred", "connect to 127.0.0.1[127.0.0.1]:2526: Connection refused")


@case
def one_bad_hop_is_no_trouble_for_others(t):
    name = t.agent(smtp_tcp_port=str(PORT))
    for bad in ("[unclosed", "smtp:lmtp:host:port", ",", "best.test:0", "[]", ":25", "best.test::25", "[best.test]25"):
        fails(go(t, bad)[0], "4.3.5", "deferred", "bad host or service in destination: " + bad)
        lines, who = go(t, "best.test")
        sent(lines)
    equal(t.agent(smtp_tcp_port=str(PORT)), name)


@case
def a_default_port_that_is_none_defers(t):
    lines = go(t, "best.test", smtp_tcp_port="no-such-port")[0]
    fails(lines, "4.3.5", "deferred", "bad host or service in destination: best.test")
    equal(go(t, "best.test:25", smtp_tcp_port="no-such-port")[1], "one")


@case
def services_are_found_by_srv_records(t):
    ZONE[("_submission._tcp.srv.test", "SRV")] = [(10, 5, 25, "a.best.test"), (20, 5, 1, "b.best.test")]
    srv = {"use_srv_lookup": "submission"}
    lines, who = go(t, "srv.test:submission", **srv)
    equal(who, "one")
    fails(go(t, "nosrv.test:submission", **srv)[0], "5.4.4", "bounced", NOT_FOUND % ("_submission._tcp.nosrv.test", "SRV", "Host not found"))
    domain("nosrv.test", _MX=[(10, "a.best.test")])
    assert "a.best.test[127.0.0.11]:587: Connection refused" in go(t, "nosrv.test:submission", allow_srv_lookup_fallback="yes", **srv)[0][-1]


@case
def a_filter_hides_records(t):
    domain("filter.test", _MX=[(10, "a.best.test"), (20, "b.best.test")])
    lines, who = go(t, "filter.test", smtp_dns_reply_filter="regexp:{{/ IN MX 10 / IGNORE}}")
    equal(who, "two")
    lines = go(t, "filter.test", smtp_dns_reply_filter="regexp:{{/ IN MX / IGNORE}}")[0]
    fails(lines, "4.7.0", "deferred", "Error looking up name=filter.test type=MX: DNS reply filter drops all results")
    assert any(x.startswith("ignoring DNS RR: filter.test. ") and x.endswith(" IN MX 10 a.best.test.") for x in lines), lines


@case
def names_can_be_completed(t):
    domain("corp.search.test", _A=["127.0.0.13"])
    fails(go(t, "corp")[0], "5.4.4", "bounced", NOT_FOUND % ("corp", "A", "Host not found"))
    equal(go(t, "corp", smtp_dns_resolver_options="res_defnames")[1], "three")
    equal(go(t, "[corp]", smtp_dns_resolver_options="res_dnsrch")[1], "three")


@case
def the_hosts_file_counts_with_native_lookups(t):
    equal(go(t, "[inhosts.test]", smtp_host_lookup="native, dns")[1], "two")
    assert "status=bounced" in go(t, "[inhosts.test]")[0][-1]


dns = None


def main(binary, only):
    global dns
    enter()
    t, bad = Client(os.path.realpath(binary)), 0
    try:
        resolver(t, hosts="127.0.0.1 localhost\n127.0.0.12 inhosts.test\n", search="search search.test\n")
        ZONE[("txt.test", "TXT")] = ["x"]
        dns = Dns(ZONE, big=("large.test",))
        servers.update({k: Server(address=v, port=PORT) for k, v in ADDRESSES.items()})
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
