#pragma once
#include "base/arena.h"
#include "os/socket.h"

/* The hosts file, read once. */
struct hosts;

struct hosts *hosts_read(const char *path); /* a missing file is empty */
/* Canonical name of an address; absent if unknown. */
struct str hosts_name(const struct hosts *h, const struct net_addr *addr);
/* The i-th address of `name` (any case); false behind the last. */
bool hosts_address(const struct hosts *h, struct str name, size_t i, struct net_addr *out);
