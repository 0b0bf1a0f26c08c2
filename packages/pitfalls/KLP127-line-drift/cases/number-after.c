// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void assert_fail(int line);
#define LIMIT 13
#define ASSERT(x) do { if (!(x)) assert_fail(LIMIT); } while (0)
int fix_me(int x)
{
	if (x < 0)
		return -22;
	return ext_int(x);
}
/* Another innocent twin: a number that changes, and no line. */
int innocent(int x) { ASSERT(x > 0); return ext_int(x); }
