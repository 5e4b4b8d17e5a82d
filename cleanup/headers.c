/* What is done with each header of the message. */
#include "base/log.h"
#include "cleanup/output.h"
#include "text/address.h"

#define FOLD_COLUMNS 69

bool headers_rewrites(const struct message *m)
{
    return m->env.context == REWRITE_LOCAL || site_conf.remote_header_rewrite_domain.len > 0;
}

static bool is_dropped(struct message *m, const struct header_info *info, struct str header)
{
    BUF_AUTO(lower, 0);

    if (info)
        return m->c->drop[info->id];
    if (!m->c->drops_unknown)
        return false;
    buf_add_lower(&lower, str_trim(str_sub(header, 0, header_name_length(header))));
    return map_has(&m->c->drop_names, buf_str(&lower));
}

static void count_hop(struct message *m)
{
    if (++m->content.hops != site_conf.hopcount_limit)
        return;
    log_warning("%s: message rejected: hopcount exceeded", message_id(m));
    message_fail(m, CLEANUP_HOPS, STR_NONE);
}

/* What counts even for headers that are copied. */
static void note(struct message *m, const struct header_info *info)
{
    if (info == NULL)
        return;
    m->content.seen[info->id] = true;
    m->content.resent |= (info->flags & HEADER_IS_RESENT) != 0;
    if (info->id == HEADER_RECEIVED)
        count_hop(m);
}

static bool is_read(const struct header_info *info)
{
    switch (info->id) {
    case HEADER_MESSAGE_ID:
    case HEADER_RESENT_MESSAGE_ID:
    case HEADER_CONTENT_TYPE:
    case HEADER_CONTENT_TRANSFER_ENCODING:
    case HEADER_TLS_REQUIRED:
    case HEADER_REQUIRE_TLS_ESMTP:
        return true;
    default:
        return false;
    }
}

bool headers_is_special(struct message *m, const struct header_info *info, struct str line)
{
    bool addresses = info && (info->flags & HEADER_IS_ADDRESS) && headers_rewrites(m);

    bool blanks = str_find(line, ':') != header_name_length(line);

    if (is_dropped(m, info, line) || addresses || blanks || (info && is_read(info)))
        return true;
    note(m, info);
    return false;
}

/* ---- addresses ---- */

/* True if it changed. */
static bool rewrite_item(struct message *m, enum address_role role, struct address_item *item,
                         struct arena *a)
{
    struct str address = (item->quoted ? rewrite_quoted : rewrite_address)(
        m->c->rewriter, m->env.context, item->address, a);
    const char *parameter;

    if ((m->flags & CLEANUP_FLAG_MAP_OK) &&
        !mapping_apply(&m->c->mapping, role, &address, a, &parameter)) {
        message_lookup_failed(m, parameter);
        return false;
    }
    item->changed = !str_equal(address, item->address);
    item->address = address;
    return item->changed;
}

/* A header whose addresses stay as they are is not formatted anew, whatever it looks like. */
static void put_addresses(struct message *m, const struct header_info *info, struct str header)
{
    enum address_role role =
        info->flags & HEADER_IS_SENDER ? ROLE_HEADER_SENDER : ROLE_HEADER_RECIPIENT;
    struct address_list list;
    struct str name, value;
    bool changed = false;
    ARENA_AUTO(arena); /* a message may have any number of them */
    BUF_AUTO(text, 0);

    if (!header_split(header, &name, &value))
        return;
    header_unfold(value, &text);
    address_list_parse(&arena, buf_str(&text), (size_t)site_conf.header_address_token_limit, &list);
    for (size_t i = 0; i < list.count && !list.truncated; i++)
        if (list.items[i].kind == ADDRESS_MAILBOX && list.items[i].address.len)
            changed |= rewrite_item(m, role, &list.items[i], &arena);
    if (!changed) {
        output_lines(m, header);
        return;
    }
    BUF_AUTO(line, 0);
    buf_join(&line, name, STR(": "));
    address_list_format(&list, line.len, FOLD_COLUMNS, &line);
    output_lines(m, buf_str(&line));
}

/* ---- the others ---- */

static void log_id(struct message *m, const char *what, struct str value)
{
    BUF_AUTO(line, 0);

    if (!message_may_remark(m))
        return;
    header_unfold(value, &line);
    log_info("%s: %s=" STR_FMT, message_id(m), what, STR_ARG(str_trim(buf_str(&line))));
}

static void note_encoding(struct message *m, struct str value)
{
    if (str_starts_nocase(value, STR("8bit")) || str_starts_nocase(value, STR("binary")))
        m->content.declares_8bit = cleanup_conf.detect_8bit_encoding_header;
}

/* Whoever sends it may say that arriving matters more than TLS (RFC 8689). */
static void note_tls_optional(struct message *m, struct str value)
{
    if (!tls_conf.tls_required_enable)
        return;
    if (str_equal_nocase(value, STR("no")))
        m->sendopts |= SENDOPT_TLS_OPTIONAL;
    else
        log_warning("ignoring malformed header: 'TLS-Required: " STR_FMT "'", STR_ARG(value));
}

static void read_header(struct message *m, const struct header_info *info, struct str header)
{
    struct str name, value;

    if (!header_split(header, &name, &value))
        return;
    switch (info->id) {
    case HEADER_MESSAGE_ID:
        log_id(m, "message-id", value);
        m->content.logged_id = true;
        break;
    case HEADER_RESENT_MESSAGE_ID:
        log_id(m, "resent-message-id", value);
        break;
    case HEADER_CONTENT_TRANSFER_ENCODING:
        if (m->content.mime == NULL) /* else text/mime knows better */
            note_encoding(m, value);
        break;
    case HEADER_CONTENT_TYPE:
        m->content.is_composite = str_starts_nocase(value, STR("multipart/")) ||
                                  str_starts_nocase(value, STR("message/"));
        break;
    case HEADER_TLS_REQUIRED:
        note_tls_optional(m, str_trim(value));
        break;
    case HEADER_REQUIRE_TLS_ESMTP:
        if (site_conf.requiretls_esmtp_header && str_equal_nocase(str_trim(value), STR("yes")))
            m->sendopts |= SENDOPT_REQUIRETLS;
        break;
    default:
        break;
    }
}

static void take_primary(struct message *m, const struct header_info *info, struct str header)
{
    if (is_dropped(m, info, header))
        return;
    note(m, info);
    output_note_utf8(m, header);
    if (info)
        read_header(m, info, header);
    if (info && (info->flags & HEADER_IS_ADDRESS) && headers_rewrites(m))
        put_addresses(m, info, header);
    else
        output_lines(m, header);
}

/* `Name : value` becomes `Name: value`; the blanks hide the header from some readers. */
static struct str without_blanks(struct str header, struct buf *copy)
{
    size_t end = header_name_length(header), colon = str_find(header, ':');

    if (end == 0 || colon == end)
        return header;
    buf_join(copy, str_sub(header, 0, end), str_skip(header, colon));
    return buf_str(copy);
}

void headers_take(struct message *m, enum mime_part part, const struct header_info *info,
                  struct str header)
{
    struct str replacement = STR_NONE;
    BUF_AUTO(copy, 0);

    header = without_blanks(header, &copy);
    if (checks_header(m, mime_part_for_checks(part, info), header, &replacement) == CHECK_DROP ||
        !message_is_wanted(m))
        return;
    if (replacement.ptr) {
        header = replacement;
        info = header_find(str_trim(str_sub(header, 0, header_name_length(header))));
    }
    if (part == MIME_PRIMARY) {
        take_primary(m, info, header);
    } else {
        output_note_utf8(m, header);
        output_lines(m, header);
    }
}
