"""postconf: output, warnings, exit codes, and what an edit leaves in the files."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOOL = sys.argv.pop(1)
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden/postconf"

MAIN = """\
compatibility_level = 3.6
# my comment
relayhost = [mx.example.com]:25
mynetworks = 127.0.0.0/8, 10.0.0.0/8, 192.168.0.0/16, 172.16.0.0/12, [::1]/128, [fe80::]/64, 203.0.113.0/24
smtpd_restriction_classes = foo, bar
foo = reject
zed = 1
used = 2
virtual_alias_maps = hash:/x $used, ldap:ld
ld_server_host = x
ld_bogus = x
slow_destination_rate_delay = 1s
mydestination =
myhostname = mx.a.test,
  second
"""
MASTER = """\
# services
smtp      inet  n       -       n       -       -       smtpd
# behind smtp
relay     unix  -       -       n       -       -       smtp
        -o syslog_name=postfix/$service_name
  # inside
        -o { x = b c } -v
slow unix - - n - 2 smtp
"""


class Postconf(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.write("main.cf", MAIN)
        self.write("master.cf", MASTER)

    def write(self, name, text):
        pathlib.Path(self.dir, name).write_text(text)

    def read(self, name):
        return pathlib.Path(self.dir, name).read_text()

    def run_tool(self, *args, code=0):
        done = subprocess.run([TOOL, "-c", self.dir, *args], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout, [line.split("postconf: ", 1)[1].replace(self.dir, "DIR") for line in done.stderr.splitlines()]

    def shows(self, args, expected):
        self.assertEqual(self.run_tool(*args)[0], expected)

    def fails(self, args, expected):
        self.assertEqual(self.run_tool(*args, code=1)[1][-1], expected)


class Show(Postconf):
    def test_defaults_are_those_of_the_reference(self):
        shutil.copy(GOLDEN / "master.cf", self.dir)
        self.write("main.cf", "")
        out = dict((line + " ").split(" = ", 1) if " = " in line else (line[:-2], "")
                   for line in self.run_tool("-d")[0].splitlines())
        for line in (GOLDEN / "defaults.tsv").read_text().splitlines():
            name, default = line.split("\t")
            self.assertEqual(out[name].strip(), " ".join(default.split()), name)

    def test_all_names_come_sorted(self):
        names = [line.split(" =")[0] for line in self.run_tool()[0].splitlines()]
        self.assertEqual(names, sorted(names))
        self.assertGreater(len(names), 900)

    def test_formats(self):
        self.shows(["relayhost", "mydestination"], "relayhost = [mx.example.com]:25\nmydestination =\n")
        self.shows(["-h", "relayhost", "mydestination"], "[mx.example.com]:25\n\n")
        self.shows(["-H", "relayhost"], "relayhost\n")
        self.shows(["-d", "relayhost"], "relayhost =\n")
        self.shows(["myhostname"], "myhostname = mx.a.test, second\n")
        self.shows(["-f", "mynetworks"],
                   "mynetworks = 127.0.0.0/8, 10.0.0.0/8, 192.168.0.0/16, 172.16.0.0/12, [::1]/128,\n"
                   "    [fe80::]/64, 203.0.113.0/24\n")
        self.shows(["-x", "virtual_alias_maps"], "virtual_alias_maps = hash:/x 2, ldap:ld\n")
        self.shows(["-o", "relayhost=x", "relayhost"], "relayhost = x\n")
        self.shows(["-h", "config_directory"], self.dir + "\n")

    def test_folding_at_column_80(self):
        for n, expected in ((66, "relayhost = a " + 66 * "x" + "\n    b\n"), (67, "relayhost = a\n    " + 67 * "x" + " b\n")):
            self.shows(["-f", "-o", "relayhost=a " + n * "x" + " b", "relayhost"], expected)

    def test_lines_of_master_cf_end_a_column_before(self):
        for n, expected in ((25, "    user=nobodies argv=/bin/echo %s %s\n"), (26, "    user=nobodies argv=/bin/echo %s\n    %s\n")):
            words = (20 * "x", n * "y")
            self.write("master.cf", "a unix - n n - - pipe flags=DRhu\n  user=nobodies argv=/bin/echo %s %s\n" % words)
            shown = self.run_tool("-Mf", "a/unix")[0].split("\n", 1)[1]
            self.assertEqual(shown, expected % words)

    def test_only_what_is_set(self):
        out, warnings = self.run_tool("-n")
        names = [line.split(" =")[0] for line in out.splitlines()]
        self.assertEqual(names, ["compatibility_level", "config_directory", "foo", "ld_server_host", "mydestination",
                                 "myhostname", "mynetworks", "relayhost", "slow_destination_rate_delay",
                                 "smtpd_restriction_classes", "used", "virtual_alias_maps"])
        self.assertEqual(warnings, ["warning: DIR/main.cf: undefined parameter: bar",
                                    "warning: DIR/main.cf: unused parameter: ld_bogus=x",
                                    "warning: DIR/main.cf: unused parameter: zed=1",
                                    "warning: DIR/master.cf: unused parameter: x=b c"])
        self.assertEqual(self.run_tool("-nq")[1], [])

    def test_an_old_name_that_a_default_mentions_is_used(self):
        """Whether main.cf leaves that default in force or not."""
        for more in ("", "smtpd_client_event_limit_exceptions = $mynetworks\nsmtp_fallback_relay = a\n"):
            self.write("main.cf", "smtpd_client_connection_limit_exceptions = 127.0.0.0/8\nfallback_relay = b\nnosuch = c\n" + more)
            out, warnings = self.run_tool("-n")
            self.assertIn("smtpd_client_connection_limit_exceptions = 127.0.0.0/8\n", out)
            self.assertIn("fallback_relay = b\n", out)
            self.assertEqual([w for w in warnings if "unused parameter" in w and "main.cf" in w],
                             ["warning: DIR/main.cf: unused parameter: nosuch=c"])

    def test_folded_lines_keep_an_option_and_its_value_together(self):
        long = "receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters"
        self.write("master.cf", "a inet n - n - - smtpd -o content_filter= -o %s -o { x = %s } -v\n" % (long, "b c " * 30))
        self.shows(["-Mf", "a/inet"], "a          inet  n       -       n       -       -       smtpd\n    -o content_filter=\n    -o %s\n"
                   "    -o {x=%s}\n    -v\n" % (long, ("b c " * 30).strip()))
        command = self.run_tool("-Ff", "a/inet/command")[0]
        self.assertIn("\n    -o %s\n" % long, command)

    def test_the_origin_is_shown_as_it_is_written(self):
        """Programs read the file; scripts that ask postconf get the path, as from Debian's."""
        self.write("main.cf", "myorigin = /etc/mailname\nmydestination = $myorigin\n")
        self.shows(["myorigin"], "myorigin = /etc/mailname\n")
        self.shows(["-hx", "myorigin", "mydestination"], "/etc/mailname\n/etc/mailname\n")

    def test_classes(self):
        self.shows(["-C", "user"], "foo = reject\nld_server_host = x\nused = 2\n")
        self.assertEqual(self.run_tool("-C", "", "-n"), self.run_tool("-n"))
        self.shows(["-nC", "service"], "slow_destination_rate_delay = 1s\n")
        self.write("master.cf", "local unix - n n - - local\n")
        self.assertIn("local_destination_recipient_limit = 1\n", self.run_tool("-C", "service")[0])
        self.assertNotIn("local_destination_recipient_limit", self.run_tool("-C", "builtin")[0])
        self.fails(["-C", "bogus"], 'fatal: unknown -C option value "bogus" in "bogus"')

    def test_complaints(self):
        self.assertIn("warning: nosuch: unknown parameter", self.run_tool("nosuch")[1])
        for wrong, meant in (("smtpd_client_restricitons", "smtpd_client_restrictions"), ("myhostnam", "myhostname"), ("relay_host", "relayhost"),
                             ("mynetwroks", "mynetworks"), ("smtpd_sender_restriction", "smtpd_sender_restrictions"),
                             ("smtpx_tls_loglevel", None), ("abc", None)):
            told = [w for w in self.run_tool(wrong)[1] if w.startswith("warning: %s:" % wrong)]
            self.assertEqual(told, ["warning: %s: unknown parameter" % wrong] + ['warning: %s: did you mean "%s"?' % (wrong, meant)] * bool(meant))
        self.fails(["-hH"], "fatal: specify one of -h -H")
        self.fails(["-ex", "a=b"], "fatal: specify one of -e -x")
        self.fails(["-d", "a=b"], "fatal: specify one of -d -e")
        self.fails(["-MP"], "fatal: specify one of -M -P")
        self.fails(["-nM"], "fatal: with option -M, do not specify -n")
        for options, told in (("-FMP", "-F -M -P"), ("-abt", "-b and -t"), ("-deX a=b", "-d -e -X"), ("-eXh a=b", "-e -X"), ("-X a=b", "-e -X"),
                              ("-hX a=b", "-e -X"), ("-H a=b", "-e -H"), ("-MH a=b", "-e -H"), ("-PX a/b/c=d", "-e -X"),
                              ("-d -o a=b", "-d -o"),
                              ("-X -o a", "-o -X"), ("-fn a=b", "-e -n"), ("-nX a=b", "-e -n -X"),
                              ("-ehx a=b", "-e -x"), ("-x -o a=b c=d", "-e -x")):
            self.fails(options.split(), "fatal: specify one of " + told)
        for mode in "a", "A", "l", "m", "b", "t":
            for options, told in (("-o x=y", "o"), ("-xd", "d -x"), ("-e a=b", "e")):
                self.fails(["-" + mode, *options.split()], "fatal: with option -%s, do not specify -%s" % (mode, told))
        self.fails(["-T", "run-version", "-h"], "fatal: with option -T, do not specify -h")
        self.fails(["-F#", "a/unix"], "fatal: with option -F, do not specify -#")
        self.assertEqual(self.run_tool("-a", "x=y"), self.run_tool("-a"))

    def test_requests_for_services_are_checked(self):
        forms = {"M": "[/type]", "F": "[/type[/field]]", "P": "[/type[/parameter]]"}
        for mode, form in forms.items():
            for wrong in ("", "a*", "**", "a/in*", "a*/inet", "/inet", "//", "smtp/inet/x*", "smtp/inet/x/y"):
                self.fails(["-" + mode, wrong], "fatal: -%s option requires service_name%s" % (mode, form))
            for unmatched in ("a", "a/", "*/nosuch"):
                self.assertIn('warning: unmatched request: "%s"' % unmatched, self.run_tool("-" + mode, unmatched)[1])
        self.fails(["-M", "smtp/inet/chroot"], "fatal: -M option requires service_name[/type]")
        self.fails(["-F", "nosuch/inet/x"], 'fatal: invalid service attribute name: "x"')

    def test_bad_configurations_are_told(self):
        self.write("main.cf", "a = 1\n= 2\n")
        self.fails([], "fatal: DIR/main.cf, line 2: missing attribute name: \"= 2\"")
        os.unlink(self.dir + "/main.cf")
        self.fails(["-n"], "fatal: open DIR/main.cf: No such file or directory")

    def test_bad_expansion_is_fatal(self):
        self.write("main.cf", "relayhost = $(\n")
        self.fails(["-x", "relayhost"], "fatal: macro processing error")

    def test_lists(self):
        self.shows(["-l"], "flock\nfcntl\ndotlock\n")
        self.shows(["-A"], "cyrus\n")
        self.assertIn("dovecot\n", self.run_tool("-a")[0])
        self.assertIn("\nhash\n", self.run_tool("-m")[0])


class ShowMaster(Postconf):
    def test_lines(self):
        self.shows(["-M", "smtp"], "smtp       inet  n       -       n       -       -       smtpd\n")
        self.shows(["-M", "relay/unix"], "relay      unix  -       -       n       -       -       smtp"
                                         " -o syslog_name=postfix/$service_name -o {x=b c} -v\n")
        self.shows(["-Mf", "relay/*"], "relay      unix  -       -       n       -       -       smtp\n"
                                       "    -o syslog_name=postfix/$service_name\n    -o {x=b c}\n    -v\n")
        self.assertIn('warning: unmatched request: "nosuch/unix"', self.run_tool("-M", "nosuch/unix")[1])

    def test_long_names_push_the_columns(self):
        self.write("master.cf", "127.0.0.1:smtp inet n - n - - smtpd\n")
        self.shows(["-M"], "127.0.0.1:smtp inet n    -       n       -       -       smtpd\n")

    def test_fields(self):
        self.shows(["-F", "slow/unix"], "slow/unix/service = slow\nslow/unix/type = unix\nslow/unix/private = -\n"
                                        "slow/unix/unprivileged = -\nslow/unix/chroot = n\nslow/unix/wakeup = -\n"
                                        "slow/unix/process_limit = 2\nslow/unix/command = smtp\n")
        self.shows(["-Fh", "*/unix/command"], "smtp -o syslog_name=postfix/$service_name -o {x=b c} -v\nsmtp\n")
        self.fails(["-F", "smtp/inet/foo"], 'fatal: invalid service attribute name: "foo"')

    def test_settings(self):
        self.shows(["-P"], "relay/unix/syslog_name = postfix/$service_name\nrelay/unix/x = b c\n")
        self.shows(["-Px", "*/*/syslog_name"], "relay/unix/syslog_name = postfix/relay\n")


class Edit(Postconf):
    def test_values_change_in_place_and_new_ones_are_added(self):
        self.run_tool("-e", "relayhost = new", "added=1  2", "zed=")
        self.assertEqual(self.read("main.cf"), MAIN.replace("[mx.example.com]:25", "new").replace("zed = 1", "zed = ")
                         + "added = 1  2\n")

    def test_comments_stay_and_every_entry_of_the_name_changes(self):
        self.write("main.cf", "a = 1\n# c\n a2\n# d\na = 2\nb = 3\n")
        self.assertEqual(self.run_tool("a=9")[1], ['warning: DIR/main.cf: multiple entries for "a"'])
        self.assertEqual(self.read("main.cf"), "a = 9\n# c\n# d\na = 9\nb = 3\n")

    def test_entries_are_commented_out_or_deleted(self):
        text = "# keep\na = x,\n  y\n\nb = 1\n"
        self.write("main.cf", text)
        self.run_tool("-#", "a")
        self.assertEqual(self.read("main.cf"), "# keep\n#a = x,\n#  y\n\nb = 1\n")
        self.write("main.cf", text)
        self.run_tool("-X", "a", "nosuch")
        self.assertEqual(self.read("main.cf"), "# keep\n\nb = 1\n")

    def test_mode_and_link_survive_and_nothing_is_left_behind(self):
        os.rename(self.dir + "/main.cf", self.dir + "/real.cf")
        os.symlink("real.cf", self.dir + "/main.cf")
        os.chmod(self.dir + "/real.cf", 0o640)
        self.run_tool("a=1")
        self.assertTrue(os.path.islink(self.dir + "/main.cf"))
        self.assertEqual(os.stat(self.dir + "/real.cf").st_mode & 0o777, 0o640)
        self.assertEqual(sorted(os.listdir(self.dir)), ["main.cf", "master.cf", "real.cf"])

    def test_bad_edits_change_nothing(self):
        for args, text in ((["-e"], "fatal: -e requires name=value argument"),
                           (["-X", ""], "fatal: -X or -# requires non-blank parameter names"),
                           (["-e", "foo"], "fatal: missing '=' after attribute name: \"foo\""),
                           (["a=b", "relayhost"], "fatal: missing '=' after attribute name: \"relayhost\""),
                           (["-e", "=z"], 'fatal: missing attribute name: "=z"'),
                           (["-e", "x y=z"], "fatal: missing '=' after attribute name: \"x y=z\""),
                           (["-e", "a=b\nc"], "fatal: -e, -X, or -# accepts no multi-line input"),
                           (["-e", "#x=y"], "fatal: -e, -X, or -# accepts no comment input")):
            self.fails(args, text)
            self.assertEqual(self.read("main.cf"), MAIN)


class EditMaster(Postconf):
    SMTP = "smtp      inet  n       -       n       -       -       smtpd\n"
    SLOW = "slow unix - - n - 2 smtp\n"

    def test_lines_are_added_and_replaced(self):
        self.run_tool("-Me", "smtp/inet = smtp inet n - n - 9 smtpd", "new/unix=new unix - - n - - smtp -o a=b -o {c = d e}")
        self.assertEqual(self.read("master.cf"), MASTER.replace(
            self.SMTP, "smtp       inet  n       -       n       -       9       smtpd\n") +
            "new        unix  -       -       n       -       -       smtp\n    -o a=b\n    -o {c=d e}\n")

    def test_lines_are_deleted_and_commented_out(self):
        self.run_tool("-MX", "smtp/inet")
        self.assertEqual(self.read("master.cf"), MASTER.replace(self.SMTP, ""))
        self.write("master.cf", MASTER)
        self.run_tool("-M#", "relay/unix")
        self.assertEqual(self.read("master.cf"), MASTER.replace("relay  ", "#relay  ").replace("        -o", "#        -o"))

    def test_fields_change(self):
        self.run_tool("-F", "slow/unix/chroot=y", "slow/unix/command=lmtp -v")
        self.assertEqual(self.read("master.cf"), MASTER.replace(
            self.SLOW, "slow       unix  -       -       y       -       2       lmtp -v\n"))

    def test_settings_change(self):
        self.run_tool("-P", "relay/unix/syslog_name=x", "relay/unix/y=1", "slow/unix/z=2")
        self.shows(["-M", "relay", "slow"],
                   "relay      unix  -       -       n       -       -       smtp -o syslog_name=x -o {x=b c} -v -o y=1\n"
                   "slow       unix  -       -       n       -       2       smtp -o z=2\n")
        self.assertIn("  # inside\n", self.read("master.cf"))
        self.run_tool("-PX", "relay/unix/x")
        self.shows(["-M", "relay"], "relay      unix  -       -       n       -       -       smtp -o syslog_name=x -v -o y=1\n")

    def test_untouched_lines_keep_their_shape(self):
        self.run_tool("-PX", "relay/unix/nosuch", "slow/unix/nosuch")
        self.assertEqual(self.read("master.cf"), MASTER)

    def test_bad_edits_change_nothing(self):
        for args, text in ((["-Me", "smtp/inet=smtp inet n -"], 'fatal: bad field count: "smtp/inet=smtp inet n -"'),
                           (["-MX", "relay"], "fatal: -Me, -MX or -M# requires service_name/type"),
                           (["-F", "slow/unix/chroot=z"], 'fatal: invalid chroot field "z" in "z"'),
                           (["-P", "slow/unix/a=b c"], "fatal: -Pe does not accept whitespace in parameter value")):
            self.fails(args, text)
            self.assertEqual(self.read("master.cf"), MASTER)
        self.assertEqual(self.run_tool("-F", "nosuch/unix/chroot=n")[1],
                         ['warning: unmatched service_name/type: "nosuch/unix/chroot=n"'])


if __name__ == "__main__":
    unittest.main()
