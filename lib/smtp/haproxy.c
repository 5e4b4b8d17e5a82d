#include "smtp/haproxy.h"

#include "base/number.h"

#define V1_MAX  107 /* with CR LF */
#define V2_HEAD 16

static const char v2_signature[12] = { '\r', '\n', '\r', '\n', 0,   '\r',
                                       '\n', 'Q',  'U',  'I',  'T', '\n' };

/* ---- version 1: a line of text ---- */

static bool parse_port(struct str text, uint16_t *port)
{
    int64_t value;

    if (!number_parse_range(text, 0, 65535, &value))
        return false;
    *port = (uint16_t)value;
    return true;
}

/* " 192.0.2.1 192.0.2.2 1234 25" */
static bool parse_endpoints(struct str rest, unsigned size, struct haproxy *out)
{
    struct str part[4], extra;

    for (size_t i = 0; i < ARRAY_LEN(part); i++)
        if (!str_token(&rest, " ", &part[i]))
            return false;
    return !str_token(&rest, " ", &extra) && netaddr_parse(part[0], &out->client) &&
           netaddr_parse(part[1], &out->server) && out->client.size == size &&
           out->server.size == size && parse_port(part[2], &out->client_port) &&
           parse_port(part[3], &out->server_port);
}

static bool parse_line(struct str line, struct haproxy *out)
{
    struct str word;

    if (!str_token(&line, " ", &word) || !str_equal(word, STR("PROXY")) ||
        !str_token(&line, " ", &word))
        return false;
    if (str_equal(word, STR("UNKNOWN")))
        return true;
    out->proxied = true;
    if (str_equal(word, STR("TCP4")))
        return parse_endpoints(line, 4, out);
    return str_equal(word, STR("TCP6")) && parse_endpoints(line, 16, out);
}

static enum haproxy_result parse_v1(struct str in, size_t *consumed, struct haproxy *out)
{
    size_t lf = str_find(str_sub(in, 0, V1_MAX), '\n');
    struct haproxy found = { 0 };

    if (lf == STR_NOT_FOUND)
        return in.len < V1_MAX ? HAPROXY_MORE : HAPROXY_BAD;
    if (lf == 0 || in.ptr[lf - 1] != '\r' || !parse_line(str_sub(in, 0, lf - 1), &found))
        return HAPROXY_BAD;
    *consumed = lf + 1;
    *out = found;
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

static bool parse_body(unsigned command, unsigned family, struct str body, struct haproxy *out)
{
    enum { LOCAL = 0x20, PROXY = 0x21, UNSPECIFIED = 0x00, TCP4 = 0x11, TCP6 = 0x21 };
    unsigned size = family == TCP4 ? 4 : family == TCP6 ? 16 : 0;

    if (command == LOCAL || (command == PROXY && family == UNSPECIFIED))
        return true;
    if (command != PROXY || size == 0 || body.len < 2 * size + 4)
        return false;
    take_endpoints(body, size, out);
    return true;
}

static enum haproxy_result parse_v2(struct str in, size_t *consumed, struct haproxy *out)
{
    struct haproxy found = { 0 };

    if (in.len < V2_HEAD)
        return HAPROXY_MORE;
    size_t whole = V2_HEAD + short_at(in, 14);
    if (whole > HAPROXY_MAX)
        return HAPROXY_BAD;
    if (in.len < whole)
        return HAPROXY_MORE;
    if (!parse_body(byte_at(in, 12), byte_at(in, 13), str_sub(in, V2_HEAD, whole), &found))
        return HAPROXY_BAD;
    *consumed = whole;
    *out = found;
    return HAPROXY_OK;
}

enum haproxy_result haproxy_parse(struct str in, size_t *consumed, struct haproxy *out)
{
    static const struct str v1_start = STR("PROXY ");
    struct str v2_start = { v2_signature, sizeof v2_signature };

    if (str_starts(in, v1_start))
        return parse_v1(in, consumed, out);
    if (str_starts(in, v2_start))
        return parse_v2(in, consumed, out);
    return str_starts(v1_start, in) || str_starts(v2_start, in) ? HAPROXY_MORE : HAPROXY_BAD;
}
