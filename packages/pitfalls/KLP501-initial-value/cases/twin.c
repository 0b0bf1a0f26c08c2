// SPDX-License-Identifier: MIT
#include "klpmin.h"
int sysctl_limit = 64;
/* The limit stays, the code that uses it changes. */
int check(int n)
{
#ifdef FIX
	return n >= sysctl_limit;
#else
	return n > sysctl_limit;
#endif
}
