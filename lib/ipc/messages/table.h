#pragma once
/* proxymap(8) over private/proxymap and private/proxywrite: tables for processes that cannot, or may not, open
 * them.  One question, one answer, as often as the client likes.
 *
 *   'O' open   'L' lookup   'U' update   'D' delete     table_question
 *   'a'                                                 table_answer */
#include "ipc/schema.h"

enum table_status {
    TABLE_STATUS_OK,        /* opened, found, changed */
    TABLE_STATUS_NOT_FOUND, /* no such key */
    TABLE_STATUS_FAILED,    /* logged by proxymap; try again later */
    TABLE_STATUS_DENIED,    /* not in proxy_read_maps or proxy_write_maps */
};

#define TABLE_QUESTION_FIELDS(FIELD)                 \
    FIELD(STR, table, "table") /* type:name */       \
    FIELD(INT, flags, "flags") /* enum table_flag */ \
    FIELD(STR, key, "key")     /* empty for open */  \
    FIELD(STR, value, "value") /* empty except for update */
IPC_MESSAGE(table_question, TABLE_QUESTION_FIELDS)

#define TABLE_ANSWER_FIELDS(FIELD)                                \
    FIELD(INT, status, "status")   /* enum table_status */        \
    FIELD(INT, partial, "partial") /* takes parts of addresses */ \
    FIELD(STR, value, "value")     /* of a lookup */
IPC_MESSAGE(table_answer, TABLE_ANSWER_FIELDS)
