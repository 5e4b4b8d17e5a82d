/* The wire of public/showq (queue/listing.h). */
#include "base/number.h"
#include "ipc/attr.h"
#include "queue/listing.h"

static void put_text(struct buf *out, const char *name, struct str value)
{
    attr_put_str(out, name, str_sub(value, 0, LISTING_VALUE_MAX));
}

void listing_put_head(struct buf *out)
{
    attr_put_str(out, "protocol", STR(LISTING_PROTOCOL));
    attr_put_end(out);
}

void listing_put_message(struct buf *out, const struct listing_message *m)
{
    put_text(out, "queue_name", m->queue);
    put_text(out, "queue_id", m->id);
    attr_put_int(out, "time", m->time);
    attr_put_int(out, "size", m->size);
    attr_put_int(out, "forced_expire", m->forced_expire);
    put_text(out, "sender", m->sender);
}

void listing_put_recipient(struct buf *out, const struct listing_recipient *r)
{
    put_text(out, "original_recipient", r->original);
    put_text(out, "recipient", r->address);
    put_text(out, "log_class", r->log_class);
    put_text(out, "reason", r->reason);
}

void listing_put_end(struct buf *out) { attr_put_end(out); }

/* A list of attributes that must come in this order.  OK: `in` is behind them. */
enum take { TAKE_OK, TAKE_MORE, TAKE_END /* the end of the list stood there */, TAKE_BAD };

static enum take take_values(struct str *in, const char *const *names, struct str *values,
                             size_t count)
{
    struct str rest = *in, name;
    bool incomplete;

    for (size_t i = 0; i < count; i++) {
        if (!attr_take(&rest, &name, &values[i], &incomplete)) {
            if (incomplete)
                return TAKE_MORE;
            *in = rest;
            return i == 0 ? TAKE_END : TAKE_BAD;
        }
        if (!str_equal(name, str_from(names[i])))
            return TAKE_BAD;
    }
    *in = rest;
    return TAKE_OK;
}

static enum take take_head(struct str *in)
{
    static const char *const names[] = { "protocol" };
    struct str value;
    enum take result = take_values(in, names, &value, 1);

    return result == TAKE_OK && !str_equal(value, STR(LISTING_PROTOCOL)) ? TAKE_BAD : result;
}

static enum take take_message(struct str *in, struct listing_message *m)
{
    static const char *const names[] = { "queue_name", "queue_id",      "time",
                                         "size",       "forced_expire", "sender" };
    struct str v[ARRAY_LEN(names)];
    int64_t forced;
    enum take result = take_values(in, names, v, ARRAY_LEN(names));

    if (result != TAKE_OK)
        return result;
    if (!number_parse(v[2], &m->time) || !number_parse(v[3], &m->size) ||
        !number_parse(v[4], &forced))
        return TAKE_BAD;
    m->queue = v[0];
    m->id = v[1];
    m->forced_expire = forced != 0;
    m->sender = v[5];
    return TAKE_OK;
}

static enum take take_recipient(struct str *in, struct listing_recipient *r)
{
    static const char *const names[] = { "original_recipient", "recipient", "log_class", "reason" };
    struct str v[ARRAY_LEN(names)];
    enum take result = take_values(in, names, v, ARRAY_LEN(names));

    if (result == TAKE_OK)
        *r = (struct listing_recipient){ v[0], v[1], v[2], v[3] };
    return result;
}

static enum take step_head(struct listing_parser *p, struct str *in)
{
    enum take result;

    if (!p->head_seen) {
        result = take_head(in);
        p->head_seen = result == TAKE_OK;
        return result == TAKE_END ? TAKE_BAD : result;
    }
    if (in->len == 0)
        return TAKE_MORE;
    if (in->ptr[0] != '\0')
        return TAKE_BAD;
    *in = str_skip(*in, 1);
    p->state = LISTING_BETWEEN;
    return TAKE_OK;
}

static enum take step(struct listing_parser *p, struct str *in, const struct listing_sink *sink)
{
    struct listing_message m;
    struct listing_recipient r;
    enum take result;

    switch (p->state) {
    case LISTING_HEAD:
        return step_head(p, in);
    case LISTING_BETWEEN:
        result = take_message(in, &m);
        if (result == TAKE_OK) {
            p->state = LISTING_INSIDE;
            sink->message(sink->context, &m);
        } else if (result == TAKE_END) {
            p->state = LISTING_DONE;
        }
        return result;
    case LISTING_INSIDE:
        result = take_recipient(in, &r);
        if (result == TAKE_OK) {
            sink->recipient(sink->context, &r);
        } else if (result == TAKE_END) {
            p->state = LISTING_BETWEEN;
            sink->message_end(sink->context);
        }
        return result;
    default:
        return TAKE_MORE;
    }
}

void listing_parse(struct listing_parser *p, struct str *in, const struct listing_sink *sink)
{
    enum take result = TAKE_OK;

    while (result == TAKE_OK || result == TAKE_END)
        result = step(p, in, sink);
    if (result == TAKE_BAD)
        p->state = LISTING_BROKEN;
}
