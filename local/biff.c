/* comsat(8): "you have new mail" on the terminals of users who asked for it. */
#include "local/local.h"
#include "os/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIFF_PORT  512
#define UTMP       "/run/utmp"
#define RECHECK_MS 5000

static struct {
    int fd;
    bool wanted;
    int64_t until_ms;
} state = { .fd = -1 };

/* Is anybody logged in?  Asked at most every few seconds. */
static bool somebody_listens(void)
{
    int64_t now = clock_now_ms();
    struct stat st;

    if (now >= state.until_ms) {
        state.until_ms = now + RECHECK_MS;
        state.wanted = stat(UTMP, &st) == 0 && st.st_size > 0;
    }
    return state.wanted;
}

static bool open_socket(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(BIFF_PORT),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    if (state.fd >= 0)
        return true;
    state.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (state.fd >= 0 && connect(state.fd, (struct sockaddr *)&to, sizeof to) == 0)
        return true;
    if (state.fd >= 0)
        close(state.fd);
    state.fd = -1;
    return false;
}

void biff_notify(struct str user, int64_t offset)
{
    BUF_AUTO(text, 256);

    if (!somebody_listens() || !open_socket())
        return;
    buf_join(&text, user, STR("@"));
    buf_add_int(&text, offset);
    /* Nobody may be there; that is nobody's trouble. */
    (void)!send(state.fd, text.ptr, text.len, MSG_NOSIGNAL);
}
