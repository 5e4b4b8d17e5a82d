#pragma once
/* postscreen/tls_settings - TLS as main.cf, and postscreen's line of master.cf, want it (postscreen_tls_*): for postscreen,
 * which announces it, and for tlsproxy, which does it. */
#include "tls/tls.h"

enum tls_server_level tls_settings_level(const struct postscreen_params *p);
/* Without what depends on other services: how sessions are kept, who signs.  `common` outlives the settings. */
void tls_settings_read(const struct postscreen_params *p, const struct tls_params *common,
                       struct tls_server_settings *s);
