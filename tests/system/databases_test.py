#!/usr/bin/env python3
"""Tables of data bases: PostgreSQL, MariaDB, OpenLDAP and SQLite, straight in daemons in their jail, through proxymap and in postmap.

The servers' programs are Debian's, of this machine or downloaded and unpacked beside the build, never installed.  They
run as an unprivileged user in a directory of the test's, and listen on loopback and sockets there."""
import contextlib
import glob
import os
import re
import signal
import socket
import sqlite3
import subprocess

from harness import contents, DOMAIN, ETC, furnish, Host, MAIL_UID, main, send, Skip, Smtp, test, until, write

UID = 21900  # vmail's
PLACE = "/var/servers"
PORTS = {"pgsql": 5432, "mysql": 3306, "ldap": 3389}
PACKAGES = {
    "mariadbd": "mariadb-server-core libaio1 libnuma1 liburing2 libsystemd0",
    "slapd": "slapd libltdl7 libodbc2 libwrap0 libargon2-1 libperl5.36",
    "postgres": "postgresql-15 postgresql-client-15 libxml2 libxslt1.1",
}
HOSTILE = ("x' OR '1'='1", "'", "\\", "\\'", "a' --", "*", "paco)(mail=*", "%s", "%d", "\"; DROP TABLE t; --", "\u00f1", "a\tb", "\u2019 OR 1=1")


def eq(a, b):
    assert a == b, (a, b)


# ---------------------------------------------------------------- programs

def find(program, tree):
    places = ["/usr/sbin", "/usr/lib/postgresql/*/bin", tree + "/usr/sbin", tree + "/usr/lib/postgresql/*/bin"]
    found = [p for place in places for p in glob.glob(place + "/" + program)]
    return found[0] if found else None


def fetch(build):
    tree = build + "/servers"
    for program, packages in PACKAGES.items():
        if find(program, tree):
            continue
        cache = tree + "/packages"
        os.makedirs(cache, exist_ok=True)
        p = subprocess.run(["apt-get", "-q", "download", *packages.split()], cwd=cache, capture_output=True, text=True)
        if p.returncode:
            print("%s cannot be downloaded: %s" % (program, p.stderr.strip()[-200:]))
            continue
        for package in packages.split():
            for deb in glob.glob("%s/%s_*.deb" % (cache, package)):
                subprocess.run(["dpkg", "-x", deb, tree], check=True)
                os.unlink(deb)
    return tree


class Server:
    """One server of one kind, with the test's data in it."""

    def __init__(self, kind, program, tree):
        self.kind, self.tree, self.place, self.process = kind, tree, PLACE + "/" + kind, None
        self.program = find(program, tree)
        self.env = {**os.environ, "LC_ALL": "C.UTF-8"}
        if self.program and self.program.startswith(tree):
            self.env["LD_LIBRARY_PATH"] = tree + "/usr/lib/x86_64-linux-gnu"
        os.makedirs(self.place)
        os.chown(self.place, UID, UID)

    def run(self, *words, feed=""):
        p = subprocess.run(words, input=feed, text=True, capture_output=True, env=self.env, cwd=self.place, user=UID, group=UID, extra_groups=[])
        assert p.returncode == 0, (words, p.stdout[-500:], p.stderr[-1500:])

    def start(self):
        with open(self.place + "/out", "a") as out:
            self.process = subprocess.Popen(self.command, stdout=out, stderr=out, env=self.env, cwd=self.place, user=UID, group=UID,
                                            extra_groups=[], start_new_session=True)
        until("%s to answer: %s" % (self.kind, contents(self.place + "/out")[-300:]), self.answers)

    def answers(self):
        assert self.process.poll() is None, contents(self.place + "/out")[-2000:]
        if self.kind == "pgsql":  # its port is open before it is ready
            asked = [os.path.dirname(self.program) + "/pg_isready", "-q", "-h", self.place]
            return subprocess.run(asked, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", PORTS[self.kind]), 1).close()
            return True

    def stop(self):
        self.process.send_signal(signal.SIGINT if self.kind == "pgsql" else signal.SIGTERM)
        self.process.wait()


ROWS = [("paco@box.test", "paco/"), ("o'hara@box.test", "hara/"), ("two@box.test", "one@x.test"), ("two@box.test", "two@x.test"),
        ("alias list@box.test", "paco@box.test"), ("box.test", "box.test")]
TABLE = "CREATE TABLE t (k VARCHAR(99), v VARCHAR(99));\n" + "".join(
    "INSERT INTO t VALUES ('%s', '%s');\n" % (k.replace("'", "''"), v) for k, v in ROWS)


def postgresql(tree):
    s = Server("pgsql", "postgres", tree)
    if not s.program:
        return None
    tools, data = os.path.dirname(s.program), s.place + "/data"
    s.run(tools + "/initdb", "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync")
    write(data + "/pg_hba.conf", "local all owner trust\nlocal all mail password\nhost all mail 127.0.0.1/32 password\n", 0o600, UID)
    s.command = [s.program, "-D", data, "-k", s.place, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "jit=off"]
    s.start()
    s.run(tools + "/psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", s.place, "-U", "owner", "postgres", feed=TABLE +
          "CREATE ROLE mail LOGIN PASSWORD 'secret'; GRANT SELECT ON t TO mail;")
    return s


def mariadb(tree):
    s = Server("mysql", "mariadbd", tree)
    if not s.program:
        return None
    root = s.program[:-len("/usr/sbin/mariadbd")] + "/usr"
    data = s.place + "/data"
    os.makedirs(data)
    os.chown(data, UID, UID)
    shared = ["--no-defaults", "--basedir=" + root, "--datadir=" + data, "--lc-messages-dir=" + root + "/share/mysql",
              "--plugin-dir=" + root + "/lib/mysql/plugin", "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M",
              "--innodb-flush-method=nosync"]
    system = "".join(contents(root + "/share/mysql/" + name) for name in ("mysql_system_tables.sql", "mysql_system_tables_data.sql"))
    s.run(s.program, *shared, "--bootstrap", feed="CREATE DATABASE mysql;\nUSE mysql;\n" + system)
    write(s.place + "/begin.sql", "CREATE DATABASE IF NOT EXISTS mail;\nUSE mail;\nDROP TABLE IF EXISTS t;\n" + TABLE +
          "CREATE USER IF NOT EXISTS mail@localhost IDENTIFIED BY 'secret';\nCREATE USER IF NOT EXISTS mail@'127.0.0.1' IDENTIFIED BY 'secret';\n"
          "GRANT SELECT ON mail.* TO mail@localhost;\nGRANT SELECT ON mail.* TO mail@'127.0.0.1';\n", 0o644)
    s.command = [s.program, *shared, "--socket=" + s.place + "/socket", "--bind-address=127.0.0.1", "--port=3306", "--skip-name-resolve",
                 "--init-file=" + s.place + "/begin.sql"]
    s.start()
    return s


def ldif():
    people = {}
    for k, v in ROWS:
        people.setdefault(k, []).append(v)
    entries = ["dn: dc=box\nobjectClass: dcObject\nobjectClass: organization\ndc: box\no: box\n"]
    for i, (k, values) in enumerate(people.items()):
        entries.append("dn: cn=p%d,dc=box\nobjectClass: inetOrgPerson\ncn: p%d\nsn: x\nmail: %s\n%s" % (
            i, i, k, "".join("description: %s\n" % v for v in values)))
    entries.append("dn: cn=list,dc=box\nobjectClass: groupOfNames\ncn: list\nmember: cn=p0,dc=box\nmember: cn=gone,dc=box\nmember: cn=loop,dc=box\n")
    entries.append("dn: cn=loop,dc=box\nobjectClass: groupOfNames\ncn: loop\nmember: cn=loop,dc=box\n")
    entries.append("dn: cn=few,dc=box\nobjectClass: groupOfNames\ncn: few\nmember: cn=p0,dc=box\nmember: cn=gone,dc=box\n")
    return "\n".join(entries)


def openldap(tree):
    s = Server("ldap", "slapd", tree)
    if not s.program:
        return None
    root = s.program[:-len("/usr/sbin/slapd")]
    os.makedirs(s.place + "/data")
    os.chown(s.place + "/data", UID, UID)
    schemas = "".join("include %s/etc/ldap/schema/%s.schema\n" % (root, name) for name in ("core", "cosine", "inetorgperson"))
    write(s.place + "/slapd.conf", schemas + "modulepath %s/usr/lib/ldap\nmoduleload back_mdb\ndatabase mdb\nsuffix dc=box\n"
          "rootdn cn=admin,dc=box\nrootpw secret\ndirectory %s/data\nsizelimit 3\n" % (root, s.place))
    # The same program under another name loads what it is fed.
    os.symlink(s.program, s.place + "/slapadd")
    s.run(s.place + "/slapadd", "-q", "-f", s.place + "/slapd.conf", feed=ldif())
    s.command = [s.program, "-h", "ldap://127.0.0.1:3389 ldapi://" + (s.place + "/socket").replace("/", "%2F"), "-d", "0", "-f", s.place + "/slapd.conf"]
    s.env["SASL_PATH"] = "/nonexistent"
    s.start()
    return s


def sqlite():
    os.makedirs(PLACE + "/sqlite", exist_ok=True)
    with sqlite3.connect(PLACE + "/sqlite/db") as db:
        db.executescript(TABLE)


# ---------------------------------------------------------------- tables

SERVERS = {}
SQL = "retry_interval = 1\nquery = SELECT v FROM t WHERE k = '%s' ORDER BY v\n"
SETTINGS = {
    "pgsql": "hosts = unix:%s/pgsql\nuser = mail\npassword = secret\ndbname = postgres\n%s" % (PLACE, SQL.replace("%", "%%")) % (),
    "mysql": "hosts = unix:%s/mysql/socket\nuser = mail\npassword = secret\ndbname = mail\n%s" % (PLACE, SQL.replace("%", "%%")) % (),
    "ldap": "server_host = 127.0.0.1:3389\nversion = 3\nbind_dn = cn=admin,dc=box\nbind_pw = secret\nsearch_base = dc=box\n"
            "query_filter = (mail=%s)\nresult_attribute = description\ntimeout = 5\n",
    "sqlite": "dbpath = %s/sqlite/db\n%s" % (PLACE, SQL.replace("%", "%%")) % (),
}


def table(host, kind, extra="", name=None, owner=0):
    """A table of that kind; only its owner can read its file."""
    path = "%s/%s.cf" % (ETC, name or kind)
    others = {line.split(" =")[0] for line in extra.splitlines()}
    usual = "".join(line + "\n" for line in SETTINGS[kind].splitlines() if line.split(" =")[0] not in others)
    host.write(path, usual + extra, mode=0o600, owner=owner)
    return kind + ":" + path


def query(host, of, key):
    p = subprocess.run(["postmap", "-q", key, of], capture_output=True, text=True)
    return p.returncode, p.stdout, p.stderr


def use(host, **settings):
    host.run("postconf", "-e", *("%s = %s" % item for item in settings.items()))
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log(r": reload -- version", mark)
    return mark


def rcpt(recipient):
    with contextlib.closing(Smtp()) as c:
        c("EHLO client.test")
        c("MAIL FROM:<a@far.test>")
        return c("RCPT TO:<%s>" % recipient)


def here(*kinds):
    """The kinds of those that this machine has; all the same `sqlite` is there."""
    return [k for k in kinds if k == "sqlite" or SERVERS.get(k)]


@test
def postmap_asks_every_kind(host):
    for kind in here("pgsql", "mysql", "ldap", "sqlite"):
        of = table(host, kind)
        eq(query(host, of, "paco@box.test"), (0, "paco/\n", ""))
        eq(query(host, of, "o'hara@box.test"), (0, "hara/\n", ""))
        eq(query(host, of, "two@box.test"), (0, "one@x.test,two@x.test\n", ""))
        p = subprocess.run(["postmap", "-q", "-", of], input="\n".join(HOSTILE) + "\nbox.test\n", capture_output=True, text=True)
        eq((kind, p.returncode, p.stdout, p.stderr), (kind, 0, "box.test\tbox.test\n", ""))


@test
def mistakes_are_named(host):
    texts = {"pgsql": "connect to pgsql server unix:%s/pgsql: .*password authentication failed for user \"mail\"" % PLACE,
             "mysql": r"connect to mysql server unix:%s/mysql/socket: Access denied for user 'mail'@'localhost' \(using password: YES\)" % PLACE,
             "ldap": r"dict_ldap_connect: Unable to bind to server ldap://127.0.0.1:3389 with dn cn=admin,dc=box: 49 \(Invalid credentials\)"}
    for kind in here("pgsql", "mysql", "ldap"):
        of = table(host, kind, "password = wrong\nbind_pw = wrong\n", "wrong")
        status, _, err = query(host, of, "x")
        assert status == 1 and re.search("postmap: warning: " + texts[kind], err), err
        assert "postmap: fatal: table %s: query error" % of in err, err
    texts = {"pgsql": 'pgsql query failed: fatal error from host unix:%s/pgsql: ERROR:  relation "absent" does not exist' % PLACE,
             "mysql": r"mysql:%s/wrong.cf: query failed: Table 'mail.absent' doesn't exist" % ETC}
    for kind in here("pgsql", "mysql"):
        err = query(host, table(host, kind, "query = SELECT v FROM absent WHERE k='%s'\n", "wrong"), "x")[2]
        assert re.search("postmap: warning: " + texts[kind], err), err


@test
def ldap_follows_names(host):
    if not here("ldap"):
        raise Skip("no slapd")
    base = "query_filter = (cn=%s)\nspecial_result_attribute = member\nrecursion_limit = 5\n"
    of = table(host, "ldap", base, "list")
    status, out, err = query(host, of, "few")
    eq((status, out), (0, "paco/\n"))
    assert "warning: dict_ldap_get_values[1]: DN cn=gone,dc=box not found, skipping " in err, err
    status, out, err = query(host, of, "list")
    eq((status, out), (1, ""))
    assert "%s/list.cf: Recursion limit exceeded for special attribute member=cn=loop,dc=box" % ETC in err, err
    eq(query(host, table(host, "ldap", base + "leaf_result_attribute = mail\nresult_attribute = sn\n", "list"), "p0")[1], "x,paco@box.test\n")
    eq(query(host, table(host, "ldap", "terminal_result_attribute = mail\n", "list"), "paco@box.test")[1], "paco@box.test\n")
    eq(query(host, table(host, "ldap", "search_base = cn=%u,dc=nowhere\n", "list"), "paco@box.test")[0], 1)
    err = query(host, table(host, "ldap", "search_base = dc=nowhere\n", "list"), "paco@box.test")[2]
    assert "warning: dict_ldap_lookup: %s/list.cf: Search base 'dc=nowhere' not found: 32: No such object" % ETC in err, err
    err = query(host, table(host, "ldap", "query_filter = (|(mail=%s)(cn=*))\nsize_limit = 2\n", "list"), "x")[2]
    assert "Query size limit (2) exceeded" in err, err


@test
def daemons_in_their_jail_use_them(host):
    """smtpd, cleanup and virtual, chrooted as the stock master.cf has it; the files are root's."""
    kinds = (here("mysql", "pgsql", "ldap", "sqlite") * 4)[:4]
    names = ("domains", "boxes", "aliases", "users")
    alias = "query = SELECT v FROM t WHERE k = 'alias %s'\nquery_filter = (mail=alias %s)\n"
    of = {n: table(host, k, alias if n == "aliases" else "", n) for n, k in zip(names, kinds)}
    mark = use(host, virtual_mailbox_domains=of["domains"], virtual_mailbox_maps=of["boxes"], virtual_alias_maps=of["aliases"],
               virtual_mailbox_base="/var/vmail", virtual_uid_maps="static:%d" % UID, virtual_gid_maps="static:%d" % UID)
    eq(rcpt("list@box.test")[:3], "250")
    answer = rcpt("none@box.test")
    assert answer.startswith("550 5.1.1 <none@box.test>: Recipient address rejected: User unknown in virtual mailbox table"), answer
    assert rcpt("x'OR'1'='1@box.test").startswith("550 5.1.1 "), "a key got out of its quotes"
    send("o'hara@box.test", "Subject: quoted\n\nx")
    send("list@box.test", "Subject: alias\n\nx")
    until("mail for o'hara", lambda: glob.glob("/var/vmail/hara/new/*"))
    until("mail for the alias", lambda: glob.glob("/var/vmail/paco/new/*"))
    assert not re.search("(warning|error|fatal|panic): ", host.log()[mark:]), host.log()[mark:][-2000:]
    owners = {contents("/proc/%d/status" % pid).split("Uid:")[1].split()[0] for pid, name in host.daemons().items() if name == "tablemgr"}
    eq(len(owners), 1)
    assert owners != {"0"}, owners


@test
def a_table_manager_that_dies_is_replaced(host):
    eq(rcpt("paco@box.test")[:3], "250")
    mark = len(host.log())
    for pid, name in host.daemons().items():
        if name == "tablemgr":
            os.kill(pid, signal.SIGKILL)

    def accepted():  # each daemon that had one says once that it cannot know
        with contextlib.suppress(AssertionError):
            send("paco@box.test", "Subject: again\n\nx")
            return True
    until("daemons with new ones", accepted)
    host.wait_log("to=<paco@box.test>, relay=virtual.*status=sent", mark)


@test
def a_server_that_was_away_comes_back(host):
    away = [SERVERS[k] for k in here("pgsql", "mysql", "ldap")]
    if not away:
        raise Skip("no server")
    for server in away:
        of = table(host, server.kind, "hosts = 127.0.0.1\n", "away")
        mark = use(host, virtual_mailbox_domains="box.test", virtual_mailbox_maps=of, virtual_alias_maps="")
        eq(rcpt("paco@box.test")[:3], "250")
        server.stop()
        said = rcpt("paco@box.test")
        eq(said, "451 4.3.0 <paco@box.test>: Temporary lookup failure")
        host.wait_log(r"postfix/smtpd\[\d+\]: warning: .*%s" % {"pgsql": "connect to pgsql server 127.0.0.1: ",
                                                              "mysql": "connect to mysql server 127.0.0.1: ",
                                                              "ldap": "Unable to bind to server ldap://127.0.0.1"}[server.kind], mark)
        host.run("sendmail", "-f", "ana@far.test", "paco@box.test", text="Subject: waits\n\nx\n")
        qid = host.wait_log(r"postfix/virtual\[\d+\]: (\w+): to=<paco@box.test>.*status=deferred", mark)[1]
        server.start()
        until("the server to be asked again", lambda: rcpt("paco@box.test")[:3] == "250")
        host.run("postqueue", "-f")
        host.wait_log(r"%s: to=<paco@box.test>.*status=sent" % qid, mark)


def table_managers(host):
    return {pid for pid, name in host.daemons().items() if name == "tablemgr"}


@test
def proxymap_asks_for_all(host):
    of = "proxy:" + table(host, here("pgsql", "mysql", "sqlite")[0], name="shared", owner=MAIL_UID)
    of_before = table_managers(host)  # of agents that are not through yet
    mark = use(host, virtual_mailbox_domains="box.test", virtual_mailbox_maps=of, virtual_alias_maps="")
    eq(rcpt("paco@box.test")[:3], "250")
    assert rcpt("none@box.test").startswith("550 5.1.1 "), "an unknown user"
    assert not re.search("(warning|error|fatal|panic): ", host.log()[mark:]), host.log()[mark:][-2000:]
    assert table_managers(host) <= of_before, "nobody needs one of its own"


@test
def a_query_that_cannot_be_defers_mail(host):
    of = table(host, "sqlite", "query = SELECT v FROM absent WHERE k = '%s'\n", "bad")
    mark = use(host, virtual_mailbox_domains="box.test", virtual_mailbox_maps=of)
    eq(rcpt("paco@box.test"), "451 4.3.0 <paco@box.test>: Temporary lookup failure")
    host.wait_log(r"postfix/smtpd\[\d+\]: warning: dict_sqlite_lookup: %s/bad.cf: SQL prepare failed: no such table: absent" % ETC, mark)


def prepare(tree, work):
    furnish(tree, work)
    servers = os.environ["FETCHED"]
    SERVERS.update(pgsql=postgresql(servers), mysql=mariadb(servers), ldap=openldap(servers))
    sqlite()
    for kind, server in SERVERS.items():
        if not server:
            print("without a server for " + kind)
    host = Host()
    host.configure(main={"maximal_backoff_time": "2s", "minimal_backoff_time": "1s", "queue_run_delay": "1s", "mynetworks": "127.0.0.1/32",
                         "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
                         "virtual_alias_domains": ""})
    host.run("postfix", "upgrade-configuration")
    host.start()
    return host


main(prepare, fetch)
