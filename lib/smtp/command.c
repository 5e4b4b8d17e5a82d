#include "smtp/command.h"

#include "base/attr.h"

static const struct {
    struct str name;
    bool junk;
    bool ends_group;
} commands[SMTP_CMD_COUNT] = {
#define COMMAND(id, junk, last) [SMTP_CMD_##id] = { STR(#id), junk, last }
    COMMAND(CONNECT, false, true), COMMAND(HELO, true, true),       COMMAND(EHLO, true, true),
    COMMAND(XCLIENT, false, true), COMMAND(XFORWARD, false, false), COMMAND(STARTTLS, false, true),
    COMMAND(AUTH, false, true),    COMMAND(MAIL, false, false),     COMMAND(RCPT, false, false),
    COMMAND(DATA, false, true),    COMMAND(BDAT, false, false),     COMMAND(RSET, true, false),
    COMMAND(NOOP, true, true),     COMMAND(VRFY, true, true),       COMMAND(ETRN, true, false),
    COMMAND(QUIT, false, true),    COMMAND(HELP, false, true),      COMMAND(UNKNOWN, false, false),
#undef COMMAND
};

struct str smtp_command_name(enum smtp_command command) { return commands[command].name; }

enum smtp_command smtp_command_find(struct str verb)
{
    for (enum smtp_command c = SMTP_CMD_HELO; c < SMTP_CMD_UNKNOWN; c++)
        if (str_equal_nocase(verb, commands[c].name))
            return c;
    return SMTP_CMD_UNKNOWN;
}

bool smtp_command_is_junk(enum smtp_command command) { return commands[command].junk; }
bool smtp_command_ends_group(enum smtp_command command) { return commands[command].ends_group; }
