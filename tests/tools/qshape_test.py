"""qshape: the table, as others read it.  Usage: qshape_test.py PROGRAM"""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from wire import record, size_record  # noqa: E402

PROGRAM = os.path.realpath(sys.argv[1])


def message(path, minutes, sender, recipients, done=(), mode=0o700):
    """A queue file that came so many minutes ago; half a minute more, so that no border is near."""
    now = time.time() - minutes * 60 - 30
    envelope = record("T", "%d 0" % now) + record("S", sender)
    envelope += b"".join(record("O", r) + record("R", r) for r in recipients) + b"".join(record("D", r) for r in done) + record("M")
    body = record("N", "Subject: x")
    size = size_record(len(body), 97 + len(envelope), len(recipients), 0, len(body), 0)
    with open(path, "wb") as f:
        f.write(size + envelope + body + record("X") + record("E"))
    os.chmod(path, mode)


def qshape(*args):
    done = subprocess.run([PROGRAM, *args], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def equal(got, want):
    assert got == want, "\n%s\nnot\n%s" % (got, want)


HEAD = "                                         T  5 10 20 40 80 160 320 640 1280 1280+\n"
LONG = "v" * 60 + ".example"

with tempfile.TemporaryDirectory() as q:
    for d in ("active", "deferred/A", "incoming", "many"):
        os.makedirs(q + "/" + d)
    message(q + "/active/4A1B2C3D4E1", 3, "s@Send.Example", ["a@one.example", "b@two.example."])
    message(q + "/active/4A1B2C3D4E2", 7, "", ["a@one.example", ""])
    message(q + "/active/4A1B2C3D4E3", 50, "s@send.example", ["a@sub.one.example", "plain", "x@ONE.example"])
    message(q + "/active/4A1B2C3D4E4", 3000, "s@x.send.example", ["a@" + LONG], done=["d@done.example"])
    message(q + "/active/4A1B2C3D4E5", 1, "s@x", ["a@incomplete.example"], mode=0o600)
    for i in range(6):
        message(q + "/deferred/A/4A1B2C3D4E%d" % i, 20 * i, "s@send.example", ["a@s%d.big.example" % i] * (i + 1))
    message(q + "/many/4A1B2C3D4E5", 1, "s@x", ["u%d@many.example" % i for i in range(1234)])
    equal(qshape(q + "/active"), HEAD +
          "                                  TOTAL  8  2  2  0  0  3   0   0   0    0     1\n"
          "                            one.example  3  1  1  0  0  1   0   0   0    0     0\n"
          "                                  plain  1  0  0  0  0  1   0   0   0    0     0\n"
          "                            two.example  1  1  0  0  0  0   0   0   0    0     0\n"
          "                          MAILER-DAEMON  1  0  1  0  0  0   0   0   0    0     0\n"
          "                        sub.one.example  1  0  0  0  0  1   0   0   0    0     0\n"
          "+vvvvvvvvvvvvvvvvvvvvvvvvvvvvvv.example  1  0  0  0  0  0   0   0   0    0     1\n")
    equal(qshape("-s", "-b", "3", "-t", "20", "-w", "90", q + "/active"),
          "                                                                               T 20 40 40+\n"
          "                                                                        TOTAL  4  2  0   2\n"
          "                                                                 send.example  2  1  0   1\n"
          "                                                                MAILER-DAEMON  1  1  0   0\n"
          "                                                               x.send.example  1  0  0   1\n")
    equal(qshape("-l", "-p", "-m", "6", "-b", "4", "-t", "30", q + "/deferred"),
          "                                                                  T 30 60 90 90+\n"
          "                                                           TOTAL 21  3  3  9   6\n"
          "                                                    .big.example 21  3  3  9   6\n"
          "                                                  s5.big.example  6  0  0  0   6\n"
          "                                                  s4.big.example  5  0  0  5   0\n"
          "                                                  s3.big.example  4  0  0  4   0\n"
          "                                                  s2.big.example  3  0  3  0   0\n"
          "                                                  s1.big.example  2  2  0  0   0\n"
          "                                                  s0.big.example  1  1  0  0   0\n")
    assert " .big" not in qshape("-p", "-m", "7", q + "/deferred")
    equal(qshape(q + "/many").splitlines()[:2],
          ["                                       T    5 10 20 40 80 160 320 640 1280 1280+",
           "                              TOTAL 1234 1234  0  0  0  0   0   0   0    0     0"])
    with open(q + "/main.cf", "w") as f:
        f.write("queue_directory = %s\ncompatibility_level = 3.11\n" % q)
    equal(qshape("-c", q), qshape(q + "/active", q + "/incoming"))
    equal(qshape("-c", q, "deferred"), qshape(q + "/deferred"))
    assert subprocess.run([PROGRAM, "-b", "x"], capture_output=True).returncode == 1
