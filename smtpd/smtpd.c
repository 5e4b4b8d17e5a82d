/* smtpd - receive mail by SMTP and hand it to cleanup(8).
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf and its tables
 * Distrusts: every byte from the client */
#include "client/tlsmgr.h"
#include "smtpd/session.h"
#include "smtpd/setup.h"
#include "smtpd/tls_setup.h"

static const struct setup *setup;

static void open_tables(struct service *svc) { setup = setup_open(svc); }

static bool has_old_certificates(struct service *svc)
{
    (void)svc;
    return tls_setup_changed().len > 0 || tls_setup_has_failed(setup);
}

static void open_connections(struct service *svc)
{
    (void)svc;
    setup_connect();
}

/* An account that was made a moment ago must not be unknown to whoever waited longest for a client; nor shall a client see
 * a certificate that has been renewed. */
static void notice_changes(struct service *svc)
{
    BUF_AUTO(name, 256);

    if (!tables_have_changed(&name))
        buf_add(&name, tls_setup_changed());
    if (name.len)
        service_restart_for(svc, buf_cstr(&name));
    if (tlsmgr_has_lost_keys())
        service_replace(svc);
}

/* One without keys is of use to a client as long as it does not ask for TLS. */
static void serve_client(struct service *svc, int fd)
{
    session_serve(setup, fd);
    if (tlsmgr_lacks_keys())
        service_replace(svc);
}

/* Tables are open or mapped by now; what is left is the system's own user data base (local_recipient_maps). */
static const struct sandbox_path paths[] = {
    { "/etc/passwd", SANDBOX_READ },        { "/etc/group", SANDBOX_READ },
    { "/etc/nsswitch.conf", SANDBOX_READ }, { "/lib", SANDBOX_READ },
    { "/usr/lib", SANDBOX_READ },           { "/run/systemd", SANDBOX_READ },
    { "/etc/ld.so.cache", SANDBOX_READ },   { NULL, SANDBOX_READ },
};

static const struct service_spec smtpd = {
    .name = "smtpd",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ &smtpd_param_set, &smtpd_tls_param_set,
                                                 &tls_param_set, &milter_param_set,
                                                 &flush_param_set, &verify_param_set, NULL },
    .sandbox = SANDBOX_ACCEPT,
    .paths = paths,
    .ports = DNS_PORTS,
    .process_limit = -1,
    .serves_others = true,
    .before_fork = open_tables,
    .is_stale = has_old_certificates,
    .before_jail = open_connections,
    .before_client = notice_changes,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&smtpd, argc, argv); }
