#pragma once
/* tls/module - what relevo-tls.so gives to the program that loads it: the functions of tls/tls.h, and a log. */
#include "base/log.h"
#include "tls/client.h"

/* Program and module are built and installed together; another number is another build. */
#define TLS_MODULE_VERSION 4
#define TLS_MODULE_SYMBOL  "relevo_tls_module"

struct tls_module {
    unsigned version;
    /* Before anything else: where lines go.  The module has its own copy of base/log. */
    void (*set_log)(log_sink_fn *sink, int verbose);
    struct tls_engine *(*server_open)(const struct tls_server_settings *settings);
    const struct tls_facts *(*accept)(struct tls_engine *engine, struct stream *s,
                                      const struct tls_server_wish *wish);
    struct tls_session *(*accept_begin)(struct tls_engine *engine, struct stream *s,
                                        const struct tls_server_wish *wish);
    enum tls_progress (*accept_go_on)(struct tls_session *t, const struct tls_facts **facts);
    void (*abandon)(struct tls_session *t);
    const struct digests *(*digests_open)(void);
    struct tls_engine *(*client_open)(const struct tls_client_settings *settings);
    const struct tls_facts *(*connect)(struct tls_engine *engine, struct stream *s,
                                       const struct tls_client_wish *wish);
    bool (*keys_open)(const struct tls_params *common);
    struct tls_keys *(*keys_new)(void);
    void (*keys_free)(struct tls_keys *keys);
    void (*keys_take)(struct tls_keys *keys, struct str pem, struct buf *public);
    bool (*keys_act)(const struct tls_keys *keys, const struct tls_task *task, struct buf *result);
};
extern const struct tls_module relevo_tls_module;
