// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: says it every time. */
int rx(int len)
{
	if (len > 9000)
		printk("jumbo %d\n", len);
	return ext_int(len);
}
