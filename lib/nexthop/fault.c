#include "nexthop/fault.h"

#include <errno.h>
#include <stdio.h>

#define STATUS_TEXT_MAX 8192UL

void fault_set(struct fault *f, struct arena *a, const char *dsn, bool permanent, const char *fmt,
               ...)
{
    BUF_AUTO(text, STATUS_TEXT_MAX);
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    *f = (struct fault){ .text = arena_str(a, buf_str(&text)), .permanent = permanent };
    (void)snprintf(f->dsn, sizeof f->dsn, "%s", dsn);
}

void fault_blame(struct fault *f, const char *parameter)
{
    f->parameter = parameter;
    f->permanent = false;
    (void)snprintf(f->dsn, sizeof f->dsn, "4.3.5");
}

struct str fault_one_line(struct arena *a, struct str text)
{
    if (!str_has(text, '\n'))
        return arena_str(a, text);
    char *copy = arena_cstr(a, text);
    for (size_t i = 0; i < text.len; i++)
        if (copy[i] == '\n')
            copy[i] = ' ';
    return (struct str){ copy, text.len };
}

void fault_from_loss(struct fault *f, struct arena *a, struct str shown, enum smtp_step step,
                     int error)
{
    struct str doing = smtp_step_doing(step);

    if (error == EAGAIN || error == ETIMEDOUT)
        fault_set(f, a, "4.4.2", false, "conversation with " STR_FMT " timed out while " STR_FMT,
                  STR_ARG(shown), STR_ARG(doing));
    else
        fault_set(f, a, "4.4.2", false, "lost connection with " STR_FMT " while " STR_FMT,
                  STR_ARG(shown), STR_ARG(doing));
}

bool fault_is_permanent(const struct smtp_answer *answer)
{
    return smtp_class_of(answer->code) != SMTP_LATER;
}

bool fault_is_of_protocol(const struct smtp_answer *answer)
{
    enum smtp_class c = smtp_class_of(answer->code);

    return (c != SMTP_LATER && c != SMTP_NEVER) || (answer->code >= 500 && answer->code <= 509) ||
           answer->code == 555;
}

static struct str clipped(struct str text) { return str_sub(text, 0, STATUS_TEXT_MAX); }

void fault_from_refusal(struct fault *f, struct arena *a, struct str shown, enum smtp_step step,
                        const struct smtp_answer *answer, bool skip_5xx)
{
    bool skipped =
        skip_5xx && step == SMTP_STEP_GREETING && smtp_class_of(answer->code) == SMTP_NEVER;
    bool permanent = fault_is_permanent(answer) && !skipped;
    struct str line = fault_one_line(a, clipped(answer->text));
    char dsn[16];

    (void)snprintf(dsn, sizeof dsn, STR_FMT, STR_ARG(answer->status));
    dsn[0] = permanent ? '5' : '4';
    fault_set(f, a, dsn, permanent, "host " STR_FMT " refused to talk to me: " STR_FMT,
              STR_ARG(shown), STR_ARG(line));
    f->reply = arena_str(a, answer->text);
}

void fault_from_starttls(struct fault *f, struct arena *a, struct str shown,
                         const struct smtp_answer *answer)
{
    bool permanent = smtp_class_of(answer->code) == SMTP_NEVER;
    struct str line = fault_one_line(a, clipped(answer->text));
    char dsn[16];

    (void)snprintf(dsn, sizeof dsn, STR_FMT, STR_ARG(answer->status));
    dsn[0] = permanent ? '5' : '4';
    fault_set(f, a, dsn, permanent,
              "TLS is required, but host " STR_FMT " refused to start TLS: " STR_FMT,
              STR_ARG(shown), STR_ARG(line));
    f->reply = arena_str(a, answer->text);
}

struct str fault_said(struct arena *a, struct str shown, enum smtp_step step,
                      const struct smtp_answer *answer)
{
    BUF_AUTO(text, 2 * STATUS_TEXT_MAX);

    buf_join(&text, STR("host "), shown, STR(" said: "), clipped(answer->text),
             STR(" (in reply to "), smtp_step_command(step), STR(")"));
    return fault_one_line(a, buf_str(&text));
}
