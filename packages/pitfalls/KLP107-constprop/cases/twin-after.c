// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: the callers pass different values, so nothing is burned in. */
enum { M_READ = 1, M_WRITE = 3 };
static noinline int do_io(int x, int mode)
{
	if (mode == M_WRITE)
		return ext_int(x + 9) + x;
	ext();
	return ext_int(x) - x;
}
int flush(int x, int m) { return do_io(x, m) + 1; }
int sync(int x)  { do_io(x, M_READ); return do_io(x + 1, M_WRITE) + 2; }
