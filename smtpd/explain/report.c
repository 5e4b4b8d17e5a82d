#include "smtpd/explain/report.h"

#include "text/json_write.h"

#define INDENT 2
#define COLUMN 44 /* where verdicts begin */

void report_init(struct report *r)
{
    *r = (struct report){ 0 };
    r->last_section = &r->sections;
}

static struct section *present(struct report *r)
{
    return CONTAINER_OF(r->last_section, struct section, next);
}

void report_begin(struct report *r, const char *name, struct str title)
{
    struct section *s = arena_alloc(&r->arena, sizeof *s);

    s->name = str_from(name);
    s->title = arena_str(&r->arena, title);
    s->last_step = &s->steps;
    *r->last_section = s;
    r->last_section = &s->next;
}

struct step *report_step(struct report *r, int depth, const char *kind, struct str subject)
{
    struct section *section = present(r);
    struct step *s = arena_alloc(&r->arena, sizeof *s);

    *s = (struct step){ .depth = depth,
                        .kind = str_from(kind),
                        .subject = arena_str(&r->arena, subject) };
    s->last_reason = &s->reasons;
    s->last_note = &s->notes;
    *section->last_step = s;
    section->last_step = &s->next;
    return s;
}

static struct str keep(struct report *r, struct str text)
{
    return text.ptr ? arena_str(&r->arena, text) : text;
}

void step_result(struct report *r, struct step *s, struct str verdict, struct str detail)
{
    s->verdict = keep(r, verdict);
    s->detail = keep(r, detail);
}

void step_reason(struct report *r, struct step *s, const struct reason *reason)
{
    struct reason *copy = arena_alloc(&r->arena, sizeof *copy);

    *copy = (struct reason){ .parameter = keep(r, reason->parameter),
                             .place = keep(r, reason->place),
                             .table = keep(r, reason->table),
                             .key = keep(r, reason->key),
                             .value = keep(r, reason->value) };
    *s->last_reason = copy;
    s->last_reason = &copy->next;
}

void step_note(struct report *r, struct step *s, struct str text)
{
    struct note *n = arena_alloc(&r->arena, sizeof *n);

    n->text = keep(r, text);
    *s->last_note = n;
    s->last_note = &n->next;
}

/* ---- for people ---- */

static void pad(struct buf *out, size_t columns)
{
    while (columns--)
        buf_addc(out, ' ');
}

static void print_reason(const struct reason *e, int depth, struct buf *out)
{
    pad(out, (size_t)(depth + 3) * INDENT);
    buf_join(out, STR("by "), e->parameter);
    if (e->place.len)
        buf_join(out, STR(" ("), e->place, STR(")"));
    if (e->table.ptr)
        buf_join(out, STR(": "), e->table);
    if (e->key.len)
        buf_join(out, STR(", key \""), e->key, STR("\""));
    if (e->value.ptr)
        buf_join(out, STR(", says \""), e->value, STR("\""));
    buf_addc(out, '\n');
}

static void print_step(const struct step *s, struct buf *out)
{
    size_t begin = out->len;

    pad(out, (size_t)(s->depth + 1) * INDENT);
    buf_add(out, s->subject);
    if (out->len - begin + INDENT > COLUMN && s->verdict.len) { /* too long: a line of its own */
        buf_addc(out, '\n');
        begin = out->len;
    }
    if (s->verdict.len || s->detail.len)
        pad(out, MAX(COLUMN, out->len - begin) - (out->len - begin));
    buf_add(out, s->verdict);
    if (s->detail.len)
        buf_join(out, s->verdict.len ? STR(": ") : STR(""), s->detail);
    buf_addc(out, '\n');
    for (const struct reason *e = s->reasons; e; e = e->next)
        print_reason(e, s->depth, out);
    for (const struct note *n = s->notes; n; n = n->next) {
        pad(out, (size_t)(s->depth + 3) * INDENT);
        buf_join(out, n->text, STR("\n"));
    }
}

void report_print(const struct report *r, struct buf *out)
{
    buf_join(out, r->address, STR(", from <"), r->sender, STR(">, client "), r->client,
             STR(", HELO "), r->helo);
    if (r->login.ptr)
        buf_join(out, STR(", logged in as "), r->login);
    buf_addc(out, '\n');
    for (const struct section *s = r->sections; s; s = s->next) {
        buf_join(out, STR("\n"), s->title, STR("\n"));
        for (const struct step *step = s->steps; step; step = step->next)
            print_step(step, out);
    }
}

/* ---- for programs ---- */

static void add_optional(struct buf *out, const char *name, struct str value)
{
    if (value.ptr == NULL)
        return;
    buf_add(out, STR(", "));
    json_add_member(out, name, value);
}

static void add_reasons(const struct step *s, struct buf *out)
{
    buf_add(out, STR(", \"because\": ["));
    for (const struct reason *e = s->reasons; e; e = e->next) {
        buf_addc(out, '{');
        json_add_member(out, "parameter", e->parameter);
        add_optional(out, "place", e->place);
        add_optional(out, "table", e->table);
        add_optional(out, "key", e->key.len ? e->key : STR_NONE);
        add_optional(out, "value", e->value);
        buf_add(out, e->next ? STR("}, ") : STR("}"));
    }
    buf_addc(out, ']');
}

static void add_notes(const struct step *s, struct buf *out)
{
    buf_add(out, STR(", \"notes\": ["));
    for (const struct note *n = s->notes; n; n = n->next) {
        json_add_string(out, n->text);
        if (n->next)
            buf_add(out, STR(", "));
    }
    buf_addc(out, ']');
}

static void add_step(const struct step *s, struct buf *out)
{
    buf_addc(out, '{');
    json_add_member(out, "kind", s->kind);
    buf_addf(out, ", \"depth\": %d, ", s->depth);
    json_add_member(out, "subject", s->subject);
    add_optional(out, "verdict", s->verdict);
    add_optional(out, "detail", s->detail);
    add_reasons(s, out);
    add_notes(s, out);
    buf_addc(out, '}');
}

void report_print_json(const struct report *r, struct buf *out)
{
    buf_addc(out, '{');
    json_add_member(out, "address", r->address);
    add_optional(out, "from", r->sender);
    add_optional(out, "client", r->client);
    add_optional(out, "helo", r->helo);
    add_optional(out, "login", r->login);
    for (const struct section *s = r->sections; s; s = s->next) {
        buf_add(out, STR(", "));
        json_add_string(out, s->name);
        buf_add(out, STR(": ["));
        for (const struct step *step = s->steps; step; step = step->next) {
            add_step(step, out);
            if (step->next)
                buf_add(out, STR(", "));
        }
        buf_addc(out, ']');
    }
    buf_add(out, STR("}\n"));
}
