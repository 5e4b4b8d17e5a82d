#include "table/plugins/hosts.h"

static bool is_uri(struct str text)
{
    return str_starts(text, STR("postgresql://")) || str_starts(text, STR("postgres://"));
}

/* host, host:port, [v6], [v6]:port, and an IPv6 address as it is. */
static void parse_inet(struct host *h, struct arena *a, struct str text)
{
    size_t colon = str_rfind(text, ':');
    bool bracketed = str_starts(text, STR("["));
    size_t end = bracketed ? str_find(text, ']') : STR_NOT_FOUND;

    if (colon != STR_NOT_FOUND &&
        (bracketed ? end != STR_NOT_FOUND && colon == end + 1 : colon == str_find(text, ':')))
        h->port = arena_cstr(a, str_skip(text, colon + 1));
    else
        colon = text.len;
    text = str_sub(text, 0, colon);
    h->name = arena_cstr(a, end != STR_NOT_FOUND ? str_sub(text, 1, end) : text);
    h->kind = HOST_INET;
}

static struct host parse(struct arena *a, struct str text)
{
    struct host h = { .text = arena_str(a, text) };
    struct str rest = text;

    if (is_uri(text)) {
        h.kind = HOST_URI;
        h.name = arena_cstr(a, text);
    } else if (str_skip_prefix(&rest, STR("unix:")) || str_starts(rest, STR("/"))) {
        h.kind = HOST_UNIX;
        h.name = arena_cstr(a, rest);
    } else {
        (void)str_skip_prefix(&rest, STR("inet:"));
        parse_inet(&h, a, rest);
    }
    return h;
}

void hosts_parse(struct hosts *h, struct arena *a, struct str text)
{
    struct str rest = text, word;
    size_t count = 0;

    while (str_token(&rest, ", \t\r\n", &word))
        count++;
    h->list = arena_alloc(a, (count + 1) * sizeof *h->list);
    h->count = 0;
    while (str_token(&text, ", \t\r\n", &word))
        h->list[h->count++] = parse(a, word);
    if (count == 1)
        h->list[h->count++] = h->list[0];
}

static bool fits(const struct host *one, bool connected, enum host_kind kind, int64_t now)
{
    if (one->kind != kind || connected != (one->connection != NULL))
        return false;
    return connected || one->retry_at <= now;
}

static struct host *choose_among(struct hosts *h, bool connected, enum host_kind kind, int64_t now,
                                 uint32_t random)
{
    size_t count = 0;

    for (size_t i = 0; i < h->count; i++)
        count += fits(&h->list[i], connected, kind, now);
    if (count == 0)
        return NULL;
    size_t wanted = random % count;
    for (size_t i = 0;; i++)
        if (fits(&h->list[i], connected, kind, now) && wanted-- == 0)
            return &h->list[i];
}

struct host *hosts_choose(struct hosts *h, int64_t now, uint32_t random)
{
    static const struct {
        bool connected;
        enum host_kind kind;
    } order[] = { { true, HOST_UNIX },  { true, HOST_INET },  { true, HOST_URI },
                  { false, HOST_UNIX }, { false, HOST_INET }, { false, HOST_URI } };
    struct host *one = NULL;

    for (size_t i = 0; i < ARRAY_LEN(order) && one == NULL; i++)
        one = choose_among(h, order[i].connected, order[i].kind, now, random);
    return one;
}

void hosts_note_failure(struct hosts *h, struct host *one, int64_t now)
{
    one->retry_at = now + h->retry_s;
}

void hosts_note_use(struct host *one, int64_t now)
{
    one->retry_at = 0;
    one->used_at = now;
}

bool hosts_is_idle(const struct hosts *h, const struct host *one, int64_t now)
{
    return one->connection && now - one->used_at > h->idle_s;
}
