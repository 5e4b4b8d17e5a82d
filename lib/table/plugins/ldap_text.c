#include "table/plugins/ldap_text.h"

#include <stdint.h>

static bool quote(struct str part, struct str special, struct buf *out)
{
    for (size_t i = 0; i < part.len; i++)
        if (str_has(special, part.ptr[i]))
            buf_addf(out, "\\%02X", (unsigned)(uint8_t)part.ptr[i]);
        else
            buf_addc(out, part.ptr[i]);
    return true;
}

bool ldap_quote_filter(void *context, struct str part, struct buf *out)
{
    (void)context;
    return quote(part, STR("*()\\\0"), out);
}

bool ldap_quote_name(void *context, struct str part, struct buf *out)
{
    (void)context;
    return quote(part, STR(" \t\"#+,;<>\\\0"), out);
}

static bool is_url(struct str server) { return str_find_str(server, STR("://")) != STR_NOT_FOUND; }

static bool has_port(struct str host)
{
    size_t colon = str_rfind(host, ':');

    return colon != STR_NOT_FOUND &&
           (str_starts(host, STR("[")) ? colon > 0 && host.ptr[colon - 1] == ']'
                                       : colon == str_find(host, ':'));
}

void ldap_join_servers(struct str servers, int port, struct buf *out)
{
    struct str one;

    while (str_token(&servers, ", \t\r\n", &one)) {
        buf_add(out, out->len ? STR(" ") : STR(""));
        if (is_url(one)) {
            buf_add(out, one);
            continue;
        }
        buf_join(out, STR("ldap://"), one);
        if (!has_port(one))
            buf_addf(out, ":%d", port);
    }
}

bool ldap_has_scheme(struct str urls, struct str scheme)
{
    struct str one;

    while (str_token(&urls, " ", &one))
        if (str_skip_prefix_nocase(&one, scheme) && str_starts(one, STR("://")))
            return true;
    return false;
}

struct str ldap_modern_scheme(struct str urls)
{
    if (ldap_has_scheme(urls, STR("ldaps")))
        return STR("ldaps");
    return ldap_has_scheme(urls, STR("ldapi")) ? STR("ldapi") : STR("");
}

struct str ldap_base_name(const char *attribute)
{
    struct str rest = str_from(attribute);

    return str_cut(&rest, ';');
}
