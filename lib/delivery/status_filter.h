#pragma once
/* delivery/status_filter - <transport>_delivery_status_filter: tables that replace the status code
 * and text of an outcome.  Success cannot become failure, nor failure success; a soft failure may
 * become hard and the reverse. */
#include "delivery/delivery.h"

NODISCARD struct status_filter status_filter_open(struct str tables, const char *parameter);
void status_filter_close(struct status_filter *f);
/* `o` is changed in place; new text lives in `a`. */
void status_filter_apply(const struct status_filter *f, struct outcome *o, struct arena *a);
/* The rule itself: is `result` ("5.1.1 text") a permitted replacement?  Then `o` takes it over. */
NODISCARD bool status_filter_replace(struct outcome *o, struct arena *a, struct str result);
