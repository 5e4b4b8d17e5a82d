#pragma once
/* What postfix-explain has found out: steps in their order, each with what it was about, what came of it, and what
 * decided.  Everything lives as long as the report. */
#include "base/arena.h"
#include "base/buf.h"

/* A parameter, and the table or element of it, that decided a step. */
struct reason {
    struct reason *next;
    struct str parameter, place;  /* place: "/etc/postfix/main.cf, line 7", "default" */
    struct str table, key, value; /* absent: there is none */
};

struct step {
    struct step *next;
    int depth; /* of restrictions that are made of others, and of addresses that come of others */
    struct str kind;    /* what scripts go by: "restriction", "canonical", ... */
    struct str subject; /* what is looked at: a restriction with its argument, an address */
    struct str verdict; /* what came of it */
    struct str detail;  /* a reply, an address ...; absent: nothing more to say */
    struct reason *reasons, **last_reason;
    struct note {
        struct note *next;
        struct str text;
    } * notes, **last_note;
};

struct section {
    struct section *next;
    struct str name, title;
    struct step *steps, **last_step;
};

struct report {
    struct arena arena;
    struct str address, sender, client, helo, login; /* as asked for; login absent: none */
    struct section *sections, **last_section;
};

void report_init(struct report *r);
/* What follows belongs to it.  `name` is for scripts. */
void report_begin(struct report *r, const char *name, struct str title);
/* Texts are copied. */
struct step *report_step(struct report *r, int depth, const char *kind, struct str subject);
void step_result(struct report *r, struct step *s, struct str verdict, struct str detail);
void step_reason(struct report *r, struct step *s, const struct reason *reason);
void step_note(struct report *r, struct step *s, struct str text);

void report_print(const struct report *r, struct buf *out);
void report_print_json(const struct report *r, struct buf *out);
