/* From a key to values: the search, and the further searches that special attributes ask for. */
#include "table/plugins/ldap.h"
#include "table/plugins/ldap_text.h"

#include <stdlib.h>

/* One lookup. */
struct walk {
    struct ldap_table *table;
    LDAP *ld;
    struct query_values values;
    int depth;
    bool failed; /* logged */
};

struct question {
    const char *base, *filter; /* filter NULL: any entry */
    int scope;
    char **attributes;
};

static void take_entries(struct walk *w, LDAPMessage *entries);

/* Returns a code of LDAP's; `answer` is NULL or the caller's. */
static int search(const struct walk *w, const struct question *q, LDAPMessage **answer)
{
    const struct ldap_table *t = w->table;
    struct timeval limit = { .tv_sec = t->server.timeout_s };

    *answer = NULL;
    (void)ldap_set_option(w->ld, LDAP_OPT_DEREF, &t->dereference);
    (void)ldap_set_option(w->ld, LDAP_OPT_REFERRALS,
                          t->chase_referrals ? LDAP_OPT_ON : LDAP_OPT_OFF);
    return ldap_search_ext_s(w->ld, q->base, q->scope, q->filter, q->attributes, 0, NULL, NULL,
                             &limit, t->size_limit, answer);
}

/* ---- special attributes: names of entries, and URLs */

static bool is_wanted(const struct ldap_table *t, const char *attribute)
{
    for (size_t i = 0; i < t->attribute_count; i++)
        if (str_equal_nocase(str_from(t->names[i]), ldap_base_name(attribute)))
            return true;
    return false;
}

/* Those of the URL that the table wants; all that it wants if the URL names none.  Nothing: NULL. */
static char **choose_attributes(const struct ldap_table *t, char **of_url, struct arena *arena)
{
    size_t count = 0, kept = 0;

    if (of_url == NULL || of_url[0] == NULL)
        return t->names;
    while (of_url[count])
        count++;
    char **chosen = arena_alloc(arena, (count + 1) * sizeof *chosen);
    for (size_t i = 0; i < count; i++)
        if (is_wanted(t, of_url[i]))
            chosen[kept++] = of_url[i];
    return kept ? chosen : NULL;
}

static int search_url(const struct walk *w, const char *url, LDAPMessage **answer)
{
    ARENA_AUTO(arena);
    LDAPURLDesc *parts;
    int result = ldap_url_parse(url, &parts);

    *answer = NULL;
    if (result != LDAP_URL_SUCCESS) {
        log_warning("dict_ldap_get_values[%d]: malformed URL %s: %d, skipping", w->depth, url,
                    result);
        return LDAP_PARAM_ERROR;
    }
    const struct question q = {
        .base = parts->lud_dn ? parts->lud_dn : "",
        .filter = parts->lud_filter,
        .scope = parts->lud_scope == LDAP_SCOPE_DEFAULT ? LDAP_SCOPE_BASE : parts->lud_scope,
        .attributes = choose_attributes(w->table, parts->lud_attrs, &arena)
    };
    result = q.attributes ? search(w, &q, answer) : LDAP_SUCCESS;
    ldap_free_urldesc(parts);
    return result;
}

static int search_name(const struct walk *w, const char *name, LDAPMessage **answer)
{
    const struct question q = { .base = name,
                                .filter = "objectclass=*",
                                .scope = LDAP_SCOPE_BASE,
                                .attributes = w->table->names };

    return search(w, &q, answer);
}

static void follow(struct walk *w, const char *attribute, const char *value)
{
    LDAPMessage *answer;

    if (w->depth >= w->table->recursion_limit) {
        log_warning("dict_ldap_get_values[%d]: " STR_FMT
                    ": Recursion limit exceeded for special attribute %s=%s",
                    w->depth + 1, STR_ARG(w->table->query.name), attribute, value);
        w->failed = true;
        return;
    }
    w->depth++;
    int result =
        ldap_is_ldap_url(value) ? search_url(w, value, &answer) : search_name(w, value, &answer);
    if (result == LDAP_SUCCESS) {
        if (answer)
            take_entries(w, answer);
    } else if (result == LDAP_NO_SUCH_OBJECT) {
        log_warning("dict_ldap_get_values[%d]: DN %s not found, skipping ", w->depth, value);
    } else {
        log_warning("dict_ldap_get_values[%d]: search error %d: %s ", w->depth, result,
                    ldap_err2string(result));
        w->failed = true;
    }
    ldap_msgfree(answer);
    w->depth--;
}

/* ---- entries ---- */

static const struct ldap_attribute *find_attribute(const struct ldap_table *t, const char *name)
{
    for (size_t i = 0; i < t->attribute_count; i++)
        if (str_equal_nocase(str_from(t->attributes[i].name), ldap_base_name(name)))
            return &t->attributes[i];
    return NULL;
}

/* Calls `visit` for each attribute of the entry that the table names and that has values, until it is false. */
typedef bool visit_fn(struct walk *w, const struct ldap_attribute *a, const char *name,
                      struct berval **values, void *context);

static void visit_attributes(struct walk *w, LDAPMessage *entry, visit_fn *visit, void *context)
{
    BerElement *position = NULL;
    bool more = true;

    for (char *name = ldap_first_attribute(w->ld, entry, &position); name;
         name = ldap_next_attribute(w->ld, entry, position)) {
        const struct ldap_attribute *a = more ? find_attribute(w->table, name) : NULL;
        struct berval **values = a ? ldap_get_values_len(w->ld, entry, name) : NULL;
        if (values && values[0])
            more = visit(w, a, name, values, context);
        ldap_value_free_len(values);
        ldap_memfree(name);
    }
    ber_free(position, 0);
}

/* What kinds of attributes an entry has, as bits. */
static bool note_kind(struct walk *w, const struct ldap_attribute *a, const char *name,
                      struct berval **values, void *context)
{
    unsigned *kinds = context;

    (void)w;
    (void)name;
    (void)values;
    *kinds |= 1U << a->kind;
    return true;
}

static bool counts(enum ldap_attribute_kind kind, unsigned kinds)
{
    if (kinds & 1U << LDAP_TERMINAL)
        return kind == LDAP_TERMINAL;
    return kind != LDAP_LEAF || !(kinds & 1U << LDAP_SPECIAL);
}

static void take_value(struct walk *w, struct str value)
{
    if (query_add_value(&w->values, value))
        return;
    log_warning("dict_ldap_get_values[%d]: " STR_FMT ": Expansion limit exceeded for key: '" STR_FMT
                "'",
                w->depth + 1, STR_ARG(w->table->query.name), STR_ARG(w->values.key));
    w->failed = true;
}

static bool take_values(struct walk *w, const struct ldap_attribute *a, const char *name,
                        struct berval **values, void *context)
{
    const unsigned *kinds = context;

    if (!counts(a->kind, *kinds))
        return true;
    for (; *values && !w->failed; values++)
        if (a->kind == LDAP_SPECIAL)
            follow(w, name, (*values)->bv_val);
        else
            take_value(w, (struct str){ (*values)->bv_val, (*values)->bv_len });
    return !w->failed;
}

static void take_entries(struct walk *w, LDAPMessage *entries)
{
    for (LDAPMessage *entry = ldap_first_entry(w->ld, entries); entry && !w->failed;
         entry = ldap_next_entry(w->ld, entry)) {
        unsigned kinds = 0;
        visit_attributes(w, entry, note_kind, &kinds);
        visit_attributes(w, entry, take_values, &kinds);
    }
}

/* ---- the first search ---- */

static enum plugin_result fail(struct walk *w, int result, const char *base)
{
    const struct ldap_table *t = w->table;

    if (result == LDAP_NO_SUCH_OBJECT && key_format_has_parts(t->search_base))
        return PLUGIN_NOT_FOUND;
    if (result == LDAP_NO_SUCH_OBJECT)
        log_warning("dict_ldap_lookup: " STR_FMT ": Search base '%s' not found: %d: %s",
                    STR_ARG(t->query.name), base, result, ldap_err2string(result));
    else if (result == LDAP_SIZELIMIT_EXCEEDED)
        log_warning("dict_ldap_lookup: " STR_FMT ": Query size limit (%d) exceeded",
                    STR_ARG(t->query.name), t->size_limit);
    else
        log_warning("dict_ldap_lookup: Search error %d: %s ", result, ldap_err2string(result));
    return PLUGIN_ERROR;
}

static bool says_nothing_of_the_key(int result)
{
    return result == LDAP_SERVER_DOWN || result == LDAP_CONNECT_ERROR || result == LDAP_UNAVAILABLE;
}

/* A connection that was there before may have been closed by the server: then a new one is tried. */
static int search_first(struct walk *w, const struct question *q, LDAPMessage **answer)
{
    struct ldap_connection *c = w->table->connection;
    bool was_up = ldap_connection_is_up(c);
    int result;

    for (;; was_up = false) {
        *answer = NULL;
        w->ld = ldap_connection_use(c, &w->table->server);
        if (w->ld == NULL)
            return LDAP_CONNECT_ERROR;
        result = search(w, q, answer);
        if (!says_nothing_of_the_key(result))
            return result;
        if (!was_up)
            return result;
        ldap_msgfree(*answer);
        ldap_connection_drop(c);
    }
}

static enum plugin_result look(struct walk *w, const struct question *q)
{
    LDAPMessage *answer;
    enum plugin_result outcome;
    int result = search_first(w, q, &answer);

    if (w->ld == NULL)
        return PLUGIN_ERROR; /* logged */
    if (result == LDAP_SUCCESS && answer)
        take_entries(w, answer);
    if (result != LDAP_SUCCESS)
        outcome = fail(w, result, q->base);
    else
        outcome = w->failed ? PLUGIN_ERROR : query_values_result(&w->values);
    ldap_msgfree(answer);
    if (outcome == PLUGIN_ERROR)
        ldap_connection_drop(w->table->connection);
    return outcome;
}

enum plugin_result ldap_table_lookup(void *table, struct str key, struct buf *out)
{
    struct ldap_table *t = table;
    struct walk w = { .table = t, .values = { .query = &t->query, .key = key, .out = out } };
    BUF_AUTO(filter, 0);
    BUF_AUTO(base, 0);

    if (key_format_expand_quoted(t->query.template, key, ldap_quote_filter, NULL, &filter) !=
            KEY_FORMAT_OK ||
        key_format_expand_quoted(t->search_base, key, ldap_quote_name, NULL, &base) !=
            KEY_FORMAT_OK)
        return PLUGIN_NOT_FOUND;
    return look(&w, &(struct question){ .base = buf_cstr(&base),
                                        .filter = buf_cstr(&filter),
                                        .scope = t->scope,
                                        .attributes = t->names });
}
