#pragma once
/* client/bounce - talk to bounce(8), defer(8) and trace(8). */
#include "ipc/channel.h"
#include "ipc/messages/bounce.h"

/* Append to / act on the log kept by `service` ("bounce", "defer", "trace": names from main.cf).
 * False: nobody there or a failure; then the caller defers the recipient and never drops it. */
NODISCARD bool bounce_client_append(struct str service, const struct bounce_append *entry);
NODISCARD bool bounce_client_report(struct str service, char kind,
                                    const struct bounce_report *report);
/* Report one recipient at once, without a log, to `report->owner`. */
NODISCARD bool bounce_client_one(struct str service, const struct bounce_report *report,
                                 const struct bounce_append *entry);
