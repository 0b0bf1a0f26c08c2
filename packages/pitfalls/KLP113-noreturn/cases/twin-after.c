// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* Never returns, but nobody wrote __noreturn. */
static noinline void fatal(int code)
{
	for (;;)
		printk("still stuck %d\n", code);
}
int check(int x) { if (x < 0) fatal(x); return x + 1; }
int always(int x) { ext(); fatal(x); ext(); return 3; }
