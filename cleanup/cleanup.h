#pragma once
/* cleanup/cleanup - what the process knows before the first message: tables, classes, limits,
 * and what it keeps between messages. */
#include "base/map.h"
#include "client/milter_list.h"
#include "queue/notify.h"
#include "queue/writer.h"
#include "rewrite/mapping.h"
#include "service/service.h"
#include "table/list.h"
#include "table/match.h"
#include "text/header.h"

struct cleanup {
    struct service *svc; /* NULL in tests */
    struct rewriter *rewriter;
    struct queue_layout layout;
    struct queue_writer writer; /* one message at a time */

    struct mapping mapping;

    struct table_list *header_checks, *mime_header_checks, *nested_header_checks, *body_checks;
    bool has_checks;         /* one of these is not empty */
    unsigned mime_flags;     /* enum mime_flag that the strict_ parameters ask for */
    bool drop[HEADER_COUNT]; /* message_drop_headers, known ones */
    struct map drop_names;   /* lower-case names of the others */
    bool drops_unknown;
    struct milter_site milter_site;
    struct milter_list milters; /* non_smtpd_milters */
    struct table_list *milter_header_checks;
    struct buf strip, reject; /* message_strip_characters, message_reject_characters, decoded */
    bool logs_removal;        /* of queue files that are given up */
};

/* Read parameters and open tables; before the jail. */
void cleanup_setup(struct cleanup *c, struct conf *conf);
