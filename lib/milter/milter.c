#include "milter/milter.h"

#include "milter/reply.h"

#include <string.h>

#define HEAD_BYTES      4 /* length, which counts the letter and what follows */
#define LENGTH_MAX      ((1UL << 30) - 1)
#define INDEX_MAX       INT32_MAX
#define ROOM            4096
#define ROOM_FOR_BODY   65536
#define WIRE_STAGES     MILTER_STAGE_UNKNOWN
#define SHOWN_MAX       200 /* of a filter's text in a log line */
#define KIND(reply)     ((struct milter_reply){ .kind = (reply) })
#define PACKET_HEAD_MAX (HEAD_BYTES + 1)

static void put_packet(struct milter *m, char letter, struct str payload)
{
    milter_put_word(&m->out, (uint32_t)payload.len + 1);
    buf_addc(&m->out, letter);
    buf_add(&m->out, payload);
}

/* ---- the beginning and the end */

static void init(struct milter *m)
{
    *m = (struct milter){
        .in = BUF_INIT(MILTER_PACKET_MAX + ROOM_FOR_BODY),
        .text = BUF_INIT(MILTER_PACKET_MAX),
        .arena = ARENA_INIT,
        .event = MILTER_NEGOTIATE,
        .skip = MILTER_EVENT_COUNT,
    };
}

void milter_init(struct milter *m, const struct milter_protocol *offer)
{
    BUF_AUTO(words, 12);

    init(m);
    m->offer = *offer;
    milter_put_word(&words, (uint32_t)offer->version);
    milter_put_word(&words, MILTER_ACTIONS_ALL);
    milter_put_word(&words, offer->steps);
    put_packet(m, 'O', buf_str(&words));
}

void milter_resume(struct milter *m, int version, uint32_t steps)
{
    init(m);
    m->version = version;
    m->steps = steps;
}

void milter_fini(struct milter *m)
{
    buf_free(&m->out);
    buf_free(&m->in);
    buf_free(&m->text);
    buf_free(&m->notes);
    arena_free(&m->arena);
}

/* ---- events */

struct str milter_macro_names(const struct milter *m, enum milter_stage stage,
                              struct str by_default)
{
    return m->macros[stage].ptr ? m->macros[stage] : by_default;
}

bool milter_knows(const struct milter *m, enum milter_event event)
{
    return m->version >= milter_event_info(event)->since;
}

static bool has_macros(const struct milter_event_info *info)
{
    return info->stage != MILTER_STAGE_COUNT;
}

static void put_macros(struct milter *m, const struct milter_event_info *info, struct str macros)
{
    BUF_AUTO(payload, 0);

    buf_addc(&payload, info->letter);
    buf_add(&payload, macros);
    put_packet(m, 'D', buf_str(&payload));
}

/* The macros of an event that a filter does not want are said all the same. */
bool milter_say(struct milter *m, enum milter_event event, struct str macros, struct str payload)
{
    const struct milter_event_info *info = milter_event_info(event);

    if (!milter_knows(m, event))
        return false;
    if (m->skip != event)
        m->skip = MILTER_EVENT_COUNT;
    if (has_macros(info))
        put_macros(m, info, macros);
    if ((m->steps & info->unwanted) || m->skip == event)
        return false;
    m->event = event;
    m->body = MILTER_BODY_NONE;
    put_packet(m, info->letter, payload);
    return has_macros(info) && !(m->steps & info->mute);
}

/* ---- input */

char *milter_room(struct milter *m, size_t *size)
{
    buf_consume(&m->in, m->taken);
    m->taken = 0;
    *size = m->piece_left > ROOM ? ROOM_FOR_BODY : ROOM;
    return buf_reserve(&m->in, *size);
}

void milter_filled(struct milter *m, size_t n) { m->in.len += n; }

void milter_sent(struct milter *m) { buf_clear(&m->out); }

bool milter_is_in_packet(const struct milter *m)
{
    return m->in.len > m->taken || m->piece_left > 0;
}

static struct milter_reply fail(struct milter *m, enum milter_reply_kind kind)
{
    m->broken |= kind == MILTER_BROKEN;
    return (struct milter_reply){ .kind = kind, .text = buf_str(&m->text) };
}

static struct milter_reply broken(struct milter *m, const char *fmt, ...) PRINTF(2, 3);

static struct milter_reply broken(struct milter *m, const char *fmt, ...)
{
    va_list ap;

    buf_clear(&m->text);
    va_start(ap, fmt);
    buf_vaddf(&m->text, fmt, ap);
    va_end(ap);
    return fail(m, MILTER_BROKEN);
}

static struct milter_reply too_short(struct milter *m, const char *what)
{
    return broken(m, "input packet too short for network %s", what);
}

static struct milter_reply misconfigured(struct milter *m, struct str what, struct str detail)
{
    buf_clear(&m->text);
    buf_join(&m->text, what, detail);
    return fail(m, MILTER_MISCONFIGURED);
}

/* ---- settling the options */

static struct milter_reply take_lists(struct milter *m, struct str payload)
{
    uint32_t stage;
    struct str names;

    while (payload.len) {
        if (!milter_take_word(&payload, &stage))
            return too_short(m, "long");
        if (!milter_take_string(&payload, &names))
            return broken(m, "packet too short for string");
        if (stage >= WIRE_STAGES)
            buf_addf(&m->notes, "ignoring unknown macro type %u\n", stage);
        else if (names.len)
            m->macros[stage] = arena_str(&m->arena, names);
    }
    return KIND(MILTER_NEGOTIATED);
}

static struct milter_reply negotiated(struct milter *m, char letter, struct str payload)
{
    uint32_t version, actions, steps;

    if (letter != 'O')
        return broken(m, "unexpected reply \"%c\" in initial handshake",
                      char_is_control(letter) ? '?' : letter);
    if (!milter_take_word(&payload, &version) || !milter_take_word(&payload, &actions) ||
        !milter_take_word(&payload, &steps))
        return too_short(m, "long");
    if (version > (uint32_t)m->offer.version)
        return broken(m, "protocol version %u conflict with MTA protocol version %d", version,
                      m->offer.version);
    if (actions & ~MILTER_ACTIONS_ALL)
        return broken(m, "request mask 0x%x conflict with MTA request mask 0x%x", actions,
                      MILTER_ACTIONS_ALL);
    if (version < 2)
        buf_addf(&m->notes, "unexpected protocol version %u\n", version);
    m->version = MAX((int)version, 2);
    m->steps = steps;
    return take_lists(m, payload);
}

/* ---- changes */

/* The strings that make up a payload: `must` of them have to be there, and nothing may stand behind them. */
static bool take_strings(struct milter *m, struct str *payload, struct str *const to[], size_t must,
                         size_t may, struct milter_reply *fault)
{
    for (size_t i = 0; i < may; i++) {
        if (i >= must && payload->len == 0)
            break;
        if (!milter_take_string(payload, to[i])) {
            *fault = broken(m, "packet too short for string");
            return false;
        }
    }
    if (payload->len == 0)
        return true;
    *fault = broken(m, "left-over data %zu bytes", payload->len);
    return false;
}

static struct milter_reply bad_index(struct milter *m, const char *what, uint32_t index)
{
    BUF_AUTO(text, 64);

    buf_addf(&text, "bad %s header index: %u", what, index);
    return misconfigured(m, buf_str(&text), STR(""));
}

static struct milter_reply take_header(struct milter *m, enum milter_reply_kind kind,
                                       struct str payload)
{
    struct milter_reply r = KIND(kind), fault;
    struct str *const to[] = { &r.name, &r.value };
    const char *what = kind == MILTER_ADD_HEADER      ? "add"
                       : kind == MILTER_INSERT_HEADER ? "insert"
                                                      : "change";

    if (kind != MILTER_ADD_HEADER && !milter_take_word(&payload, &r.index))
        return too_short(m, "long");
    if (!take_strings(m, &payload, to, 2, 2, &fault))
        return fault;
    if (r.index > INDEX_MAX)
        return bad_index(m, what, r.index);
    if (r.name.len)
        return r;
    return misconfigured(m, STR("null "),
                         kind == MILTER_CHANGE_HEADER ? STR("change header name")
                         : kind == MILTER_ADD_HEADER  ? STR("add header name")
                                                      : STR("insert header name"));
}

static struct milter_reply take_address(struct milter *m, const struct milter_response *response,
                                        struct str payload)
{
    struct milter_reply r = KIND(response->kind), fault;
    struct str *const to[] = { &r.name, &r.value };
    bool plain = response->letter == '+' || response->letter == '-';

    return take_strings(m, &payload, to, 1, plain ? 1 : 2, &fault) ? r : fault;
}

/* What has come of the body packet under way. */
static struct milter_reply take_piece(struct milter *m)
{
    struct str in = str_skip(buf_str(&m->in), m->taken);
    struct milter_reply r = KIND(MILTER_REPLACE_BODY);

    if (in.len == 0)
        return KIND(MILTER_NEED_INPUT);
    r.value = str_sub(in, 0, m->piece_left);
    m->piece_left -= r.value.len;
    m->taken += r.value.len;
    return r;
}

static struct milter_reply begin_body(struct milter *m, size_t length)
{
    if (m->body == MILTER_BODY_ENDED)
        return misconfigured(m,
                             STR("body replacement requests can't currently be mixed with "
                                 "other requests"),
                             STR(""));
    m->body = MILTER_BODY_COMES;
    m->taken += PACKET_HEAD_MAX;
    m->piece_left = length - 1;
    return (struct milter_reply){ .kind = MILTER_REPLACE_BODY, .value = STR("") };
}

static struct milter_reply take_change(struct milter *m, const struct milter_response *response,
                                       struct str payload)
{
    if (m->body == MILTER_BODY_COMES)
        m->body = MILTER_BODY_ENDED;
    switch (response->kind) {
    case MILTER_ADD_HEADER:
    case MILTER_INSERT_HEADER:
    case MILTER_CHANGE_HEADER:
        return take_header(m, response->kind, payload);
    default:
        return take_address(m, response, payload);
    }
}

/* ---- answers */

static struct milter_reply take_code(struct milter *m, struct str given)
{
    struct milter_reply r = KIND(MILTER_REPLY);

    buf_clear(&m->text);
    if (!milter_reply_parse(given, &r.code, &m->text))
        return misconfigured(m, STR("malformed reply: "), str_sub(given, 0, SHOWN_MAX));
    r.text = buf_str(&m->text);
    return r;
}

static struct milter_reply take_text(struct milter *m, enum milter_reply_kind kind,
                                     struct str payload)
{
    struct milter_reply r = KIND(kind), fault;
    struct str *const to[] = { &r.text };

    if (kind == MILTER_REPLY && str_ends(payload, STR("\0")) &&
        str_find(payload, '\0') + 1 < payload.len) /* no line of SMTP has a NUL */
        return misconfigured(m, STR("malformed reply: "), str_cut(&payload, '\0'));
    if (!take_strings(m, &payload, to, 1, 1, &fault))
        return fault;
    return kind == MILTER_REPLY ? take_code(m, r.text) : r;
}

static struct milter_reply unexpected(struct milter *m, const struct milter_response *response)
{
    return broken(m, "unexpected filter response %s after event %s",
                  response ? response->name : "(unknown filter reply)",
                  milter_event_info(m->event)->name);
}

/* Connections cannot be thrown away. */
static bool is_welcome(const struct milter *m, const struct milter_response *response)
{
    if (response == NULL || response->kind == MILTER_BROKEN)
        return false;
    return response->has != MILTER_HAS_EDIT || m->event == MILTER_EOM;
}

static struct milter_reply interpret(struct milter *m, const struct milter_response *response,
                                     struct str payload)
{
    if (!is_welcome(m, response))
        return unexpected(m, response);
    switch (response->has) {
    case MILTER_HAS_NOTHING:
        if (payload.len)
            return broken(m, "reply %s was followed by %zu data bytes", response->name,
                          payload.len);
        if (response->letter == 's')
            m->skip = m->event;
        return KIND(response->kind);
    case MILTER_HAS_TEXT:
        return take_text(m, response->kind, payload);
    default:
        return take_change(m, response, payload);
    }
}

static struct milter_reply take_packet(struct milter *m, struct str in, size_t length)
{
    char letter = in.ptr[HEAD_BYTES];
    struct str payload = str_sub(in, PACKET_HEAD_MAX, HEAD_BYTES + length);

    m->taken += HEAD_BYTES + length;
    if (m->event == MILTER_NEGOTIATE)
        return negotiated(m, letter, payload);
    return interpret(m, milter_response(letter), payload);
}

static bool is_new_body(const struct milter *m, char letter)
{
    return letter == 'b' && m->event == MILTER_EOM;
}

struct milter_reply milter_next(struct milter *m)
{
    struct str in = str_skip(buf_str(&m->in), m->taken), head = in;
    uint32_t length;

    if (m->broken)
        return fail(m, MILTER_BROKEN);
    if (m->piece_left)
        return take_piece(m);
    if (!milter_take_word(&head, &length))
        return KIND(MILTER_NEED_INPUT);
    if (length < 1)
        return broken(m, "bad packet length: %u", length);
    if (length > LENGTH_MAX)
        return broken(m, "unreasonable packet length: %u > %lu", length, LENGTH_MAX);
    if (head.len == 0)
        return KIND(MILTER_NEED_INPUT);
    if (is_new_body(m, head.ptr[0]))
        return begin_body(m, length);
    if (length > MILTER_PACKET_MAX)
        return broken(m, "unreasonable packet length: %u > %lu", length, MILTER_PACKET_MAX);
    if (head.len < length)
        return KIND(MILTER_NEED_INPUT);
    return take_packet(m, in, length);
}
