#include "master/endpoint.h"

#include "base/number.h"
#include "os/interfaces.h"
#include "os/socket.h"
#include "queue/dir.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

#define ADDRESSES_MAX 256
#define TEXT_ROOM     256

struct addresses {
    struct net_addr items[ADDRESSES_MAX];
    size_t count;
};

/* "[host]:port", "host:port", "port". */
static void split_name(struct str text, struct str *host, struct str *port)
{
    size_t colon = str_rfind(text, ':');

    *host = colon == STR_NOT_FOUND ? STR_NONE : str_sub(text, 0, colon);
    *port = colon == STR_NOT_FOUND ? text : str_skip(text, colon + 1);
    if (str_starts(*host, STR("[")) && str_ends(*host, STR("]")))
        *host = str_sub(*host, 1, host->len - 1);
}

/* known_tcp_ports is "name=number, name=name=number": names before the last `=` share the number. */
static struct str known_port(struct str name)
{
    struct str rest = site_conf.known_tcp_ports, item;

    while (str_token(&rest, ", \t\r\n", &item)) {
        size_t last = str_rfind(item, '=');
        struct str names = str_sub(item, 0, last), one;
        while (last != STR_NOT_FOUND && str_token(&names, "=", &one))
            if (str_equal(one, name))
                return str_skip(item, last + 1);
    }
    return name;
}

static bool find_port(struct str name, int *port)
{
    struct str text = known_port(name);
    char copy[TEXT_ROOM];
    int64_t number;

    if (number_parse_range(text, 1, 65535, &number)) {
        *port = (int)number;
        return true;
    }
    if (!str_to_cstring(text, copy, sizeof copy))
        return false;
    const struct servent *entry = getservbyname(copy, "tcp");
    if (entry == NULL)
        return false;
    *port = ntohs((uint16_t)entry->s_port);
    return true;
}

static void add_address(struct addresses *a, const struct net_addr *address, int port)
{
    if (a->count == ADDRESSES_MAX)
        return;
    a->items[a->count] = *address;
    net_addr_set_port(&a->items[a->count++], port);
}

static void add_wildcards(struct addresses *a, int port)
{
    struct net_addr any;

    if (protocols_include(site_conf.inet_protocols, AF_INET) &&
        net_addr_parse(STR("0.0.0.0"), port, &any))
        add_address(a, &any, port);
    if (protocols_include(site_conf.inet_protocols, AF_INET6) &&
        net_addr_parse(STR("::"), port, &any))
        add_address(a, &any, port);
}

static bool add_interfaces(struct addresses *a, int port, struct buf *error)
{
    struct interface_list list = { 0 };

    if (str_equal_nocase(str_trim(site_conf.inet_interfaces), STR("all"))) {
        add_wildcards(a, port);
        return true;
    }
    if (!interfaces_resolve(site_conf.inet_interfaces, site_conf.inet_protocols, &list, error))
        return false;
    for (size_t i = 0; i < list.count; i++)
        add_address(a, &list.addrs[i], port);
    interfaces_free(&list);
    return true;
}

static bool add_host(struct addresses *a, struct str host, int port, struct buf *error)
{
    char name[TEXT_ROOM];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;

    if (!str_to_cstring(host, name, sizeof name) || getaddrinfo(name, NULL, &hints, &found) != 0) {
        buf_join(error, STR("bad hostname or network address: "), host);
        return false;
    }
    for (const struct addrinfo *ai = found; ai; ai = ai->ai_next) {
        struct net_addr address = { .len = ai->ai_addrlen };
        memcpy(&address.ss, ai->ai_addr, ai->ai_addrlen);
        if (protocols_include(site_conf.inet_protocols, ai->ai_family))
            add_address(a, &address, port);
    }
    freeaddrinfo(found);
    if (a->count == 0)
        buf_addf(error, "no valid IP address found: %s", name);
    return a->count > 0;
}

static bool is_loopback(const struct net_addr *a)
{
    BUF_AUTO(text, TEXT_ROOM);

    (void)net_addr_format(a, &text);
    return str_starts(buf_str(&text), STR("127.")) || str_equal(buf_str(&text), STR("::1"));
}

static const char *format_address(struct arena *arena, const struct net_addr *a)
{
    BUF_AUTO(text, TEXT_ROOM);
    bool v6 = a->ss.ss_family == AF_INET6;

    buf_add_cstr(&text, v6 ? "[" : "");
    (void)net_addr_format(a, &text);
    buf_add_cstr(&text, v6 ? "]:" : ":");
    buf_add_int(&text, net_addr_port(a));
    return arena_cstr(arena, buf_str(&text));
}

static bool is_listed(const char *const *where, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(where[i], text) == 0)
            return true;
    return false;
}

static void set_addresses(struct service_line *line, const struct addresses *a)
{
    size_t count = 0;

    line->where = arena_alloc(&line->arena, (a->count + 1) * sizeof *line->where);
    line->local_only = true;
    for (size_t i = 0; i < a->count; i++) {
        const char *text = format_address(&line->arena, &a->items[i]);
        line->local_only &= is_loopback(&a->items[i]);
        if (!is_listed(line->where, count, text))
            line->where[count++] = text;
    }
}

static bool resolve_inet(struct service_line *line, struct buf *error)
{
    struct addresses a = { .count = 0 };
    struct str host, port_name;
    int port;
    BUF_AUTO(label, TEXT_ROOM);

    split_name(str_from(line->name), &host, &port_name);
    if (!find_port(port_name, &port)) {
        buf_join(error, STR("service definition requires valid host name or address"), STR(": "),
                 port_name);
        return false;
    }
    if (!(host.ptr ? add_host(&a, host, port, error) : add_interfaces(&a, port, error)))
        return false;
    if (host.ptr)
        buf_join(&label, str_has(host, ':') ? STR("[") : STR(""), host,
                 str_has(host, ':') ? STR("]:") : STR(":"));
    buf_add_int(&label, port);
    line->label = arena_cstr(&line->arena, buf_str(&label));
    set_addresses(line, &a);
    return true;
}

/* What pickup(8) does for those who may leave files in maildrop/ it does for those who call it, too. */
static bool hears_users(const struct service_line *line)
{
    return !line->private && strcmp(line->command, "pickup") == 0 &&
           strchr(line->name, '/') == NULL;
}

static bool resolve_local(struct service_line *line, struct buf *error)
{
    BUF_AUTO(path, TEXT_ROOM);
    struct str name = str_from(line->name);

    if (str_starts(name, STR("/")) || str_find_str(name, STR("..")) != STR_NOT_FOUND) {
        buf_join(error, STR("bad service name: "), name);
        return false;
    }
    buf_join(&path, line->private ? STR("private/") : STR("public/"), name);
    line->where = arena_alloc(&line->arena, 3 * sizeof *line->where);
    line->where[0] = arena_cstr(&line->arena, buf_str(&path));
    line->label = line->where[0];
    if (hears_users(line)) {
        buf_clear(&path);
        buf_join(&path, STR(QUEUE_SUBMIT "/"), name);
        line->where[1] = arena_cstr(&line->arena, buf_str(&path));
    }
    line->local_only =
        line->type != MASTER_PASS; /* a pass service has the clients of its postscreen */
    return true;
}

bool endpoint_resolve(struct service_line *line, struct buf *error)
{
    return line->type == MASTER_INET ? resolve_inet(line, error) : resolve_local(line, error);
}

bool endpoint_parse(const char *where, struct net_addr *out)
{
    struct str host, port_text;
    int64_t port;

    split_name(str_from(where), &host, &port_text);
    return number_parse_range(port_text, 1, 65535, &port) && net_addr_parse(host, (int)port, out);
}
