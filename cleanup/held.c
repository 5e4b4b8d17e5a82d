#include "cleanup/held.h"

#include "base/mem.h"
#include "os/fd.h"
#include "queue/dir.h"
#include "text/header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define WINDOW (64UL * 1024)

struct held *held_new(struct arena *a)
{
    struct held *h = mem_alloc(sizeof *h);

    *h = (struct held){ .arena = a, .body = { .file = -1 } };
    return h;
}

void held_free(struct held *h)
{
    if (h == NULL)
        return;
    fd_close(&h->body.file);
    buf_free(&h->body.memory);
    buf_free(&h->line);
    buf_free(&h->tail);
    free(h);
}

static void fail(struct held *h, int error)
{
    if (h->error == 0)
        h->error = error ? error : EIO;
}

/* ---- headers */

static bool fits(struct held *h, struct str header)
{
    return h->bytes + header.len <= HELD_HEADERS_MAX;
}

static void grow(struct held *h)
{
    if (h->count < h->room)
        return;
    h->room = h->room ? 2 * h->room : 32;
    struct held_header *larger = arena_alloc(h->arena, h->room * sizeof *larger);
    if (h->count)
        memcpy(larger, h->headers, h->count * sizeof *larger);
    h->headers = larger;
}

/* What a header weighs, whatever it says: a list of empty ones must end, too. */
static size_t weight(struct str header) { return header.len + sizeof(struct held_header); }

bool held_insert(struct held *h, size_t at, struct str header)
{
    if (!fits(h, header))
        return false;
    grow(h);
    at = MIN(at, h->count);
    memmove(h->headers + at + 1, h->headers + at, (h->count - at) * sizeof *h->headers);
    h->headers[at] = (struct held_header){ .text = arena_str(h->arena, header) };
    h->count++;
    h->bytes += weight(header);
    return true;
}

/* The old text stays in the arena, so its bytes count on. */
bool held_replace(struct held *h, size_t at, struct str header)
{
    if (!fits(h, header))
        return false;
    h->headers[at].text = arena_str(h->arena, header);
    h->bytes += weight(header);
    return true;
}

void held_remove(struct held *h, size_t at)
{
    h->count--;
    memmove(h->headers + at, h->headers + at + 1, (h->count - at) * sizeof *h->headers);
}

static bool has_name(struct str header, struct str name)
{
    return str_equal_nocase(str_trim(str_sub(header, 0, str_find(header, ':'))), name);
}

size_t held_find(const struct held *h, struct str name, uint32_t n)
{
    for (size_t i = 0; i < h->count; i++)
        if (!h->headers[i].is_own && has_name(h->headers[i].text, name) && n-- <= 1)
            return i;
    return h->count;
}

static void end_header(struct held *h)
{
    if (h->line.len && !held_insert(h, h->count, buf_str(&h->line)))
        fail(h, EMSGSIZE);
    buf_clear(&h->line);
}

void held_header_text(struct held *h, struct str piece, bool ends_line)
{
    if (!h->in_line && !header_is_continuation(piece))
        end_header(h);
    else if (!h->in_line && h->line.len)
        buf_addc(&h->line, '\n');
    if (h->line.len + piece.len > HELD_HEADERS_MAX)
        fail(h, EMSGSIZE);
    else
        buf_add(&h->line, piece);
    h->in_line = !ends_line;
}

void held_end_headers(struct held *h)
{
    end_header(h);
    h->in_line = false;
    size_t own = held_find(h, STR("Received"), 1);
    if (own < h->count)
        h->headers[own].is_own = true;
}

/* ---- the body */

struct buf *held_body_out(struct held *h, int64_t bytes_of_text)
{
    h->body.bytes += bytes_of_text;
    return &h->body.memory;
}

static int open_file(void)
{
    char name[] = QUEUE_INCOMING "/body.XXXXXX";
    int fd = open(QUEUE_INCOMING, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 && (fd = mkostemp(name, O_CLOEXEC)) >= 0)
        (void)unlink(name);
    return fd;
}

void held_body_spill(struct held *h)
{
    struct held_body *b = &h->body;

    if (b->memory.len <= HELD_MEMORY)
        return;
    if (b->file < 0)
        b->file = open_file();
    if (h->error == 0 && (b->file < 0 || !fd_pwrite_all(b->file, buf_str(&b->memory), b->on_file)))
        fail(h, errno);
    if (h->error == 0)
        b->on_file += (int64_t)b->memory.len;
    buf_clear(&b->memory);
}

void held_drop_body(struct held *h)
{
    h->body.on_file = 0;
    h->body.bytes = 0;
    buf_clear(&h->body.memory);
}

void held_reader_init(struct held_reader *r, const struct held *h)
{
    *r = (struct held_reader){ .held = h, .memory = buf_str(&h->body.memory) };
}

void held_reader_fini(struct held_reader *r) { buf_free(&r->window); }

/* More of the file behind what is in the window. */
static bool widen(struct held_reader *r)
{
    int64_t left = r->held->body.on_file - r->at;

    buf_consume(&r->window, r->used);
    r->used = 0;
    if (left <= 0)
        return false;
    size_t want = MIN((size_t)left, WINDOW);
    char *room = buf_reserve(&r->window, want);
    ssize_t n = pread(r->held->body.file, room, want, r->at);
    if (n <= 0)
        return false;
    r->window.len += (size_t)n;
    r->at += n;
    return true;
}

bool held_read(struct held_reader *r, struct record *rec)
{
    do {
        struct str in = str_skip(buf_str(&r->window), r->used);
        size_t before = in.len;
        if (record_take(&in, rec) == RECORD_OK) {
            r->used += before - in.len;
            return true;
        }
    } while (widen(r));
    return record_take(&r->memory, rec) == RECORD_OK;
}
