#!/usr/bin/env python3
"""docs/TRUST.md and docs/IPC.md say what the programs say of themselves: struct service_spec, trust.def, scoreboard.h.

Each daemon has a row; its user, its files, its network and whether it starts programs are those of its description.
Each socket has a row, and its clients are those who may call its server."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVED_BY = {"defer": "bounce", "trace": "bounce", "proxywrite": "proxymap"}  # services of one program
NO_DAEMONS = {"master", "sendmail", "postdrop", "postqueue", "postlog", "postmap", "postalias (newaliases)"}
NETWORK = {  # what the column must begin with
    "SERVICE": ("no",), "QUEUE": ("no",), "ACCEPT": ("accepts; DNS",), "NETWORK": ("connects; DNS",), "NAMED": ("connects; DNS",),
    "TABLES": ("tables",), "STORE": ("tables",), "COMMANDS": ("no", "yes"),
}
ACCESS = {"read": "READ", "write": "WRITE", "no new files, none removed": "WRITE", "change": "CHANGE"}
USER_DATA_BASE = "/etc/passwd"


def text(name):
    return (ROOT / name).read_text()


def table(name, head):
    """Rows of the table whose head's first cell is `head`, as lists of cells."""
    lines = iter(text(name).splitlines())
    for line in lines:
        if line.startswith("| %s |" % head):
            break
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


QUEUES = dict(re.findall(r'#define (QUEUE_[A-Z]+) +"(\w+)"', text("lib/queue/dir.h")))


def paths_of(body, source):
    """{path: READ, WRITE or CHANGE}, or None when the description has none."""
    if ".paths =" not in body:
        return None
    inline = re.search(r"\.paths =\s+\(const struct sandbox_path\[\]\)(\{.*?\} \})", body, re.S)
    found = inline or re.search(r"struct sandbox_path %s\[\] = (\{.*?\n\});" % re.search(r"\.paths = (\w+)", body)[1], source, re.S)
    pairs = re.findall(r'\{ ("[^"]+"|QUEUE_\w+),\s*SANDBOX_(\w+) \}', found[1])
    return {QUEUES.get(path, path.strip('"')): access for path, access in pairs}


def bodies(source):
    """What stands between the braces of each description, be it said by a macro that several share."""
    yield from re.findall(r"static const struct service_spec \w+ = \{\n(.*?)\n\};", source, re.S)
    for macro, arguments in re.findall(r"static const struct service_spec \w+ = (\w+)\(([^;]*)\);", source):
        names, body = re.search(r"#define %s\(([^)]*)\)((?:.*\\\n)*.*\n)" % macro, source).groups()
        for name, value in zip(names.split(", "), arguments.split(", ")):
            body = re.sub(r"(?<![\w.])%s\b" % name, value, body)
        yield body.replace("\\\n", "\n")


def descriptions():
    """{name: its service_spec's facts} of all daemons."""
    specs = {}
    for path in ROOT.glob("*/**/*.c"):
        if path.relative_to(ROOT).parts[0] in ("lib", "tests") or path.relative_to(ROOT).parts[0].startswith("build"):
            continue
        source = path.read_text()
        for body in bodies(source):
            specs[re.search(r'\.name = "([\w-]+)"', body)[1]] = {
                "sandbox": re.search(r"\.sandbox = SANDBOX_(\w+)", body)[1], "paths": paths_of(body, source),
                "root": ".needs_root = true" in body}
    return specs


def trust():
    """{program: (user, programs it may call)} of trust.def."""
    source = text("lib/service/trust.def")
    agents = re.search(r"define AGENTS +(.*)", text("lib/service/trust.c"))[1]
    rows = re.findall(r'^TRUST\("([\w-]+)", (\w+(?:\(\d+\))?), CALLS\((.*)\)\)$', source, re.M)
    assert len(rows) == len(re.findall(r"^TRUST\(", source, re.M)), "trust.def has rows of another form"
    return {name: (user, set(re.findall(r'"([\w-]+)"', calls.replace("AGENTS", agents)))) for name, user, calls in rows}


SPECS, TRUST = descriptions(), trust()
FIRST_STRANGER = int(re.search(r"define STRANGERS_FIRST_UID (\d+)", text("lib/service/trust.c"))[1])


def uid_is_right(said, user):
    stranger = re.fullmatch(r"STRANGER\((\d+)\)", user)
    if stranger:
        return said == str(FIRST_STRANGER + int(stranger[1]))
    return said.startswith("root") if user == "ROOT" else said == "postfix"


def files_said(cell):
    """{directory: access} of a cell such as "`bounce`, `trace` (change), message files (read)"."""
    cell = cell.replace("user data base", "`%s`" % USER_DATA_BASE)
    said = {}
    for names, access in re.findall(r"([^()]*)\(([^)]*)\)", cell):
        said.update((name, ACCESS.get(access, access)) for name in re.findall(r"`([\w/]+)`", names))
    return said


def files_are_right(cell, spec):
    if spec["root"] or spec["paths"] is None and spec["sandbox"] in ("TABLES",):
        return True  # at any path, with the rights of whom it is then
    paths = {path: access for path, access in (spec["paths"] or {}).items()
             if path in QUEUES.values() or path == USER_DATA_BASE}
    return files_said(cell) == paths


def faults_of_processes():
    seen = set()
    for names, uid, files, network, may_exec, *_ in table("docs/TRUST.md", "process"):
        for name in names.split(", "):
            program = SERVED_BY.get(name, name)
            seen.add(name)
            if name in NO_DAEMONS:
                continue
            if program not in SPECS:
                yield "TRUST.md: %s is no daemon" % name
                continue
            spec = SPECS[program]
            user = TRUST[program][0]
            if not uid_is_right(uid, user):
                yield "TRUST.md: %s: uid is %s, trust.def says %s" % (name, uid, user)
            if not network.startswith(NETWORK[spec["sandbox"]]):
                yield "TRUST.md: %s: network is %s, its sandbox is %s" % (name, network, spec["sandbox"])
            if (may_exec == "no") == (spec["sandbox"] == "COMMANDS"):
                yield "TRUST.md: %s: may exec is %s, its sandbox is %s" % (name, may_exec, spec["sandbox"])
            if not files_are_right(files, spec):
                yield "TRUST.md: %s: files are %s, its description says %s" % (name, files, spec["paths"])
    for name in sorted((set(SPECS) | set(SERVED_BY) | NO_DAEMONS) - seen):
        yield "TRUST.md: %s has no row" % name


def faults_of_trust():
    for name in sorted(set(SPECS) ^ set(TRUST)):
        yield "trust.def and the descriptions: %s is in one of them only" % name
    for name in sorted(set(SPECS) & set(TRUST)):
        if (TRUST[name][0] == "ROOT") != SPECS[name]["root"]:
            yield "trust.def: %s is %s there, its description says otherwise" % (name, TRUST[name][0])


def clients_said(cell):
    agents = re.search(r"agents", cell) and TRUST["qmgr"][1] & {"local", "virtual", "pipe", "smtp", "lmtp", "error", "discard"}
    plain = re.sub(r"\([^)]*\)", "", cell)
    return {word for word in re.findall(r"[\w-]+", plain) if word in TRUST} | (agents or set())


def faults_of_sockets():
    served = set()
    for sockets, servers, clients, *_ in table("docs/IPC.md", "socket"):
        programs = [SERVED_BY.get(name, name) for name in re.findall(r"[\w-]+", servers) if name in SPECS]
        served.update(programs)
        callers = {caller for caller in TRUST for program in programs if program in TRUST[caller][1]}
        if len(programs) > 1:  # private/TRANSPORT: whoever calls all of them
            callers = {caller for caller in TRUST if set(programs) <= TRUST[caller][1]}
        if clients_said(clients) != callers:
            yield "IPC.md: %s: clients are %s, trust.def says %s" % (sockets, sorted(clients_said(clients)), sorted(callers))
    for program in sorted({called for _, calls in TRUST.values() for called in calls} & set(SPECS) - served):
        yield "IPC.md: the socket of %s has no row" % program


def faults_of_descriptors():
    values, last = {}, -1
    enum = re.search(r"enum \{([^}]*SERVICE_FD_\w+[^}]*)\}", re.sub(r"/\*.*?\*/", "", text("lib/service/scoreboard.h"), flags=re.S))[1]
    for name, value in re.findall(r"(SERVICE_FD_\w+)(?:\s*=\s*(\d+))?", enum):
        last = int(value) if value else last + 1
        values[name] = last
    said = [int(re.match(r"\d+", row[0])[0]) for row in table("docs/IPC.md", "descriptor")]
    if said != sorted(values.values()):
        yield "IPC.md: descriptors are %s, scoreboard.h says %s" % (said, sorted(values.values()))


found = [*faults_of_processes(), *faults_of_trust(), *faults_of_sockets(), *faults_of_descriptors()]
print("\n".join(found) or "%d daemons are as the documents say" % len(SPECS))
sys.exit(1 if found else 0)
