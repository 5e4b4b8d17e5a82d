"""Filters that both sides ask: a milter built against libmilter, and a policy server."""
import contextlib
import multiprocessing
import os
import selectors
import shutil
import socket
import subprocess

from suite import Failure, free_port, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))


@contextlib.contextmanager
def milter(directory):
    """Yields what smtpd_milters has to be."""
    program, port = directory + "/header_milter", free_port()
    p = subprocess.run(["gcc", "-O2", "-o", program, HERE + "/header_milter.c", "-lmilter", "-lpthread"], capture_output=True, text=True)
    if p.returncode:
        raise Failure("header_milter cannot be built (Debian's libmilter-dev has what it needs): " + p.stderr[-300:])
    server = subprocess.Popen([program, "inet:%d@127.0.0.1" % port], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the milter", 10)
        yield "inet:127.0.0.1:%d" % port
    finally:
        server.kill()
        server.wait()


def answer_policy(listener):
    """One process for all connections; every answer is DUNNO."""
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                selector.register(listener.accept()[0], selectors.EVENT_READ, bytearray())
                continue
            more = key.fileobj.recv(65536)
            if not more:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                continue
            key.data.extend(more)
            if key.data.endswith(b"\n\n"):
                key.fileobj.sendall(b"action=DUNNO\n\n" * key.data.count(b"\n\n"))
                key.data.clear()


@contextlib.contextmanager
def policy():
    """Yields the argument of check_policy_service."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        server = multiprocessing.Process(target=answer_policy, args=(listener,), daemon=True)
        server.start()
        try:
            yield "inet:127.0.0.1:%d" % listener.getsockname()[1]
        finally:
            server.kill()
            server.join()


def has_milter_library():
    return shutil.which("gcc") and os.path.exists("/usr/include/libmilter/mfapi.h")
