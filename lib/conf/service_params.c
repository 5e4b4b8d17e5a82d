#include "conf/service_params.h"

const struct service_param transport_params[] = {
    { "_delivery_slot_cost", "default_delivery_slot_cost" },
    { "_delivery_slot_discount", "default_delivery_slot_discount" },
    { "_delivery_slot_loan", "default_delivery_slot_loan" },
    { "_destination_concurrency_failed_cohort_limit",
      "default_destination_concurrency_failed_cohort_limit" },
    { "_destination_concurrency_limit", "default_destination_concurrency_limit" },
    { "_destination_concurrency_negative_feedback",
      "default_destination_concurrency_negative_feedback" },
    { "_destination_concurrency_positive_feedback",
      "default_destination_concurrency_positive_feedback" },
    { "_destination_rate_delay", "default_destination_rate_delay" },
    { "_destination_recipient_limit", "default_destination_recipient_limit" },
    { "_extra_recipient_limit", "default_extra_recipient_limit" },
    { "_initial_destination_concurrency", "initial_destination_concurrency" },
    { "_minimum_delivery_slots", "default_minimum_delivery_slots" },
    { "_recipient_limit", "default_recipient_limit" },
    { "_recipient_refill_delay", "default_recipient_refill_delay" },
    { "_recipient_refill_limit", "default_recipient_refill_limit" },
    { "_transport_rate_delay", "default_transport_rate_delay" },
};
const size_t transport_param_count = ARRAY_LEN(transport_params);
const struct service_param time_limit_param = { "_time_limit", "command_time_limit" };

const struct param *service_param_find(struct str name)
{
    for (size_t i = 0; i < transport_param_count; i++)
        if (str_ends(name, str_from(transport_params[i].suffix)))
            return param_find(str_from(transport_params[i].fallback));
    if (str_ends(name, str_from(time_limit_param.suffix)))
        return param_find(str_from(time_limit_param.fallback));
    return NULL;
}
