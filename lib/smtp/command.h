#pragma once
/* smtp/command - the SMTP commands (commands.def). */
#include "base/str.h"

enum smtp_command {
    SMTP_CMD_CONNECT, /* no command: the connection itself */
#define SMTP_COMMAND(name, ...) SMTP_CMD_##name,
#include "smtp/commands.def"
#undef SMTP_COMMAND
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
