/* The C record: sizes and options of a message, first in its file. */
#include "base/number.h"
#include "queue/record.h"

#include <stdio.h>

#define SENDOPTS_KNOWN                                                                  \
    (SENDOPT_SMTPUTF8 | SENDOPT_UTF8_HEADER | SENDOPT_UTF8_SENDER | SENDOPT_UTF8_RCPT | \
     SENDOPT_TLS_OPTIONAL | SENDOPT_REQUIRETLS)
#define OPTS_KNOWN                                                                   \
    (RECORD_OPT_MIXED | RECORD_OPT_NEVER | RECORD_OPT_SUCCESS | RECORD_OPT_FAILURE | \
     RECORD_OPT_DELAY)

void record_size_format(const struct record_size *s, char out[RECORD_SIZE_BYTES + 1])
{
    (void)snprintf(out, RECORD_SIZE_BYTES + 1, "%15lld %15lld %15lld %15lld %15lld %15lld",
                   (long long)s->content_size, (long long)s->data_offset, (long long)s->rcpt_count,
                   (long long)s->qmgr_opts, (long long)s->text_size, (long long)s->sendopts);
}

bool record_size_parse(struct str payload, struct record_size *out)
{
    int64_t field[6] = { 0 };
    size_t count = 0;
    struct str word;

    while (str_token(&payload, " ", &word)) {
        if (count == ARRAY_LEN(field) || !number_parse(word, &field[count]))
            return false;
        count++;
    }
    if (count == 0)
        return false;
    if (count < 5) /* very old files do not count the text */
        field[4] = field[0];
    *out = (struct record_size){ field[0], field[1], field[2],
                                 field[3], field[4], field[5] & SENDOPTS_KNOWN };
    return true;
}

bool record_size_is_valid(const struct record_size *s)
{
    return s->content_size > 0 && s->data_offset > 0 && s->rcpt_count >= 0 && s->text_size >= 0 &&
           (s->qmgr_opts & ~(int64_t)OPTS_KNOWN) == 0;
}
