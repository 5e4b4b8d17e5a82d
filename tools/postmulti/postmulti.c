/* postmulti - manage several instances of the mail system. */
#include "base/log.h"
#include "conf/command.h"
#include "tools/postmulti/multi.h"

#include <stdlib.h>
#include <string.h>

/* The primary instance is where the others are written down: there is one. */
static void refuse_other_primary(void)
{
    const char *dir = getenv("MAIL_CONFIG");

    if (dir && strcmp(dir, COMMAND_CONF_DIR) != 0)
        log_fatal("Non-default configuration directory: MAIL_CONFIG=%s", dir);
}

int main(int argc, char **argv)
{
    struct request r;
    struct site s;

    command_begin("postmulti", 1);
    command_log_as_itself();
    refuse_other_primary();
    struct conf *primary = command_conf_unchecked(NULL);
    options_parse(&r, argc, argv);
    site_open(&s, primary);
    switch (r.mode) {
    case 'l':
        list_instances(&s, &r);
        return 0;
    case 'p':
        return run_postfix(&s, &r);
    case 'x':
        return run_command(&s, &r);
    default:
        edit_instances(&s, &r);
    }
}
