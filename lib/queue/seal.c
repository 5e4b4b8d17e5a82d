#include "queue/seal.h"

#include "base/number.h"

#include <inttypes.h>

#define SUM_DIGITS 16

static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ (sum >> 32);
}

static uint64_t mix_text(uint64_t sum, struct str text)
{
    uint64_t word = 0;

    for (; text.len >= sizeof word; text = str_skip(text, sizeof word)) {
        memcpy(&word, text.ptr, sizeof word);
        sum = mix(sum, word);
    }
    word = text.len;
    for (size_t i = 0; i < text.len; i++)
        word = word << 8 | (unsigned char)text.ptr[i];
    return mix(sum, word);
}

/* What stands in every file in its own way, or changes while the message waits. */
static bool is_left_out(const struct record *rec)
{
    struct str name, value;

    return rec->type == REC_SIZE || rec->type == REC_WARN ||
           (rec->type == REC_ATTR && record_split_attr(rec->payload, &name, &value) &&
            str_equal(name, STR(QUEUE_SEAL)));
}

uint64_t queue_seal_add(uint64_t sum, const struct record *rec)
{
    char type = (char)(rec->type == REC_DONE ? REC_RCPT : rec->type);

    if (is_left_out(rec))
        return sum;
    return mix_text(mix(sum, (unsigned char)type), rec->payload);
}

void queue_seal_format(uint64_t sum, const struct queue_id *id, struct buf *out)
{
    buf_addf(out, "%016" PRIx64 " %s", sum, id->text);
}

static bool parse(struct str value, struct str *sum, struct queue_id *id)
{
    *sum = str_cut(&value, ' ');
    return sum->len == SUM_DIGITS && queue_id_parse(value, id);
}

bool queue_seal_is_set(struct str value)
{
    struct str sum;
    struct queue_id id;

    return parse(value, &sum, &id) && !str_equal(sum, STR("0000000000000000"));
}

/* The seal's value, and the sum as it is; false if the file ends too early. */
static bool read_all(struct queue_file *f, struct buf *seal, uint64_t *sum)
{
    struct str name, value;
    struct record rec = { 0 };

    *sum = 0;
    while (rec.type != REC_END) {
        if (queue_file_read(f, &rec) != QUEUE_READ_RECORD)
            return false;
        *sum = queue_seal_add(*sum, &rec);
        if (seal->len == 0 && rec.type == REC_ATTR &&
            record_split_attr(rec.payload, &name, &value) && str_equal(name, STR(QUEUE_SEAL)))
            buf_add(seal, value);
    }
    return true;
}

bool queue_seal_holds(struct queue_file *f, const struct queue_id *id, uint64_t inode)
{
    BUF_AUTO(seal, 512);
    BUF_AUTO(now, 512);
    struct queue_id sealed;
    struct str text;
    uint64_t sum, its_inode;

    bool whole = read_all(f, &seal, &sum);
    queue_file_seek(f, 0);
    if (!parse(buf_str(&seal), &text, &sealed) || !queue_id_inode(&sealed, &its_inode) ||
        its_inode != inode)
        return true;
    if (!queue_seal_is_set(buf_str(&seal))) /* too large to be used again, but perhaps it was */
        return str_equal(queue_id_str(&sealed), queue_id_str(id));
    queue_seal_format(sum ? sum : 1, id, &now);
    return whole && str_equal(buf_str(&seal), buf_str(&now));
}
