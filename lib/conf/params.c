#include "conf/params.h"

#include "base/attr.h"

#include <assert.h>

/* All texts of all rows, side by side. */
#define PARAM_SET_HEAD(set)
#define PARAM_SET_END
#define PARAM(type, name, fallback, min, max, summary) \
    PARAM_NAMED(type, name, #name, fallback, min, max, summary)
#define PARAM_NAMED(type, member, name, fallback, min, max, summary)       \
    char name_##member[sizeof(name)], fallback_##member[sizeof(fallback)], \
        summary_##member[sizeof(summary)];
struct texts {
#include "conf/params/all.def"
};
#undef PARAM_NAMED
#define PARAM_NAMED(type, member, name, fallback, min, max, summary) name, fallback, summary,
static const struct texts texts = {
#include "conf/params/all.def"
};
#undef PARAM_NAMED

static const char *text_at(uint32_t offset) { return (const char *)&texts + offset; }

const char *param_name(const struct param *p) { return text_at(p->name); }
const char *param_fallback(const struct param *p) { return text_at(p->fallback); }
const char *param_summary(const struct param *p) { return text_at(p->summary); }

/* Each row of params/SET.def becomes a row of SET_rows; `ROW_OF` says which struct holds its value. */
#define PARAM_NAMED(kind, member, text, default_, least, most, about) \
    { .type = PARAM_##kind,                                           \
      .name = offsetof(struct texts, name_##member),                  \
      .fallback = offsetof(struct texts, fallback_##member),          \
      .summary = offsetof(struct texts, summary_##member),            \
      .offset = offsetof(ROW_OF, member),                             \
      .min = (least),                                                 \
      .max = (most) },

#define ROW_OF struct anvil_params
static const struct param anvil_rows[] = {
#include "conf/params/anvil.def"
};
#undef ROW_OF
#define ROW_OF struct bounce_params
static const struct param bounce_rows[] = {
#include "conf/params/bounce.def"
};
#undef ROW_OF
#define ROW_OF struct cleanup_params
static const struct param cleanup_rows[] = {
#include "conf/params/cleanup.def"
};
#undef ROW_OF
#define ROW_OF struct delivery_params
static const struct param delivery_rows[] = {
#include "conf/params/delivery.def"
};
#undef ROW_OF
#define ROW_OF struct flush_params
static const struct param flush_rows[] = {
#include "conf/params/flush.def"
};
#undef ROW_OF
#define ROW_OF struct lmtp_params
static const struct param lmtp_rows[] = {
#include "conf/params/lmtp.def"
};
#undef ROW_OF
#define ROW_OF struct local_params
static const struct param local_rows[] = {
#include "conf/params/local.def"
};
#undef ROW_OF
#define ROW_OF struct milter_params
static const struct param milter_rows[] = {
#include "conf/params/milter.def"
};
#undef ROW_OF
#define ROW_OF struct pipe_params
static const struct param pipe_rows[] = {
#include "conf/params/pipe.def"
};
#undef ROW_OF
#define ROW_OF struct postlogd_params
static const struct param postlogd_rows[] = {
#include "conf/params/postlogd.def"
};
#undef ROW_OF
#define ROW_OF struct postmulti_params
static const struct param postmulti_rows[] = {
#include "conf/params/postmulti.def"
};
#undef ROW_OF
#define ROW_OF struct postscreen_params
static const struct param postscreen_rows[] = {
#include "conf/params/postscreen.def"
};
#undef ROW_OF
#define ROW_OF struct proxymap_params
static const struct param proxymap_rows[] = {
#include "conf/params/proxymap.def"
};
#undef ROW_OF
#define ROW_OF struct qmgr_params
static const struct param qmgr_rows[] = {
#include "conf/params/qmgr.def"
};
#undef ROW_OF
#define ROW_OF struct qmqpd_params
static const struct param qmqpd_rows[] = {
#include "conf/params/qmqpd.def"
};
#undef ROW_OF
#define ROW_OF struct rewrite_params
static const struct param rewrite_rows[] = {
#include "conf/params/rewrite.def"
};
#undef ROW_OF
#define ROW_OF struct scache_params
static const struct param scache_rows[] = {
#include "conf/params/scache.def"
};
#undef ROW_OF
#define ROW_OF struct site_params
static const struct param site_rows[] = {
#include "conf/params/site.def"
};
#undef ROW_OF
#define ROW_OF struct smtp_params
static const struct param smtp_rows[] = {
#include "conf/params/smtp.def"
};
#undef ROW_OF
#define ROW_OF struct smtp_tls_params
static const struct param smtp_tls_rows[] = {
#include "conf/params/smtp_tls.def"
};
#undef ROW_OF
#define ROW_OF struct smtpd_params
static const struct param smtpd_rows[] = {
#include "conf/params/smtpd.def"
};
#undef ROW_OF
#define ROW_OF struct smtpd_tls_params
static const struct param smtpd_tls_rows[] = {
#include "conf/params/smtpd_tls.def"
};
#undef ROW_OF
#define ROW_OF struct table_params
static const struct param table_rows[] = {
#include "conf/params/table.def"
};
#undef ROW_OF
#define ROW_OF struct tls_params
static const struct param tls_rows[] = {
#include "conf/params/tls.def"
};
#undef ROW_OF
#define ROW_OF struct tlsproxy_params
static const struct param tlsproxy_rows[] = {
#include "conf/params/tlsproxy.def"
};
#undef ROW_OF
#define ROW_OF struct tools_params
static const struct param tools_rows[] = {
#include "conf/params/tools.def"
};
#undef ROW_OF
#define ROW_OF struct verify_params
static const struct param verify_rows[] = {
#include "conf/params/verify.def"
};
#undef ROW_OF
#define ROW_OF struct virtual_params
static const struct param virtual_rows[] = {
#include "conf/params/virtual.def"
};
#undef ROW_OF

#define DEFINE_SET(set)                                                                 \
    const struct param_set set##_param_set = { #set, set##_rows, ARRAY_LEN(set##_rows), \
                                               sizeof(struct set##_params) };           \
    struct set##_params set##_conf;
PARAM_SETS(DEFINE_SET)

#define SET_POINTER(set) &set##_param_set,
const struct param_set *const param_sets[] = { PARAM_SETS(SET_POINTER) };
const size_t param_set_count = ARRAY_LEN(param_sets);

/* Open addressing over all names, filled at the first question: looking up a few hundred names at
 * start must not cost a walk over the table each. */
#define INDEX_SIZE 2048 /* a power of two, at least twice the number of parameters */
#define PER_SET    256  /* rows of a set, at most */

static struct {
    uint16_t slots[INDEX_SIZE]; /* 1 + set * PER_SET + row; 0: free */
    bool ready;
} name_index;

static const struct param *row_of(uint16_t slot)
{
    return slot ? &param_sets[(slot - 1) / PER_SET]->params[(slot - 1) % PER_SET] : NULL;
}

static size_t hash_name(struct str name)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.ptr[i]) * 16777619u;
    return (h ^ (h >> 15)) % INDEX_SIZE;
}

static uint16_t *find_slot(struct str name)
{
    size_t i = hash_name(name);

    while (name_index.slots[i] &&
           !str_equal(str_from(param_name(row_of(name_index.slots[i]))), name))
        i = (i + 1) % INDEX_SIZE;
    return &name_index.slots[i];
}

static void build_index(void)
{
    for (size_t s = 0; s < param_set_count; s++) {
        assert(param_sets[s]->count <= PER_SET);
        for (size_t i = 0; i < param_sets[s]->count; i++)
            *find_slot(str_from(param_name(&param_sets[s]->params[i]))) =
                (uint16_t)(1 + s * PER_SET + i);
    }
    name_index.ready = true;
}

const struct param *param_find(struct str name)
{
    if (!name_index.ready)
        build_index();
    return row_of(*find_slot(name));
}
