/* Finding and loading relevo-tls.so, once per process; it is never unloaded. */
#include "base/log.h"
#include "tls/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#define MODULE_NAME "relevo-tls.so"

static const struct tls_module *module;

/* From where the program lies: installed as a daemon, as a command, and where both are built.  So a tree that is
 * installed beside another one takes its own module. */
static const char *const places[] = { "/../", "/../lib/postfix/", "/../lib/tls/" };

static bool own_directory(char *out, size_t room)
{
    ssize_t n = readlink("/proc/self/exe", out, room - 1);

    if (n <= 0)
        return false;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

static void find(struct buf *path)
{
    char here[PATH_MAX];

    if (own_directory(here, sizeof here)) {
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
            buf_clear(path);
            buf_join(path, str_from(here), str_from(places[i]), STR(MODULE_NAME));
            if (access(buf_cstr(path), F_OK) == 0)
                return;
        }
    }
    buf_clear(path);
    buf_join(path, site_conf.shlib_directory, STR("/" MODULE_NAME));
}

/* Lines of the module go the way that ours go, whatever that is by then. */
static void forward(enum log_level level, struct str text)
{
    log_sink_fn *sink = log_sink();

    if (sink)
        sink(level, text);
}

static bool load(void)
{
    BUF_AUTO(path, 0);

    if (module)
        return true;
    find(&path);
    void *handle = dlopen(buf_cstr(&path), RTLD_NOW | RTLD_LOCAL);
    const struct tls_module *found = handle ? dlsym(handle, TLS_MODULE_SYMBOL) : NULL;
    if (found == NULL) {
        log_warning("cannot load the TLS module: %s: disabling TLS support", dlerror());
        return false;
    }
    if (found->version != TLS_MODULE_VERSION) {
        log_warning("%s belongs to another build of the mail system: disabling TLS support",
                    path.ptr);
        return false;
    }
    found->set_log(forward, log_verbose());
    module = found;
    return true;
}

struct tls_engine *tls_server_open(const struct tls_server_settings *settings)
{
    return load() ? module->server_open(settings) : NULL;
}

struct tls_engine *tls_client_open(const struct tls_client_settings *settings)
{
    return load() ? module->client_open(settings) : NULL;
}

const struct tls_facts *tls_connect(struct tls_engine *engine, struct stream *s,
                                    const struct tls_client_wish *wish)
{
    return module->connect(engine, s, wish);
}

const struct tls_facts *tls_accept(struct tls_engine *engine, struct stream *s,
                                   const struct tls_server_wish *wish)
{
    return module->accept(engine, s, wish);
}

struct tls_session *tls_accept_begin(struct tls_engine *engine, struct stream *s,
                                     const struct tls_server_wish *wish)
{
    return module->accept_begin(engine, s, wish);
}

enum tls_progress tls_accept_go_on(struct tls_session *t, const struct tls_facts **facts)
{
    return module->accept_go_on(t, facts);
}

void tls_accept_abandon(struct tls_session *t) { module->abandon(t); }

const struct digests *tls_digests(void) { return load() ? module->digests_open() : NULL; }

bool tls_keys_open(const struct tls_params *common) { return load() && module->keys_open(common); }
struct tls_keys *tls_keys_new(void) { return module->keys_new(); }
void tls_keys_free(struct tls_keys *keys) { module->keys_free(keys); }

void tls_keys_take(struct tls_keys *keys, struct str pem, struct buf *public)
{
    module->keys_take(keys, pem, public);
}

bool tls_keys_act(const struct tls_keys *keys, const struct tls_task *task, struct buf *result)
{
    return module->keys_act(keys, task, result);
}
