// SPDX-License-Identifier: MIT
#include "klpmin.h"
enum { M_READ = 1, M_WRITE = 3 };
static noinline int do_io(int x, int mode)
{
	if (mode == M_WRITE)
		return ext_int(x + 9) + x;
	ext();
	return ext_int(x) - x;
}
int flush(int x) { return do_io(x, M_WRITE) + 1; }
/* the fix re-reads first: the only new thing is a call with another constant */
int sync(int x)  { do_io(x, M_READ); return do_io(x + 1, M_WRITE) + 2; }
