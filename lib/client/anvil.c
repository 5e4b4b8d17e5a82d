#include "client/anvil.h"

#include "base/log.h"
#include "base/number.h"
#include "conf/params.h"
#include "ipc/attr.h"
#include "os/door.h"

#include <errno.h>

static const char *const request_names[] = {
    [ANVIL_CONNECT] = "connect",
    [ANVIL_DISCONNECT] = "disconnect",
    [ANVIL_MESSAGE] = "message",
    [ANVIL_RECIPIENT] = "recipient",
    [ANVIL_NEWTLS] = "newtls",
    [ANVIL_NEWTLS_STATUS] = "newtls_status",
    [ANVIL_AUTH] = "auth",
    [ANVIL_LOGIN_MESSAGE] = "login_message",
    [ANVIL_LOGIN_RECIPIENT] = "login_recipient",
};

void anvil_close(struct anvil_client *c)
{
    if (link_is_open(&c->link))
        link_close(&c->link);
    *c = ANVIL_CLIENT_INIT;
}

static bool connect_service(struct anvil_client *c)
{
    int fd = door_connect("private/anvil", site_conf.ipc_timeout);

    if (fd < 0) {
        log_warning("connect to private/anvil: %s", strerror(errno));
        return false;
    }
    link_init(&c->link, fd, site_conf.ipc_timeout, 4096, 4096);
    return true;
}

static bool read_answer(struct anvil_client *c, struct anvil_answer *answer)
{
    struct str name, value;
    int64_t status = -1, count = 0, rate = 0;
    bool incomplete;

    while (attr_list_length(buf_str(&c->link.in)) == 0)
        if (link_fill(&c->link) != IO_OK)
            return false;
    struct str in = buf_str(&c->link.in);
    while (attr_take(&in, &name, &value, &incomplete)) {
        int64_t *slot = str_equal(name, STR("status"))  ? &status
                        : str_equal(name, STR("count")) ? &count
                        : str_equal(name, STR("rate"))  ? &rate
                                                        : NULL;
        if (slot && !number_parse_range(value, 0, INT32_MAX, slot))
            return false;
    }
    buf_clear(&c->link.in);
    *answer = (struct anvil_answer){ (int)count, (int)rate };
    return status == 0;
}

static bool ask(struct anvil_client *c, enum anvil_event event, struct str ident,
                struct anvil_answer *answer)
{
    if (!link_is_open(&c->link) && !connect_service(c))
        return false;
    attr_put_str(&c->link.out, "request", str_from(request_names[event]));
    attr_put_str(&c->link.out, "ident", ident);
    attr_put_end(&c->link.out);
    if (read_answer(c, answer))
        return true;
    anvil_close(c);
    return false;
}

bool anvil_report(struct anvil_client *c, enum anvil_event event, struct str service,
                  struct str address, struct anvil_answer *answer)
{
    bool kept = link_is_open(&c->link);
    BUF_AUTO(ident, 512);

    buf_join(&ident, service, STR(":"), address);
    /* anvil may have restarted since: one more try on a fresh connection. */
    return ask(c, event, buf_str(&ident), answer) ||
           (kept && ask(c, event, buf_str(&ident), answer));
}
