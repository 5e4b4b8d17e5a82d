"""What became of each recipient, told by the log, the servers, the mailboxes and the queue directories."""
import collections
import os
import re

from harness import QUEUE, contents
from hundred.servers import report_id

LINE = re.compile(r"^(?P<time>\w+ +\d+ [\d:]+) \S+ postfix/(?P<program>[\w-]+)\[(?P<pid>\d+)\]: (?P<text>.*)$", re.M)
STATUS = re.compile(r"(\w+): to=<([^>]*)>(?:, orig_to=<([^>]*)>)?, relay=(\S+),.* dsn=([\d.]+), status=(\w+) \((.*)\)$")
NOTICE = re.compile(r"(\w+): (sender|postmaster) non-delivery notification: (\w+)$")
Attempt = collections.namedtuple("Attempt", "qid relay dsn status why orig")


class Log:
    def __init__(self, text):
        self.text = text
        self.attempts = collections.defaultdict(list)   # recipient -> Attempts in order
        self.by_id = collections.defaultdict(list)      # queue id -> recipients
        self.notices = collections.defaultdict(list)    # queue id -> ids of reports about it
        self.expired, self.discarded, self.removed = set(), set(), set()
        self.requeued = {}                              # old id -> new id
        self.numbers = {}                               # queue id -> number of the message
        self.connect_failures = collections.Counter()   # "name[address]" -> attempts
        self.warnings = []
        self.killed = []                                # pid, signal
        self.failed = []                                # what master says about others
        for m in LINE.finditer(text):
            self.take(m["program"], m["text"])
        self.cut_off = [x for x in text.splitlines() if x and not LINE.match(x)]

    def about(self, qid, depth=2):
        """What was logged of a message, of the reports about it, and of those."""
        lines = re.findall(r"^.*\b%s\b.*$" % qid, self.text, re.M)
        return lines + [line for new in self.notices[qid] if depth for line in self.about(new, depth - 1)]

    def take(self, program, text):
        if m := STATUS.match(text):
            attempt = Attempt(m[1], m[4], m[5], m[6], m[7], m[3])
            self.attempts[m[2]].append(attempt)
            self.by_id[m[1]].append(m[2])
        elif m := NOTICE.match(text):
            self.notices[m[1]].append(m[3])
        elif m := re.match(r"(\w+): message-id=<number-(\d+)@", text):
            self.numbers[m[1]] = int(m[2])
        elif m := re.match(r"(\w+): from=<.*>, status=(force-)?expired, returned to sender$", text):
            self.expired.add(m[1])
        elif m := re.match(r"(?:warning: )?(\w+): (?:to=<.*>: )?undeliverable postmaster notification discarded$", text):
            self.discarded.add(m[1])
        elif m := re.match(r"(\w+): uid=\d+ from=<.*> orig_id=(\w+)$", text):
            self.requeued[m[2]] = m[1]
        elif m := re.match(r"(\w+): removed$", text):
            self.removed.add(m[1])
        elif m := re.match(r"connect to (\S+)\[\S+\]:\d+: ", text):
            self.connect_failures[m[1]] += 1
        elif m := re.match(r"warning: process \S+ pid (\d+) killed by signal (\d+)", text):
            self.killed.append((int(m[1]), int(m[2])))
        elif re.match(r"warning: process \S+ pid \d+ exit status", text):
            self.failed.append(text)
        elif re.match(r"(warning|error|fatal|panic): ", text):
            self.warnings.append("%s: %s" % (program, text))


def queue_files(name):
    """{id: path} of what lies in one queue directory, whatever its depth."""
    found = {}
    for where, _, files in os.walk("%s/%s" % (QUEUE, name)):
        found.update({f: os.path.join(where, f) for f in files})
    return found


def is_ready(path):
    """False for what a killed cleanup or postdrop left, which nobody was told of."""
    try:
        return os.stat(path).st_mode & 0o100 != 0
    except FileNotFoundError:
        return False


def waiting():
    """Ids of mail that is still to be moved."""
    return [f for d in ("maildrop", "incoming", "active", "deferred") for f, path in queue_files(d).items() if is_ready(path)]


class Audit:
    """`sent`: {number: Sent} of what was accepted.  `census`: what the servers took.  `deleted`: ids removed by the operator."""

    def __init__(self, log, sent, world, census, mailboxes, deleted=()):
        self.log, self.sent, self.world, self.census = Log(log), sent, world, census
        self.held = set(queue_files("hold"))
        self.deleted = set(deleted)
        self.arrived = collections.Counter((r, number) for c in census.values() for rs, number, _, _ in c.taken for r in rs)
        self.broken = [(c.name, rs, n) for c in census.values() for rs, n, whole, _ in c.taken if n is not None and not whole]
        self.reports = collections.defaultdict(list)  # queue id -> texts that were delivered
        for text in [t for c in census.values() for t in c.reports] + mailboxes:
            self.reports[report_id(text)].append(text)

    def last_ids(self, qid):
        """The ids under which a message went on after postsuper -r."""
        seen = {qid}
        while qid in self.log.requeued and self.log.requeued[qid] not in seen:
            qid = self.log.requeued[qid]
            seen.add(qid)
        return seen

    def told(self, qid, recipient, depth=0):
        """Was the failure of this recipient of message `qid` reported as far as the rules go?"""
        if qid in self.log.discarded or self.last_ids(qid) & (self.deleted | self.held):
            return True
        return depth < 4 and any(self.report_ended(new, recipient, depth) for new in self.log.notices[qid])

    def report_ended(self, report, recipient, depth):
        ids = self.last_ids(report)
        if ids & self.deleted or ids & self.held or ids & self.log.discarded:
            return True
        if depth == 0 and any("<%s>" % recipient in text for i in ids for text in self.reports[i]):
            return True
        if depth and any(self.reports[i] for i in ids):
            return True
        # Nobody took it: then the postmaster hears of it.
        for i in ids:
            for to in set(self.log.by_id[i]):
                last = [a for a in self.log.attempts[to] if a.qid == i][-1]
                if (last.status == "bounced" or i in self.log.expired) and self.told(i, to, depth + 1):
                    return True
        return False

    def ends_of(self, recipient, number):
        """{word: Attempt or None} for one recipient."""
        ends = {}
        for a in self.log.attempts.get(recipient, []):
            if a.status in ("sent", "bounced"):
                ends[a.status] = a
        ids = [i for i, n in self.log.numbers.items() if n == number]
        last = {a.qid: a for a in self.log.attempts.get(recipient, [])}
        for i in ids:
            if i in self.log.expired and i in last and last[i].status == "deferred":
                ends["expired"] = last[i]
        if len(ends) > 1 and "bounced" in ends and ends["bounced"].qid in self.log.requeued:
            del ends["bounced"]  # it was tried again
        if not ends:
            if any(i in self.held for i in ids):
                ends["held"] = None
            elif any(i in self.deleted for i in ids):
                ends["deleted"] = None
        return ends
