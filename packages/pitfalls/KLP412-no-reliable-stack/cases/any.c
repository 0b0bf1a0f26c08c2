// SPDX-License-Identifier: MIT
#include "klpmin.h"
int work(int x)
{
#ifdef FIX
	return ext_int(x + 1);
#else
	return ext_int(x);
#endif
}
