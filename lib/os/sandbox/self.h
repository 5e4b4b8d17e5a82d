#pragma once
/* Stands in a filter program for the id of the process that loads it. */
#define SANDBOX_SELF 0x7e1e5e1fu
