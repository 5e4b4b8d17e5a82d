#include "services/cyrus/library.h"

#include "base/log.h"
#include "base/mem.h"

#include <sasl/sasl.h>
#include <sasl/saslutil.h>
#include <stdlib.h>

#define SAID_MAX 4096

struct library_session {
    sasl_conn_t *connection;
};

/* ---- the library's log ---- */

/* What it said of the exchange under way. */
static struct buf said;

static void keep_warning(const char *what, const char *text)
{
    struct str line = str_from(text);

    if (said.len + line.len < SAID_MAX)
        buf_join(&said, str_from(what), STR(": "), line, STR("\n"));
}

void library_take_warnings(struct buf *out)
{
    buf_add(out, buf_str(&said));
    buf_clear(&said);
}

static int log_line(void *context, int level, const char *text)
{
    (void)context;
    switch (level) {
    case SASL_LOG_ERR:
    case SASL_LOG_WARN:
        keep_warning("SASL authentication problem", text);
        break;
    case SASL_LOG_FAIL:
        keep_warning("SASL authentication failure", text);
        break;
    case SASL_LOG_NOTE:
        if (log_verbose())
            log_info("SASL authentication info: %s", text);
        break;
    default: /* passwords may be among these */
        break;
    }
    return SASL_OK;
}

/* The library wants all of its callbacks as one type. */
static const sasl_callback_t callbacks[] = {
    { .id = SASL_CB_LOG, .proc = (int (*)(void))(void (*)(void))log_line },
    { .id = SASL_CB_LIST_END },
};

/* Its words, as replies have them. */
static void put_error(struct buf *out, int code)
{
    buf_add_lower(out, str_from(sasl_errstring(code, NULL, NULL)));
}

bool library_open(const char *application, const char *config_path, struct buf *why)
{
    char *path = mem_copy_cstr(config_path);
    int code = sasl_set_path(SASL_PATH_TYPE_CONFIG, path);

    free(path);
    if (code == SASL_OK)
        code = sasl_server_init(callbacks, application);
    if (code != SASL_OK)
        put_error(why, code);
    return code == SASL_OK;
}

/* ---- a client ---- */

static sasl_security_properties_t properties_of(struct sasl_policy policy)
{
    static const struct {
        bool required; /* else forbidden */
        unsigned property;
        unsigned flag;
    } flags[] = {
        { false, SASL_PLAINTEXT, SASL_SEC_NOPLAINTEXT },
        { false, SASL_ACTIVE, SASL_SEC_NOACTIVE },
        { false, SASL_DICTIONARY, SASL_SEC_NODICTIONARY },
        { false, SASL_ANONYMOUS, SASL_SEC_NOANONYMOUS },
        { true, SASL_FORWARD_SECRECY, SASL_SEC_FORWARD_SECRECY },
        { true, SASL_MUTUAL_AUTH, SASL_SEC_MUTUAL_AUTH },
    };
    sasl_security_properties_t p = { 0 }; /* no security layer: max_ssf 0 */

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if ((flags[i].required ? policy.required : policy.forbidden) & flags[i].property)
            p.security_flags |= flags[i].flag;
    return p;
}

struct library_session *library_begin(const struct library_settings *s, struct buf *why)
{
    struct library_session *session = mem_alloc(sizeof *session);
    sasl_security_properties_t properties = properties_of(s->policy);
    int code = sasl_server_new(s->service, s->host, s->realm, s->local, s->remote, callbacks, 0,
                               &session->connection);

    if (code == SASL_OK)
        code = sasl_setprop(session->connection, SASL_SEC_PROPS, &properties);
    if (code == SASL_OK)
        return session;
    put_error(why, code);
    library_end(session);
    return NULL;
}

void library_end(struct library_session *s)
{
    if (s == NULL)
        return;
    sasl_dispose(&s->connection);
    free(s);
}

void library_list(struct library_session *s, struct buf *mechanisms)
{
    const char *list = NULL;

    if (sasl_listmech(s->connection, NULL, "", " ", " ", &list, NULL, NULL) == SASL_OK && list)
        buf_add_cstr(mechanisms, list);
}

static bool is_temporary(int code)
{
    return code == SASL_FAIL || code == SASL_NOMEM || code == SASL_TRYAGAIN || code == SASL_UNAVAIL;
}

enum library_result library_step(struct library_session *s, const char *mechanism, struct str in,
                                 struct buf *out)
{
    const char *text = NULL;
    unsigned len = 0;
    int code = mechanism ? sasl_server_start(s->connection, mechanism, in.ptr, (unsigned)in.len,
                                             &text, &len)
                         : sasl_server_step(s->connection, in.ptr, (unsigned)in.len, &text, &len);

    if (code == SASL_OK)
        return LIBRARY_SUCCESS;
    if (code == SASL_CONTINUE) {
        if (text)
            buf_add(out, (struct str){ text, len });
        return LIBRARY_CHALLENGE;
    }
    /* Who has no account is not told from one with another password. */
    put_error(out, code == SASL_NOUSER ? SASL_BADAUTH : code);
    return is_temporary(code) ? LIBRARY_TEMPORARY : LIBRARY_FAILURE;
}

struct str library_user(struct library_session *s)
{
    const void *user = NULL;

    if (sasl_getprop(s->connection, SASL_USERNAME, &user) != SASL_OK || user == NULL)
        return STR("");
    return str_from(user);
}

void library_bad_base64(struct str base64, struct buf *out)
{
    BUF_AUTO(bytes, 0);
    unsigned length, room = (unsigned)base64.len + 4;
    int code =
        sasl_decode64(base64.ptr, (unsigned)base64.len, buf_reserve(&bytes, room), room, &length);

    put_error(out, code == SASL_OK ? SASL_BADPROT : code);
}
