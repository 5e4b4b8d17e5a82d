#include "postscreen/ehlo_mask.h"

#include "base/log.h"

/* In the order of log lines.  Words that we never offer are words all the same. */
static const struct {
    struct str name;
    unsigned keyword; /* bit of enum dialogue_keyword, or 0 */
} words_known[] = {
#define OFFERED(word)                    \
    {                                    \
        STR(#word), 1U << KEYWORD_##word \
    }
    OFFERED(8BITMIME),
    { STR("AUTH"), 0 },
    OFFERED(ETRN),
    { STR("PIPELINING"), 0 },
    OFFERED(SIZE),
    { STR("VERP"), 0 },
    OFFERED(VRFY),
    { STR("XCLIENT"), 0 },
    { STR("XFORWARD"), 0 },
    OFFERED(STARTTLS),
    OFFERED(ENHANCEDSTATUSCODES),
    OFFERED(DSN),
    OFFERED(SMTPUTF8),
    OFFERED(CHUNKING),
    { STR("REQUIRETLS"), 0 },
#undef OFFERED
};
#define SILENT (1U << 31)

unsigned ehlo_mask_parse(struct str words)
{
    unsigned mask = str_has_word(words, STR("silent-discard")) ? SILENT : 0;

    for (size_t i = 0; i < ARRAY_LEN(words_known); i++)
        if (str_has_word(words, words_known[i].name))
            mask |= 1U << i;
    return mask;
}

static void log_mask(const struct client *c, unsigned mask)
{
    BUF_AUTO(names, 0);

    for (size_t i = 0; i < ARRAY_LEN(words_known); i++)
        if (mask & 1U << i)
            buf_join(&names, STR(" "), words_known[i].name);
    if (names.len && !(mask & SILENT))
        log_info("[%s]%u: discarding EHLO keywords:" STR_FMT, c->address->text, (unsigned)c->port,
                 STR_ARG(buf_str(&names)));
}

static unsigned find_mask(const struct client *c)
{
    const struct screen *s = c->screen;
    BUF_AUTO(words, 0);

    if (table_list_is_empty(s->keyword_maps))
        return s->discarded;
    switch (table_list_lookup(s->keyword_maps, client_address(c), &words)) {
    case TABLE_FOUND:
        break;
    case TABLE_NOT_FOUND:
        return s->discarded;
    case TABLE_ERROR:
        log_fatal("postscreen_discard_ehlo_keyword_address_maps lookup error for %s",
                  c->address->text);
    }
    unsigned mask = ehlo_mask_parse(buf_str(&words));
    if (mask != s->discarded)
        log_mask(c, mask);
    return mask;
}

unsigned ehlo_offer(const struct client *c)
{
    unsigned mask = find_mask(c), offer = c->screen->keywords;

    for (size_t i = 0; i < ARRAY_LEN(words_known); i++)
        if (mask & 1U << i)
            offer &= ~words_known[i].keyword;
    return offer;
}
