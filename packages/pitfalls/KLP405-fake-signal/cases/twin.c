// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void wait_for_completion(void *);
extern char done[];
int value;
int get(void)
{
	wait_for_completion(done);
#ifdef FIX
	return value + 1;
#else
	return value;
#endif
}
