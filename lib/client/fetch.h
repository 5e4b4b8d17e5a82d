#pragma once
/* client/fetch - ask a web server, by way of webfetch(8): nobody else speaks HTTP. */
#include "base/buf.h"

struct fetched {
    int status;     /* of HTTP; 0: there was no answer, see `why` */
    bool untrusted; /* because the server's certificate is not the right one */
    struct buf type, content, why;
};
#define FETCHED_AUTO(name) CLEANUP(fetched_free) struct fetched name = { 0 }
void fetched_free(struct fetched *f);

/* GET, or POST where `form` (application/x-www-form-urlencoded) is not empty; redirections are not followed. */
void fetch(struct str url, struct str form, int wait_s, struct fetched *out);
/* A value of a form. */
void fetch_add_quoted(struct buf *form, struct str value);
