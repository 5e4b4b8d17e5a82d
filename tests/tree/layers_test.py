#!/usr/bin/env python3
"""Includes look down: each module includes only itself and the modules below it (DESIGN, section 2)."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

PURE = {"base"}
BELOW = {
    "base": set(),
    "text": {"base"},
    "smtp": {"base", "text"},
    "milter": {"base", "text"},
    "os": {"base"},
    "conf": {"base", "text", "os"},
    "ipc": {"base", "os"},
    "table": {"base", "text", "os", "conf", "ipc"},
    "dns": {"base", "text", "os", "conf", "ipc"},
    "queue": {"base", "text", "os", "conf", "ipc"},
    "rewrite": {"base", "text", "os", "conf", "ipc", "table", "dns", "queue"},
    "client": {"base", "text", "os", "conf", "ipc", "table", "dns", "queue"},
    "service": {"base", "text", "os", "conf", "ipc", "table", "dns", "queue"},
    "delivery": {"base", "text", "os", "conf", "ipc", "table", "dns", "queue", "rewrite", "client", "service"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def faults():
    for path in sorted(ROOT.glob("lib/*/**/*.[ch]")) + sorted(ROOT.glob("lib/*/**/*.def")):
        module = path.relative_to(ROOT / "lib").parts[0]
        if module not in BELOW:
            yield "%s: module %s is not in the table of layers" % (path.relative_to(ROOT), module)
            continue
        for name in INCLUDE.findall(path.read_text()):
            target = name.split("/")[0]
            if "/" not in name and (path.parent / name).exists():
                yield '%s: "%s" is not rooted at its module' % (path.relative_to(ROOT), name)
            elif target not in BELOW and not name.startswith("smtpd") and "/" in name:
                yield '%s: "%s" leaves the library' % (path.relative_to(ROOT), name)
            elif target in BELOW and target != module and target not in BELOW[module]:
                yield '%s: "%s" looks up (%s may include %s)' % (
                    path.relative_to(ROOT), name, module, ", ".join(sorted(BELOW[module])) or "nothing")


found = list(faults())
print("\n".join(found) or "includes look down")
sys.exit(1 if found else 0)
