#pragma once
/* queue/record - the records of a queue file: type (1 byte), length (7 bits a byte, low first), payload.
 * Pure: bytes in, records out (spec: queue file, sections 4-6). */
#include "base/buf.h"

#include <stdint.h>
#include <sys/time.h>

/* Bytes that a payload may have, for every writer and every reader.  Lines of text that are longer come in pieces;
 * whatever else is longer was refused before anybody said yes to it. */
#define RECORD_PAYLOAD_MAX (1024UL * 1024) /* of any record */
#define RECORD_FACT_MAX \
    (16UL * 1024) /* of what is no text and no attribute: an address, a transport */
#define RECORD_ATTR_MAX (32UL * 1024) /* of `name=value`: room for any address and a name */

enum record_type {
    REC_SIZE = 'C',
    REC_TIME = 'T',
    REC_CREATE = 'c',
    REC_FULL_NAME = 'F',
    REC_INSPECT = 'I',
    REC_FILTER = 'L',
    REC_SENDER = 'S',
    REC_DONE = 'D',
    REC_RCPT = 'R',
    REC_ORCPT = 'O',
    REC_CANCELED = '/',
    REC_WARN = 'W',
    REC_ATTR = 'A',
    REC_KILLED = 'K',
    REC_REDIRECT = '>',
    REC_MESSAGE = 'M',
    REC_TEXT = 'N',
    REC_TEXT_PART = 'L',
    REC_PADDING = 'w',
    REC_EXTRACTED = 'X',
    REC_RETURN_RECEIPT = 'r',
    REC_ERRORS_TO = 'e',
    REC_PRIORITY = 'P',
    REC_POINTER = 'p',
    REC_VERP = 'V',
    REC_END = 'E',
    REC_FLAGS = 'f', /* only on the way to cleanup: more bits of enum cleanup_flag */
    REC_DSN_RET = '<',
    REC_DSN_ENVID = 'i',
    REC_DSN_ORCPT = 'o',
    REC_DSN_NOTIFY = 'n',
};

struct record {
    char type;
    struct str payload;
};

/* Append one encoded record; nothing, with `full` set, when the buffer's ceiling forbids the whole of it or when it
 * is longer than record_limit(). */
void record_put(struct buf *out, char type, struct str payload);
void record_put_attr(struct buf *out, const char *name, struct str value);
void record_put_attr_int(struct buf *out, const char *name, int64_t value);
void record_put_time(struct buf *out, struct timeval t);
/* "SEC USEC" of a T record; very old files have the seconds only. */
NODISCARD bool record_parse_time(struct str payload, struct timeval *out);
/* One line of message text; cut into L pieces of `line_limit` bytes (or RECORD_PAYLOAD_MAX) and a final N. */
void record_put_line(struct buf *out, struct str line, size_t line_limit);

enum record_take { RECORD_OK, RECORD_MORE /* incomplete: nothing consumed */, RECORD_BAD };
/* Take the next record off `in`; the payload points into it. */
NODISCARD enum record_take record_take(struct str *in, struct record *rec);
/* "name=value" of an A record. */
NODISCARD bool record_split_attr(struct str payload, struct str *name, struct str *value);
/* Name that postcat(1) prints; NULL for an unknown type.  In the message segment 'L' is an unterminated line. */
const char *record_name(char type, bool in_message);
/* Is this type allowed in that part of a queue file? */
enum record_segment { SEGMENT_ENVELOPE, SEGMENT_MESSAGE, SEGMENT_EXTRACTED };
bool record_allowed(char type, enum record_segment segment);
/* The longest payload of that type there; 'L' is a transport or a piece of text. */
size_t record_limit(char type, enum record_segment segment);

/* The C record: six right-aligned 15-column decimals. */
struct record_size {
    int64_t content_size; /* 1: offset(X) - data_offset, less padding */
    int64_t data_offset;  /* 2 */
    int64_t rcpt_count;   /* 3 */
    int64_t qmgr_opts;    /* 4: RECORD_OPT_* */
    int64_t text_size;    /* 5 */
    int64_t sendopts;     /* 6 */
};
enum {
    RECORD_OPT_MIXED = 1,
    RECORD_OPT_NEVER = 2,
    RECORD_OPT_SUCCESS = 4,
    RECORD_OPT_FAILURE = 8,
    RECORD_OPT_DELAY = 16
};
enum {
    SENDOPT_SMTPUTF8 = 1,
    SENDOPT_UTF8_HEADER = 2,
    SENDOPT_UTF8_SENDER = 4,
    SENDOPT_UTF8_RCPT = 8,
    SENDOPT_TLS_OPTIONAL = 16,
    SENDOPT_REQUIRETLS = 32
};
#define RECORD_SIZE_BYTES 95 /* payload; the whole record is 97 */
void record_size_format(const struct record_size *s, char out[RECORD_SIZE_BYTES + 1]);
/* Missing fields are 0 (5: as field 1), unknown bits of field 6 are dropped.  False for text that is no C record;
 * values that make no sense are for the caller to refuse (a maildrop file's record only has field 6). */
NODISCARD bool record_size_parse(struct str payload, struct record_size *out);
/* May qmgr(8) believe it? */
bool record_size_is_valid(const struct record_size *s);
