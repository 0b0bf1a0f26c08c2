// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern int tbl[8];
/* Defensive range check, provably redundant for today's callers. */
static noinline int get(unsigned int idx)
{
	if (idx >= 8)
		return -22;
	return tbl[idx] + ext_int(idx);
}
int first(unsigned int x)  { return get(x & 7); }
int second(unsigned int x) { return get((x >> 5) & 3); }
