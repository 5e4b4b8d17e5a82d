#include "services/tokenmgr/account.h"

#include "base/number.h"
#include "client/fetch.h"
#include "sasl/token.h"
#include "text/json.h"

#define LIFETIME_S     3600 /* where the server does not say */
#define LIFETIME_MAX_S (30L * 24 * 3600)
#define NAME_MAX_LEN   128

bool account_name_is_valid(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!char_is_alnum(name.ptr[i]) && (i == 0 || !str_has(STR("-_.@+"), name.ptr[i])))
            return false;
    return name.len > 0 && name.len <= NAME_MAX_LEN;
}

/* ---- the file ---- */

static struct str *member(struct account *a, struct str name)
{
    const struct {
        struct str name;
        struct str *value;
    } members[] = {
        { STR("client_id"), &a->id },          { STR("client_secret"), &a->secret },
        { STR("refresh_token"), &a->refresh }, { STR("token_url"), &a->url },
        { STR("scope"), &a->scope },
    };

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (str_equal(name, members[i].name))
            return members[i].value;
    return NULL;
}

static bool take_line(struct account *account, struct str line, struct arena *a, struct buf *why)
{
    if (line.len == 0 || str_starts(line, STR("#")))
        return true;
    struct str name = str_trim(str_cut(&line, '='));
    struct str *value = member(account, name);
    if (value) {
        *value = arena_str(a, str_trim(line));
        return true;
    }
    buf_join(why, STR("nothing is called \""), name, STR("\" here"));
    return false;
}

bool account_parse(struct str text, struct arena *a, struct account *out, struct buf *why)
{
    struct account account = { .name = STR_NONE };

    while (text.len)
        if (!take_line(&account, str_trim(str_cut(&text, '\n')), a, why))
            return false;
    if (account.id.len == 0 || account.refresh.len == 0 || account.url.len == 0) {
        buf_add(why, STR("client_id, refresh_token and token_url are needed"));
        return false;
    }
    if (!str_starts(account.url, STR("https://"))) {
        buf_add(why, STR("token_url must begin with https://"));
        return false;
    }
    *out = account;
    return true;
}

/* ---- the question ---- */

static void add(struct buf *form, const char *name, struct str value)
{
    if (value.len == 0)
        return;
    buf_join(form, STR("&"), str_from(name), STR("="));
    fetch_add_quoted(form, value);
}

void account_form(const struct account *account, struct str refresh, struct buf *form)
{
    buf_add(form, STR("grant_type=refresh_token"));
    add(form, "client_id", account->id);
    add(form, "client_secret", account->secret);
    add(form, "refresh_token", refresh);
    add(form, "scope", account->scope);
}

/* ---- the answer ---- */

static int64_t lifetime_in(struct str content, struct arena *a)
{
    static const enum json_kind kinds[] = { JSON_WORD, JSON_STRING }; /* some quote it */
    int64_t seconds;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (number_parse_range(json_find(content, STR("expires_in"), kinds[i], a), 1,
                               LIFETIME_MAX_S, &seconds))
            return seconds;
    return LIFETIME_S;
}

bool grant_parse(struct str content, struct arena *a, struct grant *out, struct buf *why)
{
    struct str token = json_find(content, STR("access_token"), JSON_STRING, a);
    struct str error = json_find(content, STR("error"), JSON_STRING, a);
    struct str more = json_find(content, STR("error_description"), JSON_STRING, a);
    struct str refresh = json_find(content, STR("refresh_token"), JSON_STRING, a);

    if (!token_is_valid(token)) {
        buf_add_printable(why, error.len ? error : STR("no access token"));
        if (more.len) {
            buf_add(why, STR(": "));
            buf_add_printable(why, str_sub(more, 0, 200));
        }
        return false;
    }
    *out = (struct grant){ .token = token,
                           .refresh = refresh.len && !str_has(refresh, ' ') ? refresh : STR_NONE,
                           .lifetime_s = lifetime_in(content, a) };
    return true;
}
