#pragma once
/* cyrus/library - libsasl2, as far as a server needs it. */
#include "base/buf.h"
#include "sasl/properties.h"

/* Before the jail: read the configuration of `application` and load the plug-ins.  False: `why`. */
NODISCARD bool library_open(const char *application, const char *config_path, struct buf *why);

struct library_settings {
    const char *service, *host, *realm; /* realm NULL: none */
    const char *local, *remote;         /* "ADDRESS;PORT", NULL: not known */
    struct sasl_policy policy;
};

/* One client.  NULL: `why`. */
struct library_session;
struct library_session *library_begin(const struct library_settings *s, struct buf *why);
void library_end(struct library_session *s); /* NULL is fine */

/* Each followed by a blank. */
void library_list(struct library_session *s, struct buf *mechanisms);

enum library_result { LIBRARY_CHALLENGE, LIBRARY_SUCCESS, LIBRARY_FAILURE, LIBRARY_TEMPORARY };
/* `mechanism` starts an exchange, NULL continues it; `in` absent: no initial response.  `out` is the challenge, or why it failed. */
enum library_result library_step(struct library_session *s, const char *mechanism, struct str in,
                                 struct buf *out);
/* Whom it is about; empty where the library does not say. */
struct str library_user(struct library_session *s);
/* What the library says of a text that is no base64. */
void library_bad_base64(struct str base64, struct buf *out);
/* Its warnings since the last time, one a line: they are about a client of smtpd, whose log they belong to. */
void library_take_warnings(struct buf *out);
