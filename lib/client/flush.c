#include "client/flush.h"

#include "base/number.h"
#include "ipc/attr.h"
#include "os/door.h"
#include "os/link.h"

#include <errno.h>

#define REPLY_MAX 4096

static enum flush_status read_status(struct link *l)
{
    struct str in, name, value;
    int64_t status = FLUSH_FAIL;
    bool incomplete;

    while (attr_list_length(buf_str(&l->in)) == 0)
        if (link_fill(l) != IO_OK)
            return FLUSH_FAIL;
    in = buf_str(&l->in);
    while (attr_take(&in, &name, &value, &incomplete))
        if (str_equal(name, STR("status")) && !number_parse_range(value, 0, FLUSH_BAD, &status))
            return FLUSH_FAIL;
    return (enum flush_status)status;
}

static enum flush_status ask(const char *socket_path, const char *request, struct str site,
                             const struct queue_id *id, int timeout_s)
{
    struct link l;
    int fd;

    errno = 0;
    fd = door_connect(socket_path, timeout_s);
    if (fd < 0)
        return FLUSH_FAIL;
    link_init(&l, fd, timeout_s, REPLY_MAX, 0);
    attr_put_str(&l.out, "request", str_from(request));
    if (site.ptr)
        attr_put_str(&l.out, "site", site);
    if (id)
        attr_put_str(&l.out, "queue_id", queue_id_str(id));
    attr_put_end(&l.out);
    enum flush_status status = read_status(&l);
    link_close(&l);
    return status;
}

enum flush_status flush_client_add(const char *socket_path, struct str site,
                                   const struct queue_id *id, int timeout_s)
{
    return ask(socket_path, FLUSH_REQUEST_ADD, site, id, timeout_s);
}

enum flush_status flush_client_send_site(const char *socket_path, struct str site, int timeout_s)
{
    return ask(socket_path, FLUSH_REQUEST_SEND_SITE, site, NULL, timeout_s);
}

enum flush_status flush_client_send_file(const char *socket_path, const struct queue_id *id,
                                         int timeout_s)
{
    return ask(socket_path, FLUSH_REQUEST_SEND_FILE, STR_NONE, id, timeout_s);
}
