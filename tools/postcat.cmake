relevo_tool(postcat postcat/postcat.c postcat/dump.c LIBS conf queue)
