#!/usr/bin/env python3
"""postlock of root in a directory of somebody else: what it makes there is his.

    postlock_test.py POSTLOCK"""
import os
import shutil
import subprocess
import sys
import tempfile

NOBODY = 65534


def lock(top, *command):
    # The search for leaks at the end cannot trace a process that has acted as somebody else.
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    return subprocess.run([sys.argv[1], "-c", top, "-l", "dotlock, fcntl", *command], capture_output=True, text=True, timeout=60, env=env)


def main():
    if os.geteuid() != 0:
        sys.exit(77)
    top = tempfile.mkdtemp(prefix="postlock")
    try:
        home, ours = top + "/home", top + "/ours"
        os.chmod(top, 0o755)
        os.mkdir(home)
        os.mkdir(ours)
        os.chown(home, NOBODY, NOBODY)
        with open(top + "/main.cf", "w") as f:
            f.write("compatibility_level = 3.6\ndeliver_lock_attempts = 1\n")
        for place, owner in ((home, NOBODY), (ours, 0)):
            p = lock(top, place + "/box", "sh", "-c", "id -u; stat -c %%u %s/box %s/box.lock" % (place, place))
            assert (p.returncode, p.stdout) == (0, "0\n%d\n%d\n" % (owner, owner)), p
            assert os.listdir(place) == ["box"], "the lock is gone"
        os.chmod(home, 0o555)
        os.unlink(home + "/box")
        p = lock(top, home + "/box", "true")
        assert p.returncode == 75 and "Permission denied" in p.stderr and not os.listdir(home), p
    finally:
        shutil.rmtree(top)


main()
