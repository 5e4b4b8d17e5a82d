#include "delivery/store_fault.h"

#include <errno.h>

bool store_fault_is_lasting(int error)
{
    static const int lasting[] = { EACCES, EPERM,        EISDIR, ENOTDIR, ENOENT,
                                   ELOOP,  ENAMETOOLONG, ENXIO,  ENODEV,  EMLINK };

    for (size_t i = 0; i < ARRAY_LEN(lasting); i++)
        if (error == lasting[i])
            return true;
    return false;
}

void store_fault_status(struct store_fault *fault, int error)
{
    bool full = error == EFBIG || error == EDQUOT;
    bool lasting = !fault->patient && store_fault_is_lasting(error);

    fault->status = full || lasting ? OUTCOME_BOUNCED : OUTCOME_DEFERRED;
    fault->dsn = full ? "5.2.2" : lasting ? "5.2.0" : error == ENOSPC ? "4.3.1" : "4.2.0";
}

void store_fault_errno(struct store_fault *fault, const char *what, int error)
{
    store_fault_status(fault, error);
    buf_clear(&fault->text);
    buf_add_cstr(&fault->text, what);
    buf_join(&fault->text, STR(": "), str_from(strerror(error)));
}

void store_fault_outcome(struct outcome *o, struct arena *a, struct store_fault *fault,
                         struct str words)
{
    struct str before = fault->complete ? STR_NONE : words;

    outcome_make(o, a, fault->status, fault->dsn, STR_FMT "%s", STR_ARG(before),
                 buf_cstr(&fault->text));
    if (fault->while_writing) {
        o->diag_type = STR("x-unix");
        o->diag_text = STR("input/output error");
    }
    buf_free(&fault->text);
}

void store_fault_writing(struct store_fault *fault, int error)
{
    fault->while_writing = true;
    store_fault_errno(fault, "error writing message", error);
}

bool store_fault_copied(enum copy_result result, struct store_fault *fault)
{
    switch (result) {
    case COPY_OK:
        return true;
    case COPY_CORRUPT:
        fault->status = OUTCOME_DEFERRED;
        fault->dsn = "4.3.0";
        buf_add(&fault->text, STR("error reading message: queue file is damaged"));
        return false;
    case COPY_WRITE:
        break;
    }
    store_fault_writing(fault, errno);
    return false;
}
