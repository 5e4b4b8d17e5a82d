#!/usr/bin/env python3
"""install.sh as far as it leaves the system alone: its options, and an install tree of the build that is there."""
import grp
import os
import shutil
import stat
import subprocess
import sys
import tempfile

from scratch import SOURCE, main, test


def install(build, *args):
    p = subprocess.run([SOURCE + "/install.sh", *args], env=dict(os.environ, BUILD=build), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    return p.returncode, p.stdout


def mode(path):
    st = os.stat(path)
    return stat.S_IMODE(st.st_mode), st.st_gid


@test
def an_install_tree_is_made_of_the_build(tools):
    place = tempfile.mkdtemp(prefix="relevo-tree-")
    try:
        status, said = install(os.path.dirname(tools), "--destdir", place)
        assert status == 0 and said.endswith("install tree: %s\n" % place), said
        for path in ("usr/sbin/sendmail", "usr/lib/postfix/sbin/master", "usr/share/postfix/main.cf.proto", "usr/lib/postfix/postfix-sqlite.so"):
            assert os.path.exists("%s/%s" % (place, path)), path
        if "postdrop" in [g.gr_name for g in grp.getgrall()]:
            assert mode(place + "/usr/sbin/postdrop") == (0o2755, grp.getgrnam("postdrop").gr_gid)
    finally:
        shutil.rmtree(place)


@test
def options_that_are_wrong_are_told(tools):
    for args, status, text in ((["--help"], 0, "--take-over"), (["--destdir"], 1, "--destdir needs a directory"), (["--no-such"], 1, "unknown option: --no-such")):
        got, said = install(os.path.dirname(tools), *args)
        assert got == status and text in said, (args, said)


if os.geteuid() != 0:
    sys.exit(77)
main()
