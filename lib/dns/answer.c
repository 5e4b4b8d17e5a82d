#include "dns/answer.h"

#include "base/log.h"
#include "text/hostname.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>

#define LOGGED_NAME_MAX 100

/* Where the records of an answer are collected. */
struct collect {
    struct arena *arena;
    struct str name; /* what was asked */
    struct dns_record *first, **tail;
    size_t count;
    bool dropped;    /* a record with a bad name was left out */
    bool complained; /* of a bad name */
};

enum dns_status dns_answer_status(int ares_status)
{
    switch (ares_status) {
    case ARES_SUCCESS:
        return DNS_OK;
    case ARES_ENOTFOUND:
        return DNS_NOT_FOUND;
    case ARES_ENODATA:
        return DNS_NO_DATA;
    case ARES_ENOTIMP:
        return DNS_FAIL;
    default: /* server failure, refusal, time-out, an answer that is cut short */
        return DNS_RETRY;
    }
}

bool dns_answer_is_one(struct str bytes)
{
    enum { HEADER = 12, IS_ANSWER = 0x80, RCODE = 0x0f, REFUSED = 5 };

    return bytes.len >= HEADER && (bytes.ptr[2] & IS_ANSWER) && (bytes.ptr[3] & RCODE) <= REFUSED;
}

/* ---- names ---- */

static void log_bad_byte(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!char_is_alnum(name.ptr[i]) && strchr("-_.", name.ptr[i]) == NULL) {
            log_warning("valid_hostname: invalid character %d(decimal): " STR_FMT,
                        (unsigned char)name.ptr[i], STR_ARG(str_sub(name, 0, LOGGED_NAME_MAX)));
            return;
        }
}

/* One bad name tells what is wrong; an answer has room for thousands. */
static void complain(struct collect *c, enum dns_type type, struct str name, bool numeric)
{
    if (c->complained)
        return;
    c->complained = true;
    if (!numeric)
        log_bad_byte(name);
    log_warning("%s domain name in resource data of %s record for " STR_FMT ": " STR_FMT,
                numeric ? "numeric" : "malformed", dns_type_name(type), STR_ARG(c->name),
                STR_ARG(str_sub(name, 0, LOGGED_NAME_MAX)));
}

/* An address where a name belongs is a common mistake of domain owners; for a mail exchanger it
 * still says what is meant. */
static bool name_is_usable(struct collect *c, enum dns_type type, struct str name)
{
    bool root_allowed = type == DNS_MX || type == DNS_SRV;

    if (name.len == 0 ? root_allowed : hostname_is_valid(name, false))
        return true;
    bool numeric = hostname_is_ipv4(name);
    complain(c, type, name, numeric);
    return type == DNS_MX && numeric;
}

/* ---- records ---- */

static struct dns_record *add_record(struct collect *c, enum dns_type type)
{
    struct dns_record *r = arena_alloc(c->arena, sizeof *r);

    r->type = type;
    *c->tail = r;
    c->tail = &r->next;
    c->count++;
    return r;
}

static bool is_full(const struct collect *c) { return c->count >= DNS_RECORDS_MAX; }

/* NULL: the name is no name. */
static struct dns_record *add_named(struct collect *c, enum dns_type type, const char *host)
{
    BUF_AUTO(text, 0);

    buf_add_lower(&text, str_from(host));
    if (str_ends(buf_str(&text), STR(".")))
        text.len--;
    if (!name_is_usable(c, type, buf_str(&text))) {
        c->dropped = true;
        return NULL;
    }
    struct dns_record *r = add_record(c, type);
    r->text = arena_str(c->arena, buf_str(&text));
    return r;
}

static int parse_a(struct str in, struct collect *c)
{
    struct ares_addrttl found[DNS_RECORDS_MAX];
    int count = ARRAY_LEN(found);
    int status = ares_parse_a_reply((const void *)in.ptr, (int)in.len, NULL, found, &count);

    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct dns_record *r = add_record(c, DNS_A);
        struct sockaddr_in *to = (struct sockaddr_in *)(void *)&r->addr.ss;
        *to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = found[i].ipaddr };
        r->addr.len = sizeof *to;
        r->ttl = (uint32_t)MAX(found[i].ttl, 0);
    }
    return status;
}

static int parse_aaaa(struct str in, struct collect *c)
{
    struct ares_addr6ttl found[DNS_RECORDS_MAX];
    int count = ARRAY_LEN(found);
    int status = ares_parse_aaaa_reply((const void *)in.ptr, (int)in.len, NULL, found, &count);

    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct dns_record *r = add_record(c, DNS_AAAA);
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)(void *)&r->addr.ss;
        *to = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
        memcpy(&to->sin6_addr, &found[i].ip6addr, 16);
        r->addr.len = sizeof *to;
        r->ttl = (uint32_t)MAX(found[i].ttl, 0);
    }
    return status;
}

static int parse_mx(struct str in, struct collect *c)
{
    struct ares_mx_reply *found = NULL;
    int status = ares_parse_mx_reply((const void *)in.ptr, (int)in.len, &found);

    for (struct ares_mx_reply *i = found; i && !is_full(c); i = i->next) {
        struct dns_record *r = add_named(c, DNS_MX, i->host);
        if (r)
            r->preference = i->priority;
    }
    ares_free_data(found);
    return status;
}

static int parse_srv(struct str in, struct collect *c)
{
    struct ares_srv_reply *found = NULL;
    int status = ares_parse_srv_reply((const void *)in.ptr, (int)in.len, &found);

    for (struct ares_srv_reply *i = found; i && !is_full(c); i = i->next) {
        struct dns_record *r = add_named(c, DNS_SRV, i->host);
        if (r == NULL)
            continue;
        r->preference = i->priority;
        r->weight = i->weight;
        r->port = i->port;
    }
    ares_free_data(found);
    return status;
}

static int parse_txt(struct str in, struct collect *c)
{
    struct ares_txt_ext *found = NULL;
    int status = ares_parse_txt_reply_ext((const void *)in.ptr, (int)in.len, &found);
    struct ares_txt_ext *i = found;

    while (i && !is_full(c)) { /* one record may be cut into several strings */
        BUF_AUTO(text, 65536);
        do {
            buf_add(&text, (struct str){ (const char *)i->txt, i->length });
            i = i->next;
        } while (i && !i->record_start);
        add_record(c, DNS_TXT)->text = arena_str(c->arena, buf_str(&text));
    }
    ares_free_data(found);
    return status;
}

static int parse_names(struct hostent *host, enum dns_type type, struct collect *c)
{
    for (char **alias = host->h_aliases; alias && *alias && !is_full(c); alias++)
        (void)add_named(c, type, *alias);
    ares_free_hostent(host);
    return ARES_SUCCESS;
}

static int parse_ns(struct str in, struct collect *c)
{
    struct hostent *host = NULL;
    int status = ares_parse_ns_reply((const void *)in.ptr, (int)in.len, &host);

    return status == ARES_SUCCESS ? parse_names(host, DNS_NS, c) : status;
}

static int parse_ptr(struct str in, struct collect *c)
{
    struct hostent *host = NULL;
    int status = ares_parse_ptr_reply((const void *)in.ptr, (int)in.len, NULL, 0, AF_INET, &host);

    return status == ARES_SUCCESS ? parse_names(host, DNS_PTR, c) : status;
}

static int parse_soa(struct str in, struct collect *c)
{
    struct ares_soa_reply *found = NULL;
    int status = ares_parse_soa_reply((const void *)in.ptr, (int)in.len, &found);

    if (status == ARES_SUCCESS)
        (void)add_named(c, DNS_SOA, found->nsname);
    ares_free_data(found);
    return status;
}

/* ---- what c-ares has no parser for ---- */

struct raw_record {
    struct str owner; /* lower case */
    enum dns_type type;
    uint32_t ttl;
    size_t at, len; /* of the data */
};

/* Over the answers of a packet, then over its authorities. */
struct walk {
    struct str bytes;
    size_t at;
    unsigned left;
    unsigned authorities;
};

static unsigned number_at(const struct walk *w, size_t at, size_t size)
{
    unsigned n = 0;

    for (size_t i = at; i < at + size; i++)
        n = n << 8 | (unsigned char)w->bytes.ptr[i];
    return n;
}

/* Read a name, lower case and without a final dot; `*at` goes behind it. */
static bool expand(struct str bytes, size_t *at, struct arena *a, struct str *name)
{
    const unsigned char *start = (const void *)bytes.ptr;
    char *text = NULL;
    long used;

    if (*at >= bytes.len ||
        ares_expand_name(start + *at, start, (int)bytes.len, &text, &used) != ARES_SUCCESS)
        return false;
    char *copy = arena_cstr(a, str_from(text));
    ares_free_string(text);
    for (char *c = copy; *c; c++)
        *c = char_lower(*c);
    *name = str_from(copy);
    *at += (size_t)used;
    return true;
}

static bool walk_begin(struct walk *w, struct str bytes, struct arena *a)
{
    enum { HEADER = 12, QUESTION_TAIL = 4, AT_QUESTIONS = 4, AT_ANSWERS = 6, AT_AUTHORITIES = 8 };
    struct str name;

    *w = (struct walk){ .bytes = bytes, .at = HEADER };
    if (bytes.len < HEADER)
        return false;
    w->left = number_at(w, AT_ANSWERS, 2);
    w->authorities = number_at(w, AT_AUTHORITIES, 2);
    for (unsigned n = number_at(w, AT_QUESTIONS, 2); n > 0; n--) {
        if (!expand(bytes, &w->at, a, &name))
            return false;
        w->at += QUESTION_TAIL;
    }
    return w->at <= bytes.len;
}

/* False at the end; `w->left` is not 0 then when the packet ends too early. */
static bool walk_next(struct walk *w, struct arena *a, struct raw_record *r)
{
    enum { FIXED = 10 }; /* type, class, time to live, length */

    if (w->left == 0 || !expand(w->bytes, &w->at, a, &r->owner) || w->bytes.len - w->at < FIXED)
        return false;
    r->type = (enum dns_type)number_at(w, w->at, 2);
    r->ttl = number_at(w, w->at + 4, 4);
    r->len = number_at(w, w->at + 8, 2);
    r->at = w->at + FIXED;
    if (w->bytes.len - r->at < r->len)
        return false;
    w->at = r->at + r->len;
    w->left--;
    return true;
}

static void take_raw(struct collect *c, struct str bytes, const struct raw_record *raw)
{
    struct dns_record *r;
    struct str target;
    size_t at = raw->at;

    if (raw->type == DNS_CNAME)
        r = expand(bytes, &at, c->arena, &target) ? add_named(c, DNS_CNAME, target.ptr) : NULL;
    else
        r = add_record(c, raw->type);
    if (r == NULL)
        return;
    if (raw->type != DNS_CNAME)
        r->text = arena_str(c->arena, str_sub(bytes, raw->at, raw->at + raw->len));
    r->ttl = raw->ttl;
}

static int parse_raw(struct str in, struct collect *c, enum dns_type type)
{
    struct raw_record raw;
    struct walk w;

    if (!walk_begin(&w, in, c->arena))
        return ARES_EBADRESP;
    while (walk_next(&w, c->arena, &raw))
        if (raw.type == type && !is_full(c))
            take_raw(c, in, &raw);
    return w.left ? ARES_EBADRESP : ARES_SUCCESS;
}

static int parse_cname(struct str in, struct collect *c) { return parse_raw(in, c, DNS_CNAME); }
static int parse_tlsa(struct str in, struct collect *c) { return parse_raw(in, c, DNS_TLSA); }

struct str dns_answer_owner(struct str bytes, enum dns_type type, struct arena *a)
{
    struct raw_record raw;
    struct walk w;

    if (walk_begin(&w, bytes, a))
        while (walk_next(&w, a, &raw))
            if (raw.type == type)
                return raw.owner;
    return STR_NONE;
}

int64_t dns_answer_negative_ttl(struct str bytes, struct arena *a)
{
    enum { MINIMUM = 4 }; /* the last field of a SOA record */
    struct raw_record raw;
    struct walk w;

    if (!walk_begin(&w, bytes, a))
        return -1;
    while (walk_next(&w, a, &raw))
        continue;
    if (w.left)
        return -1;
    w.left = w.authorities;
    while (walk_next(&w, a, &raw))
        if (raw.type == DNS_SOA && raw.len >= MINIMUM)
            return MIN(raw.ttl, number_at(&w, raw.at + raw.len - MINIMUM, MINIMUM));
    return -1;
}

/* ---- all types ---- */

static const struct {
    enum dns_type type;
    const char *name;
    int (*parse)(struct str in, struct collect *c);
} parsers[] = {
    { DNS_A, "A", parse_a },
    { DNS_AAAA, "AAAA", parse_aaaa },
    { DNS_MX, "MX", parse_mx },
    { DNS_NS, "NS", parse_ns },
    { DNS_PTR, "PTR", parse_ptr },
    { DNS_SOA, "SOA", parse_soa },
    { DNS_SRV, "SRV", parse_srv },
    { DNS_TXT, "TXT", parse_txt },
    { DNS_CNAME, "CNAME", parse_cname },
    { DNS_TLSA, "TLSA", parse_tlsa },
};

enum dns_type dns_type_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
        if (str_equal_nocase(name, str_from(parsers[i].name)))
            return parsers[i].type;
    return 0;
}

const char *dns_type_name(enum dns_type type)
{
    for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
        if (parsers[i].type == type)
            return parsers[i].name;
    return "unknown";
}

enum dns_status dns_answer_parse(struct str bytes, struct str name, enum dns_type type,
                                 struct arena *a, struct dns_record **out)
{
    struct collect c = { .arena = a, .name = name };
    int status = ARES_ENODATA;

    c.tail = &c.first;
    for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
        if (parsers[i].type == type)
            status = parsers[i].parse(bytes, &c);
    if (status != ARES_SUCCESS)
        return dns_answer_status(status);
    if (c.first == NULL)
        return c.dropped ? DNS_MALFORMED : DNS_NO_DATA;
    *out = c.first;
    return DNS_OK;
}

void dns_tlsa_format(struct str data, struct buf *out)
{
    for (size_t i = 0; i < data.len; i++)
        buf_addf(out, i < 3 ? "%u " : "%02X", (unsigned char)data.ptr[i]);
}

void dns_record_format(const struct dns_record *r, struct str name, struct buf *out)
{
    buf_addf(out, STR_FMT ". %u IN %s ", STR_ARG(name), r->ttl, dns_type_name(r->type));
    switch (r->type) {
    case DNS_A:
    case DNS_AAAA:
        (void)net_addr_format(&r->addr, out);
        return;
    case DNS_MX:
        buf_addf(out, "%d ", r->preference);
        break;
    case DNS_SRV:
        buf_addf(out, "%d %d %d ", r->preference, r->weight, r->port);
        break;
    case DNS_TXT:
        buf_add(out, r->text);
        return;
    case DNS_TLSA:
        dns_tlsa_format(r->text, out);
        return;
    default:
        break;
    }
    buf_join(out, r->text, STR("."));
}
