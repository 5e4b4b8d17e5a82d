#include "services/webfetch/http.h"

#include "base/mem.h"
#include "base/number.h"

#include <curl/curl.h>
#include <errno.h>
#include <sys/socket.h>

static struct curl_blob authorities;

bool http_open(struct str pem)
{
    authorities = (struct curl_blob){ .data = mem_unconst(pem.ptr), .len = pem.len };
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void http_answer_free(struct http_answer *answer)
{
    buf_free(&answer->type);
    buf_free(&answer->content);
    buf_free(&answer->why);
}

/* ---- the address of a page ---- */

static bool split(CURLU *u, struct str url, struct buf *host, int *port)
{
    BUF_AUTO(text, 0);
    char *scheme = NULL, *name = NULL, *number = NULL;

    buf_add(&text, url);
    bool ok = curl_url_set(u, CURLUPART_URL, buf_cstr(&text), 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &name, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_PORT, &number, CURLU_DEFAULT_PORT) == CURLUE_OK &&
              str_equal(str_from(scheme), STR("https"));
    int64_t value;
    ok = ok && number_parse_range(str_from(number), 1, 65535, &value);
    if (ok) {
        buf_add_cstr(host, name);
        *port = (int)value;
    }
    curl_free(scheme);
    curl_free(name);
    curl_free(number);
    return ok;
}

bool http_host(struct str url, struct buf *host, int *port)
{
    CURLU *u = curl_url();
    bool ok = u && split(u, url, host, port);

    curl_url_cleanup(u);
    return ok;
}

/* ---- a request under way ---- */

struct transfer {
    const struct http_request *request;
    struct http_answer *answer;
};

static size_t on_content(const char *bytes, size_t one, size_t count, void *context)
{
    const struct transfer *t = context;
    struct buf *content = &t->answer->content;

    (void)one; /* it is 1 */
    if (content->len + count > t->request->content_max)
        return 0;
    buf_add(content, (struct str){ bytes, count });
    return count;
}

/* In the jail no socket becomes one that does not block: it is made as one. */
static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *to)
{
    (void)context;
    (void)purpose;
    return socket(to->family, to->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->protocol);
}

static void take_type(CURL *c, struct buf *type)
{
    const char *text = NULL;

    if (curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &text) == CURLE_OK && text)
        buf_add_lower(type, str_from(text));
}

static bool is_about_trust(CURLcode result)
{
    return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_ISSUER_ERROR;
}

static void take_result(CURL *c, CURLcode result, const char *text, struct http_answer *answer)
{
    long status = 0;

    if (result == CURLE_OK && curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK) {
        answer->status = (int)status;
        take_type(c, &answer->type);
        return;
    }
    answer->untrusted = is_about_trust(result);
    if (result == CURLE_WRITE_ERROR)
        buf_add(&answer->why, STR("the answer is too long"));
    else
        buf_add_printable(&answer->why, str_from(*text ? text : curl_easy_strerror(result)));
}

/* host:port:address,address */
static struct curl_slist *addresses_of(const struct http_request *request)
{
    BUF_AUTO(line, 0);
    BUF_AUTO(host, 0);
    int port;

    if (!http_host(request->url, &host, &port))
        return NULL;
    buf_join(&line, buf_str(&host), STR(":"));
    buf_addf(&line, "%d:", port);
    buf_add(&line, request->addresses);
    return curl_slist_append(NULL, buf_cstr(&line));
}

static void configure(CURL *c, struct transfer *t, const char *url, const char *form, char *error)
{
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &authorities);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)t->request->wait_s);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_content);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    if (form)
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, form);
}

void http_ask(const struct http_request *request, struct http_answer *answer)
{
    struct transfer t = { request, answer };
    char error[CURL_ERROR_SIZE] = "";
    BUF_AUTO(url, 0);
    BUF_AUTO(form, 0);
    CURL *c = curl_easy_init();
    struct curl_slist *addresses = addresses_of(request);

    buf_add(&url, request->url);
    buf_add(&form, request->form);
    if (c && addresses) {
        configure(c, &t, buf_cstr(&url), form.len ? buf_cstr(&form) : NULL, error);
        curl_easy_setopt(c, CURLOPT_RESOLVE, addresses);
        take_result(c, curl_easy_perform(c), error, answer);
    } else {
        buf_add(&answer->why, STR("libcurl does not start"));
    }
    curl_slist_free_all(addresses);
    curl_easy_cleanup(c);
    if (form.ptr)
        explicit_bzero(form.ptr, form.cap);
}
