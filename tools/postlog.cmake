relevo_tool(postlog postlog.c LIBS conf)
