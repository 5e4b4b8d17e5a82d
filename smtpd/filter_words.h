#pragma once
/* smtpd/filter_words - what the filter of smtpd_proxy_filter is told, at once or later, and what the log hears of it. */
#include "smtpd/facts.h"

/* The client's MAIL without REQUIRETLS, which is between the client and us; the content gets a header of it. */
struct str filter_mail_line(struct session *s);
/* The content begins, in wire form. */
void filter_put_header(struct session *s, struct buf *out);
/* More of it; a CR that ends no line becomes a blank. */
void filter_put_text(struct session *s, struct str text, bool ends_line, struct buf *out);
void filter_log_verdict(const struct session *s, struct smtp_reply reply);
