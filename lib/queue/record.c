#include "queue/record.h"

#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>

#define LENGTH_BYTES_MAX 4 /* 28 bits */

/* Type and length, and room for the payload; NULL if the whole record may not be: half a record would be worse than
 * none. */
static char *put_head(struct buf *out, char type, size_t length)
{
    char head[1 + LENGTH_BYTES_MAX] = { type };
    size_t n = 1, left = length;

    if (length > record_limit(type, SEGMENT_MESSAGE)) {
        out->full = true;
        return NULL;
    }
    do {
        head[n++] = (char)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
        left >>= 7;
    } while (left);
    char *room = buf_reserve(out, n + length);
    if (room == NULL)
        return NULL;
    memcpy(room, head, n);
    out->len += n + length;
    return room + n;
}

void record_put(struct buf *out, char type, struct str payload)
{
    char *room = put_head(out, type, payload.len);

    if (room && payload.len)
        memcpy(room, payload.ptr, payload.len);
}

void record_put_attr(struct buf *out, const char *name, struct str value)
{
    struct str key = str_from(name);
    char *room = put_head(out, REC_ATTR, key.len + 1 + value.len);

    if (room == NULL)
        return;
    memcpy(room, key.ptr, key.len);
    room[key.len] = '=';
    if (value.len)
        memcpy(room + key.len + 1, value.ptr, value.len);
}

void record_put_attr_int(struct buf *out, const char *name, int64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, value);

    record_put_attr(out, name, (struct str){ digits, (size_t)n });
}

void record_put_time(struct buf *out, struct timeval t)
{
    char text[48];
    int n = snprintf(text, sizeof text, "%lld %ld", (long long)t.tv_sec, (long)t.tv_usec);

    record_put(out, REC_TIME, (struct str){ text, (size_t)n });
}

bool record_parse_time(struct str payload, struct timeval *out)
{
    struct str word;
    int64_t sec, usec = 0;

    if (!str_token(&payload, " ", &word) || !number_parse_range(word, 0, INT64_MAX / 2, &sec))
        return false;
    if (str_token(&payload, " ", &word) && !number_parse_range(word, 0, 999999, &usec))
        return false;
    *out = (struct timeval){ .tv_sec = sec, .tv_usec = usec };
    return true;
}

void record_put_line(struct buf *out, struct str line, size_t line_limit)
{
    line_limit = MIN(line_limit, RECORD_PAYLOAD_MAX);
    while (line.len >= line_limit) { /* a full record says that there is more, even if nothing */
        record_put(out, REC_TEXT_PART, str_sub(line, 0, line_limit));
        line = str_skip(line, line_limit);
    }
    record_put(out, REC_TEXT, line);
}

enum record_take record_take(struct str *in, struct record *rec)
{
    size_t length = 0, at = 1;
    unsigned char byte;

    do {
        if (at > LENGTH_BYTES_MAX)
            return RECORD_BAD;
        if (at >= in->len)
            return RECORD_MORE;
        byte = (unsigned char)in->ptr[at];
        length |= (size_t)(byte & 0x7f) << (7 * (at - 1));
        at++;
    } while (byte & 0x80);
    if (length > RECORD_PAYLOAD_MAX)
        return RECORD_BAD;
    if (length > in->len - at)
        return RECORD_MORE;
    rec->type = in->ptr[0];
    rec->payload = (struct str){ in->ptr + at, length };
    *in = (struct str){ in->ptr + at + length, in->len - at - length };
    return RECORD_OK;
}

bool record_split_attr(struct str payload, struct str *name, struct str *value)
{
    size_t equals = str_find(payload, '=');

    if (equals == STR_NOT_FOUND || equals == 0)
        return false;
    *name = str_sub(payload, 0, equals);
    *value = str_skip(payload, equals + 1);
    return true;
}
