#pragma once
/* tls/digest - the module's hashes, for other purposes than TLS. */
#include "base/digest.h"

/* NULL: the library does not work. */
const struct digests *digests_open(void);
