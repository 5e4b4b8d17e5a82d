#include "tools/postqueue/report.h"

#include "text/json_write.h"

#include <time.h>

#define REASON_COLUMNS 76
#define TIME_ROOM      64

struct layout {
    int id, size, time; /* widths */
    const char *head[4];
};

static const struct layout layouts[] = {
    { 11, 7, 20, { "-Queue ID-", "--Size--", "----Arrival Time----", "-Sender/Recipient-------" } },
    { 17,
      8,
      19,
      { "----Queue ID-----", "--Size--", "---Arrival Time----", "--Sender/Recipient------" } },
};

void report_init(struct report *r, bool json, bool long_ids)
{
    *r = (struct report){ .json = json, .long_ids = long_ids };
}

void report_free(struct report *r)
{
    buf_free(&r->out);
    buf_free(&r->last_reason);
}

/* ---- text ---- */

static void add_padding(struct buf *out, int columns)
{
    while (columns-- > 0)
        buf_addc(out, ' ');
}

static const struct layout *layout_of(const struct report *r) { return &layouts[r->long_ids]; }

static void text_heading(struct report *r)
{
    const struct layout *l = layout_of(r);

    buf_addf(&r->out, "%-*s %*s %-*s %s\n", l->id, l->head[0], l->size, l->head[1], l->time,
             l->head[2], l->head[3]);
}

static void add_id(struct report *r, const struct listing_message *m)
{
    size_t at = r->out.len;

    buf_add_printable(&r->out, m->id);
    if (str_equal(m->queue, STR(QUEUE_ACTIVE)))
        buf_addc(&r->out, '*');
    else if (str_equal(m->queue, STR(QUEUE_HOLD)))
        buf_addc(&r->out, '!');
    if (m->forced_expire)
        buf_addc(&r->out, '#');
    add_padding(&r->out, layout_of(r)->id - (int)(r->out.len - at));
}

static void text_message(struct report *r, const struct listing_message *m)
{
    const struct layout *l = layout_of(r);
    time_t when = (time_t)m->time;
    char time_text[TIME_ROOM] = "";
    struct tm tm;

    if (r->messages == 1)
        text_heading(r);
    else
        buf_addc(&r->out, '\n');
    add_id(r, m);
    if (localtime_r(&when, &tm))
        (void)strftime(time_text, sizeof time_text, "%a %b %e %H:%M:%S %Y", &tm);
    buf_addf(&r->out, " %*lld %*.*s ", l->size, (long long)m->size, l->time, l->time, time_text);
    buf_add_printable(&r->out, m->sender);
    buf_addc(&r->out, '\n');
}

static void text_reason(struct report *r, struct str reason)
{
    add_padding(&r->out, REASON_COLUMNS - (int)MIN(reason.len, (size_t)REASON_COLUMNS));
    buf_addc(&r->out, '(');
    buf_add_printable(&r->out, reason);
    buf_add(&r->out, STR(")\n"));
}

/* One reason stands above all recipients that share it. */
static void text_recipient(struct report *r, const struct listing_recipient *rcpt)
{
    const struct layout *l = layout_of(r);

    if (rcpt->reason.len && !(r->has_reason && str_equal(rcpt->reason, buf_str(&r->last_reason)))) {
        text_reason(r, rcpt->reason);
        buf_clear(&r->last_reason);
        buf_add(&r->last_reason, rcpt->reason);
    } else if (rcpt->reason.len == 0 && r->has_reason) {
        text_reason(r, STR("reason unavailable"));
    }
    r->has_reason = rcpt->reason.len > 0;
    add_padding(&r->out, l->id + 1 + l->size + 1 + l->time + 1);
    buf_add_printable(&r->out, rcpt->address);
    buf_addc(&r->out, '\n');
}

static void text_finish(struct report *r)
{
    if (r->messages == 0)
        buf_add(&r->out, STR("Mail queue is empty\n"));
    else
        buf_addf(&r->out, "\n-- %lld Kbytes in %lld Request%s.\n", (long long)r->bytes / 1024,
                 (long long)r->messages, r->messages == 1 ? "" : "s");
}

/* ---- JSON ---- */

static void json_message(struct report *r, const struct listing_message *m)
{
    buf_addc(&r->out, '{');
    json_add_member(&r->out, "queue_name", m->queue);
    buf_add(&r->out, STR(", "));
    json_add_member(&r->out, "queue_id", m->id);
    buf_addf(&r->out, ", \"arrival_time\": %lld, \"message_size\": %lld, \"forced_expire\": %s, ",
             (long long)m->time, (long long)m->size, m->forced_expire ? "true" : "false");
    json_add_member(&r->out, "sender", m->sender);
    buf_add(&r->out, STR(", \"recipients\": ["));
}

static void json_recipient(struct report *r, const struct listing_recipient *rcpt)
{
    bool bounce = str_equal(rcpt->log_class, STR("bounce"));

    if (r->recipients > 1)
        buf_add(&r->out, STR(", "));
    buf_addc(&r->out, '{');
    json_add_member(&r->out, "orig_address", rcpt->original);
    buf_add(&r->out, STR(", "));
    json_add_member(&r->out, "address", rcpt->address);
    if (rcpt->reason.len) {
        buf_add(&r->out, STR(", "));
        json_add_member(&r->out, bounce ? "bounce_reason" : "delay_reason", rcpt->reason);
    }
    buf_addc(&r->out, '}');
}

/* ---- both ---- */

static void take_message(void *context, const struct listing_message *m)
{
    struct report *r = context;

    r->messages++;
    r->bytes += m->size;
    r->recipients = 0;
    r->has_reason = false;
    if (r->json)
        json_message(r, m);
    else
        text_message(r, m);
}

static void take_recipient(void *context, const struct listing_recipient *rcpt)
{
    struct report *r = context;

    r->recipients++;
    if (r->json)
        json_recipient(r, rcpt);
    else
        text_recipient(r, rcpt);
}

static void end_message(void *context)
{
    struct report *r = context;

    if (r->json)
        buf_add(&r->out, STR("]}\n"));
}

struct listing_sink report_sink(struct report *r)
{
    return (struct listing_sink){ take_message, take_recipient, end_message, r };
}

void report_finish(struct report *r)
{
    if (!r->json)
        text_finish(r);
}
