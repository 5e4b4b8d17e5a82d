relevo_tool(postalias postalias.c postmap/run.c postmap/options.c postmap/query.c
    postmap/build.c postmap/as_owner.c postmap/db_name.c LIBS table)
