/* A session in one line. */
#include "tls/tls.h"

static void put(struct buf *out, const char *what, struct str value)
{
    if (value.len)
        buf_join(out, STR(" "), str_from(what), STR(" "), value);
}

void tls_format_facts(const struct tls_facts *f, struct buf *out)
{
    buf_join(out, f->protocol, STR(" with cipher "), f->cipher, STR(" ("));
    buf_add_int(out, f->bits);
    buf_addc(out, '/');
    buf_add_int(out, f->algorithm_bits);
    buf_add(out, STR(" bits)"));
    put(out, "key-exchange", f->key_exchange);
    put(out, "server-signature", f->server_signature);
    put(out, "server-digest", f->server_digest);
    put(out, "client-signature", f->client_signature);
    put(out, "client-digest", f->client_digest);
}
