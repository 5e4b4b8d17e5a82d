#pragma once
/* ipc/schema - messages between our own processes, declared once.
 *
 *   #define CLEANUP_VERDICT(FIELD) FIELD(INT, status, "status") FIELD(STR, reason, "reason")
 *   IPC_MESSAGE(cleanup_verdict, CLEANUP_VERDICT)
 *
 * gives struct cleanup_verdict, cleanup_verdict_encode() and cleanup_verdict_decode(). */
#include "base/attr.h"
#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

enum ipc_type { IPC_INT, IPC_LONG, IPC_STR };
#define IPC_CTYPE_INT  int
#define IPC_CTYPE_LONG int64_t
#define IPC_CTYPE_STR  struct str

struct ipc_field {
    const char *wire;
    enum ipc_type type;
    size_t offset;
};

struct ipc_schema {
    const char *name;
    const struct ipc_field *fields;
    size_t count;
};

#define IPC_MEMBER_(type, name, wire) IPC_CTYPE_##type name;
#define IPC_FIELD_(type, name, wire)  { wire, IPC_##type, offsetof(self_, name) },
#define IPC_MESSAGE(tag, FIELDS)                                                     \
    struct tag {                                                                     \
        FIELDS(IPC_MEMBER_)                                                          \
    };                                                                               \
    static inline const struct ipc_schema *tag##_schema(void)                        \
    {                                                                                \
        typedef struct tag self_;                                                    \
        static const struct ipc_field fields[] = { FIELDS(IPC_FIELD_) };             \
        static const struct ipc_schema schema = { #tag, fields, ARRAY_LEN(fields) }; \
        return &schema;                                                              \
    }                                                                                \
    static inline void tag##_encode(struct buf *out, const struct tag *msg)          \
    {                                                                                \
        ipc_encode(out, tag##_schema(), msg);                                        \
    }                                                                                \
    NODISCARD static inline bool tag##_decode(struct str *in, struct tag *msg)       \
    {                                                                                \
        return ipc_decode(in, tag##_schema(), msg);                                  \
    }

/* attr0 encoding of every field in order.  A value must not hold a NUL: such bytes become '?'. */
void ipc_encode(struct buf *out, const struct ipc_schema *schema, const void *msg);
/* Strict: every field, in order, nothing else.  `in` advances past the message; decoded strings
 * point into it.  On failure `msg` is unchanged in no promised way and must not be used. */
NODISCARD bool ipc_decode(struct str *in, const struct ipc_schema *schema, void *msg);
