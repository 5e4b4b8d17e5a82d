"""A hundred hosts on addresses of one namespace, their domains, and the process that plays them."""
import dataclasses
import multiprocessing
import os
import traceback

from hundred import names, servers
from hundred.servers import KINDS, LOST, SUSPENDED

NAME_SERVER = "127.1.255.53"
OURSELVES = "127.0.0.1"
WEIGHTS = {"good": 4, "tardy": 1, "pipe-liar": 1, "deaf": 1, "asleep": 1, "trickle": 1, "double": 1}  # others have 3
NOT_FOUND = "Host not found|no data record|Name service error"


@dataclasses.dataclass
class Host:
    name: str
    address: str
    kind: str


@dataclasses.dataclass
class Domain:
    name: str
    ends: str        # some of "sent bounced expired"
    why: str         # the reason given when it is not "sent"
    hosts: list      # whom its mail may reach
    starves: bool    # no attempt reaches a site: attempts must be few
    weight: int = 2
    moody: bool = False


class World:
    def __init__(self):
        self.hosts, self.domains, self.records, self.behaviour = [], [], {}, {}
        for kind, (count, _) in KINDS.items():
            for i in range(count):
                self.add_host("%s%d" % (kind, i), kind)
        self.kind_of = {h.name: h.kind for h in self.hosts}
        for h in self.hosts:
            self.add_domain("at-" + h.name.split(".")[0], h.kind, ["10 " + h.name], weight=WEIGHTS.get(h.kind, 3))
        self.add_mixtures()
        self.add_absurdities()

    def add_host(self, label, kind):
        n = len(self.hosts)
        host = Host(label + ".hosts.test", "127.1.%d.%d" % (n // 200, n % 200 + 1), kind)
        self.hosts.append(host)
        self.records[host.name, "A"] = [host.address]
        return host

    def host(self, label):
        return label + ".hosts.test"

    def add_domain(self, label, kind, exchangers, weight=2, **other):
        """The kind is the one of the host that decides."""
        row = KINDS[kind][1] if kind else None
        name = label + ".test"
        self.records[name, "MX"] = exchangers
        fields = dict(ends=row.ends, why=row.why, starves=row.starves, moody=row.moody) if row else {}
        fields.update(other)
        self.domains.append(Domain(name, hosts=[x.split()[1] for x in exchangers], weight=weight, **fields))

    def add_mixtures(self):
        """Several exchangers: who is there counts."""
        h = self.host
        for label, first in (("refusing", "refusing"), ("silent", "silent"), ("away", "away"), ("busy", "busy"), ("slammed", "slammed"),
                             ("full", "full"), ("sulking", "sulking"), ("torrent", "torrent"), ("dropper", "dropper")):
            self.add_domain("backup-" + label, "good", ["10 " + h(first + "0"), "20 " + h("good0"), "30 " + h("good1")])
        # What is too large for the first server is returned, as by Postfix.
        self.add_domain("backup-tiny", "tiny", ["10 " + h("tiny0"), "20 " + h("good0"), "30 " + h("good1")])
        self.add_domain("fan", "good", ["10 " + h("good%d" % i) for i in range(2, 6)])
        self.add_domain("reversed", "good", ["30 " + h("refusing0"), "20 " + h("refusing1"), "10 " + h("good6")])
        self.add_domain("too-many", "refusing", ["%d %s" % (10 + i, h("refusing%d" % (i % 4))) for i in range(6)] + ["99 " + h("good7")],
                        weight=1)
        self.add_domain("two-dead", "refusing", ["10 " + h("silent1"), "20 " + h("refusing2")], why="Connection refused|timed out")
        self.add_domain("final", "closed", ["10 " + h("closed0"), "20 " + h("good8")])
        loop = dict(ends="bounced", why="loops back to myself", starves=False)
        self.add_domain("ours", None, ["10 us.hosts.test"], **loop)
        self.add_domain("ours-too", None, ["10 us.hosts.test", "20 " + h("good9")], **loop)
        self.add_domain("we-are-backup", "good", ["10 " + h("good9"), "20 us.hosts.test"])
        self.add_domain("waits-for-first", "refusing", ["10 " + h("refusing3"), "20 us.hosts.test", "30 " + h("good9")])
        self.records["us.hosts.test", "A"] = [OURSELVES]

    def add_plain(self, label, records, behaviour=None, **fields):
        name = label + ".test"
        for kind, values in records.items():
            self.records[name, kind] = values
        if behaviour is not None:
            self.behaviour[name] = behaviour
        self.domains.append(Domain(name, **fields))

    def add_absurdities(self):
        """What name servers say."""
        good = self.hosts[10]
        assert good.kind == "good"
        sent = dict(ends="sent", why="", hosts=[good.name], starves=False, weight=2)
        nowhere = dict(ends="bounced", why=NOT_FOUND, hosts=[], starves=False, weight=2)
        unknown = dict(ends="expired", why="Name service error|try again|name server", hosts=[], starves=True, weight=1)
        mx = ["10 " + good.name]
        self.add_plain("address-only", {"A": [good.address]}, **sent)
        self.add_plain("alias", {"CNAME": ["fan.test"]}, **{**sent, "hosts": [self.host("good%d" % i) for i in range(2, 6)]})
        self.add_plain("mx-alias", {"MX": ["10 alias.hosts.test"]}, **sent)
        self.records["alias.hosts.test", "CNAME"] = [good.name]
        self.add_plain("mx-number", {"MX": ["10 " + good.address]}, **sent)
        self.add_plain("big", {"MX": mx}, names.TRUNCATED, **sent)
        self.add_plain("stranger", {"MX": mx}, names.STRANGER, **sent)
        self.add_plain("half-known", {"MX": ["10 gone.hosts.test", "20 " + good.name]}, **sent)
        self.add_plain("half-unknown", {"MX": ["10 x.servfail.test", "20 " + good.name]}, **sent)
        self.add_plain("null", {"MX": ["0 ."]}, **{**nowhere, "why": "does not accept mail"})
        self.add_plain("cname-nowhere", {"MX": ["10 dangling.hosts.test"]}, **nowhere)
        self.records["dangling.hosts.test", "CNAME"] = ["gone.hosts.test"]
        self.add_plain("mx-nowhere", {"MX": ["10 gone.hosts.test"]}, **nowhere)
        self.add_plain("nothing", {"PTR": ["x.test"]}, **nowhere)
        self.domains.append(Domain("no-such-domain.test", **nowhere))
        self.add_plain("bad-name", {"MX": ["10 -not_a+name-"]}, **{**nowhere, "ends": "bounced expired", "why": "."})
        self.add_plain("circle", {"CNAME": ["circle2.test"]}, **{**nowhere, "ends": "bounced expired"})
        self.records["circle2.test", "CNAME"] = ["circle.test"]
        for label, how in (("servfail", names.SERVFAIL), ("name-refused", names.REFUSED), ("mute", names.SILENT), ("noise", names.GARBAGE)):
            self.add_plain(label, {"MX": mx}, how, **unknown)
        self.add_plain("mx-mute", {"MX": ["10 x.mute.test"]}, **unknown)

    def limit_of(self, host, per_domain):
        """How many connections it may get at once."""
        return per_domain * sum(host in d.hosts for d in self.domains)


class Stage:
    """The process with all servers.  It starts anew in memory at clear()."""

    def __init__(self, world):
        self.world = world
        self.pipe, theirs = multiprocessing.Pipe()
        if os.fork() == 0:
            status = 1
            try:
                self.pipe.close()
                play(world, theirs)
            except EOFError:
                status = 0
            except BaseException:
                traceback.print_exc()
            os._exit(status)
        theirs.close()
        assert self.pipe.recv() == "ready"

    def ask(self, what):
        self.pipe.send(what)
        return self.pipe.recv()

    def clear(self):
        self.ask("clear")

    def census(self):
        return {c.name: c for c in self.ask("census")}


def play(world, pipe):
    loop = servers.Loop()
    cast = [servers.Server(loop, h.name, h.address, KINDS[h.kind][1]) for h in world.hosts]
    kinds = {h.name: h.kind for h in world.hosts}
    names.Names(loop, NAME_SERVER, world.records, world.behaviour)

    def on_word():
        word = pipe.recv()
        if word == "clear":
            for s in cast:
                s.clear()
            pipe.send(None)
        else:
            pipe.send([servers.census(s, kinds[s.name]) for s in cast])

    loop.watch(pipe, on_word)
    pipe.send("ready")
    while True:
        loop.turn()


__all__ = ["World", "Stage", "LOST", "SUSPENDED"]
