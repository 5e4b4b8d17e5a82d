#!/usr/bin/env python3
"""postmap and postalias as a user sees them: files in, text and exit status out."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

POSTMAP = POSTALIAS = None


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.write("main.cf", "compatibility_level = 3.6\nmyhostname = mail.example.com\nmeta_directory = %s\n" % self.dir.name)

    def tearDown(self):
        self.dir.cleanup()

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def run_tool(self, tool, args, stdin=""):
        done = subprocess.run([tool, "-c", self.dir.name, *args], input=stdin, text=True, cwd=self.dir.name,
                              capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def postmap(self, *args, stdin=""):
        return self.run_tool(POSTMAP, args, stdin)

    def postalias(self, *args, stdin=""):
        return self.run_tool(POSTALIAS, args, stdin)

    def test_a_built_map_is_asked_by_any_of_its_type_names(self):
        self.write("t", "Key Value  \n# comment\nk2 v2\n  more\n")
        self.assertEqual(self.postmap("hash:t"), (0, "", ""))
        for kind in ("hash", "btree", "lmdb"):
            self.assertEqual(self.postmap("-q", "KEY", kind + ":t"), (0, "Value\n", ""))
        self.assertEqual(self.postmap("-q", "none", "hash:t"), (1, "", ""))
        self.assertEqual(self.postmap("-s", "hash:t"), (0, "k2\tv2  more\nkey\tValue\n", ""))

    def test_keys_come_from_standard_input(self):
        self.write("t", "a 1\nb 2\n")
        self.postmap("hash:t")
        self.assertEqual(self.postmap("-q", "-", "hash:t", stdin="A\nx\nb"), (0, "A\t1\nb\t2\n", ""))
        self.assertEqual(self.postmap("-q", "-", "hash:t", stdin="x\n"), (1, "", ""))

    def test_duplicates_are_reported_unless_told_otherwise(self):
        self.write("t", "a 1\na 2\n")
        warning = 'postmap: warning: lmdb:t: duplicate entry: "a"\n'
        self.assertEqual(self.postmap("lmdb:t"), (0, "", warning))
        self.assertEqual(self.postmap("-q", "a", "lmdb:t")[1], "1\n")
        self.assertEqual(self.postmap("-w", "lmdb:t"), (0, "", ""))
        self.assertEqual(self.postmap("-r", "lmdb:t"), (0, "", ""))
        self.assertEqual(self.postmap("-q", "a", "lmdb:t")[1], "2\n")

    def test_bad_lines_are_named_and_left_out(self):
        self.write("t", "good 1\nbad\nk: v\n")
        status, _, err = self.postmap("hash:t")
        self.assertEqual(status, 0)
        self.assertEqual(err, "postmap: warning: t, line 2: expected format: key whitespace value\n"
                              "postmap: warning: t, line 3: record is in \"key: value\" format; "
                              "is this an alias file?\n")

    def test_entries_are_added_and_deleted(self):
        self.assertEqual(self.postmap("-i", "hash:t", stdin="a 1\nb 2\n"), (0, "", ""))
        self.assertEqual(self.postmap("-i", "hash:t", stdin="c 3\n"), (0, "", ""))
        self.assertEqual(self.postmap("-d", "A", "hash:t"), (0, "", ""))
        self.assertEqual(self.postmap("-d", "A", "hash:t"), (1, "", ""))
        self.assertEqual(self.postmap("-d", "-", "hash:t", stdin="b\nx\n"), (0, "", ""))
        self.assertEqual(self.postmap("-s", "hash:t"), (0, "c\t3\n", ""))

    def test_mode_follows_the_source(self):
        self.write("t", "a 1\n")
        for options, source, index in ((), 0o640, 0o640), ((), 0o600, 0o600), ((), 0o777, 0o644), (("-p",), 0o600, 0o644):
            os.chmod(self.path("t"), source)
            self.postmap(*options, "hash:t")
            self.assertEqual(os.stat(self.path("t.lmdb")).st_mode & 0o777, index)

    def others_table(self, directory, text="a 1\n", owner=8):
        """DIRECTORY/t as `owner` has it, in a directory of `directory`'s."""
        os.chmod(self.dir.name, 0o755)
        os.makedirs(self.path("d"), exist_ok=True)
        self.write("d/t", text)
        os.chown(self.path("d/t"), owner, owner)
        os.chown(self.path("d"), directory, directory)

    def owner_of(self, name):
        return os.stat(self.path(name)).st_uid

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_root_builds_in_the_name_of_the_sources_owner(self):
        for tool in self.postmap, self.postalias:
            self.others_table(8, "a: 1\n" if tool == self.postalias else "a 1\n")
            self.assertEqual(tool("hash:d/t"), (0, "", ""))
            self.assertEqual(self.owner_of("d/t.lmdb"), 8)
            self.assertEqual(tool("-o", "hash:d/t"), (0, "", ""))
            self.assertEqual(self.owner_of("d/t.lmdb"), 0)
            shutil.rmtree(self.path("d"))

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_root_lends_nobody_the_right_to_write_where_he_may_not(self):
        self.others_table(0)
        self.assertEqual(self.postmap("hash:d/t"), (1, "", "postmap: fatal: open database d/t.lmdb: Permission denied\n"))
        self.assertEqual(os.listdir(self.path("d")), ["t"])
        self.assertEqual(self.postmap("-o", "hash:d/t"), (0, "", ""))
        self.assertEqual(self.owner_of("d/t.lmdb"), 0)

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_root_does_not_read_for_the_owner_what_he_may_not_read(self):
        self.write("secret", "secret\n")
        os.chmod(self.path("secret"), 0o600)
        for directory in 8, 0:
            self.others_table(directory, "a %s\n" % self.path("secret"))
            err = self.postmap("-F", "hash:d/t")[2]
            self.assertIn("secret: Permission denied", err)
            self.assertNotIn("c2VjcmV0", self.postmap("-s", "hash:d/t")[1])

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_root_changes_an_index_in_the_name_of_its_owner(self):
        self.others_table(8)
        self.postmap("hash:d/t")
        self.assertEqual(self.postmap("-i", "hash:d/t", stdin="b 2\n"), (0, "", ""))
        self.assertEqual(self.owner_of("d/t.lmdb"), 8)
        self.assertEqual(self.postmap("-d", "a", "hash:d/t"), (0, "", ""))
        self.assertEqual(self.postmap("-d", "a", "hash:d/t"), (1, "", ""))
        self.assertEqual((self.owner_of("d/t.lmdb"), self.postmap("-s", "hash:d/t")[1]), (8, "b\t2\n"))
        os.chown(self.path("d"), 0, 0)
        denied = (1, "", "postmap: fatal: open database d/t.lmdb: Permission denied\n")
        self.assertEqual(self.postmap("-i", "hash:d/t", stdin="c 3\n"), denied)
        self.assertEqual(self.postmap("-d", "b", "hash:d/t"), denied)
        self.assertEqual(self.postmap("-o", "-d", "b", "hash:d/t"), (0, "", ""))
        self.assertEqual(self.owner_of("d/t.lmdb"), 8)

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_a_mistake_found_in_the_owners_name_is_told_by_the_exit_status(self):
        self.others_table(8)
        self.write("d/t.lmdb", "this is no index, and long enough not to be an empty file")
        os.chown(self.path("d/t.lmdb"), 8, 8)
        status, _, err = self.postmap("-d", "a", "hash:d/t")
        self.assertEqual(status, 1)
        self.assertIn("fatal: open database d/t.lmdb: MDB_INVALID", err)

    def test_nothing_is_left_behind(self):
        self.write("t", "a 1\n")
        self.postmap("hash:t")
        self.postmap("-i", "hash:t", stdin="b 2\n")
        self.assertEqual(sorted(os.listdir(self.dir.name)), ["main.cf", "t", "t.db", "t.lmdb"])

    BERKELEY = bytes(12) + 0x061561.to_bytes(4, sys.byteorder) + bytes(64)

    def old_index(self, content, source_time):
        """t, and t.db of before, made at the time 1000."""
        self.write("t", "a 1\n")
        os.utime(self.path("t"), (source_time, source_time))
        with open(self.path("t.db"), "wb") as f:
            f.write(content)
        os.utime(self.path("t.db"), (1000, 1000))

    def test_the_traditional_name_of_an_index_leads_to_it(self):
        for kind, tool, text in ("hash", self.postmap, "a 1\n"), ("btree", self.postmap, "a 1\n"), ("hash", self.postalias, "a: 1\n"):
            self.write("t", text)
            os.utime(self.path("t"), (1000, 1000))
            for _ in range(2):
                self.assertEqual(tool(kind + ":t"), (0, "", ""))
                self.assertEqual(os.readlink(self.path("t.db")), "t.lmdb")
                self.assertGreater(os.stat(self.path("t.db")).st_mtime, 1000)
            os.unlink(self.path("t.db"))
        self.postmap("lmdb:t")
        self.assertFalse(os.path.lexists(self.path("t.db")))
        self.postmap("-i", "hash:t", stdin="b 2\n")
        self.assertEqual(os.readlink(self.path("t.db")), "t.lmdb")

    def test_an_index_of_berkeley_db_stays_until_its_source_is_newer(self):
        for content, source_time, stays in (self.BERKELEY, 999, True), (self.BERKELEY, 1000, True), (self.BERKELEY, 1001, False), (b"somebody's own", 1001, True):
            self.old_index(content, source_time)
            self.assertEqual(self.postmap("hash:t"), (0, "", ""))
            self.assertEqual(os.path.islink(self.path("t.db")), not stays, (content, source_time))
            os.unlink(self.path("t.db"))

    def test_an_index_that_is_moved_or_copied_to_the_traditional_name_is_the_table(self):
        def value():
            return self.postmap("-q", "a", "hash:t")[1]
        self.write("t", "a old\n")
        self.postmap("hash:t")
        self.write("t.new", "a new\n")
        self.postmap("hash:t.new")
        os.rename(self.path("t.new.db"), self.path("t.db"))
        self.assertEqual(value(), "new\n")
        self.assertEqual(self.postmap("-q", "a", "lmdb:t")[1], "old\n")
        self.postmap("-d", "a", "hash:t")
        self.assertEqual(value(), "")
        self.postmap("-ir", "hash:t", stdin="a added\n")
        self.assertEqual(value(), "added\n")
        self.postmap("hash:t")
        self.assertEqual((value(), os.readlink(self.path("t.db"))), ("old\n", "t.lmdb"))
        os.mkdir(self.path("made"))
        self.write("made/t", "a copied\n")
        self.postmap("hash:made/t")
        os.unlink(self.path("t.db"))
        shutil.copy(self.path("made/t.db"), self.path("t.db"))
        self.assertEqual(value(), "copied\n")
        self.postmap("-ir", "hash:t", stdin="a more\n")
        self.assertEqual((value(), os.path.islink(self.path("t.db"))), ("more\n", False))
        self.postmap("hash:t")
        self.assertEqual((value(), os.readlink(self.path("t.db"))), ("old\n", "t.lmdb"))

    def test_a_link_of_somebody_else_stays(self):
        self.write("t", "a 1\n")
        os.symlink("elsewhere", self.path("t.db"))
        self.assertEqual(self.postmap("hash:t"), (0, "", ""))
        self.assertEqual(os.readlink(self.path("t.db")), "elsewhere")

    def test_failures_say_why(self):
        self.write("t", "a 1\n")
        usage = "usage: postmap [-bfFhimnNoprsuUvw] [-c config_dir] [-d key] [-q key] [map_type:]file...\n"
        cases = [
            ((), usage),
            (("nonexist",), "open nonexist: No such file or directory\n"),
            (("hash:",), 'open dictionary: expecting "type:name" form instead of "hash:"\n'),
            (("texthash:t",), "unsupported dictionary type: texthash does not support bulk-mode creation.\n"),
            (("-d", "x", "texthash:t"), "texthash:t map requires O_RDONLY access mode\n"),
            (("-q", "x", "fail:x"), "table fail:x: query error: Application error\n"),
            (("-s", "static:x"), "table static:x: sequence operation is not supported\n"),
            (("-q", "x", "-d", "y", "hash:t"), "specify only one of -s -q or -d\n"),
            (("-h", "hash:t"), 'specify -b -h or -m only with "-q -"\n'),
        ]
        for args, text in cases:
            self.assertEqual(self.postmap(*args), (1, "", "postmap: fatal: " + text), args)
        for args, type_name in ((("-q", "x", "foo:bar"), "foo"), (("cdb:t",), "cdb")):
            unsupported = "unsupported dictionary type: " + type_name
            self.assertEqual(self.postmap(*args), (1, "", "postmap: warning: %s. Is the postfix-%s package installed?\npostmap: fatal: %s\n"
                                                   % (unsupported, type_name, unsupported)), args)
        status, _, err = self.postmap("-q", "x", "hash:nope")
        self.assertEqual(status, 1)
        self.assertTrue(err.startswith("postmap: fatal: open database nope.lmdb: No such file or directory"))

    def test_a_message_is_asked_by_header_and_body_line(self):
        self.write("re", "/^Subject: (.*)/ S=$1\n/^(x-.*)/ X\n/text/ B\n")
        message = ("Subject: a\n b\nContent-Type: multipart/mixed; boundary=b\n\npre text\n--b\nX-Part: y\n\n"
                   "text\n--b--\n")
        self.assertEqual(self.postmap("-hq", "-", "regexp:re", stdin=message)[1], "Subject: a\n b\tS=a\n b\n")
        self.assertEqual(self.postmap("-hmq", "-", "regexp:re", stdin=message)[1],
                         "Subject: a\n b\tS=a\n b\nX-Part: y\tX\n")
        self.assertEqual(self.postmap("-bmq", "-", "regexp:re", stdin=message)[1], "pre text\tB\ntext\tB\n")

    def test_values_may_be_files(self):
        self.write("content", "hello\n")
        self.write("t", "x " + self.path("content") + "\ny /no/such\n")
        self.assertEqual(self.postmap("-F", "hash:t")[2],
                         "postmap: warning: t, line 2: open /no/such: No such file or directory: "
                         "skipping this entry\n")
        self.assertEqual(self.postmap("-q", "x", "hash:t")[1], "aGVsbG8K\n")
        self.assertEqual(self.postmap("-F", "-q", "x", "hash:t")[1], "hello\n\n")
        self.assertEqual(self.postmap("-F", "-s", "hash:t")[1], "x\thello\n\n")

    def test_an_alias_database_has_its_marks(self):
        self.write("a", "Root: a,b\n\"x y\": |\"cmd arg\"\nbad\na@b: c\n")
        status, _, err = self.postalias("hash:a")
        self.assertEqual((status, err), (0, "postalias: warning: a, line 3: need name:value pair\n"
                                            "postalias: warning: a, line 4: name must be local\n"))
        lines = self.postalias("-s", "hash:a")[1].splitlines()
        self.assertEqual(lines[0], "@:\t@")
        self.assertRegex(lines[1], r"^YP_LAST_MODIFIED:\t\d+$")
        self.assertEqual(lines[2:], ["YP_MASTER_NAME:\tmail.example.com", "root:\ta, b", "x y:\t|\"cmd arg\""])
        self.assertEqual(self.postalias("-q", "ROOT", "hash:a"), (0, "a, b\n", ""))
        self.assertEqual(self.postalias("-i", "hash:a", stdin="new: x\n")[0], 0)
        self.assertEqual(self.postalias("-q", "new", "hash:a")[1], "x\n")


if __name__ == "__main__":
    POSTALIAS = os.path.abspath(sys.argv.pop())
    POSTMAP = os.path.abspath(sys.argv.pop())
    unittest.main()
