#include "table/plugins/log.h"

void plugin_set_log(log_sink_fn *sink, int verbose)
{
    log_set_sink(sink);
    log_set_verbose(verbose);
}
