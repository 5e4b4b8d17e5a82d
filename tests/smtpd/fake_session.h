#pragma once
/* A session without a client: parameters as given, everything else by default, log lines kept. */

#include "base/log.h"
#include "ipc/connector.h"
#include "smtpd/access/access.h"
#include "smtpd/facts.h"
#include "smtpd/mail_sink.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct setting {
    const char *name, *value;
};

struct fake {
    struct conf *conf;
    struct setup setup;
    struct session session;
};

static struct buf fake_log;

static void fake_sink(enum log_level level, struct str text)
{
    (void)level;
    buf_join(&fake_log, text, STR("\n"));
}

static const struct setting fake_defaults[] = {
    { "myhostname", "mx.test" },
    { "mydomain", "test" },
    { "mydestination", "local.test" },
    { "relay_domains", "relay.test" },
    { "mynetworks", "192.0.2.0/24" },
    { "inet_interfaces", "loopback-only" },
    { "inet_protocols", "ipv4" },
    { "local_recipient_maps", "inline:{joe=x, ann=x}" },
    { "virtual_alias_maps", "" },
    { "alias_maps", "" },
    { "compatibility_level", "3.6" },
    { "smtpd_delay_reject", "yes" },
    { "parent_domain_matches_subdomains", "smtpd_access_maps" },
};

/* The rewriter reads main.cf itself: the parameters must be in a file. */
static struct conf *fake_conf(const struct setting *settings, size_t count)
{
    char dir[] = "/tmp/fake-session-XXXXXX", path[64];
    BUF_AUTO(error, 0);

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/main.cf", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < ARRAY_LEN(fake_defaults); i++)
        fprintf(file, "%s = %s\n", fake_defaults[i].name, fake_defaults[i].value);
    for (size_t i = 0; i < count; i++)
        if (settings[i].name)
            fprintf(file, "%s = %s\n", settings[i].name, settings[i].value);
    fclose(file);
    struct conf *conf = conf_open(dir, &error);
    assert_non_null(conf);
    unlink(path);
    rmdir(dir);
    return conf;
}

static void fake_open(struct fake *f, const struct setting *settings, size_t count)
{
    unit_may_leak(true);
    *f = (struct fake){ .conf = fake_conf(settings, count) };
    log_set_sink(fake_sink);
    conf_fill(f->conf, &site_param_set, &site_conf);
    conf_fill(f->conf, &smtpd_param_set, &smtpd_conf);
    conf_fill(f->conf, &verify_param_set, &verify_conf);
    f->setup.connector = connector_new(STR(""));
    f->setup.rewriter = rewrite_open(f->conf, STR("rewrite"));
    f->setup.mynetworks = match_list_open(smtpd_conf.mynetworks, "mynetworks", 0);
    f->setup.local_recipients =
        table_list_open(site_conf.local_recipient_maps, "local_recipient_maps", TABLE_DEFAULT);
    f->setup.check_recipients = true;
    f->setup.sink = &mail_sink_cleanup;
    f->setup.access = access_open(f->conf, &f->setup);
    unit_may_leak(false);

    buf_clear(&fake_log);
    struct session *s = &f->session;
    *s = (struct session){ .setup = &f->setup, .stream = STREAM_NONE };
    s->peer = (struct peer){ .address = STR("198.51.100.7"),
                             .name = STR("client.far.test"),
                             .reverse_name = STR("client.far.test"),
                             .port = STR("1234"),
                             .shown = STR("client.far.test[198.51.100.7]"),
                             .is_inet = true };
    assert_true(net_addr_parse(s->peer.address, 1234, &s->peer.addr));
    s->helo = STR("helo.far.test");
    s->t = (struct transaction){ .active = true,
                                 .sender = STR("a@far.test"),
                                 .sender_path = STR("a@far.test"),
                                 .actions = ACTIONS_INIT };
    s->where = SMTP_CMD_RCPT;
    smtp_server_init(&s->dialogue, &(struct smtp_server_options){ .hostname = STR("mx.test"),
                                                                  .line_limit = 2048,
                                                                  .pipelining = true });
}

static void fake_close(struct fake *f)
{
    smtp_server_fini(&f->session.dialogue);
    buf_free(&f->session.t.actions.prepend);
    buf_free(&f->session.t.actions.bcc);
    arena_free(&f->session.arena);
    arena_free(&f->session.scratch);
    arena_free(&f->session.t.arena);
    buf_free(&fake_log);
    log_set_sink(NULL);
}

static inline void assert_reply(struct smtp_reply reply, const char *want, const char *what)
{
    BUF_AUTO(text, 0);

    if (reply.code)
        buf_addf(&text, "%d " STR_FMT, reply.code, STR_ARG(reply.text));
    if (strcmp(buf_cstr(&text), want) != 0)
        print_error("%s\n", what);
    assert_string_equal(buf_cstr(&text), want);
}
