#!/usr/bin/env python3
"""Includes look down: no module can reach the headers of one above it (DESIGN, section 2).

    layers_test.py BUILD_DIR

The compiler enforces it: a target's include path has its own folder and those of what it links with, one entry each.
This checks that the paths are so, and that no include goes round them."""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]).resolve()

CORE = {"base", "text", "os", "conf", "ipc"}
BELOW = {
    "base": set(),
    "text": {"base"},
    "smtp": {"base", "text"},
    "milter": {"base", "text"},
    "sasl": {"base"},
    "os": {"base"},
    "conf": {"base", "text", "os"},
    "ipc": {"base", "os"},
    "table": CORE,
    "dns": CORE,
    "tls": CORE,
    "queue": CORE,
    "rewrite": CORE | {"table", "dns", "queue"},
    "client": CORE | {"table", "dns", "tls", "queue", "milter"},
    "nexthop": CORE | {"smtp", "table", "dns", "tls"},
    "service": CORE | {"table", "dns", "queue"},
    "delivery": CORE | {"table", "dns", "tls", "queue", "rewrite", "client", "service", "milter"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
PLAIN = {"sandbox_filters.h", "table_types.inc"}  # made by the build


def reachable(command):
    """The folders that a source may name in its includes, and the directories that are no such folder."""
    paths = [pathlib.Path(p) for p in re.findall(r"-I ?(\S+)", command)]
    return {p.name for p in paths if p.parent == BUILD / "include"}, {p for p in paths if p.parent != BUILD / "include"}


def may_reach(path):
    """What the source at `path` (from the root) may include; its programs' folder may use every module."""
    folder = path.parts[0]
    if folder == "lib":
        return BELOW.get(path.parts[1], set()) | {path.parts[1]}
    return set(BELOW) | {folder}


def faults_of_paths():
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"]).relative_to(ROOT)
        folders, others = reachable(entry["command"])
        if any("CMakeFiles/" + kind in entry["command"] for kind in ("test_", "fuzz_", "counted.dir")) or path.parts[0] == "tests":
            continue  # tests look into programs; these are compiled once more without them
        for folder in sorted(folders - may_reach(path)):
            if folder in BELOW or not borrowed(path, folder):
                yield "%s: its include path reaches up to %s" % (path, folder)
        for other in sorted(others):
            if ROOT in other.parents and BUILD not in other.parents or other == ROOT:
                yield "%s: its include path has all of %s" % (path, other)


def borrowed(path, folder):
    """A program that says in CMake that it links with a part of another one: postconf prints bounce's templates."""
    return (path.parts[0], folder) in {("tools", "services")}


def faults_of_includes():
    for path in sorted(p for p in ROOT.glob("*/**/*.[ch]") if BUILD not in p.parents and not p.parts[len(ROOT.parts)].startswith("build")):
        if path.relative_to(ROOT).parts[0] == "tests":
            continue
        for name in INCLUDE.findall(path.read_text()):
            if "/" not in name and name not in PLAIN or ".." in name.split("/"):
                yield '%s: "%s" does not begin at a folder' % (path.relative_to(ROOT), name)


found = ["lib/%s is not in the table of layers" % p.name for p in (ROOT / "lib").iterdir() if p.name not in BELOW]
found += [*faults_of_paths(), *faults_of_includes()]
print("\n".join(sorted(set(found))) or "includes look down")
sys.exit(1 if found else 0)
