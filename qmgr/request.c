#include "qmgr/request.h"

#include "ipc/channel.h"
#include "ipc/messages/delivery.h"

/* The recipients, the one with which they pass their limit, a sender with a recipient in it, and all other texts. */
_Static_assert(SCHEDULE_ENTRY_BYTES + 2 * RECORD_FACT_MAX + RECORD_ATTR_MAX + 2 * RECORD_FACT_MAX +
                       DELIVERY_NEXTHOP_MAX + DETAIL_COUNT * RECORD_ATTR_MAX + 4096 <
                   CHANNEL_FRAME_MAX,
               "a delivery request is one frame");

static void put_recipients(struct buf *body, const struct schedule_entry *e)
{
    char scratch[RECIPIENT_SCRATCH];

    for (const struct recipient *r = e->recipients; r; r = r->next) {
        struct delivery_recipient info = {
            .address = recipient_address(r),
            .orig_addr = recipient_orig(r),
            .dsn_orcpt = recipient_orcpt(r, scratch),
            .dsn_notify = r->notify,
            .offset = r->offset,
        };
        delivery_recipient_encode(body, &info);
    }
}

/* list+user=example.com@lists.example: each recipient sees a sender of its own. */
static struct str request_sender(const struct message *m, const struct details *d,
                                 const struct schedule_entry *e, struct buf *room)
{
    struct str sender = details_get(d, DETAIL_SENDER), delims = details_get(d, DETAIL_VERP);
    struct str rcpt = recipient_orig(e->recipients).len ? recipient_orig(e->recipients)
                                                        : recipient_address(e->recipients);
    size_t at = str_rfind(sender, '@'), rcpt_at = str_rfind(rcpt, '@');

    if (!m->core.one_by_one || delims.len < 2)
        return sender;
    buf_join(room, str_sub(sender, 0, at), str_sub(delims, 0, 1), str_sub(rcpt, 0, rcpt_at));
    if (rcpt_at != STR_NOT_FOUND)
        buf_join(room, str_sub(delims, 1, 2), str_skip(rcpt, rcpt_at + 1));
    if (at != STR_NOT_FOUND)
        buf_add(room, str_skip(sender, at));
    return buf_str(room);
}

void qmgr_put_request(struct buf *body, const struct schedule_entry *e, const struct details *d)
{
    const struct message *m = message_of(e->message);
    BUF_AUTO(sender, 0);
    struct delivery_request r = {
        .flags = DELIVERY_FLAG_SUCCESS | (e->more ? DELIVERY_FLAG_CONN_LOAD : 0) |
                 (m->flags & MESSAGE_CONFIRM ? DELIVERY_FLAG_RECORD_SENT : 0) |
                 (m->trace_flags &
                  (DELIVERY_FLAG_PROBE_MTA | DELIVERY_FLAG_PROBE_USER | DELIVERY_FLAG_RECORD)),
        .queue_name = STR(QUEUE_ACTIVE),
        .queue_id = str_from(m->id),
        .data_offset = m->data_offset,
        .data_size = m->text_size,
        .nexthop = str_from(e->queue->nexthop),
        .encoding = details_get(d, DETAIL_ENCODING),
        .sendopts = m->sendopts,
        .sender = request_sender(m, d, e, &sender),
        .dsn_envid = details_get(d, DETAIL_ENVID),
        .dsn_ret = m->ret_flags,
        .arrival_sec = m->arrival_us / 1000000,
        .arrival_usec = m->arrival_us % 1000000,
        .active_sec = m->active_us / 1000000,
        .active_usec = m->active_us % 1000000,
        .client_name = details_get(d, DETAIL_CLIENT_NAME),
        .client_addr = details_get(d, DETAIL_CLIENT_ADDR),
        .client_port = details_get(d, DETAIL_CLIENT_PORT),
        .client_proto = details_get(d, DETAIL_CLIENT_PROTO),
        .client_helo = details_get(d, DETAIL_CLIENT_HELO),
        .log_client_name = details_get(d, DETAIL_LOG_NAME),
        .log_client_addr = details_get(d, DETAIL_LOG_ADDR),
        .log_client_port = details_get(d, DETAIL_LOG_PORT),
        .log_client_proto = details_get(d, DETAIL_LOG_PROTO),
        .log_client_helo = details_get(d, DETAIL_LOG_HELO),
        .log_ident = details_get(d, DETAIL_LOG_IDENT),
        .sasl_method = details_get(d, DETAIL_SASL_METHOD),
        .sasl_username = details_get(d, DETAIL_SASL_USERNAME),
        .sasl_sender = details_get(d, DETAIL_SASL_SENDER),
        .rewrite_context = details_get(d, DETAIL_REWRITE),
    };

    delivery_request_encode(body, &r);
    put_recipients(body, e);
}
