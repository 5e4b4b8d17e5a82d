#include "qmgr/message.h"

#include "base/mem.h"
#include "ipc/messages/delivery.h"

#include <assert.h>
#include <stdlib.h>

#define BUCKETS_AT_START 64

struct details {
    uint32_t end[DETAIL_COUNT];
    char text[];
};

struct details *details_new(const struct envelope *e)
{
    size_t total = 0;

    for (size_t i = 0; i < DETAIL_COUNT; i++)
        total += e->text[i].len;
    struct details *d = mem_alloc(sizeof *d + total);
    size_t at = 0;

    for (size_t i = 0; i < DETAIL_COUNT; i++) {
        if (e->text[i].len)
            memcpy(d->text + at, e->text[i].ptr, e->text[i].len);
        at += e->text[i].len;
        d->end[i] = (uint32_t)at;
    }
    return d;
}

struct str details_get(const struct details *d, enum detail which)
{
    size_t start = which == 0 ? 0 : d->end[which - 1];

    return (struct str){ d->text + start, d->end[which] - start };
}

void details_put(const struct details *d, struct envelope *e)
{
    for (size_t i = 0; i < DETAIL_COUNT; i++)
        e->text[i] = details_get(d, (enum detail)i);
}

static uint32_t fit32(int64_t n) { return n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0; }

struct message *message_new(const struct queue_id *id, const struct envelope *e)
{
    struct str text = queue_id_str(id);
    struct message *m = mem_alloc(sizeof *m + text.len + 1);

    memcpy(m->id, text.ptr, text.len);
    m->arrival_us = (int64_t)e->arrival.tv_sec * 1000000 + e->arrival.tv_usec;
    m->create_time = e->create_time;
    m->data_offset = e->size.data_offset;
    m->content_size = e->size.content_size;
    m->text_size = e->size.text_size;
    m->resume_at = e->resume_at;
    m->warn_time = fit32(e->warn_time);
    m->warn_at = fit32(e->warn_at);
    m->trace_flags = (uint16_t)e->trace_flags;
    m->sendopts = (uint8_t)e->size.sendopts;
    m->ret_flags = (uint8_t)e->ret_flags;
    m->flags = e->text[DETAIL_SENDER].len ? 0 : MESSAGE_NULL_SENDER;
    return m;
}

struct queue_id message_queue_id(const struct message *m)
{
    struct queue_id id;

    memcpy(id.text, m->id, strlen(m->id) + 1);
    return id;
}

/* ---- the table ---- */

static struct message **bucket_of(const struct message_table *t, struct str id)
{
    return &t->buckets[map_hash(id) & (t->bucket_count - 1)];
}

static void grow(struct message_table *t)
{
    struct message_table bigger = { .bucket_count =
                                        t->bucket_count ? t->bucket_count * 2 : BUCKETS_AT_START };

    bigger.buckets = mem_alloc(bigger.bucket_count * sizeof(struct message *));
    for (size_t i = 0; i < t->bucket_count; i++)
        for (struct message *m = t->buckets[i]; m;) {
            struct message *next = m->next;
            struct message **at = bucket_of(&bigger, str_from(m->id));

            m->next = *at;
            *at = m;
            m = next;
        }
    free(t->buckets);
    t->buckets = bigger.buckets;
    t->bucket_count = bigger.bucket_count;
}

struct message *message_table_find(const struct message_table *t, struct str id)
{
    if (t->bucket_count == 0)
        return NULL;
    for (struct message *m = *bucket_of(t, id); m; m = m->next)
        if (str_equal(str_from(m->id), id))
            return m;
    return NULL;
}

static int is_probe(const struct message *m)
{
    return (m->trace_flags & DELIVERY_FLAG_PROBE_MTA) != 0;
}

void message_table_add(struct message_table *t, struct message *m)
{
    if ((size_t)t->count >= t->bucket_count)
        grow(t);
    struct message **at = bucket_of(t, str_from(m->id));

    m->next = *at;
    *at = m;
    t->count++;
    t->probes += is_probe(m);
}

void message_mark(struct message_table *t, struct message *m, const struct schedule_transport *by)
{
    if (m->flags & MESSAGE_MARKED)
        return;
    if (t->marked == t->marks_room) {
        t->marks_room = t->marks_room ? t->marks_room * 2 : 64;
        t->marks = mem_resize(t->marks, t->marks_room * sizeof *t->marks);
    }
    m->flags |= MESSAGE_MARKED;
    t->marks[t->marked++] = (struct message_mark){ m, by };
}

bool message_take_marked(struct message_table *t, struct message_mark *out)
{
    if (t->looked_at == t->marked) {
        t->looked_at = t->marked = 0;
        return false;
    }
    *out = t->marks[t->looked_at++];
    out->m->flags &= ~(uint32_t)MESSAGE_MARKED;
    return true;
}

void message_table_remove(struct message_table *t, struct message *m)
{
    struct message **at = bucket_of(t, str_from(m->id));

    assert(!(m->flags & MESSAGE_MARKED));
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    t->count--;
    t->probes -= is_probe(m);
    message_set_details(t, m, NULL);
    free(m);
}

void message_table_flag_all(struct message_table *t, enum message_flag flag)
{
    for (size_t i = 0; i < t->bucket_count; i++)
        for (struct message *m = t->buckets[i]; m; m = m->next)
            m->flags |= flag;
}

void message_set_details(struct message_table *t, struct message *m, struct details *d)
{
    t->detailed += (d != NULL) - (m->details != NULL);
    free(m->details);
    m->details = d;
}
