/* The record types: what postcat(1) calls them, and where they may stand (spec: queue file,
 * section 5). */
#include "queue/record.h"

struct type_row {
    const char *name;
    unsigned segments; /* 1 << enum record_segment */
};

#define ENV (1u << SEGMENT_ENVELOPE)
#define MSG (1u << SEGMENT_MESSAGE)
#define EXT (1u << SEGMENT_EXTRACTED)

/* The ends M, X and E belong to the segment that they close. */
static const struct type_row types[128] = {
    [REC_SIZE] = { "message_size", ENV },
    [REC_TIME] = { "message_arrival_time", ENV },
    [REC_CREATE] = { "create_time", ENV },
    [REC_FULL_NAME] = { "sender_fullname", ENV | EXT },
    [REC_INSPECT] = { "content_inspector", ENV | EXT },
    [REC_FILTER] = { "content_filter", ENV | MSG | EXT },
    [REC_SENDER] = { "sender", ENV },
    [REC_DONE] = { "done_recipient", ENV | EXT },
    [REC_RCPT] = { "recipient", ENV | EXT },
    [REC_ORCPT] = { "original_recipient", ENV | EXT },
    [REC_CANCELED] = { "canceled_recipient", ENV | EXT },
    [REC_WARN] = { "warning_message_time", ENV },
    [REC_ATTR] = { "named_attribute", ENV | EXT },
    [REC_KILLED] = { "killed_record", ENV | EXT },
    [REC_REDIRECT] = { "redirect_to", ENV | EXT },
    [REC_MESSAGE] = { "message_content", ENV },
    [REC_TEXT] = { "regular_text", MSG },
    [REC_PADDING] = { "padding", ENV | MSG | EXT },
    [REC_EXTRACTED] = { "extracted_headers", MSG },
    [REC_RETURN_RECEIPT] = { "return_receipt", EXT },
    [REC_ERRORS_TO] = { "errors_to", EXT },
    [REC_PRIORITY] = { "priority", EXT },
    [REC_POINTER] = { "pointer_record", ENV | MSG | EXT },
    [REC_VERP] = { "verp_delimiters", ENV },
    [REC_END] = { "message_file_end", EXT },
    [REC_DSN_RET] = { "dsn_return_flags", ENV },
    [REC_DSN_ENVID] = { "dsn_envelope_id", ENV },
    [REC_DSN_ORCPT] = { "dsn_original_recipient", ENV | EXT },
    [REC_DSN_NOTIFY] = { "dsn_notify_flags", ENV | EXT },
};

static const struct type_row *find(char type)
{
    unsigned char index = (unsigned char)type;

    return index < ARRAY_LEN(types) && types[index].name ? &types[index] : NULL;
}

const char *record_name(char type, bool in_message)
{
    const struct type_row *row = find(type);

    if (type == REC_TEXT_PART && in_message)
        return "unterminated_text";
    return row ? row->name : NULL;
}

bool record_allowed(char type, enum record_segment segment)
{
    const struct type_row *row = find(type);

    return row != NULL && (row->segments & (1u << segment)) != 0;
}

size_t record_limit(char type, enum record_segment segment)
{
    switch (type) {
    case REC_TEXT:
    case REC_PADDING:
        return RECORD_PAYLOAD_MAX;
    case REC_TEXT_PART:
        return segment == SEGMENT_MESSAGE ? RECORD_PAYLOAD_MAX : RECORD_FACT_MAX;
    case REC_ATTR:
        return RECORD_ATTR_MAX;
    default:
        return RECORD_FACT_MAX;
    }
}
