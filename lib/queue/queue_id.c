#include "queue/queue_id.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

/* Digits of long ids: no vowels, so that no id is a word.  Base 51 leaves the last one out: it
 * separates the time from the inode. */
static const char digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
#define BASE_TIME        52
#define BASE_INODE       51
#define SEPARATOR        'z'
#define LONG_SECS_MIN    6
#define LONG_USEC_CHARS  4
#define SHORT_USEC_CHARS 5

static bool is_id_char(char c) { return char_is_alnum(c) || c == '_'; }

bool queue_id_parse(struct str text, struct queue_id *out)
{
    if (text.len == 0 || text.len >= sizeof out->text)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_id_char(text.ptr[i]))
            return false;
    memcpy(out->text, text.ptr, text.len);
    out->text[text.len] = '\0';
    return true;
}

/* `value` in base `base`, at least `width` characters; returns how many. */
static size_t put_number(char *out, uint64_t value, unsigned base, size_t width)
{
    char reversed[64];
    size_t n = 0;

    while (value || n < width) {
        reversed[n++] = digits[value % base];
        value /= base;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    return n;
}

static bool get_number(struct str text, unsigned base, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = memchr(digits, text.ptr[i], base);
        if (digit == NULL || value > (UINT64_MAX - base) / base)
            return false;
        value = value * base + (uint64_t)(digit - digits);
    }
    *out = value;
    return true;
}

void queue_id_make(struct timeval when, uint64_t inode, bool long_form, struct queue_id *out)
{
    size_t n;

    if (!long_form) {
        (void)snprintf(out->text, sizeof out->text, "%05X%" PRIX64, (unsigned)when.tv_usec, inode);
        return;
    }
    n = put_number(out->text, (uint64_t)when.tv_sec, BASE_TIME, LONG_SECS_MIN);
    n += put_number(out->text + n, (uint64_t)when.tv_usec, BASE_TIME, LONG_USEC_CHARS);
    out->text[n++] = SEPARATOR;
    n += put_number(out->text + n, inode, BASE_INODE, 1);
    out->text[n] = '\0';
}

/* Where the last `z` separates a long id; STR_NOT_FOUND for a short one. */
static size_t separator(struct str id)
{
    size_t at = str_rfind(id, SEPARATOR);

    return at != STR_NOT_FOUND && at >= LONG_SECS_MIN + LONG_USEC_CHARS ? at : STR_NOT_FOUND;
}

bool queue_id_is_long(const struct queue_id *id)
{
    return separator(queue_id_str(id)) != STR_NOT_FOUND;
}

static bool hex_parse(struct str text, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0 || text.len > 16)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!char_is_digit(c) && !(c >= 'A' && c <= 'F'))
            return false;
        value = value << 4 | (uint64_t)(char_is_digit(c) ? c - '0' : c - 'A' + 10);
    }
    *out = value;
    return true;
}

bool queue_id_inode(const struct queue_id *id, uint64_t *inode)
{
    struct str text = queue_id_str(id);
    size_t at = separator(text);
    uint64_t usec;

    if (at != STR_NOT_FOUND)
        return get_number(str_skip(text, at + 1), BASE_INODE, inode);
    return hex_parse(str_sub(text, 0, SHORT_USEC_CHARS), &usec) &&
           hex_parse(str_skip(text, SHORT_USEC_CHARS), inode);
}

void queue_id_hash_key(const struct queue_id *id, struct queue_id *key)
{
    struct str text = queue_id_str(id);
    size_t at = separator(text);
    uint64_t usec;

    *key = *id;
    if (at != STR_NOT_FOUND &&
        get_number(str_sub(text, at - LONG_USEC_CHARS, at), BASE_TIME, &usec))
        (void)snprintf(key->text, sizeof key->text, "%05" PRIX64, usec);
}
