#include "delivery/maildir_name.h"
#include "delivery/store.h"
#include "helpers.h"
#include "helpers.inc"
#include "queue/durability.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <utime.h>

#define STRANGER 54321

/* The names of what was synced, one a line; the last component only. */
static struct buf synced = BUF_INIT(0);
static char last_synced_path[PATH_MAX];
static const char *failing_sync; /* the directory in which, as on itself, a sync fails */

/* In front of the C library's. */
int fsync(int fd)
{
    char link[64];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, last_synced_path, sizeof last_synced_path - 1);
    struct str path = { last_synced_path, n > 0 ? (size_t)n : 0 };
    last_synced_path[path.len] = '\0';
    buf_join(&synced, str_skip(path, str_rfind(path, '/') + 1), STR("\n"));
    if (failing_sync && str_starts(path, str_from(failing_sync))) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

/* One delivery into a directory of its own. */
struct setting {
    char dir[64];
    char path[128];
    struct delivery d;
    struct store_target target;
    struct copy_plan plan;
    struct store_fault fault;
};

static int setup(void **state)
{
    struct setting *s = calloc(1, sizeof *s);
    BUF_AUTO(records, 0);

    snprintf(s->dir, sizeof s->dir, "/tmp/store-test.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->path, sizeof s->path, "%s/box", s->dir);
    put_lines(&records, "Subject: x\n\nbody\n");
    record_put(&records, REC_EXTRACTED, STR_NONE);
    message_open(&s->d, buf_str(&records));
    s->target = (struct store_target){ .path = s->path,
                                       .uid = geteuid(),
                                       .gid = getegid(),
                                       .locks = STORE_FCNTL | STORE_DOTLOCK,
                                       .strict_owner = true };
    s->plan = (struct copy_plan){ .flags = COPY_BLANK_END };
    s->fault = STORE_FAULT_INIT;
    site_conf.deliver_lock_attempts = 0;
    site_conf.deliver_lock_delay = 1;
    site_conf.stale_lock_time = 500;
    buf_clear(&synced);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct setting *s = *state;
    char command[128];

    message_close(&s->d);
    buf_free(&s->fault.text);
    snprintf(command, sizeof command, "rm -rf %s", s->dir);
    assert_int_equal(system(command), 0);
    free(s);
    return 0;
}

static bool deliver(struct setting *s)
{
    return store_message(&s->d, &s->target, &s->plan, &s->fault);
}

static void write_text(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    assert_true(fd >= 0 && fd_write_all(fd, str_from(text)));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void assert_file(const char *path, const char *want)
{
    BUF_AUTO(text, 0);

    assert_str(file_text(&text, path), want);
}

static void assert_fault(struct setting *s, enum outcome_status status, const char *dsn,
                         const char *part)
{
    assert_false(deliver(s));
    assert_int_equal(s->fault.status, status);
    assert_string_equal(s->fault.dsn, dsn);
    if (strstr(buf_cstr(&s->fault.text), part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, buf_cstr(&s->fault.text));
}

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

static void mail_is_appended_and_the_lock_is_gone(void **state)
{
    struct setting *s = *state;
    char lock[160];
    struct stat st;

    snprintf(lock, sizeof lock, "%s.lock", s->path);
    assert_true(deliver(s));
    assert_int_equal(s->plan.appended_at, 0);
    assert_true(deliver(s));
    assert_int_equal(s->plan.appended_at, 18);
    assert_file(s->path, "Subject: x\n\nbody\n\nSubject: x\n\nbody\n\n");
    assert_int_equal(stat(s->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_false(is_there(lock));
}

static void a_lock_that_is_alive_defers(void **state)
{
    struct setting *s = *state;
    char lock[160];

    snprintf(lock, sizeof lock, "%s.lock", s->path);
    write_text(lock, "", 0600);
    assert_fault(s, OUTCOME_DEFERRED, "4.2.0", "unable to create lock file");
    assert_true(is_there(lock));
    assert_false(is_there(s->path));
}

static void a_stale_lock_is_removed(void **state)
{
    struct setting *s = *state;
    struct utimbuf old = { 1000, 1000 };
    char lock[160];

    snprintf(lock, sizeof lock, "%s.lock", s->path);
    write_text(lock, "", 0600);
    assert_int_equal(utime(lock, &old), 0);
    site_conf.deliver_lock_attempts = 1;
    assert_true(deliver(s));
    assert_false(is_there(lock));
}

static void a_full_mailbox_bounces_and_stays_as_it_was(void **state)
{
    struct setting *s = *state;

    write_text(s->path, "old mail\n", 0600);
    s->target.size_limit = 20;
    assert_fault(s, OUTCOME_BOUNCED, "5.2.2", "error writing message: File too large");
    assert_file(s->path, "old mail\n");
    s->target.size_limit = 27;
    assert_true(deliver(s));
}

static void a_damaged_message_leaves_the_mailbox_as_it_was(void **state)
{
    struct setting *s = *state;

    write_text(s->path, "old mail\n", 0600);
    s->d.content.size -= 2; /* the X record is cut off */
    assert_fault(s, OUTCOME_DEFERRED, "4.3.0", "damaged");
    assert_file(s->path, "old mail\n");
}

static void a_link_made_by_somebody_else_is_not_followed(void **state)
{
    struct setting *s = *state;
    char victim[128];

    snprintf(victim, sizeof victim, "%s/victim", s->dir);
    write_text(victim, "precious\n", 0600);
    assert_int_equal(symlink(victim, s->path), 0);
    if (geteuid() == 0)
        assert_int_equal(lchown(s->path, STRANGER, STRANGER), 0);
    assert_fault(s, OUTCOME_BOUNCED, "5.2.0", "cannot open file");
    assert_file(victim, "precious\n");
}

static void a_dangling_link_creates_nothing(void **state)
{
    struct setting *s = *state;
    char victim[128];

    snprintf(victim, sizeof victim, "%s/victim", s->dir);
    assert_int_equal(symlink(victim, s->path), 0);
    assert_false(deliver(s));
    assert_false(is_there(victim));
}

static void a_second_name_is_refused(void **state)
{
    struct setting *s = *state;
    char other[128];

    snprintf(other, sizeof other, "%s/other", s->dir);
    write_text(other, "precious\n", 0600);
    assert_int_equal(link(other, s->path), 0);
    assert_fault(s, OUTCOME_BOUNCED, "5.2.0", "file has 2 hard links");
    assert_file(other, "precious\n");
}

static void a_directory_or_fifo_is_no_mailbox(void **state)
{
    struct setting *s = *state;

    assert_int_equal(mkfifo(s->path, 0600), 0);
    assert_fault(s, OUTCOME_BOUNCED, "5.2.0", "cannot open file");
    assert_int_equal(unlink(s->path), 0);
    assert_int_equal(mkdir(s->path, 0700), 0);
    assert_fault(s, OUTCOME_BOUNCED, "5.2.0", "cannot open file: Is a directory");
}

static void the_mailbox_of_somebody_else_is_refused_when_strict(void **state)
{
    struct setting *s = *state;

    if (geteuid() != 0)
        skip();
    write_text(s->path, "", 0666);
    assert_int_equal(chown(s->path, STRANGER, STRANGER), 0);
    assert_fault(s, OUTCOME_DEFERRED, "4.2.0", "is not owned by recipient");
    s->target.strict_owner = false;
    assert_true(deliver(s));
}

static void the_owner_cannot_write_where_he_has_no_right(void **state)
{
    struct setting *s = *state;

    if (geteuid() != 0)
        skip();
    s->target.uid = s->target.gid = STRANGER;
    assert_int_equal(chmod(s->dir, 0755), 0);
    assert_fault(s, OUTCOME_BOUNCED, "5.2.0", "Permission denied");
    assert_int_equal(geteuid(), 0); /* our own rights are back */
    s->fault.patient = true;
    assert_fault(s, OUTCOME_DEFERRED, "4.2.0", "Permission denied");
}

static void in_the_spool_directory_his_mailbox_is_made_for_him(void **state)
{
    struct setting *s = *state;
    struct stat st;

    if (geteuid() != 0)
        skip();
    s->target.uid = s->target.gid = STRANGER;
    s->target.in_spool = true;
    assert_int_equal(chmod(s->dir, 0755), 0);
    assert_true(deliver(s));
    assert_int_equal(stat(s->path, &st), 0);
    assert_int_equal(st.st_uid, STRANGER);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void executables_get_no_mail_and_devices_do(void **state)
{
    struct setting *s = *state;

    s->target.any_file = true;
    write_text(s->path, "#!\n", 0700);
    assert_fault(s, OUTCOME_BOUNCED, "5.7.1", "file is executable");
    s->target.path = "/dev/null";
    assert_true(deliver(s));
    assert_false(is_there("/dev/null.lock"));
}

/* The names in DIR/sub, joined; dot files left out. */
static size_t count_files(struct setting *s, const char *sub, char *name, size_t size)
{
    char path[192];
    size_t count = 0;

    snprintf(path, sizeof path, "%s/%s", s->path, sub);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        count++;
        if (name)
            snprintf(name, size, "%s", e->d_name);
    }
    closedir(dir);
    return count;
}

static void a_maildir_is_made_on_demand(void **state)
{
    struct setting *s = *state;
    char name[256];

    snprintf(s->path, sizeof s->path, "%s/deep/er/Maildir/", s->dir);
    s->plan.flags = 0;
    assert_true(deliver(s));
    assert_true(deliver(s));
    assert_int_equal(count_files(s, "tmp", NULL, 0), 0);
    assert_int_equal(count_files(s, "cur", NULL, 0), 0);
    assert_int_equal(count_files(s, "new", name, sizeof name), 2);
    char file[512];
    snprintf(file, sizeof file, "%s/new/%s", s->path, name);
    assert_file(file, "Subject: x\n\nbody\n");
}

static void a_failed_maildir_delivery_leaves_nothing(void **state)
{
    struct setting *s = *state;

    snprintf(s->path, sizeof s->path, "%s/Maildir/", s->dir);
    s->target.size_limit = 3;
    assert_fault(s, OUTCOME_BOUNCED, "5.2.2", "File too large");
    assert_int_equal(count_files(s, "tmp", NULL, 0), 0);
    assert_int_equal(count_files(s, "new", NULL, 0), 0);
}

static struct str last_synced(void)
{
    struct str text = str_trim(buf_str(&synced));

    return str_skip(text, text.len ? str_rfind(text, '\n') + 1 : 0);
}

static int files_in(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    for (struct dirent *e; dir && (e = readdir(dir));)
        count += e->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

static bool names_are_covered(const char *dir)
{
    FD_AUTO(fd, open(dir, O_RDONLY | O_CLOEXEC));

    return durability_of_names_by_fsync(fd);
}

static void a_new_mbox_has_a_durable_name(void **state)
{
    struct setting *s = *state;

    assert_true(deliver(s));
    assert_str(last_synced(), names_are_covered(s->dir) ? "box" : strrchr(s->dir, '/') + 1);
    buf_clear(&synced);
    assert_true(deliver(s));
    assert_string_equal(buf_cstr(&synced), "box\n");
}

/* The mark that follows, or another message in the queue file, may reach the disk before a name that was not synced. */
static void a_maildir_file_has_a_durable_name(void **state)
{
    struct setting *s = *state;
    char maildir[160], fresh[192];

    snprintf(maildir, sizeof maildir, "%s/a/b/Maildir/", s->dir);
    snprintf(fresh, sizeof fresh, "%snew", maildir);
    s->target.path = maildir;
    assert_true(deliver(s));
    assert_true(str_starts(str_from(last_synced_path), str_from(fresh)));
    /* Of what is on the way a later sync may be enough. */
    bool covered = names_are_covered(s->dir);
    for (const char *const *made =
             (const char *const[]){ strrchr(s->dir, '/') + 1, "a", "b", "Maildir", NULL };
         *made; made++) {
        BUF_AUTO(line, 0);
        buf_join(&line, str_from(*made), STR("\n"));
        assert_true(covered || str_find_str(buf_str(&synced), buf_str(&line)) != STR_NOT_FOUND);
    }
    failing_sync = fresh;
    assert_fault(s, OUTCOME_DEFERRED, "4.2.0", "Input/output error");
    failing_sync = NULL;
    assert_int_equal(files_in(fresh), 1);
}

static void a_path_is_never_cut(void **state)
{
    struct setting *s = *state;
    BUF_AUTO(path, 0);

    s->target.any_file = true;
    for (int slash = 0; slash < 2; slash++) {
        for (size_t length = 4080; length <= 4100; length++) {
            buf_clear(&path);
            buf_add_cstr(&path, s->dir);
            while (path.len + 2 < length)
                buf_add(&path, STR("/x"));
            while (path.len + (size_t)slash < length)
                buf_add(&path, STR("x"));
            if (slash)
                buf_add(&path, STR("/"));
            s->target.path = buf_cstr(&path);
            assert_fault(s, OUTCOME_BOUNCED, "5.2.0", slash ? "" : "o");
        }
    }
}

static void a_maildir_may_lie_deep(void **state)
{
    struct setting *s = *state;
    BUF_AUTO(path, 0);

    buf_add_cstr(&path, s->dir);
    for (int i = 0; i < 1000; i++)
        buf_add(&path, STR("/x"));
    buf_add(&path, STR("/"));
    s->target.path = buf_cstr(&path);
    assert_true(deliver(s));
    buf_add(&path, STR("new"));
    assert_int_equal(files_in(buf_cstr(&path)), 1);
}

static void maildir_names_are_as_readers_expect(void **state)
{
    struct stat st = { .st_dev = 0x801, .st_ino = 0x52ccc };
    struct timeval now = { 1795290872, 1234 };
    BUF_AUTO(out, 0);

    (void)state;
    maildir_format_new(&out, now, &st, STR("mx"));
    assert_str(buf_str(&out), "new/1795290872.V801I52cccM001234.mx");
    buf_clear(&out);
    maildir_format_tmp(&out, now, 0, 77, STR("a/b:c"));
    assert_str(buf_str(&out), "tmp/1795290872.P77.a\\057b\\072c");
    buf_clear(&out);
    maildir_format_tmp(&out, now, 2, 77, STR("mx"));
    assert_str(buf_str(&out), "tmp/1795290872.M001234Q2P77.mx");
}

static void lock_styles_are_words_we_know(void **state)
{
    unsigned locks = 0;

    (void)state;
    assert_true(store_lock_parse(STR("fcntl, dotlock"), &locks));
    assert_int_equal(locks, STORE_FCNTL | STORE_DOTLOCK);
    assert_true(store_lock_parse(STR("flock"), &locks));
    assert_int_equal(locks, STORE_FLOCK);
    assert_false(store_lock_parse(STR("fcntl lockf"), &locks));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(mail_is_appended_and_the_lock_is_gone),
        TEST(a_lock_that_is_alive_defers),
        TEST(a_stale_lock_is_removed),
        TEST(a_full_mailbox_bounces_and_stays_as_it_was),
        TEST(a_damaged_message_leaves_the_mailbox_as_it_was),
        TEST(a_link_made_by_somebody_else_is_not_followed),
        TEST(a_dangling_link_creates_nothing),
        TEST(a_second_name_is_refused),
        TEST(a_directory_or_fifo_is_no_mailbox),
        TEST(the_mailbox_of_somebody_else_is_refused_when_strict),
        TEST(the_owner_cannot_write_where_he_has_no_right),
        TEST(in_the_spool_directory_his_mailbox_is_made_for_him),
        TEST(executables_get_no_mail_and_devices_do),
        TEST(a_maildir_is_made_on_demand),
        TEST(a_failed_maildir_delivery_leaves_nothing),
        TEST(a_new_mbox_has_a_durable_name),
        TEST(a_maildir_file_has_a_durable_name),
        TEST(a_path_is_never_cut),
        TEST(a_maildir_may_lie_deep),
        cmocka_unit_test(maildir_names_are_as_readers_expect),
        cmocka_unit_test(lock_styles_are_words_we_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
