#pragma once
/* smtp/command - the SMTP commands, in the order of smtpd's session statistics. */
#include "base/str.h"

enum smtp_command {
    SMTP_CMD_CONNECT, /* no command: the connection itself */
    SMTP_CMD_HELO,
    SMTP_CMD_EHLO,
    SMTP_CMD_XCLIENT,
    SMTP_CMD_XFORWARD,
    SMTP_CMD_STARTTLS,
    SMTP_CMD_AUTH,
    SMTP_CMD_MAIL,
    SMTP_CMD_RCPT,
    SMTP_CMD_DATA,
    SMTP_CMD_BDAT,
    SMTP_CMD_RSET,
    SMTP_CMD_NOOP,
    SMTP_CMD_VRFY,
    SMTP_CMD_ETRN,
    SMTP_CMD_QUIT,
    SMTP_CMD_HELP,
    SMTP_CMD_UNKNOWN,
    SMTP_CMD_COUNT,
};

/* "MAIL", "CONNECT", "UNKNOWN": as in log lines (`lost connection after MAIL from`). */
struct str smtp_command_name(enum smtp_command command);
enum smtp_command smtp_command_find(struct str verb);
/* RSET, NOOP, VRFY, ETRN, and greetings: counted against smtpd_junk_command_limit. */
bool smtp_command_is_junk(enum smtp_command command);
/* RFC 2920: nothing may be sent behind it before its reply. */
bool smtp_command_ends_group(enum smtp_command command);
