#include "delivery/delivery.h"
#include "text/dsn.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX 4096

static void set_dsn(struct outcome *o, struct str dsn)
{
    size_t n = MIN(dsn.len, sizeof o->dsn - 1);

    memcpy(o->dsn, dsn.ptr, n);
    o->dsn[n] = '\0';
}

void outcome_make(struct outcome *o, struct arena *a, enum outcome_status status, const char *dsn,
                  const char *fmt, ...)
{
    BUF_AUTO(text, TEXT_MAX);
    va_list ap;

    *o = (struct outcome){ .status = status };
    set_dsn(o, str_from(dsn));
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    o->text = arena_str(a, buf_str(&text));
}

void outcome_from_text(struct outcome *o, struct arena *a, enum outcome_status status,
                       const char *default_dsn, struct str text)
{
    struct dsn_split split = dsn_status_split(str_sub(text, 0, TEXT_MAX), str_from(default_dsn));

    *o = (struct outcome){ .status = status };
    set_dsn(o, split.status);
    o->text = arena_str(a, split.text);
}
