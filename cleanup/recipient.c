/* What one recipient becomes: rewritten, mapped, expanded, written once, copied to those who
 * watch. */
#include "base/log.h"
#include "base/utf8.h"
#include "cleanup/held.h"
#include "cleanup/message.h"
#include "client/bounce.h"
#include "text/address.h"
#include "text/dsn.h"

struct recipient {
    struct str address; /* rewritten and canonical, before alias expansion */
    struct str orig, dsn_orcpt;
    int notify;
};

/* With the original recipient and what its sender wants to hear, so that two aliases that lead to one mailbox show both in
 * X-Original-To, and each gets its report. */
static void format_key(const struct recipient *r, struct str address, struct buf *key)
{
    buf_add_lower(key, address);
    if (site_conf.enable_original_recipient) {
        buf_addc(key, '\0');
        buf_add_lower(key, r->orig);
        buf_addc(key, '\0');
        buf_add_lower(key, r->dsn_orcpt);
        buf_addc(key, (char)r->notify);
    }
}

/* Has it been written already? */
static bool is_duplicate(struct message *m, const struct recipient *r, struct str address)
{
    int limit = site_conf.duplicate_filter_limit;
    BUF_AUTO(key, 0);

    format_key(r, address, &key);
    if (map_has(&m->seen, buf_str(&key)))
        return true;
    if (limit == 0 || m->seen.count < (size_t)limit)
        map_set(&m->seen, buf_str(&key), m);
    return false;
}

static void remember(struct message *m, const struct recipient *r, struct str address,
                     int64_t offset)
{
    if (!(m->flags & CLEANUP_FLAG_BOUNCE) && !m->may_change)
        return;
    if (m->stored_count == m->stored_room) {
        m->stored_room = m->stored_room ? 2 * m->stored_room : 16;
        struct stored_recipient *grown = arena_alloc(&m->arena, m->stored_room * sizeof *grown);
        if (m->stored_count)
            memcpy(grown, m->stored, m->stored_count * sizeof *grown);
        m->stored = grown;
    }
    m->stored[m->stored_count++] = (struct stored_recipient){
        .address = address,
        .orig = r->orig,
        .dsn_orcpt = r->dsn_orcpt,
        .notify = r->notify,
        .offset = offset,
        .is_behind = m->held != NULL,
    };
}

static void put(struct message *m, const struct recipient *r, struct str address)
{
    struct buf *out = message_out(m);

    if (is_duplicate(m, r, address))
        return;
    if (r->notify)
        record_put_attr_int(out, "notify_flags", r->notify);
    if (r->dsn_orcpt.len)
        record_put_attr(out, "dsn_orig_rcpt", r->dsn_orcpt);
    record_put(out, REC_ORCPT, r->orig);
    remember(m, r, address, message_offset(m));
    record_put(out, REC_RCPT, address);
    m->rcpt_count++;
    message_spill(m);
}

/* NOTIFY=SUCCESS of an alias is answered here (RFC 3461 section 5.2.7.3); its members inherit
 * the rest. */
static void report_expansion(struct message *m, struct recipient *r)
{
    struct bounce_append entry = {
        .queue_id = queue_id_str(&m->c->writer.id),
        .recipient = r->address,
        .orig_rcpt = r->orig,
        .dsn_orcpt = r->dsn_orcpt,
        .dsn_notify = r->notify,
        .status = STR("2.0.0"),
        .action = STR("expanded"),
        .reason = STR("alias expanded"),
    };

    if (!bounce_client_append(site_conf.trace_service_name, &entry))
        return; /* then the members' deliveries tell */
    m->traced = true;
    r->notify &= ~DSN_NOTIFY_SUCCESS;
    if (r->notify == 0)
        r->notify = DSN_NOTIFY_NEVER;
}

static void expansion_failed(struct message *m, enum expansion result, struct str at)
{
    BUF_AUTO(quoted, 4096);

    address_quote(at, &quoted);
    if (result == EXPANSION_FAILED) {
        log_warning("%s: virtual_alias_maps map lookup problem for " STR_FMT
                    " -- message not accepted, try again later",
                    message_id(m), STR_ARG(buf_str(&quoted)));
        message_fail(m, CLEANUP_WRITE, STR_NONE);
        return;
    }
    if (result == EXPANSION_LENGTH)
        buf_add(&quoted, STR("..."));
    log_warning("%s: unreasonable virtual_alias_maps %s " STR_FMT
                " -- message not accepted, try again later",
                message_id(m), expansion_text(result), STR_ARG(buf_str(&quoted)));
    message_fail(m, CLEANUP_REPLY, STR("451 4.6.0 Alias expansion error"));
}

static void expand(struct message *m, struct recipient *r)
{
    struct address_set members;
    struct str failed_at;

    if (!(m->flags & CLEANUP_FLAG_MAP_OK) || table_list_is_empty(m->c->mapping.virtual_aliases)) {
        put(m, r, r->address);
        return;
    }
    enum expansion result =
        mapping_expand(&m->c->mapping, r->address, &m->arena, &members, &failed_at);
    if (result != EXPANSION_OK) {
        expansion_failed(m, result, failed_at);
        return;
    }
    if (members.count > 1 && probe_is_from_verify(m)) {
        probe_answer(m, r->address, r->orig);
        return;
    }
    bool is_alias = members.count != 1 || !str_equal_nocase(members.items[0], r->address);
    if (is_alias && (r->notify & DSN_NOTIFY_SUCCESS))
        report_expansion(m, r);
    for (size_t i = 0; i < members.count; i++)
        put(m, r, members.items[i]);
}

static struct str rewritten(struct message *m, struct str address)
{
    struct str result = rewrite_address(m->c->rewriter, REWRITE_LOCAL, address, &m->arena);

    if (result.len == 0)
        result = rewrite_address(m->c->rewriter, REWRITE_LOCAL, site_conf.empty_address_recipient,
                                 &m->arena);
    return result;
}

/* False: a lookup failed, and the message with it. */
static bool canonical(struct message *m, struct str *address)
{
    const char *parameter;

    if (!(m->flags & CLEANUP_FLAG_MAP_OK))
        return true;
    if (mapping_apply(&m->c->mapping, ROLE_ENVELOPE_RECIPIENT, address, &m->arena, &parameter))
        return message_fits(m, *address, "result of a canonical map");
    message_lookup_failed(m, parameter);
    return false;
}

/* What a report calls the recipient when the client gave no ORCPT. */
static struct str default_orcpt(struct message *m, struct str address)
{
    BUF_AUTO(text, 0);

    buf_join(&text, utf8_is_ascii(address) ? STR("rfc822;") : STR("utf-8;"), address);
    return arena_str(&m->arena, buf_str(&text));
}

/* SMTPUTF8 follows from the name a recipient was given, not from what an alias makes of it. */
static bool settle(struct message *m, struct recipient *r)
{
    if (!canonical(m, &r->address))
        return false;
    if (!utf8_is_ascii(r->address))
        m->sendopts |= SENDOPT_UTF8_RCPT;
    return true;
}

static void add_copy(struct message *m, struct str address, int notify, struct str orcpt)
{
    struct recipient r = { .notify = notify, .dsn_orcpt = orcpt };

    r.address = r.orig = rewritten(m, address);
    if (orcpt.len == 0)
        r.dsn_orcpt = default_orcpt(m, r.address);
    if (message_fits(m, r.address, "address for a blind copy") && settle(m, &r))
        expand(m, &r);
}

void recipient_add_bcc(struct message *m, struct str address)
{
    add_copy(m, address, DSN_NOTIFY_NEVER, STR_NONE);
}

static void recipient_bcc(struct message *m, struct str address)
{
    struct str bcc;

    if (!(m->flags & CLEANUP_FLAG_BCC_OK))
        return;
    if (!mapping_bcc(&m->c->mapping, m->c->mapping.recipient_bcc, address, &m->arena, &bcc))
        message_lookup_failed(m, "recipient_bcc_maps");
    else if (bcc.len)
        recipient_add_bcc(m, bcc);
}

void recipient_add(struct message *m, struct str address)
{
    struct next_recipient next = m->env.next;
    struct recipient r = { .notify = next.notify, .dsn_orcpt = next.dsn_orcpt };

    m->env.next = (struct next_recipient){ 0 };
    m->env.last_recipient = arena_str(&m->arena, address);
    m->opts |= next.notify << 1;
    r.orig = next.has_orig ? next.orig : m->env.last_recipient;
    r.address = rewritten(m, address);
    if (r.dsn_orcpt.len == 0)
        r.dsn_orcpt = default_orcpt(m, r.address);
    if (!message_fits(m, r.orig, NULL) || !message_fits(m, r.address, NULL) || !settle(m, &r))
        return;
    if (m->has_local_milters)
        address_set_add(&m->milter_recipients, r.address, &m->arena);
    m->env.last_recipient = r.address; /* log lines name what it has become */
    expand(m, &r);
    if (m->status == CLEANUP_OK)
        recipient_bcc(m, r.address);
}

/* ---- changes by filters */

void recipient_add_changed(struct message *m, struct str address, int notify, struct str orcpt)
{
    add_copy(m, address, notify, orcpt);
    m->opts |= notify << 1;
}

static bool is_meant(const struct stored_recipient *r, struct str original)
{
    return !r->deleted &&
           str_equal(site_conf.enable_original_recipient ? r->orig : r->address, original);
}

static void forget(struct message *m, const struct stored_recipient *stored)
{
    const struct recipient r = { .orig = stored->orig,
                                 .dsn_orcpt = stored->dsn_orcpt,
                                 .notify = stored->notify };
    BUF_AUTO(key, 0);

    format_key(&r, stored->address, &key);
    (void)map_remove(&m->seen, buf_str(&key));
}

void recipient_delete(struct message *m, struct str original)
{
    for (size_t i = 0; i < m->stored_count; i++) {
        struct stored_recipient *r = &m->stored[i];
        if (!is_meant(r, original))
            continue;
        r->deleted = true;
        m->rcpt_count--;
        forget(m, r);
    }
}

void recipient_mark_deleted(struct message *m)
{
    const char canceled = REC_CANCELED;

    for (size_t i = 0; i < m->stored_count; i++) {
        const struct stored_recipient *r = &m->stored[i];
        if (!r->deleted)
            continue;
        if (r->is_behind)
            m->held->tail.ptr[r->offset] = canceled;
        else
            queue_writer_patch(&m->c->writer, r->offset, (struct str){ &canceled, 1 });
    }
}
