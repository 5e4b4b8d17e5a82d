#!/usr/bin/env python3
"""Pure modules touch neither files, sockets nor clocks: their archives call nothing that does.

    pure_test.py BUILD_DIR
"""
import pathlib
import subprocess
import sys

MODULES = ["base", "text", "smtp", "sasl"]
OUTSIDE = {
    "open", "open64", "openat", "openat64", "creat", "read", "write", "pread", "pwrite", "close", "fopen", "fopen64",
    "fread", "fwrite", "fputs", "puts", "printf", "fprintf", "socket", "connect", "bind", "listen", "accept",
    "accept4", "send", "sendto", "sendmsg", "recv", "recvfrom", "recvmsg", "poll", "select", "epoll_wait", "time",
    "gettimeofday", "clock_gettime", "localtime", "localtime_r", "getaddrinfo", "gethostbyname", "getpwnam",
    "getpwuid", "getenv", "setenv", "fork", "execve", "execvp", "system", "popen", "unlink", "rename", "stat",
    "fstat", "lstat", "mmap", "sleep", "usleep", "nanosleep", "syslog",
}

build = pathlib.Path(sys.argv[1])
faults = []
for module in MODULES:
    archive = build / "lib" / module / ("librelevo_%s.a" % module)
    if not archive.exists():
        faults.append("%s: not built" % archive)
        continue
    symbols = subprocess.run(["nm", "-u", "--format=posix", str(archive)], capture_output=True, text=True, check=True)
    for line in symbols.stdout.splitlines():
        name = line.split()[0].split("@")[0] if line.split() else ""
        if name in OUTSIDE:
            faults.append("module %s calls %s()" % (module, name))
print("\n".join(sorted(set(faults))) or "pure modules are pure")
sys.exit(1 if faults else 0)
