"""A host in a scratch directory: the setup's shell functions and debconf's config script work on it as on /."""
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SETUP = SOURCE + "/setup"
HOSTNAME = """#!/bin/sh
case "$1" in
--fqdn) [ -n "$STUB_FQDN" ] && echo "$STUB_FQDN" ;;
--domain) echo "${STUB_FQDN#*.}" | grep -vx "$STUB_FQDN" ;;
*) echo "${STUB_FQDN%%.*}" ;;
esac
"""
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


class Scratch:
    """The host's files are below `root`; `tools` is the build's directory of commands."""

    def __init__(self, tools, fqdn="mail.example.org"):
        self.root = tempfile.mkdtemp(prefix="relevo-setup-")
        self.env = dict(os.environ, SITE_ROOT=self.root, SITE_SAMPLES=SETUP, STUB_FQDN=fqdn, LC_ALL="C.UTF-8",
                        PATH="%s/bin:%s:%s" % (self.root, tools, os.environ["PATH"]))
        self.write("/bin/hostname", HOSTNAME, 0o755)
        for command in ("postfix", "newaliases", "chattr"):
            self.write("/bin/" + command, '#!/bin/sh\necho "%s $*" >>"%s/commands"\n' % (command, self.root), 0o755)
        for directory in ("/etc/postfix", "/proc/sys/net/ipv4", "/proc/sys/net/ipv6", "/var/spool/postfix/incoming"):
            os.makedirs(self.root + directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root)

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        with open(self.root + path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.root + path, mode)

    def read(self, path):
        return read(self.root + path)

    def shell(self, text, **variables):
        """What a script that has the setup's functions prints."""
        p = subprocess.run(["sh", "-euc", ". %s/defaults.sh; . %s/apply.sh; %s" % (SETUP, SETUP, text)],
                           env=dict(self.env, **variables), capture_output=True, text=True)
        assert p.returncode == 0, p.stdout + p.stderr
        return p.stdout

    def settings(self):
        """main.cf without its comments."""
        return "".join(line + "\n" for line in self.read("/etc/postfix/main.cf").splitlines() if line and line[0] != "#")


def main():
    failed = 0
    for fn in TESTS:
        try:
            fn(sys.argv[1])
            print("ok " + fn.__name__)
        except Exception:
            failed += 1
            print("FAILED " + fn.__name__)
            traceback.print_exc(file=sys.stdout)
    sys.exit(1 if failed else 0)
