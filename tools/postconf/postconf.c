#include "tools/postconf/postconf.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* This command speaks to whoever runs it, never to the log: its name is what it was called by. */
static const char *program_name = "postconf";

static void to_stderr(enum log_level level, struct str text)
{
    (void)level;
    (void)fflush(stdout); /* warnings stand behind what was already shown */
    (void)fprintf(stderr, "%s: " STR_FMT "\n", program_name, STR_ARG(text));
}

static void apply_overrides(struct postconf *pc)
{
    struct master_setting setting;

    if (pc->req.dir_is_given && pc->conf_is_read)
        conf_override(pc->conf, STR("config_directory"), str_from(pc->req.dir));
    for (int i = 0; i < pc->req.override_count; i++) {
        if (!master_setting_parse(str_from(pc->req.overrides[i]), &setting))
            log_fatal("invalid parameter override: %s: missing '=' after attribute name",
                      pc->req.overrides[i]);
        conf_override(pc->conf, setting.name, setting.value);
    }
}

static void open_configuration(struct postconf *pc)
{
    BUF_AUTO(error, 0);

    buf_join(&pc->main_path, str_from(pc->req.dir), STR("/main.cf"));
    buf_join(&pc->master_path, str_from(pc->req.dir), STR("/master.cf"));
    if (pc->req.edit)
        return; /* editors read the file themselves, as text, whatever is in it */
    pc->conf_is_read = !pc->req.defaults;
    pc->conf = pc->conf_is_read ? conf_open(pc->req.dir, &error) : conf_new();
    if (pc->conf == NULL)
        log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
    conf_show_as_written(pc->conf);
    apply_overrides(pc);
    if (!master_cf_read(pc->req.dir, &pc->arena, &pc->master, &error)) {
        if (pc->req.mode != 'p')
            log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
        log_warning(STR_FMT, STR_ARG(buf_str(&error)));
    }
}

static const struct action {
    char mode;
    void (*show)(struct postconf *pc);
    void (*edit)(struct postconf *pc);
} actions[] = {
    { 'p', show_main, edit_main },     { 'M', show_master, edit_master },
    { 'F', show_fields, edit_master }, { 'P', show_settings, edit_master },
    { 't', show_templates, NULL },     { 'b', show_expanded_templates, NULL },
};

int main(int argc, char **argv)
{
    struct postconf pc = { .main_path = BUF_INIT(0), .master_path = BUF_INIT(0) };

    program_name = argv[0];
    log_set_sink(to_stderr);
    options_parse(&pc.req, &pc.arena, argc, argv);
    if (strchr("aAlmT", pc.req.mode))
        show_list(&pc.req);
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (actions[i].mode != pc.req.mode)
            continue;
        open_configuration(&pc);
        (pc.req.edit ? actions[i].edit : actions[i].show)(&pc);
    }
    buf_free(&pc.main_path);
    buf_free(&pc.master_path);
    arena_free(&pc.arena);
    conf_close(pc.conf);
    if (fflush(stdout) != 0)
        log_fatal("write error: %m");
    return 0;
}
