#pragma once
#include "cleanup/cleanup.h"

/* Serve one connection: any number of messages, one after the other. */
void session_serve(struct cleanup *c, int fd);
