#!/usr/bin/env python3
"""Tables that ask servers: tcp, socketmap, memcache.  Daemons in their jail, proxymap, the SMTP client and postmap."""
import contextlib
import hashlib
import os
import re
import socketserver
import threading

from harness import contents, DOMAIN, ETC, furnish, Host, MAIL_UID, main, QUEUE, send, Sink, Smtp, test, until

TCP, MAP, MEMORY = 10041, 10042, 11211
SOCKET = QUEUE + "/private/map"
BOX = "paco@" + DOMAIN


class Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.connections += 1
        for line in self.rfile:
            self.server.asked.append(line)
            key = line.decode("latin-1")[4:-1]
            said = self.server.answers.get(key, b"500 none\n")
            if said is None:
                return
            self.wfile.write(said)


class Map(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.connections += 1
        while True:
            length = b""
            while not length.endswith(b":"):
                byte = self.rfile.read(1)
                if not byte:
                    return
                length += byte
            query = self.rfile.read(int(length[:-1])).decode("latin-1")
            assert self.rfile.read(1) == b","
            self.server.asked.append(query)
            said = self.server.answers.get(query, b"NOTFOUND ")
            if said is None:
                return
            self.wfile.write(b"%d:%s," % (len(said), said))


class Memory(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.connections += 1
        store = self.server.answers
        for line in self.rfile:
            words = line.decode("latin-1").split()
            self.server.asked.append(line.decode("latin-1").rstrip("\r\n"))
            if words[0] == "get":
                data = store.get(words[1])
                said = b"" if data is None else b"VALUE %s 0 %d\r\n%s\r\n" % (words[1].encode(), len(data), data)
                self.wfile.write(said + b"END\r\n")
            elif words[0] == "set":
                store[words[1]] = self.rfile.read(int(words[4]))
                self.rfile.readline()
                self.wfile.write(b"STORED\r\n")
            else:
                self.wfile.write(b"DELETED\r\n" if store.pop(words[1], None) is not None else b"NOT_FOUND\r\n")


class Stream(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


class Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def serving(kind, place, answers):
    if isinstance(place, str):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place)
        server = Unix(place, kind)
        os.chown(place, MAIL_UID, MAIL_UID)
        os.chmod(place, 0o660)
    else:
        server = Stream(("127.0.0.1", place), kind)
    server.answers, server.asked, server.connections = answers, [], 0
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def eq(a, b):
    assert a == b, (a, b)


def use(host, **settings):
    host.run("postconf", "-e", *("%s = %s" % item for item in settings.items()))
    mark = len(host.log())
    host.run("postfix", "reload")
    host.wait_log(r": reload -- version", mark)
    return mark


def rcpt(sender="a@far.test", recipient=BOX):
    with contextlib.closing(Smtp()) as c:
        c("EHLO client.test")
        c("MAIL FROM:<%s>" % sender)
        return c("RCPT TO:<%s>" % recipient)


def query(host, table, key):
    p = host.run("postmap", "-q", key, table, check=False)
    return p.returncode, p.stdout, p.stderr


@test
def postmap_asks_a_tcp_server(host):
    table = "tcp:127.0.0.1:%d" % TCP
    answers = {"a%20b%25c": b"200 one%20two\n", "t": b"400 later\n", "s": b"300 what\n", "j": b"junk\n", "q": b"200 x%zz\n"}
    with serving(Tcp, TCP, answers) as server:
        eq(query(host, table, "a b%c")[:2], (0, "one two\n"))
        eq(query(host, table, "none"), (1, "", ""))
        status, out, err = query(host, table, "t")
        assert status == 1 and "fatal: table %s: query error" % table in err, err
        for key, complaint in (("s", "bad status code: 300 what"), ("j", "malformed reply: junk"), ("q", "malformed reply: 200 x%zz")):
            err = query(host, table, key)[2]
            assert "warning: read TCP map reply from 127.0.0.1:%d: %s" % (TCP, complaint) in err, err
        eq(server.asked[0], b"get a%20b%25c\n")
    mark = query(host, table, "x")[2]
    assert mark.count("warning: connect to TCP map 127.0.0.1:%d: Connection refused" % TCP) == 10, mark


@test
def postmap_asks_a_socketmap_server(host):
    table = "socketmap:inet:127.0.0.1:%d:name" % MAP
    answers = {"name k": b"OK v w", "name t": b"TEMP not now", "name o": b"TIMEOUT slow", "name p": b"PERM never", "name u": b"HUH x",
               "name e": b"OK ", "name gone": None}
    with serving(Map, MAP, answers) as server:
        eq(query(host, table, "k"), (0, "v w\n", ""))
        eq(query(host, table, "none"), (1, "", ""))
        status, out, err = query(host, table, "e")
        assert (status, out) == (0, "\n") and "empty string result is not allowed" in err, (status, out, err)
        for key, complaint in (("t", "temporary error: not now"), ("o", "timeout error: slow"), ("p", "permanent error: never"),
                               ("u", "unknown error: HUH x")):
            status, _, err = query(host, table, key)
            assert status == 1 and "warning: %s socketmap server %s" % (table, complaint) in err, err
        before = server.connections
        err = query(host, table, "gone")[2]
        assert "warning: table %s lookup error: unexpected disconnect" % table in err, err
        eq(server.connections, before + 2)
        long = "x" * 10001
        err = query(host, table, long)[2]
        assert "warning: table %s query too large: 'xxx" % table in err, err[:200]
    err = query(host, table, "k")[2]
    assert "warning: connect to 127.0.0.1:%d: Connection refused" % MAP in err, err
    assert "warning: table %s lookup error: Connection refused" % table in err, err
    for bad, complaint in (("socketmap:foo:bar:n", "invalid transport name: foo in service: foo:bar"),
                           ("socketmap:inet", "socketmap requires server:socketmap argument")):
        assert complaint in query(host, bad, "k")[2], bad


@test
def memory_stands_in_front_of_a_table(host):
    host.write("/etc/memory.cf", "memcache = inet:127.0.0.1:%d\nkey_format = p-%%s\nbackup = inline:{k1=value1}\n" % MEMORY)
    with serving(Memory, MEMORY, {"p-k0": b"remembered"}) as server:
        eq(query(host, "memcache:/etc/memory.cf", "k0"), (0, "remembered\n", ""))
        eq(query(host, "memcache:/etc/memory.cf", "K1"), (0, "value1\n", ""))
        eq(query(host, "memcache:/etc/memory.cf", "k2"), (1, "", ""))
        eq(query(host, "memcache:/etc/memory.cf", "a b"), (1, "", ""))
        eq(server.asked, ["get p-k0", "get p-k1", "set p-k1 0 3600 6", "get p-k2"])
        host.run("postconf", "-e", "mem_memcache = inet:$mem_host:%d" % MEMORY, "mem_host = 127.0.0.1", "mem_domain = here.test", "mem_key_format = %u")
        server.answers["x"] = b"there"
        eq(query(host, "memcache:mem", "x@here.test"), (0, "there\n", ""))
        eq(query(host, "memcache:mem", "x@far.test"), (1, "", ""))
        host.run("postconf", "-X", "mem_memcache", "mem_host", "mem_domain", "mem_key_format")
        # A hash of what key_format makes of the key; keys that are too odd to be sent have one, too.
        host.write("/etc/hashed.cf", "memcache = inet:127.0.0.1:%d\nkey_format = p-%%s\nkey_digest = sha256\n" % MEMORY)
        for key in ("k0", "a b", "x" * 300):
            hashed = hashlib.sha256(b"p-" + key.encode()).hexdigest()
            server.answers[hashed] = b"hashed"
            eq(query(host, "memcache:/etc/hashed.cf", key), (0, "hashed\n", ""))
        server.answers["p-a@far.test"] = b"REJECT by memory"
        use(host, smtpd_sender_restrictions="check_sender_access memcache:/etc/memory.cf")
        eq(rcpt(), "554 5.7.1 <a@far.test>: Sender address rejected: by memory")
    # Without it the table behind it goes on alone.
    status, out, err = query(host, "memcache:/etc/memory.cf", "k1")
    assert (status, out) == (0, "value1\n") and "warning: connect to 127.0.0.1:%d: Connection refused" % MEMORY in err, err
    host.write("/etc/memory.cf", "memcache = inet:127.0.0.1:%d\nmax_try = 1\n" % MEMORY)
    status, _, err = query(host, "memcache:/etc/memory.cf", "k1")
    assert status == 1 and "query error" in err, err
    for text, complaint in (("key_digest = nosuch\n", "/etc/memory.cf: key_digest = nosuch: no such algorithm"),
                            ("max_try = x\n", "/etc/memory.cf: bad numerical configuration: max_try = x"),
                            ("key_format = %x\n", "db_common_parse: /etc/memory.cf: Invalid query template: %x")):
        host.write("/etc/memory.cf", text)
        assert complaint in query(host, "memcache:/etc/memory.cf", "k")[2], complaint
    use(host, smtpd_sender_restrictions="")


@test
def a_cache_may_be_shared_in_memory(host):
    host.write("/etc/shared.cf", "memcache = inet:127.0.0.1:%d\nbackup = btree:/var/lib/postfix/verify_cache\n" % MEMORY)
    with serving(Memory, MEMORY, {}) as server:
        use(host, address_verify_map="memcache:/etc/shared.cf", smtpd_recipient_restrictions="reject_unverified_recipient")
        eq(rcpt(recipient=BOX), "250 2.1.5 Ok")
        until("a result", lambda: re.match(rb"0:0:\d+:delivers to mailbox", server.answers.get(BOX, b"")))
    host.run("postconf", "-X", "address_verify_map", "smtpd_recipient_restrictions")


@test
def smtpd_asks_from_its_jail_over_one_connection(host):
    with serving(Tcp, TCP, {"a@far.test": b"200 REJECT%20by%20tcp\n"}) as server, \
            serving(Map, SOCKET, {"senders b@far.test": b"OK REJECT by map"}) as maps:
        use(host, smtpd_sender_restrictions="check_sender_access tcp:127.0.0.1:%d, "
            "check_sender_access socketmap:unix:private/map:senders" % TCP)
        with contextlib.closing(Smtp()) as c:  # one client has one process
            c("EHLO client.test")
            for sender, reply in (("a", "554 5.7.1 <a@far.test>: Sender address rejected: by tcp"),
                                  ("b", "554 5.7.1 <b@far.test>: Sender address rejected: by map"), ("c", "250 2.1.5 Ok")):
                c("MAIL FROM:<%s@far.test>" % sender)
                eq(c("RCPT TO:<%s>" % BOX), reply)
                c("RSET")
        assert (server.connections, maps.connections) == (1, 1), (server.connections, maps.connections)
    use(host, smtpd_sender_restrictions="check_sender_access socketmap:unix:private/map:senders")
    mark = len(host.log())
    eq(rcpt(), "451 4.3.5 <a@far.test>: Sender address rejected: Server configuration error")
    assert "table socketmap:unix:private/map:senders lookup error: " in host.log()[mark:]
    use(host, smtpd_sender_restrictions="")


@test
def a_mail_finds_its_way_by_tables_of_servers(host):
    sink = Sink(10026)
    try:
        with serving(Map, MAP, {"alias list@%s" % DOMAIN: b"OK " + BOX.encode(), "way x@far.test": b"OK smtp:[127.0.0.1]:10026"}) as server:
            where = "socketmap:inet:127.0.0.1:%d:" % MAP
            use(host, virtual_alias_maps=where + "alias", transport_maps=where + "way", smtp_tls_policy_maps=where + "tls",
                local_recipient_maps="")
            host.wait_log("%s: client=" % send(["list@" + DOMAIN, "x@far.test"], "Subject: by table\n\ntext"))
            host.wait_mail("paco", "Subject: by table")
            host.wait_empty()
            assert sink.received("x@far.test")
            assert "tls [127.0.0.1]:10026" in server.asked, server.asked
    finally:
        sink.close()
        host.run("postconf", "-X", "virtual_alias_maps", "transport_maps", "smtp_tls_policy_maps", "local_recipient_maps")


@test
def proxymap_asks_for_others(host):
    with serving(Tcp, TCP, {"a@far.test": b"200 REJECT%20by%20proxy\n"}):
        table = "proxy:tcp:127.0.0.1:%d" % TCP
        use(host, proxy_read_maps=table, smtpd_sender_restrictions="check_sender_access " + table)
        eq(rcpt(), "554 5.7.1 <a@far.test>: Sender address rejected: by proxy")
        # Who does not approve it in a configuration of his own has to ask.
        host.write("/etc/other/main.cf", contents(ETC + "/main.cf") + "proxy_read_maps =\n")
        eq(host.run("postmap", "-c", "/etc/other", "-q", "a@far.test", table).stdout, "REJECT by proxy\n")
    use(host, smtpd_sender_restrictions="")
    host.run("postconf", "-X", "proxy_read_maps")


@test
def what_acts_for_users_asks_no_server(host):
    with serving(Tcp, TCP, {"paco": b"200 |/bin/true\n"}):
        mark = use(host, alias_maps="tcp:127.0.0.1:%d" % TCP, local_recipient_maps="")
        send(BOX)
        host.wait_log("tcp:127.0.0.1:%d map is not allowed for security sensitive data" % TCP, mark)
        host.wait_log("status=deferred .*alias database unavailable", mark)
    use(host, alias_maps="hash:/etc/aliases")
    host.run("postconf", "-X", "local_recipient_maps")
    host.run("postsuper", "-d", "ALL")


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.configure(main={"smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"})
    host.start()
    return host


main(prepare)
