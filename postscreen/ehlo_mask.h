#pragma once
/* postscreen/ehlo_mask - which EHLO keywords a client is not told (postscreen_discard_ehlo_keywords and its maps). */
#include "postscreen/facts.h"

/* Of such a list of words, for struct screen. */
unsigned ehlo_mask_parse(struct str words);
/* Bits of enum dialogue_keyword that this client is offered. */
unsigned ehlo_offer(const struct client *c);
