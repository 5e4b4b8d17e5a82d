#include "tools/postmap/message.h"

#include "conf/params.h"
#include "text/mime.h"

static void on_header(void *context, enum mime_part part UNUSED,
                      const struct header_info *info UNUSED, struct str header)
{
    struct table_query *q = context;

    if (q->tool->headers)
        table_query_listed(q, header);
}

static void on_body(void *context, struct str piece, bool ends_line UNUSED)
{
    struct table_query *q = context;

    if (q->tool->body && piece.len > 0)
        table_query_listed(q, piece);
}

static void on_line(void *context, struct str line) { mime_line(context, line, true); }

void query_message(struct table_query *q)
{
    static const struct mime_sink sink = { .header = on_header, .body = on_body };
    const struct mime_options options = {
        .flags = q->tool->mime ? 0 : MIME_DISABLE,
        .header_limit = (size_t)site_conf.header_size_limit,
        .boundary_limit = (size_t)site_conf.mime_boundary_length_limit,
        .nesting_limit = (unsigned)site_conf.mime_nesting_limit,
    };
    struct mime *mime = mime_new(&options, &sink, q);

    table_tool_each_line(on_line, mime);
    mime_finish(mime);
    mime_free(mime);
}
