/* tokenmgr - access tokens for the accounts that smtp(8) logs in with, made fresh in time.
 *
 * What a token server must be told is read while the process is root, and kept here: smtp gets a token and sees no more.
 * The HTTP of it is spoken by webfetch(8).  master(8) starts this service without an entry in master.cf.
 *
 * Runs as:   mail_owner
 * Trusts:    main.cf, and the files of relevo_oauth_directory
 * Distrusts: what token servers answer, and its clients */
#include "base/log.h"
#include "base/number.h"
#include "client/fetch.h"
#include "conf/params.h"
#include "ipc/channel.h"
#include "ipc/messages/token.h"
#include "os/clock.h"
#include "os/fd.h"
#include "service/service.h"
#include "services/tokenmgr/account.h"
#include "table/table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENT_TIMEOUT_S 60
#define SERVER_WAIT_S    30
#define RESERVE_S        120 /* a token that ends sooner is not given out any more */
#define RETRY_S          60  /* a token server that failed is left alone for so long */
#define FILE_MAX         65536UL

static struct {
    struct arena arena;
    struct account *accounts;
    struct table *cache;
    /* The account whose server failed last, why, and until when it is not asked again. */
    const struct account *failed;
    struct buf why;
    struct deadline retry;
} tokens;

/* ---- before the jail: the accounts ---- */

/* Secrets that others can read are none. */
static bool is_private(int fd, const char *path)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        log_warning("%s: this is no regular file: the account is not used", path);
        return false;
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        log_warning("%s: others than its owner have rights: the account is not used; chmod 600 it",
                    path);
        return false;
    }
    return true;
}

static void read_account(int dir, struct str directory, const char *name)
{
    FD_AUTO(fd, openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    struct account *account = arena_alloc(&tokens.arena, sizeof *account);
    BUF_AUTO(path, 0);
    BUF_AUTO(text, FILE_MAX);
    BUF_AUTO(why, 512);

    buf_join(&path, directory, STR("/"), str_from(name));
    if (fd < 0 || (is_private(fd, buf_cstr(&path)) && !fd_read_all(fd, &text))) {
        log_warning("%s: %s", buf_cstr(&path), strerror(errno));
        return;
    }
    if (text.len == 0)
        return;
    if (account_parse(buf_str(&text), &tokens.arena, account, &why)) {
        account->name = arena_str(&tokens.arena, str_from(name));
        account->next = tokens.accounts;
        tokens.accounts = account;
    } else {
        log_warning("%s: %s: the account is not used", buf_cstr(&path), buf_cstr(&why));
    }
    explicit_bzero(text.ptr, text.cap);
}

/* Without the directory there are no accounts; a site may have made it for later. */
static void read_accounts(struct str directory)
{
    DIR *d = directory.len ? opendir(directory.ptr) : NULL;
    const struct dirent *entry;

    while (d && (entry = readdir(d)) != NULL)
        if (account_name_is_valid(str_from(entry->d_name)))
            read_account(dirfd(d), directory, entry->d_name);
    if (d)
        (void)closedir(d);
}

static void open_accounts(struct service *svc)
{
    BUF_AUTO(cache, 0);

    read_accounts(conf_value(service_conf(svc), STR("relevo_oauth_directory")));
    buf_join(&cache, STR("lmdb:"), site_conf.data_directory, STR("/token_cache"));
    tokens.cache = table_open(buf_str(&cache), TABLE_WRITE, NULL);
    tokens.why = BUF_INIT(1024);
}

static const struct account *find_account(struct str name)
{
    for (const struct account *a = tokens.accounts; a; a = a->next)
        if (str_equal(a->name, name))
            return a;
    return NULL;
}

/* ---- the cache: `EXPIRES TOKEN REFRESH ORIGIN`, where ORIGIN is the refresh token of the file that it all came from */

struct kept {
    struct str token, refresh;
    int64_t until; /* seconds of the wall clock */
};

/* False: nothing, or it came from a file that has been replaced. */
static bool recall(const struct account *account, struct buf *value, struct kept *out)
{
    if (table_lookup(tokens.cache, account->name, value) != TABLE_FOUND)
        return false;
    struct str rest = buf_str(value), until = str_cut(&rest, ' ');
    struct kept kept = { .token = str_cut(&rest, ' ') };
    kept.refresh = str_cut(&rest, ' ');
    if (!number_parse(until, &kept.until) || !str_equal(rest, account->refresh))
        return false;
    *out = kept;
    return true;
}

static void keep(const struct account *account, const struct grant *grant, struct str refresh)
{
    BUF_AUTO(value, 0);

    buf_add_int(&value, clock_wall().tv_sec + grant->lifetime_s);
    buf_join(&value, STR(" "), grant->token, STR(" "), refresh, STR(" "), account->refresh);
    if (!table_update(tokens.cache, account->name, buf_str(&value)))
        log_warning("the access token of " STR_FMT " could not be kept", STR_ARG(account->name));
}

/* ---- the token server ---- */

static void say_why(const struct account *account, const struct fetched *answer, struct str said,
                    struct buf *why)
{
    buf_join(why, STR("token server "), account->url, STR(": "));
    if (answer->status)
        buf_addf(why, "answer %d: ", answer->status);
    buf_add(why, answer->status ? said : buf_str(&answer->why));
}

static bool renew(const struct account *account, struct str refresh, struct buf *token,
                  struct buf *why)
{
    ARENA_AUTO(arena);
    FETCHED_AUTO(answer);
    BUF_AUTO(form, 0);
    BUF_AUTO(said, 512);
    struct grant grant = { .token = STR_NONE };

    account_form(account, refresh, &form);
    fetch(account->url, buf_str(&form), SERVER_WAIT_S, &answer);
    bool granted = answer.status && grant_parse(buf_str(&answer.content), &arena, &grant, &said) &&
                   answer.status == 200;
    if (granted) {
        keep(account, &grant, grant.refresh.len ? grant.refresh : refresh);
        buf_add(token, grant.token);
    } else {
        say_why(account, &answer, buf_str(&said), why);
    }
    explicit_bzero(form.ptr, form.cap);
    return granted;
}

static bool is_left_alone(const struct account *account, struct buf *why)
{
    if (tokens.failed != account || deadline_passed(tokens.retry))
        return false;
    buf_add(why, buf_str(&tokens.why));
    return true;
}

static void note_failure(const struct account *account, struct str why)
{
    tokens.failed = account;
    tokens.retry = deadline_in(RETRY_S);
    buf_clear(&tokens.why);
    buf_add(&tokens.why, why);
    log_warning("access token " STR_FMT ": " STR_FMT, STR_ARG(account->name), STR_ARG(why));
}

static void find_token(struct str name, struct buf *token, struct buf *why)
{
    const struct account *account = find_account(name);
    struct kept kept = { .until = 0 };
    BUF_AUTO(value, 0);

    if (account == NULL) {
        buf_add(why, STR("relevo_oauth_directory has no such account that can be used"));
        return;
    }
    bool known = recall(account, &value, &kept);
    if (known && kept.until - RESERVE_S > clock_wall().tv_sec) {
        buf_add(token, kept.token);
        return;
    }
    if (!is_left_alone(account, why) &&
        !renew(account, known ? kept.refresh : account->refresh, token, why))
        note_failure(account, buf_str(why));
}

/* ---- clients ---- */

static bool answer(struct channel *c, struct str body)
{
    struct token_question question;
    BUF_AUTO(token, 0);
    BUF_AUTO(why, 1024);

    if (!token_question_decode(&body, &question))
        return false;
    find_token(question.account, &token, &why);
    token_answer_encode(channel_begin(c, TOKEN_ANSWER),
                        &(struct token_answer){ buf_str(&token), buf_str(&why) });
    return true;
}

static void serve_client(struct service *svc, int fd)
{
    (void)svc;
    channel_serve_one(fd, CLIENT_TIMEOUT_S, TOKEN_QUESTION, answer);
}

static const struct service_spec spec = {
    .name = "tokenmgr",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ NULL },
    .sandbox = SANDBOX_SERVICE,
    .process_limit = 1,
    .before_jail = open_accounts,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
