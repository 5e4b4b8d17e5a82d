#pragma once
/* services/webfetch/http - libcurl: the only file that knows it. */
#include "base/buf.h"

struct http_request {
    struct str url;       /* https:// */
    struct str form;      /* empty: GET */
    struct str addresses; /* of the host, commas between: libcurl looks up nothing */
    int wait_s;
    size_t content_max;
};

struct http_answer {
    int status;     /* 0: there was none */
    bool untrusted; /* the server's certificate is not the right one */
    struct buf type, content;
    struct buf why;
};

/* Before the jail.  `authorities`: PEM, kept.  False: it cannot be used. */
NODISCARD bool http_open(struct str authorities);
/* Host and port in the address of a page; false: it is none, or not https. */
NODISCARD bool http_host(struct str url, struct buf *host, int *port);
void http_ask(const struct http_request *request, struct http_answer *answer);
void http_answer_free(struct http_answer *answer);
