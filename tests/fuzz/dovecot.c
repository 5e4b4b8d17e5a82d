/* An auth server that says anything: whatever it says, what comes out fits into a reply and a log line, and how the bytes were
 * cut changes nothing. */
#include "sasl/dovecot.h"

#include "base/attr.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    size_t events, bytes;
    enum dovecot_kind last;
};

static void check(const struct dovecot *d, const struct dovecot_event *ev)
{
    if (ev->kind == DOVECOT_CHALLENGE && !sasl_is_base64(ev->text))
        abort();
    if (ev->kind == DOVECOT_SUCCESS && ev->user.len == 0)
        abort();
    if (str_has(ev->user, '\n') || str_has(ev->text, '\n'))
        abort();
    for (size_t i = 0; i < d->mechanism_count; i++)
        if (!sasl_mechanism_is_valid(d->mechanisms[i].name))
            abort();
}

static struct sum run(const uint8_t *data, size_t size, size_t step)
{
    struct dovecot d;
    struct sum sum = { 0 };
    struct dovecot_event ev;
    BUF_AUTO(out, 0);

    dovecot_init(&d);
    dovecot_hello(&d, 1, &out);
    dovecot_request(&d, &(struct dovecot_request){ .mechanism = STR("PLAIN") }, &out);
    for (size_t at = 0; at < size; at += step) {
        size_t room, n = MIN(step, size - at);
        char *to = dovecot_room(&d, &room);
        memcpy(to, data + at, n);
        dovecot_filled(&d, n);
        while ((ev = dovecot_next(&d)).kind != DOVECOT_MORE) {
            check(&d, &ev);
            sum.events++;
            sum.bytes += ev.text.len + ev.user.len;
            sum.last = ev.kind;
            if (ev.kind == DOVECOT_BROKEN) {
                at = size;
                break;
            }
        }
    }
    dovecot_fini(&d);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum whole = run(data, size, 4096), cut = run(data, size, 3);

    if (whole.events != cut.events || whole.bytes != cut.bytes || whole.last != cut.last)
        abort();
    return 0;
}
