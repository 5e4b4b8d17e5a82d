#!/usr/bin/env python3
"""Write README.md of this folder: which parameters a program reads today, and which nobody reads yet.

A row of lib/conf/params/*.def counts as read when some C file outside lib/conf names its member
(`smtpd_conf.smtpd_timeout`, `params->smtpd_timeout`), asks for it by name ("smtpd_timeout"), has the name
in a table or macro (long names only: `stress` may be anything), or when the default of a parameter that is
read mentions it.  With --check nothing is written: exit 1 when the page is not what would be written.
"""
import collections
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ROW = re.compile(r'^PARAM\((?P<type>\w+), (?P<member>\w+), |^PARAM_NAMED\((?P<ntype>\w+), (?P<nmember>\w+), "(?P<name>\w+)", ')
STRING = r'"((?:[^"\\]|\\.)*)"'


def rows():
    """(set, member, name, default, summary) of every parameter."""
    for path in sorted((ROOT / "lib/conf/params").glob("*.def")):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        for part in re.split(r"\n(?=PARAM)", text.strip()):
            head = ROW.match(part)
            if not head:
                continue
            member = head["member"] or head["nmember"]
            strings = re.findall(STRING, part[head.end():])
            yield path.stem, member, head["name"] or member, strings[0] if len(strings) > 1 else "", strings[-1]


def words_in_use():
    """Member names and quoted names in our C files: word -> folders that use it."""
    used = collections.defaultdict(set)
    for path in ROOT.rglob("*.[ch]"):
        place = path.relative_to(ROOT)
        if place.parts[0] in ("tests", "docs", "debian") or place.parts[:2] in (("lib", "conf"), ("tools", "postconf")):
            continue
        if place.parts[0].startswith((".", "build")):
            continue
        name = "/".join(place.parts[:2]) if place.parts[0] == "lib" else place.parts[0]
        text = path.read_text(errors="replace")
        text = re.sub(r"/\*.*?\*/|^#include.*?$", "", text, flags=re.S | re.M)
        for word in re.findall(r"\b[a-z]\w+_\w+_\w+\b", text):
            used[word].add(name)
        for member, quoted in re.findall(r"(?:_conf\.|->|params\.|_params, )(\w+)|\"(\w+)\"", text):
            used[member or quoted].add(name)
    return used


def readers(table, used):
    found = {name: set(used.get(member, ())) | set(used.get(name, ())) for _, member, name, _, _ in table}
    for _, _, name, _, _ in table:  # smtp_x stands for lmtp_x in the LMTP client
        twin = "smtp_" + name[5:]
        if name.startswith("lmtp_") and twin in found:
            found[name] |= found[twin]
    again = True
    while again:  # a default such as $other passes its readers on
        again = False
        for _, _, name, default, _ in table:
            for other in re.findall(r"\$[{(]?\{?\$?(\w+)", default):
                if other in found and not found[name] <= found[other]:
                    found[other] |= found[name]
                    again = True
    return found


def page():
    table = list(rows())
    found = readers(table, words_in_use())
    waiting = [row for row in table if not found[row[2]]]
    out = ["# Parameters and who reads them", "",
           "Made by `docs/parameters/generate.py`; do not edit. Every parameter of main.cf is accepted and shown by",
           "`postconf`; this page says which of them a program acts on.", "",
           f"{len(table) - len(waiting)} of {len(table)} are read by a program; {len(waiting)} wait for the part that will read them.", ""]
    out += ["## Waiting", "", "| parameter | what it will do |", "| --- | --- |"]
    out += [f"| `{name}` | {summary} |" for _, _, name, _, summary in sorted(waiting, key=lambda r: r[2])]
    out += ["", "## Read", "", "| parameter | read by | what it does |", "| --- | --- | --- |"]
    out += [f"| `{name}` | {', '.join(sorted(found[name]))} | {summary} |"
            for _, _, name, _, summary in sorted(table, key=lambda r: r[2]) if found[name]]
    return "\n".join(out) + "\n"


def main():
    target = HERE / "README.md"
    text = page()
    if "--check" not in sys.argv:
        target.write_text(text)
        return 0
    if not target.exists() or target.read_text() != text:
        print("docs/parameters/README.md is stale: run docs/parameters/generate.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
