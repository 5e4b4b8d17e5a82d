#pragma once
/* client/cleanup - submit a message to cleanup(8) and keep the connection for the next one; or, where only the
 * mail system may do that, to postdrop(1). */
#include "client/postdrop.h"
#include "ipc/channel.h"
#include "ipc/messages/cleanup.h"
#include "os/cargo.h"
#include "queue/queue_id.h"
#include "queue/record.h"

struct cleanup_client {
    const char *postdrop; /* path of the command to submit to; NULL: cleanup */
    struct postdrop_client drop;
    struct channel channel;
    struct queue_id id; /* of the message under way */
    bool open;          /* a message is under way */
    bool failed;        /* a write failed; the verdict will say CLEANUP_WRITE */
    bool framing;       /* a frame of records is being filled */
    struct cargo cargo; /* a filter's connection on its way */
};

#define CLEANUP_CLIENT_INIT \
    ((struct cleanup_client){ .channel = CHANNEL_NONE, .cargo = CARGO_NONE })

/* Begin a message: connects to public/SERVICE when there is no live connection (an idle one that cleanup
 * has closed is replaced), and waits for the queue id.  False: mail system trouble, try again later. */
NODISCARD bool cleanup_client_open(struct cleanup_client *c, struct str service, int flags,
                                   int sendopts, int timeout_s);
/* The flag that asks cleanup(8) whether this mail needs SMTPUTF8, if smtputf8_autodetect_classes
 * names `mail_class` (smtpd, qmqpd, forward, bounce, notify); otherwise 0. */
int cleanup_utf8_flag(struct str mail_class);
/* The flags that have mail of our own checked and filtered, if internal_mail_filter_classes names `mail_class` (bounce,
 * notify); otherwise 0.  Words that are neither are warned of each time, as such mail is made. */
int cleanup_filter_flags(struct str mail_class);
/* The buffer for records of the message under way: encode into it with record_put*(), then call
 * cleanup_client_pump(), which sends when enough has gathered.  Whole records only. */
struct buf *cleanup_client_records(struct cleanup_client *c);
void cleanup_client_pump(struct cleanup_client *c);
/* Before the content: a filter is to see it.  Its connection stays the caller's, too; `macros` go behind the fields.  The
 * client must stay where it is. */
void cleanup_client_pass_milter(struct cleanup_client *c, const struct cleanup_milter *milter,
                                struct str macros, int fd);
/* End the message; the verdict's strings stay valid until the next call. */
struct cleanup_verdict cleanup_client_end(struct cleanup_client *c);
/* Drop the message under way. */
void cleanup_client_abort(struct cleanup_client *c);
/* Let go of the connection. */
void cleanup_client_close(struct cleanup_client *c);
