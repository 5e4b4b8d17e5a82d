#pragma once
/* nexthop/anchors - files with certificates and keys that are trusted instead of the authorities of main.cf. */
#include "base/arena.h"
#include "tls/client.h"

/* Read those of main.cf, before the jail: what cannot be read there is tried again when it is needed. */
void anchors_open(struct str files);
/* All of `files`, in any order.  False, logged: one of them cannot be read.  Texts live in `a`, or as long as the process. */
NODISCARD bool anchors_read(struct str files, struct arena *a, const struct tls_anchor **list);
