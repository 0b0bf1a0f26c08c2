// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* Never returns, but nobody wrote __noreturn. */
static noinline void fatal(int code)
{
	int i;
	for (i = 0; i < 3; i++)	/* the fix: give up after three */
		printk("stuck %d\n", code);
}
int check(int x) { if (x < 0) fatal(x); return x + 1; }
int always(int x) { ext(); fatal(x); ext(); return 3; }
