#pragma once
/* delivery/finish - what reports need, besides delivery.h. */
#include "conf/conf.h"
#include "delivery/agent.h"

struct agent_verify finish_find_verify(struct conf *conf);
