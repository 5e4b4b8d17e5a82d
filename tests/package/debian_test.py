#!/usr/bin/env python3
"""debian/ as dpkg's tools read it: scripts are shell, the changelog parses, map packages stand for Debian's, and units
are as closed as they say."""
import glob
import os
import re
import subprocess
import sys

from scratch import SOURCE, Scratch, main, read, test

MAPS = ["sqlite", "pgsql", "mysql", "ldap", "cdb"]
SCRIPTS = ["preinst", "postinst", "postfix.config", "postfix.postinst", "prerm", "postrm", "config.in", "map.postinst.in", "map.prerm.in", "make-packages"]
EXPOSURE = 34  # of systemd-analyze security, in tenths


def stanzas():
    return {m.group(1): block for block in read(SOURCE + "/debian/control").split("\n\n") for m in [re.search(r"^Package: (\S+)", block, re.M)] if m}


@test
def every_script_is_shell(_tools):
    scripts = [SOURCE + "/debian/" + name for name in SCRIPTS] + glob.glob(SOURCE + "/setup/*.sh") + [SOURCE + "/install.sh"]
    hooks = [os.path.join(d, f) for d, _, files in os.walk(SOURCE + "/debian/etc") for f in files]
    hooks = [f for f in hooks + glob.glob(SOURCE + "/etc/*.sh") + glob.glob(SOURCE + "/etc/systemd/*") if read(f).startswith("#!")]
    assert len(hooks) >= 10
    for path in scripts + hooks:
        subprocess.run(["sh", "-n", path], check=True)
    for path in hooks:
        assert os.access(path, os.X_OK), path


@test
def the_package_stands_for_a_mail_server_and_for_postfix(_tools):
    main_package = stanzas()["relevo"]
    provides = re.search(r"^Provides: (.*)", main_package, re.M).group(1)
    assert re.match(r"mail-transport-agent, postfix \(= \$\{interface:Version\}\)", provides)
    assert "postfix-lmdb" in provides and "postfix-pcre" in provides
    assert re.search(r"^Conflicts: mail-transport-agent, smail, postfix \(<< \$\{interface:Version\}\)$", main_package, re.M)
    for name in MAPS:
        assert "Provides: postfix-%s (= ${interface:Version})" % name in stanzas()["relevo-" + name]
    assert set(stanzas()) == {"relevo", "postfix"} | {"relevo-" + name for name in MAPS}


@test
def the_changelog_and_the_level_of_interfaces_are_there(_tools):
    if os.path.exists("/usr/bin/dpkg-parsechangelog"):
        p = subprocess.run(["dpkg-parsechangelog", "-l", SOURCE + "/debian/changelog", "-SVersion"], capture_output=True, text=True)
        assert re.match(r"\d+\.\d+", p.stdout) and not p.stderr, p.stderr
    script = re.search(r"sed -n '(.*)' lib/conf/params/site.def", read(SOURCE + "/debian/make-packages")).group(1)
    level = subprocess.run(["sed", "-n", script, SOURCE + "/lib/conf/params/site.def"], capture_output=True, text=True).stdout
    assert re.match(r"3\.\d+", level), level


@test
def the_instances_unit_is_closed_as_far_as_delivery_allows(_tools):
    if not os.path.exists("/usr/bin/systemd-analyze"):
        return
    p = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=%d" % EXPOSURE, SOURCE + "/etc/systemd/postfix@.service"],
                       capture_output=True, text=True)
    assert p.returncode == 0, p.stdout[-200:] + p.stderr


# A process called NAME that has the file locked, or not; it says when it is there.
STAND_IN = """import fcntl, os, signal, sys
name, locked, path = sys.argv[1:]
open("/proc/self/comm", "w").write(name)
f = open(path, "w")
f.write("%32d\\n" % os.getpid())
f.flush()
if locked == "locked":
    fcntl.flock(f, fcntl.LOCK_EX)
print(flush=True)
signal.pause()
"""


@test
def a_master_that_nobody_else_stops_is_stopped_by_the_package(tools):
    """Its commands are gone, or services may not be stopped here; a number that was left behind is not touched."""
    if os.geteuid() != 0:
        return
    script = read(SOURCE + "/debian/preinst").replace("/etc/postfix", "$TOP/etc/postfix").replace("/usr/sbin/postfix", "$TOP/none").replace("/run/systemd", "$TOP/none")
    for name, locked, stopped in (("master", "locked", True), ("master", "free", False), ("other", "locked", False)):
        for instance in ("", "-two"):
            with Scratch(tools) as host:
                host.write("/etc/postfix%s/main.cf" % instance, "queue_directory = %s/queue\n" % host.root)
                host.write("/queue/pid/master.pid", "")
                with subprocess.Popen([sys.executable, "-c", STAND_IN, name, locked, host.root + "/queue/pid/master.pid"], stdout=subprocess.PIPE) as p:
                    try:
                        p.stdout.readline()
                        run = subprocess.Popen(["sh", "-c", script, "preinst", "install"], env=dict(host.env, TOP=host.root), stdout=subprocess.DEVNULL)
                        if stopped:
                            assert p.wait(60) == -15, p.returncode
                        assert run.wait(60) == 0
                        assert stopped or p.poll() is None, (name, locked)
                    finally:
                        p.kill()


main()
