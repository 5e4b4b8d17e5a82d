/* The verdict: only what is safe on disk is OK. */
#include "base/log.h"
#include "cleanup/milters.h"
#include "cleanup/output.h"
#include "cleanup/receive.h"
#include "client/bounce.h"

static void add_asked_copies(struct message *m)
{
    while (m->bcc_written < m->bcc.count)
        recipient_add_bcc(m, m->bcc.items[m->bcc_written++]);
}

static void add_blind_copies(struct message *m)
{
    add_asked_copies(m);
    if ((m->flags & CLEANUP_FLAG_BCC_OK) && cleanup_conf.always_bcc.len)
        recipient_add_bcc(m, cleanup_conf.always_bcc);
}

/* SMTPUTF8 is a wish of the submitter, or, for local programs that cannot say so, follows from
 * the text.  That the header holds UTF-8 is noted in any case; what the addresses hold, only
 * where it matters. */
static void settle_sendopts(struct message *m)
{
    int addresses = SENDOPT_UTF8_SENDER | SENDOPT_UTF8_RCPT;

    if ((m->flags & CLEANUP_FLAG_SMTPUTF8_AUTO) && site_conf.smtputf8_enable &&
        (m->sendopts & (SENDOPT_UTF8_HEADER | addresses)))
        m->sendopts |= SENDOPT_SMTPUTF8;
    if (!(m->sendopts & SENDOPT_SMTPUTF8))
        m->sendopts &= ~addresses;
}

/* What table actions on headers of filters have asked for; the last of a kind counts. */
static void add_late_actions(struct message *m, struct str filter, struct str redirect)
{
    add_asked_copies(m);
    if (m->filter.ptr != filter.ptr)
        record_put(message_out(m), REC_FILTER, m->filter);
    if (m->redirect.ptr != redirect.ptr)
        record_put(message_out(m), REC_REDIRECT, m->redirect);
}

/* Filters see the message; then the file takes shape.  A message that they have left without recipients has served its
 * purpose. */
static void filter_and_release(struct message *m)
{
    struct str filter = m->filter, redirect = m->redirect;

    milters_run(m);
    add_late_actions(m, filter, redirect);
    if (m->rcpt_count == 0 && m->status == CLEANUP_OK)
        m->flags |= CLEANUP_FLAG_DISCARD;
    if (message_is_wanted(m))
        output_release(m);
}

static void write_end(struct message *m)
{
    char text[RECORD_SIZE_BYTES + 1];

    add_blind_copies(m);
    if (m->rcpt_count == 0)
        message_fail(m, CLEANUP_NO_RCPT, STR_NONE);
    if (m->held)
        filter_and_release(m);
    record_put(message_out(m), REC_END, STR_NONE);
    settle_sendopts(m);
    const struct record_size size = {
        .content_size = m->content_size,
        .data_offset = m->data_offset,
        .rcpt_count = m->rcpt_count,
        .qmgr_opts = m->opts,
        .text_size =
            m->content_size, /* the peer counts the same bytes in both, and logs them as size= */
        .sendopts = m->sendopts,
    };
    record_size_format(&size, text);
    queue_writer_patch(&m->c->writer, 2, (struct str){ text, RECORD_SIZE_BYTES });
}

static bool may_bounce(const struct message *m)
{
    switch (m->status) {
    case CLEANUP_CONTENT:
    case CLEANUP_HOPS:
    case CLEANUP_SIZE:
    case CLEANUP_NO_RCPT:
        return (m->flags & CLEANUP_FLAG_BOUNCE) != 0;
    default:
        return false;
    }
}

static void bounce(struct message *m)
{
    if (!queue_writer_flush(&m->c->writer)) {
        m->status = CLEANUP_WRITE;
        return;
    }
    m->status = bounce_message(m) ? CLEANUP_OK : CLEANUP_DEFER;
    m->reason = STR_NONE;
}

/* The reports of alias expansions that were asked for. */
static void report_expansions(struct message *m)
{
    const struct bounce_report request = bounce_report_of(m);

    if (!m->traced)
        return;
    m->traced = false; /* the log is no longer ours to remove */
    if (!bounce_client_report(site_conf.trace_service_name, BOUNCE_FLUSH, &request))
        log_warning("%s: could not report the alias expansion", message_id(m));
}

static void store(struct message *m)
{
    bool hold = (m->flags & CLEANUP_FLAG_HOLD) != 0;

    if (!queue_writer_commit(&m->c->writer, &m->c->layout, hold)) {
        log_warning("%s: write queue file: %s", message_id(m), strerror(m->c->writer.error));
        message_fail(m, CLEANUP_WRITE, STR_NONE);
        return;
    }
    m->stored_in_incoming = !hold;
    report_expansions(m);
}

static void discard(struct message *m)
{
    m->status = CLEANUP_OK;
    message_log_removal(m, "discarded");
}

static void conclude(struct message *m)
{
    if (m->status == CLEANUP_OK && m->stage != STAGE_ENDED) {
        log_warning("%s: the message ends too early", message_id(m));
        message_fail(m, CLEANUP_BAD, STR_NONE);
    }
    if (m->stage == STAGE_ENDED)
        write_end(m);
    if (m->c->writer.error)
        m->status = CLEANUP_WRITE;
    if (m->flags & CLEANUP_FLAG_DISCARD)
        discard(m);
    else if (m->status == CLEANUP_OK)
        store(m);
    else if (may_bounce(m) && m->stage == STAGE_ENDED)
        bounce(m);
}

void message_log_removal(const struct message *m, const char *why)
{
    if (m->c->logs_removal)
        log_info("%s: removed (%s)", message_id(m), why);
}

struct cleanup_verdict message_finish(struct message *m)
{
    if (m->flags & CLEANUP_FLAG_DISCARD)
        discard(m);
    else
        conclude(m);
    queue_writer_close(&m->c->writer,
                       &m->c->layout); /* what was not stored is gone before anybody hears of it */
    return (struct cleanup_verdict){ .status = m->status,
                                     .reason = m->reason,
                                     .size = m->text_size,
                                     .broken = milter_chain_broken(&m->chain) };
}
