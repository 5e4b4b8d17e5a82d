#include "delivery/log_line.h"

#include "base/log.h"
#include "base/number.h"
#include "text/address.h"

/* What delivery lines depend on; read once at start. */
static struct {
    int decimals;
    bool internal_form;
} settings = { .decimals = 2 };

void delivery_log_open(struct conf *conf)
{
    int64_t decimals;

    if (number_parse_range(conf_value(conf, STR("delay_logging_resolution_limit")), 0, 6,
                           &decimals))
        settings.decimals = (int)decimals;
    settings.internal_form =
        str_equal_nocase(conf_value(conf, STR("info_log_address_format")), STR("internal"));
}

void delivery_log_address(struct buf *out, struct str address)
{
    if (settings.internal_form)
        buf_add(out, address);
    else
        address_quote(address, out);
}

static int64_t between(struct timeval from, struct timeval to)
{
    return ((int64_t)to.tv_sec - from.tv_sec) * 1000000 + (to.tv_usec - from.tv_usec);
}

static void add_address(struct buf *out, const char *name, struct str address)
{
    buf_add_cstr(out, name);
    delivery_log_address(out, address);
    buf_add(out, STR(">"));
}

static void add_delay(struct buf *out, const char *name, struct timeval from, struct timeval to)
{
    buf_add_cstr(out, name);
    delivery_format_delay(out, between(from, to), settings.decimals);
}

static void add_delays(struct buf *out, const struct delivery_log *l)
{
    struct timeval conn_done = l->conn_done.tv_sec ? l->conn_done : l->start;

    add_delay(out, ", delay=", l->arrival, l->now);
    add_delay(out, ", delays=", l->arrival, l->active);
    add_delay(out, "/", l->active, l->start);
    add_delay(out, "/", l->start, conn_done);
    add_delay(out, "/", conn_done, l->now);
}

void delivery_format_log(struct buf *out, const struct delivery_log *l)
{
    buf_add_cstr(out, l->queue_id);
    add_address(out, ": to=<", l->recipient);
    if (l->orig_rcpt.len && !str_equal_nocase(l->orig_rcpt, l->recipient))
        add_address(out, ", orig_to=<", l->orig_rcpt);
    buf_join(out, STR(", relay="), l->relay);
    if (l->conn_use > 1) {
        buf_add(out, STR(", conn_use="));
        buf_add_int(out, l->conn_use);
    }
    add_delays(out, l);
    if (l->tls_summary.len)
        buf_join(out, STR(", tls="), l->tls_summary);
    buf_join(out, STR(", dsn="), str_from(l->dsn), STR(", status="), str_from(l->status), STR(" ("),
             l->text, STR(")"));
}

void delivery_log_line(const struct delivery_log *l)
{
    BUF_AUTO(line, 16384);

    delivery_format_log(&line, l);
    log_info(STR_FMT, STR_ARG(buf_str(&line)));
}
