/* The site's address maps and the places where they apply. */
#include "rewrite/mapping.h"

#include "base/log.h"

static const struct {
    const char *name;
    unsigned role;
} roles[] = {
    { "envelope_sender", ROLE_ENVELOPE_SENDER },
    { "envelope_recipient", ROLE_ENVELOPE_RECIPIENT },
    { "header_sender", ROLE_HEADER_SENDER },
    { "header_recipient", ROLE_HEADER_RECIPIENT },
};

static unsigned parse_roles(struct str text, const char *parameter)
{
    struct str word, rest = text;
    unsigned result = 0;

    while (str_token(&rest, ", \t\r\n", &word)) {
        size_t i = 0;
        while (i < ARRAY_LEN(roles) && !str_equal_nocase(word, str_from(roles[i].name)))
            i++;
        if (i == ARRAY_LEN(roles))
            log_fatal("unknown %s value \"" STR_FMT "\" in \"" STR_FMT "\"", parameter,
                      STR_ARG(word), STR_ARG(text));
        result |= roles[i].role;
    }
    return result;
}

static struct table_list *open_maps(struct str text, const char *parameter)
{
    return table_list_open(text, parameter, TABLE_DEFAULT);
}

void mapping_open(struct mapping *m, struct rewriter *rewriter, struct conf *conf)
{
    struct str propagate = conf_value(conf, STR("propagate_unmatched_extensions"));

    m->rewriter = rewriter;
    m->sender_canonical = (struct address_maps){
        open_maps(site_conf.sender_canonical_maps, "sender_canonical_maps"),
        parse_roles(cleanup_conf.sender_canonical_classes, "sender_canonical_classes") &
            ROLE_SENDER,
    };
    m->recipient_canonical = (struct address_maps){
        open_maps(site_conf.recipient_canonical_maps, "recipient_canonical_maps"),
        parse_roles(cleanup_conf.recipient_canonical_classes, "recipient_canonical_classes") &
            ROLE_RECIPIENT,
    };
    m->canonical = (struct address_maps){
        open_maps(site_conf.canonical_maps, "canonical_maps"),
        parse_roles(cleanup_conf.canonical_classes, "canonical_classes"),
    };
    m->virtual_aliases = open_maps(site_conf.virtual_alias_maps, "virtual_alias_maps");
    m->sender_bcc = open_maps(cleanup_conf.sender_bcc_maps, "sender_bcc_maps");
    m->recipient_bcc = open_maps(cleanup_conf.recipient_bcc_maps, "recipient_bcc_maps");
    m->canonical_extensions = str_has_word(propagate, STR("canonical"));
    m->virtual_extensions = str_has_word(propagate, STR("virtual"));
    m->masquerade_roles = parse_roles(cleanup_conf.masquerade_classes, "masquerade_classes");
    m->masquerade_exceptions =
        match_list_open(cleanup_conf.masquerade_exceptions, "masquerade_exceptions", 0);
}
