/* qshape - who is the queue full of, and for how long? Counts by domain and age.
 *
 * Runs as:   root or the mail owner, who may read the queue
 * Distrusts: queue files */
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/number.h"
#include "conf/command.h"
#include "queue/listing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COLUMN_MIN  2  /* width of a column of numbers */
#define NAME_MIN    18 /* width of the names, whatever the terminal's is */
#define WIDTH_MIN   80
#define BUCKETS_MAX 40

struct options {
    const char *config_directory;
    bool senders, parents, linear;
    int64_t subdomains_min, buckets, bucket_minutes, width;
    int64_t batch, top; /* of intermediate tables, on a terminal */
};

/* One domain, or with a leading dot all below it. */
struct row {
    struct str name;
    int64_t total, *counts;
    int64_t below; /* of a parent: rows right below it */
    bool is_parent;
};

struct table {
    struct options o;
    struct arena arena;
    struct map rows; /* by name */
    struct row sum;
    int64_t now, time; /* of the message being read */
    int64_t messages;
};

/* ---- counting ---- */

static int64_t limit_minutes(const struct options *o, int64_t bucket)
{
    return o->linear ? o->bucket_minutes * (bucket + 1) : o->bucket_minutes << bucket;
}

static int64_t bucket_of(const struct table *t)
{
    int64_t age = (t->now - t->time) / 60, bucket = 0;

    while (bucket < t->o.buckets - 1 && age >= limit_minutes(&t->o, bucket))
        bucket++;
    return bucket;
}

static void count(struct row *row, int64_t bucket)
{
    row->total++;
    row->counts[bucket]++;
}

static int64_t *new_counts(struct table *t)
{
    return arena_alloc(&t->arena, (size_t)t->o.buckets * sizeof(int64_t));
}

static struct row *find_row(struct table *t, struct str name, bool *is_new)
{
    struct row *row = map_get(&t->rows, name);

    *is_new = row == NULL;
    if (row)
        return row;
    row = arena_alloc(&t->arena, sizeof *row);
    *row = (struct row){ .name = arena_str(&t->arena, name),
                         .counts = new_counts(t),
                         .is_parent = str_starts(name, STR(".")) };
    (void)map_set(&t->rows, row->name, row);
    return row;
}

/* Each parent that is no top-level domain; the row below has just been met for the first time, or not. */
static void count_parents(struct table *t, struct str domain, int64_t bucket, bool below_is_new)
{
    for (size_t dot = str_find(domain, '.'); dot != STR_NOT_FOUND; dot = str_find(domain, '.')) {
        struct str parent = str_skip(domain, dot);
        domain = str_skip(parent, 1);
        if (!str_has(domain, '.'))
            return;
        bool is_new;
        struct row *row = find_row(t, parent, &is_new);
        row->below += below_is_new;
        below_is_new = is_new;
        count(row, bucket);
    }
}

/* The domain in lower case, without dots around it; a local part that stands alone is all there is. */
static void domain_of(struct str address, struct buf *out)
{
    struct str domain = str_skip(address, str_rfind(address, '@') + 1);

    while (domain.len && domain.ptr[domain.len - 1] == '.')
        domain.len--;
    while (domain.len && domain.ptr[0] == '.')
        domain = str_skip(domain, 1);
    if (domain.len == 0 || str_equal(domain, STR("MAILER-DAEMON")))
        buf_add(out, STR("MAILER-DAEMON"));
    else
        buf_add_lower(out, domain);
}

static void count_address(struct table *t, struct str address)
{
    int64_t bucket = bucket_of(t);
    BUF_AUTO(domain, 0);
    bool is_new;

    domain_of(address, &domain);
    count(find_row(t, buf_str(&domain), &is_new), bucket);
    count(&t->sum, bucket);
    if (t->o.parents && !str_starts(buf_str(&domain), STR("[")))
        count_parents(t, buf_str(&domain), bucket, is_new);
}

static void on_message(void *context, const struct listing_message *m)
{
    struct table *t = context;

    t->time = m->time;
    if (t->o.senders)
        count_address(t, m->sender);
}

static void on_recipient(void *context, const struct listing_recipient *r)
{
    struct table *t = context;

    if (!t->o.senders)
        count_address(t, r->address);
}

/* ---- the table ---- */

static int digits(int64_t value) { return snprintf(NULL, 0, "%" PRId64, value); }

struct layout {
    int name;    /* columns for names */
    int *widths; /* of the total and of each bucket */
};

static void label_of(const struct options *o, int64_t bucket, char *out, size_t room)
{
    bool is_last = bucket == o->buckets - 1;
    int64_t minutes =
        is_last ? (bucket ? limit_minutes(o, bucket - 1) : 0) : limit_minutes(o, bucket);

    (void)snprintf(out, room, "%" PRId64 "%s", minutes, is_last ? "+" : "");
}

static struct layout lay_out(struct table *t)
{
    struct layout l = { .widths =
                            arena_alloc(&t->arena, (size_t)(t->o.buckets + 1) * sizeof(int)) };
    char label[32];

    l.widths[0] = MAX(COLUMN_MIN, digits(t->sum.total));
    l.name = (int)t->o.width - l.widths[0] - 1;
    for (int64_t i = 0; i < t->o.buckets; i++) {
        label_of(&t->o, i, label, sizeof label);
        int width = MAX((int)strlen(label), digits(t->sum.counts[i]));
        l.widths[i + 1] = MAX(COLUMN_MIN, width);
        l.name -= l.widths[i + 1] + 1;
    }
    l.name = MAX(l.name, NAME_MIN);
    return l;
}

static void print_head(const struct table *t, const struct layout *l)
{
    char label[32];

    (void)printf("%*s %*s", l->name, "", l->widths[0], "T");
    for (int64_t i = 0; i < t->o.buckets; i++) {
        label_of(&t->o, i, label, sizeof label);
        (void)printf(" %*s", l->widths[i + 1], label);
    }
    (void)putchar('\n');
}

/* The end of a long name tells more than its beginning. */
static void print_name(const struct row *row, int room)
{
    struct str name = row->name, mark = row->is_parent ? STR(".+") : STR("+");
    size_t width = (size_t)room;

    if (name.len <= width)
        mark.len = 0;
    else
        name = str_skip(name, name.len + mark.len - width);
    (void)printf("%*s" STR_FMT STR_FMT, (int)(width - name.len - mark.len), "", STR_ARG(mark),
                 STR_ARG(name));
}

static void print_row(const struct table *t, const struct layout *l, const struct row *row)
{
    print_name(row, l->name);
    (void)printf(" %*" PRId64, l->widths[0], row->total);
    for (int64_t i = 0; i < t->o.buckets; i++)
        (void)printf(" %*" PRId64, l->widths[i + 1], row->counts[i]);
    (void)putchar('\n');
}

/* A row of the table as it is sorted. */
struct shown {
    const struct row *row;
};

/* Many first; short names before long ones. */
static int compare_rows(const void *a, const void *b)
{
    const struct row *left = ((const struct shown *)a)->row,
                     *right = ((const struct shown *)b)->row;

    if (left->total != right->total)
        return left->total > right->total ? -1 : 1;
    if (left->name.len != right->name.len)
        return left->name.len < right->name.len ? -1 : 1;
    return str_compare(left->name, right->name);
}

/* The rows that are shown, in order: how many.  The array is the caller's. */
static size_t sorted_rows(const struct table *t, struct shown **rows)
{
    struct shown *items;
    struct map_cursor cursor = { 0 };
    struct str name;
    size_t count = 0;
    void *value;

    items = mem_alloc((t->rows.count + 1) * sizeof *items);
    while (map_next(&t->rows, &cursor, &name, &value)) {
        const struct row *row = value;
        if (!row->is_parent || row->below >= t->o.subdomains_min)
            items[count++].row = row;
    }
    qsort(items, count, sizeof *items, compare_rows);
    *rows = items;
    return count;
}

static void print_table(struct table *t, int64_t most)
{
    struct layout l = lay_out(t);
    struct shown *rows;
    size_t count = sorted_rows(t, &rows);

    print_head(t, &l);
    print_row(t, &l, &t->sum);
    for (size_t i = 0; i < count && (most == 0 || (int64_t)i < most); i++)
        print_row(t, &l, rows[i].row);
    (void)fflush(stdout);
    free(rows);
}

/* A person who waits for a long queue sees how it goes. */
static void on_message_end(void *context)
{
    struct table *t = context;

    if (++t->messages % t->o.batch != 0 || !isatty(STDOUT_FILENO))
        return;
    (void)fputs("\033[H\033[2J", stdout);
    print_table(t, t->o.top);
}

/* ---- the command ---- */

NORETURN static void usage(void)
{
    (void)fputs(
        "usage: qshape [-s] [-p] [-m min_subdomains] [-b bucket_count] [-t bucket_time] [-l]\n"
        "              [-w terminal_width] [-N batch_msg_count] [-n batch_top_domains]\n"
        "              [-c config_directory] [queue_name ...]\n"
        "Counts messages of the incoming and active queues, or of those named, by domain and age:\n"
        "  -s  by the sender's domain; else by that of each recipient\n"
        "  -p  parent domains too, with a dot in front, that have at least min_subdomains (5)\n"
        "  -b  so many columns (10); -t minutes of the first one (5), each next twice as long\n"
        "  -l  all of the same length\n",
        stderr);
    exit(1);
}

static int64_t option_number(const char *text, int64_t most, int64_t fallback)
{
    int64_t value;

    if (!number_parse_range(str_from(text), 0, most, &value))
        usage();
    return value ? value : fallback;
}

static void parse_options(struct options *o, int argc, char **argv)
{
    int letter;

    *o = (struct options){ .subdomains_min = 5,
                           .buckets = 10,
                           .bucket_minutes = 5,
                           .width = WIDTH_MIN,
                           .batch = 1000,
                           .top = 20 };
    while ((letter = getopt(argc, argv, "b:c:lm:n:N:pst:w:")) != -1) {
        switch (letter) {
        case 'b':
            o->buckets = option_number(optarg, BUCKETS_MAX - 1, 10);
            break;
        case 'c':
            o->config_directory = optarg;
            break;
        case 'l':
            o->linear = true;
            break;
        case 'm':
            o->subdomains_min = option_number(optarg, INT32_MAX, 5);
            break;
        case 'n':
            o->top = option_number(optarg, INT32_MAX, 20);
            break;
        case 'N':
            o->batch = option_number(optarg, INT32_MAX, 1000);
            break;
        case 'p':
            o->parents = true;
            break;
        case 's':
            o->senders = true;
            break;
        case 't':
            o->bucket_minutes = option_number(optarg, 1000000, 5);
            break;
        case 'w':
            o->width = MAX(option_number(optarg, 1000, WIDTH_MIN), WIDTH_MIN);
            break;
        default:
            usage();
        }
    }
}

static void read_directory(struct table *t, const char *path)
{
    const struct listing_sink sink = { on_message, on_recipient, on_message_end, t };
    struct stat st;

    if (lstat(path, &st) != 0)
        log_warning("%s: %s", path, strerror(errno));
    else
        listing_read_directory(path, &sink);
}

static bool needs_queue_directory(int argc, char **argv)
{
    for (int i = optind; i < argc; i++)
        if (*argv[i] != '/')
            return true;
    return optind == argc;
}

int main(int argc, char **argv)
{
    static struct table t;

    command_begin("qshape", 1);
    command_stay_out_of_log();
    parse_options(&t.o, argc, argv);
    if (needs_queue_directory(argc, argv))
        command_enter_queue(command_conf_unchecked(t.o.config_directory));
    t.sum = (struct row){ .name = STR("TOTAL"), .counts = new_counts(&t) };
    t.now = time(NULL);
    if (optind == argc) {
        read_directory(&t, QUEUE_INCOMING);
        read_directory(&t, QUEUE_ACTIVE);
    }
    for (int i = optind; i < argc; i++)
        read_directory(&t, argv[i]);
    print_table(&t, isatty(STDOUT_FILENO) ? t.o.top : 0);
    return 0;
}
