#include "sasl/dovecot.h"

#include "base/attr.h"
#include "base/number.h"

#define OUR_MAJOR     1
#define CHALLENGE_MAX 12288 /* bytes of base64 in a reply (RFC 4954) */
#define READ_SIZE     4096

void dovecot_init(struct dovecot *d)
{
    *d = (struct dovecot){ .arena = ARENA_INIT, .in = BUF_INIT(DOVECOT_LINE_MAX + READ_SIZE) };
}

void dovecot_fini(struct dovecot *d)
{
    arena_free(&d->arena);
    buf_free(&d->in);
}

void dovecot_hello(struct dovecot *d, int64_t pid, struct buf *out)
{
    arena_reset(&d->arena);
    buf_clear(&d->in);
    d->taken = d->mechanism_count = 0;
    d->ready = false;
    buf_addf(out, "VERSION\t%d\t0\nCPID\t%lld\n", OUR_MAJOR, (long long)pid);
}

char *dovecot_room(struct dovecot *d, size_t *size)
{
    buf_consume(&d->in, d->taken);
    d->taken = 0;
    *size = READ_SIZE;
    return buf_reserve(&d->in, READ_SIZE); /* dovecot_next() never leaves more than a line */
}

void dovecot_filled(struct dovecot *d, size_t n) { d->in.len += n; }

static struct dovecot_event broken(enum dovecot_fault fault, int64_t number)
{
    return (struct dovecot_event){ .kind = DOVECOT_BROKEN, .fault = fault, .number = number };
}

/* ---- the handshake: `ev` stays DOVECOT_MORE unless the line settles something ---- */

static void hear_version(struct dovecot *d, struct str rest, struct dovecot_event *ev)
{
    struct str major = str_cut(&rest, '\t'), minor = str_cut(&rest, '\t');
    int64_t number, unused;

    (void)d;
    if (!number_parse_range(major, 0, INT32_MAX, &number) ||
        !number_parse_range(minor, 0, INT32_MAX, &unused))
        *ev = broken(DOVECOT_FAULT_NO_VERSION, 0);
    else if (number != OUR_MAJOR)
        *ev = broken(DOVECOT_FAULT_VERSION, number);
}

static unsigned property_of(struct str word)
{
    static const struct {
        struct str word;
        unsigned property;
    } words[] = {
        { STR("plaintext"), SASL_PLAINTEXT },
        { STR("active"), SASL_ACTIVE },
        { STR("dictionary"), SASL_DICTIONARY },
        { STR("anonymous"), SASL_ANONYMOUS },
        { STR("forward-secrecy"), SASL_FORWARD_SECRECY },
        { STR("mutual-auth"), SASL_MUTUAL_AUTH },
        { STR("private"), SASL_PRIVATE },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_equal_nocase(word, words[i].word))
            return words[i].property;
    return 0;
}

static void hear_mechanism(struct dovecot *d, struct str rest, struct dovecot_event *ev)
{
    struct str name = str_cut(&rest, '\t');
    unsigned properties = 0;

    (void)ev;
    while (rest.len)
        properties |= property_of(str_cut(&rest, '\t'));
    if (!sasl_mechanism_is_valid(name) || d->mechanism_count == DOVECOT_MECHANISMS_MAX)
        return;
    d->mechanisms[d->mechanism_count++] =
        (struct dovecot_mechanism){ arena_str(&d->arena, name), properties };
}

static void hear_server_pid(struct dovecot *d, struct str rest, struct dovecot_event *ev)
{
    (void)rest;
    if (d->mechanism_count == 0) /* the master's socket talks like this */
        *ev = broken(DOVECOT_FAULT_SOCKET, 0);
}

static void hear_done(struct dovecot *d, struct str rest, struct dovecot_event *ev)
{
    (void)rest;
    d->ready = true;
    ev->kind = DOVECOT_READY;
}

/* ---- answers ---- */

/* True: it is about the request under way.  `rest` is what follows the number, absent when nothing does. */
static bool is_ours(const struct dovecot *d, struct str *rest)
{
    bool has_more = str_has(*rest, '\t');
    struct str number = str_cut(rest, '\t');
    int64_t id;

    if (!has_more)
        *rest = STR_NONE;
    return number_parse_range(number, 0, UINT32_MAX, &id) && id == d->id;
}

static struct str value_of(struct str fields, struct str name_and_equals)
{
    struct str found = STR_NONE;

    while (fields.len) {
        struct str field = str_cut(&fields, '\t');
        if (str_skip_prefix(&field, name_and_equals))
            found = field;
    }
    return found;
}

static void fail(struct dovecot_event *ev, enum dovecot_fault fault)
{
    ev->kind = DOVECOT_FAILURE;
    ev->fault = fault;
    ev->text = STR("Authentication backend error");
}

static void hear_ok(struct dovecot *d, struct str rest, struct dovecot_event *ev)
{
    (void)d;
    ev->user = value_of(rest, STR("user="));
    if (ev->user.len)
        ev->kind = DOVECOT_SUCCESS;
    else
        fail(ev, DOVECOT_FAULT_NO_USER);
}

static void hear_challenge(struct dovecot *d, struct str rest, struct dovecot_event *ev)
{
    (void)d;
    ev->text = str_cut(&rest, '\t');
    if (ev->text.ptr && ev->text.len <= CHALLENGE_MAX && sasl_is_base64(ev->text))
        ev->kind = DOVECOT_CHALLENGE;
    else
        fail(ev, DOVECOT_FAULT_NO_CHALLENGE);
}

static void hear_failure(struct dovecot *d, struct str rest, struct dovecot_event *ev)
{
    (void)d;
    ev->kind = DOVECOT_FAILURE;
    ev->user = value_of(rest, STR("user="));
    ev->text = value_of(rest, STR("reason="));
}

/* ---- lines ---- */

static const struct verb {
    struct str name;
    bool answers; /* a request; else it belongs to the handshake */
    void (*hear)(struct dovecot *d, struct str rest, struct dovecot_event *ev);
} verbs[] = {
    { STR("VERSION"), false, hear_version },
    { STR("MECH"), false, hear_mechanism },
    { STR("SPID"), false, hear_server_pid },
    { STR("DONE"), false, hear_done },
    { STR("OK"), true, hear_ok },
    { STR("CONT"), true, hear_challenge },
    { STR("FAIL"), true, hear_failure },
};

static struct dovecot_event hear_line(struct dovecot *d, struct str line)
{
    struct dovecot_event ev = { .kind = DOVECOT_MORE };
    struct str verb = str_cut(&line, '\t');

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const struct verb *v = &verbs[i];
        if (v->answers == d->ready && str_equal(verb, v->name) &&
            (!v->answers || is_ours(d, &line)))
            v->hear(d, line, &ev);
    }
    return ev;
}

struct dovecot_event dovecot_next(struct dovecot *d)
{
    struct dovecot_event ev = { .kind = DOVECOT_MORE };

    while (ev.kind == DOVECOT_MORE) {
        struct str in = str_skip(buf_str(&d->in), d->taken);
        size_t end = str_find(in, '\n');
        if (end == STR_NOT_FOUND)
            return in.len > DOVECOT_LINE_MAX ? broken(DOVECOT_FAULT_LINE, 0) : ev;
        d->taken += end + 1;
        ev = hear_line(d, str_sub(in, 0, end));
    }
    return ev;
}

/* ---- requests ---- */

const struct dovecot_mechanism *dovecot_find(const struct dovecot *d, struct str name)
{
    for (size_t i = 0; i < d->mechanism_count; i++)
        if (str_equal_nocase(name, d->mechanisms[i].name))
            return &d->mechanisms[i];
    return NULL;
}

void dovecot_request(struct dovecot *d, const struct dovecot_request *r, struct buf *out)
{
    buf_addf(out, "AUTH\t%u\t", (unsigned)++d->id);
    buf_join(out, r->mechanism, STR("\tservice="), r->service, STR("\tnologin\tlip="),
             r->server_address, STR("\trip="), r->client_address);
    if (r->secured)
        buf_add(out, STR("\tsecured"));
    if (r->initial.ptr) /* must be the last one */
        buf_join(out, STR("\tresp="), r->initial);
    buf_addc(out, '\n');
}

void dovecot_continue(struct dovecot *d, struct str base64, struct buf *out)
{
    buf_addf(out, "CONT\t%u\t", (unsigned)d->id);
    buf_join(out, base64, STR("\n"));
}

void dovecot_format_fault(const struct dovecot_event *ev, struct buf *out)
{
    static const char *const texts[] = {
        [DOVECOT_FAULT_NONE] = "",
        [DOVECOT_FAULT_VERSION] = "SASL: Protocol version mismatch",
        [DOVECOT_FAULT_NO_VERSION] = "SASL: Protocol version error",
        [DOVECOT_FAULT_SOCKET] =
            "SASL: Connected to wrong auth socket (auth-master instead of auth-client)",
        [DOVECOT_FAULT_LINE] = "SASL: the Dovecot auth server sends a line without end",
        [DOVECOT_FAULT_NO_USER] = "missing Dovecot server OK username field",
        [DOVECOT_FAULT_NO_CHALLENGE] = "missing Dovecot server CONT reply field",
    };

    buf_add_cstr(out, texts[ev->fault]);
    if (ev->fault == DOVECOT_FAULT_VERSION)
        buf_addf(out, " (%lld vs. %d)", (long long)ev->number, OUR_MAJOR);
}
