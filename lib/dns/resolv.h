#pragma once
#include "base/str.h"

#define RESOLV_CONF "/etc/resolv.conf"

/* How patient the machine's resolver is: the "options" of resolv.conf(5), with that page's defaults
 * and ceilings.  c-ares itself knows these words only in later versions, and is far more patient
 * by default than mail that waits behind a silent name server can bear. */
struct resolv_patience {
    int timeout_s; /* of the first attempt; doubles with each */
    int attempts;
};

struct resolv_patience resolv_parse(struct str text);
struct resolv_patience resolv_read(const char *path); /* a missing file: the defaults */
