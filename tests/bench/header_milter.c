/* A filter for the bench: it looks at every header and accepts.  Built against libmilter, as the filters of real sites are.
 *
 *   header_milter SOCKET */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>

static sfsistat on_header(SMFICTX *context, char *name, char *value)
{
    (void)context;
    return strcmp(name, "X-Refuse") == 0 && strcmp(value, "yes") == 0 ? SMFIS_REJECT
                                                                      : SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
    struct smfiDesc filter = { .xxfi_name = "header_milter",
                               .xxfi_version = SMFI_VERSION,
                               .xxfi_header = on_header };

    if (argc != 2 || smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(filter) != MI_SUCCESS) {
        fprintf(stderr, "usage: header_milter SOCKET\n");
        return 64;
    }
    return smfi_main() == MI_SUCCESS ? 0 : 69;
}
