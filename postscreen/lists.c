#include "postscreen/lists.h"

#include "base/log.h"
#include "base/mem.h"
#include "ipc/courier.h"
#include "ipc/messages/dnsblog.h"

#include <errno.h>
#include <stdlib.h>

#define OPEN_TRIES 10
#define ANSWER_MAX 4096

struct list_query {
    struct query_set *set;
    const struct site *site;
    struct courier *courier; /* NULL: it is over */
};

struct query_set {
    struct screen *screen;
    struct score score;
    size_t pending;
    struct client *waiting;
    void (*done)(struct client *c);
    struct list_query queries[]; /* one a site */
};

const struct score *lists_score(const struct address *a) { return &a->queries->score; }

/* ---- answers ---- */

/* Whoever waits may end while the next one is told. */
static void tell_waiting(struct query_set *set)
{
    struct client *next = set->waiting;
    void (*done)(struct client * c) = set->done;

    for (struct client *c = next; c; c = c->next_waiting)
        c->waits_for_lists = false;
    set->waiting = NULL;
    while (next) {
        struct client *c = next;
        next = c->next_waiting;
        c->next_waiting = NULL;
        done(c);
    }
}

static void complain(const struct site *site, enum courier_result result, int error)
{
    if (result == COURIER_LATE)
        log_warning("dnsblog reply timeout %ds for " STR_FMT,
                    postscreen_conf.postscreen_dnsbl_timeout, STR_ARG(site->domain));
    else if (result == COURIER_UNAVAILABLE)
        log_warning("psc_dnsbl_request: connect to private/" STR_FMT " service: %s",
                    STR_ARG(postscreen_conf.dnsblog_service_name), strerror(error));
    else
        log_warning("psc_dnsbl_receive: no answer from the private/" STR_FMT
                    " service for " STR_FMT,
                    STR_ARG(postscreen_conf.dnsblog_service_name), STR_ARG(site->domain));
}

static void on_answer(void *context, const struct courier_answer *answer)
{
    struct list_query *q = context;
    struct query_set *set = q->set;
    struct dnsblog_answer said;
    struct str body = answer->body;

    if (answer->result != COURIER_ANSWERED)
        complain(q->site, answer->result, answer->error);
    else if (answer->kind == DNSBLOG_ANSWER && dnsblog_answer_decode(&body, &said))
        score_add(&set->score, q->site, said.addresses, said.ttl);
    courier_free(q->courier);
    q->courier = NULL;
    if (--set->pending == 0)
        tell_waiting(set);
}

/* ---- questions ---- */

static bool ask_one(struct list_query *q, struct str address)
{
    static struct courier_rules rules = { .open = courier_open,
                                          .open_tries = OPEN_TRIES,
                                          .answer_max = ANSWER_MAX };
    BUF_AUTO(body, 0);

    rules.deadline_ms = (int64_t)postscreen_conf.postscreen_dnsbl_timeout * 1000;
    dnsblog_question_encode(&body, &(struct dnsblog_question){ q->site->domain, address });
    q->courier =
        courier_new(q->set->screen->loop, &rules, postscreen_conf.dnsblog_service_name, NULL);
    if (courier_send(q->courier, DNSBLOG_QUESTION, buf_str(&body), on_answer, q))
        return true;
    complain(q->site, COURIER_UNAVAILABLE, errno);
    courier_free(q->courier);
    q->courier = NULL;
    return false;
}

static struct query_set *ask_all(struct screen *s, struct str address)
{
    struct query_set *set = mem_alloc(sizeof *set + s->site_count * sizeof(struct list_query));
    struct list_query *q = set->queries;

    set->screen = s;
    set->score = (struct score)SCORE_INIT;
    for (const struct site *site = s->sites; site; site = site->next, q++) {
        *q = (struct list_query){ .set = set, .site = site };
        set->pending += ask_one(q, address);
    }
    return set;
}

bool lists_ask(struct client *c, void (*done)(struct client *c))
{
    struct address *a = c->address;

    if (a->queries == NULL)
        a->queries = ask_all(c->screen, client_address(c));
    if (a->queries->pending == 0)
        return false;
    a->queries->done = done;
    c->next_waiting = a->queries->waiting;
    a->queries->waiting = c;
    c->waits_for_lists = true;
    return true;
}

void lists_stop_waiting(struct client *c)
{
    struct client **at = &c->address->queries->waiting;

    while (*at != c)
        at = &(*at)->next_waiting;
    *at = c->next_waiting;
    c->next_waiting = NULL;
    c->waits_for_lists = false;
}

void lists_forget(struct screen *s, struct address *a)
{
    if (a->queries == NULL)
        return;
    for (size_t i = 0; i < s->site_count; i++)
        courier_free(a->queries->queries[i].courier);
    free(a->queries);
    a->queries = NULL;
}

void lists_shown_name(const struct screen *s, const struct site *site, struct buf *out)
{
    if (table_list_is_empty(s->dnsbl_replies) ||
        table_list_lookup(s->dnsbl_replies, site->domain, out) != TABLE_FOUND)
        buf_add(out, site->domain);
}
