"""Makes the records of two systems comparable and tells what differs.

NOISE lists what may differ between two runs of the same system (times, ids, ports).  VERSIONS lists where the peer of
this test (3.7) is older than the interface both follow (3.12); the text of the older one is lifted to the newer one."""
import difflib
import itertools
import re

NOISE = [  # (pattern, replacement)
    (r"^\w{3} [ \d]\d \d\d:\d\d:\d\d \w+ ", ""),                                    # the log's own time and host
    (r"^(postfix[\w/.-]*)\[\d+\]:", r"\1:"),
    (r"\bdelay=[\d.]+, delays=[\d./]+", "delay=D"),
    (r"\b(\w{3},\s+)?[ \d]?\d\s+(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{4}\s+\d\d:\d\d:\d\d\s+[+-]\d{4}(\s+\(\w+\))?", "DATE"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} [ \d]\d \d\d:\d\d:\d\d( \d{4})?", "TIME"),
    (r"\b\d{14}\.(?=QID)", "STAMP."),                                               # in a Message-Id
    (r"QID\.\d{10}/", "QID.SECONDS/"),                                              # a report's boundary
    (r"\[127\.0\.0\.1\]:\d{5}\b", "[127.0.0.1]:PORT"),                              # a client's port (sinks have four digits)
    (r"/\d{10}\.V\w+I\w+M\d+\.\w+", "/MAILDIR-NAME"),
    (r"/\d{10}\.P\d+\.\w+", "/MAILDIR-TMP"),
    (r"(?<=PID: )\d+|(?<=pid )\d+", "NUMBER"),
    (r"(message_size: +\d+ +)\d+", r"\1OFFSET"),                                    # depends on the digits of a time
    (r"(?<=free space in mail queue: )\d+", "NUMBER"),
    (r"client_port=\d+", "client_port=PORT"),
    (r"((?:PREGREET \d+|HANGUP) after) [\d.]+", r"\1 TIME"),
    (r"\b(deferred|defer|bounce|hold)/[0-9A-F]/QID", r"\1/N/QID"),                  # the directory depends on the id
    (r"^(XFORWARD (?:\S+ )*PORT=)\d+", r"\1PORT"),
    (r"\b1\d{9}\b", "SECONDS"),
]
VERSIONS = [  # (pattern, replacement, reason)
    (r"^postfix/smtpd: mapping DSN status .*\n", "", "said in verbose mode only"),
    (r"(upgrade-configuration, logrotate)\)", r"\1, tls, non-bdb)", "two more commands"),
    (r'(?<=Client CN "client )\(test\)', "?test?", "brackets in the names of a certificate"),
    (r"(?<=key-exchange )X25519", "x25519", "groups have OpenSSL's names since 3.8"),
    (r'\{"address": ', '{"orig_address": "", "address": ', "postqueue -j names the original recipient since 3.11"),
]
NEWER = [  # (pattern, replacement, reason): the same for lines that only the newer interface has
    (r"^(postfix/smtpd: .* helo=<[^>]*>) sasl_method=\S+ sasl_username=\S+$", r"\1", "refusals name the login since 3.11: docs/DIFFERENCES.md"),
    (r"\.lmdb\b", ".db", "hash and btree are LMDB files: docs/MOVING.md"),
    (r"^postfix/qmgr: QID: enabling VERP for sender .*\n", "", "VERP is logged now"),
    (r"^2 postlog: .*\n", "", "postlog repeats its text on standard error, whether that is a terminal or not"),
]
ANY_ORDER = ("postfix/local", "postfix/virtual", "postfix/smtp", "postfix/lmtp", "postfix/pipe", "postfix/error", "postfix/discard",
             "postfix/qmgr", "postfix/cleanup", "postfix/bounce", "postfix/pickup", "postfix/dnsblog")
LONGEST = 1900  # the text of a log line ends after 2000 bytes, noise among them
ONCE = ("postfix/postmap", "postfix/postalias")  # how often a table is opened, and so complained about, does not matter
DROPPED = [  # log lines that say nothing about a session
    r"postfix/(postscreen|verify): cache \S+ full cleanup:",
    r"postfix/anvil: statistics:", r"postfix/scache: statistics:",
    r"postfix/\w+: warning: (file system clock is|resetting file time stamps)",  # the machine's clock was set
]


def ids_of(session):
    text = "\n".join(session["log"] + session["talk"])
    return sorted(set(re.findall(r"\]: ([0-9A-F]{6,}): |queued as ([0-9A-F]{6,})|forwarded as ([0-9A-F]{6,})|notification: ([0-9A-F]{6,})", text)))


def clean(lines, ids, peer):
    text = "\n".join(lines) + "\n" if lines else ""
    for found in ids:
        text = text.replace(max(found), "QID")
    for pattern, replacement in NOISE:
        text = re.sub(pattern, replacement, text, flags=re.M)
    for pattern, replacement, _ in VERSIONS if peer else NEWER:
        text = re.sub(pattern, replacement, text, flags=re.M)
    return text.split("\n")[:-1]


def ordered_log(lines):
    """By program; within those whose processes work side by side by text."""
    lines = [line[:LONGEST] for line in lines if not any(re.match(p, line) for p in DROPPED)]
    repeated = sorted({line for line in lines if line.startswith(ONCE)})
    lines = [line for line in lines if not line.startswith(ONCE)] + repeated
    return sorted(lines, key=lambda line: (line.split(":")[0], line if line.startswith(ANY_ORDER) else ""))


def once(talk):
    """Standard error of a command as a set: how often a table is opened, and so complained about, does not matter."""
    lines, errors = [], set()
    for line in [*talk, None]:
        if line is not None and line.startswith("2 "):
            errors.add(line)
        else:
            lines += sorted(errors) + [line]
            errors = set()
    return lines[:-1]


def recipients_sorted(talk):
    """RCPT commands that follow each other in the order of their text: recipients are a set."""
    lines = []
    for is_rcpt, group in itertools.groupby(talk, lambda line: line.startswith("RCPT ")):
        lines += sorted(group) if is_rcpt else group
    return lines


def messages(text):
    """An mbox in the order of its messages' text."""
    return sorted(map(ordered_report, re.split(r"(?<=\n\n)(?=From )", text)))


def ordered_report(message):
    """A report's recipients in the order of their addresses: agents that work side by side report when they are done."""
    paragraphs = message.split("\n\n")
    for begin in ("<", "Final-Recipient: "):
        at = [i for i, p in enumerate(paragraphs) if p.lstrip("\n").startswith(begin)]
        for i, text in zip(at, sorted(paragraphs[i].lstrip("\n") for i in at)):
            paragraphs[i] = paragraphs[i][:len(paragraphs[i]) - len(paragraphs[i].lstrip("\n"))] + text
    return "\n\n".join(paragraphs)


def comparable(session, peer):
    """The record of a session as lines, noise taken out."""
    ids = ids_of(session)
    lines = ["[talk]"] + once(clean(session["talk"], ids, peer))
    lines += ["[log]"] + ordered_log(clean(session["log"], ids, peer))
    mail = []
    for path, text in session["mail"]:
        cleaned = "\n".join(clean([text], ids, peer))
        mail += [clean([path], ids, peer) + ["  " + line for m in messages(cleaned) for line in m.split("\n")]]
    lines += ["[mail]"] + sum(sorted(mail), [])
    for talk in sorted(clean(talk, ids, peer) for talk in session["sink"]):
        lines += ["[sink]"] + recipients_sorted(talk)
    return lines + ["[queue]"] + clean(session["queue"], ids, peer)


def difference(ours, theirs):
    """Lines "- theirs" and "+ ours" with their surroundings; empty when there is none."""
    return list(difflib.unified_diff(theirs, ours, "Postfix", "Relevo", lineterm="", n=1))[2:]
