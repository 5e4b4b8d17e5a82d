#pragma once
/* conf/params - every main.cf parameter, said once, in params/SET.def.
 *
 * Each set gives `struct SET_params` with one member per parameter, the table `SET_param_set`, and the
 * instance `SET_conf` that lib/service (or a tool) fills once at start and nobody changes afterwards.
 * A program names the sets it reads; postconf, the manual's lists and the docs come from the same rows. */
#include "base/str.h"

#include <stdint.h>

enum param_type {
    PARAM_INT,  /* int, may be an expression such as ${stress?{1}:{20}} */
    PARAM_LONG, /* int64_t */
    PARAM_TIME, /* int, seconds; PARAM_TIME_x: the unit assumed when none is written */
    PARAM_TIME_M,
    PARAM_TIME_H,
    PARAM_TIME_D,
    PARAM_TIME_W,
    PARAM_BOOL, /* bool, may be an expression */
    PARAM_STR,  /* struct str, expanded, followed by a NUL */
    PARAM_RAW,  /* struct str, not expanded when read */
};

/* One main.cf parameter: everything postconf(1), the manual and the programs know of it.  Texts are offsets, not
 * pointers: a table without pointers needs no relocation, so all processes share its pages. */
struct param {
    uint8_t type;                     /* enum param_type */
    uint32_t name, fallback, summary; /* for param_name() ... */
    uint32_t offset;                  /* of the member */
    int64_t min, max; /* numbers: a max of 0 means unbounded; strings: a min of 1 forbids empty */
};

/* Texts of a row; they live for ever. */
const char *param_name(const struct param *p);
const char *param_fallback(const struct param *p); /* For tests.  the default */
const char *param_summary(const struct param *p);

struct param_set {
    const char *name;
    const struct param *params;
    size_t count;
    size_t size;
};

/* C type that holds a parameter of each type. */
#define PARAM_CTYPE_INT    int
#define PARAM_CTYPE_LONG   int64_t
#define PARAM_CTYPE_TIME   int
#define PARAM_CTYPE_TIME_M int
#define PARAM_CTYPE_TIME_H int
#define PARAM_CTYPE_TIME_D int
#define PARAM_CTYPE_TIME_W int
#define PARAM_CTYPE_BOOL   bool
#define PARAM_CTYPE_STR    struct str
#define PARAM_CTYPE_RAW    struct str

#define PARAM(type, name, ...) PARAM_CTYPE_##type name;
/* The name is no C identifier. */
#define PARAM_NAMED(type, member, name, ...) PARAM_CTYPE_##type member;
#define PARAM_SET_HEAD(set)                  struct set##_params {
#define PARAM_SET_END \
    }                 \
    ;
/* A table of declarations. */
/* clang-format off */
#include "conf/params/all.def"
#undef PARAM
#undef PARAM_NAMED
#undef PARAM_SET_HEAD
#undef PARAM_SET_END

#define PARAM_SETS(X)                                                                         \
    X(anvil) X(bounce) X(cleanup) X(delivery) X(flush) X(lmtp) X(local) X(milter) X(pipe)     \
    X(postlogd) X(postmulti) X(postscreen) X(proxymap) X(qmgr) X(qmqpd) X(rewrite) X(scache)  \
    X(site) X(smtp) X(smtp_tls) X(smtpd) X(smtpd_tls) X(table) X(tls) X(tlsproxy) X(tools)    \
    X(verify) X(virtual)
/* clang-format on */
#define PARAM_DECLARE_(set)                        \
    extern const struct param_set set##_param_set; \
    extern struct set##_params set##_conf;
PARAM_SETS(PARAM_DECLARE_)
#undef PARAM_DECLARE_

/* All sets, for tools that walk the whole table. */
extern const struct param_set *const param_sets[];
extern const size_t param_set_count;
/* NULL if there is no such parameter.  Per-transport names are not in the table (conf_service_value). */
const struct param *param_find(struct str name);
