#pragma once
/* smtp-client/suitable - can this server take this message at all? */
#include "delivery/delivery.h"
#include "smtp-client/session.h"

enum suitability {
    SUITABLE_HERE,
    SUITABLE_ELSEWHERE, /* maybe at another server */
    SUITABLE_NOWHERE,   /* others of the destination will not be asked */
};

/* `fault` says why this server will not do. */
enum suitability suitable_server(struct delivery *d, const struct client_session *s,
                                 struct fault *fault);
