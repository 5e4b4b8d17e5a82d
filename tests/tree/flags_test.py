#!/usr/bin/env python3
"""No two flags of an enum share a bit: a number is taken twice as soon as two people add a flag at a time."""
import glob
import os
import re

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
FLAG = re.compile(r"\b([A-Z][A-Z0-9_]*)\s*=\s*1(?:U|UL|ULL|L)?\s*<<\s*(\d+)")


def shared_bits(text):
    """(flag, flag) for each bit that two flags of one enum have."""
    text, found = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S), []
    for body in re.findall(r"\benum\s*\w*\s*\{([^}]*)\}", text):
        seen = {}
        for name, bit in FLAG.findall(body):
            if bit in seen:
                found.append((seen[bit], name))
            seen.setdefault(bit, name)
    return found


def main():
    assert shared_bits("enum a { X = 1 << 0, /* x */ Y = 1 << 3, Z = 1U << 3 }; enum { W = 1 << 0 };") == [("Y", "Z")]
    files = [f for kind in ("h", "c") for f in glob.glob(TOP + "/**/*." + kind, recursive=True)
             if not os.path.relpath(f, TOP).startswith(("build", "tests/"))]
    bad, enums = [], 0
    for path in sorted(files):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        enums += len(FLAG.findall(text))
        bad += ["%s: %s and %s" % (os.path.relpath(path, TOP), a, b) for a, b in shared_bits(text)]
    assert enums > 50, "nothing was looked at"
    assert not bad, "\n".join(["one bit, two flags:", *bad])


main()
