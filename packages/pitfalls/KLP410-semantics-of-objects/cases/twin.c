// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void *get_device(void *);
int use(void *dev)
{
	get_device(dev);
	ext_ptr(dev);
#ifdef FIX
	return ext_int(2);
#else
	return ext_int(1);
#endif
}
