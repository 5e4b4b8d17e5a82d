#include "delivery/store.h"

#include "delivery/maildir.h"
#include "delivery/mbox.h"

bool store_message(struct delivery *d, const struct store_target *t, struct copy_plan *plan,
                   struct store_fault *fault)
{
    return str_ends(str_from(t->path), STR("/")) ? maildir_add(d, t, plan, fault)
                                                 : mbox_append(d, t, plan, fault);
}
