#include "services/verify/probe.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "client/verify_sender.h"
#include "conf/params.h"
#include "ipc/courier.h"
#include "ipc/messages/cleanup.h"
#include "ipc/messages/delivery.h"
#include "os/door.h"
#include "queue/record.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define TRIES       3
#define DEADLINE_MS 100000
#define ANSWER_MAX  65536
#define PROBES_MAX  10000 /* that wait for cleanup; what is more is asked for again */

struct probe {
    int tries;
    size_t len;
    char address[];
};

static struct {
    struct loop *loop;
    struct courier *cleanup; /* NULL: nothing is under way, and no process is kept from others */
    size_t under_way;
} probes;

void probe_open(struct loop *loop) { probes.loop = loop; }
size_t probes_under_way(void) { return probes.under_way; }

static int open_cleanup(struct str service)
{
    BUF_AUTO(path, 256);

    buf_join(&path, STR("public/"), service);
    return door_connect(buf_cstr(&path), 0);
}

static struct str address_of(const struct probe *p) { return (struct str){ p->address, p->len }; }

/* ---- the message ---- */

static void put_message(const struct probe *p, struct buf *out)
{
    BUF_AUTO(sender, 0);

    verify_sender_format(time(NULL), &sender);
    record_put_time(out, clock_wall());
    record_put_attr(out, "rewrite_context", STR("local"));
    record_put_attr(out, "log_message_origin", STR("local"));
    record_put(out, REC_SENDER, buf_str(&sender));
    record_put_attr_int(out, "trace_flags", DELIVERY_FLAG_PROBE_MTA);
    record_put(out, REC_RCPT, address_of(p));
    record_put(out, REC_MESSAGE, STR_NONE);
    record_put(out, REC_EXTRACTED, STR_NONE);
    record_put(out, REC_END, STR_NONE);
}

static void on_ready(void *context, const struct courier_answer *answer)
{
    (void)context, (void)answer; /* the verdict tells all */
}

static void on_verdict(void *context, const struct courier_answer *answer);

/* All frames of a message at once: its id is nobody's business here. */
static bool submit(struct probe *p)
{
    bool utf8 = site_conf.smtputf8_enable && !utf8_is_ascii(address_of(p));
    struct cleanup_open open = { .flags = CLEANUP_FLAG_MAP_OK,
                                 .sendopts = utf8 ? SENDOPT_SMTPUTF8 : 0 };
    BUF_AUTO(head, 0);
    BUF_AUTO(records, 0);

    cleanup_open_encode(&head, &open);
    put_message(p, &records);
    p->tries++;
    return courier_send(probes.cleanup, CLEANUP_SUBMIT_OPEN, buf_str(&head), on_ready, NULL) &&
           courier_say(probes.cleanup, CLEANUP_SUBMIT_RECORD, buf_str(&records)) &&
           courier_send(probes.cleanup, CLEANUP_SUBMIT_END, STR_NONE, on_verdict, p);
}

/* ---- its fate ---- */

static void forget(struct probe *p)
{
    free(p);
    if (--probes.under_way > 0)
        return;
    courier_free(probes.cleanup);
    probes.cleanup = NULL;
}

static bool was_taken(const struct courier_answer *answer)
{
    struct cleanup_verdict verdict;
    struct str body = answer->body;

    return answer->kind == CLEANUP_SUBMIT_VERDICT && cleanup_verdict_decode(&body, &verdict) &&
           verdict.status == CLEANUP_OK;
}

/* A cleanup process leaves when it is used up; two probes of one address harm nobody. */
static void on_verdict(void *context, const struct courier_answer *answer)
{
    struct probe *p = context;
    bool answered = answer->result == COURIER_ANSWERED;

    if (!answered && p->tries < TRIES && submit(p))
        return;
    if (!answered || !was_taken(answer))
        log_warning("a probe of <" STR_FMT "> was not taken by " STR_FMT, STR_ARG(address_of(p)),
                    STR_ARG(site_conf.cleanup_service_name));
    forget(p);
}

void probe_send(struct str address)
{
    static const struct courier_rules rules = { .open = open_cleanup,
                                                .deadline_ms = DEADLINE_MS,
                                                .answer_max = ANSWER_MAX };

    if (probes.under_way >= PROBES_MAX)
        return;
    struct probe *p = mem_alloc(sizeof *p + address.len + 1);
    p->len = address.len;
    memcpy(p->address, address.ptr, address.len);
    probes.under_way++;
    if (probes.cleanup == NULL)
        probes.cleanup = courier_new(probes.loop, &rules, site_conf.cleanup_service_name, NULL);
    if (submit(p))
        return;
    log_warning("connect to public/" STR_FMT ": %s", STR_ARG(site_conf.cleanup_service_name),
                strerror(errno));
    forget(p);
}
