#include "smtp/command.h"

#include "base/attr.h"

static const struct {
    struct str name;
    bool junk, ends_group;
} commands[SMTP_CMD_COUNT] = {
    [SMTP_CMD_CONNECT] = { STR("CONNECT"), false, true },
#define SMTP_COMMAND(id, runs, junk, last, early) [SMTP_CMD_##id] = { STR(#id), junk, last },
#include "smtp/commands.def"
#undef SMTP_COMMAND
    [SMTP_CMD_UNKNOWN] = { STR("UNKNOWN"), false, false },
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
