#pragma once
/* delivery/finish - what reports need, besides delivery.h. */
#include "conf/conf.h"

/* From delivery_open(). */
void finish_open(struct conf *conf);
