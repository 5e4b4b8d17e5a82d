#include "delivery/pass.h"
#include "local/ends.h"

bool handover_branch(const struct branch *b, struct str destination)
{
    struct outcome o;
    bool failed;
    bool done = delivery_pass(b->attempt->d, &b->who, b->sender, destination, &o, &failed);

    return failed ? branch_report(b, &o) : done;
}
