#include "base/log.h"
#include "cleanup/message.h"
#include "client/verify.h"
#include "conf/params.h"
#include "delivery/delivery.h"
#include "ipc/messages/delivery.h"

bool probe_is_from_verify(const struct message *m)
{
    return m->env.trace_flags & DELIVERY_FLAG_PROBE_MTA;
}

static void tell_verify(const struct message *m, struct str address, struct str text)
{
    struct str service = verify_conf.address_verify_service_name;

    if (!verify_client_update(service, address, VERIFY_OK, text))
        log_warning("%s: " STR_FMT " service failure", message_id(m), STR_ARG(service));
}

/* Each of the several may be deliverable or not; the address itself is good, and the probe has done its work. */
void probe_answer(struct message *m, struct str address, struct str orig)
{
    struct timeval now = clock_wall();
    struct delivery_log line = {
        .queue_id = message_id(m),
        .recipient = address,
        .orig_rcpt = orig,
        .relay = STR("none"),
        .arrival = m->env.arrival,
        .active = now,
        .start = now,
        .conn_done = now,
        .now = now,
        .dsn = "2.0.0",
        .status = "deliverable",
        .text = STR("aliased to multiple recipients"),
    };

    if (!str_equal(orig, address))
        tell_verify(m, orig, line.text);
    tell_verify(m, address, line.text);
    delivery_log_line(&line);
    m->flags |= CLEANUP_FLAG_DISCARD;
}
