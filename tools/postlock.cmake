relevo_tool(postlock postlock.c LIBS conf delivery)
