#!/usr/bin/env python3
"""Table types that are plug-ins, as a user of postmap, postalias and postconf sees them: dynamicmaps.cf, cdb, sqlite."""
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

TOOLS, PLUGINS = "", ""
STOCK = "".join("%s\tpostfix-%s.so\tdict_%s_open%s\n" % (t, t, t, "\tmkmap_cdb_open" if t == "cdb" else "")
                for t in ("cdb", "ldap", "mysql", "pgsql", "sqlite"))


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        os.mkdir(self.path("lib"))
        for name in os.listdir(PLUGINS):
            if name.endswith(".so"):
                shutil.copy(os.path.join(PLUGINS, name), self.path("lib"))
                os.chmod(self.path("lib/" + name), 0o755)
        self.write("main.cf", "compatibility_level = 3.12\nmyhostname = mail.example.com\nmeta_directory = %s\n"
                   "shlib_directory = %s/lib\n" % (self.dir, self.dir))
        self.write("dynamicmaps.cf", STOCK)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), 0o644)

    def tool(self, name, *args, feed=""):
        done = subprocess.run([os.path.join(TOOLS, name), "-c", self.dir, *args], input=feed, text=True, cwd=self.dir, capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def postmap(self, *args, **how):
        return self.tool("postmap", *args, **how)

    # ---- dynamicmaps.cf

    def test_postconf_lists_what_dynamicmaps_names(self):
        listed = self.tool("postconf", "-m")[1].split()
        self.assertEqual(listed, sorted(listed))
        self.assertLess({"cdb", "ldap", "mysql", "pgsql", "sqlite", "lmdb", "pcre", "hash"}, set(listed))
        self.write("dynamicmaps.cf", "")
        os.mkdir(self.path("dynamicmaps.cf.d"))
        self.write("dynamicmaps.cf.d/sqlite", "sqlite postfix-sqlite.so dict_sqlite_open\n")
        listed = self.tool("postconf", "-m")[1].split()
        self.assertIn("sqlite", listed)
        self.assertNotIn("ldap", listed)

    def test_rows_of_types_that_are_built_in_do_no_harm(self):
        self.write("dynamicmaps.cf", STOCK + "pcre\tpostfix-pcre.so\tdict_pcre_open\nlmdb\tpostfix-lmdb.so\tdict_lmdb_open\tmkmap_lmdb_open\n")
        self.write("re", "/a/ b\n")
        self.write("t", "x y\n")
        self.assertEqual(self.postmap("-q", "a", "pcre:re"), (0, "b\n", ""))
        self.assertEqual(self.postmap("lmdb:t"), (0, "", ""))
        self.assertEqual(self.postmap("-q", "x", "lmdb:t"), (0, "y\n", ""))

    def test_a_plug_in_that_cannot_be_had_is_named(self):
        fatal = "postmap: fatal: unsupported dictionary type: %s\n"
        os.unlink(self.path("lib/postfix-sqlite.so"))
        os.chmod(self.path("lib/postfix-cdb.so"), 0o777)
        self.write("lib/postfix-ldap.so", "this is no shared object")
        for name, why in (("sqlite", "No such file or directory"), ("cdb", "file is owned or writable by other users"), ("ldap", "")):
            status, out, err = self.postmap("-q", "x", name + ":x")
            self.assertEqual((status, out), (1, ""))
            self.assertTrue(err.startswith("postmap: warning: unsupported dictionary type: %s (%s/lib/postfix-%s.so: %s"
                                           % (name, self.dir, name, why)), err)
            self.assertTrue(err.endswith(fatal % name), err)
        for name in ("mongodb", "nis"):
            status, _, err = self.postmap("-q", "x", name + ":x")
            unsupported = "unsupported dictionary type: " + name
            self.assertEqual((status, err), (1, "postmap: warning: %s. Is the postfix-%s package installed?\n" % (unsupported, name)
                                             + fatal % name))

    def test_a_row_of_another_form_is_fatal_for_everybody(self):
        self.write("dynamicmaps.cf", "sqlite postfix-sqlite.so\n")
        expected = "%s/dynamicmaps.cf, line 1: Expected \"dict-type .so-name dict-function [mkmap-function]\"\n" % self.dir
        for tool, args in (("postmap", ("-q", "x", "sqlite:x")), ("postconf", ("-m",))):
            status, _, err = self.tool(tool, *args)
            self.assertEqual(status, 1)
            self.assertTrue(err.endswith("fatal: " + expected), err)

    # ---- cdb

    def test_cdb_is_built_whole_and_asked(self):
        self.write("t", "b 2\nA 1\nb 3\n")
        self.assertEqual(self.postmap("cdb:t"), (0, "", 'postmap: warning: t: duplicate entry: "b"\n'))
        self.assertEqual(self.postmap("-q", "a", "cdb:t"), (0, "1\n", ""))
        self.assertEqual(self.postmap("-q", "nobody", "cdb:t"), (1, "", ""))
        self.assertEqual(self.postmap("-s", "cdb:t"), (0, "b\t2\na\t1\n", ""))
        with open(self.path("t.cdb"), "rb") as f:
            self.assertNotIn(b"a\0", f.read()[2048:])
        self.assertEqual(self.postmap("-N", "cdb:t")[0], 0)
        with open(self.path("t.cdb"), "rb") as f:
            self.assertIn(b"a\x001\0", f.read()[2048:])
        self.assertEqual(self.postmap("-q", "a", "cdb:t"), (0, "1\n", ""))
        self.assertEqual(sorted(n for n in os.listdir(self.dir) if n.startswith("t")), ["t", "t.cdb"])

    def test_cdb_takes_long_keys(self):
        key = "k" * 5000
        self.write("t", key + " v\n")
        self.assertEqual(self.postmap("cdb:t"), (0, "", ""))
        self.assertEqual(self.postmap("-q", key, "cdb:t"), (0, "v\n", ""))

    def test_cdb_is_not_changed(self):
        self.write("t", "a 1\n")
        self.postmap("cdb:t")
        for args in (("-i", "cdb:t"), ("-d", "a", "cdb:t")):
            status, _, err = self.postmap(*args)
            self.assertEqual((status, err), (1, "postmap: fatal: cdb:t: unsupported non-bulk change request\n"))

    def test_an_old_cdb_is_told_of_and_a_missing_one_is_an_error(self):
        self.write("t", "a 1\n")
        self.assertEqual(self.postmap("-q", "a", "cdb:t")[2], "postmap: fatal: open database t.cdb: No such file or directory\n")
        self.postmap("cdb:t")
        os.utime(self.path("t.cdb"), (1000000000, 1000000000))
        os.utime(self.path("t"), (1000000500, 1000000500))
        self.assertEqual(self.postmap("-q", "a", "cdb:t"), (0, "1\n", "postmap: warning: database t.cdb is older than source file t\n"))

    def test_a_damaged_cdb_is_an_error(self):
        self.write("t", "a 1\n")
        self.postmap("cdb:t")
        with open(self.path("t.cdb"), "r+b") as f:
            f.write(b"\xff" * 2048)
        self.assertEqual(self.postmap("-q", "a", "cdb:t")[0], 1)

    def test_aliases_may_be_cdb(self):
        self.write("a", "root: enrique\n")
        self.assertEqual(self.tool("postalias", "cdb:a"), (0, "", ""))
        self.assertEqual(self.postmap("-q", "root", "cdb:a"), (0, "enrique\n", ""))
        self.assertEqual(self.postmap("-q", "@", "cdb:a"), (0, "@\n", ""))

    # ---- sqlite

    def data_base(self, settings, name="x.cf"):
        with sqlite3.connect(self.path("m.db")) as db:
            db.execute("CREATE TABLE IF NOT EXISTS t (k TEXT, v TEXT, w TEXT)")
            db.execute("DELETE FROM t")
            db.executemany("INSERT INTO t VALUES (?, ?, ?)",
                           [("a@b.test", "one", "x"), ("a@b.test", "two", "y"), ("o'hara@b.test", "box@host", "z"),
                            ("null@b.test", None, "z"), ("empty@b.test", "", "z"), ("\u00f1", "tilde", ""), ("%d", "percent", ""),
                            ("back\\slash", "slash", "")])
        self.write(name, "dbpath = %s\n%s" % (self.path("m.db"), settings))
        return "sqlite:" + self.path(name)

    def test_a_query_is_quoted_and_its_rows_are_joined(self):
        table = self.data_base("query = SELECT v, w FROM t WHERE k = '%s'\n")
        for key, value in (("a@b.test", "one,two"), ("A@B.test", "one,two"), ("o'hara@b.test", "box@host"), ("\u00f1", "tilde"),
                           ("%d", "percent"), ("back\\slash", "slash")):
            self.assertEqual(self.postmap("-q", key, table), (0, value + "\n", ""), key)
        for key in ("x' OR '1'='1", "null@b.test", "nobody", "'", "''", "\\'", "a@b.test' --", "\"; DROP TABLE t; --"):
            self.assertEqual(self.postmap("-q", key, table), (1, "", ""), key)
        self.assertEqual(self.postmap("-q", "empty@b.test", table),
                         (1, "", 'postmap: warning: table "%s": empty lookup result for: "empty@b.test" -- ignored\n' % table))
        self.assertEqual(self.postmap("-q", "-", table, feed="a@b.test\nnobody\n%d\n")[1], "a@b.test\tone,two\n%d\tpercent\n")
        bad = subprocess.run([os.path.join(TOOLS, "postmap"), "-c", self.dir, "-u", "-q", b"\xff", table], capture_output=True)
        self.assertEqual((bad.returncode, bad.stdout), (1, b""))

    def test_results_are_formatted_limited_and_of_listed_domains(self):
        query = "query = SELECT v FROM t WHERE k = '%s'\n"
        self.assertEqual(self.postmap("-q", "a@b.test", self.data_base(query + "result_format = %s:%U\n"))[1], "one:a,two:a\n")
        self.assertEqual(self.postmap("-q", "o'hara@b.test", self.data_base(query + "result_format = %u at %d\n"))[1], "box at host\n")
        self.assertEqual(self.postmap("-q", "a@b.test", self.data_base(query + "result_format = %d\n"))[0], 1)
        listed = self.data_base(query + "domain = c.test, b.test\n")
        self.assertEqual(self.postmap("-q", "a@b.test", listed)[1], "one,two\n")
        self.assertEqual(self.postmap("-q", "%d", listed)[0], 1)
        status, _, err = self.postmap("-q", "a@b.test", self.data_base(query + "expansion_limit = 1\n"))
        self.assertEqual(status, 1)
        self.assertIn("warning: dict_sqlite_lookup: %s: Expansion limit exceeded for key 'a@b.test'\n" % self.path("x.cf"), err)

    def test_settings_may_stand_in_main_cf_or_be_of_the_old_kind(self):
        table = self.data_base("table = t\nselect_field = v\nwhere_field = k\nadditional_conditions = AND w = 'y'\n")
        self.assertEqual(self.postmap("-q", "a@b.test", table)[1], "two\n")
        with open(self.path("main.cf"), "a") as f:
            f.write("base = %s\nlocal_dbpath = $base/m.db\nlocal_query = SELECT v FROM t WHERE k = '%%s'\nalias_maps = sqlite:local\n" % self.dir)
        self.assertEqual(self.postmap("-q", "%d", "sqlite:local"), (0, "percent\n", ""))
        self.write("master.cf", "")
        self.assertEqual(self.tool("postconf", "-n")[2], "")

    def test_mistakes_are_named(self):
        for settings, text in (
                ("query = SELECT absent FROM t WHERE k = '%s'\n", "dict_sqlite_lookup: %(cf)s: SQL prepare failed: no such column: absent?"),
                ("query = SELECT v FROM t WHERE k = '%x'\n", "db_common_parse: %(cf)s: Invalid query template: SELECT v FROM t WHERE k = '%%x'"),
                ("query = x\nresult_format = %y\n", "db_common_parse: %(cf)s: Invalid result template: %%y"),
                ("query = x\nexpansion_limit = many\n", "%(cf)s: bad numerical configuration: expansion_limit = many"),
                ("table = t\nselect_field = v\n", "%(cf)s: bad string length 0 < 1: where_field ="),
                ("query = SELECT v FROM t WHERE k = '%s'\ndbpath = /no/such\n", "sqlite:%(cf)s: open database /no/such: unable to open database file"),
                ("dbpath =\n", "%(cf)s: bad string length 0 < 1: dbpath =")):
            table = self.data_base(settings)
            status, _, err = self.postmap("-q", "a", table)
            self.assertEqual(status, 1)
            self.assertIn("postmap: fatal: " + text % {"cf": self.path("x.cf")}, err)
        self.assertIn("fatal: bad string length 0 < 1: word_dbpath =", self.postmap("-q", "a", "sqlite:word")[2])
        self.assertIn("fatal: open /no/such.cf: No such file or directory", self.postmap("-q", "a", "sqlite:/no/such.cf")[2])
        table = self.data_base("query = SELECT v FROM t WHERE k = %s\n")
        self.assertIn("without the recommended '' quotes", self.postmap("-q", "1", table)[2])
        table = self.data_base("query = SELECT v FROM t WHERE k LIKE '%%%s' OR k = 'it''s %s'\n")
        self.assertEqual(self.postmap("-q", "1", table)[2], "")

    def test_a_setting_that_is_given_twice_is_told_of(self):
        table = self.data_base("query = SELECT v FROM t WHERE k = '%s'\nresult_format = %s\nresult_format = <%s>\nresult_format = <%s>\n")
        _, out, err = self.postmap("-q", "o'hara@b.test", table)
        self.assertEqual(out, "<box@host>\n")
        self.assertEqual(err, "postmap: warning: %s, line 4: overriding earlier entry: result_format=%%s\n" % self.path("x.cf"))

    def test_what_ldap_cannot_do_is_told_of(self):
        self.write("l.cf", "server_host = ldap://127.0.0.1:1\nstart_tls = yes\ntls_cipher_suite = NOPE\ndereference = 9\nscope = zz\n"
                   "cache = yes\ncache_size = 9\nquery_filter = (mail=%s)\n")
        err = self.postmap("-q", "a", "ldap:" + self.path("l.cf"))[2]
        for text in ("dict_ldap_open: %s start_tls requires protocol version 3", "dict_ldap_open: %s Unrecognized value 9 specified for dereference; using 0",
                     "dict_ldap_open: %s: Unrecognized value zz specified for scope; using sub", "dict_ldap_open: %s ignoring cache\n",
                     "dict_ldap_open: %s ignoring cache_size\n", "dict_ldap_set_tls_options: Unable to allocate new TLS context -1: Can't contact LDAP server"):
            self.assertIn("postmap: warning: " + text.replace("%s", self.path("l.cf")), err)
        self.assertNotIn("cache_expiry", err)

    def test_a_server_is_neither_built_nor_listed(self):
        table = self.data_base("query = SELECT v FROM t WHERE k = '%s'\n")
        self.assertEqual(self.postmap(table)[2], "postmap: fatal: unsupported dictionary type: sqlite does not support bulk-mode creation.\n")
        self.assertEqual(self.postmap("-s", table)[2], "postmap: fatal: table %s: sequence operation is not supported\n" % table)
        self.assertEqual(self.postmap("-d", "x", table)[2], "postmap: fatal: %s map requires O_RDONLY access mode\n" % table)


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop())
    TOOLS = os.path.abspath(sys.argv.pop())
    unittest.main()
