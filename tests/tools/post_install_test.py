"""post-install: what is made, whose it becomes, what an older configuration gets.
Usage: post_install_test.py SCRIPT POSTCONF"""
import os
import shutil
import stat
import subprocess
import sys
import tempfile

SCRIPT, POSTCONF = (os.path.realpath(p) for p in sys.argv[1:3])
ME = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
cases = []


def case(f):
    cases.append(f)
    return f


def equal(got, want):
    assert got == want, "%r\nnot\n%r" % (got, want)


class Site:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="relevo-post-install-")
        for d in ("etc", "bin", "daemons"):
            os.mkdir(self.dir + "/" + d)
        os.symlink(POSTCONF, self.dir + "/bin/postconf")
        for name in ("post-install", "postfix-files"):
            shutil.copy(os.path.join(os.path.dirname(SCRIPT), name), self.dir + "/daemons")
        text = open(self.dir + "/daemons/postfix-files").read()
        self.write("daemons/postfix-files", text.replace(":root:", ":%s:" % ME))
        self.write("etc/main.cf", "compatibility_level = 3.11\nqueue_directory = %s/q\n" % self.dir)
        self.write("etc/master.cf", "smtp inet n - n - - smtpd\n")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.dir + "/" + name), exist_ok=True)
        with open(self.dir + "/" + name, "w") as f:
            f.write(text)

    def read(self, name):
        with open(self.dir + "/" + name) as f:
            return f.read()

    def run(self, *args, rc=0, **env):
        d = self.dir
        env = {"PATH": d + "/bin:" + os.environ["PATH"], "config_directory": d + "/etc", "meta_directory": d + "/etc",
               "command_directory": d + "/bin", "daemon_directory": d + "/daemons", "queue_directory": d + "/q",
               "data_directory": d + "/data", "mail_owner": ME, "setgid_group": "", "is_secondary": "yes", "samples": d + "/samples", **env}
        p = subprocess.run(["sh", d + "/daemons/post-install", *args], env=env, capture_output=True, text=True)
        assert p.returncode == rc, p
        return (p.stdout + p.stderr).replace(d, "D")

    def mode(self, name):
        return stat.S_IMODE(os.stat(self.dir + "/" + name).st_mode)


@case
def missing_directories_are_made_and_others_stay():
    with Site() as s:
        os.makedirs(s.dir + "/q/active", 0o755)
        equal(s.run("create-missing", setgid_group=""), "")
        for name, mode in (("q", 0o755), ("q/active", 0o755), ("q/incoming", 0o700), ("q/maildrop", 0o730), ("q/public", 0o710),
                           ("q/pid", 0o755), ("q/spare", 0o700), ("data", 0o700)):
            equal((name, s.mode(name)), (name, mode))


@case
def permissions_are_set_as_tables_say():
    with Site() as s:
        s.write("etc/postfix-files.d/x.files", "# more\n$config_directory/mine:f:%s:-:640:\n$config_directory/gone:f:%s:-:640:\n"
                "$html_directory/x:f:%s:-:600:\n" % (ME, ME, ME))
        s.write("etc/mine", "")
        s.write("etc/secret", "")
        s.run("create-missing")
        os.chmod(s.dir + "/q/active", 0o777)
        os.chmod(s.dir + "/etc/main.cf", 0o600)
        equal(s.run("upgrade-permissions"), "")
        equal((s.mode("q/active"), s.mode("etc/main.cf"), s.mode("etc/mine")), (0o700, 0o600, 0o644))
        equal(s.run("set-permissions"), "")
        equal((s.mode("q/active"), s.mode("etc/main.cf"), s.mode("etc/mine")), (0o700, 0o644, 0o640))
        s.write("etc/postfix-files.d/y", "$config_directory/mine:z:root:-:640:\n")
        equal(s.run("set-permissions", rc=1), "D/daemons/post-install: Error: unknown type z for $config_directory/mine in D/etc/postfix-files.d/y\n")
        # What is ours has to be there.
        os.unlink(s.dir + "/etc/postfix-files.d/y")
        assert "cannot access 'D/daemons/master'" in s.run("set-permissions", rc=1, is_secondary="")


@case
def an_older_configuration_gets_what_it_lacks():
    with Site() as s:
        s.write("etc/main.cf", s.read("etc/main.cf") + "hash_queue_names = deferred, active\n")
        s.write("etc/master.cf", "smtp inet n - n - - smtpd\npickup fifo n n n 60 1 pickup\ncleanup unix - - n - 0 cleanup\n"
                "flush unix - - n 1000? 0 flush\nverify unix - - n - 0 verify\ntlsmgr fifo - - n 300 1 tlsmgr\n"
                "proxywrite unix - - n - - proxymap\nmine unix - n n - - pipe flags=R user=x argv=/bin/x\n")
        said = s.run("upgrade-configuration")
        for name in ("relay", "trace", "proxymap", "anvil", "scache", "discard", "retry", "postscreen TCP", "smtpd unix-domain",
                     "dnsblog unix-domain", "tlsproxy unix-domain", "postlog unix-domain datagram"):
            assert "Editing D/etc/master.cf, adding missing entry for %s service\n" % name in said, (name, said)
        for what in ("setting verify process limit to 1", "setting proxywrite process limit to 1", "making the pickup service unprivileged",
                     "making the cleanup service public", "making the flush service public", "updating the tlsmgr from fifo to unix service"):
            assert "Editing D/etc/master.cf, %s\n" % what in said, (what, said)
        assert "fixing main.cf hash_queue_names for missing defer\n" in said, said
        text = s.read("etc/master.cf")
        fields = [line.split() for line in text.splitlines()]
        for want in ("pickup fifo n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "flush unix n - n 1000? 0 flush",
                     "verify unix - - n - 1 verify", "tlsmgr unix - - n 300? 1 tlsmgr", "proxywrite unix - - n - 1 proxymap",
                     "mine unix - n n - - pipe flags=R user=x argv=/bin/x", "#smtp inet n - n - 1 postscreen"):
            assert want.split() in fields, (want, text)
        assert "hash_queue_names = deferred, active defer\n" in s.read("etc/main.cf")
        equal(s.run("upgrade-configuration"), "")
        equal(s.read("etc/master.cf"), text)


@case
def values_of_the_command_line_go_to_main_cf():
    with Site() as s:
        equal(s.run("create-missing", "data_directory=%s/other" % s.dir), "")
        assert "data_directory = %s/other\n" % s.dir in s.read("etc/main.cf")
        assert "mailq_path = /usr/bin/mailq\n" in s.read("etc/main.cf")
        equal(s.mode("other"), 0o700)
        before = s.read("etc/main.cf")
        s.run("create-missing", "queue_directory=%s/q" % s.dir)
        equal(s.read("etc/main.cf"), before)


@case
def mistakes_are_told():
    with Site() as s:
        for args, want in ((["set-permissions", "a b=c"], "argument contains whitespace: 'a b=c'"),
                           (["set-permissions", "queue_directory=foo"], '"foo" should be an absolute path name.'),
                           (["set-permissions", "queue_directory=/etc/passwd"], "/etc/passwd is not a directory.")):
            equal(s.run(*args, rc=1), "D/daemons/post-install: Error: %s\n" % want)
        for args in ([], ["bogus"], ["create-missing", "set-permissions"]):
            assert s.run(*args, rc=1).startswith("D/daemons/post-install: Error: Usage: D/daemons/post-install [name=value] command\n")
        assert "newaliases" in s.run("first-install-reminder")


for f in cases:
    print(f.__name__, flush=True)
    f()
