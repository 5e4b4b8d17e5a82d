#pragma once
/* smtpd/wire - the connection to the client; no other file touches its descriptor.
 *
 * What goes out is what the dialogue has gathered, what comes in goes to the dialogue, and `end_reason` says why the
 * connection is of no use any more. */
#include "smtpd/facts.h"

/* A connected socket, which stays the caller's. */
void wire_open(struct session *s, int fd);
void wire_release(struct session *s);
/* The addresses of both ends.  False: it is no connection of the network. */
NODISCARD bool wire_ends(const struct session *s, struct net_addr *theirs, struct net_addr *ours);
/* Bytes in front of the dialogue, in a time of their own. */
NODISCARD enum io_result wire_read(struct session *s, struct pace *pace, struct buf *into,
                                   size_t room);
/* Write out the replies; wait for more input.  False: the session is at its end. */
bool wire_flush(struct session *s);
bool wire_fill(struct session *s);
/* What has come and was not read yet, as far as it fits into `room`; it is read later all the same. */
struct str wire_peek(const struct session *s, char *room, size_t size);
/* Nothing comes within this time, not even the end. */
bool wire_is_quiet(const struct session *s, int ms);
/* Shake hands: what is read and written from now on goes by TLS.  NULL: that failed, and the connection is of no use. */
const struct tls_facts *wire_start_tls(struct session *s, struct tls_engine *engine,
                                       const struct tls_server_wish *wish);
/* A reply as the transcript has it. */
void wire_note_reply(struct session *s, struct smtp_reply reply);
/* The parting word: say `reply` as it is (code 0: nothing) and hang up, whatever is going on. */
void wire_part(struct session *s, struct smtp_reply reply);
/* The same, and the command under way is to blame. */
void wire_break_off(struct session *s, struct smtp_reply reply);
/* The same where there is no dialogue yet: it goes out at once or not at all. */
void wire_turn_away(struct session *s, struct smtp_reply reply);
