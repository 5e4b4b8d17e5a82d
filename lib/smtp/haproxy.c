#include "smtp/haproxy.h"

#include "base/number.h"
#include "text/escape.h"

#define V1_MAX    107 /* with CR LF */
#define V2_HEAD   16
#define SHOWN_MAX 200

static const char v2_signature[12] = { '\r', '\n', '\r', '\n', 0,   '\r',
                                       '\n', 'Q',  'U',  'I',  'T', '\n' };

static unsigned wanted_size(const struct haproxy_families *families, unsigned size)
{
    return (size == 4 && families->ipv4) || (size == 16 && families->ipv6) ? size : 0;
}

/* ---- version 1: a line of text; the results are what is wrong with it, NULL is nothing ---- */

static const char *parse_address(struct str *rest, unsigned size, struct netaddr *out,
                                 const char *fault)
{
    struct str word;

    return str_token(rest, " ", &word) && netaddr_parse(word, out) && out->size == size ? NULL
                                                                                        : fault;
}

static const char *parse_port(struct str *rest, uint16_t *out, const char *fault)
{
    struct str word;
    int64_t value;

    if (!str_token(rest, " ", &word) || !number_parse_range(word, 0, 65535, &value))
        return fault;
    *out = (uint16_t)value;
    return NULL;
}

/* "TCP4 192.0.2.1 192.0.2.2 1234 25", and what follows is not for us. */
static const char *parse_line(struct str line, const struct haproxy_families *families,
                              struct haproxy *out)
{
    struct str type = STR_NONE;
    const char *fault;

    (void)str_token(&line, " ", &type);
    unsigned size = wanted_size(families, str_equal_nocase(type, STR("TCP4"))   ? 4
                                          : str_equal_nocase(type, STR("TCP6")) ? 16
                                                                                : 0);
    if (size == 0)
        return "bad or missing protocol type";
    out->proxied = true;
    if ((fault = parse_address(&line, size, &out->client, "bad or missing client address")) ||
        (fault = parse_address(&line, size, &out->server, "bad or missing server address")) ||
        (fault = parse_port(&line, &out->client_port, "bad or missing client port")))
        return fault;
    return parse_port(&line, &out->server_port, "bad or missing server port");
}

static enum haproxy_result parse_v1(struct str in, const struct haproxy_families *families,
                                    size_t *consumed, struct haproxy *out, const char **why)
{
    size_t lf = str_find(str_sub(in, 0, V1_MAX), '\n');
    struct str line = str_sub(in, strlen("PROXY "), lf);

    *why = "missing protocol header terminator";
    if (lf == STR_NOT_FOUND)
        return in.len < V1_MAX ? HAPROXY_MORE : HAPROXY_BAD;
    if (str_ends(line, STR("\r")))
        line.len--;
    *why = parse_line(line, families, out);
    if (*why)
        return HAPROXY_BAD;
    *consumed = lf + 1;
    return HAPROXY_OK;
}

/* ---- version 2: binary ---- */

static unsigned byte_at(struct str s, size_t i) { return (unsigned char)s.ptr[i]; }

static unsigned short_at(struct str s, size_t i) { return byte_at(s, i) << 8 | byte_at(s, i + 1); }

static void take_endpoints(struct str body, unsigned size, struct haproxy *out)
{
    out->proxied = true;
    out->client.size = out->server.size = size;
    memcpy(out->client.bytes, body.ptr, size);
    memcpy(out->server.bytes, body.ptr + size, size);
    out->client_port = (uint16_t)short_at(body, (size_t)2 * size);
    out->server_port = (uint16_t)short_at(body, (size_t)2 * size + 2);
}

static const char *parse_body(unsigned command, unsigned family, struct str body,
                              const struct haproxy_families *families, struct haproxy *out)
{
    enum { VERSION = 0x20, LOCAL = 0, PROXY = 1, TCP4 = 0x11, TCP6 = 0x21 };
    unsigned size = family == TCP4 ? 4 : family == TCP6 ? 16 : 0;

    if ((command & 0xf0U) != VERSION)
        return "unrecognized protocol version";
    if ((command & 0x0fU) == LOCAL)
        return NULL;
    if ((command & 0x0fU) != PROXY)
        return "bad command in proxy header";
    if (size == 0)
        return "unsupported network protocol";
    if (wanted_size(families, size) == 0)
        return size == 4 ? "Postfix IPv4 support is disabled" : "Postfix IPv6 support is disabled";
    if (body.len < 2 * size + 4)
        return "short address field";
    take_endpoints(body, size, out);
    return NULL;
}

static enum haproxy_result parse_v2(struct str in, const struct haproxy_families *families,
                                    size_t *consumed, struct haproxy *out, const char **why)
{
    *why = "short protocol header";
    if (in.len < V2_HEAD)
        return HAPROXY_MORE;
    size_t whole = V2_HEAD + short_at(in, 14);
    *why = "short version 2 protocol header";
    if (whole > HAPROXY_MAX)
        return HAPROXY_BAD;
    if (in.len < whole)
        return HAPROXY_MORE;
    *why = parse_body(byte_at(in, 12), byte_at(in, 13), str_sub(in, V2_HEAD, whole), families, out);
    if (*why)
        return HAPROXY_BAD;
    *consumed = whole;
    return HAPROXY_OK;
}

enum haproxy_result haproxy_parse(struct str in, const struct haproxy_families *families,
                                  size_t *consumed, struct haproxy *out, const char **why)
{
    static const struct str v1_start = STR("PROXY ");
    struct str v2_start = { v2_signature, sizeof v2_signature };
    struct haproxy found = { 0 };
    enum haproxy_result result;

    if (str_starts(in, v1_start))
        result = parse_v1(in, families, consumed, &found, why);
    else if (str_starts(in, v2_start))
        result = parse_v2(in, families, consumed, &found, why);
    else {
        *why = in.len < V2_HEAD ? "short protocol header" : "unrecognized protocol header";
        return str_starts(v1_start, in) || str_starts(v2_start, in) ? HAPROXY_MORE : HAPROXY_BAD;
    }
    if (result == HAPROXY_OK) {
        netaddr_unmap(&found.client);
        netaddr_unmap(&found.server);
        *out = found;
    }
    return result;
}

void haproxy_format_fault(const char *why, struct str in, struct buf *out)
{
    buf_join(out, str_from(why), STR(": "));
    escape_encode(in, SHOWN_MAX, out);
}
