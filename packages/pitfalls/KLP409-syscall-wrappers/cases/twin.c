// SPDX-License-Identifier: MIT
#include "klpmin.h"
long do_swap(long a, long b)
{
#ifdef FIX
	return b > 4096 ? -22 : ext_int(b);
#else
	return ext_int(b);
#endif
}
