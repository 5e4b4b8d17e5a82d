"""Session files: what a configuration is and what its sessions do.

A file is one configuration, started once for both systems, and the sessions that are played on it:

    # a comment
    == main                     lines for main.cf, on top of player.MAIN_CF
    == master                   lines for master.cf, after the stock ones
    == file PATH [OWNER MODE]   a file
    == dns                      NAME TYPE VALUE
    == pki                      the keys and certificates of secure.make_pki
    == run COMMAND              run once the files are there
    === NAME                    a session: steps up to the next one

Steps of a session:

    TEXT                        send a line by SMTP, read the reply; after a 354 the lines up to "." are sent in one go
    > TEXT                      send a line without waiting for a reply;  < [N] reads N replies
    !connect [PORT]             connect (a session that begins with SMTP connects to port 25 by itself)
    !open PORT                  connect and do not wait for the greeting
    !starttls [WISH...]         STARTTLS and its handshake; wishes are sni=NAME, cert=FILE, ciphers=LIST, least=1.0, most=1.2
    !tls PORT [WISH...]         connect with TLS from the first byte
    !close                      close the connection without QUIT
    !eof                        read until the server closes
    !mail SENDER RCPT...        a whole message; its text follows in "| " lines
    !run [@USER] COMMAND        a shell command; standard input follows in "| " lines; $QID is the newest queue id
    !file PATH [OWNER MODE]     write a file from "| " lines
    !sink WHERE [lmtp] [cert=FILE] [most=1.2] [wrapped]
                                the server on WHERE (a port, most often) answers by the script in "| " lines (sink.py)
    !wait                       wait until the mail system has nothing to do

@{EXPRESSION} in a step stands for the value of a Python expression, for long or odd bytes."""
import re

STEPS_WITH_TEXT = ("!mail", "!run", "!file", "!sink")


class Script:
    def __init__(self, name):
        self.name, self.main, self.master, self.dns = name, [], [], []
        self.files, self.commands, self.sessions, self.pki = [], [], [], False


class Step:
    """One step: `verb` ("" for a line of SMTP), its words, and the "| " lines below it."""

    def __init__(self, verb, rest):
        self.verb, self.rest, self.text = verb, rest, []


def expand(line):
    return re.sub(r"@\{(.*?)\}", lambda m: str(eval(m[1])), line)


def steps_of(lines):
    steps = []
    for line in map(expand, lines):
        if line == "|" or line.startswith("| "):
            steps[-1].text.append(line[2:])
        elif line[:1] in ("!", ">", "<"):
            verb, _, rest = line.partition(" ")
            steps.append(Step(verb, rest))
        else:
            steps.append(Step("", line))
    return steps


def trimmed(lines):
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def parse(path, name):
    script = Script(name)
    sections = []
    with open(path, encoding="latin-1") as f:
        for line in f.read().split("\n"):
            if re.match("={2,3} ", line):
                sections.append((line, []))
            elif sections and not line.startswith("# "):
                sections[-1][1].append(line)
    for head, lines in sections:
        mark, kind, *rest = head.split(" ", 2)
        rest = rest[0] if rest else ""
        if mark == "===":
            script.sessions.append((head[4:], steps_of(trimmed(lines))))
        elif kind == "file":
            script.files.append((rest, trimmed(lines)))
        elif kind == "run":
            script.commands.append(rest)
        elif kind == "pki":
            script.pki = True
        elif kind in ("main", "master", "dns"):
            getattr(script, kind).extend(trimmed(lines))
        else:
            raise ValueError("%s: what is %r?" % (path, head))
    names = [n for n, _ in script.sessions]
    assert len(names) == len(set(names)), "%s: a name is used twice: %s" % (path, sorted(names))
    return script
