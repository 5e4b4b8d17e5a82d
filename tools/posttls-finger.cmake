relevo_tool(posttls-finger posttls-finger/posttls-finger.c posttls-finger/options.c posttls-finger/level.c
    posttls-finger/probe.c posttls-finger/chat.c posttls-finger/cache.c LIBS nexthop)
