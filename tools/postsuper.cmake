relevo_tool(postsuper postsuper/postsuper.c postsuper/actions.c postsuper/structure.c LIBS conf queue)
