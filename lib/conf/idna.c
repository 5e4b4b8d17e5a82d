#include "conf/idna.h"

#include <idn2.h>

static int convert(const char *domain, bool transitional, char **ascii)
{
    int mode = transitional ? IDN2_TRANSITIONAL : IDN2_NONTRANSITIONAL;

    return idn2_to_ascii_8z(domain, ascii, mode | IDN2_NFC_INPUT);
}

bool idna_to_ascii(struct str domain, bool transitional, struct buf *out)
{
    BUF_AUTO(text, 0);
    char *ascii = NULL;

    if (str_has(domain, '\0'))
        return false;
    buf_add(&text, domain);
    int status = convert(buf_cstr(&text), transitional, &ascii);
    if (status == IDN2_DISALLOWED) /* symbols, which UTS 46 lets pass but IDNA 2008 does not */
        status = convert(buf_cstr(&text), true, &ascii);
    if (status != IDN2_OK)
        return false;
    buf_add_cstr(out, ascii);
    idn2_free(ascii);
    return true;
}
