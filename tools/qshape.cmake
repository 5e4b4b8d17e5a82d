relevo_tool(qshape qshape.c LIBS conf queue text)
