#include "smtp/footer.h"

#include "base/log.h"
#include "text/dsn.h"

/* Cut the template at its first `\n`. */
static struct str cut_line(struct str *template)
{
    size_t end = str_find_str(*template, STR("\\n"));
    struct str line = str_sub(*template, 0, end);

    *template = end == STR_NOT_FOUND ? STR_NONE : str_skip(*template, end + 2);
    return line;
}

/* Values are put in after the template was cut, so that no client writes lines of its own. */
void smtp_footer_add(struct smtp_reply refusal, struct str template,
                     const struct macro_source *source, struct buf *text)
{
    struct str status = str_sub(refusal.text, 0, dsn_status_length(refusal.text)), bad;
    bool joined = str_skip_prefix(&template, STR("\\c"));

    buf_add(text, refusal.text);
    while (template.len) {
        struct str line = cut_line(&template);
        if (!joined) {
            buf_addc(text, '\n');
            if (status.len)
                buf_join(text, status, STR(" "));
        }
        joined = false;
        if (!macro_expand(line, source, text, &bad))
            log_warning("reject footer: unknown name \"" STR_FMT "\" in \"" STR_FMT "\"",
                        STR_ARG(bad), STR_ARG(line));
    }
}
