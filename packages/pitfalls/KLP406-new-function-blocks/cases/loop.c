// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void msleep(unsigned int);
void work(int *p)
{
#ifdef FIX
	for (;;) {
		*p = ext_int(*p);
		msleep(100);
	}
#else
	*p = ext_int(*p);
#endif
}
