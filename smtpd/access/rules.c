/* The restriction language: every word and what judges it. */
#include "smtpd/access/internal.h"

static const struct rule_type rule_types[] = {
#define RULE(word, function, takes, subject, which, decides, whom) \
    { .name = #word,                                               \
      .judge = rule_##function,                                    \
      .argument = RULE_##takes,                                    \
      .about = SUBJECT_##subject,                                  \
      .servers = DNS_##which,                                      \
      .ends_list = (decides),                                      \
      .asks = ACCESS_ASKS_##whom },
#include "smtpd/access/rules.def"
#undef RULE
};

const struct rule_type *rule_type_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(rule_types); i++)
        if (str_equal_nocase(name, str_from(rule_types[i].name)))
            return &rule_types[i];
    return NULL;
}
