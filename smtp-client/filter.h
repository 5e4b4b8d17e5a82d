#pragma once
/* smtp-client/filter - changes to the content on its way out: smtp_generic_maps in headers, smtp_header_checks and
 * smtp_body_checks, 8-bit to quoted-printable for a server without 8BITMIME. */
#include "delivery/delivery.h"
#include "smtp-client/session.h"

/* Open tables; before the jail. */
void filter_open(struct conf *conf);
/* Does any of it apply to this message and server?  If not, the content goes out as it is. */
bool filter_applies(const struct delivery *d, const struct client_session *s);
/* May it have text that this server does not take as it is?  Then nobody can tell how long it will be. */
bool filter_may_convert(const struct delivery *d, const struct client_session *s);
/* The envelope address as smtp_generic_maps have it; false: a lookup failed. */
NODISCARD bool filter_map_address(struct str *address, struct arena *a);

struct filter;
struct filter *filter_new(struct delivery *d, struct client_session *s);
void filter_free(struct filter *f);
/* Next piece of content; false: stop.  Either the session takes no more (see session_write), or a
 * lookup failed: then filter_failed() is true. */
NODISCARD bool filter_piece(struct filter *f, struct str piece, bool ends_line);
NODISCARD bool filter_finish(struct filter *f);
bool filter_failed(const struct filter *f);
