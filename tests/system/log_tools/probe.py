"""Prints what the prometheus exporter tells of this host, and what showq(8) answers; run by the sessions of traffic.txt.

    probe.py EXPORTER"""
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

QUEUE, LOG = "/var/spool/postfix", "/var/log/mail.log"
LISTEN = "127.0.0.1:9154"


def showq():
    """The answer as attributes, one a line: a null-terminated name, then a null-terminated value."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(QUEUE + "/public/showq")
        data = b"".join(iter(lambda: s.recv(65536), b""))
    words = data.decode("latin-1").split("\0")
    entry = []
    while len(words) > 1:
        name = words.pop(0)
        if name:
            entry.append("%s=%s" % (name, words.pop(0)))
        else:
            yield entry
            entry = []
    yield words


def without_noise(entry):
    """Interface 3.12 has two more attributes; who does not know them passes over them."""
    return ["%s=X" % a.split("=")[0] if re.match("time|queue_id", a) else a for a in entry
            if not re.match("original_recipient=|log_class=", a)]


def metrics():
    try:
        with urllib.request.urlopen("http://%s/metrics" % LISTEN, timeout=20) as answer:
            text = answer.read().decode()
    except OSError:
        return []
    # Seconds differ between two runs; how many there were does not.
    return [line for line in text.splitlines() if line.startswith("postfix_") and not re.search(r"_sum\b|_bucket|showq_message_size_bytes_sum", line)]


def settled():
    """The metrics when they change no more: the exporter reads the log in its own time."""
    last, now = None, metrics()
    for _ in range(100):
        if now and now == last:
            break
        time.sleep(0.3)
        last, now = now, metrics()
    return now


def exporter(program):
    with tempfile.NamedTemporaryFile("w", encoding="latin-1") as log, open(LOG, encoding="latin-1") as before:
        p = subprocess.Popen([program, "--web.listen-address=" + LISTEN, "--postfix.showq_path=%s/public/showq" % QUEUE,
                              "--postfix.logfile_path=" + log.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            settled()
            log.write(before.read())  # it begins at the end of what is there
            log.flush()
            return settled()
        finally:
            p.kill()
            p.wait()


print("\n".join(exporter(sys.argv[1])))
for attributes in sorted(map(without_noise, showq())):
    print("showq: " + " ".join(attributes))
