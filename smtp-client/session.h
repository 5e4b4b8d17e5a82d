#pragma once
/* smtp-client/session - one connection to one server, kept over as many messages as both sides like.
 *
 * What it is, for those who work on it: connect.h opens it, greet.h begins and ends the dialogue, wire.h moves the
 * bytes, remarks.h keeps what the postmaster should know. */
#include "base/arena.h"
#include "client/transcript.h"
#include "nexthop/fault.h"
#include "nexthop/target.h"
#include "nexthop/tls_policy.h"
#include "os/clock.h"
#include "os/stream.h"
#include "smtp-client/requiretls.h"
#include "smtp-client/tls_status.h"

struct client_session {
    struct stream stream;
    struct smtp_client dialogue;
    struct arena arena;       /* strings of the session */
    struct str nexthop;       /* destination it was opened for */
    struct str name, address; /* of the server */
    int port;
    struct str shown; /* name[address] */
    struct str relay; /* name[address]:port, for relay= */
    int uses;
    int64_t opened_ms;
    struct deadline step_end; /* of the step under way; at_ms 0: it has not begun */
    struct str queue_id;      /* of the message under way, for log lines */
    struct transcript said;   /* kept when the postmaster may want to see it */
    bool at_odds;   /* something was against the protocol: the postmaster may hear of it */
    int babble;     /* lines that were no replies */
    bool lost;      /* the connection failed: no goodbye */
    bool ready;     /* the greeting is over */
    bool delay_dot; /* workaround: wait before the final dot */
    const struct tls_facts *tls; /* NULL: in plain */
    struct tls_status tls_status;
    bool starttls_refused;
    bool tls_optional; /* opened for a message with `TLS-Required: no` */
    struct str domain; /* that the destination names, for policies */
};

#define CLIENT_SESSION_NONE ((struct client_session){ .stream = STREAM_NONE })
static inline bool session_is_open(const struct client_session *s) { return s->stream.fd >= 0; }

/* The server is who it should be, and takes mail whose sender insists on TLS. */
static inline bool session_enforces(const struct client_session *s)
{
    return s->tls && s->tls->matched && (s->dialogue.offer.extensions & SMTP_EXT_REQUIRETLS);
}

/* Of the message that the session is opened for. */
struct session_purpose {
    struct str queue_id;
    struct str nexthop;
    int64_t age_s; /* of the message, for the threshold of workarounds */
    bool lmtp;
    const struct tls_policy *tls;
    bool plain; /* TLS has failed before */
    enum requiretls requiretls;
};
