relevo_tool(postsuper postsuper/postsuper.c postsuper/actions.c postsuper/structure.c postsuper/bulk.c LIBS conf queue)
