#include "cleanup/edits.h"

#include "base/log.h"
#include "base/utf8.h"
#include "cleanup/held.h"
#include "cleanup/output.h"
#include "text/address.h"
#include "text/dsn.h"
#include "text/xtext.h"

#define ASKED_MAX (4UL * 1024 * 1024) /* of one filter, for one message, but for a new body */
#define ASKED_MIN 32                  /* what the least of requests counts */

/* ---- headers */

/* A line that does not begin with white space would be a header of its own; a CR before a line end is none of the text. */
static void add_folded(struct str value, struct buf *out)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool more = i + 1 < value.len;
        if (c == '\r' && more && value.ptr[i + 1] == '\n')
            continue;
        if (c == '\n' && !more)
            break;
        buf_addc(out, c);
        if (c == '\n' && value.ptr[i + 1] != ' ' && value.ptr[i + 1] != '\t')
            buf_addc(out, '\t');
    }
}

/* At the end of a line if there is one. */
static struct str cut_to_limit(const struct message *m, struct str header)
{
    size_t limit = message_header_limit(m);

    if (header.len <= limit)
        return header;
    struct str kept = str_sub(header, 0, limit);
    size_t line_end = str_rfind(kept, '\n');
    return line_end == STR_NOT_FOUND ? kept : str_sub(kept, 0, line_end);
}

static void format_header(const struct edits *e, const struct milter_reply *r, struct buf *out)
{
    bool exact = e->by->machine.steps & MILTER_LEADING_SPACE;
    BUF_AUTO(text, 0);

    buf_join(&text, r->name, exact ? STR(":") : STR(": "), r->value);
    add_folded(buf_str(&text), out);
    buf_truncate(out, cut_to_limit(e->m, buf_str(out)).len);
}

static bool misconfigured(struct edits *e, const char *why)
{
    e->verdict = milter_client_misconfigured(e->by, str_from(why));
    return false;
}

/* milter_header_checks see a header before it is stored.  False: it is not. */
static bool is_kept(struct edits *e, struct str *header)
{
    struct str replacement = STR_NONE;

    if (checks_milter_header(e->m, *header, &replacement) == CHECK_DROP)
        return false;
    if (replacement.ptr)
        *header = replacement;
    output_note_utf8(e->m, *header);
    return true;
}

static bool put_header(struct edits *e, const struct milter_reply *r, size_t at, bool replaces)
{
    BUF_AUTO(text, 0);

    format_header(e, r, &text);
    struct str header = buf_str(&text);
    if (!is_kept(e, &header))
        return true;
    if (replaces ? held_replace(e->m->held, at, header) : held_insert(e->m->held, at, header))
        return true;
    return misconfigured(e, "too many header changes");
}

static bool add_header(struct edits *e, const struct milter_reply *r)
{
    return put_header(e, r, e->m->held->count, false);
}

static bool insert_header(struct edits *e, const struct milter_reply *r)
{
    return put_header(e, r, r->index, false);
}

static bool change_header(struct edits *e, const struct milter_reply *r)
{
    struct held *h = e->m->held;
    size_t at = held_find(h, r->name, r->index);
    bool found = at < h->count;

    if (r->value.len)
        return put_header(e, r, at, found);
    if (found)
        held_remove(h, at);
    return true;
}

/* ---- the body */

static void put_body(struct edits *e, struct str text, bool ends_line)
{
    struct held *h = e->m->held;
    size_t limit = (size_t)site_conf.line_length_limit;

    if (text.len == 0 && !ends_line)
        return;
    struct buf *out = held_body_out(h, (int64_t)text.len + ends_line);
    for (; text.len > limit; text = str_skip(text, limit))
        record_put(out, REC_TEXT_PART, str_sub(text, 0, limit));
    record_put(out, ends_line ? REC_TEXT : REC_TEXT_PART, text);
    e->in_line = !ends_line;
    held_body_spill(h);
}

/* A piece between two line ends, or the part of one; a CR counts only when it is known what follows. */
static void put_piece(struct edits *e, struct str piece, bool ends_line)
{
    if (e->pending_cr && !(ends_line && piece.len == 0))
        put_body(e, STR("\r"), false);
    e->pending_cr = str_ends(piece, STR("\r"));
    if (e->pending_cr)
        piece.len--;
    put_body(e, piece, ends_line);
    e->pending_cr = e->pending_cr && !ends_line;
}

static bool body_is_too_big(struct edits *e)
{
    int64_t limit = site_conf.message_size_limit;

    if (limit == 0 || e->m->held->body.bytes <= limit)
        return false;
    log_warning("%s: queue file size limit exceeded", message_id(e->m));
    message_fail(e->m, CLEANUP_SIZE, STR_NONE);
    return true;
}

static bool replace_body(struct edits *e, const struct milter_reply *r)
{
    struct str rest = r->value;

    if (!e->body_begun) {
        held_drop_body(e->m->held);
        e->m->held->separated = true;
        e->body_begun = true;
    }
    while (rest.len) {
        size_t end = str_find(rest, '\n');
        put_piece(e, str_sub(rest, 0, end), end != STR_NOT_FOUND);
        rest = end == STR_NOT_FOUND ? STR("") : str_skip(rest, end + 1);
    }
    return !body_is_too_big(e);
}

void edits_finish(struct edits *e)
{
    if (e->pending_cr || e->in_line) {
        if (e->pending_cr)
            put_body(e, STR("\r"), false);
        e->pending_cr = false;
        put_body(e, STR(""), true);
    }
}

/* ---- the envelope */

#define FROM_TABLE "from Milter or header/body_checks"

/* The first address of the text, in internal form; empty: there is none. */
static struct str take_address(struct message *m, struct str text, bool *several)
{
    struct address_list list;
    struct str found = STR("");
    size_t count = 0;

    address_list_parse(&m->arena, text, (size_t)site_conf.header_address_token_limit, &list);
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].kind == ADDRESS_MAILBOX && count++ == 0)
            found = list.items[i].address;
    *several = count > 1;
    return found;
}

static bool take_notify(struct str value, int *notify)
{
    struct str bad = STR_NONE;
    unsigned parsed;

    if (dsn_notify_parse(value, &parsed, &bad)) {
        *notify = (int)parsed;
        return true;
    }
    if (bad.len)
        log_warning("unknown DSN NOTIFY command value \"" STR_FMT "\" in \"" STR_FMT "\"",
                    STR_ARG(bad), STR_ARG(value));
    return false;
}

static bool take_orcpt(struct message *m, struct str value, struct str *orcpt)
{
    BUF_AUTO(text, 0);

    if (!dsn_orcpt_parse(value, true, &text))
        return false;
    *orcpt = arena_str(&m->arena, buf_str(&text));
    return true;
}

static void warn_of_parameter(const struct message *m, const char *what, struct str word)
{
    log_warning("%s: %s " FROM_TABLE ": \"" STR_FMT "\"", message_id(m), what, STR_ARG(word));
}

static void take_parameters(struct message *m, struct str rest, int *notify, struct str *orcpt)
{
    struct str word;

    while (str_token(&rest, " \t", &word)) {
        struct str value = word;
        if (str_skip_prefix_nocase(&value, STR("NOTIFY="))) {
            if (!take_notify(value, notify))
                warn_of_parameter(m, "Bad NOTIFY parameter", word);
        } else if (str_skip_prefix_nocase(&value, STR("ORCPT="))) {
            if (!take_orcpt(m, value, orcpt))
                warn_of_parameter(m, "Bad ORCPT parameter", word);
        } else {
            warn_of_parameter(m, "ignoring ESMTP argument", word);
        }
    }
}

static bool add_recipient(struct edits *e, const struct milter_reply *r)
{
    struct message *m = e->m;
    int notify = DSN_NOTIFY_NONE;
    struct str orcpt = STR_NONE;
    bool several;

    struct str address = take_address(m, r->name, &several);
    if (address.len == 0) {
        log_warning("%s: ignoring attempt from Milter to add null recipient", message_id(m));
        return true;
    }
    if (several)
        log_warning("%s: request to add multi-recipient: \"" STR_FMT "\"", message_id(m),
                    STR_ARG(r->name));
    take_parameters(m, r->value, &notify, &orcpt);
    recipient_add_changed(m, arena_str(&m->arena, address), notify, orcpt);
    return m->status == CLEANUP_OK;
}

static bool delete_recipient(struct edits *e, const struct milter_reply *r)
{
    bool several;

    recipient_delete(e->m, take_address(e->m, r->name, &several));
    return true;
}

static void change_sender_parameter(struct message *m, struct str word)
{
    struct str value = word;
    enum dsn_ret ret;
    BUF_AUTO(text, 0);

    if (str_skip_prefix_nocase(&value, STR("RET=")) && dsn_ret_parse(value, &ret)) {
        m->env.ret_flags = (int)ret;
        record_put_attr_int(message_out(m), "ret_flags", ret);
    } else if ((value = word, str_skip_prefix_nocase(&value, STR("ENVID="))) &&
               xtext_decode(value, &text)) {
        m->env.envelope_id = arena_str(&m->arena, buf_str(&text));
        record_put_attr(message_out(m), "envelope_id", m->env.envelope_id);
    } else {
        log_warning("%s: Ignoring bad ESMTP parameter \"" STR_FMT "\" in SMFI_CHGFROM request",
                    message_id(m), STR_ARG(word));
    }
}

static bool change_sender(struct edits *e, const struct milter_reply *r)
{
    struct message *m = e->m;
    struct str rest = r->value, word;
    bool several;

    envelope_change_sender(m, take_address(m, r->name, &several));
    while (m->status == CLEANUP_OK && str_token(&rest, " \t", &word))
        change_sender_parameter(m, word);
    return m->status == CLEANUP_OK;
}

static bool hold(struct edits *e, const struct milter_reply *r)
{
    milters_hold_message(e->m, r->text);
    return true;
}

static const struct {
    enum milter_reply_kind kind;
    bool (*make)(struct edits *e, const struct milter_reply *r);
} kinds[] = {
    { MILTER_QUARANTINE, hold },
    { MILTER_ADD_HEADER, add_header },
    { MILTER_INSERT_HEADER, insert_header },
    { MILTER_CHANGE_HEADER, change_header },
    { MILTER_REPLACE_BODY, replace_body },
    { MILTER_ADD_RCPT, add_recipient },
    { MILTER_DELETE_RCPT, delete_recipient },
    { MILTER_CHANGE_SENDER, change_sender },
};

/* Once the message is refused, what else is to be done to it does not matter. */
bool edits_make(void *context, const struct milter_reply *change)
{
    struct edits *e = context;

    if (change->kind != MILTER_REPLACE_BODY)
        e->bytes += ASKED_MIN + change->name.len + change->value.len;
    if (e->bytes > ASKED_MAX)
        return misconfigured(e, "too many changes");
    if (e->m->status != CLEANUP_OK)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].kind == change->kind)
            return kinds[i].make(e, change);
    return true;
}
