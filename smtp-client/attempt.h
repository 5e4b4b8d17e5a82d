#pragma once
/* smtp-client/attempt - a request on its way from server to server, and what has been learnt so far. */
#include "nexthop/resolve.h"
#include "smtp-client/arguments.h"
#include "smtp-client/session.h"

struct attempt {
    struct delivery *d;
    const struct resolver *resolver;
    const struct client_arguments *arguments;
    struct client_session *session; /* the only one of the process, open or not */
    bool last;                      /* the session ends with this message */
    struct fault fault; /* why the recipients that are left are left; text absent: no reason yet */
    bool reached;       /* some server took part in a transaction */
    bool lost;          /* the last session ended in the middle */
    enum requiretls requiretls; /* for the server under way */
    int sessions;               /* with servers of the present destination */
    struct str destination;     /* the present one, as it is written */
    const char *parameter;      /* of main.cf that names the present destination; NULL: none */
};

/* The sender says that arriving matters more than TLS. */
bool tls_is_optional(const struct delivery_request *r);
/* Recipients without an answer. */
size_t attempt_unfinished(const struct attempt *at);
/* The last reason counts, but while one of several ways may work later nothing is hopeless. */
void attempt_note(struct attempt *at, const struct fault *fault);
/* Nobody else will be asked: the recipients that are left get the last reason. */
void attempt_finish_rest(struct attempt *at);
/* Offer the message over the session, which is open and greeted.  It is closed when it is of no use any more. */
void attempt_transfer(struct attempt *at, bool more_servers);
