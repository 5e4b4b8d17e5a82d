# What the four have in common.
add_library(relevo_traffic STATIC traffic/endpoint.c traffic/talk.c traffic/source.c traffic/server.c)
relevo_own_headers(relevo_traffic PUBLIC)
target_link_libraries(relevo_traffic PUBLIC relevo_conf relevo_text relevo_os relevo_base)

relevo_tool(smtp-source traffic/smtp-source.c LIBS traffic)
relevo_tool(smtp-sink traffic/smtp-sink.c traffic/smtp-sink-dialogue.c traffic/smtp-sink-dump.c LIBS traffic text)
relevo_tool(qmqp-source traffic/qmqp-source.c LIBS traffic)
relevo_tool(qmqp-sink traffic/qmqp-sink.c LIBS traffic)
