#pragma once
/* postscreen/proxy - a balancer in front of us says who the client is (postscreen_upstream_proxy_protocol). */
#include "smtp/haproxy.h"

enum proxy_result {
    PROXY_SILENT, /* nothing has come yet */
    PROXY_PARTLY, /* a part of a header */
    PROXY_HEARD,  /* `header`; what comes next is the client's */
    PROXY_NO_USE, /* logged */
};

/* At start: is there one?  Ends the process when the parameter names what nobody knows. */
bool proxy_is_in_front(void);
/* Look at what has come, without waiting.  With `last` nothing more is waited for. */
NODISCARD enum proxy_result proxy_look(int fd, bool last, struct haproxy *header);
