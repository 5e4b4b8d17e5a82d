#include "nexthop/anchors.h"

#include "base/log.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>

#define FILE_MAX (1024UL * 1024) /* bytes */

static struct {
    struct arena arena;
    const struct tls_anchor *list; /* of main.cf */
} known;

/* Whether they can be used turns out where they are. */
static bool has_anchor(struct str pem)
{
    static const struct str heads[] = { STR("-----BEGIN CERTIFICATE-----"),
                                        STR("-----BEGIN PUBLIC KEY-----") };

    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        if (str_find_str(pem, heads[i]) != STR_NOT_FOUND)
            return true;
    return false;
}

static struct tls_anchor *read_one(struct str file, struct arena *a)
{
    BUF_AUTO(pem, FILE_MAX);

    if (!fd_read_file(AT_FDCWD, arena_cstr(a, file), &pem)) {
        log_warning("error opening trust anchor file: " STR_FMT ": %s", STR_ARG(file),
                    strerror(errno));
        return NULL;
    }
    if (!has_anchor(buf_str(&pem))) {
        log_warning("trust anchor file " STR_FMT " holds no certificate and no public key",
                    STR_ARG(file));
        return NULL;
    }
    struct tls_anchor *anchor = arena_alloc(a, sizeof *anchor);
    *anchor = (struct tls_anchor){ .file = arena_str(a, file), .pem = arena_str(a, buf_str(&pem)) };
    return anchor;
}

static struct tls_anchor *copy_known(struct str file, struct arena *a)
{
    for (const struct tls_anchor *k = known.list; k; k = k->next) {
        if (!str_equal(k->file, file))
            continue;
        struct tls_anchor *anchor = arena_alloc(a, sizeof *anchor);
        *anchor = *k;
        return anchor;
    }
    return NULL;
}

bool anchors_read(struct str files, struct arena *a, const struct tls_anchor **list)
{
    struct str file;

    while (str_token(&files, ", \t\r\n", &file)) {
        struct tls_anchor *one = copy_known(file, a);
        if (one == NULL)
            one = read_one(file, a);
        if (one == NULL)
            return false;
        one->next = *list;
        *list = one;
    }
    return true;
}

void anchors_open(struct str files)
{
    if (!anchors_read(files, &known.arena, &known.list))
        log_debug("trust anchors are missing: the servers that need them are not used");
}
