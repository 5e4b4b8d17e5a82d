/* The restriction language: every word and what judges it. */
#include "smtpd/access/internal.h"

static const struct rule_type rule_types[] = {
    { "defer", rule_defer, RULE_PLAIN },
    { "defer_if_permit", rule_defer_if_permit, RULE_PLAIN },
    { "defer_if_reject", rule_defer_if_reject, RULE_PLAIN },
    { "defer_unauth_destination", rule_defer_unauth_destination, RULE_PLAIN },
    { "permit", rule_permit, RULE_PLAIN },
    { "permit_auth_destination", rule_permit_auth_destination, RULE_PLAIN },
    { "permit_inet_interfaces", rule_permit_inet_interfaces, RULE_PLAIN },
    { "permit_mynetworks", rule_permit_mynetworks, RULE_PLAIN },
    { "permit_sasl_authenticated", rule_permit_sasl_authenticated, RULE_PLAIN },
    { "reject", rule_reject, RULE_PLAIN },
    { "reject_invalid_helo_hostname", rule_reject_invalid_helo, RULE_PLAIN },
    { "reject_invalid_hostname", rule_reject_invalid_helo, RULE_PLAIN },
    { "reject_multi_recipient_bounce", rule_reject_multi_recipient_bounce, RULE_PLAIN },
    { "reject_non_fqdn_helo_hostname", rule_reject_non_fqdn_helo, RULE_PLAIN },
    { "reject_non_fqdn_hostname", rule_reject_non_fqdn_helo, RULE_PLAIN },
    { "reject_non_fqdn_recipient", rule_reject_non_fqdn_recipient, RULE_PLAIN },
    { "reject_non_fqdn_sender", rule_reject_non_fqdn_sender, RULE_PLAIN },
    { "reject_unauth_destination", rule_reject_unauth_destination, RULE_PLAIN },
    { "reject_unauth_pipelining", rule_reject_unauth_pipelining, RULE_PLAIN },
    { "reject_unknown_client", rule_reject_unknown_client, RULE_PLAIN },
    { "reject_unknown_client_hostname", rule_reject_unknown_client, RULE_PLAIN },
    { "reject_unknown_reverse_client_hostname", rule_reject_unknown_reverse_client, RULE_PLAIN },
    { "reject_unlisted_recipient", rule_reject_unlisted_recipient, RULE_PLAIN },
    { "reject_unlisted_sender", rule_reject_unlisted_sender, RULE_PLAIN },
    { "warn_if_reject", rule_warn_if_reject, RULE_PLAIN },
};

const struct rule_type *rule_type_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(rule_types); i++)
        if (str_equal_nocase(name, str_from(rule_types[i].name)))
            return &rule_types[i];
    return NULL;
}
