#pragma once
/* delivery/log_line - the text of a delivery line, apart from writing it. */
#include "delivery/delivery.h"

void delivery_format_log(struct buf *out, const struct delivery_log *l);
/* As info_log_address_format says: quoted (external) or as it is. */
void delivery_log_address(struct buf *out, struct str address);
