#!/usr/bin/env python3
"""Programs that read the log, the queue and showq(8) tell the same about this suite as about Debian's Postfix.

    log_tools_test.py BUILD-DIRECTORY [--keep DIR]

The same day of mail (log_tools/traffic.txt) is played on both; pflogsumm, logwatch, fail2ban, qshape and the prometheus
exporter then look at what it left.  All of them are downloaded as packages and unpacked beside, never installed.  Exit
status 77: this cannot be done here; the reason is printed."""
import concurrent.futures
import difflib
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/peer")
import harness  # noqa: E402
from peer_test import PACKAGE, fetch, install_ours, play  # noqa: E402

CACHE = "/var/cache/relevo-peer"
TOOLS = ("pflogsumm", "libdate-calc-perl", "libcarp-clan-perl", "libbit-vector-perl", "logwatch", "fail2ban", "prometheus-postfix-exporter")
FAIL2BAN_MODES = ("more", "auth", "normal", "rbl", "ddos", "extra", "aggressive", "errors")
SAME_TIME = [  # what two runs of the same system write differently; the log must have this form to be changed
    (r"^\w{3} [ \d]\d \d\d:\d\d:\d\d ", "Nov 25 12:00:00 "),
    (r", delay=[\d.]+, delays=[\d.]+/[\d.]+/[\d.]+/[\d.]+, ", ", delay=1, delays=0.1/0.1/0.3/0.5, "),
    (r"(\(connect to \S+|\[127\.0\.0\.1\]):\d{5}\b", r"\1:54321"),
]
NOT_COMPARED = [  # lines of the tools' output
    r"(Lines: .*|\[processed in .*|Use .*|\|  \[\d+\] .*)$",  # fail2ban on itself
    r".*\bPostfix (start|stop|refresh|version).*",
    r"postfix_unsupported_log_entries_total\{service=\"\"\}.*",  # `postfix`: interface 3.12 knows a level above the peer's
]


class Tools:
    """The programs below `tree`, each a function of a log file that returns text."""

    def __init__(self, tree):
        self.tree = tree
        perl = [tree + "/usr/share/perl5", *glob.glob(tree + "/usr/lib/*/perl5/*")]
        self.env = {**os.environ, "TZ": "UTC", "LC_ALL": "C", "PERL5LIB": ":".join(perl), "PYTHONPATH": tree + "/usr/lib/python3/dist-packages"}

    def run(self, *command):
        p = subprocess.run(command, capture_output=True, encoding="latin-1", env=self.env, timeout=harness.PATIENCE)
        assert p.returncode == 0 and p.stdout, (command, p.returncode, p.stderr[-1000:])
        return p.stdout + p.stderr

    def pflogsumm(self, log):
        return self.run("perl", self.tree + "/usr/sbin/pflogsumm", "--problems-first", "--smtpd-stats", "--verbose-msg-detail", log)

    def logwatch(self, log):
        return self.run("perl", self.tree + "/usr/share/logwatch/scripts/services/postfix", "--detail", "10", log)

    def fail2ban(self, log):
        return "".join("== %s\n" % mode + self.run("/usr/bin/python3", self.tree + "/usr/bin/fail2ban-regex", "-c", self.tree + "/etc/fail2ban",
                                                   "--print-all-matched", log, "postfix[mode=%s]" % mode) for mode in FAIL2BAN_MODES)


def normal_log(record):
    """The log of a play as if it had been written in the same minute by the same processes."""
    text = "".join(line + "\n" for session in record.values() for line in session["log"])
    ids = dict.fromkeys(re.findall(r"\]: ([0-9A-F]{6,}): ", text))
    for number, found in enumerate(ids):
        text = text.replace(found, "%06X" % (0xA00000 + number))
    for pattern, replacement in SAME_TIME:
        text = re.sub(pattern, replacement, text, flags=re.M)
    return text


def without_noise(text):
    """Queue ids and pids are made by chance, and so is the order of what is equally frequent."""
    text = re.sub(r"(?<=\[)\d+(?=\]: )", "PID", re.sub(r"\bA00[0-9A-F]{3}\b", "QID", text))
    return sorted(line for line in text.splitlines() if not any(re.match(p, line.strip()) for p in NOT_COMPARED))


def talk_of(record, begin):
    """What the commands that begin so printed."""
    lines, wanted = [], False
    for session in record.values():
        for line in session["talk"]:
            wanted = line.startswith("$ " + begin) if line[:2] == "$ " else wanted
            lines += [line] if wanted and not any(re.match(p, line.strip()) for p in NOT_COMPARED) else []
    assert len(lines) > 3, begin
    return lines


def compare(name, ours, theirs):
    diff = list(difflib.unified_diff(theirs, ours, "about Postfix", "about Relevo", lineterm="", n=0))
    print("%-9s %4d lines, %s" % (name, len(theirs), "%d differ" % (len(diff) - 2) if diff else "all the same"))
    print("\n".join(diff[:200]))
    return not diff


def run(build, work):
    trees = {"ours": work + "/ours", "theirs": work + "/theirs"}
    tools = work + "/tools"
    fetch(CACHE, trees["theirs"], *PACKAGE)
    for package in TOOLS:
        fetch(CACHE, tools, package)
    shutil.copy(trees["theirs"] + "/usr/sbin/qshape", tools + "/usr/sbin/qshape")
    shutil.copy(HERE + "/log_tools/probe.py", tools)
    install_ours(build, trees["ours"])
    os.chmod(work, 0o755)
    os.environ["LOG_TOOLS"] = tools
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {side: pool.submit(play, trees[side], HERE + "/log_tools/traffic.txt", "%s/play-%s" % (work, side), "") for side in trees}
        records = {side: job.result() for side, job in jobs.items()}
    logs = {}
    for side, record in records.items():
        logs[side] = "%s/%s.log" % (work, side)
        harness.write(logs[side], normal_log(record))
    programs = Tools(tools)
    same = True
    for name in ("pflogsumm", "logwatch", "fail2ban"):
        texts = {side: without_noise(getattr(programs, name)(logs[side])) for side in logs}
        same &= compare(name, texts["ours"], texts["theirs"])
    for name, begin in (("qshape", "perl "), ("exporter", "python3 ")):
        same &= compare(name, *(talk_of(records[side], begin) for side in ("ours", "theirs")))
    return 0 if same else 1


def main():
    reason = harness.cannot_run()
    if reason:
        print("skipped: " + reason)
        return 77
    keep = sys.argv[3] if sys.argv[2:3] == ["--keep"] else None
    work = keep or tempfile.mkdtemp(prefix="relevo-log-tools-")
    os.makedirs(work, exist_ok=True)
    try:
        return run(sys.argv[1], work)
    except harness.Skip as reason:
        print("skipped: %s" % reason)
        return 77
    finally:
        if not keep:
            shutil.rmtree(work, ignore_errors=True)


sys.exit(main())
