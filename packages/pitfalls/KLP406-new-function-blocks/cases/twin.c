// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void msleep(unsigned int);
void work(int *p)
{
#ifdef FIX
	while (*p) {
		*p = ext_int(*p);
		msleep(100);
	}
#else
	*p = ext_int(*p);
#endif
}
