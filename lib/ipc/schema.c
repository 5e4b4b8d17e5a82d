#include "ipc/schema.h"

#include "base/number.h"
#include "ipc/attr.h"

#include <limits.h>

void ipc_encode(struct buf *out, const struct ipc_schema *schema, const void *msg)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct ipc_field *f = &schema->fields[i];
        const void *slot = (const char *)msg + f->offset;

        switch (f->type) {
        case IPC_INT:
            attr_put_int(out, f->wire, *(const int *)slot);
            break;
        case IPC_LONG:
            attr_put_int(out, f->wire, *(const int64_t *)slot);
            break;
        case IPC_STR:
            attr_put_str(out, f->wire, *(const struct str *)slot);
            break;
        }
    }
    attr_put_end(out);
}

static bool decode_value(enum ipc_type type, struct str value, void *slot)
{
    int64_t number;

    switch (type) {
    case IPC_INT:
        if (!number_parse_range(value, INT_MIN, INT_MAX, &number))
            return false;
        *(int *)slot = (int)number;
        return true;
    case IPC_LONG:
        return number_parse(value, slot);
    case IPC_STR:
        *(struct str *)slot = value;
        return true;
    }
    return false;
}

bool ipc_decode(struct str *in, const struct ipc_schema *schema, void *msg)
{
    struct str name, value;
    bool incomplete;

    for (size_t i = 0; i < schema->count; i++) {
        const struct ipc_field *f = &schema->fields[i];
        if (!attr_take(in, &name, &value, &incomplete) || !str_equal(name, str_from(f->wire)) ||
            !decode_value(f->type, value, (char *)msg + f->offset))
            return false;
    }
    return !attr_take(in, &name, &value, &incomplete) && !incomplete;
}
