/* The one symbol that relevo-tls.so exports. */
#include "tls/module.h"

#include "tls/client_side.h"
#include "tls/digest.h"

static void set_log(log_sink_fn *sink, int verbose)
{
    log_set_sink(sink);
    log_set_verbose(verbose);
}

const struct tls_module relevo_tls_module = {
    .version = TLS_MODULE_VERSION,
    .set_log = set_log,
    .server_open = server_open,
    .accept = server_accept,
    .accept_begin = server_accept_begin,
    .accept_go_on = server_accept_go_on,
    .abandon = session_free,
    .keys_open = library_start,
    .keys_new = keys_new,
    .keys_free = keys_free,
    .keys_take = keys_take,
    .keys_act = keys_act,
    .digests_open = digests_open,
    .client_open = client_open,
    .connect = client_connect,
};
