#!/usr/bin/env python3
"""Replays tests/smtpd/dialogues/*.txt against the real smtpd, with the client's bytes cut in every way.

    # comment
    @ name = value     a parameter
    C: text            the client says a line;  C= sends it without CR LF (\\r \\n \\0 \\xHH)
    S: text            the server's line
    L: text            a line that must be in the log
    R: K payload       a record that cleanup must have got, in this order
"""
import glob, os, sys, traceback

sys.path.insert(0, os.path.dirname(__file__))
from harness import Smtpd

CHUNKS = (1, 2, 3, 5, 7, 16, 61, 1000000)


def parse(path):
    d = dict(main={}, said=b"", replies=[], log=[], records=[])
    for line in open(path, encoding="latin-1"):
        line = line.rstrip("\n")
        kind, text = line[:2], line[3:]
        if kind == "@ ":
            name, value = line[2:].split(" = ", 1)
            d["main"][name] = value
        elif kind == "C:":
            d["said"] += text.encode("latin-1") + b"\r\n"
        elif kind == "C=":
            d["said"] += text.encode("latin-1").decode("unicode_escape").encode("latin-1")
        elif kind == "S:":
            d["replies"].append(text)
        elif kind == "L:":
            d["log"].append(text)
        elif kind == "R:":
            d["records"].append((text[0], text[2:].encode("latin-1")))
        elif line and not line.startswith("#"):
            raise ValueError("%s: %r" % (path, line))
    return d


def in_order(wanted, got):
    at = iter(got)
    return all(any(w == g for g in at) for w in wanted)


def replay(binary, d, size):
    with Smtpd(binary, **d["main"]) as server:
        c = server.client()
        first = c.reply().split("\n")
        for i in range(0, len(d["said"]), size):
            try:
                c.send(d["said"][i:i + size])
            except OSError:
                break  # the server has heard enough
        got = first + c.rest().replace("\r", "").splitlines()
        server.proc.wait(20)
        assert got == d["replies"], "replies:\n%s\nwanted:\n%s" % ("\n".join(got), "\n".join(d["replies"]))
        assert server.proc.returncode == 0, "exit status %d" % server.proc.returncode
        log = server.log()
        for line in d["log"]:
            assert line in log, "not in the log: %s\n%s" % (line, log)
        records = [r for m in server.cleanup.messages for r in m]
        assert in_order(d["records"], records), "records: %s" % records
        if not d["records"]:
            assert not server.cleanup.messages


def main():
    binary, failed = sys.argv[1], 0
    for path in sorted(glob.glob(os.path.dirname(os.path.abspath(__file__)) + "/dialogues/*.txt")):
        d = parse(path)
        for size in CHUNKS:
            try:
                replay(binary, d, size)
            except Exception:
                failed += 1
                print("%s, %d bytes at a time" % (os.path.basename(path), size))
                traceback.print_exc(limit=1)
                break
    print("%d failed" % failed)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
