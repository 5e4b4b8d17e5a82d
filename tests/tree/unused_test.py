#!/usr/bin/env python3
"""Every function is called by a program of the tree.  What only tests call says so in its header ("For tests"), and so
does what is there, and tested, before its caller ("Not called yet")."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("lib", "master", "smtpd", "postscreen", "pickup", "cleanup", "qmgr", "smtp-client", "local", "services", "tools")
NOISE = re.compile(r'/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.S)
NAME = re.compile(r"[A-Za-z_]\w*")
PREFIX = re.compile(r"\b([a-z]\w*)##")  # of names that macros put together
# What begins in the first column declares or defines the first name before a parenthesis that is no attribute.
HEAD = re.compile(r"^(?:static inline |extern )?(?:\w+\([^()]*\) )?(?!static|typedef|#|return)[A-Za-z_][\w \*]*?\b([a-z_]\w*)\(")
EXCUSED = re.compile(r"/\* (?:For tests|Not called yet)\b(?:(?!\*/).)*\*/\n([^;{]*[;{])", re.S)
CALLED_BY_THE_SYSTEM = {"main"}


def without_noise(text):
    """Comments, strings and characters become blanks of as many lines."""
    return NOISE.sub(lambda m: "\n" * m.group().count("\n") or " ", text)


def tree():
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*")):
            if path.suffix in (".c", ".h", ".def", ".inc"):
                yield path


def read():
    """(where each function is defined, where declared, names that are used, names that have an excuse)"""
    defined, declared, used, excused, prefixes = {}, {}, set(), set(), set()
    for path in tree():
        raw = path.read_text()
        prefixes |= set(PREFIX.findall(raw))
        excused |= {m.group(1) for m in map(HEAD.match, EXCUSED.findall(raw)) if m}
        for line in without_noise(raw).splitlines():
            head = HEAD.match(line)
            if head and not line.rstrip().endswith(";"):
                defined.setdefault(head.group(1), path.relative_to(ROOT))
            elif head and path.suffix == ".h" and "(*" not in line:
                declared[head.group(1)] = path.relative_to(ROOT)
            rest = line if not head else line[:head.start(1)] + line[head.end(1):]
            used |= set(NAME.findall(rest))
    used |= {prefix + name for prefix in prefixes for name in used if prefix + name in defined}
    return defined, declared, used, excused


defined, declared, used, excused = read()
unused = set(defined) - used - CALLED_BY_THE_SYSTEM
faults = ["%s: nobody calls %s()" % (defined[name], name) for name in sorted(unused - excused)]
faults += ["%s: %s() is called, its header says it is not" % (defined[name], name) for name in sorted(excused & used & set(defined))]
faults += ["%s: there is no %s()" % (declared[name], name) for name in sorted(set(declared) - set(defined))]
print("\n".join(faults))
if len(defined) < 1000:
    print("found %d functions only: this test does not understand the tree any more" % len(defined))
    sys.exit(1)
print("%d functions, %d of them called by tests only" % (len(defined), len(unused)))
sys.exit(1 if faults else 0)
