"""Differences between the two systems that the sessions show.

KNOWN are meant, with the reason that docs/DIFFERENCES.md gives; OPEN are faults of ours that wait to be
mended.  What neither covers fails the test, and so does an entry that no session needs any more."""
import re


class Known:
    """`sessions`: a pattern for "file/name"; `ours` and `theirs`: patterns of lines only one side has (None: nothing);
    `but_for`: a pattern of what does not matter in lines that are otherwise the same."""

    def __init__(self, name, sessions, ours, theirs, why, but_for=None):
        self.name, self.sessions, self.ours, self.theirs, self.why, self.used = name, sessions, ours, theirs, why, False
        self.but_for = but_for


SIZE = r"|^postfix/qmgr: QID: from=<[^>]*>, size="

KNOWN = [
    Known("A pipe service that cannot work", r"^agents/bad pipe",
          r"^(postfix/(error: QID: to=|qmgr: warning: transport \S+ failure|master: warning: |pipe: fatal: )|defer )",
          r"^postfix/(qmgr: warning: private/\S+ socket: malformed|master: warning: |pipe: fatal: )",
          "Mail for a service with a slip in master.cf is deferred with a reason, after one more attempt."),
    Known("Trusted but not the right one", r"^tls_out/", r"^postfix/smtp: (Trusted TLS connection|server certificate verification failed .* num=64:IP address)",
          r"^postfix/smtp: (Untrusted TLS connection|server certificate verification failed .* num=62:hostname)",
          "As in interface 3.12 the log calls a server Trusted whose certificate has a known issuer and only the name is wrong; an "
          "address that does not fit is an `IP address mismatch`."),
    Known("Names that no certificate is for", r"^tls_in/another name", r"TLS connection established from \S+ to (nosuch|x\.other)\.example",
          r"TLS connection established from [^ ]+: ",
          "As in interface 3.12 the log tells the name that a client asked for, also where the default certificate had to serve."),
    Known("The words of reports", "^reports/",
          r"^  (Sorry: your|for\.  Those|reason; the|The postmaster <|send this report|Your message was delivered to|it was passed on|"
          r"will hear no more|Enclosed is|This is the mail)|^  $" + SIZE,
          r"^  (I'm sorry|be delivered to one|For further|If you do so|delete your own|Your message was successfully|listed below|"
          r"receive no further|notifications of mail|Enclosed is|This is the mail)|^  $" + SIZE,
          "The built-in texts of bounces, delay notices and success reports say the same in words of their own.  "
          "`bounce_template_file` brings any other text."),
    Known("Report types of internationalised mail", r"utf8|UTF-8",
          r"report-type=global-delivery-status|^(  Original-Recipient: utf-8;|RCPT .* ORCPT=utf-8;)" + SIZE,
          r"report-type=delivery-status|^(  Original-Recipient: rfc822;|RCPT .* ORCPT=(rfc822|utf-8);)" + SIZE,
          "A report about an address with UTF-8 is of type `global-delivery-status` in its header too (RFC 6533), and such an "
          "address travels as `utf-8;` in ORCPT, as it is when the server has SMTPUTF8."),
    Known("No server with SMTPUTF8", r"^addresses/utf8 to a server without|^utf8_auto/",
          r"no server was found|supports SMTPUTF8\. The last|that supports SMTPUTF8|: message requires SMTPUTF8,$|^      was 127\.0\.0\.1",
          r"SMTPUTF8 is required, but( was not|$)|^      127\.0\.0\.1|^      was not offered by host",
          "The text is that of interface 3.12, which looks at all servers of a destination first."),
    Known("Malformed address lists", r"^content/headers (from incomplete|to empty parts|to unclosed)", r"^  (From|To|Cc): " + SIZE,
          r"^  (From|To|Cc): " + SIZE,
          "Address headers that break the rules keep their meaning when they are rewritten: empty members go, an address with a "
          "missing `>` is taken as meant, and text with an open quote stays as it is."),
    Known("A lone backslash in .forward", r"^local/forward backslash only", r"", r"",
          "It names nobody, so the mail goes to the mailbox; Postfix mails the user \" \", which bounces."),
    Known("A report to a list", r"^lists/a report to a list", None, r".",
          "A report that a list with an owner cannot take makes no further report, as no other mail without a sender does; the "
          "owner may be on the list."),
    Known("A changed table", r"", r"has changed -- opening all tables again", r"has changed -- restarting",
          "A program that finds one of its tables replaced opens its tables again instead of ending."),
    Known("Usage texts", r"^(sendmail/postcat x|tools/postconf errors)", r"^2 post(cat|conf): fatal: (usage|unknown)",
          r"^2 post(cat|conf): (fatal: usage|warning: unknown)", "Usage texts list the options of interface 3.12 in our words."),
    Known("Not for users", r"^sendmail/postfix as a user", r"reserved for the superuser|use the Postfix sendmail command", None,
          "The postfix command tells a user why it refuses."),
    Known("A recipient nobody wants to hear of", r"^reports/(failure (success only|never)|success list)|^delays/delayed, (never|failure)", None,
          r"^postfix/cleanup: QID: (message-id=|warning: header Subject: delay report)",
          "No report is begun when no recipient's sender asked for one."),
    Known("First lines by BDAT", r"^content/mailbox (from lines|blank first) by bdat", r".", r".",
          "What may stand in front of a header is treated alike in DATA and BDAT: `From ` lines become X-Mailbox-Line, and a "
          "line that begins with a blank is not taken for the rest of our Received."),
    Known("Broken requests of QMQP", r"^content/qmqp (stranger|malformed|junk|no recipients|gone)", r"qmqpd: NOQUEUE: |^  b'|qmqpd: localhost.* lost conn",
          r"qmqpd: (warning: )?QID: |^  b'|^postfix/cleanup: ",
          "qmqpd(8) looks at a request when all of it has come, so a broken one has no queue id, and says in other words what is wrong."),
    Known("Characters that mislead", r"^sendmail/utf8 recipient", r"p\S*@example\.test|unknown user: \"p", r"p\S*@example\.test|unknown user: \"p",
          "Control characters of Unicode and those that turn the direction of text around are `?` in the log, in reports and in "
          "what mailq prints, as are bytes that are no UTF-8."),
    Known("Line breaks in an envelope", r"^strangers/qmqp with a line break in the recipient", r"^  X-Original-To: \"paco\+ X|to=<\"paco\+ X-Evil",
          r"^  (X-Original-To: \"paco\+$|X-Evil: 1\"@)|to=<\"paco\+ X-Evil",
          "An address with a line break in it, as QMQP may bring it, is on one line in all headers."),
    Known("The trace of a notice", r"^notices_.*/success of a notice", None, r"^trace -rw",
          "Nobody gets a success report about a notice of the system's own, and nothing is left of it."),
    Known("Addresses that are none", r"", None, r"valid_ipv[46]_hostaddr: ", "No extra warning tells which function found an address literal bad."),
    Known("Content that is too big", r"^smtpd/content too big", None,
          r"^postfix/cleanup: warning: (QID: queue file size|mail_stream_cleanup)",
          "smtpd stops a message at the limit itself; cleanup is not asked to store the rest."),
    Known("Command lines that are too long", r"^smtpd/long command lines|^audit_in/lines around", r"command too long$|noop=[13]/",
          r"^S: (250 2\.0\.0 Ok|555 )|noop=[36]",
          "A command line beyond `line_length_limit` is refused, as in interface 3.12, not cut."),
    Known("A message refused at its end", r"^restrictions/end of data refused and no reset", r"2\.1\.0 Ok|mail=2", r"nested MAIL|mail=1/2|message-id=",
          "When `smtpd_end_of_data_restrictions` refuse a message its transaction is over (RFC 5321 section 4.1.1.4); in Postfix the "
          "client must say RSET, and a second DATA ends the server with a crash."),
    Known("Where a bare newline was", r"^limits/newline (reject|code)", r"(DATA|BDAT) content from .*bare <LF>|message-id=",
          r"END-OF-MESSAGE from .*bare <LF>", "The log says what a bare newline was found in, as in interface 3.12."),
    Known("Old names of restrictions", r"^language/", r"warning: restriction \w+ is an old name; use ",
          r"warning: (support for restriction \"\w+\" will be|restriction \w+ is deprecated)",
          "A restriction that has another name today is taken with a warning in words of its own, each time."),
    Known("Restrictions in braces", r"^restrictions/(default action and inline|braces around)", r"warning: unknown smtpd restriction",
          r"warning: (check_mail_access: unexpected dictionary|expected maptype:|malformed map spec)",
          "Braces around a restriction are an error of configuration, which the log names in other words."),
    Known("Nested too deeply", r"^cleanups/mime limits nested", r".", r".",
          "`mime_nesting_limit` is the number of levels that are looked into, enclosed messages among them, and the log names the "
          "boundary; Postfix looks into two levels more and does not count messages."),
    Known("Headers with too many words", r"^cleanups/mime limits tokens", r"^  To: " + SIZE, r"^  (To: |\te@example)" + SIZE,
          "An address header with more than `header_address_token_limit` words stays as it is; Postfix cuts it off."),
    Known("What ends the content", r"^clients/cr cr lf commands", r".", r".",
          "A carriage return in front of CR LF belongs to the line, so `.` CR CR LF does not end the content, whatever "
          "`smtpd_forbid_bare_newline` says."),
    Known("Headers of other encodings", r"^utf8_auto/(latin1|half|overlong|surrogate|too high)", r".", r".",
          "A message whose headers have bytes that are not UTF-8 does not need SMTPUTF8; where Postfix looks "
          "(`smtputf8_autodetect_classes`) it takes any byte beyond ASCII for UTF-8."),
    Known("Names of table types", r"^tools/(postmap|postalias) errors", r"^(2 |postfix/)post(map|alias): (fatal: (unsupported dictionary type|open database)|warning: unsupported dictionary type)",
          r"^(2 |postfix/)post(map|alias): fatal: (unsupported map type|open database)",
          "Tables that cannot be built, or are not built yet, get the words of interface 3.12 and a hint."),
    Known("Leftovers of postconf", r"^tools/postconf master edits", None, r"^(/var/out/cf/master\.cf\.tmp|  $)",
          "A refused edit leaves no temporary file."),
    Known("Servers that answer too early", r"^client/(content that is answered early|replies before commands)", r"", r"",
          "What a server says before it has the end of the content never counts as its acceptance; the message is "
          "deferred."),
    Known("Probes are empty", r"^verify/", r"^MAIL FROM:<double-bounce@example\.test> SIZE=137$|"
          r"^postfix/qmgr: QID: from=<double-bounce@example\.test>, size=137,",
          r"^postfix/qmgr: QID: from=<double-bounce@example\.test>, size=233, nrcpt=1|^MAIL FROM:<double-bounce@example\.test> SIZE=233$",
          "The message that verify(8) sends to find out whether an address takes mail has no content, as nobody ever gets it; in Postfix it "
          "has a `Received` header."),
    Known("A probe that is answered early", r"^verify/through an alias", None,
          r"^postfix/(cleanup: QID: message-id=|qmgr: QID: (from=<double-bounce@example\.test>, size=233, nrcpt=0|removed))",
          "An address that becomes several is known to take mail when cleanup(8) sees it; no message without recipients enters the queue."),
    Known("Sizes where filters are", r"^filters/", None, None,
          "A queue file has no room that is kept for edits, so `size=` counts none where milters are configured.", but_for=r"(?<=, size=)\d+"),
    Known("Recipients that a milter has deleted", r"^filters/milter at the end: rcpt$", r"size=\d+, nrcpt=1 ", r"size=\d+, nrcpt=2 ",
          "They are not counted by `nrcpt=`."),
    Known("Why mail is held", r"^filters/(milter at the end: hold|mail of this host: hold|no milter there: 2607)", r"milter-hold: ", r"milter-hold: ",
          "What a milter says when it holds mail is logged, once a message, as in interface 3.10."),
    Known("A message without recipients", r"^filters/milter at the end: nobody", None, r"^postfix/qmgr: ",
          "When milters have deleted all of them, the message is accepted and thrown away."),
    Known("Discarded early", r"^filters/milter at the end: discard", None, r"^postfix/cleanup: QID: milter-discard: ",
          "Mail that a milter discards before its content is not shown to `non_smtpd_milters` as well."),
    Known("Filters that have failed", r"^filters/milter at MAIL: (junk|drop)", r"milter8_event: attempt to send event", None,
          "The log tells of each message that a filter does not hear of because it failed earlier in the session."),
    Known("A goodbye is no acceptance", r"^client/babble and lmtp", r"status=deferred \(lost connection|^(defer|deferred) -",
          r"status=sent \(221 |qmgr: QID: removed",
          "A server that answers the end of the content with 221 has answered QUIT: the message is deferred, not taken as delivered."),
    Known("Verbose logs", r"^verbose/", None, r"^postfix/(smtpd?|cleanup): (?![<>] )",
          "A verbose log, by `-v` or `debug_peer_list`, tells what was said, not how the program goes about it."),
    Known("HELO after EHLO", r"^corners/HELO after EHLO", r"with SMTP id" + SIZE, r"with ESMTP id" + SIZE,
          "The last greeting decides what Received says, `with SMTP` after HELO."),
    Known("VERP by an argument of its own", r"^corners/verp with an argument", r"", r"",
          "`sendmail -X V` is taken like `-XV`, with the default delimiters; Postfix wants two characters then."),
    Known("What is no queue file", r"^corners/postcat", r"not a valid queue file|ENVELOPE RECORDS|damaged record", r"unexpected EOF in data",
          "postcat says of an empty file that it is no queue file, and of a damaged one how far it came."),
    Known("Who complains about templates", r"^templates/", r"^2 postconf: (warning|fatal)", r"^2 postfix/bounce: (warning|fatal)",
          "`postconf -t` and `postconf -b` read templates themselves, so that complaints come under their name."),
    Known("Destinations that are none", r"^routes/(forms of destinations|garbage destination)",
          r"bad host or service in destination|^defer -|to=<a@inet\.test>|^  (Received:|\tby|\tDATE|Subject|Message-Id|Date|From: ana|x$|\.$|$)|"
          r"^\[sink\]|^port 2610|^(EHLO|MAIL|RCPT|DATA|QUIT)|\[::1\]" + SIZE,
          r"/(smtp|lmtp): fatal: |^postfix/(master|qmgr): warning: |to=<a@lunix\.test>" + SIZE,
          "A destination that cannot be understood defers its mail with the reason; the process goes on, and so does other mail of "
          "the transport.  `inet:` is understood by smtp(8) too."),
    Known("A refused XCLIENT", r"^audit_in/xclient part bad", r".", r".",
          "XCLIENT that is refused changes nothing; Postfix keeps what stood in front of the fault."),
    Known("Addresses with leading zeros", r"^audit_in/own addresses with leading zeros", r".", r".",
          "`[192.0.2.010]` is not taken for an address of this host, because it may mean 10 or, as in Postfix, 8."),
    Known("Source routes", r"^audit_in/source route (through IPv6|by sendmail)", r".", r".",
          "A source route through `[IPv6:...]` is left out like any other; Postfix takes it apart at its first colon.  One that "
          "sendmail is given is quoted where it is shown."),
    Known("Headers at their limit", r"^audit_in/short rests", r".", r".",
          "What fits into `header_size_limit` stays, be it a short piece of a line, and a list of addresses that grows by rewriting "
          "stays whole; Postfix cuts both off."),
    Known("Chunks are no commands", r"^audit_in/bytes in commands", r"^S: \(closed\)|commands=4", r"221 2\.0\.0 Bye|quit=1",
          "A BDAT line that is refused for what it looks like (a bare newline, bytes that are no UTF-8, too long), or that "
          "`smtpd_command_filter` or `smtpd_noop_commands` makes something else of, still has its chunk behind it.  It is dropped with "
          "the transaction, and where the line does not tell how long it is, the session ends; Postfix reads it as commands."),
    Known("The seal of a queue file", r"^reports/bounce mail is looked at", r"named_attribute: relevo_seal=", None,
          "Queue files have one more attribute, `relevo_seal`, which `postcat` shows; Postfix passes over it."),
    Known("The level of compatibility", r"^sendmail/postfix ", r"backwards-compatible|COMPATIBILITY_README|To disable backwards", None,
          "A `compatibility_level` below 3.11 is told by each `postfix` command, as in interface 3.12; 3.7 does that below 3.6."),
    Known("How many parameters", r"^tools/postconf defaults changed", r"^  (1\d{3}|alias_maps = .*)$", r"^  (\d{3}|alias_maps = .*)$",
          "Interface 3.12 has more parameters than 3.7; `alias_maps` follows `default_database_type`, and names no table type that is "
          "not built."),
    Known("Logins by XCLIENT", r"^language/login permit_sasl_authenticated", r".", r".",
          "`permit_sasl_authenticated` believes XCLIENT LOGIN without `smtpd_sasl_auth_enable`, as in interface 3.12."),
]

# Session: what is wrong, and where.
OPEN = {
}


def without_pairs(lines, but_for):
    """Lines of one side that have a partner at the other, which is the same but for that, go with it."""
    left, waiting = [], {"+": {}, "-": {}}
    for line in lines:
        partners = waiting["-" if line[0] == "+" else "+"].get(re.sub(but_for, "", line[1:]))
        if partners:
            left.remove(partners.pop())
        else:
            waiting[line[0]].setdefault(re.sub(but_for, "", line[1:]), []).append(line)
            left.append(line)
    return left


def remaining(name, lines):
    """Of the lines "+ours" and "-theirs" those that no known difference covers."""
    for known in KNOWN:
        if not re.search(known.sessions, name):
            continue
        if known.but_for:
            rest = without_pairs(lines, known.but_for)
            known.used = known.used or len(rest) < len(lines)
            lines = rest
        for sign, pattern in (("+", known.ours), ("-", known.theirs)):
            if pattern is None:
                continue
            rest = [line for line in lines if line[0] != sign or not re.search(pattern, line[1:])]
            known.used = known.used or len(rest) < len(lines)
            lines = rest
    return lines
