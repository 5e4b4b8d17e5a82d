/* A queue file after a power cut: blocks of two messages under the name of either. */
#include "queue/seal.h"
#include "queue/writer.h"
#include "scratch.h"

#include <fcntl.h>

#define BLOCK 512UL /* stands for those of the disk */

static const struct queue_layout flat = { STR_NONE, 1 };

/* A message as cleanup(8) writes it: many recipients, and text behind them. */
static void write_message(struct queue_writer *w, int recipients, const char *who, int lines)
{
    const struct record_size size = { 1, 1, recipients, 0, 1, 0 };
    char text[RECORD_SIZE_BYTES + 1];
    struct buf *out = queue_writer_buf(w);

    record_size_format(&size, text);
    record_put(out, REC_SIZE, str_from(text));
    queue_writer_put_seal(w);
    record_put(out, REC_SENDER, str_from(who));
    record_put(out, REC_WARN, STR("     1795290872"));
    for (int i = 0; i < recipients; i++)
        record_put(out, REC_RCPT, str_from(who));
    record_put(out, REC_MESSAGE, STR_NONE);
    for (int i = 0; i < lines; i++)
        record_put(out, REC_TEXT, str_from(who));
    record_put(out, REC_EXTRACTED, STR_NONE);
    record_put(out, REC_END, STR_NONE);
    assert_true(queue_writer_commit(w, &flat, false));
}

static void read_back(const struct queue_id *id, struct buf *bytes)
{
    BUF_AUTO(path, 0);

    queue_path(&flat, QUEUE_INCOMING, id, &path);
    assert_true(fd_read_file(AT_FDCWD, buf_cstr(&path), bytes));
}

static bool holds(const struct buf *bytes, const struct queue_id *id, uint64_t inode)
{
    struct queue_file f;
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0 && fd_write_all(fd, buf_str(bytes)));
    queue_file_init(&f, fd);
    bool result = queue_seal_holds(&f, id, inode);
    queue_file_close(&f);
    return result;
}

struct pair {
    struct queue_writer writer;
    struct queue_spares spares;
    struct queue_id old, new;
    struct buf old_bytes, new_bytes;
    uint64_t inode;
};

/* The second message in the file of the first. */
static void make_pair(struct pair *p, int old_lines, int new_recipients, int new_lines)
{
    BUF_AUTO(path, 0);

    *p = (struct pair){ .writer = QUEUE_WRITER_INIT };
    p->writer.spares = &p->spares;
    assert_true(queue_writer_open(&p->writer, &flat, false, (struct timeval){ 1795290872, 1 }));
    write_message(&p->writer, 40, "old@example.test", old_lines);
    p->old = p->writer.id;
    read_back(&p->old, &p->old_bytes);
    queue_path(&flat, QUEUE_INCOMING, &p->old, &path);
    assert_true(queue_spare_put(&p->spares, buf_cstr(&path)));
    assert_true(queue_writer_open(&p->writer, &flat, false, (struct timeval){ 1795290872, 2 }));
    assert_true(p->writer.used_before);
    write_message(&p->writer, new_recipients, "new@example.test", new_lines);
    p->new = p->writer.id;
    read_back(&p->new, &p->new_bytes);
    assert_true(queue_id_inode(&p->new, &p->inode));
}

static void drop_pair(struct pair *p)
{
    buf_free(&p->old_bytes);
    buf_free(&p->new_bytes);
    queue_writer_fini(&p->writer);
}

/* Which block is on the disk is a bit of `which`; the size is that of either. */
static void mix_blocks(const struct pair *p, unsigned which, size_t size, struct buf *out)
{
    buf_clear(out);
    for (size_t at = 0; at < size; at += BLOCK) {
        const struct buf *from = which >> (at / BLOCK) & 1 ? &p->new_bytes : &p->old_bytes;
        struct str block = str_sub(buf_str(from), at, MIN(at + BLOCK, size));
        buf_add(out, block);
        while (out->len < MIN(at + BLOCK, size)) /* nothing was ever written there */
            buf_addc(out, '\0');
    }
}

static void no_mixture_of_two_messages_holds(void **state)
{
    /* The new one is as long, shorter, longer; has as many recipients, fewer. */
    static const int shapes[][3] = {
        { 100, 40, 100 }, { 100, 40, 50 }, { 50, 40, 100 }, { 100, 5, 100 }
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct pair p;
        BUF_AUTO(mixed, 0);
        make_pair(&p, shapes[i][0], shapes[i][1], shapes[i][2]);
        size_t sizes[] = { p.old_bytes.len, p.new_bytes.len };
        unsigned blocks = (unsigned)((MAX(sizes[0], sizes[1]) + BLOCK - 1) / BLOCK);
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
            for (unsigned which = 0; which < 1U << blocks; which++) {
                mix_blocks(&p, which, sizes[s], &mixed);
                size_t end = p.old_bytes.len; /* what stands behind the end record is never read */
                bool is_old = mixed.len >= end && memcmp(mixed.ptr, p.old_bytes.ptr, end) == 0;
                end = p.new_bytes.len;
                bool is_new = mixed.len >= end && memcmp(mixed.ptr, p.new_bytes.ptr, end) == 0;
                assert_int_equal(holds(&mixed, &p.old, p.inode), is_old);
                assert_int_equal(holds(&mixed, &p.new, p.inode), is_new);
            }
        drop_pair(&p);
    }
}

static void progress_of_deliveries_breaks_no_seal(void **state)
{
    struct pair p;

    (void)state;
    make_pair(&p, 3, 3, 3);
    size_t warn = str_find_str(buf_str(&p.new_bytes), STR("     1795290872"));
    memset(p.new_bytes.ptr + warn, '0', 15);
    size_t rcpt = str_find_str(buf_str(&p.new_bytes), STR("R\x10new@example.test"));
    p.new_bytes.ptr[rcpt] = REC_DONE;
    assert_true(holds(&p.new_bytes, &p.new, p.inode));
    p.new_bytes.ptr[rcpt + 2]++;
    assert_false(holds(&p.new_bytes, &p.new, p.inode));
    drop_pair(&p);
}

static void copies_and_files_without_a_seal_are_taken_as_they_are(void **state)
{
    struct pair p;
    BUF_AUTO(plain, 0);

    (void)state;
    make_pair(&p, 3, 3, 3);
    assert_true(holds(&p.new_bytes, &p.old, p.inode + 1)); /* copied, and named by its new inode */
    record_put(&plain, REC_SENDER, STR("a@b"));
    record_put(&plain, REC_END, STR_NONE);
    assert_true(holds(&plain, &p.new, p.inode));
    drop_pair(&p);
}

static void a_large_message_in_a_used_file_is_known_by_its_id(void **state)
{
    struct pair p;

    (void)state;
    make_pair(&p, 3, 3, 5000);
    assert_true(p.new_bytes.len > QUEUE_SPARE_SIZE_MAX);
    assert_true(holds(&p.new_bytes, &p.new, p.inode));
    assert_false(holds(&p.new_bytes, &p.old, p.inode));
    drop_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(no_mixture_of_two_messages_holds),
        SCRATCH_TEST(progress_of_deliveries_breaks_no_seal),
        SCRATCH_TEST(copies_and_files_without_a_seal_are_taken_as_they_are),
        SCRATCH_TEST(a_large_message_in_a_used_file_is_known_by_its_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
