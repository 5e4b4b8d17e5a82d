relevo_tool(postqueue postqueue/postqueue.c postqueue/report.c LIBS conf queue client table text)
