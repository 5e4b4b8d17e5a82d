#!/usr/bin/env python3
"""debconf's questions: the keys that Debian's package has, in English and Spanish, and the script that asks them, which
speaks here with a frontend that answers from a table."""
import os
import re
import subprocess

from scratch import SOURCE, Scratch, main, read, test

CONFMODULE = "/usr/share/debconf/confmodule"
KEYS = {  # name: type, default
    "main_mailer_type": ("select", "Internet Site"), "not_configured": ("error", None), "mailname": ("string", "/etc/mailname"),
    "rfc1035_violation": ("boolean", "false"), "relayhost": ("string", None), "root_address": ("string", None), "destinations": ("string", None),
    "chattr": ("boolean", "false"), "mynetworks": ("string", "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128"), "procmail": ("boolean", "false"),
    "mailbox_limit": ("string", "0"), "recipient_delim": ("string", "+"), "bad_recipient_delimiter": ("error", None),
    "protocols": ("select", None), "newaliases": ("boolean", "false")}
ORDER = ["main_mailer_type", "mailname", "relayhost", "root_address", "destinations", "chattr", "mynetworks", "procmail", "mailbox_limit",
         "recipient_delim", "protocols"]
BACK = object()
LEVELS = ["low", "medium", "high", "critical"]


def templates():
    found = {}
    for block in read(SOURCE + "/debian/templates").strip().split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][-A-Za-z.0-9]*): ?(.*)$", block, re.M))
        found[fields["Template"]] = fields
    return found


class Frontend:
    """What debconf keeps, and a user who sees questions from a priority on.  `user` has a list of answers for a question;
    BACK is the button; without a list, or at its end, the user agrees with what stands there."""

    def __init__(self, level="critical", preseed=None, **user):
        self.level, self.user, self.asked, self.shown = level, {k: list(v) for k, v in user.items()}, [], {}
        self.values = {"postfix/" + k: v[1] or "" for k, v in KEYS.items()}
        self.flags = {("postfix/" + k, "seen") for k in preseed or {}}
        self.values.update({"postfix/" + k: v for k, v in (preseed or {}).items()})
        self.pending = []

    def do_input(self, level, key):
        if LEVELS.index(level) < LEVELS.index(self.level):
            return "30 question skipped"
        self.pending.append((level, key))
        return "0 question will be asked"

    def do_go(self):
        for level, key in self.pending:
            name = key.split("/")[1]
            self.asked.append(name)
            self.shown[name] = (level, self.values[key])
            script = self.user.get(name)
            answer = script.pop(0) if script else self.values[key]
            if answer is BACK:
                self.pending = []
                return "30 backup"
            self.values[key] = answer
        self.pending = []
        return "0 ok"

    def answer(self, line):
        verb, *words = line.split(" ", 3)
        if verb == "INPUT":
            return self.do_input(*words[:2])
        if verb == "GO":
            return self.do_go()
        if verb == "GET":
            return "0 " + self.values[words[0]]
        if verb == "SET":
            self.values[words[0]] = line.split(" ", 2)[2] if len(words) > 1 else ""
        if verb == "FGET":
            return "0 " + ("true" if (words[0], words[1]) in self.flags else "false")
        if verb == "FSET":
            (self.flags.add if words[2] == "true" else self.flags.discard)((words[0], words[1]))
        return "0 ok"

    def changed(self):
        return {k.split("/")[1] for k, flag in self.flags if flag == "changed"}

    def __getitem__(self, name):
        return self.values["postfix/" + name]

    def run(self, host):
        script = read(SOURCE + "/debian/config.in").replace("@DEFAULTS@\n", read(SOURCE + "/setup/defaults.sh"))
        host.write("/config", script)
        p = subprocess.Popen(["sh", host.root + "/config", "configure", ""], env=dict(host.env, DEBIAN_HAS_FRONTEND="1"), text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for line in p.stdout:
            line = line.rstrip("\n")
            if line == "STOP":
                break
            p.stdin.write(self.answer(line) + "\n")
            p.stdin.flush()
        p.stdin.close()
        assert p.wait(30) == 0
        return self


MAIN_CF = "mydestination = here.example\nrelayhost =\nmynetworks = 192.0.2.0/24\nrecipient_delimiter = -\nmailbox_size_limit = 77\ninet_protocols = ipv4\n"


@test
def the_keys_are_those_of_debians_package_in_two_languages(_tools):
    found = templates()
    assert sorted(found) == sorted("postfix/" + k for k in KEYS)
    for name, (kind, default) in KEYS.items():
        t = found["postfix/" + name]
        assert t["Type"] == kind and t.get("Default") == default, t
        assert t["Description"] and t["Description-es.UTF-8"], t
        if kind == "select":
            assert len(t["Choices"].split(", ")) == len(t["Choices-es.UTF-8"].split(", ")), t
    assert found["postfix/main_mailer_type"]["Choices"] == "No configuration, Internet Site, Internet with smarthost, Satellite system, Local only"
    assert found["postfix/protocols"]["Choices"] == "all, ipv6, ipv4"


@test
def a_new_host_that_nobody_sits_at_becomes_an_internet_site(tools):
    with Scratch(tools) as host:
        f = Frontend().run(host)
        assert f.asked == [] and f["main_mailer_type"] == "Internet Site" and f["mailname"] == "mail.example.org"
        assert f["destinations"] == "$myhostname, mail.example.org, localhost.example.org, , localhost" and f["protocols"] == "all"


@test
def questions_come_in_their_order_with_their_priorities(tools):
    with Scratch(tools) as host:
        host.write("/usr/bin/procmail", "", 0o755)
        f = Frontend("low", main_mailer_type=["Internet with smarthost"]).run(host)
        assert f.asked == ORDER, f.asked
        assert [f.shown[k][0] for k in ORDER] == ["high"] * 3 + ["medium"] * 3 + ["low"] * 5
        assert f.shown["relayhost"][1] == "smtp.example.org" and f.shown["procmail"][1] == "true"
    with Scratch(tools) as host:
        assert Frontend("low").run(host).asked == [k for k in ORDER if k not in ("relayhost", "procmail")]
        assert Frontend("medium", main_mailer_type=["Local only"]).run(host).asked == ["main_mailer_type", "mailname", "root_address", "chattr"]
        assert Frontend("high", main_mailer_type=["No configuration"]).run(host).asked == ["main_mailer_type", "not_configured"]


@test
def answers_in_advance_count(tools):
    with Scratch(tools) as host:
        f = Frontend(preseed={"main_mailer_type": "Satellite system", "mailname": "example.org", "relayhost": "[gate.example.org]",
                              "destinations": "only.example", "protocols": "ipv6"}).run(host)
        assert (f["mailname"], f["relayhost"], f["destinations"], f["protocols"]) == ("example.org", "[gate.example.org]", "only.example", "ipv6")


@test
def back_leads_to_the_last_question_that_was_seen(tools):
    with Scratch(tools) as host:
        f = Frontend("high", main_mailer_type=["Internet with smarthost"], mailname=["a.example", "b.example"], relayhost=[BACK, "[r.example]"]).run(host)
        assert f.asked == ["main_mailer_type", "mailname", "relayhost", "mailname", "relayhost"], f.asked
        assert f["mailname"] == "b.example" and f["relayhost"] == "[r.example]"
    with Scratch(tools) as host:
        f = Frontend("high", main_mailer_type=[BACK, "Internet Site", "Local only"], mailname=[BACK, "a.example"]).run(host)
        assert f.asked == ["main_mailer_type", "main_mailer_type", "mailname", "main_mailer_type", "mailname"], f.asked
        assert f["main_mailer_type"] == "Local only" and f["mailname"] == "a.example"
    with Scratch(tools) as host:  # a default follows the answer before it; what somebody wrote stays
        f = Frontend("medium", mailname=["typo.example", "right.example"], destinations=[BACK], root_address=["ana", BACK]).run(host)
        assert "right.example" in f["destinations"] and "typo" not in f["destinations"] and f["root_address"] == "ana", f.values


@test
def a_bad_answer_is_asked_again(tools):
    with Scratch(tools) as host:
        f = Frontend("low", main_mailer_type=["Internet with smarthost"], mailname=["a b", "b.example"], rfc1035_violation=["false"],
                     relayhost=["one, two", "one.example"], recipient_delim=["++", "-"], mailbox_limit=["much", "10"]).run(host)
        assert (f["mailname"], f["relayhost"], f["recipient_delim"], f["mailbox_limit"]) == ("b.example", "one.example", "-", "10")
        assert "bad_recipient_delimiter" in f.asked and f.asked.count("mailname") == 2
        f = Frontend("high", mailname=["a b"], rfc1035_violation=["true"]).run(host)
        assert f["mailname"] == "a b" and f.asked.count("mailname") == 1
        f = Frontend(preseed={"mailname": "a b", "recipient_delim": "++"}).run(host)
        assert f["mailname"] == "a b"


@test
def an_upgrade_and_a_reconfiguration_without_a_person_change_nothing(tools):
    with Scratch(tools) as host:
        host.write("/etc/postfix/main.cf", MAIN_CF)
        f = Frontend().run(host)
        assert f["main_mailer_type"] == "No configuration" and f.changed() == set()
        assert Frontend(preseed={"main_mailer_type": "Internet Site"}).run(host).changed() == set()


@test
def a_person_sees_what_main_cf_says_and_only_changes_are_marked(tools):
    with Scratch(tools) as host:
        host.write("/etc/postfix/main.cf", MAIN_CF)
        host.write("/etc/mailname", "here.example\n")
        stale = {"main_mailer_type": "Internet Site", "mynetworks": "127.0.0.0/8", "mailname": "old.example", "recipient_delim": "+"}
        f = Frontend("low", preseed=stale).run(host)
        assert f.changed() == set(), f.changed()
        assert [f.shown[k][1] for k in ("mailname", "destinations", "mynetworks", "mailbox_limit", "recipient_delim", "protocols")] == [
            "here.example", "here.example", "192.0.2.0/24", "77", "-", "ipv4"]
        f = Frontend("low", preseed=stale, mailbox_limit=["0"], mailname=["a b"], rfc1035_violation=["true"]).run(host)
        assert f.changed() == {"mailbox_limit", "mailname"}, f.changed()


@test
def another_kind_of_site_has_another_relay_host(tools):
    with Scratch(tools) as host:
        host.write("/etc/postfix/main.cf", "relayhost = [gate.example]\n")
        f = Frontend("high", preseed={"main_mailer_type": "Satellite system", "relayhost": "[gate.example]"}, main_mailer_type=["Internet Site"]).run(host)
        assert f["relayhost"] == "" and f.changed() == {"main_mailer_type", "relayhost"}, f.changed()
        host.write("/etc/postfix/main.cf", "relayhost =\n")
        f = Frontend("high", preseed={"main_mailer_type": "Internet Site", "relayhost": ""}, main_mailer_type=["Satellite system"]).run(host)
        assert f.shown["relayhost"][1] == "smtp.example.org"


if not os.path.exists(CONFMODULE):
    print("there is no " + CONFMODULE)
    raise SystemExit(77)
main()
