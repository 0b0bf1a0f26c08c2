// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void *get_device(void *);
int use(void *dev)
{
#ifdef FIX
	get_device(dev);
#endif
	ext_ptr(dev);
	return ext_int(1);
}
