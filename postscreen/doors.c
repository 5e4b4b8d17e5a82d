#include "postscreen/doors.h"

#include "base/log.h"
#include "base/mem.h"
#include "client/tlsmgr.h"
#include "conf/master_cf.h"
#include "postscreen/tls_settings.h"

/* ---- an engine ---- */

static struct tls_engine *open_engine(struct tls_server_settings *s, struct watch *files)
{
    tls_watch_files(&s->s, s->dh_file, files);
    if (!tls_has_certificate(&s->s)) {
        log_warning("No server certs available. TLS won't be enabled");
        return NULL;
    }
    if (!tlsmgr_open_cache("smtpd", &s->store, &s->session_lifetime)) {
        log_warning("no entropy for TLS key generation: disabling TLS support");
        return NULL;
    }
    s->s.signer = tlsmgr_signer();
    s->ticket_keys = tlsmgr_ticket_keys();
    s->names = tls_names_open(s->s.common->tls_server_sni_maps, files);
    return tls_server_open(s);
}

static void add(struct doors *d, struct str service, const struct postscreen_params *p,
                const struct tls_params *common, struct watch *files)
{
    struct tls_server_settings s;
    struct door *door;

    d->items = mem_resize(d->items, (d->count + 1) * sizeof *d->items);
    door = &d->items[d->count++];
    tls_settings_read(p, common, &s);
    *door = (struct door){
        .service = service,
        .engine = open_engine(&s, files),
        .log = tls_log_maps_open(p->postscreen_tls_loglevel_maps, "postscreen_tls_loglevel_maps",
                                 s.s.log),
    };
}

/* ---- master.cf ---- */

static bool differs_in(const struct param_set *set, const char *prefix, struct conf *a,
                       struct conf *b)
{
    for (size_t i = 0; i < set->count; i++) {
        struct str name = str_from(param_name(&set->params[i]));
        if (str_starts(name, str_from(prefix)) &&
            !str_equal(conf_value(a, name), conf_value(b, name)))
            return true;
    }
    return false;
}

/* What a service is told; lives as long as the process. */
struct own_settings {
    struct postscreen_params postscreen;
    struct tls_params common;
};

static void add_service(struct doors *d, const struct master_entry *e, struct conf *conf,
                        struct watch *files)
{
    struct conf *own = conf_fork_without_overrides(conf);

    for (size_t i = 0; i < e->setting_count; i++)
        conf_override(own, e->settings[i].name, e->settings[i].value);
    if (!differs_in(&postscreen_param_set, "postscreen_tls_", conf, own) &&
        !differs_in(&tls_param_set, "tls_", conf, own)) {
        conf_close(own);
        return;
    }
    struct own_settings *s = mem_alloc(sizeof *s);
    conf_fill(own, &postscreen_param_set, &s->postscreen);
    conf_fill(own, &tls_param_set, &s->common);
    add(d, e->service, &s->postscreen, &s->common, files);
}

struct doors doors_open(struct conf *conf, struct watch *files)
{
    static struct arena arena; /* as long as the process */
    struct doors d = { 0 };
    struct master_cf cf;
    BUF_AUTO(why, 0);

    add(&d, STR_NONE, &postscreen_conf, &tls_conf, files);
    if (!master_cf_read(conf_directory(conf), &arena, &cf, &why))
        log_fatal(STR_FMT, STR_ARG(buf_str(&why)));
    for (size_t i = 0; i < cf.count; i++) {
        const struct master_entry *e = &cf.entries[i];
        if (!e->replaced && e->setting_count && str_equal(e->command, STR("postscreen")))
            add_service(&d, e, conf, files);
    }
    return d;
}

const struct door *doors_find(const struct doors *d, struct str service)
{
    for (size_t i = 1; i < d->count; i++)
        if (str_equal(d->items[i].service, service))
            return &d->items[i];
    return &d->items[0];
}
