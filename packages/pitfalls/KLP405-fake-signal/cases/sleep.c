// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern long schedule_timeout_interruptible(long);
int value;
int get(void)
{
	schedule_timeout_interruptible(100000);	/* woken early, and nobody looks */
#ifdef FIX
	return value + 1;
#else
	return value;
#endif
}
