// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern int wait_for_completion_interruptible(void *);
extern char done[];
int value;
int get(void)
{
	wait_for_completion_interruptible(done);	/* the result is not looked at */
#ifdef FIX
	return value + 1;
#else
	return value;
#endif
}
