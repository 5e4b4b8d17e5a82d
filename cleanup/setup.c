/* Opening what cleanup needs, before the jail. */
#include "base/log.h"
#include "cleanup/milters.h"
#include "text/escape.h"
#include "text/mime.h"

/* Content may be of any encoding. */
static struct table_list *open_content_maps(struct str text, const char *parameter)
{
    return table_list_open(text, parameter, TABLE_FOLD);
}

static void open_checks(struct cleanup *c)
{
    c->header_checks = open_content_maps(cleanup_conf.header_checks, "header_checks");
    c->mime_header_checks =
        open_content_maps(cleanup_conf.mime_header_checks, "mime_header_checks");
    c->nested_header_checks =
        open_content_maps(cleanup_conf.nested_header_checks, "nested_header_checks");
    c->body_checks = open_content_maps(cleanup_conf.body_checks, "body_checks");
    c->milter_header_checks =
        open_content_maps(milter_conf.milter_header_checks, "milter_header_checks");
    c->has_checks =
        !table_list_is_empty(c->header_checks) || !table_list_is_empty(c->mime_header_checks) ||
        !table_list_is_empty(c->nested_header_checks) || !table_list_is_empty(c->body_checks);
}

static void choose_mime_flags(struct cleanup *c)
{
    const struct {
        bool on;
        unsigned flags;
    } wanted[] = {
        { site_conf.strict_8bitmime, MIME_REPORT_8BIT_HEADER | MIME_REPORT_8BIT_BODY },
        { site_conf.strict_7bit_headers, MIME_REPORT_8BIT_HEADER },
        { site_conf.strict_8bitmime_body, MIME_REPORT_8BIT_BODY },
        { site_conf.strict_mime_encoding_domain, MIME_REPORT_ENCODING_DOMAIN },
        { str_equal(cleanup_conf.non_empty_end_of_header_action, STR("reject")),
          MIME_REPORT_BAD_HEADER_END },
    };

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (wanted[i].on)
            c->mime_flags |= wanted[i].flags;
}

static void choose_dropped_headers(struct cleanup *c)
{
    struct str list = site_conf.message_drop_headers, word;

    c->drop_names = MAP_INIT;
    while (str_token(&list, ", \t\r\n:", &word)) {
        const struct header_info *info = header_find(word);
        BUF_AUTO(lower, 0);
        buf_add_lower(&lower, word);
        if (info)
            c->drop[info->id] = true;
        else
            map_set(&c->drop_names, buf_str(&lower), c);
    }
    c->drops_unknown = c->drop_names.count > 0;
}

void cleanup_setup(struct cleanup *c, struct conf *conf)
{
    *c = (struct cleanup){
        .layout = { site_conf.hash_queue_names, site_conf.hash_queue_depth },
        .writer = QUEUE_WRITER_INIT,
        .logs_removal = !conf_level_below(conf, CONF_LEVEL_IDS_AT_END),
    };
    c->rewriter = rewrite_open(conf, site_conf.rewrite_service_name);
    mapping_open(&c->mapping, c->rewriter, conf);
    open_checks(c);
    milters_setup(c);
    choose_mime_flags(c);
    choose_dropped_headers(c);
    escape_decode(cleanup_conf.message_strip_characters, &c->strip);
    escape_decode(cleanup_conf.message_reject_characters, &c->reject);
}
