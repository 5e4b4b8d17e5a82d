relevo_tool(postkick postkick.c LIBS conf queue)
