#!/usr/bin/env python3
"""Every installed program has a manual page, every page is well formed, and every page that one refers to exists.

    man_test.py BUILD_DIR

mandoc or else groff renders each page without a warning; without both, the checks of structure have to do.
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(sys.argv[1])
FOREIGN = {("regex", "7"), ("strftime", "3")}
BLOCKS = {"Bl": "El", "Bd": "Ed"}
SECTIONS = ("NAME", "DESCRIPTION", "SEE ALSO")

pages = {(p.stem, p.suffix[1:]): p for folder in (ROOT / "docs/man", BUILD / "docs/man") for p in folder.glob("*.[158]")}


def installed():
    """(name, section) of every command and daemon, out of CMake's install scripts."""
    place = re.compile(r"\{CMAKE_INSTALL_PREFIX\}/usr/(lib/postfix/sbin|sbin|bin)/([\w-]+)[\")]")
    found = set()
    for script in BUILD.rglob("cmake_install.cmake"):
        found |= {(name, "8" if folder.startswith("lib") else "1") for folder, name in place.findall(script.read_text())}
    return found


def unbalanced(lines):
    still_open = []
    for line in lines:
        macro = line[1:3] if line.startswith(".") else ""
        if macro in BLOCKS:
            still_open.append(BLOCKS[macro])
        elif macro in BLOCKS.values() and (not still_open or still_open.pop() != macro):
            return True
    return bool(still_open)


def faults_of_structure(page, lines):
    name, section = page
    text = "\n".join(lines)
    heads = re.findall(r"^\.Sh (.*)", text, re.M)
    if f".Dt {name.upper()} {section}" not in lines or ".Os" not in lines or not re.search(r"^\.Dd \w+ \d+, \d{4}$", text, re.M):
        yield "begins with another date, title or section"
    for head in SECTIONS:
        if head not in heads:
            yield "has no section " + head
    if not re.search(r"^\.Nm %s\b" % re.escape(name), text, re.M):
        yield "does not name itself"
    if unbalanced(lines):
        yield "has a list or display without its end"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip() or not line:
            yield "line %d is empty or ends in a blank" % number
        if re.search(r"\S\.\.[A-Z][a-z]$", line):
            yield "line %d has a macro at its end" % number


def without_displays(lines):
    """Empty lines are right in literal text."""
    inside = False
    for line in lines:
        inside = (inside or line.startswith(".Bd")) and not line.startswith(".Ed")
        if not inside or line:
            yield line


def faults_of_rendering(path):
    if shutil.which("mandoc"):
        command = ["mandoc", "-T", "lint", "-W", "warning", str(path)]
    elif shutil.which("groff"):
        # A default that is longer than a line is no fault of the page.
        command = ["groff", "-mdoc", "-T", "utf8", "-w", "w", "-W", "break", "-z", str(path)]
    else:
        return []
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).splitlines() or (["cannot be rendered"] if done.returncode else [])


def faults_of(page, path):
    text = path.read_text()
    link = re.fullmatch(r"\.so man(\d)/([\w-]+)\.\1\n", text)
    if link:
        return [] if (link[2], link[1]) in pages else ["is a link to a page that is missing"]
    lines = text.splitlines()
    faults = list(faults_of_structure(page, list(without_displays(lines))))
    for name, section in sorted(set(re.findall(r"^\.Xr (\S+) (\d)", text, re.M))):
        if (name, section) not in pages and (name, section) not in FOREIGN:
            faults.append("refers to %s(%s), which is missing" % (name, section))
    return faults + faults_of_rendering(path)


programs = installed()
assert len(programs) > 30, "CMake's install scripts have another form now: %s" % programs
assert ("postconf", "5") in pages, "postconf(5) is not built"
found = ["%s(%s) is installed without a page" % program for program in sorted(programs - set(pages))]
for page, path in sorted(pages.items()):
    found += ["%s(%s): %s" % (*page, fault) for fault in faults_of(page, path)]
print("\n".join(found) or "%d pages are in order" % len(pages))
sys.exit(1 if found else 0)
