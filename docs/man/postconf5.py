#!/usr/bin/env python3
"""Write the page postconf(5): every parameter with its default, what it does, and who reads it.

    postconf5.py OUTPUT

The parameters come from lib/conf/params/*.def, their readers from docs/parameters/generate.py.
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "parameters"))
import generate  # noqa: E402

HEAD = r""".\" Made by docs/man/postconf5.py; do not edit.
.Dd November 26, 2026
.Dt POSTCONF 5
.Os
.Sh NAME
.Nm postconf
.Nd parameters of main.cf
.Sh DESCRIPTION
The programs of the mail system read
.Pa main.cf
when they start;
.Dq postfix reload
makes all of them read it again.
.Xr postconf 1
shows and edits it.
.Pp
A line is
.Pp
.D1 Ar name Li = Ar value
.Pp
A line that begins with white space continues the one before; empty lines and lines that begin with
.Ql #
do not count.
When a name comes twice the last value counts.
.Pp
In a value,
.Li $name , ${name}
and
.Li $(name)
stand for the value of another parameter,
.Li ${name?{text}}
for a text when it is not empty,
.Li ${name:{text}}
when it is,
.Li ${name?{text}:{other}}
for one or the other, and
.Li ${{a} == {b} ? {text} : {other}}
compares;
.Li $$
is a dollar sign.
.Pp
Times have a unit: s, m, h, d or w.
.Pp
Each entry ends with who reads the parameter;
.Li lib/
and a name stand for code that several programs share.
A parameter that waits for a part that is not in this version is accepted and shown by
.Xr postconf 1 ,
and so is one without effect.
.Sh PARAMETERS
.Bl -tag -width Ds
"""
TAIL = r""".El
.Sh FILES
.Bl -tag -width Ds -compact
.It Pa /etc/postfix/main.cf
The configuration.
.El
.Sh SEE ALSO
.Xr postconf 1 ,
.Xr postfix 1 ,
.Xr master 5
"""
ESCAPES = {"\\": r"\e", '"': r"\(dq", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
# Folders whose program has another name.
PROGRAMS = {"smtp-client": "smtp 8", "smtpd/qmqpd": "qmqpd 8", "local/pipe": "pipe 8", "local/virtual": "virtual 8",
            "pickup/sendmail": "sendmail 1", "pickup/postdrop": "postdrop 1"}


def program_of(place):
    """The page of the program that a source file belongs to, or lib/module."""
    parts = place.with_suffix("").parts
    for folder in ("/".join(parts[:2]), parts[0]):
        if folder in PROGRAMS:
            return PROGRAMS[folder]
    if parts[0] == "lib":
        return "/".join(parts[:2])
    if parts[0] in ("services", "tools"):
        return parts[1] + (" 1" if parts[0] == "tools" else " 8")
    return parts[0] + " 8"


def plain(text):
    """Text of the page from a C string literal."""
    text = re.sub(r"\\(.)", r"\1", text)
    return "".join(ESCAPES.get(c, c) for c in text)


def reference(reader):
    return r".Li \&%s" % reader if reader.startswith("lib/") else ".Xr " + reader


def readers(name, found, idle):
    if name in idle:
        return ["Without effect."]
    if not found:
        return ["Waits for a part that is not in this version."]
    # lmtp is smtp under another name.
    names = sorted({"lmtp 8" if reader == "smtp 8" and name.startswith("lmtp_") else reader for reader in found})
    return ["Read by"] + [reference(n) + " ," for n in names[:-1]] + [reference(names[-1]) + " ."]


def entry(name, default, summary, found, idle):
    value = [r'.Li "\&%s"' % plain(default)] if default else ["empty"]
    return [".It Sy " + name, r"\&" + plain(summary), ".br", "Default:", *value, ".br", *readers(name, found, idle)]


def all_readers(table):
    """To be among the tables that proxymap(8) may open is not to be read."""
    acting = [row[:3] + ("",) + row[4:] if row[2] in ("proxy_read_maps", "proxy_write_maps") else row for row in table]
    return generate.readers(acting, generate.words_in_use(program_of))


def page():
    table = list(generate.rows())
    found = all_readers(table)
    lines = []
    for _, _, name, default, summary in sorted(table, key=lambda row: row[2]):
        lines += entry(name, default, summary, found[name], generate.WITHOUT_EFFECT)
    return HEAD + "\n".join(lines) + "\n" + TAIL


def main():
    if len(sys.argv) != 2:
        print("usage: postconf5.py OUTPUT", file=sys.stderr)
        return 1
    pathlib.Path(sys.argv[1]).write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
