"""rmail: the envelope out of the From_ lines, the rest of the message as it is.
Usage: rmail_test.py SCRIPT"""
import os
import subprocess
import sys
import tempfile

with open(sys.argv[1]) as f:
    SCRIPT = f.read()


def run(work, message, *args):
    """(exit status, what sendmail was told, what it read, standard error)"""
    script = SCRIPT.replace("/usr/sbin/sendmail", work + "/sendmail")
    done = subprocess.run(["sh", "-c", script, "rmail", *args], input=message, capture_output=True)
    return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode()


BODY = "Subject: x\n\nbody  with blanks \\n\n.\n\xe9\n"
CASES = [
    ("From me Mon Nov 30 2026\n", [], "me"),
    ("From me Mon Nov 30 2026 remote from near\n", [], "near!me"),
    (">From me Mon Nov 30 2026 remote from far\nFrom x Mon remote from near\n", [], "far!near!x"),
    ("From far!me Mon Nov 30 2026 remote from near\n", [], "near!far!me"),
    ("From me Mon\n", ["-D", "dom.test"], "dom.test!me"),
    ("From MAILER-DAEMON Mon remote from near\n", [], ""),
    ("From <> Mon\n", [], ""),
]

with tempfile.TemporaryDirectory() as work:
    with open(work + "/sendmail", "w") as f:
        f.write("#!/bin/sh\nfor a; do printf '[%s]' \"$a\"; done\necho\ncat\nexit 7\n")
    os.chmod(work + "/sendmail", 0o755)
    for lines, options, sender in CASES:
        got = run(work, (lines + BODY).encode("latin-1"), *options, "a@b", "-x")
        assert got == (7, "[-G][-i][-f][%s][--][a@b][-x]\n%s" % (sender, BODY), ""), (lines, got)
    assert run(work, b"Subject: x\n", "a")[::2] == (65, "rmail: missing or empty From line: Subject: x\n")
    assert run(work, b"From x y\n")[0] == 64
