#include "postscreen/access.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "table/match.h"
#include "table/table.h"

#define SEPARATORS ", \t\r\n"
#define PARAMETER  STR("postscreen_access_list")

struct access_list {
    struct match_list *mynetworks;
    size_t count;
    struct rule {
        struct str word;     /* as written, followed by nothing */
        struct table *table; /* NULL: it is a word */
    } * rules;
};

enum outcome { OUTCOME_NEXT, OUTCOME_PERMIT, OUTCOME_REJECT, OUTCOME_STOP };

static void add_rule(struct access_list *l, struct str word)
{
    l->rules = mem_resize(l->rules, (l->count + 1) * sizeof *l->rules);
    l->rules[l->count++] =
        (struct rule){ .word = word,
                       .table = str_has(word, ':') ? table_open(word, TABLE_DEFAULT, NULL) : NULL };
}

struct access_list *access_open(void)
{
    struct access_list *l = mem_alloc(sizeof *l);
    struct str text = postscreen_conf.postscreen_access_list, word;

    while (str_token_braced(&text, SEPARATORS, &word, NULL))
        add_rule(l, word);
    l->mynetworks =
        match_list_open(smtpd_conf.mynetworks, "mynetworks", match_flags_for("mynetworks"));
    return l;
}

static void give_up(struct str origin, const char *what, struct str word)
{
    log_warning(STR_FMT ": %s" STR_FMT " -- ignoring the remainder of this access list",
                STR_ARG(origin), what, STR_ARG(word));
}

static enum outcome judge_mynetworks(struct access_list *l, struct str origin, struct str address)
{
    switch (match_address(l->mynetworks, address)) {
    case MATCH_YES:
        return OUTCOME_PERMIT;
    case MATCH_NO:
        return OUTCOME_NEXT;
    case MATCH_ERROR:
        break;
    }
    give_up(origin, "permit_mynetworks: mynetworks lookup error", STR(""));
    return OUTCOME_STOP;
}

/* `origin` says it: the parameter, or a table. */
static enum outcome judge_word(struct access_list *l, struct str origin, struct str word,
                               struct str address)
{
    static const struct {
        struct str word;
        enum outcome outcome;
    } words[] = {
        { STR("permit"), OUTCOME_PERMIT },
        { STR("reject"), OUTCOME_REJECT },
        { STR("dunno"), OUTCOME_STOP },
    };

    if (str_equal_nocase(word, STR("permit_mynetworks")))
        return judge_mynetworks(l, origin, address);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_equal_nocase(word, words[i].word))
            return words[i].outcome;
    give_up(origin, "unknown command: ", word);
    return OUTCOME_STOP;
}

static enum outcome judge_result(struct access_list *l, struct str origin, struct str words,
                                 struct str address)
{
    enum outcome outcome = OUTCOME_NEXT;
    struct str word;

    while (outcome == OUTCOME_NEXT && str_token(&words, SEPARATORS, &word)) {
        if (!str_has(word, ':')) {
            outcome = judge_word(l, origin, word, address);
            continue;
        }
        log_warning("table " STR_FMT ": lookup result \"" STR_FMT
                    "\" is not allowed -- ignoring remainder of access list",
                    STR_ARG(origin), STR_ARG(word));
        outcome = OUTCOME_STOP;
    }
    return outcome;
}

static enum outcome judge_table(struct access_list *l, const struct rule *r, struct str address)
{
    BUF_AUTO(words, 0);

    switch (table_lookup(r->table, address, &words)) {
    case TABLE_FOUND:
        return judge_result(l, r->word, buf_str(&words), address);
    case TABLE_NOT_FOUND:
        return OUTCOME_NEXT;
    case TABLE_ERROR:
        break;
    }
    log_warning(STR_FMT ": " STR_FMT
                        ": table lookup error -- ignoring the remainder of this access list",
                STR_ARG(PARAMETER), STR_ARG(r->word));
    return OUTCOME_STOP;
}

enum access_verdict access_judge(struct access_list *l, struct str address)
{
    enum outcome outcome = OUTCOME_NEXT;

    for (size_t i = 0; i < l->count && outcome == OUTCOME_NEXT; i++) {
        const struct rule *r = &l->rules[i];
        outcome =
            r->table ? judge_table(l, r, address) : judge_word(l, PARAMETER, r->word, address);
    }
    return outcome == OUTCOME_PERMIT   ? ACCESS_PERMIT
           : outcome == OUTCOME_REJECT ? ACCESS_REJECT
                                       : ACCESS_UNDECIDED;
}
