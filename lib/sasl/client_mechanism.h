#pragma once
/* The inside of sasl/client, shared by its files; nobody else includes this. */
#include "sasl/client.h"

struct sasl_client_mechanism {
    struct str name;
    unsigned properties; /* enum sasl_property */
    bool takes_token;
    bool proves_server; /* yes counts only when the server has shown that it knows the password */
    enum digest_hash hash;
    bool needs_digests;
    /* NULL: the server begins. */
    void (*first)(struct sasl_client *c, struct buf *response);
    /* `c->step` responses have been given. */
    bool (*respond)(struct sasl_client *c, struct str challenge, struct buf *response);
};

/* scram.c */
void sasl_scram_first(struct sasl_client *c, struct buf *response);
bool sasl_scram_respond(struct sasl_client *c, struct str challenge, struct buf *response);
