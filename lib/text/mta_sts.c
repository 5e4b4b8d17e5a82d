#include "text/mta_sts.h"

#include "base/number.h"
#include "text/hostname.h"

#define ID_MAX    32
#define VERSION   STR("STSv1")
#define MX_MAX    100
#define NAMES_MAX 65536UL

/* ---- the record (section 3.1) ---- */

static bool is_id(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!char_is_alnum(text.ptr[i]))
            return false;
    return text.len > 0 && text.len <= ID_MAX;
}

bool mta_sts_record_parse(struct str text, struct str *id)
{
    struct str version = str_trim(str_cut(&text, ';'));

    if (!str_equal(version, STR("v=STSv1")))
        return false;
    while (text.len) {
        struct str value = str_trim(str_cut(&text, ';'));
        struct str name = str_trim(str_cut(&value, '='));
        if (!str_equal(name, STR("id")))
            continue;
        value = str_trim(value);
        if (!is_id(value))
            return false;
        *id = value;
        return true;
    }
    return false;
}

/* ---- the policy (section 3.2) ---- */

static const struct {
    struct str name;
    enum mta_sts_mode mode;
} modes[] = {
    { STR("none"), MTA_STS_NONE },
    { STR("testing"), MTA_STS_TESTING },
    { STR("enforce"), MTA_STS_ENFORCE },
};

/* What has been read so far.  The first of several lines counts, but for mx. */
struct reading {
    bool version, mode, age;
    int mx_count;
    struct mta_sts_policy policy;
    struct buf mx;
};

static bool is_pattern(struct str text)
{
    (void)str_skip_prefix(&text, STR("*."));
    return hostname_is_valid(text, false);
}

static bool take_version(struct reading *r, struct str value)
{
    r->version = true;
    return str_equal(value, VERSION);
}

static bool take_mode(struct reading *r, struct str value)
{
    for (size_t i = 0; i < ARRAY_LEN(modes) && !r->mode; i++) {
        r->mode = str_equal(value, modes[i].name);
        r->policy.mode = modes[i].mode;
    }
    return r->mode;
}

static bool take_age(struct reading *r, struct str value)
{
    if (r->age)
        return true;
    r->age = number_parse_range(value, 0, MTA_STS_AGE_MAX, &r->policy.max_age);
    return r->age;
}

static bool take_mx(struct reading *r, struct str value)
{
    if (!is_pattern(value) || r->mx_count++ == MX_MAX)
        return false;
    buf_add_lower(&r->mx, value);
    buf_addc(&r->mx, ' ');
    return true;
}

static const struct {
    struct str name;
    bool (*take)(struct reading *r, struct str value);
} keys[] = {
    { STR("version"), take_version },
    { STR("mode"), take_mode },
    { STR("max_age"), take_age },
    { STR("mx"), take_mx },
};

/* Other keys are for extensions. */
static bool take_line(struct reading *r, struct str line)
{
    struct str name = str_trim(str_cut(&line, ':'));

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (str_equal(name, keys[i].name))
            return keys[i].take(r, str_trim(line));
    return true;
}

static bool read_all(struct reading *r, struct str text)
{
    while (text.len)
        if (!take_line(r, str_trim(str_cut(&text, '\n'))))
            return false;
    return r->version && r->mode && r->age && (r->policy.mode == MTA_STS_NONE || r->mx_count > 0);
}

bool mta_sts_policy_parse(struct str text, struct arena *a, struct mta_sts_policy *out)
{
    struct reading r = { .mx = BUF_INIT(NAMES_MAX) };
    bool good = read_all(&r, text) && !r.mx.full;

    if (good) {
        *out = r.policy;
        out->mx = arena_str(a, buf_str(&r.mx));
    }
    buf_free(&r.mx);
    return good;
}

/* ---- what smtp makes of it ---- */

/* A wildcard is one label; the pattern of a certificate's name has no such form, and mx_host_pattern sees to that. */
static void add_match(struct str mx, struct buf *out)
{
    struct str pattern;

    buf_add(out, STR(" match="));
    for (int n = 0; str_token(&mx, " ", &pattern); n++)
        buf_join(out, n ? STR(":") : STR(""),
                 str_starts(pattern, STR("*")) ? str_skip(pattern, 1) : pattern);
    buf_add(out, STR(" servername=hostname"));
}

static void add_string(struct buf *out, const char *name, struct str value)
{
    buf_join(out, STR(" { policy_string = "), str_from(name), STR(": "), value, STR(" }"));
}

void mta_sts_policy_entry(const struct mta_sts_policy *p, struct str domain, struct buf *out)
{
    struct str rest = p->mx, pattern;
    BUF_AUTO(age, 32);

    if (p->mode == MTA_STS_NONE)
        return;
    buf_add_int(&age, p->max_age);
    buf_add(out, p->mode == MTA_STS_ENFORCE ? STR("secure") : STR("may"));
    if (p->mode == MTA_STS_ENFORCE)
        add_match(p->mx, out);
    buf_join(out, STR(" policy_type=sts policy_domain="), domain, STR(" policy_ttl="),
             buf_str(&age));
    add_string(out, "version", VERSION);
    add_string(out, "mode", modes[p->mode].name);
    while (str_token(&rest, " ", &pattern)) {
        add_string(out, "mx", pattern);
        buf_join(out, STR(" mx_host_pattern="), pattern);
    }
    add_string(out, "max_age", buf_str(&age));
}
