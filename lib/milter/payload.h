#pragma once
/* milter/payload - the insides of packets: words in network order, strings that end in NUL. */
#include "base/buf.h"

void milter_put_word(struct buf *out, uint32_t value);
/* What stands behind a NUL in `s` is left out. */
void milter_put_string(struct buf *out, struct str s);
/* Who has connected; `family` is '4', '6', 'L' (a UNIX socket) or 'U' (nobody knows), the address then is of no use. */
void milter_put_connect(struct buf *out, struct str host, char family, int port,
                        struct str address);

/* Cut one off the front.  False, `in` untouched: it is too short. */
NODISCARD bool milter_take_word(struct str *in, uint32_t *value);
NODISCARD bool milter_take_string(struct str *in, struct str *s);
