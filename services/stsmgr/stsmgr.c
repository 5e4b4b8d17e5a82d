/* stsmgr - MTA-STS policies of the domains that mail goes to (RFC 8461).
 *
 * What has been fetched is kept for as long as the policy says; proxymap(8) writes the cache, because all processes of this
 * service share it.  The HTTP of it is spoken by webfetch(8).  master(8) starts this service without an entry in master.cf.
 *
 * Runs as:   mail_owner
 * Trusts:    main.cf, and web servers that prove to be the domain's
 * Distrusts: name servers, and its clients */
#include "base/log.h"
#include "base/number.h"
#include "client/fetch.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "ipc/channel.h"
#include "ipc/messages/sts.h"
#include "os/clock.h"
#include "service/service.h"
#include "table/table.h"
#include "text/hostname.h"
#include "text/mta_sts.h"

#define CLIENT_TIMEOUT_S 60
#define SERVER_WAIT_S    20
#define RECHECK_S        600 /* how long neither record nor policy is looked for again */
#define NO_ID            STR("-")

static struct {
    struct dns *dns;
    struct table *cache;
} sts;

/* ---- the cache: `CHECKED EXPIRES ID ENTRY`; times are seconds of the wall clock ---- */

struct kept {
    int64_t checked, expires;
    struct str id;    /* of the record; NO_ID: there is no policy */
    struct str entry; /* may be empty: the policy wants nothing */
};

static bool recall(struct str domain, struct buf *value, struct kept *out)
{
    struct kept kept;

    if (table_lookup(sts.cache, domain, value) != TABLE_FOUND)
        return false;
    struct str rest = buf_str(value), checked = str_cut(&rest, ' '), expires = str_cut(&rest, ' ');
    if (!number_parse(checked, &kept.checked) || !number_parse(expires, &kept.expires))
        return false;
    kept.id = str_cut(&rest, ' ');
    kept.entry = rest;
    *out = kept;
    return true;
}

static void keep(struct str domain, const struct kept *k)
{
    BUF_AUTO(value, 0);

    buf_add_int(&value, k->checked);
    buf_addc(&value, ' ');
    buf_add_int(&value, k->expires);
    buf_join(&value, STR(" "), k->id, STR(" "), k->entry);
    if (!table_update(sts.cache, domain, buf_str(&value)))
        log_warning("the MTA-STS policy of " STR_FMT " could not be kept", STR_ARG(domain));
}

/* ---- the record ---- */

/* False: there is none, or not exactly one. */
static bool find_record(struct str domain, struct arena *a, struct str *id)
{
    struct dns_record *found = NULL;
    struct str one = NO_ID;
    int count = 0;
    BUF_AUTO(name, 512);

    buf_join(&name, STR("_mta-sts."), domain);
    if (dns_query(sts.dns, buf_str(&name), DNS_TXT, a, &found) != DNS_OK)
        return false;
    for (const struct dns_record *r = found; r; r = r->next)
        if (mta_sts_record_parse(r->text, &one)) {
            *id = one;
            count++;
        }
    return count == 1;
}

/* ---- the policy ---- */

static bool is_plain_text(const struct fetched *f)
{
    struct str type = buf_str(&f->type);

    return str_equal(str_trim(str_cut(&type, ';')), STR("text/plain"));
}

static void say_why(struct str url, const struct fetched *f)
{
    if (f->status == 0)
        log_warning(STR_FMT ": " STR_FMT, STR_ARG(url), STR_ARG(buf_str(&f->why)));
    else
        log_warning(STR_FMT ": answer %d is no MTA-STS policy", STR_ARG(url), f->status);
}

static bool fetch_policy(struct str domain, struct arena *a, struct mta_sts_policy *policy)
{
    FETCHED_AUTO(answer);
    BUF_AUTO(url, 512);

    buf_join(&url, STR("https://mta-sts."), domain, STR("/.well-known/mta-sts.txt"));
    fetch(buf_str(&url), STR(""), SERVER_WAIT_S, &answer);
    if (answer.status == 200 && is_plain_text(&answer) &&
        mta_sts_policy_parse(buf_str(&answer.content), a, policy))
        return true;
    say_why(buf_str(&url), &answer);
    return false;
}

/* ---- what counts now ---- */

/* A new policy takes the place of the one there is; without it that one stays good until it expires. */
static void renew(struct str domain, struct kept *k, int64_t now, struct arena *a,
                  struct buf *entry)
{
    struct mta_sts_policy policy;
    struct str id = NO_ID;
    bool is_good = k->expires > now && !str_equal(k->id, NO_ID);
    bool there = find_record(domain, a, &id);

    k->checked = now;
    if (there && !(is_good && str_equal(id, k->id)) && fetch_policy(domain, a, &policy)) {
        mta_sts_policy_entry(&policy, domain, entry);
        *k = (struct kept){ now, now + policy.max_age, id, buf_str(entry) };
    } else if (!is_good) {
        *k = (struct kept){ .checked = now, .id = NO_ID };
    }
}

static void find_entry(struct str domain, struct buf *out)
{
    int64_t now = clock_wall().tv_sec;
    struct kept kept = { .id = NO_ID };
    ARENA_AUTO(arena);
    BUF_AUTO(value, 0);
    BUF_AUTO(entry, 0);

    bool known = recall(domain, &value, &kept);
    bool fresh = known && kept.checked <= now && now - kept.checked < RECHECK_S &&
                 (kept.expires > now || str_equal(kept.id, NO_ID));
    if (!fresh) {
        renew(domain, &kept, now, &arena, &entry);
        keep(domain, &kept);
    }
    buf_add(out, kept.entry);
}

/* ---- clients ---- */

static bool answer(struct channel *c, struct str body)
{
    struct sts_question question;
    BUF_AUTO(domain, 512);
    BUF_AUTO(entry, 0);

    if (!sts_question_decode(&body, &question))
        return false;
    buf_add_lower(&domain, question.domain);
    if (hostname_is_valid(buf_str(&domain), false))
        find_entry(buf_str(&domain), &entry);
    sts_answer_encode(channel_begin(c, STS_ANSWER), &(struct sts_answer){ buf_str(&entry) });
    return true;
}

static void serve_client(struct service *svc, int fd)
{
    (void)svc;
    channel_serve_one(fd, CLIENT_TIMEOUT_S, STS_QUESTION, answer);
}

static void open_cache(struct service *svc)
{
    sts.dns = dns_open("/etc/hosts");
    sts.cache =
        table_open(conf_value(service_conf(svc), STR("relevo_mta_sts_cache")), TABLE_WRITE, NULL);
}

static const struct service_spec spec = {
    .name = "stsmgr",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ NULL },
    .sandbox = SANDBOX_NETWORK,
    .process_limit = -1,
    .before_jail = open_cache,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
