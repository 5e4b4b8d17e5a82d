#pragma once
/* smtp-client/arguments - what stands behind the program's name in master.cf: flags=DORX. */
#include "delivery/delivery.h"

struct client_arguments {
    unsigned headers; /* enum copy_flag: which header lines are put in front */
    bool final;       /* an LMTP server is the end of the way: success is reported as delivery */
};

/* Ends the process when there is something else. */
void client_arguments_parse(struct client_arguments *a, char **args, int count);

/* True, and the recipients are finished: with flags=D a message that has been delivered to this
 * recipient before goes in circles, and with D or O there must be one recipient. */
bool client_arguments_refuse(const struct client_arguments *a, struct delivery *d);

/* The header lines in front of the message, LF behind each. */
void client_arguments_format(const struct client_arguments *a, struct delivery *d, struct buf *out);
