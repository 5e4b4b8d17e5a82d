#include "sasl/properties.h"

#include "base/attr.h"

static const struct {
    struct str word;
    struct sasl_policy policy;
} words[] = {
    { STR("noplaintext"), { .forbidden = SASL_PLAINTEXT } },
    { STR("noactive"), { .forbidden = SASL_ACTIVE } },
    { STR("nodictionary"), { .forbidden = SASL_DICTIONARY } },
    { STR("noanonymous"), { .forbidden = SASL_ANONYMOUS } },
    { STR("forward_secrecy"), { .required = SASL_FORWARD_SECRECY } },
    { STR("mutual_auth"), { .required = SASL_MUTUAL_AUTH } },
};

static bool apply(struct str word, struct sasl_policy *policy)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!str_equal_nocase(word, words[i].word))
            continue;
        policy->forbidden |= words[i].policy.forbidden;
        policy->required |= words[i].policy.required;
        return true;
    }
    return false;
}

bool sasl_policy_parse(struct str text, struct sasl_policy *policy, struct str *bad)
{
    struct sasl_policy all = { 0 };
    struct str word;

    while (str_token(&text, ", \t\r\n", &word)) {
        if (apply(word, &all))
            continue;
        *bad = word;
        return false;
    }
    *policy = all;
    return true;
}

bool sasl_mechanism_is_valid(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!char_is_alnum(name.ptr[i]) && name.ptr[i] != '-' && name.ptr[i] != '_')
            return false;
    return name.len > 0 && name.len <= SASL_MECHANISM_MAX;
}

bool sasl_is_base64(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!char_is_alnum(text.ptr[i]) && !str_has(STR("+/="), text.ptr[i]))
            return false;
    return true;
}
