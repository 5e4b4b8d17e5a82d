"""postfix explain: the steps of an address, and who decided.  Usage: explain_test.py PROGRAM [--write]

tests/golden/explain.txt has a configuration and, behind each `$ ` line, what is said."""
import json
import os
import re
import subprocess
import sys
import tempfile

PROGRAM = os.path.realpath(sys.argv[1])
# What daemons keep for the life of their process it keeps too, and ends by returning from main().
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden/explain.txt")


def explain(directory, *args):
    done = subprocess.run([PROGRAM, "-c", directory, *args], capture_output=True, text=True, env=ENVIRONMENT)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.replace(directory, "/etc/postfix")


with open(GOLDEN) as f:
    head, *cases = re.split(r"^\$ (.*)\n", f.read(), flags=re.M)
main_cf, master_cf = head.split("---- master.cf\n")
with tempfile.TemporaryDirectory() as d:
    for name, text in (("main.cf", main_cf), ("master.cf", master_cf)):
        with open(d + "/" + name, "w") as f:
            f.write(text)
    written, faults = head, []
    for command, want in zip(cases[::2], cases[1::2]):
        got = explain(d, *command.split()) + "\n"
        written += "$ " + command + "\n" + got
        if got != want:
            faults.append("$ %s\n%s\nnot\n%s" % (command, got, want))
    if "--write" in sys.argv:
        with open(GOLDEN, "w") as f:
            f.write(written)
    assert not faults, "\n".join(faults)
    # The same for programs.
    told = json.loads(explain(d, "--json", "--from", "x@bad.test", "sales@alias.test"))
    assert (told["address"], told["from"], told["client"]) == ("sales@alias.test", "x@bad.test", "unknown[192.0.2.1]"), told
    refusal = [s for s in told["smtpd"] if s["kind"] == "restriction"][-1]
    assert refusal["verdict"] == "reject" and refusal["detail"].startswith("554 5.7.1 <x@bad.test>"), refusal
    assert refusal["because"][-1] == {"parameter": "smtpd_sender_restrictions", "place": "/etc/postfix/main.cf, line 19",
                                      "table": "inline:{{bad.test=REJECT go away},{hold.test=HOLD}}", "key": "bad.test",
                                      "value": "REJECT go away"}, refusal
    assert [(s["subject"], s["detail"]) for s in told["delivery"] if s["kind"] == "route"] == [
        ("joe@relay.test", "class relay, transport smtp, next hop [10.1.1.1]"),
        ("b@far.test", "class default, transport smtp, next hop [smart.test]:587")], told["delivery"]
    for wrong, status in ((["a@b", "c@d"], 64), (["--client", "x", "a@b"], 1), (["a b@c"], 1)):
        assert subprocess.run([PROGRAM, "-c", d, *wrong], capture_output=True).returncode == status, wrong
