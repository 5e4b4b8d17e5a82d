#!/usr/bin/env python3
"""No default names a table type that is not built: a site that says nothing would find its tables missing."""
import re
import subprocess
import sys
import tempfile

POSTCONF = sys.argv[1]
# Every type that the interface knows, built here or not.
TYPES = ("btree cdb cidr dbm debug environ fail hash inline internal ldap lmdb memcache mongodb mysql netinfo nis nisplus pcre pgsql "
         "pipemap proxy randmap regexp sdbm socketmap sqlite static tcp texthash unionmap unix").split()
TYPE_PARAMETERS = ("default_database_type", "default_cache_db_type")


def postconf(*words):
    with tempfile.TemporaryDirectory() as empty:
        open(empty + "/main.cf", "w").close()
        open(empty + "/master.cf", "w").close()
        return subprocess.run([POSTCONF, "-c", empty, *words], check=True, capture_output=True, text=True).stdout.splitlines()


def faults(built):
    for line in postconf("-d"):
        name, _, default = line.partition(" =")
        named = re.findall(r"(?<![\w.-])(%s):" % "|".join(TYPES), default)
        if name in TYPE_PARAMETERS:
            named.append(default.strip())
        for kind in named:
            if kind not in built:
                yield "%s =%s: %s is not built" % (name, default, kind)


built = set(postconf("-m"))
assert built and built <= set(TYPES), built - set(TYPES)
found = list(faults(built))
print("\n".join(found) or "defaults name only types that are built")
sys.exit(1 if found else 0)
