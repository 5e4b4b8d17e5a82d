#include "base/list.h"
#include "base/mem.h"
#include "table/plugins/ldap.h"

#include <sasl/sasl.h>
#include <stdlib.h>

struct ldap_connection {
    struct list node;
    unsigned references;
    char *identity;
    LDAP *ld; /* NULL: not connected */
};

/* Of this process, as the tables themselves are. */
static struct list connections = { &connections, &connections };

/* ---- who shares one */

/* All that says who speaks to whom, in one text; what is absent differs from what is empty. */
static void identify(const struct ldap_server *s, struct buf *out)
{
    const char *const texts[] = { s->urls,       s->bind_dn,         s->bind_pw,
                                  s->sasl_mechs, s->sasl_realm,      s->sasl_authz_id,
                                  s->tls_ca_dir, s->tls_ca_file,     s->tls_cert,
                                  s->tls_key,    s->tls_random_file, s->tls_ciphers };
    const int numbers[] = { s->timeout_s, s->version,  (int)s->bind,        s->sasl_minssf,
                            s->start_tls, s->uses_tls, s->tls_require_cert, s->debug_level };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        buf_join(out, texts[i] ? STR("+") : STR("-"), str_from_null(texts[i]), STR("\n"));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        buf_addf(out, "%d ", numbers[i]);
}

struct ldap_connection *ldap_connection_open(const struct ldap_server *server)
{
    BUF_AUTO(identity, 0);

    identify(server, &identity);
    LIST_FOREACH(&connections, node)
    {
        struct ldap_connection *c = LIST_ITEM(node, struct ldap_connection, node);
        if (str_equal(str_from(c->identity), buf_str(&identity))) {
            c->references++;
            return c;
        }
    }
    struct ldap_connection *c = mem_alloc(sizeof *c);
    *c =
        (struct ldap_connection){ .references = 1, .identity = mem_copy_cstr(buf_cstr(&identity)) };
    list_append(&connections, &c->node);
    return c;
}

void ldap_connection_close(struct ldap_connection *c)
{
    if (c == NULL || --c->references > 0)
        return;
    list_remove(&c->node);
    ldap_connection_drop(c);
    free(c->identity);
    free(c);
}

/* ---- connecting ---- */

static bool set_tls_text(LDAP *ld, int option, const char *name, const char *value)
{
    int result = value ? ldap_set_option(ld, option, value) : LDAP_SUCCESS;

    if (result != LDAP_SUCCESS)
        log_warning("dict_ldap_set_tls_options: Unable to set %s to %s: %d: %s", name, value,
                    result, ldap_err2string(result));
    return result == LDAP_SUCCESS;
}

static bool make_tls_context(LDAP *ld)
{
    int client = 0, result = ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client);

    if (result != LDAP_SUCCESS)
        log_warning("dict_ldap_set_tls_options: Unable to allocate new TLS context %d: %s", result,
                    ldap_err2string(result));
    return result == LDAP_SUCCESS;
}

/* The context of TLS is made last, of what was set before. */
static bool set_tls_options(const struct ldap_server *s, LDAP *ld)
{
    int require = s->tls_require_cert ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER;

    if (!s->uses_tls)
        return true;
    return set_tls_text(ld, LDAP_OPT_X_TLS_RANDOM_FILE, "tls_random_file", s->tls_random_file) &&
           set_tls_text(ld, LDAP_OPT_X_TLS_CACERTFILE, "tls_ca_cert_file", s->tls_ca_file) &&
           set_tls_text(ld, LDAP_OPT_X_TLS_CACERTDIR, "tls_ca_cert_dir", s->tls_ca_dir) &&
           set_tls_text(ld, LDAP_OPT_X_TLS_CERTFILE, "tls_cert", s->tls_cert) &&
           set_tls_text(ld, LDAP_OPT_X_TLS_KEYFILE, "tls_key", s->tls_key) &&
           set_tls_text(ld, LDAP_OPT_X_TLS_CIPHER_SUITE, "tls_cipher_suite", s->tls_ciphers) &&
           ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &require) == LDAP_SUCCESS &&
           make_tls_context(ld);
}

static bool set_options(const struct ldap_server *s, LDAP *ld)
{
    const struct timeval limit = { .tv_sec = s->timeout_s };

    if (s->debug_level > 0)
        (void)ldap_set_option(NULL, LDAP_OPT_DEBUG_LEVEL, &s->debug_level);
    if (ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &s->version) != LDAP_SUCCESS)
        log_warning("dict_ldap_connect: Unable to set LDAP protocol version");
    (void)ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &limit);
    (void)ldap_set_option(ld, LDAP_OPT_TIMEOUT, &limit);
    return set_tls_options(s, ld);
}

static bool start_tls(const struct ldap_server *s, LDAP *ld)
{
    int result = s->start_tls ? ldap_start_tls_s(ld, NULL, NULL) : LDAP_SUCCESS;

    if (result != LDAP_SUCCESS)
        log_error("dict_ldap_connect: Unable to set STARTTLS: %d: %s", result,
                  ldap_err2string(result));
    return result == LDAP_SUCCESS;
}

/* What libsasl2 wants to know. */
static int interact(LDAP *ld, unsigned flags, void *server, void *questions)
{
    const struct ldap_server *s = server;

    (void)ld;
    (void)flags;
    for (sasl_interact_t *q = questions; q->id != SASL_CB_LIST_END; q++) {
        const char *answer = q->id == SASL_CB_AUTHNAME   ? s->bind_dn
                             : q->id == SASL_CB_PASS     ? s->bind_pw
                             : q->id == SASL_CB_GETREALM ? s->sasl_realm
                             : q->id == SASL_CB_USER     ? s->sasl_authz_id
                                                         : NULL;
        q->result = answer ? answer : "";
        q->len = (unsigned)strlen(q->result);
    }
    return LDAP_SUCCESS;
}

static int bind_sasl(const struct ldap_server *s, LDAP *ld)
{
    BUF_AUTO(properties, 0);

    if (s->sasl_minssf > 0) {
        buf_addf(&properties, "minssf=%d", s->sasl_minssf);
        int result = ldap_set_option(ld, LDAP_OPT_X_SASL_SECPROPS, buf_cstr(&properties));
        if (result != LDAP_SUCCESS)
            return result;
    }
    return ldap_sasl_interactive_bind_s(ld, NULL, s->sasl_mechs, NULL, NULL, LDAP_SASL_QUIET,
                                        interact, mem_unconst(s));
}

static int bind_simple(const struct ldap_server *s, LDAP *ld)
{
    struct berval password = { .bv_val = mem_unconst(s->bind_pw ? s->bind_pw : "") };

    password.bv_len = strlen(password.bv_val);
    return ldap_sasl_bind_s(ld, s->bind_dn, LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL);
}

static bool bind_to(const struct ldap_server *s, LDAP *ld)
{
    int result = LDAP_SUCCESS;

    if (s->bind == LDAP_BIND_SIMPLE)
        result = bind_simple(s, ld);
    else if (s->bind == LDAP_BIND_SASL)
        result = bind_sasl(s, ld);
    if (result != LDAP_SUCCESS)
        log_warning("dict_ldap_connect: Unable to bind to server %s with dn %s: %d (%s)", s->urls,
                    s->bind_dn ? s->bind_dn : "empty or implicit", result, ldap_err2string(result));
    return result == LDAP_SUCCESS;
}

LDAP *ldap_connection_use(struct ldap_connection *c, const struct ldap_server *s)
{
    if (c->ld)
        return c->ld;
    int result = ldap_initialize(&c->ld, s->urls);
    if (result != LDAP_SUCCESS) {
        log_warning("dict_ldap_connect: ldap_initialize(%s): %d: %s", s->urls, result,
                    ldap_err2string(result));
        c->ld = NULL;
        return NULL;
    }
    if (!set_options(s, c->ld) || !start_tls(s, c->ld) || !bind_to(s, c->ld))
        ldap_connection_drop(c);
    return c->ld;
}

bool ldap_connection_is_up(const struct ldap_connection *c) { return c->ld != NULL; }

void ldap_connection_drop(struct ldap_connection *c)
{
    if (c->ld)
        (void)ldap_unbind_ext_s(c->ld, NULL, NULL);
    c->ld = NULL;
}
