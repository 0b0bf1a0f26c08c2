// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void mutex_lock(void *), mutex_unlock(void *);
extern char a[], b[];
int reader(int x)
{
#ifdef FIX
	mutex_lock(b);
	mutex_lock(a);
#else
	mutex_lock(a);
#endif
	x = ext_int(x);
	mutex_unlock(a);
#ifdef FIX
	mutex_unlock(b);
#endif
	return x;
}
