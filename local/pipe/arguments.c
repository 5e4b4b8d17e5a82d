/* Macros in the command line of a pipe(8) service. */
#include "base/log.h"
#include "local/pipe/pipe.h"
#include "text/address.h"
#include "text/macro.h"

struct context {
    const struct pipe_settings *settings;
    struct delivery *d;
    const struct delivery_recipient *who;
    bool *names_recipient; /* set when the text depends on `who` */
};

static struct str lower(struct arena *a, struct str s)
{
    BUF_AUTO(out, 0);

    buf_add_lower(&out, s);
    return arena_str(a, buf_str(&out));
}

static struct str fold_domain(const struct context *c, struct str domain)
{
    return c->settings->flags & PIPE_FOLD_DOMAIN ? lower(&c->d->arena, domain) : domain;
}

static struct str fold_user(const struct context *c, struct str local)
{
    return c->settings->flags & PIPE_FOLD_USER ? lower(&c->d->arena, local) : local;
}

/* A whole address: parts folded, quoted if asked for. */
static struct str whole_address(const struct context *c, struct str address, bool fold)
{
    struct address_parts parts = address_split(address);
    BUF_AUTO(out, 0);
    BUF_AUTO(quoted, 0);

    buf_add(&out, fold ? fold_user(c, parts.local) : parts.local);
    if (parts.domain.ptr)
        buf_join(&out, STR("@"), fold ? fold_domain(c, parts.domain) : parts.domain);
    if (c->settings->flags & PIPE_QUOTE)
        address_quote(buf_str(&out), &quoted);
    return arena_str(&c->d->arena, buf_str(c->settings->flags & PIPE_QUOTE ? &quoted : &out));
}

struct str pipe_sender(const struct pipe_settings *s, const struct delivery *d)
{
    return d->request.sender.len ? d->request.sender : s->null_sender;
}

/* An empty one stays so, whatever q would make of it. */
static struct str sender_value(const struct context *c)
{
    struct str sender = pipe_sender(c->settings, c->d);

    return sender.len ? whole_address(c, sender, false) : STR("");
}

static bool is(struct str name, const char *word) { return str_equal(name, str_from(word)); }

/* What a recipient is taken apart into. */
static bool recipient_value(const struct context *c, struct str name, struct str *value)
{
    static const struct address_extension_rule no_rule;
    struct address_extension_rule rule = no_rule;
    struct address_parts parts = address_split(c->who->address);
    struct str user = parts.local, extension = STR_NONE;

    rule.delimiters = site_conf.recipient_delimiter;
    rule.owner_request_special = local_conf.owner_request_special;
    rule.double_bounce = site_conf.double_bounce_sender;
    if (!address_split_extension(&rule, parts.local, &user, NULL, &extension))
        user = parts.local;
    if (is(name, "recipient"))
        *value = whole_address(c, c->who->address, true);
    else if (is(name, "original_recipient"))
        *value = whole_address(c, c->who->orig_addr, true);
    else if (is(name, "mailbox"))
        *value = fold_user(c, parts.local);
    else if (is(name, "user"))
        *value = fold_user(c, user);
    else if (is(name, "extension"))
        *value = fold_user(c, extension);
    else if (is(name, "domain"))
        *value = fold_domain(c, parts.domain);
    else
        return false;
    *c->names_recipient = true;
    return true;
}

static bool request_value(const struct context *c, struct str name, struct str *value)
{
    const struct delivery_request *r = &c->d->request;
    const struct {
        const char *name;
        const struct str *value;
    } plain[] = {
        { "client_address", &r->client_addr },
        { "client_helo", &r->client_helo },
        { "client_hostname", &r->client_name },
        { "client_port", &r->client_port },
        { "client_protocol", &r->client_proto },
        { "envid", &r->dsn_envid },
        { "queue_id", &r->queue_id },
        { "sasl_method", &r->sasl_method },
        { "sasl_sender", &r->sasl_sender },
        { "sasl_username", &r->sasl_username },
    };

    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (is(name, plain[i].name)) {
            *value = *plain[i].value;
            return true;
        }
    }
    return false;
}

static bool value_of(const void *context, struct str name, struct str *value)
{
    const struct context *c = context;
    BUF_AUTO(size, 24);

    if (is(name, "sender")) {
        *value = sender_value(c);
    } else if (is(name, "nexthop")) {
        *value = fold_domain(c, c->d->request.nexthop);
    } else if (is(name, "size")) {
        buf_add_int(&size, c->d->request.data_size);
        *value = arena_str(&c->d->arena, buf_str(&size));
    } else {
        return request_value(c, name, value) || recipient_value(c, name, value);
    }
    return true;
}

struct vector {
    const char **args;
    size_t count, room;
};

static void add_argument(struct vector *v, struct arena *a, struct str arg)
{
    if (v->count + 1 >= v->room) {
        const char **old = v->args;
        v->room = v->room ? v->room * 2 : 16;
        v->args = arena_alloc(a, v->room * sizeof *old);
        if (v->count)
            memcpy(v->args, old, v->count * sizeof *old);
    }
    v->args[v->count++] = arena_cstr(a, arg);
}

/* One template for one recipient.  False: logged. */
static bool expand_one(struct context *c, const char *text, struct vector *v)
{
    struct macro_source source = { value_of, c, STR_NONE };
    BUF_AUTO(out, 0);
    struct str bad;

    if (!macro_expand(str_from(text), &source, &out, &bad)) {
        log_warning(STR_FMT ": unknown macro name: \"" STR_FMT "\"", STR_ARG(c->settings->where),
                    STR_ARG(bad));
        return false;
    }
    add_argument(v, &c->d->arena, buf_str(&out));
    return true;
}

const char *const *pipe_arguments(const struct pipe_settings *s, struct delivery *d)
{
    struct vector v = { NULL, 0, 0 };

    for (char **text = s->argv; *text; text++) {
        bool names_recipient = false;
        for (size_t i = 0; i < d->count && (i == 0 || names_recipient); i++) {
            struct context c = { s, d, &d->recipients[i].info, &names_recipient };
            if (!expand_one(&c, *text, &v))
                return NULL;
        }
    }
    return v.args;
}
