#include "local/biff.h"

#include "base/buf.h"
#include "os/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIFF_PORT  512
#define UTMP       "/run/utmp"
#define RECHECK_MS 5000

/* Is anybody logged in?  Asked at most every few seconds. */
static bool somebody_listens(struct biff *b)
{
    int64_t now = clock_now_ms();
    struct stat st;

    if (now >= b->ask_again_ms) {
        b->ask_again_ms = now + RECHECK_MS;
        b->somebody_listens = stat(UTMP, &st) == 0 && st.st_size > 0;
    }
    return b->somebody_listens;
}

static bool open_socket(struct biff *b)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(BIFF_PORT),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    if (b->fd >= 0)
        return true;
    b->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (b->fd >= 0 && connect(b->fd, (struct sockaddr *)&to, sizeof to) == 0)
        return true;
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
    return false;
}

void biff_notify(struct biff *b, struct str user, int64_t offset)
{
    BUF_AUTO(text, 256);

    if (!somebody_listens(b) || !open_socket(b))
        return;
    buf_join(&text, user, STR("@"));
    buf_add_int(&text, offset);
    /* Nobody may be there; that is nobody's trouble. */
    (void)!send(b->fd, text.ptr, text.len, MSG_NOSIGNAL);
}
