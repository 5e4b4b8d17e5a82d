#include "base/log.h"
#include "conf/params.h"
#include "table/type.h"
#include "tools/postconf/postconf.h"

#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where plug-ins are listed stands in main.cf; the types that are built in are there without it. */
static void show_table_types(const struct request *req)
{
    BUF_AUTO(types, 0);
    BUF_AUTO(error, 0);
    struct conf *conf = conf_open(req->dir, &error);

    if (conf == NULL)
        conf = conf_new();
    site_conf.meta_directory = conf_value(conf, STR("meta_directory"));
    site_conf.shlib_directory = conf_value(conf, STR("shlib_directory"));
    table_types(&types);
    print_flush(&types);
    conf_close(conf);
}

/* The kinds of keys that TLS certificates come with, as far as this OpenSSL knows them. */
static void show_key_algorithms(void)
{
    static const struct {
        const char *name;
        int type;
    } kinds[] = { { "dsa", EVP_PKEY_DSA }, { "ecdsa", EVP_PKEY_EC }, { "rsa", EVP_PKEY_RSA } };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        EVP_PKEY_CTX *found = EVP_PKEY_CTX_new_id(kinds[i].type, NULL);
        if (found)
            puts(kinds[i].name);
        EVP_PKEY_CTX_free(found);
    }
}

static void answer_tls_question(const char *question)
{
    if (strcmp(question, "compile-version") == 0)
        puts(OPENSSL_VERSION_TEXT);
    else if (strcmp(question, "run-version") == 0)
        puts(OpenSSL_version(OPENSSL_VERSION));
    else if (strcmp(question, "public-key-algorithms") == 0)
        show_key_algorithms();
    else {
        log_warning("unknown 'postconf -T' mode: %s", question);
        exit(1);
    }
}

void show_list(const struct request *req)
{
    switch (req->mode) {
    case 'a':
        puts("cyrus\ndovecot");
        break;
    case 'A':
        puts("cyrus");
        break;
    case 'l':
        puts("flock\nfcntl\ndotlock");
        break;
    case 'm':
        show_table_types(req);
        break;
    case 'T':
        answer_tls_question(req->tls_question);
        break;
    }
}
