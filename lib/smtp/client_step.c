#include "smtp/client.h"

static const struct {
    struct str doing, command;
} steps[SMTP_STEP_COUNT] = {
#define STEP(id, doing, command) [SMTP_STEP_##id] = { STR(doing), STR(command) }
    STEP(GREETING, "receiving the initial server greeting", "initial greeting"),
    STEP(EHLO, "performing the EHLO handshake", "EHLO command"),
    STEP(HELO, "performing the HELO handshake", "HELO command"),
    STEP(LHLO, "performing the LHLO handshake", "LHLO command"),
    STEP(STARTTLS, "receiving the STARTTLS response", "STARTTLS command"),
    STEP(AUTH, "performing SASL authentication", "AUTH command"),
    STEP(XFORWARD_NAME_ADDR, "sending XFORWARD name/address", "XFORWARD name/address command"),
    STEP(XFORWARD_PROTO_HELO, "sending XFORWARD protocol/helo_name",
         "XFORWARD helo/protocol command"),
    STEP(MAIL, "sending MAIL FROM", "MAIL FROM command"),
    STEP(RCPT, "sending RCPT TO", "RCPT TO command"),
    STEP(DATA, "sending DATA command", "DATA command"),
    STEP(BODY, "sending message body", "message body"),
    STEP(DOT, "sending end of data -- message may be sent more than once", "end of DATA command"),
    STEP(RSET, "sending final RSET", "final RSET command"),
    STEP(RSET_PROBE, "sending RSET probe", "RSET probe"),
    STEP(QUIT, "sending QUIT", "QUIT command"),
#undef STEP
};

struct str smtp_step_doing(enum smtp_step step) { return steps[step].doing; }
struct str smtp_step_command(enum smtp_step step) { return steps[step].command; }
