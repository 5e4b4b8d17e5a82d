/* postsuper - the administrator's hand in the queue: delete, hold, release, requeue, expire,
 * repair.
 *
 * Runs as:   root, and as mail_owner from the moment it touches the queue, so that a link planted
 *            by an owned daemon leads nowhere
 * Trusts:    main.cf, arguments
 * Distrusts: names and files in the queue */
#include "base/log.h"
#include "base/mem.h"
#include "conf/command.h"
#include "os/fd.h"
#include "os/privilege.h"
#include "tools/postsuper/super.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#define STDIN_MAX (256UL * 1024 * 1024)

#define MOST_QUEUES                                                    \
    {                                                                  \
        QUEUE_HOLD, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED, NULL \
    }

/* What options ask for; carried out in this order. */
static const struct action {
    char letter;
    const char *queues[6]; /* where it applies */
    bool (*act)(struct super *s, const char *queue, const struct queue_id *id);
    const char *word;  /* "ID: removed" */
    const char *total; /* "Deleted: 2 messages" */
} actions[] = {
    { 'd',
      { QUEUE_MAILDROP, QUEUE_HOLD, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED, NULL },
      action_delete,
      "removed",
      "Deleted" },
    { 'e', MOST_QUEUES, action_expire, "expired", "Force-expired" },
    { 'h',
      { QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED, NULL },
      action_hold,
      "placed on hold",
      "Placed on hold" },
    { 'H', { QUEUE_HOLD, NULL }, action_release, "released from hold", "Released from hold" },
    { 'r', MOST_QUEUES, action_requeue, "requeued", "Requeued" },
};
enum { ACTION_COUNT = ARRAY_LEN(actions) };

/* Queue ids given to one action. */
struct targets {
    const char **ids; /* from options */
    size_t count;
    bool all, from_stdin, used;
};

struct postsuper {
    struct super super;
    struct targets targets[ACTION_COUNT];
    struct structure_work structure;
    const char *const *queues; /* from arguments; NULL: as each action says */
    const char *config_dir;
    struct buf stdin_text;
};

/* ---- command line ---- */

NORETURN static void usage(void)
{
    log_fatal("usage: postsuper [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)] "
              "[-f queue_id (expire and/or un-hold)] [-h queue_id (hold)] [-H queue_id (un-hold)] "
              "[-p (purge temporary files)] [-r queue_id (requeue)] [-s (structure fix)] "
              "[-S (redundant structure fix)][-v (verbose)] [queue...]");
}

static struct targets *targets_of(struct postsuper *p, int letter)
{
    for (size_t i = 0; i < ACTION_COUNT; i++)
        if (actions[i].letter == letter)
            return &p->targets[i];
    return NULL;
}

static void add_target(struct targets *t, const char *id)
{
    t->used = true;
    if (strcmp(id, "ALL") == 0) {
        t->all = true;
    } else if (strcmp(id, "-") == 0) {
        t->from_stdin = true;
    } else {
        t->ids = mem_resize(t->ids, (t->count + 1) * sizeof *t->ids);
        t->ids[t->count++] = id;
    }
}

/* -f is -e and -H of the same messages. */
static void take_id_option(struct postsuper *p, int letter, const char *id)
{
    if (letter == 'f') {
        add_target(targets_of(p, 'e'), id);
        add_target(targets_of(p, 'H'), id);
    } else {
        add_target(targets_of(p, letter), id);
    }
}

static void check_queue_name(const char *name)
{
    static const char *const known[] = { QUEUE_MAILDROP, QUEUE_INCOMING, QUEUE_ACTIVE,
                                         QUEUE_DEFERRED, QUEUE_HOLD,     QUEUE_FLUSH,
                                         QUEUE_BOUNCE,   QUEUE_DEFER,    QUEUE_TRACE };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(name, known[i]) == 0)
            return;
    log_fatal("invalid directory name: %s", name);
}

static void take_queue_names(struct postsuper *p, int argc, char **argv)
{
    if (argc == 0)
        return;
    for (int i = 0; i < argc; i++)
        check_queue_name(argv[i]);
    p->structure.queues = p->queues = (const char *const *)argv; /* ends with NULL */
}

static void parse_options(struct postsuper *p, int argc, char **argv)
{
    bool any = false;
    int letter;

    while ((letter = getopt(argc, argv, "+c:d:e:f:h:H:pr:sSv")) != -1) {
        any |= letter != 'c' && letter != 'v';
        switch (letter) {
        case 'c':
            p->config_dir = optarg;
            break;
        case 'v':
            command_more_verbose();
            break;
        case 'p':
            p->structure.purge = true;
            break;
        case 'S':
            p->structure.strict = true;
            __attribute__((fallthrough));
        case 's':
            p->structure.check = true;
            break;
        case '?':
            usage();
        default:
            take_id_option(p, letter, optarg);
        }
    }
    if (!any)
        p->structure.check = p->structure.purge = true;
}

/* ---- actions ---- */

static bool names_queue(const struct postsuper *p, const char *queue)
{
    if (p->queues == NULL)
        return true;
    for (const char *const *q = p->queues; *q; q++)
        if (strcmp(*q, queue) == 0)
            return true;
    return false;
}

/* The queue manager may move the message between two looks, so a miss is looked for once more. */
static bool act_on_message(struct postsuper *p, const struct action *a, const struct queue_id *id)
{
    for (int round = 0; round < 2; round++)
        for (const char *const *queue = a->queues; *queue; queue++)
            if (names_queue(p, *queue) && a->act(&p->super, *queue, id)) {
                log_info("%s: %s", id->text, a->word);
                return true;
            }
    return false;
}

static int act_on_name(struct postsuper *p, const struct action *a, struct str name)
{
    struct queue_id id;

    if (!queue_id_parse(name, &id)) {
        log_warning("invalid mail queue id: " STR_FMT, STR_ARG(name));
        return 0;
    }
    return act_on_message(p, a, &id);
}

static int act_on_queue(struct postsuper *p, const struct action *a, const char *queue)
{
    struct queue_scan *scan = queue_scan_open(queue);
    struct queue_id id;
    int done = 0;

    while (queue_scan_next(scan, &id))
        if (!action_is_unfinished(queue, queue_scan_path(scan)))
            done += a->act(&p->super, queue, &id);
    queue_scan_close(scan);
    return done;
}

static int act_on_all(struct postsuper *p, const struct action *a)
{
    int done = 0;

    for (const char *const *queue = a->queues; *queue; queue++)
        if (names_queue(p, *queue))
            done += act_on_queue(p, a, *queue);
    return done;
}

static void collect(const char *queue, struct bulk *b)
{
    struct queue_scan *scan = queue_scan_open(queue);
    struct queue_id id;

    while (queue_scan_next(scan, &id))
        if (!action_is_unfinished(queue, queue_scan_path(scan)))
            bulk_add(b, queue_scan_path(scan));
    queue_scan_close(scan);
}

/* All messages of all queues: then all logs go too, those without a message included, and they
 * go first. */
static int delete_everything(const struct action *a)
{
    static const char *const log_queues[] = { QUEUE_DEFER, QUEUE_BOUNCE, QUEUE_TRACE };
    struct bulk logs = { .count = 0 }, messages = { .count = 0 };

    for (const char *const *queue = a->queues; *queue; queue++)
        collect(*queue, &messages);
    for (size_t i = 0; i < ARRAY_LEN(log_queues); i++) {
        struct queue_scan *scan = queue_scan_open(log_queues[i]);
        struct queue_id id;
        while (queue_scan_next(scan, &id))
            bulk_add(&logs, queue_scan_path(scan));
        queue_scan_close(scan);
    }
    (void)bulk_remove(&logs);
    return bulk_remove(&messages);
}

/* Once, although several options may ask for it; nothing is done before the end is seen. */
static struct str read_stdin(struct postsuper *p)
{
    if (!fd_read_all(STDIN_FILENO, &p->stdin_text))
        log_fatal("read standard input: %s", strerror(errno));
    return buf_str(&p->stdin_text);
}

/* The first word of every line. */
static int act_on_stdin(struct postsuper *p, const struct action *a)
{
    int done = 0;

    for (struct str rest = read_stdin(p); rest.len;) {
        struct str name, line = str_cut(&rest, '\n');
        if (str_token(&line, NAME_WORDS, &name))
            done += act_on_name(p, a, name);
    }
    return done;
}

static void carry_out(struct postsuper *p, const struct action *a, const struct targets *t)
{
    int done = 0;

    if (t->all && a->act == action_delete && p->queues == NULL)
        done += delete_everything(a);
    else if (t->all)
        done += act_on_all(p, a);
    if (t->from_stdin)
        done += act_on_stdin(p, a);
    for (size_t i = 0; i < t->count; i++)
        done += act_on_name(p, a, str_from(t->ids[i]));
    log_info("%s: %d message%s", a->total, done, done == 1 ? "" : "s");
}

/* ---- structure ---- */

/* Ids that the administrator copied from a listing may mean other messages now. */
static void report_renames(struct postsuper *p)
{
    bool any_id = false;

    for (size_t i = 0; i < ACTION_COUNT; i++)
        any_id |= p->targets[i].count > 0 || p->targets[i].from_stdin;
    if (p->super.renamed) {
        log_info("Renamed to match inode number: %d message%s", p->super.renamed,
                 p->super.renamed == 1 ? "" : "s");
        log_warning("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS");
    }
    if (p->super.failed)
        log_warning("OPERATION INCOMPLETE -- RERUN COMMAND TO FIX THE QUEUE FIRST");
    if (p->super.renamed && any_id)
        log_fatal("CHECK YOUR QUEUE IDS AND RE-ISSUE THE COMMAND");
}

static void become_owner(struct conf *conf)
{
    struct str owner = conf_value(conf, STR("mail_owner"));
    const struct passwd *pw = getpwnam(owner.ptr);

    if (pw == NULL)
        log_fatal("file %s/main.cf: parameter mail_owner: unknown user name value: " STR_FMT,
                  conf_directory(conf), STR_ARG(owner));
    privilege_drop(pw->pw_name, pw->pw_uid, pw->pw_gid, NULL, 0);
}

static void read_conf(struct postsuper *p, struct conf *conf)
{
    p->super.layout.hashed_names = conf_value(conf, STR("hash_queue_names"));
    p->super.layout.depth = site_conf.hash_queue_depth;
    p->super.long_ids =
        str_equal_nocase(conf_value(conf, STR("enable_long_queue_ids")), STR("yes"));
}

int main(int argc, char **argv)
{
    struct postsuper p = { .stdin_text = BUF_INIT(STDIN_MAX) };

    command_begin("postsuper", 1);
    if (getuid() != 0)
        log_fatal("use of this command is reserved for the superuser");
    parse_options(&p, argc, argv);
    struct conf *conf = command_conf(p.config_dir);
    take_queue_names(&p, argc - optind, argv + optind);
    read_conf(&p, conf);
    command_enter_queue(conf);
    if (p.structure.check)
        structure_make_directories(conf_value(conf, STR("mail_owner")).ptr,
                                   conf_value(conf, STR("setgid_group")).ptr);
    become_owner(conf);
    if (p.structure.check || p.structure.purge) {
        structure_work(&p.super, &p.structure);
        report_renames(&p);
    }
    for (size_t i = 0; i < ACTION_COUNT; i++)
        if (p.targets[i].used)
            carry_out(&p, &actions[i], &p.targets[i]);
    return p.super.failed ? 1 : 0;
}
