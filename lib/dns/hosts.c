#include "dns/hosts.h"

#include "base/mem.h"
#include "os/fd.h"

#include <fcntl.h>
#include <stdlib.h>

#define HOSTS_MAX_BYTES (1024UL * 1024)

struct entry {
    struct net_addr addr;
    struct str addr_text;
    struct str names; /* canonical name first, white space between */
};

struct hosts {
    struct arena arena;
    struct entry *entries;
    size_t count;
};

static void add_line(struct hosts *h, struct str line)
{
    struct str address;
    struct net_addr addr;
    BUF_AUTO(text, 64);

    line = str_sub(line, 0, str_find(line, '#'));
    if (!str_token(&line, " \t\r", &address) || !net_addr_parse(address, 0, &addr) ||
        !net_addr_format(&addr, &text))
        return;
    line = str_trim(line);
    if (line.len == 0)
        return;
    if (h->count % 16 == 0)
        h->entries = mem_resize(h->entries, (h->count + 16) * sizeof *h->entries);
    h->entries[h->count++] =
        (struct entry){ addr, arena_str(&h->arena, buf_str(&text)), arena_str(&h->arena, line) };
}

struct hosts *hosts_read(const char *path)
{
    struct hosts *h = mem_alloc(sizeof *h);
    BUF_AUTO(text, HOSTS_MAX_BYTES);

    if (!fd_read_file(AT_FDCWD, path, &text))
        return h;
    for (struct str rest = buf_str(&text); rest.len;)
        add_line(h, str_cut(&rest, '\n'));
    return h;
}

struct str hosts_name(const struct hosts *h, const struct net_addr *addr)
{
    BUF_AUTO(text, 64);
    struct str name;

    if (!net_addr_format(addr, &text))
        return STR_NONE;
    for (size_t i = 0; i < h->count; i++) {
        struct str names = h->entries[i].names;
        if (str_equal(h->entries[i].addr_text, buf_str(&text)) && str_token(&names, " \t", &name))
            return name;
    }
    return STR_NONE;
}

static bool has_name(struct str names, struct str wanted)
{
    struct str name;

    while (str_token(&names, " \t", &name))
        if (str_equal_nocase(name, wanted))
            return true;
    return false;
}

bool hosts_address(const struct hosts *h, struct str name, size_t i, struct net_addr *out)
{
    for (size_t k = 0; k < h->count; k++) {
        if (!has_name(h->entries[k].names, name))
            continue;
        if (i-- == 0) {
            *out = h->entries[k].addr;
            return true;
        }
    }
    return false;
}
