#pragma once
/* services/bounce/values - what templates may refer to, taken from main.cf. */
#include "conf/conf.h"
#include "services/bounce/template.h"

/* Append the expanded text of `t`.  A time that comes out as 0 in the unit of the template is
 * complained about in the log. */
void template_expand_conf(struct conf *conf, enum template_kind kind,
                          const struct bounce_template *t, struct buf *out);
