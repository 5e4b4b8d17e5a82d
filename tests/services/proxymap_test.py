#!/usr/bin/env python3
"""proxymap and proxywrite as processes, with postmap as the client that may not open the tables itself."""
import os, shutil, socket, struct, subprocess, sys, tempfile, traceback

BINARY, POSTMAP = sys.argv[1:]


def eq(got, want):
    assert got == want, "%r != %r" % (got, want)


class Proxymap:
    """`approved` is what the service approves; its clients' own configuration approves nothing."""

    def __init__(self, approved="", service="proxymap"):
        self.approved, self.service = approved, service

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="proxymap-test-")
        os.chmod(self.dir, 0o755)
        for d in ("private", "public", "pid", "conf"):
            os.mkdir(self.dir + "/" + d)
        self.write("conf/main.cf", "queue_directory = %s\ndata_directory = %s\nmyhostname = mx.test\nmydomain = test\n"
                   "inet_interfaces = loopback-only\ninet_protocols = ipv4\ncompatibility_level = 3.6\nproxy_read_maps =\n"
                   "proxy_write_maps =\nipc_timeout = 10s\n" % (self.dir, self.dir))
        self.write("table", "key value of key\n")
        self.env = {"MAIL_CONFIG": self.dir + "/conf", "PATH": "/usr/bin:/bin"}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("%s/private/%s" % (self.dir, self.service))
        self.listener.listen(50)
        self.start()
        return self

    def start(self):
        with open(self.dir + "/log", "ab") as log:
            self.proc = subprocess.Popen(
                [BINARY, "-S", "-V", "-n", self.service, "-t", "unix", "-o", "proxy_read_maps=" + self.approved.replace("DIR", self.dir),
                 "-o", "proxy_write_maps=" + self.approved.replace("DIR", self.dir)],
                stdin=self.listener, stdout=subprocess.DEVNULL, stderr=log, cwd=self.dir, env=self.env)

    def __exit__(self, *exc):
        self.proc.kill()
        self.proc.wait()
        self.listener.close()
        shutil.rmtree(self.dir)

    def write(self, name, text):
        with open(self.dir + "/" + name, "w") as f:
            f.write(text)

    def log(self):
        with open(self.dir + "/log") as f:
            return f.read()

    def postmap(self, table, key="key"):
        p = subprocess.run([POSTMAP, "-q", key, table.replace("DIR", self.dir)], env=self.env, text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=30)
        return p.returncode, p.stdout, p.stderr

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect("%s/private/%s" % (self.dir, self.service))
        return s


def ask(s, letter, table, key="", value="", flags=3):
    """One question in frames; (status, value), or None when the service hung up."""
    body = b"".join(b"%s\0%s\0" % (n.encode(), v.encode())
                    for n, v in (("table", table), ("flags", str(flags)), ("key", key), ("value", value))) + b"\0"
    s.sendall(struct.pack("<I", len(body) + 1) + letter.encode() + body)
    f = s.makefile("rb")
    try:
        head = f.read(4)
    except ConnectionResetError:
        return None
    if len(head) < 4:
        return None
    words = f.read(struct.unpack("<I", head)[0])[1:].split(b"\0")
    fields = dict(zip(words[0::2], words[1::2]))
    return int(fields[b"status"]), fields[b"value"].decode()


OK, NOT_FOUND, FAILED, DENIED = range(4)


def an_approved_table_is_looked_up():
    with Proxymap("a, proxy:texthash:DIR/table") as p:
        eq(p.postmap("proxy:texthash:DIR/table"), (0, "value of key\n", ""))
        eq(p.postmap("proxy:texthash:DIR/table", "KEY"), (0, "value of key\n", ""))
        eq(p.postmap("proxy:texthash:DIR/table", "other"), (1, "", ""))


def a_table_in_a_restriction_in_braces_is_approved():
    with Proxymap("reject { check_client_access proxy:texthash:DIR/table, default_action = DEFER }") as p:
        eq(p.postmap("proxy:texthash:DIR/table"), (0, "value of key\n", ""))


def an_unapproved_table_is_refused():
    with Proxymap("texthash:DIR/table proxy:texthash:DIR/table2") as p:
        name = "texthash:%s/table" % p.dir
        eq(p.postmap("proxy:" + name), (1, "", "postmap: fatal: proxymap service is not configured for table \"%s\"\n" % name))
        assert 'warning: request for unapproved table: "%s"\n' % name in p.log(), p.log()
        assert "to approve this table for read-only access, list proxy:%s in main.cf:proxy_read_maps\n" % name in p.log(), p.log()


def a_missing_table_is_a_failure_until_it_is_there():
    with Proxymap("proxy:texthash:DIR/later") as p:
        with p.connect() as s:
            table = "texthash:%s/later" % p.dir
            eq(ask(s, "O", table), (FAILED, ""))
            eq(ask(s, "L", table, "key"), (FAILED, ""))
            assert "warning: %s is unavailable. open database %s/later: No such file or directory" % (table, p.dir) in p.log(), p.log()
            p.write("later", "key here\n")
            eq(ask(s, "L", table, "key"), (OK, "here"))


def a_replaced_table_is_read_anew():
    with Proxymap("proxy:lmdb:DIR/table") as p:
        table, build = "lmdb:%s/table" % p.dir, [POSTMAP, "lmdb:%s/table" % p.dir]
        subprocess.run(build, env=p.env, check=True)
        with p.connect() as s:
            eq(ask(s, "L", table, "key"), (OK, "value of key"))
            p.write("table", "key another value\n")
            subprocess.run(build, env=p.env, check=True)
            eq(ask(s, "L", table, "key"), None)  # the process ends; its successor has the new file
        eq(p.proc.wait(10), 0)
        p.start()
        with p.connect() as s:
            eq(ask(s, "L", table, "key"), (OK, "another value"))


def the_reading_service_changes_nothing():
    with Proxymap("proxy:internal:x") as p:
        with p.connect() as s:
            eq(ask(s, "U", "internal:x", "a", "b"), (DENIED, ""))
            eq(ask(s, "D", "internal:x", "a"), (DENIED, ""))
            eq(ask(s, "L", "internal:x", "a"), (NOT_FOUND, ""))


def the_writing_service_changes_approved_tables():
    with Proxymap("proxy:lmdb:DIR/cache", "proxywrite") as p:
        table = "lmdb:%s/cache" % p.dir
        with p.connect() as s, p.connect() as other:
            eq(ask(s, "U", table, "a", "b"), (OK, ""))
            eq(ask(other, "L", table, "a"), (OK, "b"))
            eq(ask(other, "D", table, "a"), (OK, ""))
            eq(ask(s, "L", table, "a"), (NOT_FOUND, ""))
            eq(ask(s, "U", "lmdb:%s/other" % p.dir, "a", "b"), (DENIED, ""))
        assert "for read-write access, list proxy:lmdb:%s/other in main.cf:proxy_write_maps\n" % p.dir in p.log(), p.log()


def large_values_pass_and_a_silent_client_holds_up_nobody():
    with Proxymap("proxy:inline:{x=%s}" % ("v" * 60000)) as p:
        with p.connect() as silent, p.connect() as s:
            table = "inline:{x=%s}" % ("v" * 60000)
            body = b"table\0%s\0flags\0003\0key\0x\0value\0\0\0" % table.encode()
            for _ in range(20):  # questions without reading an answer
                silent.setblocking(False)
                try:
                    silent.send(struct.pack("<I", len(body) + 1) + b"L" + body)
                except BlockingIOError:
                    break
            eq(ask(s, "L", table, "x"), (OK, "v" * 60000))


def nonsense_is_cut_off():
    with Proxymap("proxy:static:x") as p:
        for junk in (b"\0\0\0\0L", b"\xff\xff\xff\xffL", struct.pack("<I", 2) + b"Zx", struct.pack("<I", 4) + b"Labc"):
            with p.connect() as s:
                s.sendall(junk)
                try:
                    eq(s.recv(100), b"")
                except ConnectionResetError:
                    pass
        with p.connect() as s:
            eq(ask(s, "L", "static:x", "y"), (OK, "x"))


def main():
    failed = 0
    for name, test in list(globals().items()):
        if callable(test) and test.__module__ == "__main__" and name not in ("main", "eq", "ask", "Proxymap"):
            try:
                test()
                print("ok", name)
            except Exception:
                failed += 1
                print("FAILED", name)
                traceback.print_exc()
    return 1 if failed else 0


sys.exit(main())
