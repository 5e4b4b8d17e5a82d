#pragma once
/* pickup/options - the command line of sendmail(1), as every program that sends mail uses it. */
#include "base/str.h"
#include "pickup/submission.h"

enum sendmail_mode {
    SENDMAIL_SUBMIT,
    SENDMAIL_LIST,       /* -bp, mailq */
    SENDMAIL_ALIASES,    /* -bi, -I, newaliases */
    SENDMAIL_SMTP,       /* -bs */
    SENDMAIL_DAEMON,     /* -bd, -bl */
    SENDMAIL_FLUSH,      /* -q */
    SENDMAIL_FLUSH_ID,   /* -qI */
    SENDMAIL_FLUSH_SITE, /* -qR */
    SENDMAIL_NOTHING,    /* -bh, -bH, -q15m: other mail systems have a use for them */
};

struct sendmail_options {
    enum sendmail_mode mode;
    const char *config_dir;              /* -C, or NULL */
    const char *sender;                  /* -f, -r, or NULL */
    const char *full_name;               /* -F, or NULL */
    const char *aliases;                 /* -oA, or NULL */
    const char *argument;                /* of -qI, -qR */
    const char *verp;                    /* -XV: "" for the default delimiters; NULL without */
    const char *old_verp;                /* the same in the old spelling, -V: worth a warning */
    bool extract;                        /* -t */
    bool dots;                           /* -i: a dot is not the end */
    struct submission_envelope envelope; /* what options say about it */
    int verbose;
    char **recipients; /* the rest of argv */
    int recipient_count;
};

/* The directory that -C names, or NULL: it is needed before the others can be complained about in the log. */
const char *sendmail_options_config(int argc, char **argv);
/* Fatal for what cannot be understood.  Strings point into argv. */
void sendmail_options_parse(struct sendmail_options *o, int argc, char **argv);
