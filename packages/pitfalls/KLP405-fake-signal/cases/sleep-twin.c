// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern long schedule_timeout_uninterruptible(long);
int value;
int get(void)
{
	schedule_timeout_uninterruptible(100000);
#ifdef FIX
	return value + 1;
#else
	return value;
#endif
}
