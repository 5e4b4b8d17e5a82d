"""local, virtual, pipe, error and discard as the queue manager sees them.  Arguments: the five programs."""
import glob
import os
import pwd
import shutil
import sys
import unittest

import agent
from agent import Agent, read, write

OUT = "/home/out"


def one_line(case, got, want, mark="D"):
    marks, reply, lines = got
    case.assertEqual(lines, [want])
    case.assertEqual(marks, mark)
    case.assertEqual(reply["result"], "0" if set(mark) == {"D"} else "1")


class HostileUser(unittest.TestCase):
    """What luis can write into his own files to keep the agent busy."""

    @classmethod
    def setUpClass(cls):
        cls.agent = Agent(dict(recipient_delimiter="+", command_time_limit="1s", duplicate_filter_limit="10")).start(sys.argv[1], "local")

    @classmethod
    def tearDownClass(cls):
        os.unlink("/home/luis/.forward")
        cls.agent.stop()

    def deliver(self, **more):
        return self.agent.deliver("local", ["luis@example.test"], **more)

    def test_a_fifo_that_is_not_read_is_given_up(self):
        os.mkfifo("/home/luis/fifo")
        shutil.chown("/home/luis/fifo", "luis")
        reader = os.open("/home/luis/fifo", os.O_RDONLY | os.O_NONBLOCK)
        write("/home/luis/.forward", "/home/luis/fifo\n", "luis")
        one_line(self, self.deliver(body="y\n" * 100000),
                 "to=<luis@example.test>, relay=local, dsn=4.2.0, status=deferred (cannot append message to file /home/luis/fifo: error writing message: Connection timed out)", "R")
        os.close(reader)

    def test_files_that_include_each_other_twice_do_not_double_the_work(self):
        for n in range(60):
            write("/home/luis/list%d" % n, ":include:/home/luis/list%d\n:include:/home/luis/./list%d\n" % (n + 1, n + 1), "luis")
        write("/home/luis/list60", "luis\n", "luis")
        write("/home/luis/.forward", "".join("/home/luis/box%d\n" % n for n in range(20)) + ":include:/home/luis/list0\n", "luis")
        marks, reply, lines = self.deliver()
        self.assertEqual((marks, reply["result"], len(lines)), ("D", "0", 20 + 1))


class Strangers(unittest.TestCase):
    """luser_relay takes the mail of those who have no account."""

    def relayed(self, to, user, **more):
        a = Agent(dict(recipient_delimiter="+-", luser_relay=to, **more)).start(sys.argv[1], "local")
        try:
            return a.deliver("local", [user + "@example.test"])
        finally:
            a.stop()

    def test_a_relay_that_leads_back_loses_no_mail(self):
        for to in ("nosuch", "$recipient", "$local@example.test", "NoSuch"):
            one_line(self, self.relayed(to, "nosuch"), 'to=<%s@example.test>, relay=local, dsn=5.1.1, status=bounced (unknown user: "nosuch")' % to.split("@")[0].replace("$local", "nosuch").replace("$recipient", "nosuch"))

    def test_the_delimiter_is_that_of_the_address_or_the_first(self):
        for user, box in (("nosuch", "ana+x"), ("nosuch-y", "ana-xy"), ("nosuch+y", "ana+xy")):
            one_line(self, self.relayed("ana${recipient_delimiter}x$extension", user),
                     "to=<%s@example.test>, orig_to=<%s@example.test>, relay=local, dsn=2.0.0, status=sent (delivered to mailbox)" % (box, user))


class Unfrozen(unittest.TestCase):
    """frozen_delivered_to = no: who is expanded goes into the header, not who is to be."""

    def test_a_new_message_names_the_last_that_was_expanded(self):
        a = Agent(dict(frozen_delivered_to="no"), "list ana, paco, x@far.test\nowner-list enrique\nouter list\nplain ana\n")
        a.start(sys.argv[1], "local")
        self.addCleanup(a.stop)
        for name, said in (("list", "list"), ("outer", "list")):
            a.deliver("local", [name + "@example.test"])
            self.assertIn(agent.record("N", "Delivered-To: %s@example.test" % said), a.messages[-1])
        box = a.mail + "/ana"
        if os.path.exists(box):
            os.unlink(box)
        a.deliver("local", ["plain@example.test"])
        self.assertIn("\nDelivered-To: ana@example.test\n", read(box))


class Owners(unittest.TestCase):
    def test_the_mark_of_a_mailbox_is_no_part_of_its_name(self):
        a = Agent(dict(), "list \\ana, paco\nowner-list enrique\n").start(sys.argv[1], "local")
        self.addCleanup(a.stop)
        a.deliver("local", ["list@example.test"])
        self.assertIn(agent.record("O", "ana@example.test") + agent.record("R", "\\ana@example.test") + agent.record("R", "paco@example.test"),
                      a.messages[-1])

    def test_owners_are_ordinary_aliases_where_the_site_says_so(self):
        a = Agent(dict(owner_request_special="no", expand_owner_alias="yes", reset_owner_alias="yes"), "list ana\nowner-list enrique\n")
        a.start(sys.argv[1], "local")
        self.addCleanup(a.stop)
        for name, end in (("list", "ana"), ("owner-list", "enrique")):
            one_line(self, a.deliver("local", [name + "@example.test"]), "to=<%s@example.test>, orig_to=<%s@example.test>, "
                     "relay=local, dsn=2.0.0, status=sent (delivered to mailbox)" % (end, name))


class Local(unittest.TestCase):
    ALIASES = """root enrique
list ana, x@far.test
owner-list enrique
cmd "|cat > %(o)s/cmd; echo $USER $SENDER > %(o)s/cmdenv"
exit67 "|echo no such thing; exit 67"
busy "|echo 4.2.1 busy; exit 1"
loopa loopb
loopb loopa
self self, paco
file %(o)s/box
prog %(o)s/prog
maildir %(o)s/md/
secret /root/secret
include :include:%(o)s/list
restricted :include:%(o)s/cmdlist
longlist :include:%(o)s/longlist
none ()
nogroup group:;
noaddress , <>
""" % {"o": OUT}

    @classmethod
    def setUpClass(cls):
        os.makedirs(OUT, exist_ok=True)
        os.chmod(OUT, 0o1777)
        write(OUT + "/prog", "", "nobody", 0o777)
        write(OUT + "/list", "# comment\npaco\n")
        write(OUT + "/cmdlist", '"|id"\n')
        write("/home/luis/.forward", "paco@example.test, luis\n", "luis")
        write("/home/luis/.forward+cmd", '"|id -un > %s/who"\n' % OUT, "luis")
        cls.agent = Agent(dict(recipient_delimiter="+"), cls.ALIASES).start(sys.argv[1], "local").start(sys.argv[5], "discard")

    @classmethod
    def tearDownClass(cls):
        cls.agent.stop()

    def deliver(self, user, **more):
        return self.agent.deliver("local", [user + "@example.test"], **more)

    def forwarded(self, address):
        write("/home/ana/.forward+odd", address + "\n", "ana")
        return self.deliver("ana+odd")

    def test_mail_arrives_in_the_mailbox_of_its_owner(self):
        box = self.agent.mail + "/enrique"
        if os.path.exists(box):
            os.unlink(box)
        one_line(self, self.deliver("enrique"), "to=<enrique@example.test>, relay=local, dsn=2.0.0, status=sent (delivered to mailbox)")
        self.assertRegex(read(box), r"\AFrom s@remote.test  \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n"
                         r"Return-Path: <s@remote.test>\nX-Original-To: enrique@example.test\n"
                         r"Delivered-To: enrique@example.test\nSubject: x\n\nhello\n\n")
        self.assertEqual((os.stat(box).st_uid, os.stat(box).st_mode & 0o7777), (agent.FIRST_UID, 0o600))

    def test_an_alias_keeps_the_original_recipient(self):
        one_line(self, self.deliver("root"),
                 "to=<enrique@example.test>, orig_to=<root@example.test>, relay=local, dsn=2.0.0, status=sent (delivered to mailbox)")

    def test_a_list_with_an_owner_leaves_as_a_new_message(self):
        before = len(self.agent.messages)
        marks, _, lines = self.deliver("list")
        self.assertEqual(lines, ["to=<list@example.test>, relay=local, dsn=2.0.0, status=sent (forwarded as NEW%d)" % before])
        text = self.agent.messages[before]
        self.assertIn(agent.record("S", "owner-list@example.test"), text)
        self.assertIn(agent.record("R", "ana@example.test") + agent.record("R", "x@far.test") + agent.record("M"), text)
        self.assertIn(agent.record("N", "Delivered-To: list@example.test"), text)

    def test_a_new_message_is_as_remote_as_the_one_it_comes_from(self):
        for context in ("remote", "local"):
            self.deliver("list", rewrite_context=context)
            self.assertIn(agent.record("A", "rewrite_context=" + context), self.agent.messages[-1])

    def test_a_changed_alias_counts_at_once(self):
        path = self.agent.root + "/aliases"
        write(path + ".new", self.ALIASES + "fresh paco\n")
        os.rename(path + ".new", path)
        self.assertEqual(self.deliver("fresh")[2][-1],
                         "to=<paco@example.test>, orig_to=<fresh@example.test>, relay=local, dsn=2.0.0, status=sent (delivered to mailbox)")

    def test_commands_of_aliases_run_without_rights(self):
        one_line(self, self.deliver("cmd"), "to=<cmd@example.test>, relay=local, dsn=2.0.0, status=sent (delivered to command: "
                 "cat > %s/cmd; echo $USER $SENDER > %s/cmdenv)" % (OUT, OUT))
        self.assertRegex(read(OUT + "/cmd"), r"\AFrom s@remote.test  .*\nReturn-Path: <s@remote.test>\n")
        self.assertEqual(read(OUT + "/cmdenv"), "cmd s@remote.test\n")
        self.assertEqual(os.stat(OUT + "/cmd").st_uid, 65534)

    def test_exit_status_and_output_decide(self):
        one_line(self, self.deliver("exit67"), "to=<exit67@example.test>, relay=local, dsn=5.1.1, status=bounced "
                 "(user unknown. Command output: no such thing )")
        one_line(self, self.deliver("busy"), "to=<busy@example.test>, relay=local, dsn=4.2.1, status=deferred (busy )", "R")

    def test_aliases_in_a_circle_bounce(self):
        _, _, lines = self.deliver("loopa")
        self.assertEqual(lines, ["warning: alias database loop for loopb", "to=<loopb@example.test>, orig_to=<loopa@example.test>, "
                                 "relay=local, dsn=5.4.6, status=bounced (alias database loop for loopb)"])

    def test_an_alias_that_names_itself_means_the_account(self):
        _, _, lines = self.deliver("self")
        self.assertEqual([line.split("dsn=")[1] for line in lines], ['5.1.1, status=bounced (unknown user: "self")',
                                                                     "2.0.0, status=sent (delivered to mailbox)"])

    def test_files_of_aliases_are_written_without_rights(self):
        one_line(self, self.deliver("file"), "to=<file@example.test>, relay=local, dsn=2.0.0, status=sent (delivered to file: %s/box)" % OUT)
        one_line(self, self.deliver("prog"), "to=<prog@example.test>, relay=local, dsn=5.7.1, status=bounced "
                 "(cannot append message to file %s/prog: file is executable)" % OUT)
        one_line(self, self.deliver("maildir"), "to=<maildir@example.test>, relay=local, dsn=2.0.0, status=sent (delivered to maildir)")
        self.assertEqual(self.deliver("secret")[2][-1], "to=<secret@example.test>, relay=local, dsn=5.2.0, status=bounced "
                         "(cannot append message to file /root/secret: cannot open file: Permission denied)")

    def test_include_files_name_addresses_but_no_commands(self):
        before = len(self.agent.messages)
        one_line(self, self.deliver("include"), "to=<include@example.test>, relay=local, dsn=2.0.0, status=sent (forwarded as NEW%d)" % before)
        self.assertIn(agent.record("R", "paco@example.test"), self.agent.messages[before])
        one_line(self, self.deliver("restricted"), "to=<restricted@example.test>, relay=local, dsn=5.7.1, status=bounced "
                 "(mail to command is restricted)")

    def test_an_address_that_no_record_holds_is_returned_alone(self):
        domain = "@far.test"
        fits, long = ("l" * (16 * 1024 - len(domain) + more) + domain for more in (0, 1))
        write(OUT + "/longlist", "paco\n%s\n%s\nluis\n" % (long, fits))
        before = len(self.agent.messages)
        _, _, lines = self.deliver("longlist")
        self.assertEqual([line.split("status=")[1][:40] for line in lines], ["bounced (address is too long: " + 10 * "l",
                                                                              "sent (forwarded as NEW%d)" % before])
        self.assertEqual([r in self.agent.messages[before] for r in (agent.record("R", "paco@example.test"), agent.record("R", fits),
                                                                     agent.record("R", "luis@example.test"))], [True, True, True])

    def test_who_names_nobody_loses_no_mail(self):
        for name in ("none", "nogroup", "noaddress"):
            self.assertEqual(self.deliver(name)[2], ["warning: no recipient in alias lookup result for " + name,
                             "to=<%s@example.test>, relay=local, dsn=4.3.0, status=deferred (alias database unavailable)" % name])
        for text in ("group:;\n", "()\n", ",\n# nobody\n", "<>\n", " \n"):
            write("/home/ana/.forward+none", text, "ana")
            one_line(self, self.deliver("ana+none"), "to=<ana+none@example.test>, relay=local, dsn=2.0.0, status=sent (delivered to mailbox)")

    def test_what_is_no_address_is_refused_where_it_is_named(self):
        for address in ("x@-bad-.test", "x@[]", "x@.", "x@far..test"):
            one_line(self, self.forwarded(address), "to=<ana+odd@example.test>, relay=local, dsn=5.1.3, status=bounced "
                     "(bad recipient address syntax: %s)" % address)

    def test_no_name_at_no_place_is_the_null_address(self):
        for address in ("@", '""'):
            self.assertIn("sent (forwarded as NEW%d)" % len(self.agent.messages), self.forwarded(address)[2][0])
            self.assertEqual(self.agent.messages[-1].count(agent.record("R", "MAILER-DAEMON@mail.example.test")), 1)

    def test_a_forward_file_may_name_its_own_user(self):
        before = len(self.agent.messages)
        _, _, lines = self.deliver("luis")
        self.assertEqual(lines, ["to=<luis@example.test>, relay=local, dsn=2.0.0, status=sent (delivered to mailbox)",
                                 "to=<luis@example.test>, relay=local, dsn=2.0.0, status=sent (forwarded as NEW%d)" % before])

    def test_an_extension_has_a_forward_file_of_its_own(self):
        self.deliver("luis+cmd")
        self.assertEqual(read(OUT + "/who"), "luis\n")

    def test_unknown_users_bounce(self):
        one_line(self, self.deliver("nosuch+x"), 'to=<nosuch+x@example.test>, relay=local, dsn=5.1.1, status=bounced (unknown user: "nosuch")')
        self.assertEqual(self.agent.records[-1][1]["reason"], 'unknown user: "nosuch"')

    def test_a_loop_is_seen(self):
        got = self.deliver("paco", body="Delivered-To: paco@example.test\n\nx\n")
        one_line(self, got, "to=<paco@example.test>, relay=local, dsn=5.4.6, status=bounced (mail forwarding loop for paco@example.test)")

    def test_a_probe_delivers_nothing(self):
        size = lambda: os.path.getsize(self.agent.mail + "/ana") if os.path.exists(self.agent.mail + "/ana") else 0
        before = size()
        _, _, lines = self.deliver("ana", flags=0x200)
        self.assertEqual(lines, ["to=<ana@example.test>, relay=local, dsn=2.0.0, status=deliverable (delivers to mailbox)"])
        self.assertEqual(size(), before)
        self.assertEqual(self.agent.records[-1][1]["reason"], "delivery via local: delivers to mailbox")

    def test_success_of_an_alias_is_its_expansion(self):
        before = len(self.agent.records)
        self.deliver("root", notify=2)
        self.assertEqual([(n, r["action"], r["reason"]) for n, r in self.agent.records[before:]],
                         [("trace", "expanded", "delivery via local: alias expanded")])


class Mandates(unittest.TestCase):
    """Whose rights commands, files and lists are handled with."""
    ALL = "alias, forward, include"
    LISTS = "/home/lists"
    ALIASES = """root-list :include:/home/lists/root
root-luis :include:/home/lists/luis
root-root-luis :include:/home/lists/root-luis
luis-root :include:/home/lists/luis-root
luis-paco :include:/home/lists/luis-paco
private :include:/home/lists/private
secret :include:/home/lists/secret
link :include:/home/luis/link
moved :include:/home/luis/moved
open :include:/home/lists/open
stranger :include:/home/lists/stranger
missing :include:/home/lists/missing
folder :include:/home/lists
relative :include:lists
who %(who)s
tilde :include:/home/lists/tilde
back :include:/home/lists/back
both ana, :include:/home/lists/both
""" % {"who": '"|id -un >> /home/out/ran"'}
    OF_ENRIQUE = """enrique-command "|id -un >> /home/out/ran"
enrique-paco :include:/home/lists/paco
enrique-root :include:/home/lists/root
enrique-private :include:/home/lists/private
"""
    COMMAND = '"|id -un >> /home/out/ran"\n'

    @classmethod
    def list(cls, name, text, owner="root", mode=0o644):
        return write(cls.LISTS + "/" + name, text, owner, mode)

    @classmethod
    def setUpClass(cls):
        os.makedirs(OUT, exist_ok=True)
        os.chmod(OUT, 0o1777)
        os.makedirs(cls.LISTS)
        write("/home/enriques-aliases", cls.OF_ENRIQUE, "enrique", 0o644)
        for owner in ("root", "luis", "paco"):
            cls.list(owner, cls.COMMAND, owner)
            cls.list("luis-" + owner, ":include:/home/lists/%s\n" % owner, "luis")
        cls.list("root-luis", ":include:/home/lists/luis\n")
        cls.list("private", cls.COMMAND, "luis", 0o600)
        cls.list("secret", cls.COMMAND, "root", 0o600)
        cls.list("open", cls.COMMAND, "luis", 0o666)
        cls.list("back", "who\n", "luis")
        cls.list("tilde", "~/box\n", "luis")
        cls.list("both", cls.COMMAND)
        os.chown(cls.list("stranger", cls.COMMAND), 54321, 54321)
        write("/home/luis/text", "the-secret-of-root\n", "root", 0o600)
        write("/home/paco/text", "the-secret-of-paco\n", "paco", 0o600)
        os.symlink("/home/paco/text", "/home/luis/link")
        os.link("/home/luis/text", "/home/luis/moved")
        cls.agent = Agent(dict(recipient_delimiter="+", allow_mail_to_commands=cls.ALL, allow_mail_to_files=cls.ALL,
                               alias_maps="texthash:/home/roots-aliases texthash:/home/enriques-aliases"))
        write("/home/roots-aliases", cls.ALIASES)
        cls.agent.start(sys.argv[1], "local")

    @classmethod
    def tearDownClass(cls):
        cls.agent.stop()
        os.unlink("/home/ana/.forward")

    def ran(self, name):
        """(as whom the command ran, log lines)"""
        write(OUT + "/ran", "", mode=0o666)
        lines = self.agent.deliver("local", [name + "@example.test"])[2]
        return read(OUT + "/ran").split(), lines

    def forward(self, text):
        write("/home/ana/.forward", text, "ana")
        return self.ran("ana")

    def test_the_administrator_lends_rights_to_the_owner_of_a_list(self):
        for name, who in (("root-list", "nobody"), ("root-luis", "luis"), ("root-root-luis", "luis"), ("luis-root", "luis"),
                          ("luis-paco", "luis"), ("enrique-command", "enrique"), ("enrique-paco", "enrique"),
                          ("enrique-root", "enrique"), ("back", "nobody"), ("private", "luis"), ("secret", "nobody")):
            self.assertEqual(self.ran(name)[0], [who], name)

    def test_a_forward_file_lends_nothing_and_gets_nothing(self):
        for text, who in ((":include:/home/lists/luis\n", "ana"), (":include:/home/lists/root\n", "ana"), (":include:/home/lists/root-luis\n", "ana"),
                          (":include:/home/lists/luis-paco\n", "ana"), (self.COMMAND, "ana"), ("who\n", "nobody"),
                          ("root-luis\n", "luis"), ("enrique-paco\n", "enrique")):
            self.assertEqual(self.forward(text)[0], [who], text)

    def test_a_list_is_read_by_who_names_it(self):
        for ran, lines in (self.forward(":include:/home/lists/private\n"), self.forward(":include:/home/lists/luis-private\n"), self.ran("enrique-private")):
            self.assertEqual(ran, [])
            self.assertRegex(lines[0], "warning: (cannot open include file|unable to lookup :include: file) /home/lists/.*")
            self.assertIn("dsn=5.3.5, status=bounced (mail system configuration error)", lines[1])

    def test_nobody_makes_the_administrator_read_what_is_not_his(self):
        for name in ("link", "moved"):
            lines = self.ran(name)[1]
            self.assertEqual(lines[0], "warning: cannot open include file /home/luis/%s: Permission denied" % name)
            self.assertNotIn("the-secret", "".join(lines))

    def test_a_list_that_is_none_is_refused(self):
        for name, warning in (("open", ":include: file /home/lists/open is world writable"),
                              ("missing", "unable to lookup :include: file /home/lists/missing: No such file or directory"),
                              ("folder", ":include: file /home/lists is not a regular file"),
                              ("relative", ":include:lists uses a relative path")):
            ran, lines = self.ran(name)
            self.assertEqual((ran, lines[0]), ([], "warning: " + warning))
            self.assertIn("dsn=5.3.5, status=bounced (mail system configuration error)", lines[1])
        ran, lines = self.ran("stranger")
        self.assertEqual((ran, lines[:2]), ([], ["warning: cannot find username for uid 54321",
                                                 "warning: /home/lists/stranger: cannot find :include: file owner username"]))
        self.assertIn("dsn=4.3.5, status=deferred (mail system configuration error)", lines[2])

    def test_home_is_that_of_whose_rights_they_are(self):
        self.assertIn("status=sent (delivered to file: /home/luis/box)", self.ran("tilde")[1][-1])
        self.assertEqual(os.stat("/home/luis/box").st_uid, pwd.getpwnam("luis").pw_uid)
        self.assertIn("status=sent (delivered to file: /home/ana/box)", self.forward(":include:/home/lists/tilde\n")[1][-1])

    def test_nobody_takes_a_list_away_by_naming_it_first(self):
        write("/home/ana/.forward", ":include:/home/lists/both\n", "ana")
        self.assertEqual(sorted(self.ran("both")[0]), ["ana", "nobody"])


class Others(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs("/home/vmail", exist_ok=True)
        os.chown("/home/vmail", agent.FIRST_UID, agent.FIRST_UID)
        main = dict(virtual_mailbox_base="/home/vmail", virtual_mailbox_maps="inline:{a@v.test=a/,b@v.test=b,l@v.test=l/}",
                    virtual_uid_maps="inline:{a@v.test=%d,b@v.test=%d,l@v.test=50}" % (agent.FIRST_UID, agent.FIRST_UID),
                    virtual_gid_maps="static:%d" % agent.FIRST_UID, mailbox_transport_maps="inline:{ana=discard:passed}")
        cls.agent = Agent(main).start(sys.argv[1], "local").start(sys.argv[2], "virtual").start(sys.argv[4], "error")
        cls.agent.start(sys.argv[4], "retry").start(sys.argv[5], "discard")
        cls.agent.start(sys.argv[3], "echo", ["user=enrique", "argv=/bin/echo", "$recipient", "-", "$sender"])
        for name, flags in (("one-d", "DRhu"), ("one-o", "FO."), ("one-both", "ODX")):
            cls.agent.start(sys.argv[3], name, ["flags=" + flags, "user=enrique", "argv=/bin/true"])
        for name, more in (("head", []), ("none", ["null_sender="]), ("comma", ["null_sender=x,y"])):
            cls.agent.start(sys.argv[3], name, ["flags=FR", "user=enrique"] + more + ["argv=/bin/sh", "-c", r"head -2 | sed 's/  .*/  /' | tr '\n' '|'"])
        cls.agent.start(sys.argv[3], "bad", ["user=enrique", "argv=/bin/echo", "$nosuch"])

    @classmethod
    def tearDownClass(cls):
        cls.agent.stop()

    def test_virtual_mailboxes_belong_to_the_mapped_user(self):
        one_line(self, self.agent.deliver("virtual", ["a@v.test"]), "to=<a@v.test>, relay=virtual, dsn=2.0.0, status=sent (delivered to maildir)")
        one_line(self, self.agent.deliver("virtual", ["b@v.test"]), "to=<b@v.test>, relay=virtual, dsn=2.0.0, status=sent (delivered to mailbox)")
        new = glob.glob("/home/vmail/a/new/*")
        self.assertEqual(os.stat(new[0]).st_uid, agent.FIRST_UID)
        self.assertTrue(read(new[0]).endswith("Subject: x\n\nhello\n"))

    def test_virtual_refuses_small_uids_and_unknown_users(self):
        self.assertEqual(self.agent.deliver("virtual", ["l@v.test"])[2][-1],
                         "to=<l@v.test>, relay=virtual, dsn=4.3.5, status=deferred (mail system configuration error)")
        one_line(self, self.agent.deliver("virtual", ["n@v.test"]),
                 'to=<n@v.test>, relay=virtual, dsn=5.1.1, status=bounced (unknown user: "n@v.test")')
        one_line(self, self.agent.deliver("virtual", ["No+One@V.Test"]),
                 'to=<No+One@V.Test>, relay=virtual, dsn=5.1.1, status=bounced (unknown user: "no+one@v.test")')

    def test_pipe_runs_one_command_for_all(self):
        marks, _, lines = self.agent.deliver("echo", ["u@p.test", "v@p.test"])
        self.assertEqual(marks, "DD")
        text = "relay=echo, dsn=2.0.0, status=sent (delivered via echo service (u@p.test v@p.test - s@remote.test))"
        self.assertEqual(lines, ["to=<u@p.test>, " + text, "to=<v@p.test>, " + text])

    def test_pipe_flags_for_one_recipient_refuse_several_and_no_setting(self):
        for name, letter in (("one-d", "D"), ("one-o", "O"), ("one-both", "D")):
            one_line(self, self.agent.deliver(name, ["u@p.test"]), "to=<u@p.test>, relay=%s, dsn=2.0.0, status=sent (delivered via %s service)" % (name, name))
            marks, _, lines = self.agent.deliver(name, ["u@p.test", "v@p.test"])
            self.assertEqual(marks, "RR")
            self.assertEqual(lines, ["warning: pipe flag `%s' requires %s_destination_recipient_limit = 1" % (letter, name)] +
                             ["to=<%s@p.test>, relay=%s, dsn=4.3.5, status=deferred (mail system configuration error)" % (u, name) for u in "uv"])

    def test_the_null_sender_has_a_name_in_headers_too(self):
        for name, sender, want in (("head", "", "From MAILER-DAEMON  |Return-Path: <MAILER-DAEMON>|"), ("head", "a@x.test", "From a@x.test  |Return-Path: <a@x.test>|"),
                                   ("none", "", "From MAILER-DAEMON  |Return-Path: <>|"), ("comma", "", 'From "x,y"  |Return-Path: <"x,y">|')):
            lines = self.agent.deliver(name, ["u@p.test"], sender=sender)[2]
            self.assertIn("service (" + want, lines[0])

    def test_pipe_defers_on_an_unknown_macro(self):
        marks, _, lines = self.agent.deliver("bad", ["u@p.test"])
        self.assertEqual(marks, "R")
        self.assertIn('service bad: unknown macro name: "nosuch"', lines[0])

    def test_a_mark_is_written_over_a_recipient_only(self):
        self.agent.deliver("discard", ["x@y.test"])
        self.assertEqual(len(self.agent.altered), 1)
        for shift in (-100, -1, 1, 2, 9, 10000):
            lines = self.agent.deliver("discard", ["x@y.test"], nexthop="away", shift=shift)[2]
            self.assertEqual(self.agent.altered, [])
            self.assertEqual(lines[0], "to=<x@y.test>, relay=none, dsn=2.0.0, status=sent (away)")
            self.assertRegex(lines[1], r"warning: cannot mark recipient <x@y.test> at offset \d+ as done: no recipient stands there")

    def test_who_is_gone_gets_nothing_delivered(self):
        marks, _, lines = self.agent.deliver("discard", ["x@y.test"], leave=True)
        self.assertEqual((marks, [x for x in lines if "ABC" not in x and "to=" in x]), ("R", []))

    def test_error_bounces_and_retry_defers(self):
        one_line(self, self.agent.deliver("error", ["x@y.test"], nexthop="5.1.6 moved"), "to=<x@y.test>, relay=none, dsn=5.1.6, status=bounced (moved)")
        one_line(self, self.agent.deliver("retry", ["x@y.test"], nexthop="busy"), "to=<x@y.test>, relay=none, dsn=4.0.0, status=deferred (busy)", "R")

    def test_discard_says_sent(self):
        one_line(self, self.agent.deliver("discard", ["x@y.test"], nexthop="silently"), "to=<x@y.test>, relay=none, dsn=2.0.0, status=sent (silently)")

    def test_another_transport_may_take_over(self):
        marks, _, lines = self.agent.deliver("local", ["ana@example.test"])
        self.assertEqual(lines, ["passing <ana@example.test> to transport=discard",
                                 "to=<ana@example.test>, relay=none, dsn=2.0.0, status=sent (passed)"])
        self.assertEqual(marks, "D")


if __name__ == "__main__":
    agent.enter()
    unittest.main(argv=sys.argv[:1])
