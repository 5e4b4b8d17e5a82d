#pragma once
/* postscreen/tls_settings - TLS as main.cf wants it for postscreen (postscreen_tls_*), which announces it, and tlsproxy, which
 * does it. */
#include "tls/tls.h"

enum tls_server_level tls_settings_level(void);
/* Without what depends on other services: how sessions are kept, who signs. */
void tls_settings_read(struct tls_server_settings *s);
