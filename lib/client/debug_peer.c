#include "client/debug_peer.h"

#include "base/log.h"
#include "conf/params.h"
#include "table/match.h"

static struct {
    struct match_list *list;
    int added; /* to the log's verbosity, for the session under way */
} peers;

void debug_peer_open(void)
{
    peers.list = match_list_open(site_conf.debug_peer_list, "debug_peer_list",
                                 match_flags_for("debug_peer_list"));
}

void debug_peer_begin(struct str name, struct str address)
{
    if (match_list_is_empty(peers.list) ||
        match_host_address(peers.list, name, address) != MATCH_YES)
        return;
    peers.added = site_conf.debug_peer_level;
    log_set_verbose(log_verbose() + peers.added);
}

void debug_peer_end(void)
{
    log_set_verbose(log_verbose() - peers.added);
    peers.added = 0;
}
