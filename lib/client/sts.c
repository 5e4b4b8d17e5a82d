#include "client/sts.h"

#include "base/log.h"
#include "ipc/channel.h"
#include "ipc/messages/sts.h"
#include "os/clock.h"

#include <errno.h>
#include <string.h>

#define TIMEOUT_S 120 /* a policy may have to be fetched */
#define KEPT_S    60

/* The last answer. */
static struct {
    struct buf domain, entry;
    struct deadline until;
} kept = { .until = DEADLINE_NOW };

static bool ask(struct channel *c, struct str domain, struct buf *entry)
{
    struct sts_answer answer;
    struct str body;
    char kind;

    sts_question_encode(channel_begin(c, STS_QUESTION), &(struct sts_question){ domain });
    if (!channel_end(c) || channel_receive(c, &kind, &body) != IO_OK || kind != STS_ANSWER ||
        !sts_answer_decode(&body, &answer))
        return false;
    buf_add(entry, answer.entry);
    return true;
}

/* Without an answer there is no policy, as where the policy cannot be fetched. */
static void call(struct str domain, struct buf *entry)
{
    struct channel c = CHANNEL_NONE;

    if (!channel_open(&c, "private", STR("stsmgr"), TIMEOUT_S)) {
        log_warning("private/stsmgr: %s", strerror(errno));
        return;
    }
    if (!ask(&c, domain, entry))
        log_warning("private/stsmgr does not answer");
    channel_close(&c);
}

void sts_ask(struct str domain, struct buf *entry)
{
    if (deadline_passed(kept.until) || !str_equal_nocase(domain, buf_str(&kept.domain))) {
        buf_clear(&kept.domain);
        buf_clear(&kept.entry);
        buf_add(&kept.domain, domain);
        call(domain, &kept.entry);
        kept.until = deadline_in(KEPT_S);
    }
    buf_add(entry, buf_str(&kept.entry));
}
