#include "base/log.h"
#include "tls/engine.h"

#include <openssl/err.h>

#define LINE_MAX_ 1024

bool errors_are_queued(void) { return ERR_peek_error() != 0; }

void errors_log(void)
{
    const char *file, *function, *data;
    unsigned long code;
    int line, flags;

    while ((code = ERR_get_error_all(&file, &line, &function, &data, &flags)) != 0) {
        char text[LINE_MAX_];
        ERR_error_string_n(code, text, sizeof text);
        bool has_data = (flags & ERR_TXT_STRING) && *data;
        log_warning("TLS library problem: %s:%s:%d:%s%s", text, file, line, has_data ? data : "",
                    has_data ? ":" : "");
    }
}
