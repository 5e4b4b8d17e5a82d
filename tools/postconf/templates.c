/* -t and -b: the texts of delivery reports, as they stand in a file and with their parameters filled in. */
#include "base/log.h"
#include "os/fd.h"
#include "services/bounce/template.h"
#include "services/bounce/values.h"
#include "tools/postconf/postconf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX_BYTES (1024UL * 1024)

static void read_templates(struct postconf *pc, struct buf *text, struct bounce_templates *out)
{
    struct str name = pc->req.arg_count ? str_from(pc->req.args[0])
                                        : conf_value(pc->conf, STR("bounce_template_file"));
    BUF_AUTO(error, 1024);

    templates_builtin(out);
    if (name.len == 0)
        return;
    if (!fd_read_file(AT_FDCWD, arena_cstr(&pc->arena, name), text))
        log_fatal("open " STR_FMT ": %s", STR_ARG(name), strerror(errno));
    if (!templates_parse(buf_str(text), name, out, &error))
        log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
}

static void show_each(struct postconf *pc, bool expanded)
{
    BUF_AUTO(text, FILE_MAX_BYTES);
    struct bounce_templates templates;

    read_templates(pc, &text, &templates);
    for (int kind = 0; kind < TEMPLATE_COUNT; kind++) {
        const struct bounce_template *t = &templates.of[kind];
        struct str name = template_kind_name((enum template_kind)kind);
        BUF_AUTO(out, 0);
        if (expanded) {
            buf_join(&out, STR("expanded_"), name, STR("_text = <<EOF\n"));
            template_expand_conf(pc->conf, (enum template_kind)kind, t, &out);
            buf_add(&out, STR("EOF\n"));
        } else {
            template_format((enum template_kind)kind, t, &out);
        }
        printf("%s" STR_FMT, kind ? "\n" : "", STR_ARG(buf_str(&out)));
    }
}

void show_templates(struct postconf *pc) { show_each(pc, false); }
void show_expanded_templates(struct postconf *pc) { show_each(pc, true); }
