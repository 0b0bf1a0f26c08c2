// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void mutex_lock(void *), mutex_unlock(void *);
extern char a[];
int reader(int x)
{
	mutex_lock(a);
#ifdef FIX
	x = ext_int(x + 1);
#else
	x = ext_int(x);
#endif
	mutex_unlock(a);
	return x;
}
