/* Requests that want no answer: bytes on a connection, on a fifo or through the door. */
#include "os/door.h"
#include "os/fd.h"
#include "os/socket.h"
#include "service/private.h"

#include <unistd.h>

#define TRIGGER_MAX       512
#define TRIGGER_TIMEOUT_S 10

static bool is_fifo(const struct service *svc)
{
    return strcmp(svc->options.transport, "fifo") == 0;
}

static bool read_fifo(int fifo, struct buf *request)
{
    return fd_read(fifo, request, TRIGGER_MAX) == IO_OK;
}

/* The sender learns that its request has arrived by our closing, so it does not wait for the work. */
static bool read_client(int fd, struct buf *request)
{
    if (fd < 0)
        return false;
    (void)socket_set_timeout(fd, TRIGGER_TIMEOUT_S);
    enum io_result result = fd_read(fd, request, TRIGGER_MAX);
    close(fd);
    return result == IO_OK;
}

static bool read_door(int door, struct buf *request)
{
    struct door_message m;

    if (door_take(door, &m, 1) == 0)
        return false;
    if (m.fd >= 0)
        return read_client(m.fd, request);
    buf_add(request, (struct str){ m.note, m.len });
    return true;
}

static bool read_request(struct service *svc, int fd, struct buf *request)
{
    if (fd == svc->door_fd)
        return read_door(fd, request);
    return is_fifo(svc) ? read_fifo(fd, request) : read_client(service_accept(svc, fd, 0), request);
}

void service_take_trigger(struct service *svc, int from)
{
    BUF_AUTO(request, TRIGGER_MAX);

    if (!read_request(svc, from, &request))
        return;
    svc->activity++;
    svc->uses++;
    svc->spec->trigger(svc, buf_str(&request));
}
