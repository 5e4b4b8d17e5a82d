"""What the tests that attack the suite share: what must be true during and after each attack."""
import contextlib
import re

from harness import DOMAIN, proc_status, send

LIMIT_KB = 50 * 1024
LINE = re.compile(r"\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ postfix(?:-script)?(?:/[\w./-]+)+\[\d+\]: [^\x00-\x1f\x7f]*\n")
FATAL = re.compile(r"^.*(?:panic|fatal|killed by signal|exit status|malformed response).*$", re.M)


def smallness(host):
    """No process of the mail system was ever larger than the limit."""
    for pid, name in host.daemons().items():
        peak = proc_status(pid, "VmHWM")
        assert peak is None or int(peak.split()[0]) < LIMIT_KB, (name, peak)


def serve_others(host):
    serve_others.count += 1
    send("paco@" + DOMAIN, "Subject: other client %d\n\nx" % serve_others.count)
    host.wait_mail("paco", "Subject: other client %d\n" % serve_others.count)


serve_others.count = 0


def whole_lines(text):
    """The log's lines; fails when one of them was written by a stranger, or has bytes of one that a terminal obeys."""
    lines = re.findall(r"[^\n]*\n", text)
    for line in lines:
        assert LINE.fullmatch(line), line
    return lines


@contextlib.contextmanager
def attack(host, log_limit=None):
    """An attack, which may add at most so many bytes to the log."""
    mark = len(host.log())
    yield
    grown = len(host.log()) - mark
    smallness(host)
    serve_others(host)
    log = host.log()[mark:]
    bad = FATAL.findall(log)
    assert not bad, bad
    whole_lines(log)
    assert log_limit is None or grown <= log_limit, "the log grew by %d bytes:\n%s" % (grown, log[:3000])
