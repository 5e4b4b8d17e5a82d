#include "pickup/maildrop_copy.h"

#include "ipc/messages/cleanup.h"

#define SENDOPTS_ASKED_FOR (SENDOPT_SMTPUTF8 | SENDOPT_REQUIRETLS)

static enum maildrop_verdict bad(struct maildrop_copy *c, const char *why)
{
    c->why = why;
    return MAILDROP_BAD;
}

static enum maildrop_verdict judge_envelope(struct maildrop_copy *c, const struct record *rec)
{
    struct record_size size;

    switch (rec->type) {
    case REC_SIZE:
        if (record_size_parse(rec->payload, &size))
            c->sendopts = (int)(size.sendopts & SENDOPTS_ASKED_FOR);
        return MAILDROP_DROP;
    case REC_FILTER:
    case REC_REDIRECT:
        return MAILDROP_DROP;
    case REC_TIME:
        c->has_time = true;
        return MAILDROP_COPY;
    case REC_SENDER:
        c->has_sender = true;
        return MAILDROP_COPY;
    case REC_MESSAGE:
        if (!c->has_sender)
            return bad(c, "no envelope sender");
        c->segment = SEGMENT_MESSAGE;
        return MAILDROP_MESSAGE;
    default:
        return MAILDROP_COPY;
    }
}

static enum maildrop_verdict judge_message(struct maildrop_copy *c, const struct record *rec)
{
    if (rec->type != REC_EXTRACTED)
        return MAILDROP_COPY;
    c->segment = SEGMENT_EXTRACTED;
    return MAILDROP_EXTRACTED;
}

static bool survives(struct str payload)
{
    static const char *const names[] = { "dsn_orig_rcpt", "notify_flags", "envelope_id",
                                         "ret_flags", "create_time" };
    struct str name, value;

    if (!record_split_attr(payload, &name, &value))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_equal(name, str_from(names[i])))
            return true;
    return false;
}

static enum maildrop_verdict judge_extracted(const struct record *rec)
{
    switch (rec->type) {
    case REC_END:
        return MAILDROP_END;
    case REC_RETURN_RECEIPT:
    case REC_ERRORS_TO:
    case REC_FILTER:
    case REC_REDIRECT:
        return MAILDROP_DROP;
    case REC_ATTR:
        return survives(rec->payload) ? MAILDROP_COPY : MAILDROP_DROP;
    default:
        return MAILDROP_COPY;
    }
}

static bool is_of_postdrop(const struct record *rec)
{
    return rec->type == REC_TIME || rec->type == REC_SIZE;
}

static enum maildrop_verdict check_user(struct maildrop_copy *c, const struct record *rec)
{
    if (c->requeued || (!c->direct && is_of_postdrop(rec)))
        return MAILDROP_COPY;
    switch (drop_check_record(&c->check, rec)) {
    case DROP_BAD:
        return bad(c, c->check.why);
    case DROP_SKIP:
        if (c->direct)
            c->sendopts = c->check.sendopts;
        return MAILDROP_DROP;
    default:
        return MAILDROP_COPY;
    }
}

enum maildrop_verdict maildrop_copy_record(struct maildrop_copy *c, const struct record *rec)
{
    enum maildrop_verdict user = check_user(c, rec);

    if (user != MAILDROP_COPY)
        return user;
    if (rec->type == REC_PADDING || rec->type == REC_KILLED)
        return MAILDROP_DROP;
    if (!record_allowed(rec->type, c->segment))
        return bad(c, "unexpected record type");
    if (c->segment == SEGMENT_ENVELOPE)
        return judge_envelope(c, rec);
    return c->segment == SEGMENT_MESSAGE ? judge_message(c, rec) : judge_extracted(rec);
}

static bool list_has(struct str list, struct str word)
{
    struct str item;

    while (str_token(&list, ", \t\r\n", &item))
        if (str_equal_nocase(item, word))
            return true;
    return false;
}

int maildrop_cleanup_flags(const struct maildrop_flags *f)
{
    int flags = CLEANUP_FLAG_BOUNCE | CLEANUP_FLAGS_EXTERNAL;

    if (list_has(f->overrides, STR("no_address_mappings")))
        flags &= ~(CLEANUP_FLAG_MAP_OK | CLEANUP_FLAG_BCC_OK);
    if (list_has(f->overrides, STR("no_header_body_checks")))
        flags &= ~CLEANUP_FLAG_FILTER;
    if (f->requeued || list_has(f->overrides, STR("no_milters")))
        flags &= ~CLEANUP_FLAG_MILTER;
    if (f->smtputf8 &&
        (list_has(f->utf8_classes, STR("sendmail")) || list_has(f->utf8_classes, STR("all"))))
        flags |= CLEANUP_FLAG_SMTPUTF8_AUTO;
    return flags;
}
