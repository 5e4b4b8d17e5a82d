#include "os/watch.h"
#include "tls/tls.h"

/* Every text of main.cf that names files of an engine. */
static void add_files(struct watch *w, struct str list)
{
    struct str file;

    while (str_token(&list, ", \t\r\n", &file))
        if (file.ptr[0] == '/')
            watch_add(w, file);
}

void tls_watch_files(const struct tls_settings *s, struct str more, struct watch *w)
{
    const struct str lists[] = {
        s->chain_files, s->cert_file,  s->key_file, s->dcert_file, s->dkey_file,
        s->eccert_file, s->eckey_file, s->ca_file,  more,
    };

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        add_files(w, lists[i]);
}

bool tls_has_certificate(const struct tls_settings *s)
{
    return s->chain_files.len || s->cert_file.len || s->dcert_file.len || s->eccert_file.len;
}
