#pragma once
/* services/bounce - what the parts of bounce(8) share. */
#include "ipc/messages/bounce.h"
#include "queue/dir.h"
#include "service/service.h"
#include "services/bounce/report.h"

/* One of the three services, as this process was started. */
struct bounce_service {
    struct service *svc;
    const char *dir; /* QUEUE_BOUNCE, QUEUE_DEFER or QUEUE_TRACE */
    struct queue_layout layout;
    struct bounce_templates templates;
    struct buf template_file; /* the text that they borrow from */
};

/* log.c: false after a warning. */
NODISCARD bool bounce_append_entry(const struct bounce_service *b,
                                   const struct bounce_append *entry);
enum bounce_log_result { BOUNCE_LOG_OK, BOUNCE_LOG_ABSENT, BOUNCE_LOG_ERROR };
NODISCARD enum bounce_log_result bounce_read_log(const struct bounce_service *b,
                                                 const struct queue_id *id, struct buf *text);
NODISCARD bool bounce_remove_log(const struct bounce_service *b, const struct queue_id *id);

/* notify.c: send whatever is due about these recipients.  False: try again later. */
NODISCARD bool bounce_notify(const struct bounce_service *b, const struct bounce_report *about,
                             enum template_kind kind, const struct bounce_append *entries,
                             size_t count, bool verp);

/* original.c: the message that a report is about. */
struct original {
    struct queue_file *file; /* NULL: it cannot be read */
    int64_t data_offset, text_size;
    struct str message_id, references; /* for threading */
};
void original_open(const struct bounce_service *b, const struct bounce_report *about,
                   struct arena *a, struct original *o);
void original_close(struct original *o);
/* Add its lines as records to the buffer that `room` gives, and call `pump` after each. */
void original_copy(struct original *o, bool headers_only, struct buf *(*room)(void *),
                   void (*pump)(void *), void *context);
