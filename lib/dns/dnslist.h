#pragma once
/* dns/dnslist - a DNS list as main.cf names it, and which of its answers count.  Pure. */
#include "base/str.h"

/* "list.example=127.0.0.[4..6;9]" */
struct dnslist {
    struct str domain;
    struct str filter; /* empty: any answer counts */
};

struct dnslist dnslist_parse(struct str text);
/* Where a filter that is there begins to be none: bytes that are fine, and what is wrong with the next one.  NULL: nothing. */
const char *dnslist_filter_fault(struct str filter, size_t *good);
/* Does the answer pass the filter?  Each of four parts is a number or `[1..3;7]`. */
bool dnslist_matches(const struct dnslist *list, const unsigned char octets[4]);
/* 127.255.255.0/24 and what is outside of 127.0.0.0/8 reports trouble with the list or the resolver in between; it says
 * nothing about a client. */
bool dnslist_answer_is_fault(const unsigned char octets[4]);
