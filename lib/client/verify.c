#include "client/verify.h"

#include "base/log.h"
#include "base/number.h"
#include "ipc/attr.h"
#include "os/door.h"
#include "os/link.h"

#include <errno.h>

#define TIMEOUT_S  30
#define ANSWER_MAX 65536

/* One request, one answer, on a connection of its own: probes are rare. */
static bool open_service(struct link *l, struct str service)
{
    BUF_AUTO(path, 256);

    buf_join(&path, STR("private/"), service);
    int fd = door_connect(buf_cstr(&path), TIMEOUT_S);
    if (fd < 0) {
        log_warning("connect to %s: %s", buf_cstr(&path), strerror(errno));
        return false;
    }
    link_init(l, fd, TIMEOUT_S, ANSWER_MAX, 0);
    return true;
}

/* The next attribute list. */
static bool take_list(struct link *l, struct str *list)
{
    while (attr_list_length(buf_str(&l->in)) == 0)
        if (link_fill(l) != IO_OK)
            return false;
    *list = buf_str(&l->in);
    return true;
}

static bool check_protocol(struct link *l)
{
    struct str list, name, value;
    bool incomplete;

    if (!take_list(l, &list) || !attr_take(&list, &name, &value, &incomplete) ||
        !str_equal(name, STR("protocol")) || !str_equal(value, STR(VERIFY_PROTOCOL)))
        return false;
    buf_consume(&l->in, attr_list_length(buf_str(&l->in)));
    return true;
}

struct answer {
    int64_t status, recipient_status;
    struct str reason; /* in the link */
};

static bool take_answer(struct link *l, struct answer *a)
{
    struct str list, name, value;
    bool incomplete, good = true;

    *a = (struct answer){ .status = -1, .recipient_status = -1 };
    if (!take_list(l, &list))
        return false;
    while (attr_take(&list, &name, &value, &incomplete)) {
        if (str_equal(name, STR("status")))
            good = good && number_parse(value, &a->status);
        else if (str_equal(name, STR("recipient_status")))
            good = good && number_parse(value, &a->recipient_status);
        else if (str_equal(name, STR("reason")))
            a->reason = value;
    }
    return good && a->status == 0;
}

static bool ask(struct link *l, struct answer *a)
{
    attr_put_end(&l->out);
    return check_protocol(l) && take_answer(l, a);
}

bool verify_client_update(struct str service, struct str address, enum verify_status status,
                          struct str text)
{
    struct link l;
    struct answer a;

    if (!open_service(&l, service))
        return false;
    attr_put_str(&l.out, "request", STR("update"));
    attr_put_str(&l.out, "address", address);
    attr_put_int(&l.out, "recipient_status", status);
    attr_put_str(&l.out, "reason", text);
    bool ok = ask(&l, &a);
    link_close(&l);
    return ok;
}

bool verify_client_query(struct str service, struct str address, enum verify_status *status,
                         struct buf *text)
{
    struct link l;
    struct answer a;

    if (!open_service(&l, service))
        return false;
    attr_put_str(&l.out, "request", STR("query"));
    attr_put_str(&l.out, "address", address);
    bool ok = ask(&l, &a) && a.recipient_status >= VERIFY_OK && a.recipient_status <= VERIFY_TODO;
    if (ok) {
        *status = (enum verify_status)a.recipient_status;
        buf_clear(text);
        buf_add(text, a.reason);
    }
    link_close(&l);
    return ok;
}
