#!/usr/bin/env python3
"""Write README.md of this folder: which parameters a program reads today, and which nobody reads yet.

A row of lib/conf/params/*.def counts as read when some C file names its member (`smtpd_conf.smtpd_timeout`,
`params->smtpd_timeout`), asks for it by name ("smtpd_timeout"), makes its name at run time of a prefix and a suffix
("_time_limit", "default_" suffix), has the name in a table or macro (long names only: `stress` may be anything), or
when the default of a parameter that is read mentions it.  With --check nothing is written: exit 1 when the page is not
what would be written.
"""
import collections
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ROW = re.compile(r'^PARAM\((?P<type>\w+), (?P<member>\w+), |^PARAM_NAMED\((?P<ntype>\w+), (?P<nmember>\w+), "(?P<name>\w+)", ')
# What nobody will read, and why.
WITHOUT_EFFECT = {
    "application_event_drain_time": "a request to a service is in its queue when postkick ends; there is nothing to drain",
    "berkeley_db_create_buffer_size": "hash and btree tables are LMDB files",
    "berkeley_db_read_buffer_size": "hash and btree tables are LMDB files",
    "connection_cache_protocol_timeout": "see connection_cache_service_name",
    "connection_cache_service_name": "a session is kept by the process that had it, and used by no other",
    "connection_cache_status_update_time": "see connection_cache_service_name",
    "dont_remove": "a message that is done leaves nothing behind; `always_bcc` and HOLD keep copies of mail",
    "fault_injection_code": "a developer's switch of Postfix; our tests inject faults from outside",
    "fork_attempts": "a process that cannot be started is an ordinary temporary failure: master tries again, a delivery is deferred",
    "fork_delay": "see fork_attempts",
    "ipc_ttl": "a client keeps a connection while it has use for it and closes it when idle (`ipc_idle`); a server that wants it back closes it",
    "mail_release_date": "for people to read",
    "non_bdb_custom_mapping": "hash and btree tables are LMDB files; nothing is left to replace",
    "non_bdb_migration_allow_root_prefixes": "see non_bdb_custom_mapping",
    "non_bdb_migration_allow_user_prefixes": "see non_bdb_custom_mapping",
    "non_bdb_migration_level": "see non_bdb_custom_mapping",
    "non_bdb_migration_log_redirect": "see non_bdb_custom_mapping",
    "non_bdb_migration_service_name": "see non_bdb_custom_mapping",
    "qmgr_fudge_factor": "of a scheduler that Postfix itself gave up",
    "relevo_version": "for people to read",
    "smtpd_tls_dh512_param_file": "such keys are no longer used by anybody",
    "smtpd_tls_eecdh_grade": "the curves are those of `tls_eecdh_auto_curves`, as in Postfix 3.12",
    "tls_daemon_random_bytes": "OpenSSL takes random bytes from the kernel, in each process",
    "tls_eecdh_strong_curve": "see smtpd_tls_eecdh_grade",
    "tls_eecdh_ultra_curve": "see smtpd_tls_eecdh_grade",
    "tls_export_cipherlist": "the grade is the same as medium, as in Postfix 3.12",
    "tls_low_cipherlist": "the grade is the same as medium, as in Postfix 3.12",
    "tls_random_bytes": "what `tls_random_source` gives goes into the keys of session tickets, as much as they have",
    "tls_random_exchange_name": "random bytes need not be kept: the kernel has them",
    "tls_random_prng_update_period": "see tls_random_exchange_name",
    "tls_random_reseed_period": "see tls_daemon_random_bytes",
    "dns_ncache_ttl_fix_enable": "nobody sets the resolver library's own limits; see DIFFERENCES.md on how long answers are kept",
    "lmtp_cname_overrides_servername": "see smtp_cname_overrides_servername",
    "lmtp_tls_block_early_mail_reply": "see smtp_tls_block_early_mail_reply",
    "smtp_cname_overrides_servername": "the name that was looked up is the one that counts, as in Postfix by default",
    "smtp_tls_block_early_mail_reply": "what a server says before its time never counts as an answer, and OpenSSL 3 refuses the renegotiation that it guards against",
    "lmtp_sasl_path": "see smtp_sasl_path",
    "postscreen_tls_dh512_param_file": "see smtpd_tls_dh512_param_file",
    "postscreen_tls_eecdh_grade": "see smtpd_tls_eecdh_grade",
    "postscreen_tls_enable_rpk": "see smtpd_tls_enable_rpk",
    "smtp_sasl_path": "the mechanisms of smtp and lmtp are built in and read no file",
    "smtpd_tls_enable_rpk": "raw public keys come with OpenSSL 3.2, which Debian 12 does not have",
    "tls_wildcard_matches_multiple_labels": "a wildcard covers one label, as with Postfix and OpenSSL 3",
}
# The same for all names that begin so.
WITHOUT_EFFECT_BY_PREFIX = {
    "tlsproxy_client_": "a TLS session to a server belongs to the smtp process that made it",
    "tlsproxy_": "postscreen's clients get what `postscreen_tls_*` says, as in Postfix 3.12, and nobody else asks tlsproxy",
}
TRANSPORTS = ("default", "command", "local", "lmtp", "smtp", "relay", "virtual")
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


def folder_of(place):
    return "/".join(place.parts[:2]) if place.parts[0] == "lib" else place.parts[0]


def c_files(name_of):
    """(name_of its place, text without comments) of every C file that may act on a parameter."""
    for path in ROOT.rglob("*.[ch]"):
        place = path.relative_to(ROOT)
        if place.parts[0] in ("tests", "docs", "debian") or place.parts[:2] == ("tools", "postconf"):
            continue
        if place.parts[0].startswith((".", "build")):
            continue
        text = path.read_text(errors="replace")
        yield name_of(place), re.sub(r"/\*.*?\*/|^#include.*?$", "", text, flags=re.S | re.M)


def words_in_use(name_of=folder_of):
    """Member names and quoted names in our C files, and ends of names: word -> folders (or what name_of says) that use it."""
    used, ends = collections.defaultdict(set), collections.defaultdict(set)
    for name, text in c_files(name_of):
        for word in re.findall(r"\b[a-z]\w+_\w+_\w+\b", text):
            used[word].add(name)
        for member, quoted in re.findall(r"(?:_conf\.|->|params\.|_params, )(\w+)|\"(\w+)\"", text):
            used[member or quoted].add(name)
        for member in re.findall(r"\.(\w+)\b(?!\()", text):
            used[member].add(name)
        for end in re.findall(r'"(_[a-z]+_[a-z_]+)"', text):
            ends[end].add(name)
        if re.search(r'"default_" \w', text):  # made by the preprocessor of such a word
            for word in re.findall(r'"([a-z]+_[a-z_]+)"', text):
                ends["_" + word].add(name)
    return used, ends


def pasted():
    """Names that a macro of a header makes of a prefix, `name##_tls_CAfile` in TLS_SETTINGS(smtpd, ...): name -> folders."""
    texts, made = list(c_files(folder_of)), collections.defaultdict(set)
    for _, text in texts:
        for macro, argument, body in re.findall(r"#define (\w+)\((\w+)[^)]*\)((?:.*\\\n)*.*)", text):
            ends = re.findall(r"\b%s##(_\w+)" % argument, body)
            for folder, user in texts if ends else ():
                for prefix in re.findall(r"\b%s\((\w+)," % macro, user):
                    for end in ends:
                        made[prefix + end].add(folder)
    return made


def by_end(name, ends):
    """Who reads TRANSPORT_destination_recipient_limit and its like."""
    return set().union(*(folders for end, folders in ends.items() if name.removesuffix(end) in TRANSPORTS))


def probes_twin(name):
    """lib/rewrite puts address_verify_x in the place of x, for verify's probes."""
    return name.removeprefix("address_verify_")


def smtp_twin(name):
    """smtp_x stands for lmtp_x in the LMTP client."""
    twin = "smtp_" + name[5:]
    return {"smtp_lhlo_name": "smtp_helo_name", "smtp_lhlo_timeout": "smtp_helo_timeout"}.get(twin, twin.replace("lhlo", "ehlo"))


def readers(table, words):
    used, ends = words
    found = {name: set(used.get(member, ())) | set(used.get(name, ())) | by_end(name, ends) for _, member, name, _, _ in table}
    for name, folders in pasted().items():
        if name in found:
            found[name] |= folders
    for _, _, name, _, _ in table:
        if name.startswith("lmtp_") and smtp_twin(name) in found:
            found[name] |= found[smtp_twin(name)]
    for _, _, name, _, _ in table:
        if name.startswith("address_verify_") and probes_twin(name) in found:
            found[name] |= {folder for folder in found[probes_twin(name)] if folder == "lib/rewrite"}
    again = True
    while again:  # a default such as $other passes its readers on
        again = False
        for _, _, name, default, _ in table:
            for other in re.findall(r"\$[{(]?\{?\$?(\w+)", default):
                if other in found and not found[name] <= found[other]:
                    found[other] |= found[name]
                    again = True
    return found


def reason(name):
    """Why nobody will read it; None: somebody should."""
    by_prefix = (text for prefix, text in WITHOUT_EFFECT_BY_PREFIX.items() if name.startswith(prefix))
    return WITHOUT_EFFECT.get(name) or next(by_prefix, None)


def page():
    table = list(rows())
    found = readers(table, words_in_use())
    idle = [row for row in table if not found[row[2]] and reason(row[2])]
    waiting = [row for row in table if not found[row[2]] and row not in idle]
    stale = [name for name in WITHOUT_EFFECT if name not in (row[2] for row in idle)]
    assert not stale, "somebody reads what has no effect: %s" % stale
    out = ["# Parameters and who reads them", "",
           "Made by `docs/parameters/generate.py`; do not edit. Every parameter of main.cf is accepted and shown by",
           "`postconf`; this page says which of them a program acts on.", "",
           f"{len(table) - len(waiting) - len(idle)} of {len(table)} are read by a program; {len(waiting)} wait for the part that will read "
           f"them; {len(idle)} will have no effect.", ""]
    out += ["## Without effect", "", "| parameter | what it is in Postfix | why nobody reads it |", "| --- | --- | --- |"]
    out += [f"| `{name}` | {summary} | {reason(name)} |" for _, _, name, _, summary in sorted(idle, key=lambda r: r[2])]
    out += [""]
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
