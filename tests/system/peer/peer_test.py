"""The same sessions on this suite and on Debian's Postfix; what differs is an error unless differences.py explains it.

    peer_test.py BUILD-DIRECTORY [--cache DIR] [--only FILE[/SESSION]] [--show] [--full] [--keep DIR]

Postfix is downloaded as a package and unpacked beside, never installed.  Each session file is played on both systems
in namespaces of their own; a file with a session that differs is played once more by itself, so that what a busy machine
does to either system is no difference.  Exit status 77: this cannot be done here; the reason is printed."""
import argparse
import concurrent.futures
import glob
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import harness  # noqa: E402
import same  # noqa: E402
from differences import KNOWN, OPEN, remaining  # noqa: E402

PACKAGE = ("postfix", "3.7.")
KINDS = ("equal", "explained", "open", "different")
LINES, COLUMNS = 40, 300  # of a difference, unless --full
# Postfix's bounce(8) ends when two programs report on one message at once; its local(8) defers when two write one mailbox.
THEIR_RACE = re.compile("fatal: lock file|unable to create lock file .*: File exists")
MOST_PLAYS = 6  # of a file in which that happens


def fetch(cache, tree, package, version=""):
    """Unpack a Debian package below `tree`; download it into `cache` when it is not there."""
    os.makedirs(cache, exist_ok=True)
    pattern = "%s/%s_%s*.deb" % (cache, package, version)
    if not glob.glob(pattern):
        p = subprocess.run(["apt-get", "-q", "download", package], cwd=cache, capture_output=True, text=True)
        if not glob.glob(pattern):
            raise harness.Skip("Debian's %s %s cannot be downloaded: %s" % (package, version, p.stderr.strip()[-300:]))
    subprocess.run(["dpkg", "-x", sorted(glob.glob(pattern))[-1], tree], check=True)
    programs = glob.glob(tree + "/usr/lib/postfix/sbin/*") + glob.glob(tree + "/usr/sbin/*")
    p = subprocess.run(["ldd", *programs], capture_output=True, text=True)
    own = {os.path.basename(f) for f in glob.glob(tree + "/usr/lib/**/*.so*", recursive=True)}
    missing = sorted(set(re.findall(r"(\S+) => not found", p.stdout)) - own)
    if missing:
        raise harness.Skip("Debian's %s lacks libraries here: %s" % (package, " ".join(missing)))


def install_ours(build, tree):
    subprocess.run(["cmake", "--install", build], env={**os.environ, "DESTDIR": tree}, check=True, stdout=subprocess.DEVNULL)
    if not os.path.exists(tree + "/usr/sbin/postfix"):  # built with another prefix
        prefix = os.path.dirname(os.path.dirname(os.path.dirname(glob.glob(tree + "/**/usr/sbin/postfix", recursive=True)[0])))
        os.rename(prefix + "/usr", tree + "/moved")
        shutil.rmtree(tree + "/usr")
        os.rename(tree + "/moved", tree + "/usr")


def play(tree, file, work, only):
    """Play a session file on the system below `tree`; returns {session: record}."""
    os.makedirs(work)
    result = work + "/result"
    command = ["unshare", "-n", "-m", "-u", "-p", "-f", "--mount-proc", "--kill-child", sys.executable,
               HERE + "/player.py", tree, work, file, result, *([only] if only else [])]
    p = subprocess.run(command, capture_output=True, text=True, timeout=600, env={**os.environ, "TZ": "UTC", "LC_ALL": "C"})
    if not os.path.exists(result):
        raise RuntimeError("%s on %s: %s" % (file, tree, p.stdout[-2000:] + p.stderr[-2000:]))
    with open(result) as f:
        record = json.load(f)
    if record["error"]:
        raise RuntimeError("%s on %s: %s" % (file, tree, record["error"]))
    return record["sessions"]


class Outcome:
    """How one session compares: `kind` of KINDS, and what is to be printed about it."""

    def __init__(self, name, ours, theirs, show, full):
        self.name, self.print = name, []
        a, b = same.comparable(ours, False), same.comparable(theirs, True)
        diff = same.difference(a, b)
        left = remaining(name, [line for line in diff if line[0] in "+-"])
        broken = [line for line in ours["talk"] + theirs["talk"] if line.startswith("!!!")]
        self.raced = any(THEIR_RACE.search(line) for line in theirs["log"])
        self.kind = "different" if left or broken else "explained" if diff else "equal"
        if name in OPEN:
            self.kind = "open" if left else "different"
        if show:
            self.print += ["=== " + name, *b]
        if name in OPEN and not left:
            self.print.append("=== %s is mended: take it from OPEN" % name)
        if broken:
            self.print.append("=== %s cannot be played: %s" % (name, broken))
        if left and name not in OPEN:
            self.print += ["=== %s differs (- Postfix, + Relevo)" % name, *shortened(diff, full)]


def shortened(diff, full):
    if full:
        return diff
    lines = [line if len(line) < COLUMNS else "%s... (%d)" % (line[:COLUMNS], len(line)) for line in diff[:LINES]]
    return lines + (["... %d more lines, see --full" % (len(diff) - LINES)] if len(diff) > LINES else [])


def compare(file, sides, show, full):
    """The outcomes of a file's sessions by name.  `sides`: the records of both systems."""
    ours, theirs = sides
    for session in ours:
        for side, record in (("Relevo", ours), ("Postfix", theirs)):
            if record[session]["seconds"] > 3:
                print("--- %s/%s took %.1f s on %s" % (file, session, record[session]["seconds"], side))
    return {s: Outcome("%s/%s" % (file, s), ours[s], theirs[s], show, full) for s in ours}


def settled(outcomes, again):
    """A session that agrees in one of two plays agrees; `again` is a function that plays the file once more.
    A play in which Postfix got in its own way does not count."""
    for _ in range(MOST_PLAYS - 1):
        unsteady = [s for s, o in outcomes.items() if o.kind == "different"]
        if not unsteady:
            break
        second = again()
        for s in unsteady:
            if second[s].kind != "different":
                print("--- %s differed at first" % outcomes[s].name)
            outcomes[s] = second[s]
        if not any(outcomes[s].kind == "different" and outcomes[s].raced for s in unsteady):
            break
    return outcomes


def count(outcomes):
    """Print what there is to say; how many sessions there are of each kind."""
    for o in outcomes.values():
        if o.print:
            print("\n".join(o.print))
    return {k: sum(o.kind == k for o in outcomes.values()) for k in KINDS}


def documented():
    """Does docs/DIFFERENCES.md have the reason of every known difference?"""
    text = " ".join(harness.contents(HERE + "/../../../docs/DIFFERENCES.md").split())
    missing = [known.name for known in KNOWN if " ".join(known.why.split()) not in text]
    for name in missing:
        print("docs/DIFFERENCES.md lacks the reason of: " + name)
    return not missing


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--cache", default="/var/cache/relevo-peer")
    p.add_argument("--only", default="")
    p.add_argument("--show", action="store_true")
    p.add_argument("--full", action="store_true", help="print differences at full length")
    p.add_argument("--keep", help="keep the two trees and the records here")
    p.add_argument("--jobs", type=int, default=4)
    return p.parse_args()


def run(args, work):
    trees = {"ours": work + "/ours", "theirs": work + "/theirs"}
    if not os.path.isdir(trees["theirs"]):
        fetch(args.cache, trees["theirs"], *PACKAGE)
    shutil.rmtree(trees["ours"], ignore_errors=True)
    install_ours(args.build, trees["ours"])
    os.chmod(work, 0o755)
    only_file, _, only_session = args.only.partition("/")
    files = [f for f in sorted(glob.glob(HERE + "/sessions/*.txt")) if only_file in ("", os.path.basename(f)[:-4])]
    started = time.monotonic()
    total = dict.fromkeys(KINDS, 0)
    failed = False
    with tempfile.TemporaryDirectory(prefix="relevo-peer-play-") as box, concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        os.chmod(box, 0o755)

        def begin(file, attempt):
            return [pool.submit(play, trees[side], file, "%s/%s-%s-%d" % (box, side, os.path.basename(file), attempt), only_session)
                    for side in trees]

        def end(name, plays):
            return compare(name, [p.result() for p in plays], args.show, args.full)

        first = {f: begin(f, 1) for f in files}
        outcomes = {}
        for f in files:
            try:
                outcomes[f] = end(os.path.basename(f)[:-4], first[f])
            except Exception as e:
                print("=== %s: %s" % (f, e))
                failed = True
        for f in outcomes:
            name = os.path.basename(f)[:-4]
            attempt = itertools.count(2)
            counts = count(settled(outcomes[f], lambda: end(name, begin(f, next(attempt)))))
            for k in counts:
                total[k] += counts[k]
            print("%-12s %s" % (name, ", ".join("%d %s" % (n, k) for k, n in counts.items())), flush=True)
    if not args.only:
        failed |= not documented()
        for known in KNOWN:
            if not known.used:
                print("no session shows this difference any more: " + known.name)
                failed = True
    print("%d sessions: %s; %.0f s" % (sum(total.values()), ", ".join("%d %s" % (n, k) for k, n in total.items()),
                                       time.monotonic() - started))
    return 1 if failed or total["different"] else 0


def main():
    args = arguments()
    reason = harness.cannot_run()
    if reason:
        print("skipped: " + reason)
        return 77
    work = args.keep or tempfile.mkdtemp(prefix="relevo-peer-")
    os.makedirs(work, exist_ok=True)
    try:
        return run(args, work)
    except harness.Skip as reason:
        print("skipped: %s" % reason)
        return 77
    finally:
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
