#!/usr/bin/env python3
"""What a crowd of silent clients costs postscreen, and how fast known clients pass it.

    CLIENTS=10000 silent_clients.py BUILD_DIR

Everything happens in namespaces of its own, as the system tests do.  It prints figures and judges none."""
import os
import pathlib
import re
import resource
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from harness import Host, contents, furnish, main, test  # noqa: E402

CLIENTS = int(os.environ.get("CLIENTS", "10000"))
PORT = 3000
MASTER = """
smtpd pass - - n - 50 smtpd
%d inet n - n - 1 postscreen -o { postscreen_greet_wait = 60s }
  -o { postscreen_access_list = cidr:{{127.9.0.0/16 permit}} }
  -o postscreen_pre_queue_limit=100000 -o postscreen_post_queue_limit=1000
""" % PORT


def connect(address):
    s = socket.socket()
    s.bind((address, 0))
    s.connect(("127.0.0.1", PORT))
    return s


def memory(pid, field):
    return int(re.search(r"^%s:\s+(\d+)" % field, contents("/proc/%d/status" % pid), re.M)[1])


def cpu(pid):
    return sum(map(int, contents("/proc/%d/stat" % pid).rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def greeted(address):
    started = time.monotonic()
    s = connect(address)
    while not re.search(rb"^220 ", s.recv(4096), re.M):
        pass
    s.sendall(b"QUIT\r\n")
    s.recv(4096)
    s.close()
    return time.monotonic() - started


@test
def figures(host):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    greeted("127.9.0.1")
    pid = host.pid_of("postscreen")
    empty = memory(pid, "VmRSS")
    crowd, started = [], time.monotonic()
    for i in range(CLIENTS):
        crowd.append(connect("127.%d.%d.%d" % (20 + i // 60000, i // 250 % 240, i % 250 + 1)))
    for s in crowd:
        s.recv(100)
    print("%d silent clients came within %.1f s" % (CLIENTS, time.monotonic() - started))
    full = memory(pid, "VmRSS")
    print("memory: %d KB without, %d KB with them (%d KB peak): %d bytes a client" %
          (empty, full, memory(pid, "VmHWM"), (full - empty) * 1024 // CLIENTS))
    print("an honest client is greeted after %.3f s" % greeted("127.9.0.2"))
    before, started, count = cpu(pid), time.monotonic(), 2000
    for i in range(count):
        greeted("127.9.%d.%d" % (i // 250, i % 250 + 1))
    passed = time.monotonic() - started
    print("%d clients passed to smtpd and left, one after the other: %.0f a second, %.0f microseconds of postscreen's CPU each" %
          (count, count / passed, (cpu(pid) - before) / count * 1e6))
    for s in crowd:
        s.close()


def prepare(tree, work):
    furnish(tree, work)
    host = Host()
    host.configure(main={"default_process_limit": "100"}, master=MASTER)
    host.start()
    return host


main(prepare)
