#include "table/key_digest.h"

#include "base/mem.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdlib.h>

/* The functions used, under the names they have in the library. */
#define DIGEST_FUNCTIONS(F) F(EVP_MD_fetch) F(EVP_MD_free) F(EVP_Digest)

#define DECLARE(name) __typeof__(&name) name;
struct digest_library {
    DIGEST_FUNCTIONS(DECLARE)
};
#undef DECLARE

/* Once per process; never unloaded. */
static const struct digest_library *library;

static bool load_library(struct buf *error)
{
    static struct digest_library loaded;
    void *handle = library ? NULL : dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);

    if (library)
        return true;
    if (handle == NULL) {
        buf_add(error, str_from(dlerror()));
        return false;
    }
#define RESOLVE(name) *(void **)(void *)&loaded.name = dlsym(handle, #name);
    DIGEST_FUNCTIONS(RESOLVE)
#undef RESOLVE
#define CHECK(name) &&loaded.name
    if (!(true DIGEST_FUNCTIONS(CHECK))) {
        buf_add(error, STR("libcrypto lacks a function"));
        return false;
    }
#undef CHECK
    library = &loaded;
    return true;
}

struct key_digest {
    EVP_MD *method;
};

struct key_digest *key_digest_open(struct str name, struct buf *error)
{
    char text[64];

    if (!load_library(error))
        return NULL;
    EVP_MD *method =
        str_to_cstring(name, text, sizeof text) ? library->EVP_MD_fetch(NULL, text, NULL) : NULL;
    if (method == NULL) {
        buf_add(error, STR("no such algorithm"));
        return NULL;
    }
    struct key_digest *d = mem_alloc(sizeof *d);
    d->method = method;
    return d;
}

void key_digest_close(struct key_digest *d)
{
    if (d)
        library->EVP_MD_free(d->method);
    free(d);
}

bool key_digest_apply(const struct key_digest *d, struct buf *key)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned count = 0;

    if (library->EVP_Digest(key->ptr, key->len, bytes, &count, d->method, NULL) != 1)
        return false;
    buf_clear(key);
    for (unsigned i = 0; i < count; i++)
        buf_addf(key, "%02x", bytes[i]);
    return true;
}
