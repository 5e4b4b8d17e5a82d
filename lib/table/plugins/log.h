#pragma once
/* table/plugins/log - what every plug-in says of itself in the same way. */
#include "table/plugin.h"

void plugin_set_log(log_sink_fn *sink, int verbose);
